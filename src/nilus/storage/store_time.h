// The two ways in which object stores write times. Nothing for any other text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/clock.h"

namespace nilus::storage {

std::optional<WallTime> ParseIsoTime(std::string_view text);   // 2009-10-12T17:50:30.000Z, fractions optional
std::optional<WallTime> ParseHttpTime(std::string_view text);  // Wed, 21 Oct 2015 07:28:00 GMT (RFC 9110)
std::string FormatHttpTime(WallTime time);

}  // namespace nilus::storage
