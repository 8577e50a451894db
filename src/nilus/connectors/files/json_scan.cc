#include "nilus/connectors/files/json_scan.h"

#include <vector>

#include "nilus/base/encoding.h"

namespace nilus::files {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | code >> 6));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | code >> 12));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | code >> 18));
    out->push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

}  // namespace

bool JsonScanner::Fail(size_t offset, std::string message) {
  if (error_.message.empty()) error_ = {offset, std::move(message)};
  return false;
}

void JsonScanner::SkipSpace() {
  while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
    ++at_;
}

bool JsonScanner::Take(char c) {
  if (AtEnd() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool JsonScanner::ReadHex4(uint32_t* unit) {
  *unit = 0;
  for (int i = 0; i < 4; ++i) {
    char c = Peek();
    uint32_t digit = 0;
    if (IsDigit(c)) {
      digit = static_cast<uint32_t>(c - '0');
    } else if ((c | 32) >= 'a' && (c | 32) <= 'f') {
      digit = static_cast<uint32_t>((c | 32) - 'a' + 10);
    } else {
      return Fail(at_, "\\u wants four hexadecimal digits");
    }
    *unit = *unit * 16 + digit;
    ++at_;
  }
  return true;
}

bool JsonScanner::ReadEscape(std::string* out) {
  size_t start = at_ - 1;
  char c = Peek();
  ++at_;
  switch (c) {
    case '"':
    case '\\':
    case '/':
      out->push_back(c);
      return true;
    case 'b':
      out->push_back('\b');
      return true;
    case 'f':
      out->push_back('\f');
      return true;
    case 'n':
      out->push_back('\n');
      return true;
    case 'r':
      out->push_back('\r');
      return true;
    case 't':
      out->push_back('\t');
      return true;
    case 'u':
      break;
    default:
      return Fail(start, "the string has an unknown escape");
  }
  uint32_t unit = 0;
  if (!ReadHex4(&unit)) return false;
  if (unit >= 0xD800 && unit < 0xDC00) {
    uint32_t low = 0;
    if (!Take('\\') || !Take('u') || !ReadHex4(&low) || low < 0xDC00 || low > 0xDFFF) {
      error_ = {};
      return Fail(start, "the string has half a surrogate pair, which is no character");
    }
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
    return Fail(start, "the string has half a surrogate pair, which is no character");
  }
  AppendUtf8(unit, out);
  return true;
}

bool JsonScanner::ReadString(std::string* out) {
  size_t open = at_;
  if (!Take('"')) return Fail(at_, "a string was expected");
  const size_t from = out->size();
  bool is_ascii = true;
  while (!AtEnd()) {
    size_t run = at_;
    while (run < text_.size() && text_[run] != '"' && text_[run] != '\\' &&
           static_cast<unsigned char>(text_[run]) >= 0x20) {
      is_ascii = is_ascii && static_cast<unsigned char>(text_[run]) < 0x80;
      ++run;
    }
    out->append(text_.substr(at_, run - at_));
    at_ = run;
    if (AtEnd()) break;
    char c = text_[at_];
    if (c == '"') {
      ++at_;
      if (!is_ascii && !IsValidUtf8(std::string_view(*out).substr(from)))
        return Fail(open, "the string is not valid UTF-8");
      return true;
    }
    if (c != '\\') return Fail(at_, "a control character stands in a string without an escape");
    ++at_;
    if (!ReadEscape(out)) return false;
  }
  return Fail(open, "the string that opens here is never closed");
}

bool JsonScanner::ReadLiteral(std::string_view literal) {
  if (text_.substr(at_, literal.size()) != literal) return Fail(at_, "a value was expected");
  at_ += literal.size();
  return true;
}

bool JsonScanner::ReadNumber() {
  size_t start = at_;
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
  if (IsDigit(Peek())) return Fail(start, "a number begins with a needless zero");
  return true;
}

bool JsonScanner::ReadScalar(JsonKind* kind) {
  std::string discarded;
  switch (Peek()) {
    case '"':
      *kind = JsonKind::kString;
      return ReadString(&discarded);
    case 't':
      *kind = JsonKind::kBool;
      return ReadLiteral("true");
    case 'f':
      *kind = JsonKind::kBool;
      return ReadLiteral("false");
    case 'n':
      *kind = JsonKind::kNull;
      return ReadLiteral("null");
    case 'N':
    case 'I':
      return Fail(at_, "NaN and Infinity are not JSON: write null, or the word in quotes");
    default:
      *kind = JsonKind::kNumber;
      return ReadNumber();
  }
}

// Without recursion: `open` holds the brackets that are open.
bool JsonScanner::ReadNested() {
  std::vector<char> open;
  while (true) {
    char bracket = Peek();
    if (bracket == '{' || bracket == '[') {
      if (open.size() >= static_cast<size_t>(kDeepestJson))
        return Fail(at_, fmt::format("objects and arrays are nested more than {} deep", kDeepestJson));
      open.push_back(bracket);
      ++at_;
      SkipSpace();
      if (Peek() != (bracket == '{' ? '}' : ']')) {
        if (bracket == '[') continue;
        std::string key;
        if (!ReadString(&key)) return false;
        SkipSpace();
        if (!Take(':')) return Fail(at_, "':' was expected behind a key");
        SkipSpace();
        continue;
      }
    } else {
      JsonKind kind{};
      if (!ReadScalar(&kind)) return false;
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
    if (open.back() == '[') continue;
    std::string key;
    if (!ReadString(&key)) return false;
    SkipSpace();
    if (!Take(':')) return Fail(at_, "':' was expected behind a key");
    SkipSpace();
  }
}

bool JsonScanner::ReadValue(JsonKind* kind, std::string_view* text) {
  size_t start = at_;
  if (Peek() == '{' || Peek() == '[') {
    *kind = JsonKind::kNested;
    if (!ReadNested()) return false;
  } else if (!ReadScalar(kind)) {
    return false;
  }
  *text = text_.substr(start, at_ - start);
  return true;
}

void AppendJsonString(std::string_view text, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->push_back('"');
  for (char c : text) {
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
        if (static_cast<unsigned char>(c) < 0x20) {
          out->append("\\u00");
          out->push_back(kHex[static_cast<unsigned char>(c) >> 4]);
          out->push_back(kHex[c & 15]);
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

}  // namespace nilus::files
