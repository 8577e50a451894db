#include "nilus/connectors/postgres/cdc/pending_view.h"

#include <unistd.h>

#include <array>

#include "nilus/base/clock.h"
#include "nilus/base/encoding.h"
#include "nilus/base/log.h"
#include "nilus/connectors/postgres/cdc/slot.h"
#include "nilus/connectors/postgres/cdc/snapshot_view.h"

namespace nilus::postgres {
namespace {

constexpr auto kQuietWait = std::chrono::seconds(10);

std::string SlotName() { return fmt::format("nilus_view_{}_{}", getpid(), Sha256Hex(NewId()).substr(0, 12)); }

}  // namespace

PendingView::PendingView(Address address, std::unique_ptr<Connection> replication,
                         std::shared_ptr<const CaptureSettings> settings, const std::stop_token& stop)
    : address_(std::move(address)),
      settings_(std::move(settings)),
      slot_(SlotName()),
      stop_(stop),
      maker_([this, session = std::move(replication)](const std::stop_token& ends) mutable {
        Make(std::move(session), ends);
      }),
      on_stop_(stop, [this] { maker_.request_stop(); }) {}

void PendingView::Make(std::unique_ptr<Connection> replication, const std::stop_token& stop) {
  const auto make = [&]() -> Result<std::unique_ptr<SnapshotView>> {
    NILUS_ASSIGN(NewSlot slot, MakeSlot(std::move(replication), *settings_, slot_, /*is_temporary=*/true, stop));
    return MakeView(address_, std::move(slot), settings_, {}, stop_);
  };
  Result<std::unique_ptr<SnapshotView>> view = make();
  std::lock_guard lock(mutex_);
  view_ = std::move(view);
  is_made_.notify_all();
}

bool PendingView::WaitFor(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return is_made_.wait_for(lock, patience, [this] { return view_.has_value(); });
}

Result<bool> PendingView::HasPlace(Connection& connection, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {slot_};
  NILUS_ASSIGN(PgResult result,
               connection.Query("SELECT confirmed_flush_lsn IS NOT NULL FROM pg_catalog.pg_replication_slots WHERE "
                                "slot_name = $1",
                                parameters, stop));
  if (PQntuples(result.get()) == 0) return was_there_;  // not there yet, or gone with the session that has made it
  was_there_ = true;
  return FieldText(result, 0, 0) == "t";
}

Result<std::unique_ptr<SnapshotView>> PendingView::Take() {
  std::unique_lock lock(mutex_);
  is_made_.wait(lock, [this] { return view_.has_value(); });
  return *std::move(view_);
}

void PendingView::TellOfWait(Connection& connection, const std::stop_token& stop) {
  if (is_told_ || std::chrono::steady_clock::now() - asked_ < kQuietWait) return;
  is_told_ = true;
  const std::string oldest = OldestWriter(connection, 0, stop);
  LogInfo(
      "a snapshot waits for the transactions of the whole server that were writing when it was asked for{}; the "
      "stream goes on",
      oldest.empty() ? std::string() : " (the oldest: " + oldest + ")");
}

}  // namespace nilus::postgres
