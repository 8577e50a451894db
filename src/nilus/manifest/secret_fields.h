// Which values of a secret are hidden, and which of them mean what. Internal to manifest/.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/option_spec.h"

namespace nilus {

// Registers a value of a secret for redaction, but for those that are plainly none (host, port, database, region, true,
// 5432, "postgres" as a user): hiding them would garble every message and hide nothing.
void RegisterSecretField(std::string_view key, std::string_view value);

// The value whose key, folded to lower-case letters and digits, is one of `names`; the first of `names` that is there
// wins.
std::string FieldOf(const TextMap& values, std::initializer_list<std::string_view> names);

// Lower-case letters and digits only: "access_key-ID" → "accesskeyid".
std::string FoldedKey(std::string_view key);

}  // namespace nilus
