// Whether PostgreSQL's json and jsonb take a text, told without asking the server.
#pragma once

#include <string_view>

namespace nilus::postgres {

// RFC 8259, as the server's lexer reads it (src/common/jsonapi.c), with limits of our own on depth, number length and
// the number of keys that lie inside the server's. `for_jsonb` refuses also what only json keeps: \u0000, lone
// surrogates, numbers beyond numeric's range, more than 255 MiB; and what jsonb would take as another value: a key that
// an object names twice (the last one stays), a negative zero (its sign goes). `text` is valid UTF-8.
bool AcceptsJson(std::string_view text, bool for_jsonb);

}  // namespace nilus::postgres
