// What merge, delete+insert and scd2 do to the rows that are there.
#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/lakehouse/strategy_sql.h"
#include "nilus/connectors/lakehouse/table_load.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_predicate.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;
using lake::IcebergField;

// Open versions of the table and staged rows of the same key: where (f, r) the version lies, the staged row's number
// (q, NULL: its key is gone), and whether it ends.
constexpr const char* kVersionsTable = "nilus_versions";
constexpr int64_t kPositionMask = (int64_t{1} << lake::kRowBits) - 1;

std::string TypedText(const Scalar& value) {
  std::string text = duck::QuoteLiteral(duck::CastableText(value));
  if (value.type.id == TypeId::kBinary) return fmt::format("from_hex({})", text);
  return fmt::format("CAST({} AS {})", text, duck::SqlTypeName(value.type));
}

// Behind staged rows n: those without an open version that says the same.
std::string WithoutUnchanged() {
  return fmt::format(" ANTI JOIN (SELECT q FROM {} WHERE NOT ends) AS u ON n.{} = u.q", kVersionsTable,
                     kSequenceColumn);
}

std::string Timestamp(WallTime time) { return TypedText(Scalar{MakeType(TypeId::kTimestamp), FormatWallTime(time)}); }

}  // namespace

std::string QuotedList(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(QuoteIdentifier(name));
  return fmt::format("{}", fmt::join(quoted, ", "));
}

std::string KeysEqual(const std::vector<std::string>& keys, std::string_view a, std::string_view b) {
  std::vector<std::string> conditions;
  for (const std::string& key : keys)
    conditions.push_back(fmt::format("{}.{} = {}.{}", a, QuoteIdentifier(key), b, QuoteIdentifier(key)));
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

Result<IntervalSearch> SearchInterval(const IcebergField& field, const KeyRange& interval) {
  NILUS_ASSIGN(lake::RangeFilter filter, lake::MakeRangeFilter(field, interval.lower, interval.upper,
                                                               interval.upper_inclusive, /*with_nulls=*/false));
  std::vector<std::string> conditions;
  const Type type = lake::ToNilusType(field.type);
  const std::string column = fmt::format("t.{}", QuoteIdentifier(field.name));
  if (interval.lower) conditions.push_back(fmt::format("{} >= {}", column, TypedText({type, interval.lower->text})));
  if (interval.upper) {
    conditions.push_back(fmt::format("{} {} {}", column, interval.upper_inclusive ? "<=" : "<",
                                     TypedText({type, interval.upper->text})));
  }
  if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
  return IntervalSearch{std::move(filter), fmt::format("WHERE {}", fmt::join(conditions, " AND "))};
}

// Columns of the table as it will be, by name: `base` may not have them all yet.
Result<std::vector<int32_t>> TableLoad::IdsOf(const std::vector<std::string>& names) const {
  std::vector<int32_t> ids;
  for (const std::string& name : names) {
    const IcebergField* field = target_.schema.FindByName(name);
    if (field == nullptr) return Fail(ErrorKind::kInternal, "no column {}", name);
    ids.push_back(field->id);
  }
  return ids;
}

// The files of the table as it is, read by the columns as they will be.
Result<lake::ScanPlan> TableLoad::PlanBase(const lake::TablePtr& base, const lake::RangeFilters& filters) const {
  return lake::PlanScan(base, base->metadata.current_snapshot(), target_.schema, filters, request_.stop);
}

Status TableLoad::DropOlderThanTable(duck::Connection& connection) const {
  if (base_ == nullptr || base_->metadata.current_snapshot() == nullptr) return {};
  NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base_, {}));
  NILUS_TRY(PruneByKeys(connection, request_.primary_key, staged_->relation(), request_.stop, &plan));
  std::vector<std::string> columns = request_.primary_key;
  if (std::find(columns.begin(), columns.end(), request_.incremental_key) == columns.end())
    columns.push_back(request_.incremental_key);
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(columns));
  const std::string key = QuoteIdentifier(request_.incremental_key);
  for (std::vector<size_t>& group : BoundedGroups(plan)) {
    NILUS_ASSIGN(lake::ScanRelation relation,
                 lake::ScanRelation::Open(
                     connection, {.plan = &plan, .files = std::move(group), .columns = ids, .stop = request_.stop}));
    NILUS_TRY(
        connection.Execute(fmt::format("INSERT INTO {} SELECT s.{} FROM {} AS s JOIN ({}) AS t ON {} WHERE t.{} > s.{}",
                                       kSupersededTable, kSequenceColumn, staged_->relation(), relation.sql(),
                                       KeysEqual(request_.primary_key, "t", "s"), key, key),
                           {}, request_.stop));
  }
  return {};
}

