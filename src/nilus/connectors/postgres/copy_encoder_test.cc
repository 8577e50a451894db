#include "nilus/connectors/postgres/copy_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/postgres/server_testing.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;

std::vector<int> NumericWords(Int128 value, int scale) {
  uint8_t slot[kMaxNumericBytes] = {};
  int length = EncodeNumeric(value, scale, slot + kMaxNumericBytes);
  std::vector<int> words;
  for (const uint8_t* at = slot + kMaxNumericBytes - length; at < slot + kMaxNumericBytes; at += 2) {
    words.push_back(static_cast<int16_t>(at[0] << 8 | at[1]));
  }
  return words;
}

// digits, weight, sign, scale, digits…: as numeric_send of the server writes them.
TEST(EncodeNumericTest, KnownValues) {
  EXPECT_EQ(NumericWords(0, 0), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(NumericWords(0, 2), (std::vector<int>{0, 0, 0, 2}));
  EXPECT_EQ(NumericWords(1, 0), (std::vector<int>{1, 0, 0, 0, 1}));
  EXPECT_EQ(NumericWords(-1234567, 2), (std::vector<int>{3, 1, 0x4000, 2, 1, 2345, 6700}));
  EXPECT_EQ(NumericWords(10'000, 0), (std::vector<int>{1, 1, 0, 0, 1}));  // trailing zero groups are not sent
  EXPECT_EQ(NumericWords(5, 2), (std::vector<int>{1, -1, 0, 2, 500}));    // 0.05
  EXPECT_EQ(NumericWords(1, 8), (std::vector<int>{1, -2, 0, 8, 1}));      // 0.00000001
  EXPECT_EQ(NumericWords(100, 2), (std::vector<int>{1, 0, 0, 2, 1}));     // 1.00
}

std::string EncodeAll(const RecordBatch& batch, const std::vector<CopyForm>& forms, int64_t first_sequence = -1) {
  std::vector<CopyField> fields;
  for (size_t i = 0; i < forms.size(); ++i) fields.push_back({&batch.column(static_cast<int>(i)), forms[i]});
  CopyEncoder encoder;
  BufferBuilder out;
  AppendCopyHeader(&out);
  for (int64_t begin = 0; begin < batch.num_rows(); begin += CopyEncoder::kBlockRows) {
    int64_t end = std::min(batch.num_rows(), begin + CopyEncoder::kBlockRows);
    EXPECT_TRUE(encoder.EncodeRows(fields, begin, end, first_sequence < 0 ? -1 : first_sequence + begin, &out));
  }
  AppendCopyTrailer(&out);
  return {reinterpret_cast<const char*>(out.data()), out.size()};
}

TEST(CopyEncoderTest, RowsOfNothingAreHeaderAndTrailer) {
  RecordBatch batch = MakeBatch(MakeSchema({MakeField("a", TypeId::kInt64)}), {});
  EXPECT_EQ(EncodeAll(batch, {CopyForm::kInt8}), std::string("PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0\xFF\xFF", 21));
}

TEST(CopyEncoderTest, SequenceIsTheLastField) {
  RecordBatch batch = MakeBatch(MakeSchema({MakeField("a", TypeId::kInt16)}), {{"7"}, {std::nullopt}});
  EXPECT_EQ(EncodeAll(batch, {CopyForm::kInt2}, 258).substr(19),
            std::string("\0\2\0\0\0\2\0\7\0\0\0\x8\0\0\0\0\0\0\1\2"
                        "\0\2\xFF\xFF\xFF\xFF\0\0\0\x8\0\0\0\0\0\0\1\3\xFF\xFF",
                        20 + 18 + 2));
}

TEST(CopyEncoderTest, AnAbsentColumnIsNull) {
  RecordBatch batch = MakeBatch(MakeSchema({MakeField("a", TypeId::kInt16)}), {{"7"}});
  std::vector<CopyField> fields = {{nullptr, CopyForm::kText}, {&batch.column(0), CopyForm::kInt2}};
  BufferBuilder out;
  ASSERT_TRUE(CopyEncoder().EncodeRows(fields, 0, 1, -1, &out));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out.data()), out.size()),
            std::string("\0\2\xFF\xFF\xFF\xFF\0\0\0\2\0\7", 12));
}

