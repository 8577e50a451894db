// Small text encodings that several modules need: percent (RFC 3986), base64 (RFC 4648), hex, SHA-256.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

// All bytes but unreserved ones (letters, digits, - . _ ~) become %XX, upper hex.
std::string PercentEncode(std::string_view bytes);
// %XX becomes its byte; '+' stays '+'. A '%' that no two hex digits follow is kept as it stands.
std::string PercentDecode(std::string_view text);

std::string Base64Encode(std::string_view bytes);
// Standard alphabet, padding optional, white space ignored. Anything else is kInvalidInput.
Result<std::string> Base64Decode(std::string_view text);

std::string HexEncode(std::string_view bytes);  // lower case
std::string Sha256Hex(std::string_view bytes);  // lower hex, 64 characters

// `text` between two `quote` characters, those inside it doubled: SQL's identifiers ("…") and text literals ('…').
std::string QuoteDoubled(std::string_view text, char quote);

// True when `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF).
bool IsValidUtf8(std::string_view text);

}  // namespace nilus
