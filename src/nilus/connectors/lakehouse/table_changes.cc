// TableLoad's part for loads of changes (WriteRequest::is_changes): what is known of rows waits in a ChangeStage; rows
// that are known whole become data files before the commit, the others with the old rows that the commit finds.
#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connectors/lakehouse/table_load.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

std::string Joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ", ")); }

// The table's columns of a fold's rows: all but the last two.
RecordBatch TableColumns(const RecordBatch& rows) {
  auto schema = std::make_shared<Schema>(*rows.schema());
  schema->fields.resize(schema->fields.size() - 2);
  std::vector<Column> columns = rows.columns();
  columns.resize(columns.size() - 2);
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

}  // namespace

Status TableLoad::StartChanges() {
  if (request_.strategy != WriteStrategy::kMerge || request_.root != nullptr || request_.has_children) {
    return FailWithFix(ErrorKind::kUnsupported, "use merge without nesting",
                       "changes of table {} cannot be loaded with strategy {}{}", request_.table.ToString(),
                       WriteStrategyName(request_.strategy),
                       request_.strategy == WriteStrategy::kMerge ? " and child tables" : "");
  }
  if (base_ != nullptr && !MakesAnew(request_)) {
    const Schema existing = lake::ToNilusSchema(base_->metadata.schema());
    NILUS_TRY(AddColumns(Schema{MissingVariants(columns_, existing)}));
  }
  fold_.emplace(request_, columns_);
  NILUS_ASSIGN(changes_, ChangeStage::Make(*session_, request_));
  finder_ = session_->key_finders->Of(IdentifierOf(request_.table), request_.memory_bytes / 2);
  return {};
}

Status TableLoad::WriteChanges(const RecordBatch& batch) {
  rows_ += batch.num_rows();
  if (fold_->MustTakeBefore(batch)) NILUS_TRY(StagePart());
  return fold_->Add(batch);
}

// What was folded goes to the stage.
Status TableLoad::StagePart() {
  const FoldedChanges part = fold_->Take();
  if (part.rows.num_rows() == 0) return changes_->Add(part, part.rows);
  const RecordBatch rows = TableColumns(part.rows);
  NILUS_TRY(AddColumns(*rows.schema()));
  NILUS_ASSIGN(RecordBatch converted, converter_->Convert(rows));
  return changes_->Add(part, converted);
}

// Rows that are known whole.
Status TableLoad::FinishChanges() {
  NILUS_TRY(StagePart());
  if (changes_->empty()) return {};
  NILUS_ASSIGN(writer_, OpenWriter());
  std::vector<std::string> columns;
  for (const Field& field : columns_.fields) {
    if (changes_->Has(field.name)) columns.push_back(QuoteIdentifier(field.name));
  }
  int64_t rows = 0;
  NILUS_TRY(WriteQuery(changes_->connection(),
                       fmt::format("SELECT {} FROM ({}) WHERE {} AND {} IS NULL", Joined(columns), changes_->relation(),
                                   kKeptColumn, kMissingColumn),
                       writer_.get(), &rows));
  NILUS_ASSIGN(files_, writer_->Finish());
  writer_.reset();
  for (const lake::DataFile& file : files_) bytes_ += file.file_size;
  return {};
}

// Rows of the table whose keys the load has: those that the index knows, and those of other files.
Result<RowChanges> TableLoad::FindChanged(const lake::ScanPlan& plan, CommitResult* counts) {
  duck::Connection& connection = changes_->connection();
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(request_.primary_key));
  NILUS_TRY(finder_->Sync(connection, plan, ids, request_.stop));
  RowChanges changes;
  NILUS_ASSIGN(int64_t kept,
               finder_->Find(connection, KeysOfChanges(), plan, request_.load_id, request_.stop, &changes));
  NILUS_ASSIGN(std::vector<size_t> others,
               FilesWithKeys(connection, request_.primary_key, fmt::format("({})", changes_->relation()), request_.stop,
                             plan, finder_->UnknownFiles(plan)));
  NILUS_ASSIGN(int64_t read, FindByReading(plan, std::move(others), &changes));
  kept += read;
  counts->rows_updated += kept;
  counts->rows_inserted -= kept;
  counts->rows_deleted += changes.count() - kept;
  return changes;
}

