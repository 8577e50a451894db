#include "nilus/connectors/files/duck_table.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "nilus/base/fault.h"
#include "nilus/base/text.h"
#include "nilus/connectors/files/byte_stream.h"
#include "nilus/connectors/files/glob.h"
#include "nilus/connectors/files/text_table.h"
#include "nilus/duck/batch_stream.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"

namespace nilus::files {
namespace {

using Json = nlohmann::json;

// DuckDB takes file names as patterns: brackets make wildcards ordinary.
std::string LiteralPath(std::string_view path) {
  std::string literal;
  for (char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      literal += {'[', c, ']'};
    } else {
      literal.push_back(c);
    }
  }
  return literal;
}

std::string Conditions(const DuckKey& key, std::vector<duck::TextValue>* params) {
  const KeyRange& range = key.range;
  std::string column = duck::QuoteIdentifier(range.column);
  std::string conditions;
  auto add = [&](const Scalar& bound, std::string_view comparison) {
    params->emplace_back(duck::CastableText(Scalar{key.type, bound.text}));
    conditions +=
        fmt::format("{}{} {} {}", conditions.empty() ? "" : " AND ", duck::KeyExpression(range.column, key.type),
                    comparison, duck::KeyBound(key.type, params->size()));
  };
  if (range.lower) add(*range.lower, ">=");
  if (range.upper) add(*range.upper, range.upper_inclusive ? "<=" : "<");
  if (conditions.empty() && range.with_nulls) return "";
  if (conditions.empty()) conditions = column + " IS NOT NULL";
  // Infinities are misfits: such a key arrives as NULL, and is treated like one.
  std::string misfit = duck::MisfitCondition(range.column, key.type);
  if (range.with_nulls) {
    return fmt::format("(({}) OR {} IS NULL{})", conditions, column, misfit.empty() ? "" : " OR " + misfit);
  }
  return misfit.empty() ? conditions : fmt::format("{} AND NOT ({})", conditions, misfit);
}

class DuckReader final : public Reader {
 public:
  DuckReader(duck::Connection connection, std::vector<InputFile> files)
      : connection_(std::move(connection)), files_(std::move(files)) {}

  Status Start(const DuckSelect& select, const duck::QueryReaderOptions& options, std::stop_token stop) {
    NILUS_ASSIGN(reader_, duck::QueryReader::Open(connection_, select.sql, select.params, options, stop));
    return {};
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    NILUS_FAULT_POINT("files.source.batch");
    auto rows = reader_->Next(stop);
    if (!rows || !*rows) {  // an error may come from a file that was cut meanwhile: say that first
      if (rows || rows.error().kind != ErrorKind::kCancelled) {
        for (const InputFile& file : files_) NILUS_TRY(CheckUnchanged(file.path, file.stamp));
      }
      if (!rows) return Failure(std::move(rows).error());
      return std::nullopt;
    }
    return Batch{.rows = **std::move(rows), .table = {}, .position = {}};
  }

