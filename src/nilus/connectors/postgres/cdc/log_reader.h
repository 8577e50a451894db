// The stream of changes: START_REPLICATION over a session of its own, received by a thread (log_receiver.h), decoded by
// whoever calls Next.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "nilus/base/address.h"
#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/catalog_layouts.h"
#include "nilus/connectors/postgres/cdc/log_receiver.h"
#include "nilus/connectors/postgres/cdc/lost_tables.h"
#include "nilus/connectors/postgres/cdc/prepared_transactions.h"

namespace nilus::postgres {

// What is durable at the sink, and who tells the server. Thread-safe; outlives the reader.
class Confirmation {
 public:
  explicit Confirmation(uint64_t lsn) : lsn_(lsn) {}
  // The sink has everything up to `durable`; the server is told as much of it as it may forget.
  void Confirm(uint64_t durable);
  uint64_t lsn() const { return lsn_.load(); }
  PreparedTransactions* prepared() { return &prepared_; }

 private:
  friend class ConfirmationLink;
  PreparedTransactions prepared_;
  std::atomic<uint64_t> lsn_;
  std::mutex mutex_;
  LogReceiver* receiver_ = nullptr;  // guarded by mutex_
};

struct StreamRequest {
  Address address;
  std::shared_ptr<const CaptureSettings> settings;
  KnownTables known;
  std::vector<WatchedTable> watched;  // of which all changes have to come
  LogPosition from;
  bool is_binary = false;          // every captured column's binary form is one that we read
  bool has_exact_numbers = false;  // see PluginRequest
  bool is_two_phase = false;
  std::shared_ptr<Confirmation> confirmation;
  std::shared_ptr<std::atomic<bool>> wants_text;  // set when a table shows up that has to be sent as text
  std::stop_token stop;
};

// Starts the stream. Waits a bounded time when the slot is still in use.
Result<std::unique_ptr<ChangeReader>> StartStream(StreamRequest request);

}  // namespace nilus::postgres
