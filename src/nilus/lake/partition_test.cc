#include "nilus/lake/partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/data/scalar.h"

namespace nilus::lake {
namespace {

IcebergType TypeOf(TypeKind kind) { return MakeIcebergType(kind); }
IcebergType DecimalOf(int precision, int scale) { return ToIcebergType(MakeDecimal(precision, scale)); }

Column Parsed(const Type& type, const std::vector<std::optional<std::string>>& texts) {
  ColumnBuilder builder(type);
  for (const auto& text : texts) {
    if (!text) {
      builder.AppendNull();
    } else {
      EXPECT_TRUE(AppendParsed(*text, &builder)) << *text;
    }
  }
  return builder.Finish();
}

std::vector<std::string> Texts(const Result<Column>& column) {
  std::vector<std::string> texts;
  if (!column) return {column.error().ToString()};
  for (int64_t row = 0; row < column->length; ++row) {
    std::string text = "null";
    if (!column->IsNull(row)) {
      text.clear();
      AppendCellText(*column, row, &text);
    }
    texts.push_back(text);
  }
  return texts;
}

int32_t BucketOf(const IcebergType& type, const Column& column) {
  const auto bucket = ApplyTransform(Transform{Transform::Kind::kBucket, 0x7FFFFFFF, {}}, type, column);
  EXPECT_TRUE(bucket) << bucket.error().ToString();
  return bucket->Value<int32_t>(0);
}

// The table of test values in the spec's appendix B. The bucket of 2^31-1 buckets is nearly the hash itself.
int32_t Expected(int32_t hash) { return (hash & 0x7FFFFFFF) % 0x7FFFFFFF; }

TEST(Bucket, HashesAsTheSpecSays) {
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kInt), Parsed(MakeType(TypeId::kInt32), {"34"})), Expected(2017239379));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kInt), Parsed(MakeType(TypeId::kInt16), {"34"})), Expected(2017239379));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kLong), Parsed(MakeType(TypeId::kInt64), {"34"})), Expected(2017239379));
  EXPECT_EQ(BucketOf(DecimalOf(4, 2), Parsed(MakeDecimal(4, 2), {"14.20"})), Expected(-500754589));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kDate), Parsed(MakeType(TypeId::kDate), {"2017-11-16"})), Expected(-653330422));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kTime), Parsed(MakeType(TypeId::kTime), {"22:31:08"})), Expected(-662762989));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kTimestamp), Parsed(MakeType(TypeId::kTimestampNtz), {"2017-11-16T22:31:08"})),
            Expected(-2047944441));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kTimestamptz),
                     Parsed(MakeType(TypeId::kTimestamp), {"2017-11-16T14:31:08.000001-08:00"})),
            Expected(-1207196810));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kString), Parsed(MakeType(TypeId::kText), {"iceberg"})), Expected(1210000089));
  EXPECT_EQ(
      BucketOf(TypeOf(TypeKind::kUuid), Parsed(MakeType(TypeId::kText), {"f79c3e09-677c-4bbd-a479-3f349cb785e7"})),
      Expected(1488055340));
  EXPECT_EQ(BucketOf(TypeOf(TypeKind::kBinary), Parsed(MakeType(TypeId::kBinary), {"00010203"})), Expected(-188683207));
}

TEST(Transforms, OfDatesAndTimestamps) {
  const Column dates =
      Parsed(MakeType(TypeId::kDate), {"1970-01-01", "1969-12-31", "2017-12-01", std::nullopt, "-0001-02-28"});
  const IcebergType date = TypeOf(TypeKind::kDate);
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kYear, 0, {}}, date, dates)),
              testing::ElementsAre("0", "-1", "47", "null", "-1971"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kMonth, 0, {}}, date, dates)),
              testing::ElementsAre("0", "-1", "575", "null", "-23651"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kDay, 0, {}}, date, dates)),
              testing::ElementsAre("1970-01-01", "1969-12-31", "2017-12-01", "null", "-0001-02-28"));

  const Column times = Parsed(MakeType(TypeId::kTimestamp),
                              {"1970-01-01T00:59:59Z", "1969-12-31T23:59:59.999999Z", "2017-12-01T10:00:00Z"});
  const IcebergType instant = TypeOf(TypeKind::kTimestamptz);
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kHour, 0, {}}, instant, times)),
              testing::ElementsAre("0", "-1", "420034"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kDay, 0, {}}, instant, times)),
              testing::ElementsAre("1970-01-01", "1969-12-31", "2017-12-01"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kVoid, 0, {}}, instant, times)),
              testing::ElementsAre("null", "null", "null"));
}

