// One JSON object of a record, taken apart strictly after RFC 8259. Bytes in, values out; no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::files {

inline constexpr int kDeepestJson = 512;

enum class JsonKind { kNull, kBool, kNumber, kString, kNested };

// What is wrong and at which byte of the text.
struct JsonError {
  size_t offset = 0;
  std::string message;
};

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  void SkipSpace();
  bool AtEnd() const { return at_ >= text_.size(); }
  size_t offset() const { return at_; }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Take(char c);

  // A string, unescaped and appended to `out`. Invalid UTF-8, control characters, lone surrogates are errors.
  bool ReadString(std::string* out);
  // Any value: its kind and its text as written. Strings are checked but not unescaped.
  bool ReadValue(JsonKind* kind, std::string_view* text);

  const JsonError& error() const { return error_; }

 private:
  bool Fail(size_t offset, std::string message);
  bool ReadLiteral(std::string_view literal);
  bool ReadNumber();
  bool ReadNested();
  bool ReadScalar(JsonKind* kind);
  bool ReadEscape(std::string* out);
  bool ReadHex4(uint32_t* unit);

  std::string_view text_;
  size_t at_ = 0;
  JsonError error_;
};

// `text` as a JSON string, with its quotes.
void AppendJsonString(std::string_view text, std::string* out);

}  // namespace nilus::files
