// The captured tables at one place of the log: through the snapshot that the making of a replication slot exports.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/connector/change_source.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/slot.h"
#include "nilus/connectors/postgres/snapshot.h"

namespace nilus::postgres {

// How much a chunk's reader holds.
struct ChunkLimits {
  int64_t page_rows = 50'000;
  int64_t batch_bytes = 1 << 20;
};

// Imports the slot's snapshot, and lets go of the session that made it (with it a temporary slot ends).
Result<std::unique_ptr<SnapshotView>> MakeView(const Address& address, NewSlot slot,
                                               std::shared_ptr<const CaptureSettings> settings, ChunkLimits limits,
                                               const std::stop_token& stop);

}  // namespace nilus::postgres
