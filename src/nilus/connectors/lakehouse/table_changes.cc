// TableLoad's part for loads of changes (WriteRequest::is_changes): rows that are known whole become data files before
// the commit, the others with the old rows that the commit finds.
#include <algorithm>
#include <utility>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/connectors/lakehouse/strategy_sql.h"
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
  // Parts are smaller than elsewhere: each is there about three times while it is taken, and here many cost little.
  WriteRequest folding = request_;
  folding.memory_bytes /= 4;
  fold_.emplace(folding, columns_);
  NILUS_ASSIGN(changes_, ChangeStage::Make(*session_, request_));
  finder_ = session_->key_finders->Of(IdentifierOf(request_.table));
  return {};
}

Status TableLoad::WriteChanges(const RecordBatch& batch) {
  rows_ += batch.num_rows();
  if (fold_->MustTakeBefore(batch)) NILUS_TRY(StagePart());
  return fold_->Add(batch);
}

// What a file holds of DuckDB's memory while it is written: a row group twice, and of each column the page and the
// values of two vectors.
int64_t TableLoad::FileBytes() const {
  constexpr int64_t kColumnBytes = 160 << 10;
  return 2 * session_->change_row_group_bytes + std::ssize(target_.schema.fields) * kColumnBytes;
}

int TableLoad::OpenPartitionsOfChanges() const {
  if (target_.spec.fields.empty()) return 1;
  constexpr int64_t kMost = 4;
  return static_cast<int>(std::clamp<int64_t>(session_->writing_room->limit_bytes / 2 / FileBytes(), 1, kMost));
}

// For a writer that is open while rows arrive.
bool TableLoad::TakeRoom() {
  WritingRoom& room = *session_->writing_room;
  const int64_t bytes = OpenPartitionsOfChanges() * FileBytes();
  if (room.used_bytes + bytes > room.limit_bytes) return false;
  room.used_bytes += bytes;
  room_bytes_ = bytes;
  return true;
}

void TableLoad::CloseWriter() {
  writer_.reset();
  session_->writing_room->used_bytes -= std::exchange(room_bytes_, 0);
}

// Whole rows of the part lack a value that the table requires. `rows` are part.rows as the table's.
bool TableLoad::LacksRequired(const FoldedChanges& part, const RecordBatch& rows) const {
  const int32_t* groups = part.group_numbers();
  return std::any_of(target_.schema.fields.begin(), target_.schema.fields.end(), [&](const lake::IcebergField& field) {
    if (!field.required) return false;
    const std::optional<int> at = rows.schema()->Find(field.name);
    if (at && rows.column(*at).null_count == 0) return false;
    for (int64_t row = 0; row < rows.num_rows(); ++row) {
      if (groups[row] == 0 && (!at || rows.column(*at).IsNull(row))) return true;
    }
    return false;
  });
}

// What was folded goes into data files, or waits: where there is no room for a file, and where a row cannot be written
// as it is (a later part may mend it).
Status TableLoad::StagePart() {
  const FoldedChanges part = fold_->Take();
  if (part.truncates) CloseWriter();  // the rows that it wrote go
  if (part.rows.num_rows() == 0) return changes_->Add(part, part.rows, false).map([](const RecordBatch&) {});
  const RecordBatch rows = TableColumns(part.rows);
  NILUS_TRY(AddColumns(*rows.schema()));
  NILUS_ASSIGN(RecordBatch converted, converter_->Convert(rows));
  const bool may_write = !LacksRequired(part, converted) && (room_bytes_ > 0 || TakeRoom());
  NILUS_ASSIGN(RecordBatch whole, changes_->Add(part, converted, may_write));
  if (whole.num_rows() == 0) return {};
  if (writer_ == nullptr) {
    NILUS_ASSIGN(writer_, OpenWriter());
  }
  return writer_->Write(whole);
}

// Held rows that are known whole follow those that were written; in files of their own if they supersede some of them.
Status TableLoad::FinishChanges() {
  NILUS_TRY(StagePart());
  if (changes_->supersedes() && writer_ != nullptr) {
    NILUS_ASSIGN(files_, writer_->Finish());
    CloseWriter();
  }
  early_files_ = files_.size();
  if (changes_->has_held()) {
    if (writer_ == nullptr) {
      NILUS_ASSIGN(writer_, OpenWriter());
    }
    std::vector<std::string> columns;
    for (const Field& field : columns_.fields) {
      if (changes_->Holds(field.name)) columns.push_back(QuoteIdentifier(field.name));
    }
    int64_t rows = 0;
    NILUS_TRY(WriteQuery(changes_->connection(),
                         fmt::format("SELECT {} FROM ({}) WHERE {} AND {} IS NULL", Joined(columns), changes_->held(),
                                     kKeptColumn, kMissingColumn),
                         writer_.get(), &rows));
  }
  if (writer_ != nullptr) {
    NILUS_ASSIGN(std::vector<lake::DataFile> last, writer_->Finish());
    files_.insert(files_.end(), last.begin(), last.end());
  }
  CloseWriter();
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
               finder_->Find(connection, changes_->keys(), plan, request_.load_id, request_.stop, &changes));
  NILUS_ASSIGN(std::vector<size_t> others,
               FilesWithKeys(connection, request_.primary_key, fmt::format("({})", changes_->keys()), request_.stop,
                             plan, finder_->UnknownFiles(plan)));
  NILUS_ASSIGN(int64_t read, FindByReading(plan, std::move(others), changes_->keys(), &changes));
  kept += read;
  counts->rows_updated += kept;
  counts->rows_inserted -= kept;
  counts->rows_deleted += changes.count() - kept;
  return changes;
}

