#include "nilus/duck/batch_stream.h"

#include <gtest/gtest.h>

#include <thread>

#include "nilus/data/builder.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/lineitem_testing.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duck {
namespace {

SchemaPtr NumberSchema() {
  static const SchemaPtr schema = std::make_shared<Schema>(Schema{
      {Field{.name = "id", .type = MakeType(TypeId::kInt64)}, Field{.name = "v", .type = MakeType(TypeId::kText)}}});
  return schema;
}

RecordBatch Numbers(int64_t first, int64_t count) {
  BatchBuilder builder(NumberSchema());
  for (int64_t row = first; row < first + count; ++row) {
    builder.column(0).Append<int64_t>(row);
    row % 3 == 0 ? builder.column(1).AppendNull()
                 : builder.column(1).AppendBytes("text that is not inlined " + std::to_string(row));
    builder.FinishRow();
  }
  return builder.Finish();
}

class BatchStreamTest : public testing::Test {
 protected:
  std::unique_ptr<BatchStream> Start(const std::string& before, const std::string& after = "",
                                     BatchStreamOptions options = {}) {
    if (options.schema == nullptr) options.schema = NumberSchema();
    auto stream = BatchStream::Start(
        connection_, [&](const std::string& relation) { return before + relation + after; }, options);
    EXPECT_TRUE(stream);
    return *std::move(stream);
  }

