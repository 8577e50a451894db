#include "nilus/lake/scan_filter.h"

#include <gtest/gtest.h>

#include "nilus/lake/scan_predicate.h"

namespace nilus::lake {
namespace {

class ScanFilterTest : public testing::Test {
 protected:
  ScanFilterTest() {
    schema_.fields = {IcebergField{.id = 1, .name = "n", .type = MakeIcebergType(TypeKind::kLong)},
                      IcebergField{.id = 2, .name = "at", .type = MakeIcebergType(TypeKind::kTimestamptz)},
                      IcebergField{.id = 3, .name = "t", .type = MakeIcebergType(TypeKind::kString)},
                      IcebergField{.id = 4, .name = "d", .type = MakeIcebergType(TypeKind::kDouble)}};
  }

  RangeFilter Range(int32_t id, const char* lower, const char* upper, bool inclusive = true, bool nulls = false) {
    const IcebergField& field = *schema_.FindById(id);
    const auto scalar = [&](const char* text) {
      return text == nullptr ? std::optional<Scalar>() : Scalar{ToNilusType(field.type), text};
    };
    auto filter = MakeRangeFilter(field, scalar(lower), scalar(upper), inclusive, nulls);
    EXPECT_TRUE(filter) << (filter ? "" : filter.error().ToString());
    return *filter;
  }
  DataFile File(int32_t id, const char* lower, const char* upper, int64_t nulls = 0) {
    const RangeFilter bounds = Range(id, lower, upper);
    DataFile file;
    file.record_count = 10;
    file.value_counts = {{id, 10}};
    file.null_counts = {{id, nulls}};
    const IcebergType& type = schema_.FindById(id)->type;
    if (bounds.lower) file.lower_bounds = {{id, ToBytes(*bounds.lower, type)}};
    if (bounds.upper) file.upper_bounds = {{id, ToBytes(*bounds.upper, type)}};
    return file;
  }

  IcebergSchema schema_;
};

TEST_F(ScanFilterTest, FilesOutsideTheRangeAreLeftOut) {
  const DataFile file = File(1, "10", "20");
  EXPECT_TRUE(MayHoldRows(Range(1, "20", nullptr), schema_, file));
  EXPECT_FALSE(MayHoldRows(Range(1, "21", nullptr), schema_, file));
  EXPECT_TRUE(MayHoldRows(Range(1, nullptr, "10"), schema_, file));
  EXPECT_FALSE(MayHoldRows(Range(1, nullptr, "10", false), schema_, file));
  EXPECT_TRUE(MayHoldRows(Range(1, nullptr, nullptr), schema_, file));
}

TEST_F(ScanFilterTest, NullsAndUnknownBoundsKeepFiles) {
  EXPECT_TRUE(MayHoldRows(Range(1, "21", nullptr, true, true), schema_, File(1, "10", "20", 1)));
  EXPECT_FALSE(MayHoldRows(Range(1, "21", nullptr, true, false), schema_, File(1, "10", "20", 1)));
  EXPECT_FALSE(MayHoldRows(Range(1, "1", nullptr, true, false), schema_, File(1, nullptr, nullptr, 10)));
  EXPECT_TRUE(MayHoldRows(Range(1, "21", nullptr), schema_, DataFile{}));
  EXPECT_TRUE(MayHoldRows(Range(4, "21", nullptr), schema_, File(4, "1", "2"))) << "there may be NaNs";
}

TEST_F(ScanFilterTest, PartitionsOutsideTheRangeAreLeftOut) {
  PartitionSpec spec;
  spec.fields = {SpecField{.source_id = 2, .field_id = 1000, .name = "at_day", .transform = {Transform::Kind::kDay}}};
  const std::vector<Literal> day = {*ApplyTransform(spec.fields[0].transform, schema_.fields[1].type,
                                                    *Range(2, "2024-03-15T12:00:00Z", nullptr).lower)};
  EXPECT_TRUE(MayHoldRows(Range(2, "2024-03-15T23:00:00Z", nullptr), schema_, spec, day)) << "the same day";
  EXPECT_FALSE(MayHoldRows(Range(2, "2024-03-16T00:00:00Z", nullptr), schema_, spec, day));
  EXPECT_TRUE(MayHoldRows(Range(2, nullptr, "2024-03-15T00:00:00.5Z", false), schema_, spec, day));
  EXPECT_FALSE(MayHoldRows(Range(2, nullptr, "2024-03-14T23:59:59Z"), schema_, spec, day));
  EXPECT_FALSE(MayHoldRows(Range(2, "2024-03-16T00:00:00Z", nullptr), schema_, spec, {Literal()}));
  EXPECT_TRUE(MayHoldRows(Range(2, "2024-03-16T00:00:00Z", nullptr, true, true), schema_, spec, {Literal()}));
  spec.fields[0].transform = {Transform::Kind::kBucket, 8};
  EXPECT_TRUE(MayHoldRows(Range(2, "2024-03-16T00:00:00Z", nullptr), schema_, spec, {Literal(int32_t{3})}));
}

TEST_F(ScanFilterTest, ManifestsOutsideTheRangeAreLeftOut) {
  PartitionSpec spec;
  spec.fields = {
      SpecField{.source_id = 3, .field_id = 1000, .name = "t", .transform = {Transform::Kind::kTruncate, 2}}};
  ManifestFile manifest;
  manifest.partitions = {FieldSummary{.lower_bound = "ba", .upper_bound = "be"}};
  EXPECT_TRUE(MayHoldRows(Range(3, "beard", nullptr), schema_, spec, manifest));
  EXPECT_FALSE(MayHoldRows(Range(3, "bf", nullptr), schema_, spec, manifest));
  EXPECT_FALSE(MayHoldRows(Range(3, nullptr, "azz"), schema_, spec, manifest));
  manifest.partitions[0].contains_null = true;
  EXPECT_TRUE(MayHoldRows(Range(3, "bf", nullptr, true, true), schema_, spec, manifest));
  manifest.partitions.clear();
  EXPECT_TRUE(MayHoldRows(Range(3, "bf", nullptr), schema_, spec, manifest));
}

}  // namespace
}  // namespace nilus::lake
