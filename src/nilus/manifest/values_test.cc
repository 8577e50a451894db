#include "nilus/manifest/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using ::testing::HasSubstr;

TEST(MemoryQuantity, ReadsKubernetesUnits) {
  EXPECT_EQ(*ParseMemoryQuantity("1Gi"), 1073741824);
  EXPECT_EQ(*ParseMemoryQuantity("256Mi"), 268435456);
  EXPECT_EQ(*ParseMemoryQuantity("512M"), 512000000);
  EXPECT_EQ(*ParseMemoryQuantity("1.5G"), 1500000000);
  EXPECT_EQ(*ParseMemoryQuantity("64k"), 64000);
  EXPECT_EQ(*ParseMemoryQuantity("1024"), 1024);
  for (std::string_view text :
       {"", "Gi", "1GB", "1 Gi", "-1Gi", "1e3", "0", "0.1", "1..5G", "99999999999999999999Gi", "0x10"}) {
    EXPECT_FALSE(ParseMemoryQuantity(text)) << text;
  }
}

TEST(CpuQuantity, ReadsThousandths) {
  EXPECT_DOUBLE_EQ(*ParseCpuQuantity("200m"), 0.2);
  EXPECT_DOUBLE_EQ(*ParseCpuQuantity("1000m"), 1);
  EXPECT_DOUBLE_EQ(*ParseCpuQuantity("1.5"), 1.5);
  for (std::string_view text : {"", "0", "0m", "-1", "1 core", "m", "1M", "100000"})
    EXPECT_FALSE(ParseCpuQuantity(text)) << text;
}

TEST(Timestamp, ReadsEveryFormOfTheSpec) {
  auto canonical = [](std::string_view text) {
    auto parsed = ParseTimestamp(text);
    return parsed ? parsed->text : parsed.error().message;
  };
  EXPECT_EQ(canonical("2023-01-31"), "2023-01-31");
  EXPECT_EQ(canonical("2023-01-31T15:00:00"), "2023-01-31T15:00:00");
  EXPECT_EQ(canonical("2023-01-31 15:00:00"), "2023-01-31T15:00:00");
  EXPECT_EQ(canonical("2023-01-31T15:00"), "2023-01-31T15:00:00");
  EXPECT_EQ(canonical("2023-01-31T15:00:00Z"), "2023-01-31T15:00:00Z");
  EXPECT_EQ(canonical("2023-01-31t15:00:00z"), "2023-01-31T15:00:00Z");
  EXPECT_EQ(canonical("2023-01-31T15:00:00+05:30"), "2023-01-31T15:00:00+05:30");
  EXPECT_EQ(canonical("2023-01-31T15:00:00-0800"), "2023-01-31T15:00:00-08:00");
  EXPECT_EQ(canonical("2023-01-31 15:00:00.123456 +02"), "2023-01-31T15:00:00.123456+02:00");
  EXPECT_EQ(canonical("2023-01-31T15:00:00.500Z"), "2023-01-31T15:00:00.5Z");
  EXPECT_EQ(canonical("2023-01-31T15:00:00.000"), "2023-01-31T15:00:00");
  EXPECT_EQ(canonical("2024-02-29"), "2024-02-29");
}

TEST(Timestamp, CountsSeconds) {
  EXPECT_EQ(ParseTimestamp("1970-01-01")->seconds, 0);
  EXPECT_EQ(ParseTimestamp("1970-01-02T00:00:01+01:00")->seconds, 86400 + 1 - 3600);
  EXPECT_EQ(ParseTimestamp("1969-12-31T23:59:59Z")->seconds, -1);
  EXPECT_EQ(ParseTimestamp("2023-01-31T00:00:00.25")->nanoseconds, 250000000);
}

TEST(Timestamp, RefusesOthers) {
  for (std::string_view text :
       {"", "2023", "2023-1-31", "31.01.2023", "2023-02-29", "2023-13-01", "0000-01-01", "2023-01-31T24:00:00",
        "2023-01-31T15:60", "2023-01-31T15:00:61", "2023-01-31T15:00:00.", "2023-01-31T15:00:00.1234567890",
        "2023-01-31T15:00:00+99:00", "2023-01-31T", "2023-01-31X15:00:00", "2023-01-31T15:00:00Zx", "now"}) {
    EXPECT_FALSE(ParseTimestamp(text)) << text;
  }
}

