#include "nilus/json/scanner.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "nilus/base/encoding.h"

namespace nilus::json {
namespace {

static_assert(std::endian::native == std::endian::little, "PlainRunEnd finds the first byte by the lowest bit");

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kTops = 0x8080808080808080;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// The top bit of every byte that is zero; bits above the lowest one may be wrong.
uint64_t ZeroBytes(uint64_t word) { return (word - kOnes) & ~word & kTops; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const auto lower = static_cast<char>(c | 32);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Four hexadecimal digits; -1 when they are not there.
int ReadUnit(std::string_view text) {
  if (text.size() < 4) return -1;
  int unit = 0;
  for (size_t i = 0; i < 4; ++i) {
    int digit = HexValue(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

bool IsHighSurrogate(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLowSurrogate(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

char* PutUtf8(int code, char* to) {
  if (code < 0x80) {
    *to++ = static_cast<char>(code);
  } else if (code < 0x800) {
    *to++ = static_cast<char>(0xC0 | code >> 6);
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    *to++ = static_cast<char>(0xE0 | code >> 12);
    *to++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  } else {
    *to++ = static_cast<char>(0xF0 | code >> 18);
    *to++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
    *to++ = static_cast<char>(0x80 | (code & 0x3F));
  }
  return to;
}

// What a one-letter escape means; '\0' when there is no such escape.
char SimpleEscape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

}  // namespace

size_t PlainRunEnd(std::string_view text, size_t from, bool* is_ascii) {
  const char* data = text.data();
  size_t at = from;
  uint64_t seen = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + at, 8);
    const uint64_t ends =
        ZeroBytes(word ^ kOnes * '"') | ZeroBytes(word ^ kOnes * '\\') | ((word - kOnes * 0x20) & ~word & kTops);
    if (ends != 0) {
      const int before = std::countr_zero(ends) & ~7;  // bits of the run in this word
      if (before > 0) seen |= word & (kTops >> (64 - before));
      *is_ascii = *is_ascii && (seen & kTops) == 0;
      return at + static_cast<size_t>(before / 8);
    }
    seen |= word;
  }
  for (; at < text.size() && data[at] != '"' && data[at] != '\\' && static_cast<unsigned char>(data[at]) >= 0x20; ++at)
    seen |= static_cast<unsigned char>(data[at]);
  *is_ascii = *is_ascii && (seen & kTops) == 0;
  return at;
}

bool Scanner::Fail(size_t offset, std::string_view message) {
  if (error_.message.empty()) error_ = {offset, std::string(message)};
  return false;
}

void Scanner::SkipSpace() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
}

bool Scanner::Take(char c) {
  if (AtEnd() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Scanner::ReadColon() {
  SkipSpace();
  if (!Take(':')) return Fail(at_, "':' was expected behind a key");
  SkipSpace();
  return true;
}

bool Scanner::ReadHex4(unsigned* unit) {
  *unit = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    int digit = HexValue(Peek());
    if (digit < 0) return Fail(at_, "\\u wants four hexadecimal digits");
    *unit = *unit * 16 + static_cast<unsigned>(digit);
  }
  return true;
}

// Behind the backslash.
bool Scanner::SkipEscape() {
  const size_t start = at_ - 1;
  const char letter = Peek();
  if (letter != 'u' && SimpleEscape(letter) == '\0') return Fail(start, "the string has an unknown escape");
  ++at_;
  if (letter != 'u') return true;
  unsigned unit = 0;
  if (!ReadHex4(&unit)) return false;
  bool is_whole = !IsLowSurrogate(static_cast<int>(unit));
  if (IsHighSurrogate(static_cast<int>(unit))) {
    const bool more = text_.substr(at_, 2) == "\\u";
    is_whole = more && IsLowSurrogate(ReadUnit(text_.substr(at_ + 2)));
    if (is_whole) at_ += 6;
  }
  return is_whole || Fail(start, "the string has half a surrogate pair, which is no character");
}

bool Scanner::ReadString(Value* value) {
  const size_t open = at_;
  if (!Take('"')) return Fail(at_, "a string was expected");
  bool is_ascii = true;
  value->kind = Kind::kString;
  value->escaped = false;
  while (true) {
    at_ = PlainRunEnd(text_, at_, &is_ascii);
    if (AtEnd()) return Fail(open, "the string that opens here is never closed");
    if (text_[at_] == '"') break;
    if (text_[at_] != '\\') return Fail(at_, "a control character stands in a string without an escape");
    value->escaped = true;
    ++at_;
    if (AtEnd()) return Fail(open, "the string that opens here is never closed");
    if (!SkipEscape()) return false;
  }
  value->text = text_.substr(open + 1, at_ - open - 1);
  ++at_;
  return is_ascii || IsValidUtf8(value->text) || Fail(open, "the string is not valid UTF-8");
}

bool Scanner::ReadLiteral(std::string_view literal) {
  if (text_.substr(at_, literal.size()) != literal) return Fail(at_, "a value was expected");
  at_ += literal.size();
  return true;
}

bool Scanner::ReadNumber() {
  const size_t start = at_;
  Take('-');
  if (Peek() == '0') {
    ++at_;
  } else if (IsDigit(Peek())) {
    while (IsDigit(Peek())) ++at_;
  } else {
    return Fail(start, Peek() == 'I' ? "Infinity is not JSON: write null, or \"Infinity\"" : "a value was expected");
  }
  if (Take('.')) {
    if (!IsDigit(Peek())) return Fail(start, "a number has no digits behind its point");
    while (IsDigit(Peek())) ++at_;
  }
  if (Peek() == 'e' || Peek() == 'E') {
    ++at_;
    if (Peek() == '+' || Peek() == '-') ++at_;
    if (!IsDigit(Peek())) return Fail(start, "a number has no digits in its exponent");
    while (IsDigit(Peek())) ++at_;
  }
  return !IsDigit(Peek()) || Fail(start, "a number begins with a needless zero");
}

bool Scanner::ReadScalar(Value* value) {
  const size_t start = at_;
  bool ok = false;
  switch (Peek()) {
    case '"':
      return ReadString(value);
    case 't':
      value->kind = Kind::kBool;
      ok = ReadLiteral("true");
      break;
    case 'f':
      value->kind = Kind::kBool;
      ok = ReadLiteral("false");
      break;
    case 'n':
      value->kind = Kind::kNull;
      ok = ReadLiteral("null");
      break;
    case 'N':
    case 'I':
      return Fail(at_, "NaN and Infinity are not JSON: write null, or the word in quotes");
    default:
      value->kind = Kind::kNumber;
      ok = ReadNumber();
  }
  value->text = text_.substr(start, at_ - start);
  value->escaped = false;
  return ok;
}

bool Scanner::ReadKey() {
  Value key;
  return ReadString(&key) && ReadColon();
}

// Without recursion: `open` holds the brackets that are open.
bool Scanner::ReadNested(int deepest) {
  std::vector<char> open;
  while (true) {
    const char bracket = Peek();
    if (bracket == '{' || bracket == '[') {
      if (open.size() >= static_cast<size_t>(deepest))
        return Fail(at_, fmt::format("objects and arrays are nested more than {} deep", kDeepest));
      open.push_back(bracket);
      ++at_;
      SkipSpace();
      if (Peek() != (bracket == '{' ? '}' : ']')) {
        if (bracket == '{' && !ReadKey()) return false;
        continue;
      }
    } else {
      Value scalar;
      if (!ReadScalar(&scalar)) return false;
      SkipSpace();
    }
    // A value has ended: close what closes here, then go on behind a comma.
    while (!open.empty() && Take(open.back() == '{' ? '}' : ']')) {
      open.pop_back();
      if (open.empty()) return true;
      SkipSpace();
    }
    if (!Take(',')) return Fail(at_, open.back() == '{' ? "',' or '}' was expected" : "',' or ']' was expected");
    SkipSpace();
    if (open.back() == '{' && !ReadKey()) return false;
  }
}

bool Scanner::ReadValue(Value* value, int deepest) {
  if (Peek() != '{' && Peek() != '[') return ReadScalar(value);
  const size_t start = at_;
  value->kind = Peek() == '{' ? Kind::kObject : Kind::kArray;
  value->escaped = false;
  if (!ReadNested(deepest)) return false;
  value->text = text_.substr(start, at_ - start);
  return true;
}

bool Unescape(std::string_view inside, char* to, size_t* size) {
  char* const begin = to;
  for (size_t at = 0; at < inside.size();) {
    const void* found = std::memchr(inside.data() + at, '\\', inside.size() - at);
    const size_t run =
        found == nullptr ? inside.size() : static_cast<size_t>(static_cast<const char*>(found) - inside.data());
    std::memmove(to, inside.data() + at, run - at);
    to += run - at;
    at = run;
    if (at == inside.size()) break;
    if (++at == inside.size()) return false;
    const char letter = inside[at++];
    if (letter != 'u') {
      const char meaning = SimpleEscape(letter);
      if (meaning == '\0') return false;
      *to++ = meaning;
      continue;
    }
    int code = ReadUnit(inside.substr(at));
    if (code < 0 || IsLowSurrogate(code)) return false;
    at += 4;
    if (IsHighSurrogate(code)) {
      if (inside.substr(at, 2) != "\\u") return false;
      const int low = ReadUnit(inside.substr(at + 2));
      if (!IsLowSurrogate(low)) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      at += 6;
    }
    to = PutUtf8(code, to);
  }
  *size = static_cast<size_t>(to - begin);
  return true;
}

std::string_view Meaning(const Value& string, std::string* scratch) {
  if (!string.escaped) return string.text;
  scratch->resize(string.text.size());
  size_t size = 0;
  if (!Unescape(string.text, scratch->data(), &size)) return string.text;
  scratch->resize(size);
  return *scratch;
}

void AppendQuoted(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  bool is_ascii = true;
  for (size_t at = 0; at < text.size(); ++at) {
    const size_t run = PlainRunEnd(text, at, &is_ascii);
    out->append(text, at, run - at);
    at = run;
    if (at == text.size()) break;
    const char c = text[at];
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        out->append("\\u00");
        out->push_back(kHex[static_cast<unsigned char>(c) >> 4]);
        out->push_back(kHex[c & 15]);
    }
  }
  out->push_back('"');
}

}  // namespace nilus::json
