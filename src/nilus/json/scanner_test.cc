#include "nilus/json/scanner.h"

#include <gtest/gtest.h>

#include <string>

namespace nilus::json {
namespace {

// "kind:text", or "offset: message".
std::string Read(std::string_view text) {
  Scanner scanner(text);
  Value value;
  if (!scanner.ReadValue(&value)) return std::to_string(scanner.error().offset) + ": " + scanner.error().message;
  if (!scanner.AtEnd()) return "rest at " + std::to_string(scanner.offset());
  return std::to_string(static_cast<int>(value.kind)) + ":" + std::string(value.written());
}

TEST(JsonScanner, ReadsValuesAsWritten) {
  for (const char* text : {"0:null", "1:true", "1:false", "2:-0.5e+10", "2:0", "3:\"a\\\"b\"", "4:{\"a\": [1, {}]}",
                           "5:[]", "5:[ [ ] , null ]"}) {
    EXPECT_EQ(Read(text + 2), text);
  }
}

TEST(JsonScanner, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "0: a value was expected"},
      {"-", "0: a value was expected"},
      {"-Infinity", "0: Infinity is not JSON: write null, or \"Infinity\""},
      {"NaN", "0: NaN and Infinity are not JSON: write null, or the word in quotes"},
      {"nul", "0: a value was expected"},
      {"01", "0: a number begins with a needless zero"},
      {"1.", "0: a number has no digits behind its point"},
      {"1e+", "0: a number has no digits in its exponent"},
      {"\"abc", "0: the string that opens here is never closed"},
      {"\"abc\\", "0: the string that opens here is never closed"},
      {"\"12345678\t\"", "9: a control character stands in a string without an escape"},
      {"\"\\x\"", "1: the string has an unknown escape"},
      {"\"\\u12g4\"", "5: \\u wants four hexadecimal digits"},
      {"\"\\ud800\"", "1: the string has half a surrogate pair, which is no character"},
      {"\"\\ud800\\u0041\"", "1: the string has half a surrogate pair, which is no character"},
      {"\"\\udc00\"", "1: the string has half a surrogate pair, which is no character"},
      {"\"1234567\xff\"", "0: the string is not valid UTF-8"},
      {"[1,]", "3: a value was expected"},
      {"[1 2]", "3: ',' or ']' was expected"},
      {"{\"a\" 1}", "5: ':' was expected behind a key"},
      {"{a:1}", "1: a string was expected"},
      {"{\"a\":1,}", "7: a string was expected"},
      {"[}", "1: a value was expected"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(Read(text), message) << text;
}

TEST(JsonScanner, DepthHasALimit) {
  const std::string deep(kDeepest, '[');
  EXPECT_EQ(Read(deep + std::string(kDeepest, ']')).substr(0, 3), "5:[");
  EXPECT_EQ(Read("[" + deep), "16384: objects and arrays are nested more than 16384 deep");
}

TEST(JsonScanner, StringsMeanWhatTheyEscape) {
  auto meaning = [](std::string_view text) {
    Scanner scanner(text);
    Value value;
    EXPECT_TRUE(scanner.ReadString(&value)) << text;
    std::string scratch;
    return std::string(Meaning(value, &scratch));
  };
  EXPECT_EQ(meaning("\"plain\""), "plain");
  EXPECT_EQ(meaning("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(meaning("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\""), "Aé€😀");
  EXPECT_EQ(meaning("\"a\\u0000b\""), std::string("a\0b", 3));
}

TEST(JsonScanner, QuotedTextReadsBack) {
  std::string text = "a\"b\\c\n\t\x01 é 0123456789 \x1f";
  text.push_back('\0');
  std::string quoted;
  AppendQuoted(text, &quoted);
  Scanner scanner(quoted);
  Value value;
  std::string scratch;
  ASSERT_TRUE(scanner.ReadString(&value));
  EXPECT_EQ(Meaning(value, &scratch), text);
}

TEST(JsonScanner, PlainRunsEndAtTheFirstSpecialByte) {
  for (size_t size = 0; size < 40; ++size) {
    for (char special : {'"', '\\', '\n', '\x1f'}) {
      for (size_t at = 0; at <= size; ++at) {
        std::string text(size, 'x');
        if (at < size) text[at] = special;
        bool is_ascii = true;
        EXPECT_EQ(PlainRunEnd(text, 0, &is_ascii), at);
        EXPECT_TRUE(is_ascii);
        if (at == 0) continue;
        text[at - 1] = '\xC3';
        EXPECT_EQ(PlainRunEnd(text, 0, &is_ascii), at);
        EXPECT_FALSE(is_ascii);
      }
    }
  }
  bool is_ascii = true;
  EXPECT_EQ(PlainRunEnd("ab\"\xC3\xA9    ", 0, &is_ascii), 2U);
  EXPECT_TRUE(is_ascii);  // only the run counts
}

}  // namespace
}  // namespace nilus::json
