// Child tables (nesting) under merge, delete+insert and scd2: their rows follow those of the root table, whose load
// still waits.
#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/lakehouse/strategy_sql.h"
#include "nilus/connectors/lakehouse/table_load.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

// The ids of root rows whose children go.
constexpr const char* kRemovedRootsTable = "nilus_removed_roots";

}  // namespace

// Those that are in the table, and for a merge also those that the load brings: an interrupted load may have left
// children of rows that never came.
Status TableLoad::FindRemoved(duck::Connection& connection, const std::optional<KeyRange>& interval) const {
  const bool merges = request_.strategy == WriteStrategy::kMerge;
  if (merges ? staged_->rows() == 0 : !interval.has_value()) return {};
  const auto insert = [&](const std::string& select) {
    return connection.Execute(fmt::format("INSERT INTO {} {}", kRemovedRootsTable, select), {}, request_.stop);
  };
  const std::string row_id = QuoteIdentifier(kRowIdColumn);
  if (merges) NILUS_TRY(insert(fmt::format("SELECT {} FROM {}", row_id, StagedRelation())));
  NILUS_ASSIGN(std::optional<lake::TablePtr> base,
               session_->catalog->Load(IdentifierOf(request_.table), request_.stop));
  if (!base || (*base)->metadata.current_snapshot() == nullptr) return {};
  std::string tail;
  lake::RangeFilters filters;
  std::vector<std::string> columns;
  if (merges) {
    columns = request_.primary_key;
    tail = fmt::format("SEMI JOIN {} AS k ON {}", StagedRelation(), KeysEqual(request_.primary_key, "t", "k"));
  } else {
    columns = {request_.incremental_key};
    const lake::IcebergField* field = target_.schema.FindByName(request_.incremental_key);
    if (field == nullptr) return Fail(ErrorKind::kInternal, "no column {}", request_.incremental_key);
    NILUS_ASSIGN(IntervalSearch search, SearchInterval(*field, *interval));
    tail = std::move(search.tail);
    filters.push_back(std::move(search.filter));
  }
  NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(*base, filters));
  if (merges) NILUS_TRY(PruneByKeys(connection, columns, staged_->relation(), request_.stop, &plan));
  if (std::find(columns.begin(), columns.end(), kRowIdColumn) == columns.end()) columns.emplace_back(kRowIdColumn);
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(columns));
  for (std::vector<size_t>& group : BoundedGroups(plan)) {
    NILUS_ASSIGN(lake::ScanRelation relation,
                 lake::ScanRelation::Open(
                     connection, {.plan = &plan, .files = std::move(group), .columns = ids, .stop = request_.stop}));
    NILUS_TRY(insert(fmt::format("SELECT t.{} FROM ({}) AS t {}", row_id, relation.sql(), tail)));
  }
  return {};
}

// The staged rows, "SELECT s.columns FROM them AS s" and what `which` puts behind that.
Status TableLoad::WriteChildren(duck::Connection& connection, const std::string& which, lake::Transaction* transaction,
                                CommitResult* counts) {
  if (staged_->rows() == 0) return {};
  const std::string number =
      staged_->Has(kRootNumberColumn) ? fmt::format(" EXCLUDE ({})", kRootNumberColumn) : std::string();
  const std::string sql = fmt::format("SELECT s.*{} FROM {} AS s{}", number, staged_->relation(), which);
  NILUS_ASSIGN(std::unique_ptr<lake::DataWriter> writer, OpenWriter());
  NILUS_TRY(WriteQuery(connection, sql, writer.get(), &counts->rows_inserted));
  NILUS_ASSIGN(std::vector<lake::DataFile> files, writer->Finish());
  attempt_files_.insert(attempt_files_.end(), files.begin(), files.end());
  AddFiles(std::move(files), transaction);
  return {};
}

Status TableLoad::ApplyChildren(const lake::TablePtr& base, const std::optional<KeyRange>& interval,
                                lake::Transaction* transaction, CommitResult* counts) {
  if (root_ == nullptr)
    return Fail(ErrorKind::kInternal, "the table that rows of {} belong to is not loaded", request_.table.ToString());
  NILUS_ASSIGN(duck::Connection fresh, session_->Connect());
  duck::Connection& connection = root_->connection_ ? *root_->connection_ : fresh;
  if (WaitsForRoot()) {
    std::string which;
    if (root_->has_superseded_)
      which = fmt::format(" ANTI JOIN {} AS x ON s.{} = x.{}", kSupersededTable, kRootNumberColumn, kSequenceColumn);
    NILUS_TRY(WriteChildren(connection, which, transaction, counts));
  }
  if (base == nullptr) return {};
  NILUS_TRY(connection.Execute(fmt::format("CREATE OR REPLACE TEMPORARY TABLE {} (id VARCHAR)", kRemovedRootsTable)));
  NILUS_TRY(root_->FindRemoved(connection, interval));
  NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base, {}));
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf({std::string(kRootIdColumn)}));
  const std::string tail =
      fmt::format("SEMI JOIN {} AS k ON t.{} = k.id", kRemovedRootsTable, QuoteIdentifier(kRootIdColumn));
  NILUS_ASSIGN(RowChanges changes, FindRows(connection, plan, ids, tail, request_.stop));
  NILUS_FAULT_POINT("lakehouse.sink.children_found");
  counts->rows_deleted += changes.count();
  transaction->SetIsolation(lake::Isolation::kSerializable);
  return DeleteRows(connection, plan, changes, NewId(), request_.stop, transaction, &attempt_files_);
}

// Rows of the table stay: they belong to versions that are kept.
Status TableLoad::ApplyChildrenOfVersions(lake::Transaction* transaction, CommitResult* counts) {
  if (root_ == nullptr)
    return Fail(ErrorKind::kInternal, "the table that rows of {} belong to is not loaded", request_.table.ToString());
  NILUS_TRY(root_->FindNewVersions());
  NILUS_FAULT_POINT("lakehouse.sink.children_found");
  const std::string which =
      fmt::format(" SEMI JOIN {} AS v ON s.{} = v.id", kNewVersionsTable, QuoteIdentifier(kRootIdColumn));
  return WriteChildren(*root_->connection_, which, transaction, counts);
}

}  // namespace nilus::lakehouse
