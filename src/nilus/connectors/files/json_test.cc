#include <gmock/gmock.h>

#include "nilus/connectors/files/json_scan.h"
#include "nilus/connectors/files/row_block.h"
#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

using testing::HasSubstr;

using JsonFiles = FolderTest;

TEST_F(JsonFiles, ReadsArraysLinesAndSingleObjects) {
  const std::vector<Row> expected = {{"1", "x"}, {"2", std::nullopt}};
  for (const char* text :
       {"[{\"a\":1,\"b\":\"x\"},{\"a\":2}]", " [ {\"a\":1,\"b\":\"x\"} ,\n {\"a\":2,\"b\":null} ] \n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n", "{\"a\":1,\"b\":\"x\"}{\"a\":2}",
        "\xEF\xBB\xBF{\"a\":1,\"b\":\"x\"}\r\n\r\n{\"a\":2}"}) {
    Put("a.json", text);
    auto read = ReadAll(Path("a.json"), "t");
    ASSERT_OK(read);
    EXPECT_EQ(read->Columns(), "a:bigint b:text") << text;
    EXPECT_EQ(read->rows, expected) << text;
  }
  Put("a.json", "{\"only\": true}");
  EXPECT_EQ(ReadAll(Path("a.json"), "t")->rows, (std::vector<Row>{{"true"}}));
  for (const char* text : {"", "  \n", "[]", "[ ]"}) {
    Put("a.json", text);
    auto read = ReadAll(Path("a.json"), "t");
    ASSERT_OK(read);
    EXPECT_TRUE(read->plan.splits.empty());
  }
}

TEST_F(JsonFiles, KeepsNestedValuesAsWritten) {
  Put("a.jsonl", "{\"o\":{\"z\":1.0,\"a\":[1, 2]},\"s\":\"\\u00e9\\ud83d\\ude00\\n\"}\n{\"o\":[]}\n");
  auto read = ReadAll(Path("a.jsonl"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "o:json s:text");
  EXPECT_EQ(read->rows, (std::vector<Row>{{"{\"z\":1.0,\"a\":[1, 2]}", "é😀\n"}, {"[]", std::nullopt}}));
}

TEST_F(JsonFiles, MixedTypesAreJsonWithoutLoss) {
  Put("a.jsonl", "{\"m\":1}\n{\"m\":\"1\"}\n{\"m\":true}\n{\"m\":null}\n{\"m\":{\"a\":\"\\\"\"}}\n{\"m\":1e400}\n");
  auto read = ReadAll(Path("a.jsonl"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "m:json");
  EXPECT_EQ(read->rows,
            (std::vector<Row>{{"1"}, {"\"1\""}, {"true"}, {std::nullopt}, {"{\"a\":\"\\\"\"}"}, {"1e400"}}));
}

TEST_F(JsonFiles, ColumnThatOnlyWasNullIsLeftOut) {
  Put("a.jsonl", "{\"a\":1,\"n\":null}\n");
  EXPECT_EQ(ReadAll(Path("a.jsonl"), "t")->Columns(), "a:bigint");
  Put("a.jsonl", "{\"n\":null}\n");
  EXPECT_THAT(ReadError(Path("a.jsonl"), "t"), HasSubstr("no column has a value"));
}

TEST_F(JsonFiles, SaysWhereItIsMalformed) {
  const std::string deep = "{\"a\":" + std::string(600, '[') + std::string(600, ']') + "}";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"a\":1}\n{\"a\":}\n", "a.jsonl, line 2, column 6: a value was expected"},
      {"{\"a\":1}\n{\"a\":1", "line 2, column 1: the object that opens here is never closed"},
      {"{\"a\":1,}", "column 8: a string was expected"},
      {"{\"a\":01}", "needless zero"},
      {"{\"a\":NaN}", "NaN and Infinity are not JSON"},
      {"{\"a\":\"x\ny\"}", "control character"},
      {"{\"a\":\"\\ud800\"}", "surrogate"},
      {"{\"a\":\"\xff\"}", "not valid UTF-8"},
      {"{\"a\":1,\"a\":2}", "stands twice"},
      {"{\"a\":[1}", "expected"},
      {"[1,2]", "column 2: an object was expected"},
      {"[1,2]", "write rows as objects"},
      {"[{\"a\":1} {\"a\":2}]", "',' or ']' was expected"},
      {"[{\"a\":1}", "never closed"},
      {"[{\"a\":1}] x", "something follows"},
      {"hello", "an object was expected"},
      {"{\"a\":tru}", "a value was expected"},
      {"{\"a\":\"x", "never closed"},
      {deep, "nested more than 512 deep"},
  };
  for (const auto& [text, message] : cases) {
    Put("a.jsonl", text);
    EXPECT_THAT(ReadError(Path("a.jsonl"), "t"), HasSubstr(message)) << text.substr(0, 40);
  }
}

TEST_F(JsonFiles, ManyKeysAreRefused) {
  std::string text;
  for (int i = 0; i < 17'000; ++i) text += fmt::format("{{\"k{}\":1}}\n", i);
  Put("a.jsonl", text);
  EXPECT_THAT(ReadError(Path("a.jsonl"), "t"), HasSubstr("different keys"));
}

TEST(JsonString, EscapesAndReadsBack) {
  std::string text = "a\"b\\c\n\t\x01 é";
  text.push_back('\0');
  std::string quoted;
  AppendJsonString(text, &quoted);
  std::string again;
  JsonScanner scanner(quoted);
  ASSERT_TRUE(scanner.ReadString(&again));
  EXPECT_EQ(again, text);
}

TEST(Json, ObjectsThatMemoryCannotHoldAreRefused) {
  std::string text = "{\"a\":\"open}\n";
  while (text.size() < (3 << 20)) text += "{}\n";
  auto tokenizer = MakeJsonTokenizer(BytesFromMemory(text, 1 << 16), "f.json", 1 << 20);
  RowBlock block;
  Status status = tokenizer->Next(&block);
  ASSERT_FALSE(status.has_value());
  EXPECT_NE(status.error().message.find("line 1, column 1: the object that opens here has more than 1048576 bytes"),
            std::string::npos)
      << status.error().message;
}

TEST(Json, ReadsOnBehindAHugeObject) {
  std::string huge(20 << 20, 'x');
  auto tokenizer =
      MakeJsonTokenizer(BytesFromMemory("{\"a\":\"" + huge + "\"}\n{\"a\":\"y\"}\n{\"a\":1}", 1 << 16), "f");
  RowBlock block;
  ASSERT_TRUE(tokenizer->Next(&block));
  ASSERT_EQ(block.num_rows(), 1U);
  EXPECT_TRUE(block.bytes == huge);
  ASSERT_TRUE(tokenizer->Next(&block));
  EXPECT_EQ(block.bytes, "y1");
}

}  // namespace
}  // namespace nilus::files
