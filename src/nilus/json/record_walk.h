// Records (JSON objects) read along a Structure: the fast way. It gives up at whatever is not plainly right, and leaves
// it to Scanner to say what is wrong, so nothing here has a message; what it accepts, Scanner accepts too.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "nilus/json/scanner.h"

namespace nilus::json {

class RecordWalk {
 public:
  // `offsets`: Structure::Find of `text`. `trusted`: the text was found to be JSON before, so that nested values need
  // not be looked into.
  RecordWalk(std::string_view text, std::span<const uint32_t> offsets, bool trusted)
      : text_(text), at_(offsets.data()), end_(offsets.data() + offsets.size()), trusted_(trusted) {
    FindBackslash(0);
  }

  bool AtEnd() const { return at_ == end_; }
  // The byte at the next offset; '\0' at the end.
  char Peek() const { return AtEnd() ? '\0' : text_[*at_]; }
  // Where the next token begins.
  size_t offset() const { return AtEnd() ? text_.size() : *at_; }
  void Skip() { ++at_; }

  // The object that begins here. `field(key, value)` is called for each field, and ends the walk by false.
  template <typename Field>
  bool ReadRecord(Field field) {
    if (Peek() != '{') return false;
    ++at_;
    if (Peek() == '}') {
      ++at_;
      return true;
    }
    Value key;
    Value value;
    while (true) {
      if (Peek() != '"' || !ReadString(&key) || Peek() != ':') return false;
      ++at_;
      if (!ReadValue(&value) || !field(key, value)) return false;
      const char behind = Peek();
      if (behind != ',' && behind != '}') return false;
      ++at_;
      if (behind == '}') return true;
    }
  }

 private:
  static constexpr int kDeepestWalk = 512;

  static bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
  static bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

  // Behind the token at at_: where the spaces before the next offset begin.
  size_t TokenEnd() const {
    size_t end = at_ + 1 == end_ ? text_.size() : at_[1];
    while (IsSpace(text_[end - 1])) --end;
    return end;
  }

  bool ReadString(Value* value) {
    const size_t open = *at_;
    const size_t close = TokenEnd() - 1;
    if (close <= open || text_[close] != '"') return false;
    ++at_;
    value->kind = Kind::kString;
    value->text = text_.substr(open + 1, close - open - 1);
    value->escaped = HasBackslash(open, close);
    return !value->escaped || trusted_ || CheckEscapes(open);
  }

  bool ReadValue(Value* value) {
    if (AtEnd()) return false;
    const char first = text_[*at_];
    if (first == '"') return ReadString(value);
    value->escaped = false;
    if (first == '{' || first == '[') return ReadNested(first, value);
    value->text = text_.substr(*at_, TokenEnd() - *at_);
    ++at_;
    switch (first) {
      case 't':
        value->kind = Kind::kBool;
        return value->text == "true";
      case 'f':
        value->kind = Kind::kBool;
        return value->text == "false";
      case 'n':
        value->kind = Kind::kNull;
        return value->text == "null";
      default:
        value->kind = Kind::kNumber;
        return trusted_ || IsNumber(value->text);
    }
  }

  static bool IsNumber(std::string_view text) {
    const char* at = text.data();
    const char* const end = at + text.size();
    if (*at == '-' && ++at == end) return false;
    if (*at == '0') {
      ++at;
    } else {
      if (!IsDigit(*at)) return false;
      while (at != end && IsDigit(*at)) ++at;
    }
    if (at == end) return true;
    if (*at == '.') {
      const char* const first = ++at;
      while (at != end && IsDigit(*at)) ++at;
      if (at == first) return false;
      if (at == end) return true;
    }
    if ((*at | 32) != 'e') return false;
    if (++at != end && (*at == '+' || *at == '-')) ++at;
    const char* const first = at;
    while (at != end && IsDigit(*at)) ++at;
    return at != first && at == end;
  }

  bool ReadNested(char first, Value* value) {
    value->kind = first == '{' ? Kind::kObject : Kind::kArray;
    const size_t begin = *at_;
    if (!(trusted_ ? SkipNested() : CheckNested())) return false;
    value->text = text_.substr(begin, at_[-1] + 1 - begin);
    return true;
  }

  bool SkipNested() {
    int depth = 0;
    do {
      if (AtEnd()) return false;
      const char c = text_[*at_++];
      depth += static_cast<int>(c == '{' || c == '[') - static_cast<int>(c == '}' || c == ']');
    } while (depth > 0);
    return true;
  }

  // One nested value by the grammar, without recursion: bit i of objects_ tells what the i-th open bracket was.
  bool CheckNested() {
    int depth = 0;
    Value scalar;
    while (true) {
      const char c = Peek();
      bool closes = false;
      if (c == '{' || c == '[') {
        if (depth == kDeepestWalk) return false;
        SetObject(depth++, c == '{');
        ++at_;
        closes = Peek() == (c == '{' ? '}' : ']');
        if (!closes) {
          if (c == '{' && !ReadKey()) return false;
          continue;
        }
      } else if (!ReadValue(&scalar)) {
        return false;
      }
      while (true) {  // a value has ended
        const bool in_object = IsObject(depth - 1);
        const char behind = Peek();
        ++at_;
        if (behind == (in_object ? '}' : ']')) {
          if (--depth == 0) return true;
          continue;
        }
        if (behind != ',') return false;
        if (in_object && !ReadKey()) return false;
        break;
      }
    }
  }

  bool ReadKey() {
    Value key;
    if (Peek() != '"' || !ReadString(&key) || Peek() != ':') return false;
    ++at_;
    return true;
  }

  void SetObject(int depth, bool is_object) {
    uint64_t& word = objects_[static_cast<size_t>(depth) / 64];
    const uint64_t bit = uint64_t{1} << (depth % 64);
    word = is_object ? word | bit : word & ~bit;
  }
  bool IsObject(int depth) const { return (objects_[static_cast<size_t>(depth) / 64] >> (depth % 64) & 1) != 0; }

  // Backslashes are rare: where the next one is, is looked up once and remembered.
  void FindBackslash(size_t from) {
    const void* found = std::memchr(text_.data() + from, '\\', text_.size() - from);
    backslash_ = found == nullptr ? text_.size() : static_cast<size_t>(static_cast<const char*>(found) - text_.data());
  }
  bool HasBackslash(size_t open, size_t close) {
    if (backslash_ < open) FindBackslash(open);
    return backslash_ < close;
  }
  bool CheckEscapes(size_t open) {
    Value again;
    return Scanner(text_, open).ReadString(&again);
  }

  std::string_view text_;
  const uint32_t* at_;
  const uint32_t* end_;
  bool trusted_;
  size_t backslash_ = 0;
  std::array<uint64_t, kDeepestWalk / 64> objects_{};
};

}  // namespace nilus::json
