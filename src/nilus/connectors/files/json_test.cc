#include <gmock/gmock.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "nilus/connectors/files/json_table.h"
#include "nilus/connectors/files/json_workers.h"
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
}

TEST_F(JsonFiles, DocumentsWithoutAnyKeyAreRows) {
  Put("a.jsonl", "{}\n{}\n");
  auto read = ReadAll(Path("a.jsonl"), "t");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "");
  EXPECT_EQ(read->rows.size(), 2U);
}

TEST_F(JsonFiles, SaysWhereItIsMalformed) {
  const std::string deep = "{\"a\":" + std::string(17'000, '[') + std::string(17'000, ']') + "}";
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
      {deep, "nested more than 16384 deep"},
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

// The rows of a text that is read in chunks of so many bytes, by so many threads; or the error.
std::string ReadText(const std::string& text, size_t chunk_bytes, int threads, size_t largest_row = 1 << 20) {
  auto open = [&] {
    return std::make_unique<JsonChunks>(
        [&, done = false]() mutable -> Result<std::optional<JsonChunks::File>> {
          if (std::exchange(done, true)) return std::nullopt;
          return JsonChunks::File{BytesFromMemory(text, 1 + chunk_bytes / 2), "f"};
        },
        largest_row, chunk_bytes);
  };
  auto chunks = open();
  auto columns = InferJsonColumns(chunks.get(), threads, {});
  if (!columns) return columns.error().message;
  auto schema = std::make_shared<Schema>(Schema{columns->fields});
  auto batches = ReadJsonBatches(open(), {.schema = schema, .page_rows = 3, .threads = threads});
  std::string rows;
  while (true) {
    auto batch = batches->Next({});
    if (!batch) return batch.error().message;
    if (!*batch) break;
    for (int64_t row = 0; row < (*batch)->num_rows(); ++row) {
      for (const Column& column : (*batch)->columns()) {
        if (!column.IsNull(row)) AppendCellText(column, row, &rows);
        rows += column.IsNull(row) ? "-;" : ";";
      }
      rows += "\n";
    }
  }
  for (const Field& field : schema->fields) rows += field.name + ":" + field.type.ToString() + " ";
  return rows + std::to_string(columns->rows);
}

TEST(JsonText, ChunksAndThreadsChangeNothing) {
  std::string lines;
  std::string array = "[";
  std::string pretty = " [\n";
  for (int i = 0; i < 50; ++i) {
    std::string record = fmt::format(R"({{"a":{},"b":"x}}{{\"[{}","n":{{"k":[{},"]"]}},"c{}":null}})", i, i, i, i % 7);
    lines += record + "\n";
    array += (i == 0 ? "" : ",") + record;
    pretty += (i == 0 ? "  " : " ,\n  ") + record;
  }
  array += "]";
  pretty += "\n]\n\n";
  const std::string expected = ReadText(lines, 1 << 20, 1);
  EXPECT_THAT(expected, HasSubstr("a:bigint b:text n:json 50"));
  for (const std::string& text : {lines, array, pretty}) {
    for (size_t chunk_bytes : {1, 2, 3, 7, 64, 100, 1000, 1 << 20}) {
      for (int threads : {1, 3}) EXPECT_EQ(ReadText(text, chunk_bytes, threads), expected) << chunk_bytes;
    }
  }
}

TEST(JsonText, ErrorsDoNotDependOnChunksAndThreads) {
  std::string good;
  for (int i = 0; i < 20; ++i) good += fmt::format("{{\"a\": {},\n \"b\": [\"é\"]}}\n", i);
  for (const std::string& bad :
       {std::string("{\"a\":01}"), std::string("{\"a\":1,\"a\":2}"), std::string("{\"a\":\"\xff\"}"),
        std::string("{\"a\":"), std::string("]"), std::string("x"), std::string(",{}"), std::string("{\"a\":\"\n\"}"),
        std::string("[{}]")}) {
    const std::string expected = ReadText(good + bad + good, 1 << 20, 1);
    EXPECT_THAT(expected, HasSubstr("f, line ")) << bad;
    for (size_t chunk_bytes : {1, 5, 33, 200}) {
      for (int threads : {1, 4}) EXPECT_EQ(ReadText(good + bad + good, chunk_bytes, threads), expected) << bad;
    }
  }
}

