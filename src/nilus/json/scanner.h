// JSON text, taken apart strictly after RFC 8259 and without a copy: the authority on what is JSON here, and on what is
// wrong with what is not. Bytes in, values out; no I/O. Linear in the text whatever stands there; one thread at a time.
//
// The text must stay where it is while views into it are used.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nilus::json {

inline constexpr int kDeepest = 16'384;  // objects and arrays inside one another

enum class Kind : unsigned char { kNull, kBool, kNumber, kString, kObject, kArray };

struct Value {
  Kind kind = Kind::kNull;
  std::string_view text;  // as written; of a string what stands between its quotes, escapes as written
  bool escaped = false;   // a string with escapes: Unescape gives what it means

  bool is_nested() const { return kind == Kind::kObject || kind == Kind::kArray; }
  // As written, a string with its quotes.
  std::string_view written() const {
    return kind == Kind::kString ? std::string_view(text.data() - 1, text.size() + 2) : text;
  }
};

// What is wrong and at which byte of the text. No value of the text is in the message.
struct SyntaxError {
  size_t offset = 0;
  std::string message;
};

// Every Read leaves false, and the error, where the text is not what it should be; nothing can be read after that.
class Scanner {
 public:
  explicit Scanner(std::string_view text, size_t offset = 0) : text_(text), at_(offset) {}

  void SkipSpace();
  bool AtEnd() const { return at_ >= text_.size(); }
  size_t offset() const { return at_; }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }
  bool Take(char c);

  // A string. Invalid UTF-8, control characters, unknown escapes and half surrogate pairs are errors.
  bool ReadString(Value* value);
  // Any value, nested ones whole: at most `deepest` objects and arrays inside one another.
  bool ReadValue(Value* value, int deepest = kDeepest);
  // ':' with the spaces around it.
  bool ReadColon();

  const SyntaxError& error() const { return error_; }
  bool Fail(size_t offset, std::string_view message);

 private:
  bool ReadLiteral(std::string_view literal);
  bool ReadNumber();
  bool ReadNested(int deepest);
  bool ReadScalar(Value* value);
  bool ReadKey();
  bool SkipEscape();
  bool ReadHex4(unsigned* unit);

  std::string_view text_;
  size_t at_;
  SyntaxError error_;
};

// The fields of the object that `scanner` stands at: `field(const Value& key)` reads the value behind the key. Stops at
// an error, its own or the scanner's.
template <typename Field>
bool ReadFields(Scanner* scanner, Field field) {
  if (!scanner->Take('{')) return scanner->Fail(scanner->offset(), "an object was expected here");
  scanner->SkipSpace();
  if (scanner->Take('}')) return true;
  while (true) {
    Value key;
    if (!scanner->ReadString(&key) || !scanner->ReadColon() || !field(key)) return false;
    scanner->SkipSpace();
    if (scanner->Take('}')) return true;
    if (!scanner->Take(',')) return scanner->Fail(scanner->offset(), "',' or '}' was expected");
    scanner->SkipSpace();
  }
}

// The elements of the array that `scanner` stands at: `element()` reads one.
template <typename Element>
bool ReadElements(Scanner* scanner, Element element) {
  if (!scanner->Take('[')) return scanner->Fail(scanner->offset(), "an array was expected here");
  scanner->SkipSpace();
  if (scanner->Take(']')) return true;
  while (true) {
    if (!element()) return false;
    scanner->SkipSpace();
    if (scanner->Take(']')) return true;
    if (!scanner->Take(',')) return scanner->Fail(scanner->offset(), "',' or ']' was expected");
    scanner->SkipSpace();
  }
}

// Writes what the inside of a string that was read means to `to`, which has room for inside.size() bytes; how many it
// took. False is never given for a string that ReadString took.
bool Unescape(std::string_view inside, char* to, size_t* size);
// The same of any string value: a view of its text, or of `scratch`.
std::string_view Meaning(const Value& string, std::string* scratch);

// `text` as a JSON string, with its quotes.
void AppendQuoted(std::string_view text, std::string* out);

// The offset of the first byte at or behind `from` that ends a run of plain string bytes: '"', '\' or a control
// character; text.size() when there is none. `is_ascii` becomes false when a byte of the run is not ASCII.
size_t PlainRunEnd(std::string_view text, size_t from, bool* is_ascii);

}  // namespace nilus::json
