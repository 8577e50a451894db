// The text of an array, "{1,2,NULL,\"a b\"}", as to_json writes it: [1,2,null,"a b"] (the server's array_out, json.c).
#pragma once

#include <string>
#include <string_view>

#include "nilus/connectors/postgres/cdc/table_layout.h"

namespace nilus::postgres {

// Appends to `json`. False when the text is no array's; `json` then holds rubbish.
bool AppendArrayJson(std::string_view text, JsonElement element, std::string* json);

}  // namespace nilus::postgres
