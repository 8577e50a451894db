#include "nilus/lake/literal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "nilus/base/encoding.h"

namespace nilus::lake {
namespace {

// -1, 0 or 1: the macros below do not take orderings.
int Compare(const Literal& a, const Literal& b) {
  const std::strong_ordering order = CompareLiterals(a, b);
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}
IcebergType TypeOf(TypeKind kind) { return MakeIcebergType(kind); }
IcebergType DecimalOf(int precision, int scale) { return ToIcebergType(MakeDecimal(precision, scale)); }

TEST(Literals, BytesOfAppendixD) {
  const auto hex = [](const Literal& literal, const IcebergType& type) { return HexEncode(ToBytes(literal, type)); };
  EXPECT_EQ(hex(true, TypeOf(TypeKind::kBoolean)), "01");
  EXPECT_EQ(hex(34, TypeOf(TypeKind::kInt)), "22000000");
  EXPECT_EQ(hex(34, TypeOf(TypeKind::kLong)), "2200000000000000") << "an int of a column that became a long";
  EXPECT_EQ(hex(int64_t{-1}, TypeOf(TypeKind::kTimestamptz)), "ffffffffffffffff");
  EXPECT_EQ(hex(1.0, TypeOf(TypeKind::kDouble)), "000000000000f03f");
  EXPECT_EQ(hex(Int128{1420}, DecimalOf(4, 2)), "058c");
  EXPECT_EQ(hex(Int128{127}, DecimalOf(4, 2)), "7f");
  EXPECT_EQ(hex(Int128{128}, DecimalOf(4, 2)), "0080");
  EXPECT_EQ(hex(Int128{-128}, DecimalOf(4, 2)), "80");
  EXPECT_EQ(hex(Int128{-129}, DecimalOf(4, 2)), "ff7f");
  EXPECT_EQ(hex(Int128{0}, DecimalOf(4, 2)), "00");
  EXPECT_EQ(hex(std::string("abc"), TypeOf(TypeKind::kString)), "616263");
}

TEST(Literals, BytesOfBeforeAPromotion) {
  EXPECT_EQ(*FromBytes(std::string("\x22\0\0\0", 4), TypeOf(TypeKind::kLong)), Literal(int64_t{34}));
  EXPECT_EQ(*FromBytes(std::string("\0\0\x80\x3f", 4), TypeOf(TypeKind::kDouble)), Literal(1.0));
  EXPECT_EQ(*FromBytes(std::string("\1\0\0\0", 4), TypeOf(TypeKind::kTimestamp)), Literal(int64_t{86'400'000'000}));
}

TEST(Literals, RefuseBytesOfAnotherLength) {
  for (const TypeKind kind : {TypeKind::kBoolean, TypeKind::kInt, TypeKind::kLong, TypeKind::kFloat, TypeKind::kDouble,
                              TypeKind::kDate, TypeKind::kTimestamp, TypeKind::kUuid, TypeKind::kDecimal}) {
    EXPECT_FALSE(FromBytes(std::string(17, 'x'), TypeOf(kind))) << TypeOf(kind).ToString();
    EXPECT_FALSE(FromBytes("", TypeOf(kind))) << TypeOf(kind).ToString();
  }
}

RC_GTEST_PROP(Literals, DecimalsComeBack, (int64_t high, uint64_t low)) {
  const auto value = static_cast<Int128>(static_cast<unsigned __int128>(static_cast<uint64_t>(high)) << 64 | low);
  const IcebergType type = DecimalOf(38, 0);
  const std::string bytes = ToBytes(value, type);
  RC_ASSERT(*FromBytes(bytes, type) == Literal(value));
}

RC_GTEST_PROP(Literals, BoundsHoldTheText, (const std::vector<uint32_t>& points, const std::string& bytes)) {
  std::u32string wide;
  std::string text;
  for (const uint32_t raw : points) {
    uint32_t point = raw % 0x110000;
    if (point >= 0xD800 && point < 0xE000) point = 0x10FFFF;
    if (point < 0x80) {
      text += static_cast<char>(point);
    } else if (point < 0x800) {
      text += {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 63))};
    } else if (point < 0x10000) {
      text += {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
               static_cast<char>(0x80 | (point & 63))};
    } else {
      text += {static_cast<char>(0xF0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 63)),
               static_cast<char>(0x80 | (point >> 6 & 63)), static_cast<char>(0x80 | (point & 63))};
    }
  }
  for (const auto& [value, type] :
       {std::pair{text, TypeOf(TypeKind::kString)}, std::pair{bytes, TypeOf(TypeKind::kBinary)}}) {
    RC_ASSERT(Compare(TruncateLowerBound(value, type, 3), value) <= 0);
    const auto upper = TruncateUpperBound(value, type, 3);
    if (upper) RC_ASSERT(Compare(*upper, value) >= 0);
    if (type.kind == TypeKind::kString) {
      RC_ASSERT(IsValidUtf8(TruncateLowerBound(value, type, 3)));
      if (upper) RC_ASSERT(IsValidUtf8(*upper));
    }
  }
}

TEST(Literals, UpperBoundsAreRaised) {
  const IcebergType text = TypeOf(TypeKind::kString);
  EXPECT_EQ(TruncateUpperBound("abcdef", text, 3), "abd");
  EXPECT_EQ(TruncateUpperBound("abc", text, 3), "abc");
  EXPECT_EQ(TruncateUpperBound("a\xF4\x8F\xBF\xBF\xF4\x8F\xBF\xBFz", text, 3), "b");
  EXPECT_EQ(TruncateUpperBound("\xF4\x8F\xBF\xBFzz", text, 1), std::nullopt);
  EXPECT_EQ(TruncateUpperBound("\xED\x9F\xBFz", text, 1), "\xEE\x80\x80") << "U+D7FF is followed by U+E000";
  const IcebergType binary = TypeOf(TypeKind::kBinary);
  EXPECT_EQ(TruncateUpperBound("a\xFF\xFFz", binary, 3), "b");
  EXPECT_EQ(TruncateUpperBound("\xFF\xFFz", binary, 2), std::nullopt);
}

TEST(Literals, HaveAnOrder) {
  EXPECT_LT(Compare(Literal(), 1), 0);
  EXPECT_LT(Compare(-0.0, 0.0), 0);
  EXPECT_GT(Compare(std::nan(""), 1e300), 0);
  EXPECT_EQ(Compare(34, int64_t{34}), 0);
  EXPECT_LT(Compare(std::string("a"), std::string("\xC3\xA4")), 0) << "by unsigned bytes";
}

TEST(Literals, JsonOfAppendixD) {
  const auto both = [](const Literal& literal, const IcebergType& type, const std::string& json) {
    EXPECT_EQ(LiteralToJson(literal, type), json);
    const auto back = LiteralFromJson(json, type);
    ASSERT_TRUE(back) << json << ": " << back.error().ToString();
    EXPECT_EQ(Compare(*back, literal), 0) << json;
  };
  both(34, TypeOf(TypeKind::kInt), "34");
  both(int64_t{34}, TypeOf(TypeKind::kLong), "34");
  both(Int128{1420}, DecimalOf(9, 2), R"("14.20")");
  both(17486, TypeOf(TypeKind::kDate), R"("2017-11-16")");
  both(int64_t{1510871468123456}, TypeOf(TypeKind::kTimestamp), R"("2017-11-16T22:31:08.123456")");
  both(int64_t{1510871468123456}, TypeOf(TypeKind::kTimestamptz), R"("2017-11-16T22:31:08.123456+00:00")");
  both(std::string("\0\1\2\xFF", 4), TypeOf(TypeKind::kBinary), R"("000102ff")");
  both(std::string("iceberg"), TypeOf(TypeKind::kString), R"("iceberg")");
  both(Literal(), TypeOf(TypeKind::kString), "null");
  EXPECT_EQ(LiteralToJson(int64_t{1510871468123456789}, TypeOf(TypeKind::kTimestampNs)),
            R"("2017-11-16T22:31:08.123456789")");
}

}  // namespace
}  // namespace nilus::lake
