// Characters (Unicode code points) of a text, as the masks that leave stars see them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nilus {

struct MaskCharacter {
  char32_t code = 0;
  size_t bytes = 1;
};

// The character at the beginning of `text`, which is not empty. A byte that begins no well-formed UTF-8 is a character
// of its own, U+FFFD.
inline MaskCharacter FirstCharacter(std::string_view text) {
  auto byte = [&](size_t at) { return static_cast<char32_t>(static_cast<unsigned char>(text[at])); };
  auto follows = [&](size_t at) { return at < text.size() && (byte(at) & 0xC0) == 0x80; };
  constexpr MaskCharacter kBroken{0xFFFD, 1};
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xC2 || first > 0xF4 || !follows(1)) return kBroken;
  if (first < 0xE0) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (!follows(2)) return kBroken;
  if (first < 0xF0) {
    const char32_t code = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return code < 0x800 || (code >= 0xD800 && code < 0xE000) ? kBroken : MaskCharacter{code, 3};
  }
  if (!follows(3)) return kBroken;
  const char32_t code = (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return code < 0x10000 || code > 0x10FFFF ? kBroken : MaskCharacter{code, 4};
}

// How many bytes at the beginning are ASCII, looked at eight at a time: a multiple of eight, or all of them.
inline size_t AsciiBytes(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  size_t at = 0;
  for (uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & kHighBits) != 0) return at;
  }
  const size_t whole = at;
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return at == text.size() ? at : whole;
}

inline size_t CountCharacters(std::string_view text) {
  size_t count = AsciiBytes(text);
  text.remove_prefix(count);
  for (size_t at = 0; at < text.size(); at += FirstCharacter(text.substr(at)).bytes) ++count;
  return count;
}

// Bytes of the first `count` characters; all of them when there are fewer.
inline size_t BytesOfCharacters(std::string_view text, size_t count) {
  size_t at = std::min(AsciiBytes(text), count);
  count -= at;
  for (; count > 0 && at < text.size(); --count) at += FirstCharacter(text.substr(at)).bytes;
  return at;
}

// A decimal digit of any script (general category Nd).
bool IsDigitCharacter(char32_t code);
// What stands between the groups of a number: no letter and no digit. Beyond ASCII the usual spaces, dashes and dots;
// anything else counts as a letter, so that it is hidden rather than shown.
bool IsSeparatorCharacter(char32_t code);

}  // namespace nilus