// Rows with the keys of `wanted` (ChangeStage::keys). How many of them stay, with other values.
Result<int64_t> TableLoad::FindByReading(const lake::ScanPlan& plan, std::vector<size_t> files,
                                         const std::string& wanted, RowChanges* changes) {
  duck::Connection& connection = changes_->connection();
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(request_.primary_key));
  int64_t kept = 0;
  for (std::vector<size_t>& group : BoundedGroups(plan, files)) {
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(
            connection,
            {.plan = &plan, .files = std::move(group), .columns = ids, .with_rows = true, .stop = request_.stop}));
    const std::string sql = fmt::format("SELECT t.{}, k.{} FROM ({}) AS t JOIN ({}) AS k USING ({})", lake::kRowColumn,
                                        kKeptColumn, relation.sql(), wanted, QuotedList(request_.primary_key));
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

// Files of the load in which rows may be superseded, as if they were the table's.
lake::ScanPlan TableLoad::PlanEarlyFiles(const lake::Transaction& transaction) const {
  lake::ScanPlan plan;
  if (early_files_ == 0) return plan;
  auto table = std::make_shared<lake::Table>();
  table->identifier = transaction.identifier();
  table->metadata = transaction.metadata();
  table->store = transaction.store();
  plan.schema = table->metadata.schema();
  for (size_t i = 0; i < early_files_; ++i) {
    lake::ScanFile file;
    file.entry.file = files_[i];
    file.entry.file.spec_id = table->metadata.default_spec_id;
    plan.files.push_back(std::move(file));
  }
  plan.table = std::move(table);
  return plan;
}

// The files that were written, without the rows that held ones supersede.
Status TableLoad::AddWritten(const lake::ScanPlan& early, lake::Transaction* transaction, CommitResult* counts,
                             std::vector<lake::DataFile>* deletes) {
  if (!superseded_) {
    RowChanges found;
    if (!early.files.empty()) {
      const std::string keys = changes_->superseding_keys();
      NILUS_ASSIGN(std::vector<size_t> files,
                   FilesWithKeys(changes_->connection(), request_.primary_key, fmt::format("({})", keys), request_.stop,
                                 early, AllFiles(early)));
      NILUS_TRY(FindByReading(early, std::move(files), keys, &found).map([](int64_t) {}));
    }
    superseded_ = std::move(found);
  }
  RowChanges changes = *superseded_;
  counts->rows_inserted -= changes.count();
  unused_files_.clear();
  std::vector<lake::DataFile> used;
  for (size_t i = 0; i < files_.size(); ++i) {
    counts->rows_inserted += files_[i].record_count;
    const auto rows = changes.rows.find(i);
    if (rows != changes.rows.end() && static_cast<int64_t>(rows->second.count()) == files_[i].record_count) {
      unused_files_.push_back(files_[i]);
      changes.rows.erase(rows);
    } else {
      used.push_back(files_[i]);
    }
  }
  AddFiles(std::move(used), transaction);
  return changes.rows.empty() ? Status() : Delete(early, changes, transaction, deletes);
}

Status TableLoad::Delete(const lake::ScanPlan& plan, const RowChanges& changes, lake::Transaction* transaction,
                         std::vector<lake::DataFile>* deletes) {
  std::vector<lake::DataFile> written;
  Status deleted = DeleteRows(changes_->connection(), plan, changes, NewId(), request_.stop, transaction, &written);
  attempt_files_.insert(attempt_files_.end(), written.begin(), written.end());
  deletes->insert(deletes->end(), written.begin(), written.end());
  return deleted;
}

// `base` null: the table has no rows.
Status TableLoad::ApplyChanges(const lake::TablePtr& base, lake::Transaction* transaction, CommitResult* counts) {
  lake::ScanPlan plan;  // of the table's rows, as far as they count
  if (base != nullptr) {
    NILUS_ASSIGN(plan, PlanBase(base, {}));
  }
  if (changes_->truncates()) {
    NILUS_ASSIGN(int64_t rows, CountRows(plan));
    counts->rows_deleted += rows;
    if (base != nullptr) transaction->RemoveAllFiles();
    plan = {};
  }
  const lake::ScanPlan early = PlanEarlyFiles(*transaction);
  counts->unknown_columns.insert(changes_->unknown_columns().begin(), changes_->unknown_columns().end());
  if (changes_->may_miss()) NILUS_TRY(Complete(plan, early, transaction, counts));
  std::vector<lake::DataFile> deletes;  // all that the finder has to know of
  NILUS_TRY(AddWritten(early, transaction, counts, &deletes));
  if (plan.table == nullptr || changes_->empty()) return {};
  NILUS_ASSIGN(RowChanges changes, FindChanged(plan, counts));
  NILUS_FAULT_POINT("lakehouse.sink.rows_found");
  transaction->SetIsolation(lake::Isolation::kSerializable);
  NILUS_TRY(Delete(plan, changes, transaction, &deletes));
  finder_->NoteDeletes(deletes);  // of the load that FindChanged has told it of
  return {};
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
