// A view that is on its way: the server gives it once the transactions have ended that wrote when it was asked for,
// which may take as long as they do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// Used by one thread. Its end cancels what runs at the server.
class PendingView {
 public:
  // `replication` makes the slot whose snapshot the view is of.
  PendingView(Address address, std::unique_ptr<Connection> replication, std::shared_ptr<const CaptureSettings> settings,
              const std::stop_token& stop);

  // Waits for it so long. True: Take has an answer at once.
  bool WaitFor(std::chrono::milliseconds patience);
  // Its place in the log is fixed: it comes without waiting for anybody, and what is committed from now on lies behind
  // it. `connection` is another session with the server.
  Result<bool> HasPlace(Connection& connection, const std::stop_token& stop);
  // Waits for it. Once.
  Result<std::unique_ptr<SnapshotView>> Take();
  // Tells once, after a while, whom the server waits for.
  void TellOfWait(Connection& connection, const std::stop_token& stop);

 private:
  void Make(std::unique_ptr<Connection> replication, const std::stop_token& stop);

  const Address address_;
  const std::shared_ptr<const CaptureSettings> settings_;
  const std::string slot_;
  const std::stop_token stop_;  // of the view, which outlives this
  const std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
  bool was_there_ = false;  // the slot
  bool is_told_ = false;

  std::mutex mutex_;
  std::condition_variable is_made_;
  std::optional<Result<std::unique_ptr<SnapshotView>>> view_;  // guarded by mutex_

  std::jthread maker_;  // last: it ends before what it uses
  std::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace nilus::postgres
