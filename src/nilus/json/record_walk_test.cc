#include "nilus/json/record_walk.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "nilus/json/random_json_test.h"
#include "nilus/json/structure.h"

namespace nilus::json {
namespace {

constexpr std::string_view kNone = "no record";

void AppendField(const Value& key, const Value& value, std::string* out) {
  out->append(key.written()).append(key.escaped ? "\\" : "=").append(value.written());
  out->append(value.escaped ? "\\;" : ";").append(std::to_string(static_cast<int>(value.kind)));
}

// All fields of the only record of `text`, along its structure.
std::string Walk(const std::string& text, bool trusted = false) {
  Structure structure;
  if (!structure.Find(text)) return std::string(kNone);
  RecordWalk walk(text, structure.offsets(), trusted);
  std::string fields;
  const bool ok = walk.ReadRecord([&](const Value& key, const Value& value) {
    AppendField(key, value, &fields);
    return true;
  });
  return ok && walk.AtEnd() ? fields : std::string(kNone);
}

// The same by the strict scanner.
std::string Scan(const std::string& text) {
  Scanner scanner(text);
  std::string fields;
  scanner.SkipSpace();
  const bool ok = ReadFields(&scanner, [&](const Value& key) {
    Value value;
    if (!scanner.ReadValue(&value)) return false;
    AppendField(key, value, &fields);
    return true;
  });
  scanner.SkipSpace();
  return ok && scanner.AtEnd() ? fields : std::string(kNone);
}

TEST(RecordWalk, ReadsWhatTheScannerReads) {
  for (const char* text :
       {"{}", " { } ", "{\"a\":1}", "{ \"a\" : -1.5e3 , \"b\" : \"x\\n\" }\n",
        "{\"a\":[{\"b\":[]},{}],\"c\":null,\"d\":true,\"e\":false}", "{\"\":\"\"}", "{\"\\\"\":\"\\\\\"}"}) {
    EXPECT_NE(Walk(text), kNone) << text;
    EXPECT_EQ(Walk(text), Scan(text)) << text;
    EXPECT_EQ(Walk(text, true), Scan(text)) << text;
  }
}

TEST(RecordWalk, GivesUpWhereTheScannerFails) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\" \"b\":1}",
                           "{\"a\":1 2}",
                           "{\"a\":tru}",
                           "{\"a\":truex}",
                           "{\"a\":1x}",
                           "{\"a\":01}",
                           "{\"a\":-}",
                           "{\"a\":1.}",
                           "{\"a\":1e}",
                           "{\"a\":\"b\"c}",
                           "{\"a\":c\"b\"}",
                           "{\"a\":[1}",
                           "{\"a\":[1,]}",
                           "{\"a\":{\"b\"}}",
                           "{\"a\":{1:2}}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":[\"\\ud800\"]}",
                           "{\"a\":\"\xff\"}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\v1}",
                           "{\"a\":1}\x0c",
                           "{\"a\":1}}",
                           "{a:1}",
                           "{1:1}",
                           "{\"a\":NaN}",
                           "[]",
                           "{\"a\":\"b}",
                           "{\"a\":[[[}"}) {
    EXPECT_EQ(Walk(text), kNone) << text;
    EXPECT_EQ(Scan(text), kNone) << text;
  }
}

TEST(RecordWalk, DeepRecordsAreLeftToTheScanner) {
  constexpr size_t kDeepestWalk = 512;
  for (size_t depth : {kDeepestWalk, kDeepestWalk + 1, size_t{kDeepest}}) {
    std::string text = "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    EXPECT_EQ(Walk(text) == kNone, depth > kDeepestWalk);
    EXPECT_NE(Scan(text), kNone);
  }
}

RC_GTEST_PROP(RecordWalk, ReadsAnyRecordAsTheScannerDoes, ()) {
  const std::string text = AnySpace() + AnyObject(3, true) + AnySpace();
  RC_ASSERT(Scan(text) != kNone);
  RC_ASSERT(Walk(text) == Scan(text));
  RC_ASSERT(Walk(text, true) == Scan(text));
}

RC_GTEST_PROP(RecordWalk, AcceptsNothingThatTheScannerRefuses, ()) {
  const std::string text = Damaged(AnyObject(3, true));
  RC_ASSERT(Walk(text) == Scan(text));
}

}  // namespace
}  // namespace nilus::json
