// The parameters of an address (?name=value) against what its connector declares: one that nobody reads would be a
// wish that is not granted, without a word.
#pragma once

#include <span>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"

namespace nilus {

struct Connector;

// The parameters by their types. kInvalidInput: one that is not declared, with the nearest name that is, or one whose
// value is not of its type. `title` is the system's name, `name` the connector's.
Result<OptionValues> ReadAddressParams(const Address& address, std::span<const OptionSpec> declared,
                                       std::string_view title, std::string_view name);

// Whether the connector takes them.
Status CheckAddressParams(const Address& address, const Connector& connector);

}  // namespace nilus