TEST(Transforms, AnHourBeyondItsTypeIsAnError) {
  const Column times = Parsed(MakeType(TypeId::kTimestamp), {"294000-01-01T00:00:00Z"});
  const auto hours = ApplyTransform(Transform{Transform::Kind::kHour, 0, {}}, TypeOf(TypeKind::kTimestamptz), times);
  ASSERT_FALSE(hours);
  EXPECT_EQ(hours.error().kind, ErrorKind::kData);
}

TEST(Transforms, TruncateRoundsDown) {
  const Transform ten{Transform::Kind::kTruncate, 10, {}};
  EXPECT_THAT(Texts(ApplyTransform(ten, TypeOf(TypeKind::kInt),
                                   Parsed(MakeType(TypeId::kInt32), {"1", "-1", "10", std::nullopt}))),
              testing::ElementsAre("0", "-10", "10", "null"));
  EXPECT_THAT(
      Texts(ApplyTransform(ten, TypeOf(TypeKind::kLong), Parsed(MakeType(TypeId::kInt64), {"-9223372036854775808"}))),
      testing::ElementsAre("9223372036854775806"))
      << "wraps, as other engines do";
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kTruncate, 50, {}}, DecimalOf(6, 2),
                                   Parsed(MakeDecimal(6, 2), {"10.65", "-10.65"}))),
              testing::ElementsAre("10.50", "-11.00"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kTruncate, 3, {}}, TypeOf(TypeKind::kString),
                                   Parsed(MakeType(TypeId::kText), {"iceberg", "\u00e4\u00f6\u00fc\u00df", "ab"}))),
              testing::ElementsAre("ice", "\u00e4\u00f6\u00fc", "ab"));
  EXPECT_THAT(Texts(ApplyTransform(Transform{Transform::Kind::kTruncate, 3, {}}, TypeOf(TypeKind::kBinary),
                                   Parsed(MakeType(TypeId::kBinary), {"0102030405"}))),
              testing::ElementsAre("010203"));
}

TEST(Transforms, ReadAndWriteTheirText) {
  for (const std::string text :
       {"identity", "bucket[16]", "truncate[20]", "year", "month", "day", "hour", "void", "zorder[3]"}) {
    const auto transform = ParseTransform(text);
    ASSERT_TRUE(transform);
    EXPECT_EQ(transform->ToString(), text);
  }
  EXPECT_FALSE(ParseTransform("bucket[0]"));
  EXPECT_FALSE(ParseTransform("bucket[x]"));
  EXPECT_EQ(ParseTransform("days")->kind, Transform::Kind::kDay);
}

IcebergSchema Orders() {
  return MakeIcebergSchema(nilus::Schema{{{"id", MakeType(TypeId::kInt64), true, {}},
                                          {"ts", MakeType(TypeId::kTimestamp), true, {}},
                                          {"name", MakeType(TypeId::kText), true, {}},
                                          {"ratio", MakeType(TypeId::kFloat64), true, {}}}});
}

