// What is staged since the last commit: one writer a destination table, opened with its first batch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/cdc/target.h"
#include "nilus/connector/sink.h"

namespace nilus {

class ChangeLoad {
 public:
  explicit ChangeLoad(Sink* sink) : sink_(sink), load_id_(NewId()) {}

  const std::string& load_id() const { return load_id_; }
  int64_t rows() const { return rows_; }
  int64_t bytes() const { return bytes_; }
  bool empty() const { return tables_.empty(); }
  bool Holds(const TableName& table) const { return tables_.contains(table.ToString()); }
  bool HasRows(const TableName& table) const {
    const auto found = tables_.find(table.ToString());
    return found != tables_.end() && found->second.rows > 0;
  }
  // When its first rows came, by the steady clock.
  std::chrono::steady_clock::time_point started() const { return started_; }

  // Makes the table, also without a row.
  Status Open(const TableTarget& target);
  Status Write(const TableTarget& target, RecordBatch batch);
  // Rows of the table's letters (TableTarget::TakeLetters).
  Status WriteLetters(const TableTarget& target, RecordBatch letters);
  // Finishes the writers. One Commit of the sink with this load's id makes all visible.
  Result<std::vector<Receipt>> Finish();

  struct Table {
    TableName name;
    std::optional<TableName> letters_of;  // rows of that one that did not fit
    std::unique_ptr<Writer> writer;
    int64_t rows = 0;
  };
  const std::map<std::string, Table>& tables() const { return tables_; }  // by schema.table at the destination

 private:
  Status OpenWriter(Table* table, WriteRequest request);
  Status WriteTo(Table* table, RecordBatch batch);

  Sink* sink_;
  const std::string load_id_;
  std::map<std::string, Table> tables_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace nilus
