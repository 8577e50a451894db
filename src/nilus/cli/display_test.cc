#include "nilus/cli/display.h"

#include <gtest/gtest.h>

namespace nilus::cli {
namespace {

TEST(Display, NumbersCarryUnits) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatCount(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(FormatBytes(812), "812 B");
  EXPECT_EQ(FormatBytes(1280), "1.2 KiB");
  EXPECT_EQ(FormatBytes(int64_t{34} << 20), "34 MiB");
  EXPECT_EQ(FormatSeconds(0.004), "0.004 s");
  EXPECT_EQ(FormatSeconds(12.34), "12.3 s");
  EXPECT_EQ(FormatSeconds(245), "4m 05s");
  EXPECT_EQ(FormatSeconds(7380), "2h 03m");
  EXPECT_EQ(FormatRows(1), "1 row");
  EXPECT_EQ(FormatRows(1234), "1,234 rows");
}

TEST(Display, NothingFromDataCanMoveTheCursor) {
  EXPECT_EQ(EscapeForTerminal("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(EscapeForTerminal("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(EscapeForTerminal("a\nb", true), "a\nb");
  EXPECT_EQ(Indented("a\nb\nc", 2), "a\n  b\n  c");
  EXPECT_EQ(EscapeForTerminal(std::string_view("\0", 1)), "\\x00");
  EXPECT_EQ(EscapeForTerminal("\xC2\x9B"
                              "31m"),
            "\\x9b31m")
      << "C1 control sequence introducer";
  EXPECT_EQ(EscapeForTerminal("a\u202Eb\u2066"), "a\\u202eb\\u2066") << "directional overrides";
  EXPECT_EQ(EscapeForTerminal("\xFF\xC3"), "\\xff\\xc3") << "not UTF-8";
  EXPECT_EQ(EscapeForTerminal("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(EscapeForTerminal("\xC0\xAF"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(EscapeForTerminal("Zürich 日本 🎉"), "Zürich 日本 🎉");
}

TEST(Display, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Zürich"), 6);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1);
  EXPECT_EQ(DisplayWidth("🎉"), 2);
}

TEST(Display, LongTextIsCutToItsWidth) {
  EXPECT_EQ(FitWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(FitWidth("abcdef", 5), "abcd…");
  EXPECT_EQ(FitWidth("日本語", 6), "日本語");
  EXPECT_EQ(FitWidth("日本語", 5), "日本…");
  EXPECT_EQ(FitWidth("日本語", 4), "日…");
  EXPECT_EQ(FitWidth("abc", 0), "");
  EXPECT_EQ(PadRight("日", 4), "日  ");
  EXPECT_EQ(PadLeft("42", 4), "  42");
  EXPECT_EQ(PadLeft("abcdef", 4), "abc…");
}

}  // namespace
}  // namespace nilus::cli
