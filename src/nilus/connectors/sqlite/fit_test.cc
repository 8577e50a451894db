#include "nilus/connectors/sqlite/fit.h"

#include <gtest/gtest.h>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/sqlite/file_testing.h"

namespace nilus::sqlite {
namespace {

using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;

// SQLite itself is the judge: what a numeric column makes of the text, cast back to a text.
TEST(SurvivesNumericAffinityTest, AgreesWithSqlite) {
  Peer sqlite(":memory:");
  sqlite.Run("CREATE TABLE t(c NUMERIC)");
  for (const std::string text : {"",
                                 "x",
                                 "7",
                                 "-7",
                                 "0",
                                 "9223372036854775807",
                                 "-9223372036854775808",
                                 "1.5",
                                 "-0.25",
                                 "123456.789",
                                 "0.001",
                                 "99999999999999.5",
                                 "1 2",
                                 "1,5",
                                 "0x10",
                                 "12a",
                                 "1e",
                                 "e5",
                                 ".",
                                 "-",
                                 "--1",
                                 "1.2.3",
                                 "2024-01-02",
                                 "10:20:30",
                                 "NaN",
                                 "Infinity",
                                 "007",
                                 "+7",
                                 " 7",
                                 "7 ",
                                 "\t7",
                                 "-0",
                                 "1.0",
                                 "1.50",
                                 ".5",
                                 "5.",
                                 "1E5",
                                 "1e5",
                                 "123e4567",
                                 "9223372036854775808",
                                 "123456789012345678901",
                                 "0.1234567890123456789",
                                 "00.5",
                                 "-0.0"}) {
    SCOPED_TRACE(text);
    sqlite.Run("DELETE FROM t; INSERT INTO t VALUES ('" + text + "')");
    const bool is_kept = sqlite.Run("SELECT CAST(c AS TEXT) FROM t").front() == text;
    EXPECT_EQ(SurvivesNumericAffinity(text), is_kept);
  }
}

TEST(FitNumericTest, DecimalsKeepTheirDigits) {
  const auto column = MakeBatch(MakeSchema({MakeField("c", MakeDecimal(38, 2))}), {{"1.10"},
                                                                                   {"123456789012345678.25"},
                                                                                   {std::nullopt},
                                                                                   {"9223372036854775807.00"},
                                                                                   {"9223372036854775808.00"},
                                                                                   {"1234567890123.45"}})
                          .column(0);
  const FittedColumn fitted = FitNumeric(column);
  EXPECT_EQ(fitted.misfit_count, 2);
  ASSERT_TRUE(fitted.misfits.has_value());
  auto texts = [](const Column& of) {
    std::string joined;
    for (int64_t row = 0; row < of.length; ++row) {
      joined += of.IsNull(row) ? "-" : std::string(of.BytesValue(row));
      joined += ' ';
    }
    return joined;
  };
  EXPECT_EQ(texts(fitted.column), "1.10 - - 9223372036854775807 - 1234567890123.45 ");
  EXPECT_EQ(texts(*fitted.misfits), "- 123456789012345678.25 - - 9223372036854775808.00 - ");
}

}  // namespace
}  // namespace nilus::sqlite
