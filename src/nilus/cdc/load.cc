#include "nilus/cdc/load.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/base/memory_plan.h"

namespace nilus {

Status ChangeLoad::Open(const TableTarget& target) {
  Table& table = tables_[target.name().ToString()];
  if (table.writer != nullptr) return {};
  return OpenWriter(&table, target.Request());
}

Status ChangeLoad::OpenWriter(Table* table, WriteRequest request) {
  request.load_id = load_id_;
  // The nth takes an nth, down to what folds of changes need to be of use.
  request.memory_bytes = std::max(request.memory_bytes / std::ssize(tables_), std::min(request.memory_bytes, 8 * kMiB));
  table->name = request.table;
  NILUS_ASSIGN(table->writer, sink_->Open(request));
  if (rows_ == 0) started_ = std::chrono::steady_clock::now();
  NILUS_FAULT_POINT("cdc.after_open");
  return {};
}

Status ChangeLoad::Write(const TableTarget& target, RecordBatch batch) {
  if (batch.num_rows() == 0) return {};
  NILUS_TRY(Open(target));
  return WriteTo(&tables_[target.name().ToString()], std::move(batch));
}

Status ChangeLoad::WriteLetters(const TableTarget& target, RecordBatch letters) {
  Table& table = tables_[target.letter_name().ToString()];
  if (table.writer == nullptr) NILUS_TRY(OpenWriter(&table, target.LetterRequest()));
  table.letters_of = target.name();
  return WriteTo(&table, std::move(letters));
}

Status ChangeLoad::WriteTo(Table* table, RecordBatch batch) {
  table->rows += batch.num_rows();
  rows_ += batch.num_rows();
  bytes_ += batch.ByteSize();
  NILUS_TRY(table->writer->Write(std::move(batch)));
  NILUS_FAULT_POINT("cdc.after_write");
  return {};
}

Result<std::vector<Receipt>> ChangeLoad::Finish() {
  std::vector<Receipt> receipts;
  for (auto& [name, table] : tables_) {
    NILUS_ASSIGN(Receipt receipt, table.writer->Finish());
    receipts.push_back(std::move(receipt));
  }
  NILUS_FAULT_POINT("cdc.after_finish");
  return receipts;
}

}  // namespace nilus
