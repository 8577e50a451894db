#include "nilus/duck/parquet_writer.h"

#include <gtest/gtest.h>
#include <sys/statvfs.h>

#include <chrono>
#include <cmath>
#include <future>

#include "nilus/data/builder.h"
#include "nilus/duck/batch_stream.h"
#include "nilus/duck/lineitem_testing.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duck {
namespace {

class ParquetWriterTest : public testing::Test {
 protected:
  std::unique_ptr<ParquetWriter> Open(ParquetOptions options = {}) {
    options.directory = folder_.path();
    auto writer = ParquetWriter::Open(database_, std::move(options));
    EXPECT_TRUE(writer);
    return *std::move(writer);
  }
  std::string Value(const std::string& sql) { return connection_.QueryValue(sql)->value_or("NULL"); }
  std::string AllFiles() { return QuoteLiteral(folder_ / "part-*.parquet"); }
  size_t FilesThere() {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), std::filesystem::directory_iterator()));
  }

  TempFolder folder_;
  std::shared_ptr<Database> database_ = *Database::Open({});
  Connection connection_ = *Connection::Open(database_);
};

TEST_F(ParquetWriterTest, FilesHoldTheirRowsInOrder) {
  auto writer = Open({.file_rows = 10'000});
  for (int64_t i = 0; i < 7; ++i) ASSERT_TRUE(writer->Write(LineitemBatch(i * 3'333, 3'333)));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 3U);
  int64_t first = 0;
  for (const WrittenFile& file : *files) {
    std::string path = QuoteLiteral(file.path);
    EXPECT_EQ(file.rows, first == 20'000 ? 3'331 : 10'000);
    EXPECT_EQ(Value("SELECT count(*) FROM read_parquet(" + path + ")"), std::to_string(file.rows));
    EXPECT_EQ(file.bytes, static_cast<int64_t>(std::filesystem::file_size(file.path)));
    // l_orderkey is row / 4 + 1.
    EXPECT_EQ(Value(fmt::format("SELECT count(*) FROM read_parquet({}, file_row_number = true) WHERE l_orderkey <> "
                                "(file_row_number + {}) // 4 + 1",
                                path, first)),
              "0");
    first += file.rows;
  }
  EXPECT_EQ(Value("SELECT count(*) FROM parquet_metadata(" + AllFiles() + ") WHERE compression <> 'ZSTD'"), "0");
}

TEST_F(ParquetWriterTest, RowsLargerThanTheMemoryPassOneByOne) {
  database_ = *Database::Open({.memory_bytes = 64 << 20});
  connection_ = *Connection::Open(database_);
  auto schema = std::make_shared<Schema>(Schema{{Field{"t", MakeType(TypeId::kText)}}});
  auto writer = Open({.file_rows = 2});
  constexpr size_t kBytes = 50'000'000;
  for (char letter : {'a', 'b', 'c'}) {
    BatchBuilder batch(schema);
    std::string text(kBytes, letter);
    for (size_t i = 0; i < kBytes; i += 7) text[i] = static_cast<char>('0' + i * 2'654'435'761U % 10);
    batch.column(0).AppendBytes(text);
    batch.FinishRow();
    Status written = writer->Write(batch.Finish());
    ASSERT_TRUE(written) << written.error().ToString();
    // DuckDB holds nothing of it any more: its file is whole.
    EXPECT_EQ(Value("SELECT count(DISTINCT filename) FROM read_parquet(" + AllFiles() + ", filename = true)"),
              std::to_string(letter - 'a' + 1));
  }
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  EXPECT_EQ(files->size(), 3U);
  EXPECT_EQ(Value("SELECT count(DISTINCT left(t, 2)) || ' ' || sum(length(t)) FROM read_parquet(" + AllFiles() + ")"),
            "3 150000000");
}

TEST_F(ParquetWriterTest, ColumnsCarryTheirFieldIds) {
  auto schema = std::make_shared<Schema>(
      Schema{{Field{"a \"b\"", MakeType(TypeId::kInt64)}, Field{"t", MakeType(TypeId::kText)}}});
  BatchBuilder batch(schema);
  batch.column(0).Append<int64_t>(1);
  batch.column(1).AppendBytes("x");
  batch.FinishRow();
  auto writer = Open({.file_rows = 10, .field_ids = {{"a \"b\"", 7}, {"absent", 9}}});
  ASSERT_TRUE(writer->Write(batch.Finish()));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  EXPECT_EQ(Value("SELECT string_agg(name || '=' || coalesce(field_id::VARCHAR, '-'), ' ') FROM parquet_schema(" +
                  QuoteLiteral(files->front().path) + ") WHERE type IS NOT NULL"),
            "a \"b\"=7 t=-");
}

TEST_F(ParquetWriterTest, RowsOfAFileAreSortedAndNansCounted) {
  auto schema =
      std::make_shared<Schema>(Schema{{Field{"a", MakeType(TypeId::kInt64)}, Field{"d", MakeType(TypeId::kFloat64)}}});
  BatchBuilder batch(schema);
  for (int64_t i = 0; i < 20'000; ++i) {
    i % 100 == 0 ? batch.column(0).AppendNull() : batch.column(0).Append<int64_t>(i * 7'919 % 20'011);
    batch.column(1).Append<double>(i % 10 == 0 ? std::nan("") : 1.5);
    batch.FinishRow();
  }
  auto writer = Open({.file_rows = 8'000, .order_by = {"a"}, .count_nans = true});
  ASSERT_TRUE(writer->Write(batch.Finish()));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ(files->front().nan_counts.at("d"), 800);
  for (const WrittenFile& file : *files) {
    EXPECT_EQ(
        Value("SELECT count(*) FROM (SELECT a, lag(a) OVER (ORDER BY file_row_number) AS b FROM read_parquet(" +
              QuoteLiteral(file.path) + ", file_row_number = true)) WHERE a < b OR (a IS NULL AND b IS NOT NULL)"),
        "0");
  }
}

TEST_F(ParquetWriterTest, FilesEndAtTheirBytes) {
  auto writer = Open({.file_rows = 1'000'000, .file_bytes = 1 << 20});
  for (int64_t i = 0; i < 10; ++i) ASSERT_TRUE(writer->Write(LineitemBatch(i * 5'000, 5'000)));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  EXPECT_GT(files->size(), 2U);
}

TEST_F(ParquetWriterTest, OneFileWhenNoLimitIsGiven) {
  auto writer = Open({.compression = ParquetCompression::kSnappy});
  for (int64_t i = 0; i < 30; ++i) ASSERT_TRUE(writer->Write(LineitemBatch(i * 10'000, 10'000)));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ((*files)[0].rows, 300'000);
  EXPECT_EQ(Value("SELECT count(*) || '/' || sum(l_orderkey) FROM read_parquet(" + AllFiles() + ")"),
            "300000/11250150000");
}

TEST_F(ParquetWriterTest, NewColumnsStartANewFile) {
  auto writer = Open({.file_rows = 10'000});
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "d", .type = MakeType(TypeId::kDate)}}});
  BatchBuilder builder(schema);
  for (int row = 0; row < 10; ++row) {
    builder.column(0).Append<int32_t>(row);
    builder.FinishRow();
  }
  ASSERT_TRUE(writer->Write(builder.Finish()));
  builder.AppendVariant(0, "infinity");
  builder.FinishRow();
  ASSERT_TRUE(writer->Write(builder.Finish()));
  builder.column(0).Append<int32_t>(7);  // fits the wider file
  builder.FinishRow();
  ASSERT_TRUE(writer->Write(builder.Finish()));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[1].rows, 2);
  EXPECT_EQ(Value("SELECT count(*) || '/' || count(d) || '/' || count(d__v_text) FROM read_parquet(" + AllFiles() +
                  ", union_by_name = true)"),
            "12/11/1");
}

TEST_F(ParquetWriterTest, NoRowsMakeNoFilesUnlessAskedFor) {
  auto none = Open()->Finish();
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
  auto writer = Open();
  ASSERT_TRUE(writer->WriteEmpty(LineitemSchema()));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ(Value("SELECT count(*) FROM read_parquet(" + AllFiles() + ")"), "0");
  EXPECT_EQ(Value("SELECT count(*) FROM (DESCRIBE SELECT * FROM read_parquet(" + AllFiles() + "))"), "16");
}

TEST_F(ParquetWriterTest, DestroyedBeforeItsEndLeavesNothing) {
  auto writer = Open({.file_rows = 1000});
  for (int64_t i = 0; i < 5; ++i) ASSERT_TRUE(writer->Write(LineitemBatch(i * 1500, 1500)));
  writer.reset();
  EXPECT_EQ(FilesThere(), 0U);
}

TEST_F(ParquetWriterTest, StopIsCancelledAndLeavesNothing) {
  std::stop_source stop;
  {
    auto writer = Open({.file_rows = 1000, .stop = stop.get_token()});
    ASSERT_TRUE(writer->Write(LineitemBatch(0, 2500)));
    stop.request_stop();
    Status status = writer->Write(LineitemBatch(0, 100));
    auto files = writer->Finish();
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().kind, ErrorKind::kCancelled) << files.error().ToString();
  }
  EXPECT_EQ(FilesThere(), 0U);
}

// DuckDB's own thread waits for the rows of another stream, which the thread that opens the writer would push next.
TEST_F(ParquetWriterTest, OpensWhileRowsAreStreamedElsewhere) {
  ASSERT_TRUE(connection_.Execute("CREATE TABLE elsewhere (l_orderkey BIGINT)"));
  std::future<Result<std::unique_ptr<ParquetWriter>>> opened;  // outlives the stream, whose end sets a hanging one free
  auto stream = BatchStream::Start(
      connection_, [](const std::string& rows) { return "INSERT INTO elsewhere SELECT l_orderkey FROM " + rows; },
      {.schema = LineitemBatch(0, 1).schema(), .queue_bytes = 1, .single_thread = false, .stop = {}});
  ASSERT_TRUE(stream);
  for (int64_t i = 0; i < 200; ++i) ASSERT_TRUE((*stream)->Push(LineitemBatch(i, 1)));
  opened = std::async(std::launch::async,
                      [&] { return ParquetWriter::Open(database_, {.directory = folder_.path(), .file_rows = 10}); });
  ASSERT_EQ(opened.wait_for(std::chrono::minutes(1)), std::future_status::ready);
  ASSERT_TRUE((*stream)->Push(LineitemBatch(200, 1)));
  ASSERT_TRUE((*stream)->Finish());
  EXPECT_EQ(Value("SELECT count(*) FROM elsewhere"), "201");
  auto writer = *opened.get();
  ASSERT_TRUE(writer->Write(LineitemBatch(0, 5)));
  EXPECT_TRUE(writer->Finish());
}

TEST_F(ParquetWriterTest, UnwritableFolderIsNamed) {
  auto writer = ParquetWriter::Open(database_, {.directory = folder_ / "nowhere"});
  ASSERT_TRUE(writer);
  Status status = (*writer)->Write(LineitemBatch(0, 10));
  auto files = (*writer)->Finish();
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().kind, ErrorKind::kNotFound) << files.error().ToString();
  EXPECT_NE(files.error().message.find("nowhere"), std::string::npos);
}

// DuckDB's vectors of 1,000 texts take as much as the bound before they hold a row.
TEST_F(ParquetWriterTest, RowGroupsOfVeryManyColumnsHoldMoreThanABatch) {
  auto schema = std::make_shared<Schema>();
  for (int i = 0; i < 1000; ++i) schema->fields.push_back(Field{fmt::format("c{}", i), MakeType(TypeId::kText)});
  auto writer = Open({.file_rows = 1000});
  for (int round = 0; round < 20; ++round) {
    BatchBuilder batch(schema);
    for (int row = 0; row < 10; ++row) {
      for (int i = 0; i < 1000; ++i) batch.column(i).AppendBytes("value");
      batch.FinishRow();
    }
    ASSERT_TRUE(writer->Write(batch.Finish()));
  }
  ASSERT_TRUE(writer->Finish());
  EXPECT_EQ(Value("SELECT count(DISTINCT row_group_id) FROM parquet_metadata(" + AllFiles() + ")"), "1");
}

TEST_F(ParquetWriterTest, RowGroupsStayBoundedInBytes) {
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "v", .type = MakeType(TypeId::kText)}}});
  auto writer = Open({.row_group_bytes = 4 << 20});
  for (int i = 0; i < 20; ++i) {
    BatchBuilder builder(schema);
    for (int row = 0; row < 2048; ++row) {
      builder.column(0).AppendBytes(std::string(1000, static_cast<char>('a' + i)));
      builder.FinishRow();
    }
    ASSERT_TRUE(writer->Write(builder.Finish()));
  }
  ASSERT_TRUE(writer->Finish());
  EXPECT_GE(std::stoi(Value("SELECT count(*) FROM parquet_metadata(" + AllFiles() + ")")), 5);
}

}  // namespace
}  // namespace nilus::duck
