// The tables of one load at the sink: the main one, and those that come with it. Each is opened when its first batch
// comes or when it is asked for, all are finished together, and Sink::Commit makes them visible in one step. Used by
// one thread at a time: the mover's loading thread, before and after that the attempt's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"
#include "nilus/engine/progress.h"

namespace nilus {

class LoadTables {
 public:
  // `sink` outlives it. `progress` gets the tables' rows as they are opened.
  LoadTables(Sink* sink, Progress* progress) : sink_(sink), progress_(progress) {}

  // Another table of the load, by its index: 0 is the main one. Its schema may be empty until Open or Write.
  int Add(WriteRequest request);
  int size() const { return static_cast<int>(tables_.size()); }
  const WriteRequest& request(int table) const { return At(table).request; }
  bool is_open(int table) const { return At(table).writer != nullptr; }
  int64_t rows(int table) const { return At(table).rows; }
  int64_t bytes(int table) const { return At(table).bytes; }
  TableProgress& progress(int table);

  // With this schema; empty: the request's own.
  Status Open(int table, const Schema& schema);
  // Opens the table with the batch's schema if it is not open.
  Status Write(int table, RecordBatch batch);
  // Of all tables that are open, in their order.
  Result<std::vector<Receipt>> Finish();

 private:
  struct Table {
    WriteRequest request;
    std::unique_ptr<Writer> writer;
    TableProgress* progress = nullptr;
    int64_t rows = 0;
    int64_t bytes = 0;  // in Arrow layout
  };
  const Table& At(int table) const { return tables_[static_cast<size_t>(table)]; }
  Table& At(int table) { return tables_[static_cast<size_t>(table)]; }

  Sink* sink_;
  Progress* progress_;
  std::vector<Table> tables_;
};

}  // namespace nilus
