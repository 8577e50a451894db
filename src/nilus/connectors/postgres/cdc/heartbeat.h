// What a stream does beside listening: runs heartbeat.action.query from time to time (a write to a captured table keeps
// an idle slot moving where nothing else does), asks how far the server's log has got, and whether the publication
// still sends all of the captured tables: what it leaves out is missing from the stream without a word. A thread and a
// session of its own; a server that cannot be asked is no error here, the stream itself will tell.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "nilus/base/address.h"
#include "nilus/connectors/postgres/cdc/lost_tables.h"

namespace nilus::postgres {

class Heartbeat {
 public:
  // `query` may be empty. `watch` selects a LostTable (lost_tables.h).
  Heartbeat(Address address, std::chrono::milliseconds interval, std::string query, std::string watch);

  // The end of the server's log when it was asked last, and when that was, by the server's clock (microseconds); 0: not
  // yet. Thread-safe.
  uint64_t head() const { return head_.load(); }
  int64_t head_at() const { return head_at_.load(); }
  // A table that the publication has lost; nothing: none was seen. Thread-safe.
  std::optional<LostTable> lost_table() const;

 private:
  void Run(const std::stop_token& stop);

  const Address address_;
  const std::chrono::milliseconds interval_;
  const std::string query_;
  const std::string watch_;
  std::atomic<uint64_t> head_{0};
  std::atomic<int64_t> head_at_{0};
  mutable std::mutex mutex_;
  std::optional<LostTable> lost_table_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace nilus::postgres
