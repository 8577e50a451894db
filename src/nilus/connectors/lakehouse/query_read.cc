#include "nilus/connectors/lakehouse/query_read.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/nearest.h"
#include "nilus/connectors/lakehouse/query_filters.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_columns.h"

namespace nilus::lakehouse {

using duck::QuoteIdentifier;

struct QueryRead::State {
  explicit State(duck::Connection opened) : connection(std::move(opened)) {}

  struct QueriedTable {
    std::string view;  // SQL
    SelectedTable selected;
  };

  duck::Connection connection;
  std::vector<QueriedTable> tables;
  std::deque<lake::ScanPlan> plans;  // outlive their relations
  std::vector<lake::ScanRelation> relations;
  QueryText text;
  std::vector<duck::TextValue> params;  // of the range
  std::string sql;
  Field key;  // of the range
  duck::QueryReaderOptions options;
  std::stop_token stop;

  Status FindTables(const Session& session);
  Status AddView(const QueriedTable& table, const lake::RangeFilters& filters);
  Status AddViews();
  // Only what can stand in a FROM is read: not COPY … TO, ATTACH or INSERT.
  std::string WrappedSql() const { return fmt::format("SELECT * FROM (\n{}\n) AS q", text.sql); }
  Status Restrict(const ReadRequest& request, const Schema& all, const Schema& columns);
};

namespace {

class QueryRows final : public Reader {
 public:
  QueryRows(std::shared_ptr<void> owner, std::unique_ptr<duck::QueryReader> reader)
      : owner_(std::move(owner)), reader_(std::move(reader)) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    NILUS_FAULT_POINT("lakehouse.source.read");
    NILUS_ASSIGN(std::optional<RecordBatch> rows, reader_->Next(std::move(stop)));
    if (!rows) return std::nullopt;
    return Batch{.rows = *std::move(rows), .table = {}, .position = {}};
  }

 private:
  std::shared_ptr<void> owner_;  // the connection and its views
  std::unique_ptr<duck::QueryReader> reader_;
};

Result<Field> FindField(const Schema& schema, std::string_view name) {
  if (std::optional<int> at = schema.Find(name)) return schema.fields[static_cast<size_t>(*at)];
  std::vector<std::string_view> names;
  for (const Field& field : schema.fields) names.push_back(field.name);
  const std::string nearest = Nearest(name, names);
  return FailWithFix(ErrorKind::kInvalidInput, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                     "column `{}` does not exist in the query's result", name);
}

// The relation with its json columns as such: in the files they are text.
std::string WithJson(const lake::IcebergSchema& schema, const std::string& relation) {
  std::vector<std::string> values;
  for (const lake::IcebergField& field : schema.fields) {
    const std::string name = QuoteIdentifier(field.name);
    if (lake::IsMarkedJson(field)) values.push_back(fmt::format("{} AS {}", lake::JsonOf(name), name));
  }
  if (values.empty()) return relation;
  return fmt::format("SELECT * REPLACE ({}) FROM ({})", fmt::join(values, ", "), relation);
}

}  // namespace

// The tables of the catalog that the query names.
Status QueryRead::State::FindTables(const Session& session) {
  for (const TravelledTable& table : text.travelled) {
    NILUS_ASSIGN(SelectedTable selected, Select(*session.catalog, table.selection, stop));
    tables.push_back({QuoteIdentifier(table.view), std::move(selected)});
  }
  for (const NamedTable& table : text.named) {
    const lake::TableIdentifier& name = table.selection.table;
    if (name.schema == "information_schema" || name.schema == "pg_catalog") continue;
    NILUS_ASSIGN(std::optional<lake::TablePtr> found, session.catalog->Load(name, stop));
    if (!found && !table.is_certain) continue;  // a column
    NILUS_ASSIGN(SelectedTable selected, Select(*session.catalog, table.selection, stop));
    NILUS_TRY(connection.Execute("CREATE SCHEMA IF NOT EXISTS " + QuoteIdentifier(name.schema)));
    tables.push_back(
        {fmt::format("{}.{}", QuoteIdentifier(name.schema), QuoteIdentifier(name.name)), std::move(selected)});
  }
  return {};
}

Status QueryRead::State::AddView(const QueriedTable& table, const lake::RangeFilters& filters) {
  NILUS_ASSIGN(lake::ScanPlan plan,
               lake::PlanScan(table.selected.table, table.selected.snapshot, table.selected.schema, filters, stop));
  plans.push_back(std::move(plan));
  std::vector<size_t> files;
  for (size_t i = 0; i < plans.back().files.size(); ++i) files.push_back(i);
  std::vector<int32_t> columns;
  for (const lake::IcebergField& field : plans.back().schema.fields) columns.push_back(field.id);
  NILUS_ASSIGN(
      lake::ScanRelation relation,
      lake::ScanRelation::Open(
          connection, {.plan = &plans.back(), .files = std::move(files), .columns = std::move(columns), .stop = stop}));
  const std::string rows = WithJson(plans.back().schema, relation.sql());
  NILUS_TRY(connection.Execute(fmt::format("CREATE OR REPLACE VIEW {} AS {}", table.view, rows)));
  relations.push_back(std::move(relation));
  return {};
}

