// `{{ secrets['alias'].key | filter }}` inside a projected variable. Internal to manifest/.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

// The value of a key of an aliased secret. An error says what is missing (the alias, the key), never a value; nothing
// means that the key is not there, which `default('x')` may mend.
using SecretValueLookup =
    std::function<Result<std::optional<std::string>>(std::string_view alias, std::string_view key)>;

// Text with any number of `{{ … }}` parts. Each is `secrets['alias'].key` or `secrets['alias']['key']`, followed by any
// of the filters base64_decode, base64_encode, urlencode, urldecode, trim, default('x').
Result<std::string> RenderTemplate(std::string_view text, const SecretValueLookup& lookup);

}  // namespace nilus