 private:
  duck::Connection connection_;
  std::vector<InputFile> files_;
  std::unique_ptr<duck::QueryReader> reader_;  // uses connection_: destroyed first
};

// Tables of an address by the names a query may use, lower case.
struct OfferedTable {
  std::string schema;  // empty: main
  std::string name;
  std::string source_table;  // for ResolveInput
};

Result<std::vector<OfferedTable>> OfferedTables(const std::string& path, const FormatOptions& options) {
  std::vector<OfferedTable> offered;
  std::map<std::string, int> stems;
  if (!IsDirectory(path)) {
    NILUS_ASSIGN(InputSet set, ResolveInput(path, "", options, false));
    for (const InputFile& file : set.files) offered.push_back({"", std::string(StemOf(NameOf(file.path))), file.path});
  } else {
    NILUS_ASSIGN(std::vector<FolderTable> tables, ListFolderTables(path));
    for (const FolderTable& table : tables) {
      offered.push_back(
          {table.schema, table.name, table.schema.empty() ? table.path : table.schema + "." + table.name});
    }
  }
  for (const OfferedTable& table : offered) {
    if (table.schema.empty()) ++stems[LowerCase(table.name)];
  }
  for (OfferedTable& table : offered) {  // orders.csv beside orders.json: each by its whole file name
    if (table.schema.empty() && stems[LowerCase(table.name)] > 1) table.name = NameOf(table.source_table);
  }
  return offered;
}

struct NamedTable {
  std::string schema;
  std::string name;
};

// All tables that a SELECT names, from DuckDB's own parse of it. Other statements are refused here.
Result<std::vector<NamedTable>> TablesOfQuery(duck::Connection& connection, const std::string& sql) {
  const duck::TextValue params[] = {sql};
  NILUS_ASSIGN(duck::TextValue tree, connection.QueryValue("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", params));
  Json document = Json::parse(tree.value_or(""), nullptr, false);
  if (!document.is_object() || document.value("error", false)) {
    std::string reason = document.is_object() ? document.value("error_message", std::string()) : std::string();
    return FailWithFix(ErrorKind::kInvalidInput, "write one SELECT", "the query cannot be read: {}", reason);
  }
  std::vector<NamedTable> tables;
  std::vector<const Json*> open = {&document};
  while (!open.empty()) {
    const Json* node = open.back();
    open.pop_back();
    if (node->is_object() && node->value("type", Json()) == "BASE_TABLE") {
      tables.push_back({node->value("schema_name", std::string()), node->value("table_name", std::string())});
    }
    if (!node->is_structured()) continue;
    for (const Json& child : *node) open.push_back(&child);
  }
  return tables;
}

bool IsNamed(const OfferedTable& table, const NamedTable& named) {
  std::string schema = table.schema.empty() ? "main" : LowerCase(table.schema);
  return LowerCase(named.name) == LowerCase(table.name) &&
         (named.schema.empty() ? schema == "main" : LowerCase(named.schema) == schema);
}

Status LoadText(duck::Connection& connection, const std::string& name, const std::vector<InputFile>& files,
                TextLimits limits, std::stop_token stop) {
  NILUS_ASSIGN(TextTable inferred, InferTextTable(files, limits.largest_row, limits.threads, stop));
  if (inferred.schema->fields.empty())
    return Fail(ErrorKind::kData, "{} has no column with a value", files.front().path);
  auto schema = std::make_shared<Schema>(*inferred.schema);
  for (Field& field : schema->fields) {
    if (field.origin == JsonOrigin::kScalars) field.type = MakeType(TypeId::kText);
  }
  inferred.schema = std::move(schema);
  auto table = std::make_shared<const TextTable>(std::move(inferred));
  TextReadOptions read;
  read.largest_row = limits.largest_row;
  read.threads = limits.threads;
  for (const Field& field : table->schema->fields) read.columns.push_back(field.name);
  NILUS_ASSIGN(std::unique_ptr<Reader> reader, OpenTextReader(table, read));
  duck::BatchStreamOptions options{
      .schema = table->schema, .queue_bytes = 8 << 20, .single_thread = true, .stop = stop};
  NILUS_ASSIGN(auto stream, duck::BatchStream::Start(
                                connection,
                                [&](const std::string& relation) {
                                  return fmt::format("CREATE TABLE {} AS SELECT * FROM {}", name, relation);
                                },
                                options));
  while (true) {
    NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(stop));
    if (!batch) break;
    NILUS_TRY(stream->Push(std::move(batch->rows)));
  }
  NILUS_TRY(stream->Finish());
  return {};
}

}  // namespace

Result<std::shared_ptr<duck::Database>> OpenMemoryDatabase(const OpenContext& context, bool keeps_order) {
  duck::DatabaseConfig config;
  config.memory_bytes = context.duckdb_bytes;
  config.threads = context.threads;
  config.preserve_insertion_order = keeps_order;
  return duck::Database::Open(config);
}

DuckSelect SelectParquet(std::vector<InputFile> files) {
  std::string list;
  for (const InputFile& file : files) list += (list.empty() ? "" : ", ") + duck::QuoteLiteral(LiteralPath(file.path));
  std::string sql = fmt::format("SELECT * FROM read_parquet([{}], union_by_name => {}, hive_partitioning => false)",
                                list, files.size() > 1);
  return DuckSelect{.sql = std::move(sql), .params = {}, .files = std::move(files)};
}