// A view for each table, over the files that the query can have rows of.
Status QueryRead::State::AddViews() {
  StandIns stand_ins(connection);
  for (const QueriedTable& table : tables) NILUS_TRY(stand_ins.Add(table.view, table.selected.schema));
  NILUS_ASSIGN(std::vector<lake::RangeFilters> filters, stand_ins.Filters(WrappedSql(), stop));
  for (size_t i = 0; i < tables.size(); ++i) NILUS_TRY(AddView(tables[i], filters[i]));
  return {};
}

Status QueryRead::State::Restrict(const ReadRequest& request, const Schema& all, const Schema& columns) {
  if (columns.size() == all.size() && !request.range && !request.limit) {
    sql = text.sql;
    return {};
  }
  std::vector<std::string> names;
  for (const Field& field : columns.fields) names.push_back(QuoteIdentifier(field.name));
  sql = fmt::format("SELECT {} FROM (\n{}\n) AS q", fmt::join(names, ", "), text.sql);
  if (request.range) {
    const KeyRange& range = *request.range;
    NILUS_ASSIGN(key, FindField(all, range.column));
    std::vector<std::string> conditions;
    const auto bound = [&](const Scalar& value, std::string_view comparison) {
      params.emplace_back(duck::CastableText(Scalar{key.type, value.text}));
      conditions.push_back(fmt::format("{} {} {}", duck::KeyExpression(key.name, key.type), comparison,
                                       duck::KeyBound(key.type, params.size())));
    };
    if (range.lower) bound(*range.lower, ">=");
    if (range.upper) bound(*range.upper, range.upper_inclusive ? "<=" : "<");
    const std::string column = QuoteIdentifier(key.name);
    if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
    sql += fmt::format(" WHERE ({})", fmt::join(conditions, " AND "));
    if (range.with_nulls) sql += fmt::format(" OR {} IS NULL", column);
    if (request.limit) sql += fmt::format(" ORDER BY {} NULLS LAST", duck::KeyExpression(key.name, key.type));
  }
  if (request.limit) sql += fmt::format(" LIMIT {}", *request.limit);
  return {};
}

Result<std::unique_ptr<QueryRead>> QueryRead::Open(const Session& session, const ReadRequest& request,
                                                   std::string_view sql, std::stop_token stop) {
  // A database of its own: its views are named like the catalog's tables.
  NILUS_ASSIGN(std::shared_ptr<duck::Database> database,
               duck::Database::Open({.memory_bytes = session.database->config().memory_bytes,
                                     .threads = std::max(session.threads, 1),
                                     .preserve_insertion_order = true}));
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(std::move(database)));
  auto state = std::make_shared<State>(std::move(connection));
  state->stop = std::move(stop);
  state->options = {.page_rows = request.page_rows,
                    .batch_bytes = request.batch_bytes,
                    .keep_narrow = request.reflection == ReflectionLevel::kFullWithPrecision};
  NILUS_ASSIGN(state->text, ParseQueryText(sql, request.interval_start, request.interval_end));
  NILUS_TRY(state->FindTables(session));
  NILUS_TRY(state->AddViews());
  NILUS_ASSIGN(Schema all, duck::DescribeQuery(state->connection, state->WrappedSql(), {}, state->options.keep_narrow));
  Schema columns = all;
  for (const std::string& name : request.exclude_columns) {
    NILUS_ASSIGN(Field excluded, FindField(all, name));
    std::erase_if(columns.fields, [&](const Field& field) { return field.name == excluded.name; });
  }
  if (columns.fields.empty()) return Fail(ErrorKind::kInvalidInput, "every column of the query is excluded");
  NILUS_TRY(state->Restrict(request, all, columns));
  std::unique_ptr<QueryRead> read(new QueryRead(std::move(state)));
  read->schema_ = std::move(columns);
  return read;
}

Result<std::optional<Scalar>> QueryRead::HighestKey() {
  const Field& key = state_->key;
  const std::string expression = duck::KeyExpression(key.name, key.type);
  std::string sql = fmt::format("SELECT max({}) FROM (\n{}\n) AS q", expression, state_->text.sql);
  if (std::string finite = duck::FiniteCondition(key.name, key.type); !finite.empty()) sql += " WHERE " + finite;
  NILUS_ASSIGN(duck::TextValue highest, state_->connection.QueryValue(sql, {}, state_->stop));
  if (!highest) return std::nullopt;
  return Scalar{key.type, *std::move(highest)};
}

Result<std::unique_ptr<Reader>> QueryRead::Open() {
  NILUS_ASSIGN(auto reader,
               duck::QueryReader::Open(state_->connection, state_->sql, state_->params, state_->options, state_->stop));
  return std::make_unique<QueryRows>(state_, std::move(reader));
}

}  // namespace nilus::lakehouse
