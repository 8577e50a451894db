// TableTarget's part for schema_contract discard_row: what becomes of rows that do not fit.
#include <algorithm>

#include "nilus/cdc/target.h"
#include "nilus/data/take.h"
#include "nilus/rows/dead_letters.h"

namespace nilus {
namespace {

// `rows`, of which these have no values but those of the key (`with_variants`: also of its variant columns).
RecordBatch KeysOnly(const RecordBatch& rows, const std::vector<std::string>& key, bool with_variants,
                     const std::vector<int32_t>& reduced) {
  std::vector<RowPick> picks;
  for (int32_t row = 0; row < rows.num_rows(); ++row) picks.push_back({.from = 0, .row = row});
  for (const int32_t row : reduced) picks[static_cast<size_t>(row)].from = -1;
  Schema schema = *rows.schema();
  std::vector<Column> columns = rows.columns();
  for (int i = 0; i < schema.size(); ++i) {
    Field& field = schema.fields[static_cast<size_t>(i)];
    const bool is_variant = with_variants && !field.variant_of.empty();
    if (std::find(key.begin(), key.end(), is_variant ? field.variant_of : field.name) != key.end()) continue;
    const Column* const from[] = {&rows.column(i)};
    columns[static_cast<size_t>(i)] = TakeRows(field.type, from, picks);
    field.nullable = true;
  }
  return RecordBatch(std::make_shared<Schema>(std::move(schema)), std::move(columns), rows.num_rows());
}

}  // namespace

WriteRequest TableTarget::LetterRequest() const {
  return WriteRequest{.pipeline = job_->pipeline,
                      .load_id = {},
                      .table = letter_name_,
                      .schema = std::make_shared<Schema>(WithRowIds(DeadLetterSchema(std::nullopt))),
                      .strategy = WriteStrategy::kAppend,
                      .misfits = Misfits::kVariant,
                      .load_time = Now(),
                      .file_rows = job_->file_rows,
                      .file_format = job_->file_format,
                      .memory_bytes = job_->memory.connector_bytes,
                      .threads = job_->threads};
}

void TableTarget::AddLetters(const ChangeBatch& batch, const RecordBatch& rows, const std::vector<DeadRow>& dead,
                             const std::string& load_id) {
  if (dead.empty()) return;
  LetterNotes notes{.masks = {}, .key = table_.key, .cursor = {}, .cursor_type = {}};
  // A key of a mask is no part of what a letter says.
  for (const MaskRule& rule : masking_->rules()) notes.masks[masking_->NameOf(rule.column)] = rule.algorithm;
  NameFor(load_id);
  // One of letters that wait is there at most: they are taken after every batch.
  letters_ = letter_namer_->Name(WriteDeadLetters(rows, dead, batch.schema + "." + batch.table, notes));
}

Result<RecordBatch> TableTarget::Normalized(const ChangeBatch& batch, const RecordBatch& rows,
                                            const std::string& load_id, ChangeLines* lines,
                                            std::vector<int32_t>* left) {
  NILUS_ASSIGN(NormalizedBatch first, normalizer_->Normalize(rows));
  if (first.dead.empty()) return std::move(first.rows);
  std::vector<DeadRow> letters;
  std::vector<int32_t> dead;
  for (DeadRow& row : first.dead) {
    const auto line = static_cast<int32_t>(row.row);
    dead.push_back(line);
    // What was there goes, whatever its values are.
    const bool is_delete = lines->op(batch, line) == ChangeOp::kDelete && !table_.key.empty();
    if (is_delete) continue;
    if (!job_->merges) left->push_back(line);
    letters.push_back(std::move(row));
  }
  AddLetters(batch, rows, letters, load_id);
  lines->KeepOut(dead);
  NILUS_ASSIGN(NormalizedBatch again, normalizer_->Normalize(KeysOnly(rows, table_.key, job_->merges, dead)));
  if (!again.dead.empty()) {
    return Fail(ErrorKind::kInternal, "rows of {} do not fit though they have no values but their keys'",
                name_.ToString());
  }
  return std::move(again.rows);
}

}  // namespace nilus