DuckSelect Narrowed(const DuckSelect& inner, const std::vector<std::string>& columns, const std::optional<DuckKey>& key,
                    const std::optional<int64_t>& limit) {
  DuckSelect select = inner;
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + duck::QuoteIdentifier(column);
  std::string conditions = key ? Conditions(*key, &select.params) : std::string();
  select.sql = fmt::format("SELECT {} FROM ({}) AS source", list.empty() ? "*" : list, inner.sql);
  if (!conditions.empty()) select.sql += " WHERE " + conditions;
  // A limit keeps the lowest keys, so that the cursor may stop there.
  if (limit && key)
    select.sql += fmt::format(" ORDER BY {} NULLS LAST", duck::KeyExpression(key->range.column, key->type));
  if (limit) select.sql += fmt::format(" LIMIT {}", *limit);
  return select;
}

DuckSelect SelectHighest(const DuckSelect& inner, DuckKey key) {
  DuckSelect select = inner;
  key.range.with_nulls = false;  // what is none of our values has no place in the order either
  std::string conditions = Conditions(key, &select.params);
  std::string column = duck::KeyExpression(key.range.column, key.type);
  if (std::string finite = duck::FiniteCondition(key.range.column, key.type); !finite.empty())
    conditions += " AND " + finite;
  select.sql = fmt::format("SELECT max({}) AS highest FROM ({}) AS source WHERE {}", column, inner.sql, conditions);
  return select;
}

Result<DuckSelect> PrepareQuery(duck::Connection& connection, const std::string& path, const FormatOptions& options,
                                const BoundQuery& query, TextLimits limits, std::stop_token stop) {
  NILUS_ASSIGN(std::vector<OfferedTable> offered, OfferedTables(path, options));
  NILUS_ASSIGN(auto named, TablesOfQuery(connection, query.sql));
  DuckSelect select{.sql = query.sql, .params = query.params, .files = {}};
  std::string allowed;
  for (const OfferedTable& table : offered) {
    if (std::none_of(named.begin(), named.end(), [&](const NamedTable& one) { return IsNamed(table, one); })) continue;
    bool by_path = table.source_table.starts_with('/');
    NILUS_ASSIGN(InputSet set,
                 ResolveInput(by_path ? table.source_table : path, by_path ? "" : table.source_table, options, false));
    std::string schema = duck::QuoteIdentifier(table.schema.empty() ? "main" : table.schema);
    std::string name = schema + "." + duck::QuoteIdentifier(table.name);
    NILUS_TRY(connection.Execute("CREATE SCHEMA IF NOT EXISTS " + schema, {}, stop));
    if (set.files.front().format == FileFormat::kParquet) {
      DuckSelect parquet = SelectParquet(set.files);
      NILUS_TRY(connection.Execute(fmt::format("CREATE VIEW {} AS {}", name, parquet.sql), {}, stop));
      for (const InputFile& file : set.files) allowed += (allowed.empty() ? "" : ", ") + duck::QuoteLiteral(file.path);
    } else {
      NILUS_TRY(LoadText(connection, name, set.files, limits, stop));
    }
    select.files.insert(select.files.end(), set.files.begin(), set.files.end());
  }
  // The query's own functions and names reach no other file.
  NILUS_TRY(connection.Execute(fmt::format("SET allowed_paths = [{}]", allowed), {}, stop));
  NILUS_TRY(connection.Execute("SET enable_external_access = false", {}, stop));
  return select;
}

Result<std::unique_ptr<Reader>> OpenDuckReader(std::shared_ptr<duck::Database> database, DuckSelect select,
                                               const duck::QueryReaderOptions& options, std::stop_token stop) {
  for (const InputFile& file : select.files) NILUS_TRY(CheckUnchanged(file.path, file.stamp));
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(std::move(database)));
  auto reader = std::make_unique<DuckReader>(std::move(connection), select.files);
  NILUS_TRY(reader->Start(select, options, stop));
  return reader;
}

}  // namespace nilus::files
