// Small value formats of manifests: quantities, timestamps, cron expressions, time zones, column types.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus {

// Kubernetes quantities: "1Gi", "256Mi", "512M", "1.5G", plain bytes. Bytes, at least 1.
Result<int64_t> ParseMemoryQuantity(std::string_view text);
// "200m", "1.5", "2": processors, more than 0.
Result<double> ParseCpuQuantity(std::string_view text);

// A date or an instant as spec 01 lets it be written: `2023-01-31`, `2023-01-31T15:00:00`, with a space, an offset or
// Z, and a fraction of up to nine digits. The calendar is checked.
struct Timestamp {
  std::string text;  // canonical: 2023-01-31, 2023-01-31T15:00:00.5+05:30, 2023-01-31T15:00:00Z
  bool has_zone = false;
  bool is_date = false;
  int64_t seconds = 0;  // since 1970-01-01, UTC when has_zone, else of its own wall clock
  int32_t nanoseconds = 0;
};
Result<Timestamp> ParseTimestamp(std::string_view text);

// Five fields with lists, ranges, steps and names (JAN, MON); Sunday is 0 or 7. Single-spaced, or what is wrong with
// it, also when it can never fire (30 February).
Result<std::string> CheckCron(std::string_view text);

// Nothing wrong when the zone is in the system's zone database (or is UTC).
Status CheckTimezone(std::string_view name);

// The canonical text of a hinted type (spec 03): text, bigint, double, decimal(p,s), bool, timestamp, timestamp_ntz,
// date, time, binary, json. Usual synonyms (string, varchar, int, float, boolean, …) are understood.
Result<std::string> CanonicalColumnType(std::string_view text);

}  // namespace nilus
