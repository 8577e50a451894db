#include "nilus/connectors/postgres/copy_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

using testing::HasSubstr;

const std::string kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);

std::string Big(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}
std::string WireField(const std::string& bytes) { return Big(bytes.size(), 4) + bytes; }
const std::string kNull = Big(0xFFFFFFFF, 4);
const std::string kTrailer = Big(0xFFFF, 2);

struct Decoded {
  std::optional<Error> error;
  RecordBatch batch;
  bool saw_trailer = false;
};

// Each message in an allocation of its own, so that a sanitizer sees reads past its end.
Decoded Decode(const std::vector<CopyDecoder::Column>& columns, const std::vector<std::string>& messages) {
  auto schema = std::make_shared<Schema>();
  for (const auto& column : columns) schema->fields.push_back({column.name, column.type, true, ""});
  CopyDecoder decoder(columns);
  BatchBuilder builder(schema);
  for (const std::string& message : messages) {
    auto copy = std::make_unique<char[]>(message.size());
    std::memcpy(copy.get(), message.data(), message.size());
    if (Status fed = decoder.Feed({copy.get(), message.size()}); !fed) return {fed.error(), {}};
    while (decoder.HasRow()) {
      auto row = decoder.DecodeRow(&builder);
      if (!row) return {row.error(), {}};
    }
  }
  return {std::nullopt, builder.Finish(), decoder.saw_trailer()};
}

const std::vector<CopyDecoder::Column> kTwo = {{"n", MakeType(TypeId::kInt64), Wire::kInt32Wide},
                                               {"t", MakeType(TypeId::kText), Wire::kText}};

TEST(CopyDecoder, RowsNullsAndTrailer) {
  std::string row = Big(2, 2) + WireField(Big(7, 4)) + WireField("seven");
  std::string nulls = Big(2, 2) + kNull + kNull;
  Decoded decoded = Decode(kTwo, {kHeader + row, nulls, row + row, kTrailer});
  ASSERT_FALSE(decoded.error) << decoded.error->ToString();
  EXPECT_TRUE(decoded.saw_trailer);
  ASSERT_EQ(decoded.batch.num_rows(), 4);
  EXPECT_EQ(decoded.batch.column(0).Value<int64_t>(3), 7);
  EXPECT_EQ(decoded.batch.column(1).BytesValue(0), "seven");
  EXPECT_TRUE(decoded.batch.column(1).IsNull(1));
}

// Bytes that PostgreSQL 15 sent for SELECT 1.5::numeric, 'infinity'::date, true, '\x00ff'::bytea, '{"a":1}'::jsonb.
TEST(CopyDecoder, CapturedBytes) {
  std::string captured = kHeader + std::string(
                                       "\x00\x05\x00\x00\x00\x0c\x00\x02\x00\x00\x00\x00\x00\x01\x00\x01\x13\x88"
                                       "\x00\x00\x00\x04\x7f\xff\xff\xff\x00\x00\x00\x01\x01\x00\x00\x00\x02\x00\xff"
                                       "\x00\x00\x00\x09\x01{\"a\": 1}",
                                       50);
  Decoded decoded = Decode({{"n", MakeDecimal(38, 9), Wire::kNumeric},
                            {"d", MakeType(TypeId::kDate), Wire::kDate},
                            {"b", MakeType(TypeId::kBool), Wire::kBool},
                            {"y", MakeType(TypeId::kBinary), Wire::kBinary},
                            {"j", MakeType(TypeId::kJson), Wire::kJsonb}},
                           {captured, kTrailer});
  ASSERT_FALSE(decoded.error) << decoded.error->ToString();
  auto text = [&](int column) {
    std::string out;
    AppendCellText(decoded.batch.column(column), 0, &out);
    return out;
  };
  EXPECT_EQ(text(0), "1.500000000");
  EXPECT_TRUE(decoded.batch.column(1).IsNull(0));
  EXPECT_EQ(decoded.batch.schema()->fields[2].variant_of, "d");
  EXPECT_EQ(text(2), "infinity");
  EXPECT_EQ(text(3), "true");
  EXPECT_EQ(text(4), "00ff");
  EXPECT_EQ(text(5), "{\"a\": 1}");
}

