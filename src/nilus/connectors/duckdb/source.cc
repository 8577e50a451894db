#include "nilus/connectors/duckdb/source.h"

#include <utility>
#include <vector>

#include "nilus/base/fault.h"
#include "nilus/base/nearest.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/duckdb/file_path.h"
#include "nilus/connectors/duckdb/open_file.h"
#include "nilus/connectors/duckdb/select.h"
#include "nilus/duck/query_reader.h"

namespace nilus::duckdb {
namespace {

using duck::Connection;
using duck::TextRow;
using duck::TextValue;

class DuckdbReader : public Reader {
 public:
  DuckdbReader(std::shared_ptr<Connection> connection, std::unique_ptr<duck::QueryReader> reader)
      : connection_(std::move(connection)), reader_(std::move(reader)) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    NILUS_FAULT_POINT("duckdb.source.read");
    NILUS_ASSIGN(std::optional<RecordBatch> rows, reader_->Next(std::move(stop)));
    if (!rows) return std::nullopt;
    return Batch{.rows = *std::move(rows), .table = {}, .position = {}};
  }

 private:
  std::shared_ptr<Connection> connection_;
  std::unique_ptr<duck::QueryReader> reader_;
};

class DuckdbSource : public Source {
 public:
  DuckdbSource(std::shared_ptr<duck::Database> database, std::stop_token stop)
      : database_(std::move(database)), stop_(std::move(stop)) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    NILUS_ASSIGN(Connection connection, Connection::Open(database_));
    NILUS_ASSIGN(Relation relation, RelationOf(connection, request));
    NILUS_ASSIGN(Table table, Look(connection, relation, request));
    return std::move(table.description);
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    snapshot_.reset();
    NILUS_ASSIGN(Connection connection, Connection::Open(database_));
    NILUS_FAULT_POINT("duckdb.source.plan");
    NILUS_TRY(connection.Execute("BEGIN TRANSACTION", {}, stop_));
    NILUS_ASSIGN(Relation relation, RelationOf(connection, request));
    NILUS_ASSIGN(Table table, Look(connection, relation, request));
    ReadPlan plan;
    if (request.range) {
      NILUS_ASSIGN(Field key, FindColumn(table.schema, request.range->column, request.table));
      NILUS_ASSIGN(Statement select_max, MakeSelectMax(relation, key));
      NILUS_ASSIGN(TextValue highest, connection.QueryValue(select_max.sql, select_max.params, stop_));
      if (highest) plan.upper = Scalar{key.type, *highest};
    }
    NILUS_ASSIGN(select_, MakeSelect(relation, table.schema, table.description.schema, request));
    options_ = Options(request);
    snapshot_ = std::make_shared<Connection>(std::move(connection));
    plan.table = std::move(table.description);
    plan.splits.push_back(Split{.description = request.table, .payload = {}});
    return plan;
  }

  Result<std::unique_ptr<Reader>> Open(const Split&) override {
    if (snapshot_ == nullptr) return Fail(ErrorKind::kInternal, "a DuckDB table was opened before it was planned");
    NILUS_FAULT_POINT("duckdb.source.open");
    NILUS_ASSIGN(auto reader, duck::QueryReader::Open(*snapshot_, select_.sql, select_.params, options_, stop_));
    return std::make_unique<DuckdbReader>(snapshot_, std::move(reader));
  }

  Result<std::vector<CheckItem>> Check() override {
    NILUS_ASSIGN(Connection connection, Connection::Open(database_));
    NILUS_ASSIGN(std::vector<TextRow> tables,
                 connection.Query("SELECT count(*), version() FROM system.information_schema.tables "
                                  "WHERE table_catalog = current_database()",
                                  {}, stop_));
    return std::vector<CheckItem>{
        {.what = "connect",
         .ok = true,
         .detail = fmt::format("{}: {} tables and views, read by DuckDB {}", database_->config().path,
                               tables[0][0].value_or("0"), tables[0][1].value_or("?"))}};
  }

 private:
  struct Table {
    Schema schema;                 // all columns
    TableDescription description;  // those that are read
  };

  static Result<Relation> RelationOf(Connection& connection, const ReadRequest& request) {
    NILUS_ASSIGN(std::string catalog, connection.CurrentCatalog());
    return ParseRelation(request, catalog);
  }

