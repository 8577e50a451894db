// What a running capture is doing, for other eyes: the run's report at its end, the progress on a terminal, and the
// service's status for `nilus cdc status`. Bounded however long the service runs. Used by the capture's own thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nilus/cdc/load.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/service_folder.h"
#include "nilus/cdc/targets.h"
#include "nilus/engine/progress.h"
#include "nilus/engine/report.h"

namespace nilus {

class CaptureMonitor {
 public:
  CaptureMonitor(std::string name, ServiceFolder folder, RunReport* report, Progress* progress)
      : name_(std::move(name)), folder_(std::move(folder)), report_(report), progress_(progress) {}

  ServiceFolder& folder() { return folder_; }
  const std::string& phase() const { return phase_; }

  void StartAttempt(int attempt);
  void SetPhase(std::string_view phase) { phase_ = phase; }
  void SetFirstRun(bool is_first);
  void Warn(std::string text);
  void Failed(const Error& error);  // of an attempt; shown in the status until something is committed
  void SchemaSeen(const std::string& at, const CapturedTable& table);
  // Into the history of shapes, if it is another one than the last.
  void KeepShape(const std::string& at, const CapturedTable& table);
  void Read(const TableName& table, int64_t rows, int64_t bytes);
  void Committed(const ChangeLoad& load, const std::vector<Receipt>& receipts, const CommitResult& result,
                 const Position& position, const CaptureTargets& targets);
  // Where it stands; `head` (when it has a value) is how far the source has written. Writes the status now and then.
  void Show(const CdcPosition& position, const LogPosition& head, int64_t head_at);
  // `error`: what ended it; null: it was asked to.
  void Stopped(const Error* error);

 private:
  struct TableState {
    size_t report;  // index into the report's tables
    TableProgress* progress;
  };
  TableState& Of(const TableName& table);
  void WriteStatus(std::string_view state);
  void TellUnknown(const TableTarget& target, const CommitResult& result);

  const std::string name_;
  ServiceFolder folder_;
  RunReport* report_;
  Progress* progress_;
  std::string phase_ = "plan";
  std::map<std::string, TableState> tables_;
  std::map<std::string, std::string> shapes_;              // by table: the last one that stands in the folder
  std::set<std::pair<std::string, std::string>> unknown_;  // table, column: told that values of it are NULL
  bool saw_first_run_ = false;
  CdcPosition position_;
  LogPosition head_;
  int64_t head_at_ = 0;
  std::string last_error_;
  int64_t commits_ = 0;
  int64_t rows_ = 0;
  int64_t rows_at_status_ = 0;
  double rows_per_second_ = 0;
  LogPosition head_at_status_;
  double source_bytes_per_second_ = 0;
  std::chrono::steady_clock::time_point last_status_{};
  std::chrono::steady_clock::time_point caught_up_ = std::chrono::steady_clock::now();
};

}  // namespace nilus
