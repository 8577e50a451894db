#include "nilus/cdc/value_modes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;

constexpr Type kText = MakeType(TypeId::kText);

bool KeepsNone(const std::string&) { return false; }

// "" is NULL; "~x": x is in the variant column.
RecordBatch Batch(const Type& type, const std::vector<std::string>& values) {
  auto schema = std::make_shared<Schema>(Schema{{Field{"v", type, true, {}}}});
  BatchBuilder rows(schema);
  for (const std::string& value : values) {
    if (value.starts_with('~')) {
      rows.AppendVariant(0, value.substr(1));
    } else if (value.empty()) {
      rows.column(0).AppendNull();
    } else if (type.id == TypeId::kBinary) {
      rows.column(0).AppendBytes(value);
    } else {
      EXPECT_TRUE(AppendParsed(value, &rows.column(0)));
    }
    rows.FinishRow();
  }
  return rows.Finish();
}

std::vector<std::string> Texts(const Column& column) {
  std::vector<std::string> texts;
  for (int64_t row = 0; row < column.length; ++row)
    texts.push_back(column.IsNull(row) ? "NULL" : ScalarAt(column, row).text);
  return texts;
}

RecordBatch Apply(const ValueModes& modes, const RecordBatch& batch) {
  Result<RecordBatch> applied = modes.Apply(batch, KeepsNone);
  EXPECT_TRUE(applied) << applied.error().message;
  return *std::move(applied);
}

TEST(ValueModes, DecimalsAsDoublesAreTheNearestOnes) {
  const ValueModes modes{.decimals = DecimalMode::kDouble};
  const RecordBatch rows = Apply(
      modes, Batch(MakeDecimal(38, 9),
                   {"0.1", "-12.50", "", "12345678901234567890.123456789", "~NaN", "~1e300", "~-Infinity", "~1e999"}));
  EXPECT_EQ(rows.schema()->fields[0].type, MakeType(TypeId::kFloat64));
  EXPECT_THAT(Texts(rows.column(0)),
              ElementsAre("0.1", "-12.5", "NULL", "12345678901234567168", "NaN", "1e+300", "-Infinity", "NULL"));
  EXPECT_THAT(Texts(rows.column(1)), ElementsAre("NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "1e999"))
      << "what is no double stays beside it";
}

TEST(ValueModes, DecimalsAsTextsHaveAllDigits) {
  const ValueModes modes{.decimals = DecimalMode::kString};
  const RecordBatch rows = Apply(modes, Batch(MakeDecimal(38, 2), {"0.1", "", "~NaN", "~0.123456789012"}));
  EXPECT_EQ(rows.schema()->fields[0].type, kText);
  EXPECT_THAT(Texts(rows.column(0)), ElementsAre("0.10", "NULL", "NaN", "0.123456789012"));
  EXPECT_EQ(rows.column(1).null_count, 4);
}

TEST(ValueModes, BinaryAsText) {
  const RecordBatch bytes = Batch(MakeType(TypeId::kBinary), {std::string("\xFB\xEF\xFF\x00", 4), "", "a"});
  const auto spelled = [&](BinaryMode mode) { return Texts(Apply({.binaries = mode}, bytes).column(0)); };
  EXPECT_THAT(spelled(BinaryMode::kBase64), ElementsAre("++//AA==", "NULL", "YQ=="));
  EXPECT_THAT(spelled(BinaryMode::kBase64UrlSafe), ElementsAre("--__AA==", "NULL", "YQ=="));
  EXPECT_THAT(spelled(BinaryMode::kHex), ElementsAre("fbefff00", "NULL", "61"));
  EXPECT_EQ(Apply({.decimals = DecimalMode::kDouble}, bytes).schema(), bytes.schema()) << "nothing is copied";
}

TEST(ValueModes, ColumnsThatAreKeptStay) {
  const ValueModes modes{.decimals = DecimalMode::kDouble};
  const RecordBatch rows = Batch(MakeDecimal(5, 1), {"1.5"});
  Result<RecordBatch> kept = modes.Apply(rows, [](const std::string& column) { return column == "v"; });
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept->schema(), *rows.schema());
}

}  // namespace
}  // namespace nilus
