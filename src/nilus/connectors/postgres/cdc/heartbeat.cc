#include "nilus/connectors/postgres/cdc/heartbeat.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "nilus/base/log.h"
#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {
namespace {

constexpr const char* kAsk =
    "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE "
    "pg_catalog.pg_current_wal_flush_lsn() END, (extract(epoch FROM pg_catalog.clock_timestamp()) * "
    "1000000)::pg_catalog.int8";

}  // namespace

Heartbeat::Heartbeat(Address address, std::chrono::milliseconds interval, std::string query, std::string watch)
    : address_(std::move(address)), interval_(interval), query_(std::move(query)), watch_(std::move(watch)) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

std::optional<LostTable> Heartbeat::lost_table() const {
  std::lock_guard lock(mutex_);
  return lost_table_;
}

void Heartbeat::Run(const std::stop_token& stop) {
  std::unique_ptr<Connection> connection;
  std::mutex mutex;
  std::condition_variable_any never;
  bool is_told = false;
  while (!stop.stop_requested()) {
    Status beat = [&]() -> Status {
      if (connection == nullptr || !connection->is_usable()) {
        NILUS_ASSIGN(connection, Connection::Open(address_, stop));
      }
      if (!query_.empty()) NILUS_TRY(connection->Execute(query_, stop));
      NILUS_ASSIGN(PgResult result, connection->Execute(kAsk, stop));
      uint64_t head = 0;
      if (PQntuples(result.get()) == 1 && ParseLsn(FieldText(result, 0, 0), &head)) {
        head_ = head;
        head_at_ = ParseInteger(FieldText(result, 0, 1)).value_or(0);
      }
      NILUS_ASSIGN(PgResult lost, connection->Execute(watch_, stop));
      if (PQntuples(lost.get()) > 0) {
        // The server looks at the tables and at the publication one after the other: one that is dropped in between
        // looks like a lost one, once.
        NILUS_ASSIGN(lost, connection->Execute(watch_, stop));
      }
      if (PQntuples(lost.get()) > 0) {
        std::lock_guard lock(mutex_);
        lost_table_ = LostTable{std::string(FieldText(lost, 0, 0)), FieldText(lost, 0, 1) == "t"};
      }
      return {};
    }();
    if (!beat && beat.error().kind != ErrorKind::kCancelled) {
      // Once at a level that people see: a wrong query fails every time.
      if (!std::exchange(is_told, true)) LogWarning("heartbeat: {}", beat.error().ToString());
    } else {
      is_told = false;
    }
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, interval_, [] { return false; });
  }
}

}  // namespace nilus::postgres
