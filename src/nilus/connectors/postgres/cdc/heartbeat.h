// What a stream does beside listening: runs heartbeat.action.query from time to time (a write to a captured table keeps
// an idle slot moving where nothing else does), and asks how far the server's log has got. A thread and a session of
// its own; a server that cannot be asked is no error here, the stream itself will tell.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

#include "nilus/base/address.h"

namespace nilus::postgres {

class Heartbeat {
 public:
  // `query` may be empty.
  Heartbeat(Address address, std::chrono::milliseconds interval, std::string query);

  // The end of the server's log when it was asked last, and when that was, by the server's clock (microseconds); 0: not
  // yet. Thread-safe.
  uint64_t head() const { return head_.load(); }
  int64_t head_at() const { return head_at_.load(); }

 private:
  void Run(const std::stop_token& stop);

  const Address address_;
  const std::chrono::milliseconds interval_;
  const std::string query_;
  std::atomic<uint64_t> head_{0};
  std::atomic<int64_t> head_at_{0};
  std::jthread thread_;
};

}  // namespace nilus::postgres
