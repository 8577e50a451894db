#include "nilus/connector/address_params.h"

#include <algorithm>
#include <string>
#include <vector>

#include "nilus/base/nearest.h"
#include "nilus/connector/connector.h"

namespace nilus {

Result<OptionValues> ReadAddressParams(const Address& address, std::span<const OptionSpec> declared,
                                       std::string_view title, std::string_view name) {
  OptionValues values;
  for (const auto& [key, value] : address.params) {
    const auto spec = std::find_if(declared.begin(), declared.end(),
                                   [&written = key](const OptionSpec& each) { return each.name == written; });
    if (spec == declared.end()) {
      std::vector<std::string_view> names;
      for (const OptionSpec& each : declared) names.push_back(each.name);
      const std::string nearest = Nearest(key, names);
      return FailWithFix(ErrorKind::kInvalidInput,
                         nearest.empty()
                             ? fmt::format("leave it out; `nilus connectors {}` lists those there are", name)
                             : fmt::format("did you mean '{}'?", nearest),
                         "'{}' is not a parameter of a {} address", key, title);
    }
    if (Status set = SetOption(*spec, value, values); !set)
      return Failure(InContext("address parameter " + key, set.error()));
  }
  return values;
}

Status CheckAddressParams(const Address& address, const Connector& connector) {
  NILUS_TRY(ReadAddressParams(address, connector.address_params, connector.title, connector.name));
  return {};
}

}  // namespace nilus
