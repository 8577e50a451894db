#include "nilus/engine/dead_letter_office.h"

#include "nilus/data/take.h"
#include "nilus/engine/job.h"

namespace nilus {

TableName LetterTable(const BatchJob& job) {
  return TableName{.schema = job.table.schema, .name = DeadLetterTable(job.table.name, job.identifier_limit)};
}

WriteStrategy LetterStrategy(const BatchJob& job, bool has_cursor, bool is_complete) {
  if (job.strategy == WriteStrategy::kReplace || job.full_refresh) return WriteStrategy::kReplace;
  if (job.strategy == WriteStrategy::kAppend) return WriteStrategy::kAppend;
  if (has_cursor) return WriteStrategy::kDeleteInsert;
  if (job.strategy == WriteStrategy::kScd2 && is_complete) return WriteStrategy::kReplace;
  return WriteStrategy::kMerge;
}

WriteRequest LetterRequest(const BatchJob& job, const WriteRequest& rows, WriteStrategy strategy,
                           const std::optional<Schema>& there) {
  WriteRequest letters = rows;
  letters.table = LetterTable(job);
  letters.schema = std::make_shared<Schema>(WithRowIds(DeadLetterSchema(CursorTypeIn(there))));
  letters.strategy = strategy;
  letters.primary_key.clear();
  letters.incremental_key.clear();
  if (strategy == WriteStrategy::kMerge) letters.primary_key = {std::string(kRowIdColumn)};
  if (strategy == WriteStrategy::kDeleteInsert) letters.incremental_key = kLetterCursorColumn;
  letters.key_is_unique = false;
  letters.is_complete = false;
  letters.keeps_newer = false;
  letters.misfits = Misfits::kVariant;
  letters.widened.clear();
  letters.partition_by.clear();
  letters.cluster_by.clear();
  return letters;
}

std::optional<Type> CursorTypeIn(const std::optional<Schema>& there) {
  const std::optional<int> at = there ? there->Find(kLetterCursorColumn) : std::nullopt;
  return at ? std::optional(there->fields[static_cast<size_t>(*at)].type) : std::nullopt;
}

RecordBatch DeadLetterWriter::Write(const RecordBatch& batch, const std::vector<DeadRow>& dead,
                                    std::string_view split) {
  RecordBatch letters = namer_.Name(WriteDeadLetters(batch, dead, split, office_->notes));
  if (office_->names->key().empty()) return letters;
  std::vector<Column> columns = letters.columns();
  columns.back() = KeyedIds(batch, dead);
  return RecordBatch(letters.schema(), std::move(columns), letters.num_rows());
}

// The ids of the rows themselves, as their keys give them.
Column DeadLetterWriter::KeyedIds(const RecordBatch& batch, const std::vector<DeadRow>& dead) {
  std::vector<int32_t> picks;
  for (const DeadRow& row : dead) picks.push_back(static_cast<int32_t>(row.row));
  const RecordBatch rows = TakeRows(batch, picks);
  auto named = std::make_shared<Schema>(*rows.schema());
  for (Field& field : named->fields) field.name = shape_->NameOf(field.name);
  return namer_.NameOnly(RecordBatch(std::move(named), rows.columns(), rows.num_rows())).columns().back();
}

}  // namespace nilus
