// Table and schema names as folder names. Any name can be a table's; not every name can be a folder's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::files {

// Longest folder name that EncodeDiskName makes, in bytes (file systems take 255).
inline constexpr size_t kLongestDiskName = 200;

// Letters, digits, '-', '_', '.', spaces and bytes of multi-byte characters stay; every other byte becomes %XX, and so
// does what would make the name hidden, special or ambiguous: a leading '.', a leading "_nilus", "~", a trailing dot or
// space. A name that comes out longer than kLongestDiskName is cut and ends in "~" and 16 hex digits of its SHA-256.
// kInvalidInput for an empty name, a NUL byte, or text that is not UTF-8.
Result<std::string> EncodeDiskName(std::string_view name);

// The name again; nothing when EncodeDiskName would never have made it (or it was cut).
std::optional<std::string> DecodeDiskName(std::string_view disk_name);

}  // namespace nilus::files
