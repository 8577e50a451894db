// Where the structure of a JSON text lies: the offsets of its brackets, colons and commas outside strings, of the
// opening quote of each string and the first byte of each other value, in order. simdjson's first stage finds them at
// several gigabytes a second, and in the same pass makes sure of UTF-8 and of control characters in strings.
//
// Between two neighbouring offsets stands one token and spaces, or a token with bytes glued to its end that make it
// none ("1x", tru"): who reads the tokens checks that. A byte that is no JSON at all counts as the start of a value.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace nilus::json {

// Holds four bytes for each byte of the largest text so far. One thread at a time.
class Structure {
 public:
  Structure();
  ~Structure();
  Structure(Structure&&) noexcept;
  Structure& operator=(Structure&&) noexcept;

  // Any number of values one behind another. False: the text is empty or only spaces, has a string that does not end,
  // a control character in a string, or invalid UTF-8 (anywhere); Scanner says what and where.
  bool Find(std::string_view text);
  // Of the last Find. Behind the last offset stands one more that is the text's size.
  std::span<const uint32_t> offsets() const { return offsets_; }

 private:
  class Finder;
  std::unique_ptr<Finder> finder_;
  std::span<const uint32_t> offsets_;
};

}  // namespace nilus::json