// The key columns, and whether the row stays.
std::string TableLoad::KeysOfChanges() const {
  std::vector<std::string> columns;
  for (const std::string& key : request_.primary_key) columns.push_back(QuoteIdentifier(key));
  columns.emplace_back(kKeptColumn);
  return fmt::format("SELECT {} FROM ({})", Joined(columns), changes_->relation());
}

// How many of the rows stay.
Result<int64_t> TableLoad::FindByReading(const lake::ScanPlan& plan, std::vector<size_t> files, RowChanges* changes) {
  duck::Connection& connection = changes_->connection();
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(request_.primary_key));
  std::vector<std::string> keys;
  for (const std::string& key : request_.primary_key) keys.push_back(QuoteIdentifier(key));
  int64_t kept = 0;
  for (std::vector<size_t>& group : BoundedGroups(plan, files)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(
            connection,
            {.plan = &plan, .files = std::move(group), .columns = ids, .with_rows = true, .stop = request_.stop}));
    const std::string sql = fmt::format("SELECT t.{}, k.{} FROM ({}) AS t JOIN ({}) AS k USING ({})", lake::kRowColumn,
                                        kKeptColumn, relation.sql(), KeysOfChanges(), Joined(keys));
    NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {}, request_.stop));
    for (;;) {
      NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(request_.stop));
      if (!batch) break;
      const auto* rows = batch->column(0).values.as<int64_t>();
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        changes->Add(relation.files()[static_cast<size_t>(rows[i] >> lake::kRowBits)],
                     static_cast<uint64_t>(rows[i] & ((int64_t{1} << lake::kRowBits) - 1)));
        kept += batch->column(1).BoolValue(i) ? 1 : 0;
      }
    }
  }
  return kept;
}

// Rows of which the load does not know every value, with the table's.
Status TableLoad::WriteCompleted(const lake::ScanPlan& plan, lake::DataWriter* writer, int64_t* written) {
  std::vector<std::string> names = request_.primary_key;
  names.insert(names.end(), changes_->missing().begin(), changes_->missing().end());
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(names));
  std::vector<std::string> columns;
  for (const Field& field : columns_.fields) {
    const std::string name = QuoteIdentifier(field.name);
    if (!changes_->Has(field.name)) continue;
    columns.push_back(changes_->missing().contains(field.name)
                          ? fmt::format("CASE WHEN list_contains(k.{}, {}) THEN t.{} ELSE k.{} END AS {}",
                                        kMissingColumn, duck::QuoteLiteral(field.name), name, name, name)
                          : "k." + name);
  }
  std::vector<std::string> conditions;
  for (size_t i = 0; i < request_.primary_key.size(); ++i)
    conditions.push_back(fmt::format("t.{} = k.{}", QuoteIdentifier(request_.primary_key[i]), OriginColumn(i)));
  NILUS_ASSIGN(std::vector<size_t> files,
               FilesWithKeys(changes_->connection(), request_.primary_key, fmt::format("({})", changes_->relation()),
                             request_.stop, plan, AllFiles(plan)));
  for (std::vector<size_t>& group : BoundedGroups(plan, files)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(changes_->connection(),
                                 {.plan = &plan, .files = std::move(group), .columns = ids, .stop = request_.stop}));
    NILUS_TRY(
        WriteQuery(changes_->connection(),
                   fmt::format("SELECT {} FROM ({}) AS t JOIN (SELECT * FROM ({}) WHERE {} IS NOT NULL) AS k ON {}",
                               Joined(columns), relation.sql(), changes_->relation(), kMissingColumn,
                               fmt::join(conditions, " AND ")),
                   writer, written));
  }
  return {};
}