TEST(JsonText, WhatAFileIsDoesNotDependOnChunks) {
  for (const std::string& text : {std::string("\x28\xB5\x2F\xFD{\"a\":1}"), std::string("\xEF\xBB\xBF{\"a\":1}")}) {
    const std::string expected = ReadText(text, 1 << 20, 1);
    for (size_t chunk_bytes : {1, 3}) EXPECT_EQ(ReadText(text, chunk_bytes, 2), expected);
  }
  EXPECT_THAT(ReadText("\x28\xB5\x2F\xFD{}", 1, 1), HasSubstr("zstd"));
}

TEST(JsonText, ObjectsThatMemoryCannotHoldAreRefused) {
  std::string text = "{\"a\":\"open}\n";
  while (text.size() < (3 << 20)) text += "{}\n";
  EXPECT_THAT(ReadText(text, 1 << 16, 2),
              HasSubstr("f, line 1, column 1: the object that opens here has more than 1048576 bytes"));
}

TEST(JsonText, ReadsOnBehindAHugeObject) {
  const std::string huge(20 << 20, 'x');
  const std::string text = "{\"a\":\"" + huge + "\"}\n{\"a\":\"y\"}\n{\"a\":\"\"}";
  EXPECT_TRUE(ReadText(text, 1 << 16, 2, 32 << 20) == huge + ";\ny;\n;\na:text 3");
}

TEST(JsonText, MuchSpaceBetweenRecordsIsNoRecord) {
  const std::string space(3 << 20, ' ');
  EXPECT_EQ(ReadText(space + "[" + space + "{\"a\":1}" + space + ",{\"a\":2}" + space + "]" + space, 1 << 12, 2),
            "1;\n2;\na:bigint 2");
}

// The first ones start; then the limit of processes is reached.
class ScarceThread : public std::jthread {
 public:
  static inline int left = 0;
  template <typename Body>
  explicit ScarceThread(Body body) : std::jthread(Start(std::move(body))) {}

 private:
  template <typename Body>
  static std::jthread Start(Body body) {
    if (left-- <= 0) throw std::system_error(EAGAIN, std::generic_category());
    return std::jthread(std::move(body));
  }
};

struct CountedChunk {
  std::optional<Error> error;
};

struct CountChunks {
  bool operator()(const JsonChunk& chunk, const std::function<bool(CountedChunk)>& push) const {
    push({});
    return !chunk.ends_file;
  }
};

// Those that run wait for room in the outputs, which nobody takes.
TEST(JsonThreads, AThreadThatCannotStartIsAnErrorAndNoHang) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += fmt::format("{{\"a\":{}}}\n", i);
  for (int started : {0, 1, 2}) {
    auto open = [&, done = false]() mutable -> Result<std::optional<JsonChunks::File>> {
      if (std::exchange(done, true)) return std::nullopt;
      return JsonChunks::File{BytesFromMemory(text, 64), "f"};
    };
    JsonChunks chunks(open, 1 << 20, 16);
    std::vector<CountChunks> work(3);
    ScarceThread::left = started;
    JsonWorkers<CountedChunk, CountChunks, ScarceThread> workers(&chunks, {&work[0], &work[1], &work[2]});
    for (int i = 0; i < 2; ++i) {
      auto output = workers.Pop({});
      ASSERT_TRUE(output && output->error) << started;
      EXPECT_EQ(output->error->kind, ErrorKind::kExhausted);
      EXPECT_THAT(output->error->message, HasSubstr("no thread could be started"));
    }
  }
}

}  // namespace
}  // namespace nilus::files