// 1,200 fields share one value of 1 MiB: a row of 1.2 GB without the memory for it.
TEST(CopyEncoderTest, ARowBeyondTheServersLimitIsRefused) {
  const std::string large(1 << 20, 'x');
  RecordBatch batch = MakeBatch(MakeSchema({MakeField("a", TypeId::kText)}), {{"small"}, {large}});
  std::vector<CopyField> fields(1'200, {&batch.column(0), CopyForm::kText});
  CopyEncoder encoder;
  BufferBuilder out;
  Status encoded = encoder.EncodeRows(fields, 0, 2, -1, &out);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().kind, ErrorKind::kData);
  EXPECT_THAT(encoded.error().message, testing::HasSubstr("too large"));
  EXPECT_EQ(out.size(), 0U);
  EXPECT_TRUE(encoder.EncodeRows(fields, 0, 1, -1, &out)) << "the other row is small";
}

// The server reads what we write and writes back the same bytes.
TEST(CopyEncoderTest, TheServerGivesTheSameBytesBack) {
  SchemaPtr schema =
      MakeSchema({MakeField("b", TypeId::kBool), MakeField("i2", TypeId::kInt16), MakeField("i4", TypeId::kInt32),
                  MakeField("i8", TypeId::kInt64), MakeField("f4", TypeId::kFloat32), MakeField("f8", TypeId::kFloat64),
                  MakeField("n", MakeDecimal(38, 7)), MakeField("t", TypeId::kText), MakeField("x", TypeId::kBinary),
                  MakeField("j", TypeId::kJson), MakeField("u", TypeId::kText), MakeField("d", TypeId::kDate),
                  MakeField("tm", TypeId::kTime), MakeField("ts", TypeId::kTimestamp),
                  MakeField("tn", TypeId::kTimestampNtz), MakeField("n2", MakeDecimal(15, 2))});
  const std::vector<CopyForm> forms = {
      CopyForm::kBool,   CopyForm::kInt2,      CopyForm::kInt4,      CopyForm::kInt8,
      CopyForm::kFloat4, CopyForm::kFloat8,    CopyForm::kNumeric,   CopyForm::kText,
      CopyForm::kBytea,  CopyForm::kJsonb,     CopyForm::kUuid,      CopyForm::kDate,
      CopyForm::kTime,   CopyForm::kTimestamp, CopyForm::kTimestamp, CopyForm::kNumeric};
  std::mt19937_64 random(20261121);
  ColumnBuilder builders[16] = {ColumnBuilder(schema->fields[0].type),  ColumnBuilder(schema->fields[1].type),
                                ColumnBuilder(schema->fields[2].type),  ColumnBuilder(schema->fields[3].type),
                                ColumnBuilder(schema->fields[4].type),  ColumnBuilder(schema->fields[5].type),
                                ColumnBuilder(schema->fields[6].type),  ColumnBuilder(schema->fields[7].type),
                                ColumnBuilder(schema->fields[8].type),  ColumnBuilder(schema->fields[9].type),
                                ColumnBuilder(schema->fields[10].type), ColumnBuilder(schema->fields[11].type),
                                ColumnBuilder(schema->fields[12].type), ColumnBuilder(schema->fields[13].type),
                                ColumnBuilder(schema->fields[14].type), ColumnBuilder(schema->fields[15].type)};
  constexpr int kRows = 1500;  // several blocks, the last one not full
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < 16; ++column) {
      ColumnBuilder& to = builders[column];
      if (random() % 7 == 0 && column != 3) {  // column 3 has no NULLs
        to.AppendNull();
        continue;
      }
      auto bits = static_cast<int64_t>(random() >> (random() % 64));
      switch (column) {
        case 0:
          to.AppendBool(bits % 2 == 0);
          break;
        case 1:
          to.Append<int16_t>(static_cast<int16_t>(bits));
          break;
        case 2:
          to.Append<int32_t>(static_cast<int32_t>(bits));
          break;
        case 3:
          to.Append<int64_t>(bits);
          break;
        case 4:
          to.Append<float>(static_cast<float>(bits) / 3);
          break;
        case 5:
          to.Append<double>(static_cast<double>(bits) / 3);
          break;
        case 6: {
          // Up to 38 digits, many of them zero.
          Int128 value = static_cast<Int128>(random() >> (random() % 64)) *
                         static_cast<int64_t>(random() % 5'000'000'000'000'000'000);
          for (auto zeros = random() % 12; zeros > 0; --zeros) value /= 10;
          for (auto zeros = random() % 9; zeros > 0 && value < static_cast<Int128>(1) << 90; --zeros) value *= 10;
          to.Append<Int128>(random() % 2 == 0 ? value : -value);
          break;
        }
        case 7:
          to.AppendBytes(std::string(random() % 40, 'x') + "ü");
          break;
        case 8:
          to.AppendBytes(std::string_view(reinterpret_cast<const char*>(&bits), random() % 9));
          break;
        case 9:
          to.AppendBytes(fmt::format("{{\"a\": {}}}", bits));
          break;
        case 10: {
          std::string hex = fmt::format("{:016x}{:016x}", random(), random());
          to.AppendBytes(hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) +
                         "-" + hex.substr(20));
          break;
        }
        case 11:
          to.Append<int32_t>(static_cast<int32_t>(bits % 1'000'000));
          break;
        case 12:
          to.Append<int64_t>(static_cast<int64_t>(random() % 86'400'000'001));
          break;
        case 13:
        case 14:
          to.Append<int64_t>(bits % 200'000'000'000'000'000);
          break;
        default:
          to.Append<Int128>(bits % 1'000'000'000'000'000);
          break;
      }
    }
  }
  std::vector<Column> columns;
  for (ColumnBuilder& builder : builders) columns.push_back(builder.Finish());
  std::string bytes = EncodeAll(RecordBatch(schema, std::move(columns), kRows), forms, 0);

  auto connection = Connection::Open(TestServer::Shared()->NewDatabase(), {});
  ASSERT_TRUE(connection) << connection.error().ToString();
  auto created = (*connection)
                     ->Execute(
                         "CREATE TABLE t (b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric(38,7), t "
                         "text, x bytea, j jsonb, u uuid, "
                         "d date, tm time, ts timestamptz, tn timestamp, n2 numeric(15,2), seq int8)");
  ASSERT_TRUE(created) << created.error().ToString();
  ASSERT_TRUE((*connection)->StartCopyIn("COPY t FROM STDIN (FORMAT binary)"));
  // Pieces may be cut anywhere.
  ASSERT_TRUE((*connection)->PutCopyData(std::string_view(bytes).substr(0, 1001)));
  Status put = (*connection)->PutCopyData(std::string_view(bytes).substr(1001));
  ASSERT_TRUE(put) << put.error().ToString();
  auto count = (*connection)->EndCopyIn();
  ASSERT_TRUE(count) << count.error().ToString();
  EXPECT_EQ(*count, kRows);

  std::string back;
  ASSERT_TRUE((*connection)->StartCopyOut("COPY (SELECT * FROM t ORDER BY seq) TO STDOUT (FORMAT binary)"));
  CopyData piece;
  while (true) {
    auto more = (*connection)->NextCopyData(&piece);
    ASSERT_TRUE(more);
    if (!*more) break;
    back += piece.bytes();
  }
  size_t same = 0;
  while (same < std::min(back.size(), bytes.size()) && back[same] == bytes[same]) ++same;
  EXPECT_TRUE(back == bytes) << "the first " << same << " bytes are the same; sent " << bytes.size()
                             << " bytes, received " << back.size();
}

}  // namespace
}  // namespace nilus::postgres