Status TableLoad::ApplyMerge(duck::Connection& connection, const lake::TablePtr& base, lake::Transaction* transaction,
                             CommitResult* counts) {
  if (staged_->rows() == 0) return {};
  NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base, {}));
  NILUS_TRY(PruneByKeys(connection, request_.primary_key, staged_->relation(), request_.stop, &plan));
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(request_.primary_key));
  const std::string tail =
      fmt::format("SEMI JOIN {} AS k ON {}", StagedRelation(), KeysEqual(request_.primary_key, "t", "k"));
  NILUS_ASSIGN(RowChanges changes, FindRows(connection, plan, ids, tail, request_.stop));
  NILUS_FAULT_POINT("lakehouse.sink.rows_found");
  counts->rows_updated += changes.count();
  counts->rows_inserted -= changes.count();
  transaction->SetIsolation(lake::Isolation::kSerializable);
  return DeleteRows(connection, plan, changes, NewId(), request_.stop, transaction, &attempt_files_);
}

Status TableLoad::ApplyInterval(duck::Connection& connection, const lake::TablePtr& base, const KeyRange& interval,
                                lake::Transaction* transaction, CommitResult* counts) {
  const IcebergField* field = target_.schema.FindByName(request_.incremental_key);
  if (field == nullptr) return Fail(ErrorKind::kInternal, "no column {}", request_.incremental_key);
  NILUS_ASSIGN(IntervalSearch search, SearchInterval(*field, interval));
  NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base, {search.filter}));
  NILUS_ASSIGN(RowChanges changes, FindRows(connection, plan, {field->id}, search.tail, request_.stop));
  NILUS_FAULT_POINT("lakehouse.sink.rows_found");
  counts->rows_deleted += changes.count();
  transaction->SetIsolation(lake::Isolation::kSerializable);
  return DeleteRows(connection, plan, changes, NewId(), request_.stop, transaction, &attempt_files_);
}

// Fills kVersionsTable, so that the table's rows are read once.
Status TableLoad::CompareVersions(duck::Connection& connection, const lake::ScanPlan& plan) {
  std::vector<std::string> names = request_.primary_key;
  std::vector<std::string> changes;
  for (const Field& field : columns_.fields) {
    if (std::find(names.begin(), names.end(), field.name) != names.end()) continue;
    if (field.name == kLoadIdColumn || field.name == kRowIdColumn) continue;  // of the load, not of the row
    const std::string name = QuoteIdentifier(field.name);
    changes.push_back(fmt::format("t.{} IS DISTINCT FROM s.{}", name, name));
  }
  for (const Field& field : columns_.fields) {
    if (std::find(names.begin(), names.end(), field.name) == names.end()) names.push_back(field.name);
  }
  names.emplace_back(kValidToColumn);
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(names));
  const std::string changed = changes.empty() ? "false" : fmt::format("({})", fmt::join(changes, " OR "));
  const std::string staged = StagedSelect();
  NILUS_TRY(connection.Execute(fmt::format("DROP TABLE IF EXISTS {}", kVersionsTable)));
  NILUS_TRY(connection.Execute(
      fmt::format("CREATE TEMPORARY TABLE {} (f BIGINT, r BIGINT, q BIGINT, ends BOOLEAN)", kVersionsTable)));
  for (std::vector<size_t>& group : BoundedGroups(plan)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(
            connection,
            {.plan = &plan, .files = std::move(group), .columns = ids, .with_rows = true, .stop = request_.stop}));
    // Rows are named by the plan's numbers of files from here on: the groups count for themselves.
    std::vector<std::string> numbers;
    for (size_t file : relation.files()) numbers.push_back(fmt::format("{}", file));
    const std::string file = fmt::format("list_extract([{}]::BIGINT[], (t.{} >> {}) + 1)", fmt::join(numbers, ", "),
                                         lake::kRowColumn, lake::kRowBits);
    NILUS_TRY(connection.Execute(
        fmt::format("INSERT INTO {} SELECT {}, t.{} & {}, s.{}, s.{} IS NULL OR {} FROM ({}) AS t {} JOIN ({}) AS s ON "
                    "{} WHERE t.{} IS NULL",
                    kVersionsTable, file, lake::kRowColumn, kPositionMask, kSequenceColumn, kSequenceColumn, changed,
                    relation.sql(), request_.is_complete ? "LEFT" : "INNER", staged,
                    KeysEqual(request_.primary_key, "t", "s"), QuoteIdentifier(kValidToColumn)),
        {}, request_.stop));
  }
  return {};
}