  static duck::QueryReaderOptions Options(const ReadRequest& request) {
    return {.page_rows = request.page_rows,
            .batch_bytes = request.batch_bytes,
            .keep_narrow = request.reflection == ReflectionLevel::kFullWithPrecision};
  }

  Result<Table> Look(Connection& connection, const Relation& relation, const ReadRequest& request) {
    Table table;
    if (relation.is_query()) {
      // Only what can stand in a FROM is read: not COPY … TO, ATTACH or INSERT.
      NILUS_TRY(duck::DescribeQuery(connection, "SELECT * FROM " + relation.From(), relation.params, false));
    } else {
      NILUS_TRY(CheckExists(connection, relation, request.table));
    }
    NILUS_ASSIGN(table.schema,
                 duck::DescribeQuery(connection, relation.SelectAll(), relation.params, Options(request).keep_narrow));
    NILUS_ASSIGN(table.description.schema, WithoutExcluded(table.schema, request));
    if (!relation.is_query()) NILUS_TRY(AddStatistics(connection, relation, &table.description));
    return table;
  }

  Status CheckExists(Connection& connection, const Relation& relation, const std::string& written) {
    NILUS_ASSIGN(std::vector<TextRow> rows,
                 connection.Query("SELECT table_schema, table_name FROM system.information_schema.tables "
                                  "WHERE table_catalog = current_database()",
                                  {}, stop_));
    std::vector<std::string> names;
    for (const TextRow& row : rows) {
      auto same = [](std::string_view a, std::string_view b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                          [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
      };
      if (same(*row[0], relation.schema) && same(*row[1], relation.table)) return {};
      names.push_back(*row[0] + "." + *row[1]);
    }
    std::vector<std::string_view> known(names.begin(), names.end());
    std::string nearest = Nearest(relation.schema + "." + relation.table, known);
    return FailWithFix(ErrorKind::kNotFound, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                       "table {} does not exist in {}", written, database_->config().path);
  }

  // The primary key that the table enforces, and how many rows it has about; a view has neither.
  Status AddStatistics(Connection& connection, const Relation& relation, TableDescription* description) {
    const TextValue names[] = {relation.schema, relation.table};
    NILUS_ASSIGN(std::vector<TextRow> keys,
                 connection.Query("SELECT unnest(constraint_column_names) FROM duckdb_constraints() "
                                  "WHERE database_name = current_database() AND lower(schema_name) = lower($1) AND "
                                  "lower(table_name) = lower($2) AND constraint_type = 'PRIMARY KEY'",
                                  names, stop_));
    for (const TextRow& row : keys) {
      if (row[0]) description->primary_key.push_back(*row[0]);
    }
    NILUS_ASSIGN(
        TextValue rows,
        connection.QueryValue("SELECT estimated_size FROM duckdb_tables() WHERE database_name = current_database() AND "
                              "lower(schema_name) = lower($1) AND lower(table_name) = lower($2)",
                              names, stop_));
    if (rows) description->estimated_rows = ParseInteger(*rows);
    return {};
  }

  std::shared_ptr<duck::Database> database_;
  std::stop_token stop_;

  // Of the last Plan.
  std::shared_ptr<Connection> snapshot_;
  Statement select_;
  duck::QueryReaderOptions options_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context) {
  // A `query:` needs no file: SELECT … FROM range(10), read_parquet('…').
  bool in_memory = address.host.empty() && address.path == ":memory:";
  std::string path;
  if (!in_memory) {
    NILUS_ASSIGN(path, FilePath(address));
  }
  NILUS_ASSIGN(std::chrono::milliseconds lock_wait, LockWait(address, context.options));
  duck::DatabaseConfig config{.path = std::move(path),
                              .read_only = !in_memory,
                              .memory_bytes = context.duckdb_bytes,
                              .threads = context.threads,
                              .preserve_insertion_order = true};
  NILUS_ASSIGN(std::shared_ptr<duck::Database> database, OpenFile(config, lock_wait, context.stop));
  return std::make_unique<DuckdbSource>(std::move(database), context.stop);
}

}  // namespace nilus::duckdb