// PostgreSQL's json takes them, its jsonb and everybody else's JSON do not.
TEST(CopyDecoder, HalfSurrogatePairsInJsonAreKeptAsText) {
  const std::vector<std::string> values = {R"({"a":"\ud83d\ude00"})", R"({"a":"\ud800"})", R"( "\u0041" )", "7"};
  std::string rows = kHeader;
  for (const std::string& value : values) rows += Big(1, 2) + Big(value.size(), 4) + value;
  Decoded decoded = Decode({{"j", MakeType(TypeId::kJson), Wire::kJson}}, {rows, kTrailer});
  ASSERT_FALSE(decoded.error) << decoded.error->ToString();
  ASSERT_EQ(decoded.batch.schema()->size(), 2);
  EXPECT_EQ(decoded.batch.schema()->fields[1].variant_of, "j");
  for (size_t i = 0; i < values.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    const int column = i == 1 ? 1 : 0;
    EXPECT_TRUE(decoded.batch.column(1 - column).IsNull(row));
    EXPECT_EQ(decoded.batch.column(column).BytesValue(row), values[i]);
  }
}

TEST(CopyDecoder, HeadersThatAreNone) {
  for (const std::string& header :
       {std::string(), kHeader.substr(0, 18), "X" + kHeader.substr(1),
        std::string("PGCOPY\n\377\r\n\0\0\1\0\0\0\0\0\0", 19), kHeader.substr(0, 15) + Big(0x7FFFFFFF, 4),
        kHeader.substr(0, 15) + Big(0xFFFFFFFF, 4)}) {
    Decoded decoded = Decode(kTwo, {header});
    ASSERT_TRUE(decoded.error.has_value());
    EXPECT_EQ(decoded.error->kind, ErrorKind::kData);
  }
  Decoded decoded = Decode(kTwo, {kHeader.substr(0, 15) + Big(3, 4) + "ext" + kTrailer});
  EXPECT_FALSE(decoded.error) << decoded.error->ToString();
}

TEST(CopyDecoder, EveryCutOfARowIsAnError) {
  std::string row = Big(2, 2) + WireField(Big(7, 4)) + WireField("seven");
  for (size_t size = 1; size < row.size(); ++size) {
    Decoded decoded = Decode(kTwo, {kHeader, row.substr(0, size)});
    ASSERT_TRUE(decoded.error.has_value()) << size;
    EXPECT_EQ(decoded.error->kind, ErrorKind::kData);
  }
}

TEST(CopyDecoder, LengthsThatCannotBe) {
  auto error = [&](const std::string& row) {
    Decoded decoded = Decode(kTwo, {kHeader, row});
    return decoded.error ? decoded.error->message : "none";
  };
  EXPECT_THAT(error(Big(2, 2) + WireField(Big(7, 8)) + kNull), HasSubstr("column n"));
  EXPECT_THAT(error(Big(2, 2) + kNull + Big(0x80000000, 4)), HasSubstr("column t"));
  EXPECT_THAT(error(Big(2, 2) + kNull + Big(0xFFFFFFFE, 4)), HasSubstr("column t"));
  EXPECT_THAT(error(Big(1, 2) + kNull), HasSubstr("1 fields"));
  EXPECT_THAT(error(Big(3, 2) + kNull + kNull + kNull), HasSubstr("3 fields"));
  EXPECT_THAT(error(kTrailer + "x"), HasSubstr("follow the end"));
  Decoded decoded = Decode(kTwo, {kHeader, kTrailer, Big(2, 2) + kNull + kNull});
  ASSERT_TRUE(decoded.error.has_value());
}

TEST(CopyDecoder, ValuesOutsideTheirFormat) {
  auto is_refused = [&](Wire wire, Type type, const std::string& value) {
    return Decode({{"c", type, wire}}, {kHeader, Big(1, 2) + WireField(value)}).error.has_value();
  };
  EXPECT_TRUE(is_refused(Wire::kTime, MakeType(TypeId::kTime), Big(86'400'000'001, 8)));
  EXPECT_FALSE(is_refused(Wire::kTime, MakeType(TypeId::kTime), Big(86'400'000'000, 8)));
  EXPECT_TRUE(is_refused(Wire::kTime, MakeType(TypeId::kTime), Big(~0ULL, 8)));
  EXPECT_TRUE(is_refused(Wire::kDate, MakeType(TypeId::kDate), Big(0x7FFFFFFE, 4)));
  EXPECT_TRUE(is_refused(Wire::kJsonb, MakeType(TypeId::kJson), "\2{}"));
  EXPECT_TRUE(is_refused(Wire::kJsonb, MakeType(TypeId::kJson), ""));
  EXPECT_TRUE(is_refused(Wire::kUuid, MakeType(TypeId::kText), "short"));
  EXPECT_TRUE(is_refused(Wire::kBool, MakeType(TypeId::kBool), ""));
}

}  // namespace
}  // namespace nilus::postgres
