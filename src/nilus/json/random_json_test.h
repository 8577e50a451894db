// For this folder's tests: random JSON texts that look like real ones, and like what breaks them.
#pragma once

#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace nilus::json {

inline std::string AnyScalar() {
  static const std::vector<std::string> kScalars = {"null",
                                                    "true",
                                                    "false",
                                                    "0",
                                                    "-0",
                                                    "1",
                                                    "-7",
                                                    "42",
                                                    "1.5",
                                                    "-0.25",
                                                    "1e400",
                                                    "1E-7",
                                                    "123456789012345678",
                                                    "9223372036854775808",
                                                    "0.1234567890123456789",
                                                    "\"\"",
                                                    "\"x\"",
                                                    "\"2024-01-02\"",
                                                    "\"2024-01-02T03:04:05Z\"",
                                                    "\"10:20:30\"",
                                                    "\"NaN\"",
                                                    "\"true\"",
                                                    "\"12\"",
                                                    "\"a\\\"b\\\\\"",
                                                    "\"\\u00e9\\ud83d\\ude00\"",
                                                    "\"é\"",
                                                    "\"{[:,]}\"",
                                                    "\"\\n\""};
  return *rc::gen::elementOf(kScalars);
}

inline std::string AnySpace() {
  static const std::vector<std::string> kSpaces = {"", "", "", "", " ", "\n", "\t ", "\r\n"};
  return *rc::gen::elementOf(kSpaces);
}

inline std::string AnyKey() {
  static const std::vector<std::string> kKeys = {"a", "b", "c", "d", "long key", "é", "\\u0061", "Camel"};
  return "\"" + *rc::gen::elementOf(kKeys) + "\"";
}

inline std::string AnyValue(int depth);

// Each key once unless `twice`.
inline std::string AnyObject(int depth, bool twice = false) {
  std::string text = "{" + AnySpace();
  std::vector<std::string> keys;
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    std::string key = AnyKey();
    std::string meaning = key == "\"\\u0061\"" ? "\"a\"" : key;
    if (!twice && std::find(keys.begin(), keys.end(), meaning) != keys.end()) continue;
    text +=
        (keys.empty() ? "" : "," + AnySpace()) + key + AnySpace() + ":" + AnySpace() + AnyValue(depth - 1) + AnySpace();
    keys.push_back(meaning);
  }
  return text + "}";
}

inline std::string AnyValue(int depth) {
  const int what = depth <= 0 ? 0 : *rc::gen::inRange(0, 4);
  if (what == 3) return AnyObject(depth);
  if (what != 2) return AnyScalar();
  std::string text = "[" + AnySpace();
  for (int i = *rc::gen::inRange(0, 4), first = i; i > 0; --i)
    text += (i == first ? "" : "," + AnySpace()) + AnyValue(depth - 1) + AnySpace();
  return text + "]";
}

// A text with one byte more, less or changed; often no JSON any more.
inline std::string Damaged(std::string text) {
  const std::string bytes = "{}[]:,\"\\ \n\t0123456789.eE+-truefalsenull\x01\x0b\x0c\x1a\x7f\x80\xc3\xa9\xed\xff";
  for (int i = *rc::gen::inRange(0, 3); i > 0 && !text.empty(); --i) {
    const auto at = static_cast<size_t>(*rc::gen::inRange<int>(0, static_cast<int>(text.size())));
    const char byte = *rc::gen::elementOf(bytes);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        text.insert(at, 1, byte);
        break;
      case 1:
        text.erase(at, 1);
        break;
      default:
        text[at] = byte;
    }
  }
  return text;
}

}  // namespace nilus::json
