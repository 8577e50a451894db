#include "nilus/engine/load_tables.h"

namespace nilus {

int LoadTables::Add(WriteRequest request) {
  tables_.push_back(Table{.request = std::move(request), .writer = nullptr});
  return size() - 1;
}

TableProgress& LoadTables::progress(int table) {
  Table& of = At(table);
  if (of.progress == nullptr) of.progress = &progress_->AddTable(of.request.table.ToString());
  return *of.progress;
}

Status LoadTables::Open(int table, const Schema& schema) {
  Table& opened = At(table);
  if (!schema.fields.empty()) opened.request.schema = std::make_shared<Schema>(schema);
  NILUS_ASSIGN(opened.writer, sink_->Open(opened.request));
  return {};
}

Status LoadTables::Write(int table, RecordBatch batch) {
  if (!is_open(table)) NILUS_TRY(Open(table, *batch.schema()));
  const int64_t rows = batch.num_rows();
  const int64_t bytes = batch.ByteSize();
  NILUS_TRY(At(table).writer->Write(std::move(batch)));
  At(table).rows += rows;
  At(table).bytes += bytes;
  TableProgress& counters = progress(table);
  counters.rows_loaded += rows;
  counters.bytes_loaded += bytes;
  return {};
}

Result<std::vector<Receipt>> LoadTables::Finish() {
  std::vector<Receipt> receipts;
  for (Table& table : tables_) {
    if (table.writer == nullptr) continue;
    NILUS_ASSIGN(Receipt receipt, table.writer->Finish());
    receipts.push_back(std::move(receipt));
  }
  return receipts;
}

}  // namespace nilus