Status TableLoad::Complete(const lake::ScanPlan& plan, lake::Transaction* transaction, CommitResult* counts) {
  NILUS_ASSIGN(std::vector<duck::TextRow> wanted,
               changes_->connection().Query(
                   fmt::format("SELECT count(*) FROM ({}) WHERE {} IS NOT NULL", changes_->relation(), kMissingColumn),
                   {}, request_.stop));
  if (wanted[0][0] == "0") return {};
  NILUS_ASSIGN(std::unique_ptr<lake::DataWriter> writer, OpenWriter());
  int64_t written = 0;
  NILUS_TRY(WriteCompleted(plan, writer.get(), &written));
  NILUS_ASSIGN(std::vector<lake::DataFile> files, writer->Finish());
  attempt_files_.insert(attempt_files_.end(), files.begin(), files.end());
  if (fmt::format("{}", written) != wanted[0][0]) {
    return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                       "{} changes of table {} leave values as they were, but the table has {} rows to take them from",
                       wanted[0][0].value_or("?"), request_.table.ToString(), written);
  }
  counts->rows_inserted += written;
  AddFiles(std::move(files), transaction);
  return {};
}

// `base` null: the table has no rows.
Status TableLoad::ApplyChanges(const lake::TablePtr& base, lake::Transaction* transaction, CommitResult* counts) {
  for (const lake::DataFile& file : files_) counts->rows_inserted += file.record_count;
  AddFiles(files_, transaction);
  lake::ScanPlan plan;
  if (base != nullptr) {
    NILUS_ASSIGN(plan, PlanBase(base, {}));
  }
  if (changes_->truncates()) {
    NILUS_ASSIGN(int64_t rows, CountRows(plan));
    counts->rows_deleted += rows;
    if (base != nullptr) transaction->RemoveAllFiles();
    return {};
  }
  if (changes_->empty()) return {};
  if (changes_->may_miss()) NILUS_TRY(Complete(plan, transaction, counts));
  if (base == nullptr) return {};
  NILUS_ASSIGN(RowChanges changes, FindChanged(plan, counts));
  NILUS_FAULT_POINT("lakehouse.sink.rows_found");
  transaction->SetIsolation(lake::Isolation::kSerializable);
  std::vector<lake::DataFile> deletes;
  Status deleted = DeleteRows(changes_->connection(), plan, changes, NewId(), request_.stop, transaction, &deletes);
  attempt_files_.insert(attempt_files_.end(), deletes.begin(), deletes.end());
  finder_->NoteDeletes(deletes);
  return deleted;
}

// Live rows of the plan's files.
Result<int64_t> TableLoad::CountRows(const lake::ScanPlan& plan) {
  int64_t count = 0;
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf({request_.primary_key.front()}));
  for (std::vector<size_t>& group : BoundedGroups(plan)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(changes_->connection(),
                                 {.plan = &plan, .files = std::move(group), .columns = ids, .stop = request_.stop}));
    NILUS_ASSIGN(
        std::vector<duck::TextRow> rows,
        changes_->connection().Query(fmt::format("SELECT count(*) FROM ({})", relation.sql()), {}, request_.stop));
    count += ParseInteger(rows[0][0].value_or("")).value_or(0);
  }
  return count;
}

// A load that reached this table, but not the one with the pipeline's position, never took place: its changes may come
// again in another cut, and find their rows as they were before.
Status TableLoad::TakeBack(const lake::TablePtr& base, const std::string& load_id) {
  const lake::SnapshotPtr current = base->metadata.current_snapshot();
  const auto is_of_load = [&] {
    const auto id = current->summary.find("nilus.load-id");
    return id != current->summary.end() && id->second == load_id;
  };
  if (current == nullptr || !current->parent_id || !is_of_load()) {
    return FailWithFix(ErrorKind::kConflict, "roll the table back to the snapshot before it, or take a new snapshot",
                       "table {} has the changes of load {}, which did not reach the other tables of its load, and was "
                       "changed by others since",
                       request_.table.ToString(), load_id);
  }
  lake::Transaction transaction(base);
  NILUS_TRY(transaction.SetRef("main", lake::SnapshotRef{.snapshot_id = *current->parent_id}));
  NILUS_TRY(transaction.Commit(request_.stop));
  return FailWithFix(ErrorKind::kConflict, "run again: it starts from the tables as they are now",
                     "the changes of load {} were taken back from table {}: they did not reach the other tables",
                     load_id, request_.table.ToString());
}

}  // namespace nilus::lakehouse
