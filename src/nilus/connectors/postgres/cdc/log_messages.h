// What frames a replication stream (docs: "Streaming Replication Protocol"): XLogData, keepalives, status updates. No
// I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/clock.h"

namespace nilus::postgres {

struct LogHeader {
  bool is_data = false;  // else a keepalive
  uint64_t start = 0;    // of data: the place in the log that it is about
  // How far the server has told everything: of a keepalive. Of data it says no more than `start`.
  uint64_t wal_end = 0;
  int64_t sent_at = 0;  // microseconds since 1970, by the server's clock
  bool wants_answer = false;
  std::string_view payload;  // the plugin's
};

// False: it is no such message.
bool ReadLogHeader(std::string_view message, LogHeader* header);

// Standby status update.
std::string StatusMessage(uint64_t written, uint64_t flushed, WallTime now, bool wants_answer);

// "0/16B3748", and back; false: it is none.
std::string FormatLsn(uint64_t lsn);
bool ParseLsn(std::string_view text, uint64_t* lsn);

}  // namespace nilus::postgres