TEST(Cron, AcceptsFiveFields) {
  for (std::string_view text : {"30 11 * * *", "*/5 * * * *", "0,30 9-17 * * MON-FRI", "0 0 1 JAN *", "0 0 29 2 *",
                                "0 0 * * 7", "5/15 * * * *", "0 0 31 1,3 *", "0 0 30 2 1"}) {
    auto cron = CheckCron(text);
    EXPECT_TRUE(cron) << text << (cron ? "" : cron.error().ToString());
  }
  EXPECT_EQ(*CheckCron("  30\t11  * * * "), "30 11 * * *");
}

TEST(Cron, RefusesOthers) {
  for (std::string_view text :
       {"",           "* * * *",           "@daily",      "60 * * * *",  "* 24 * * *",    "* * 0 * *",
        "* * 32 * *", "* * * 13 *",        "* * * * 8",   "*/0 * * * *", "*/99 * * * *",  "5-1 * * * *",
        "a * * * *",  "1,, * * * *",       "* * * FOO *", "-1 * * * *",  "1-2-3 * * * *", "*/ * * * *",
        "0 0 30 2 *", "0 0 31 4,6,9,11 *", "? * * * *"}) {
    EXPECT_FALSE(CheckCron(text)) << text;
  }
  auto six = CheckCron("* * * * * *");
  ASSERT_FALSE(six);
  EXPECT_THAT(six.error().message, HasSubstr("6 fields"));
  EXPECT_THAT(six.error().fix, HasSubstr("seconds"));
  EXPECT_FALSE(CheckCron(std::string(100'000, '*')));
  EXPECT_FALSE(CheckCron("1" + std::string(100'000, '0') + " * * * *"));
}

TEST(Timezone, MustBeInTheZoneDatabase) {
  EXPECT_TRUE(CheckTimezone("UTC"));
  EXPECT_TRUE(CheckTimezone("Asia/Kolkata"));
  EXPECT_TRUE(CheckTimezone("America/Argentina/Buenos_Aires"));
  EXPECT_TRUE(CheckTimezone("Etc/GMT+5"));
  for (std::string_view name : {"", "Asia/Kolkatta", "Asia", "../../../etc/passwd", "/etc/localtime", "Asia/",
                                "zone.tab", "tzdata.zi", "Asia/../UTC", "Asia//Kolkata\n", "asia kolkata"}) {
    EXPECT_FALSE(CheckTimezone(name)) << name;
  }
  EXPECT_FALSE(CheckTimezone(std::string("UTC\0x", 5)));
}

TEST(ColumnType, IsCanonical) {
  for (std::string_view type :
       {"text", "bigint", "double", "bool", "timestamp", "timestamp_ntz", "date", "time", "binary", "json"}) {
    EXPECT_EQ(*CanonicalColumnType(type), type);
  }
  EXPECT_EQ(*CanonicalColumnType("DECIMAL( 12 , 2 )"), "decimal(12,2)");
  EXPECT_EQ(*CanonicalColumnType("numeric(5)"), "decimal(5,0)");
  EXPECT_EQ(*CanonicalColumnType("decimal"), "decimal(38,9)");
  EXPECT_EQ(*CanonicalColumnType("String"), "text");
  EXPECT_EQ(*CanonicalColumnType("double  precision"), "double");
}

TEST(ColumnType, RefusesOthers) {
  for (std::string_view type :
       {"", "decimal(", "decimal()", "decimal(0,0)", "decimal(39,1)", "decimal(5,6)", "decimal(5,-1)", "decimal(1,2,3)",
        "decimal(a,b)", "decimal(5,2)x", "text(20)", "int[]", "wei"}) {
    EXPECT_FALSE(CanonicalColumnType(type)) << type;
  }
  EXPECT_EQ(CanonicalColumnType("bigintt").error().fix, "write bigint");
}

}  // namespace
}  // namespace nilus
