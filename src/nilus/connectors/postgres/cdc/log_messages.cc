#include "nilus/connectors/postgres/cdc/log_messages.h"

#include <fmt/format.h>

#include <charconv>

#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

constexpr size_t kDataHeaderBytes = 25;  // 'w', start, end, time
constexpr size_t kKeepaliveBytes = 18;   // 'k', end, time, answer

void AppendBig64(uint64_t value, std::string* out) {
  const uint64_t big = __builtin_bswap64(value);
  out->append(reinterpret_cast<const char*>(&big), sizeof big);
}

// Clocks far beyond our 64 bits are no clocks.
int64_t Since1970(uint64_t since_2000) {
  int64_t micros = 0;
  return __builtin_add_overflow(static_cast<int64_t>(since_2000), kEpochMicros, &micros) ? 0 : micros;
}

bool ParseHex32(std::string_view text, uint32_t* value) {
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, *value, 16);
  return error == std::errc() && at == end;
}

}  // namespace

bool ReadLogHeader(std::string_view message, LogHeader* header) {
  if (message.empty()) return false;
  const auto* bytes = reinterpret_cast<const uint8_t*>(message.data());
  if (message[0] == 'w' && message.size() >= kDataHeaderBytes) {
    *header = {true,
               LoadBig64(bytes + 1),
               LoadBig64(bytes + 9),
               Since1970(LoadBig64(bytes + 17)),
               false,
               message.substr(kDataHeaderBytes)};
    return true;
  }
  if (message[0] == 'k' && message.size() == kKeepaliveBytes) {
    *header = {false, 0, LoadBig64(bytes + 1), Since1970(LoadBig64(bytes + 9)), bytes[17] != 0, {}};
    return true;
  }
  return false;
}

std::string StatusMessage(uint64_t written, uint64_t flushed, WallTime now, bool wants_answer) {
  std::string message = "r";
  AppendBig64(written, &message);
  AppendBig64(flushed, &message);
  AppendBig64(flushed, &message);  // applied
  AppendBig64(static_cast<uint64_t>(now.time_since_epoch().count() - kEpochMicros), &message);
  message.push_back(wants_answer ? '\1' : '\0');
  return message;
}

std::string FormatLsn(uint64_t lsn) { return fmt::format("{:X}/{:X}", lsn >> 32, lsn & 0xFFFFFFFF); }

bool ParseLsn(std::string_view text, uint64_t* lsn) {
  const size_t slash = text.find('/');
  uint32_t high = 0;
  uint32_t low = 0;
  if (slash == std::string_view::npos || !ParseHex32(text.substr(0, slash), &high) ||
      !ParseHex32(text.substr(slash + 1), &low)) {
    return false;
  }
  *lsn = static_cast<uint64_t>(high) << 32 | low;
  return true;
}

}  // namespace nilus::postgres
