#include "nilus/connectors/postgres/json_check.h"

#include <cstdint>
#include <vector>

namespace nilus::postgres {
namespace {

constexpr size_t kMaxDepth = 1000;             // the server's stack (max_stack_depth = 2MB) ends some thousands deep
constexpr int64_t kMaxNumberDigits = 10'000;   // numeric ends at 131,072 digits before and 16,383 behind the point
constexpr size_t kMaxJsonbBytes = 255U << 20;  // JENTRY_OFFLENMASK: 2^28 - 1

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Checker {
 public:
  Checker(std::string_view text, bool for_jsonb) : at_(text.data()), end_(at_ + text.size()), for_jsonb_(for_jsonb) {}

  bool Check() {
    // A value, then whatever the innermost open bracket expects; no recursion.
    for (;;) {
      SkipSpace();
      bool opened = false;
      if (!Value(&opened)) return false;
      if (opened) continue;
      for (;;) {  // behind a value
        SkipSpace();
        if (open_.empty()) return at_ == end_;
        if (at_ == end_) return false;
        char c = *at_++;
        if (c == ',') {
          SkipSpace();
          if (open_.back() == '}' && !Key()) return false;
          break;
        }
        if (c != open_.back()) return false;
        open_.pop_back();
      }
    }
  }

 private:
  void SkipSpace() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  bool Key() {
    if (at_ == end_ || *at_ != '"' || !String()) return false;
    SkipSpace();
    return at_ < end_ && *at_++ == ':';
  }

  // *opened: a bracket was opened and its first value comes next.
  bool Value(bool* opened) {
    if (at_ == end_) return false;
    switch (*at_) {
      case '{':
      case '[': {
        char close = *at_ == '{' ? '}' : ']';
        ++at_;
        if (open_.size() == kMaxDepth) return false;
        SkipSpace();
        if (at_ < end_ && *at_ == close) {
          ++at_;
          return true;
        }
        open_.push_back(close);
        *opened = true;
        return close == ']' || Key();
      }
      case '"':
        return String();
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  bool Word(std::string_view word) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool Digits(int64_t* count) {
    const char* start = at_;
    while (at_ < end_ && IsDigit(*at_)) ++at_;
    *count += at_ - start;
    return at_ != start;
  }

  bool Number() {
    int64_t digits = 0;
    if (at_ < end_ && *at_ == '-') ++at_;
    if (at_ < end_ && *at_ == '0') {
      ++at_;
    } else if (!Digits(&digits)) {
      return false;
    }
    if (at_ < end_ && *at_ == '.') {
      ++at_;
      if (!Digits(&digits)) return false;
    }
    int64_t exponent = 0;
    if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      const char* start = at_;
      for (; at_ < end_ && IsDigit(*at_); ++at_) {
        if (exponent <= kMaxNumberDigits) exponent = exponent * 10 + (*at_ - '0');
      }
      if (at_ == start) return false;
    }
    return !for_jsonb_ || digits + exponent <= kMaxNumberDigits;
  }

  bool Hex4(uint32_t* unit) {
    if (end_ - at_ < 4) return false;
    *unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      char lower = static_cast<char>(*at_ | 0x20);
      uint32_t digit = 0;
      if (IsDigit(*at_)) {
        digit = static_cast<uint32_t>(*at_ - '0');
      } else if (lower >= 'a' && lower <= 'f') {
        digit = static_cast<uint32_t>(lower - 'a' + 10);
      } else {
        return false;
      }
      *unit = *unit << 4 | digit;
    }
    return true;
  }

  // Behind "\u".
  bool Escape() {
    uint32_t unit = 0;
    if (!Hex4(&unit)) return false;
    if (!for_jsonb_) return true;
    if (unit == 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return false;
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    uint32_t low = 0;
    if (end_ - at_ < 6 || at_[0] != '\\' || at_[1] != 'u') return false;
    at_ += 2;
    return Hex4(&low) && low >= 0xDC00 && low <= 0xDFFF;
  }

  bool String() {
    ++at_;
    while (at_ < end_) {
      auto c = static_cast<unsigned char>(*at_++);
      if (c == '"') return true;
      if (c < 0x20) return false;
      if (c != '\\') continue;
      if (at_ == end_) return false;
      char escaped = *at_++;
      if (escaped == 'u') {
        if (!Escape()) return false;
      } else if (std::string_view("\"\\/bfnrt").find(escaped) == std::string_view::npos) {
        return false;
      }
    }
    return false;
  }

  const char* at_;
  const char* end_;
  const bool for_jsonb_;
  std::vector<char> open_;  // the closing brackets still to come
};

}  // namespace

bool AcceptsJson(std::string_view text, bool for_jsonb) {
  if (for_jsonb && text.size() > kMaxJsonbBytes) return false;
  return Checker(text, for_jsonb).Check();
}

}  // namespace nilus::postgres
