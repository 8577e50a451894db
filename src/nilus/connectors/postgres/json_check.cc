#include "nilus/connectors/postgres/json_check.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "nilus/json/scanner.h"

namespace nilus::postgres {
namespace {

constexpr size_t kMaxDepth = 1000;             // the server's stack (max_stack_depth = 2MB) ends some thousands deep
constexpr int64_t kMaxNumberDigits = 10'000;   // numeric ends at 131,072 digits before and 16,383 behind the point
constexpr size_t kMaxOpenKeys = 1'000'000;     // of the objects around a place: what is remembered of a text is bounded
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
          if (open_.back().close == '}' && !Key()) return false;
          break;
        }
        if (c != open_.back().close) return false;
        if (for_jsonb_ && c == '}' && !ForgetKeys()) return false;
        open_.pop_back();
      }
    }
  }

 private:
  void SkipSpace() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  bool Key() {
    const char* start = at_ + 1;
    if (at_ == end_ || *at_ != '"' || !String()) return false;
    if (for_jsonb_ && !RememberKey({start, static_cast<size_t>(at_ - 1 - start)})) return false;
    SkipSpace();
    return at_ < end_ && *at_++ == ':';
  }

  bool RememberKey(std::string_view key) {
    if (keys_.size() == kMaxOpenKeys) return false;
    if (key.find('\\') != std::string_view::npos) {
      std::string& meaning = meanings_.emplace_back(key.size(), '\0');
      size_t size = 0;
      if (!json::Unescape(key, meaning.data(), &size)) return false;
      meaning.resize(size);
      key = meaning;
    }
    keys_.push_back(key);
    return true;
  }

  // Those of the innermost object; false: one came twice.
  bool ForgetKeys() {
    constexpr std::ptrdiff_t kFew = 8;
    const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(open_.back().first_key);
    if (keys_.end() - begin > kFew) {
      std::sort(begin, keys_.end());
      if (std::adjacent_find(begin, keys_.end()) != keys_.end()) return false;
    } else {
      for (auto key = begin; key != keys_.end(); ++key) {
        if (std::find(begin, key, *key) != key) return false;
      }
    }
    keys_.erase(begin, keys_.end());
    meanings_.resize(open_.back().first_meaning);
    return true;
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
        open_.push_back({close, keys_.size(), meanings_.size()});
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
    while (at_ < end_ && IsDigit(*at_)) {
      is_zero_ = is_zero_ && *at_ == '0';
      ++at_;
    }
    *count += at_ - start;
    return at_ != start;
  }

  bool Number() {
    int64_t digits = 0;
    const bool is_negative = at_ < end_ && *at_ == '-';
    is_zero_ = true;
    if (is_negative) ++at_;
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
    return !for_jsonb_ || (digits + exponent <= kMaxNumberDigits && !(is_negative && is_zero_));
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
  struct Open {
    char close;  // the bracket still to come
    size_t first_key;
    size_t first_meaning;
  };
  std::vector<Open> open_;
  // For jsonb: the keys so far of the objects that are open, as what they mean.
  std::vector<std::string_view> keys_;
  std::deque<std::string> meanings_;  // of keys with escapes
  bool is_zero_ = false;              // the number at hand: no digit but 0 before its exponent
};

}  // namespace

bool AcceptsJson(std::string_view text, bool for_jsonb) {
  if (for_jsonb && text.size() > kMaxJsonbBytes) return false;
  return Checker(text, for_jsonb).Check();
}

}  // namespace nilus::postgres