  TempFolder folder_;
  Connection connection_ = *Connection::Open(*Database::Open({.path = folder_ / "t.duckdb"}));
};

TEST_F(BatchStreamTest, InsertsEveryRowOnce) {
  ASSERT_TRUE(connection_.Execute("CREATE TABLE t (id BIGINT, v VARCHAR)"));
  auto stream = Start("INSERT INTO t SELECT id, v FROM ");
  for (int64_t i = 0; i < 40; ++i) ASSERT_TRUE(stream->Push(Numbers(i * 5000, 5000)));
  auto result = stream->Finish();
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ((*result)[0][0], "200000");
  auto check = connection_.Query(
      "SELECT count(*), count(DISTINCT id), sum(id), count(v), count(*) FILTER (v = 'text that is not inlined ' || id) "
      "FROM t");
  EXPECT_EQ((*check)[0], (TextRow{"200000", "200000", "19999900000", "133333", "133333"}));
}

TEST_F(BatchStreamTest, RowsOfOneThreadKeepTheirOrder) {
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ", "", {.single_thread = true});
  for (int64_t i = 0; i < 40; ++i) ASSERT_TRUE(stream->Push(Numbers(i * 7001, 7001)));
  ASSERT_TRUE(stream->Finish());
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t WHERE id <> rowid"), "0");
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t"), "280040");
}

TEST_F(BatchStreamTest, PartsOfBatchesKeepValuesAndNulls) {
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ");
  RecordBatch batch = Numbers(0, 10'000);
  for (int64_t first = 0, count = 1; first < 10'000; first += count, count = count * 2 + 1) {
    ASSERT_TRUE(stream->PushRows(batch, first, std::min(count, 10'000 - first)));
  }
  ASSERT_TRUE(stream->Finish());
  auto check = connection_.Query(
      "SELECT count(*), sum(id), count(*) FILTER ((v IS NULL) = (id % 3 = 0)), "
      "count(*) FILTER (v = 'text that is not inlined ' || id) FROM t");
  EXPECT_EQ((*check)[0], (TextRow{"10000", "49995000", "10000", "6666"}));
}

TEST_F(BatchStreamTest, FiltersProjectionsAndCountsSeeTheRightRows) {
  for (const char* sql : {"CREATE TABLE t0 AS SELECT v, id FROM ", "CREATE TABLE t1 AS SELECT id AS id FROM "}) {
    auto stream = Start(sql, " WHERE id >= 900 AND id % 2 = 0");
    ASSERT_TRUE(stream->Push(Numbers(0, 1000)));
    ASSERT_TRUE(stream->Finish());
  }
  EXPECT_EQ(**connection_.QueryValue("SELECT sum(id) FROM t0"), **connection_.QueryValue("SELECT sum(id) FROM t1"));
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t1 WHERE id >= 900"), "50");
  auto count = Start("SELECT count(*) FROM ");
  ASSERT_TRUE(count->Push(Numbers(0, 5000)));
  EXPECT_EQ((*count->Finish())[0][0], "5000");
}

TEST_F(BatchStreamTest, ColumnsAreMatchedByNameAndMissingOnesAreNull) {
  auto wide = std::make_shared<Schema>(*NumberSchema());
  wide->fields.insert(wide->fields.begin(), Field{.name = "late", .type = MakeType(TypeId::kDate)});
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ", "", {.schema = wide});
  EXPECT_TRUE(stream->Accepts(*NumberSchema()));
  ASSERT_TRUE(stream->Push(Numbers(0, 3000)));
  Schema other = *NumberSchema();
  other.fields[0].type = MakeType(TypeId::kText);
  EXPECT_FALSE(stream->Accepts(other));
  other.fields[0] = Field{.name = "unknown", .type = MakeType(TypeId::kInt64)};
  EXPECT_FALSE(stream->Accepts(other));
  ASSERT_TRUE(stream->Finish());
  EXPECT_EQ((*connection_.Query("SELECT count(*), count(late), count(id) FROM t"))[0], (TextRow{"3000", "0", "3000"}));
}

// Every type in, every type out.
TEST_F(BatchStreamTest, TypesRoundTrip) {
  auto schema = std::make_shared<Schema>();
  auto add = [&](Type type) {
    schema->fields.push_back(Field{.name = "c" + std::to_string(schema->size()), .type = type});
  };
  for (int id = 0; id <= static_cast<int>(TypeId::kTimestampNtz); ++id) {
    if (static_cast<TypeId>(id) != TypeId::kDecimal) add(MakeType(static_cast<TypeId>(id)));
  }
  for (int precision : {4, 9, 18, 38}) add(MakeDecimal(precision, 2));
  BatchBuilder builder(schema);
  for (int row = 0; row < 5000; ++row) {
    for (int i = 0; i < schema->size(); ++i) {
      ColumnBuilder& column = builder.column(i);
      int64_t value = row % 100 - 50;
      if ((row + i) % 7 == 0) {
        column.AppendNull();
        continue;
      }
      switch (column.type().id) {
        case TypeId::kBool:
          column.AppendBool(value > 0);
          break;
        case TypeId::kText:
          column.AppendBytes(std::string(static_cast<size_t>(row % 20), 'x'));
          break;
        case TypeId::kJson:
          column.AppendBytes(fmt::format("[{}]", value));
          break;
        case TypeId::kBinary:
          column.AppendBytes(std::string(static_cast<size_t>(row % 20), '\0'));
          break;
        case TypeId::kFloat32:
          column.Append<float>(static_cast<float>(value) / 4);
          break;
        case TypeId::kFloat64:
          column.Append<double>(static_cast<double>(value) / 3);
          break;
        case TypeId::kDecimal:
          column.Append<Int128>(value);
          break;
        case TypeId::kTime:
          column.Append<int64_t>(row);
          break;
        default:
          switch (FixedWidth(column.type().id)) {
            case 2:
              column.Append<int16_t>(static_cast<int16_t>(value));
              break;
            case 4:
              column.Append<int32_t>(static_cast<int32_t>(value));
              break;
            default:
              column.Append<int64_t>(value);
              break;
          }
      }
    }
    builder.FinishRow();
  }
  RecordBatch batch = builder.Finish();
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ", "", {.schema = schema, .single_thread = true});
  ASSERT_TRUE(stream->Push(batch));
  ASSERT_TRUE(stream->Finish());
  for (const Field& field : schema->fields) {
    EXPECT_EQ(**connection_.QueryValue("SELECT data_type FROM duckdb_columns() WHERE column_name = " +
                                       QuoteLiteral(field.name)),
              SqlTypeName(field.type));
  }
  auto reader = QueryReader::Open(connection_, "SELECT * FROM t ORDER BY rowid", {}, {.keep_narrow = true}, {});
  ASSERT_TRUE(reader) << reader.error().ToString();
  auto back = (*reader)->Next({});
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(*(*back)->schema(), *schema);
  ASSERT_EQ((*back)->num_rows(), 5000);
  for (int i = 0; i < schema->size(); ++i) {
    SCOPED_TRACE(schema->fields[static_cast<size_t>(i)].type.ToString());
    const Column& in = batch.column(i);
    const Column& out = (*back)->column(i);
    ASSERT_EQ(in.null_count, out.null_count);
    ASSERT_EQ(in.values.size(), out.values.size());
    EXPECT_EQ(std::memcmp(in.values.data(), out.values.data(), in.values.size()), 0);
  }
}

TEST_F(BatchStreamTest, FailureOfTheStatementReachesThePusher) {
  ASSERT_TRUE(connection_.Execute("CREATE TABLE t (id BIGINT CHECK (id < 100000), v VARCHAR)"));
  auto stream = Start("INSERT INTO t SELECT id, v FROM ", "", {.queue_bytes = 1 << 20});
  Status status;
  for (int64_t i = 0; i < 1000 && status; ++i) status = stream->Push(Numbers(i * 5000, 5000));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kData) << status.error().ToString();
  auto finished = stream->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kData);
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t"), "0");
}

TEST_F(BatchStreamTest, StatementThatDoesNotBindFailsBothWays) {
  auto stream = Start("INSERT INTO nowhere SELECT * FROM ");
  Status status;
  for (int i = 0; i < 100'000 && status; ++i) status = stream->Push(Numbers(0, 1000));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kNotFound);
  auto untouched = Start("INSERT INTO nowhere SELECT * FROM ");
  auto finished = untouched->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kNotFound);
}

TEST_F(BatchStreamTest, DestroyedHalfwayUndoesTheStatement) {
  ASSERT_TRUE(connection_.Execute("CREATE TABLE t (id BIGINT, v VARCHAR)"));
  for (int rows : {0, 10, 300'000}) {
    auto stream = Start("INSERT INTO t SELECT id, v FROM ");
    if (rows > 0) {
      ASSERT_TRUE(stream->Push(Numbers(0, rows)));
    }
    stream.reset();
    EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t"), "0");
  }
}

TEST_F(BatchStreamTest, InsideATransactionItsFateIsTheTransactions) {
  ASSERT_TRUE(connection_.Execute("CREATE TABLE t (id BIGINT, v VARCHAR)"));
  for (const char* end : {"ROLLBACK", "COMMIT"}) {
    ASSERT_TRUE(connection_.Execute("BEGIN TRANSACTION"));
    auto stream = Start("INSERT INTO t SELECT id, v FROM ");
    ASSERT_TRUE(stream->Push(Numbers(0, 300'000)));
    ASSERT_TRUE(stream->Finish());
    ASSERT_TRUE(connection_.Execute(end));
  }
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t"), "300000");
  // Nothing of the stream itself is left in the file.
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM duckdb_views() WHERE NOT internal"), "0");
}

TEST_F(BatchStreamTest, StopEndsABlockedPush) {
  std::stop_source stop;
  // Reads one batch after the other, each against a join that takes for ever: Push finds the queue full.
  auto stream = Start("SELECT count(*) FROM range(10000000000) r WHERE r.range NOT IN (SELECT id FROM ", ")",
                      {.queue_bytes = 1, .stop = stop.get_token()});
  std::jthread stopper;
  Status status;
  for (int i = 0; status; ++i) {
    status = stream->Push(Numbers(0, 1000));
    if (i == 20) stopper = std::jthread([&] { stop.request_stop(); });
  }
  EXPECT_EQ(status.error().kind, ErrorKind::kCancelled);
  auto finished = stream->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kCancelled);
}

TEST_F(BatchStreamTest, StopBeforeTheStartIsCancelled) {
  std::stop_source stop;
  stop.request_stop();
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ", "", {.stop = stop.get_token()});
  auto finished = stream->Finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().kind, ErrorKind::kCancelled);
}

TEST_F(BatchStreamTest, StatementThatReadsOnlyTheStartDoesNotHang) {
  auto stream = Start("CREATE TABLE t AS SELECT * FROM ", " LIMIT 5", {.queue_bytes = 1});
  for (int i = 0; i < 200; ++i) {
    if (!stream->Push(Numbers(0, 5000))) break;
  }
  ASSERT_TRUE(stream->Finish());
  EXPECT_EQ(**connection_.QueryValue("SELECT count(*) FROM t"), "5");
}

// Text is UTF-8 by contract. What breaks the contract must not get into a file, nor break the database.
TEST_F(BatchStreamTest, InvalidUtf8IsADataErrorAndHarmsNothing) {
  for (const std::string& text :
       {std::string("\xff\xfe short"), std::string("a longer text with a broken \xc3\x28 in it")}) {
    BatchBuilder builder(NumberSchema());
    builder.column(0).Append<int64_t>(1);
    builder.column(1).AppendBytes(text);
    builder.FinishRow();
    auto stream = Start("CREATE TABLE broken AS SELECT * FROM ");
    ASSERT_TRUE(stream->Push(builder.Finish()));
    auto result = stream->Finish();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::kData) << result.error().ToString();
    EXPECT_TRUE(connection_.Execute("SELECT 1"));
  }
}

}  // namespace
}  // namespace nilus::duck
