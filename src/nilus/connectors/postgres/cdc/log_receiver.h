// Listens to a replication stream on a thread of its own: the server gets its status messages in time whatever the
// consumer does, and what is ready lies in memory, up to a number of bytes, when the consumer wants it.
//
// (docs: "Streaming Replication Protocol".)
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nilus/base/file_descriptor.h"
#include "nilus/base/result.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// CopyData messages one after another, each behind its length. Meant to be used again and again.
class MessageBlock {
 public:
  void Add(std::string_view message);
  // The next one that was not read yet; it lies in the block.
  std::optional<std::string_view> Next();
  bool empty() const { return read_ == bytes_.size(); }
  size_t size() const { return bytes_.size(); }
  void Clear() {
    bytes_.clear();
    read_ = 0;
  }

 private:
  std::string bytes_;
  size_t read_ = 0;
};

class LogReceiver {
 public:
  struct Limits {
    size_t queue_bytes = 8 << 20;  // read ahead; one message that is larger passes alone
    std::chrono::milliseconds status_interval{10'000};
    std::chrono::milliseconds silence{120'000};  // without a word from the server the connection counts as lost
  };
  // `connection` is in START_REPLICATION. `confirmed`: what the server may forget already.
  LogReceiver(std::unique_ptr<Connection> connection, uint64_t confirmed, Limits limits);
  ~LogReceiver();  // tells the server the last confirmation, and ends the session

  // Exchanges `block`, which was read, for the next one. False: nothing came until the deadline. The stream's error
  // once everything before it was taken: kTransient when the connection is lost or the server shuts down.
  Result<bool> Next(MessageBlock* block, std::chrono::steady_clock::time_point deadline, const std::stop_token& stop);
  bool HasBlock() const;
  // The server may forget what lies before. Never goes back. Thread-safe.
  void Confirm(uint64_t lsn);

 private:
  void Run(const std::stop_token& stop);
  Status Listen(const std::stop_token& stop);
  Status TakeMessages();
  void Note(std::string_view message);
  void Publish();
  bool HasRoom();  // false: the consumer will wake the thread when there is
  Status SendStatus(bool asks_for_answer);
  Status Wait(bool for_read);
  void Wake() const;

  const Limits limits_;
  std::unique_ptr<Connection> connection_;  // the thread's
  FileDescriptor wake_;                     // eventfd: a stop, a confirmation, room in the queue
  std::atomic<uint64_t> confirmed_;

  mutable std::mutex mutex_;
  std::condition_variable_any filled_;
  std::deque<MessageBlock> blocks_;  // guarded by mutex_, as are the next ones
  std::vector<MessageBlock> spare_;
  size_t queued_bytes_ = 0;
  bool waits_for_room_ = false;
  std::optional<Error> ended_;

  // The thread's
  MessageBlock filling_;
  uint64_t received_ = 0;
  uint64_t told_ = 0;          // of `confirmed_`
  bool wants_answer_ = false;  // the server asked for a status
  bool is_flush_due_ = false;  // libpq still holds bytes that are to be sent
  bool is_asked_ = false;      // we asked for an answer, and heard nothing since
  std::chrono::steady_clock::time_point next_status_;
  std::chrono::steady_clock::time_point last_word_;
  std::jthread thread_;
};

}  // namespace nilus::postgres