TEST(PartitionSpecs, AreMadeFromWishes) {
  int32_t last = 999;
  const auto spec = MakePartitionSpec({{"ts", "day", 0, ""}, {"id", "bucket", 16, ""}}, Orders(), {}, &last);
  ASSERT_TRUE(spec) << spec.error().ToString();
  EXPECT_EQ(last, 1001);
  EXPECT_EQ(spec->spec_id, -1);
  EXPECT_EQ(spec->fields[0], (SpecField{2, 1000, "ts_day", Transform{Transform::Kind::kDay, 0, {}}}));
  EXPECT_EQ(spec->fields[1].name, "id_bucket");

  // An equal spec is the same one; an equal field keeps its id.
  auto known = std::make_shared<PartitionSpec>(*spec);
  known->spec_id = 4;
  const auto again = MakePartitionSpec({{"ts", "day", 0, ""}, {"id", "bucket", 16, ""}}, Orders(), {known}, &last);
  EXPECT_EQ(again->spec_id, 4);
  const auto other =
      MakePartitionSpec({{"id", "bucket", 16, ""}, {"name", "truncate", 3, "n3"}}, Orders(), {known}, &last);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->fields[0].field_id, 1001);
  EXPECT_EQ(other->fields[1].field_id, 1002);
  EXPECT_EQ(last, 1002);
}

TEST(PartitionSpecs, RefuseWhatCannotBe) {
  int32_t last = 999;
  const IcebergSchema schema = Orders();
  EXPECT_EQ(MakePartitionSpec({{"x", "day", 0, ""}}, schema, {}, &last).error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(MakePartitionSpec({{"id", "day", 0, ""}}, schema, {}, &last).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(MakePartitionSpec({{"ratio", "bucket", 4, ""}}, schema, {}, &last).error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(MakePartitionSpec({{"id", "bucket", 0, ""}}, schema, {}, &last).error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(MakePartitionSpec({{"id", "week", 0, ""}}, schema, {}, &last).error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(MakePartitionSpec({{"ts", "day", 0, "id"}}, schema, {}, &last).error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(MakePartitionSpec({{"ts", "day", 0, ""}, {"ts", "day", 0, "b"}}, schema, {}, &last).error().kind,
            ErrorKind::kInvalidInput);
  EXPECT_EQ(last, 999);
}

TEST(PartitionSpecs, TextAndFolders) {
  int32_t last = 999;
  auto spec = MakePartitionSpec({{"ts", "hour", 0, ""}, {"ts", "month", 0, ""}, {"name", "identity", 0, ""}}, Orders(),
                                {}, &last);
  ASSERT_TRUE(spec);
  spec->spec_id = 1;
  const auto again = SpecFromJson(SpecToJson(*spec));
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(*again, *spec);
  const auto fields = SpecFieldsFromJson(SpecFieldsToJson(*spec), 1);
  ASSERT_TRUE(fields);
  EXPECT_EQ(*fields, *spec);
  EXPECT_EQ(PartitionPath(*spec, Orders(), {420034, -1, std::string("a/../b c")}),
            "ts_hour=2017-12-01-10/ts_month=1969-12/name=a%2F..%2Fb%20c");
  EXPECT_EQ(PartitionPath(*spec, Orders(), {Literal(), Literal(), Literal()}), "ts_hour=null/ts_month=null/name=null");
  const auto old = SpecFieldsFromJson(R"([{"name":"d","transform":"day","source-id":2}])", 0);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->fields[0].field_id, 1000) << "v1 counts from 1000";
}

TEST(SortOrders, OfClusterBy) {
  auto order = MakeSortOrder({"name", "id"}, Orders(), {});
  ASSERT_TRUE(order);
  EXPECT_EQ(order->order_id, -1);
  order->order_id = 2;
  EXPECT_EQ(*SortOrderFromJson(SortOrderToJson(*order)), *order);
  EXPECT_EQ(MakeSortOrder({"name", "id"}, Orders(), {*order})->order_id, 2);
  EXPECT_EQ(MakeSortOrder({}, Orders(), {})->order_id, 0);
  EXPECT_EQ(MakeSortOrder({"zzz"}, Orders(), {}).error().kind, ErrorKind::kInvalidInput);
}

}  // namespace
}  // namespace nilus::lake
