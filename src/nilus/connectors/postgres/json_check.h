// Whether PostgreSQL's json and jsonb take a text, told without asking the server.
#pragma once

#include <string_view>

namespace nilus::postgres {

// RFC 8259, as the server's lexer reads it (src/common/jsonapi.c), with limits of our own on depth and number length
// that lie inside the server's. `for_jsonb` refuses also what only json keeps: \u0000, lone surrogates, numbers beyond
// numeric's range, and more than 255 MiB. `text` is valid UTF-8.
bool AcceptsJson(std::string_view text, bool for_jsonb);

}  // namespace nilus::postgres