// Rows of versions that end come back with their end.
Status TableLoad::CloseVersions(duck::Connection& connection, const lake::ScanPlan& plan, const RowChanges& ending,
                                lake::DataWriter* writer) {
  std::vector<int32_t> ids;
  std::vector<std::string> names;
  for (const IcebergField& field : target_.schema.fields) {
    ids.push_back(field.id);
    const std::string name = QuoteIdentifier(field.name);
    names.push_back(field.name == kValidToColumn ? fmt::format("{} AS {}", Timestamp(request_.load_time), name)
                                                 : fmt::format("t.{}", name));
  }
  lake::ScanPlan some = plan;
  some.files.clear();
  std::vector<std::string> numbers;
  for (const auto& [file, rows] : ending.rows) {
    some.files.push_back(plan.files[file]);
    numbers.push_back(fmt::format("{}", file));
  }
  for (std::vector<size_t>& group : BoundedGroups(some)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(
            connection,
            {.plan = &some, .files = std::move(group), .columns = ids, .with_rows = true, .stop = request_.stop}));
    std::vector<std::string> of_plan;
    for (size_t file : relation.files()) of_plan.push_back(numbers[file]);
    const std::string file = fmt::format("list_extract([{}]::BIGINT[], (t.{} >> {}) + 1)", fmt::join(of_plan, ", "),
                                         lake::kRowColumn, lake::kRowBits);
    const std::string sql = fmt::format(
        "SELECT {} FROM ({}) AS t SEMI JOIN (SELECT f, r FROM {} WHERE ends) AS e ON e.f = {} AND e.r = (t.{} & {})",
        fmt::join(names, ", "), relation.sql(), kVersionsTable, file, lake::kRowColumn, kPositionMask);
    int64_t rows = 0;
    NILUS_TRY(WriteQuery(connection, sql, writer, &rows));
  }
  return {};
}

Status TableLoad::FindNewVersions() {
  if (has_new_versions_) return {};
  std::optional<lake::TablePtr> base;
  if (!MakesAnew(request_)) {
    NILUS_ASSIGN(base, session_->catalog->Load(IdentifierOf(request_.table), request_.stop));
  }
  if (!connection_) {
    NILUS_ASSIGN(connection_, session_->Connect());
  }
  std::string unchanged;
  if (base && (*base)->metadata.current_snapshot() != nullptr) {
    NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(*base, {}));
    NILUS_TRY(CompareVersions(*connection_, plan));
    compared_with_ = (*base)->metadata.current_snapshot()->id;
    unchanged = WithoutUnchanged();
  }
  NILUS_TRY(connection_->Execute(
      fmt::format("CREATE TEMPORARY TABLE {} AS SELECT n.{} AS q, n.{} AS id FROM ({}) AS n{}", kNewVersionsTable,
                  kSequenceColumn, QuoteIdentifier(kRowIdColumn), StagedSelect(), unchanged),
      {}, request_.stop));
  has_new_versions_ = true;
  return {};
}

// Child rows of these very versions are committed, or about to be.
Status TableLoad::CheckNewVersions(const std::string& unchanged) {
  NILUS_ASSIGN(std::vector<duck::TextRow> others,
               connection_->Query(fmt::format("SELECT count(*) FROM (SELECT n.{} AS q FROM ({}) AS n{}) AS a FULL JOIN "
                                              "{} AS b ON a.q = b.q WHERE a.q IS NULL OR b.q IS NULL",
                                              kSequenceColumn, StagedSelect(), unchanged, kNewVersionsTable),
                                  {}, request_.stop));
  if (others[0][0] == "0") return {};
  return FailWithFix(ErrorKind::kConflict, "run again: it starts from the table as it is now",
                     "rows of table {} were changed by others while its child tables were committed",
                     request_.table.ToString());
}

Status TableLoad::ApplyVersions(duck::Connection& connection, const lake::TablePtr& base,
                                lake::Transaction* transaction, CommitResult* counts) {
  NILUS_ASSIGN(std::unique_ptr<lake::DataWriter> writer, OpenWriter());
  std::string unchanged;
  if (base != nullptr) {
    NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base, {}));
    if (compared_with_ != base->metadata.current_snapshot()->id) {
      compared_with_.reset();
      NILUS_TRY(CompareVersions(connection, plan));
    }
    RowChanges ending;
    NILUS_ASSIGN(std::vector<duck::TextRow> rows,
                 connection.Query(fmt::format("SELECT f, r FROM {} WHERE ends", kVersionsTable), {}, request_.stop));
    for (const duck::TextRow& row : rows) ending.Add(std::stoull(*row[0]), std::stoull(*row[1]));
    NILUS_FAULT_POINT("lakehouse.sink.rows_found");
    NILUS_TRY(CloseVersions(connection, plan, ending, writer.get()));
    counts->rows_updated += ending.count();
    transaction->SetIsolation(lake::Isolation::kSerializable);
    NILUS_TRY(DeleteRows(connection, plan, ending, NewId(), request_.stop, transaction, &attempt_files_));
    unchanged = WithoutUnchanged();
  }
  if (has_new_versions_) NILUS_TRY(CheckNewVersions(unchanged));
  if (staged_->rows() > 0) {
    std::vector<std::string> names;
    for (const Field& field : columns_.fields) names.push_back("n." + QuoteIdentifier(field.name));
    const std::string sql = fmt::format(
        "SELECT {}, {} AS {}, CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS {} FROM ({}) AS n{}", fmt::join(names, ", "),
        Timestamp(request_.load_time), kValidFromColumn, kValidToColumn, StagedSelect(), unchanged);
    NILUS_TRY(WriteQuery(connection, sql, writer.get(), &counts->rows_inserted));
  }
  NILUS_ASSIGN(std::vector<lake::DataFile> files, writer->Finish());
  attempt_files_.insert(attempt_files_.end(), files.begin(), files.end());
  AddFiles(std::move(files), transaction);
  return {};
}

}  // namespace nilus::lakehouse
