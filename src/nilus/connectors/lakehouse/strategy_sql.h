// SQL that the strategies share: which rows of a table have the load's keys, or lie in its interval.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/scan_predicate.h"

namespace nilus::lakehouse {

// "k1", "k2", …
std::string QuotedList(const std::vector<std::string>& names);
// a."k1" = b."k1" AND …
std::string KeysEqual(const std::vector<std::string>& keys, std::string_view a, std::string_view b);

// Rows t of a table whose `field` lies in the interval: what files can hold some, and "WHERE …". NULLs do not.
struct IntervalSearch {
  lake::RangeFilter filter;
  std::string tail;
};
Result<IntervalSearch> SearchInterval(const lake::IcebergField& field, const KeyRange& interval);

}  // namespace nilus::lakehouse
