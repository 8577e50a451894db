#include "nilus/duck/json_floats.h"

#include <gtest/gtest.h>

namespace nilus::duck {
namespace {

TEST(JsonFloatsTest, WordsOutsideOfStringsAreQuoted) {
  EXPECT_EQ(WithQuotedFloatWords("[0.5,NaN,-Infinity]"), R"([0.5,"NaN","-Infinity"])");
  EXPECT_EQ(WithQuotedFloatWords(R"({"NaN":Infinity,"a":["x NaN","\"NaN\\"],"b":NaN})"),
            R"({"NaN":"Infinity","a":["x NaN","\"NaN\\"],"b":"NaN"})");
  EXPECT_EQ(WithQuotedFloatWords(R"("INF")"), R"("INF")");
  EXPECT_EQ(WithQuotedFloatWords(R"(["cut \)"), R"(["cut \)");
}

TEST(JsonFloatsTest, OtherJsonHoldsNone) {
  EXPECT_FALSE(HoldsFloatWords(R"([1e5,true,null,{"a":-0.5}])"));
  EXPECT_TRUE(HoldsFloatWords("[NaN]"));
  EXPECT_TRUE(HoldsFloatWords("[-Infinity]"));
}

}  // namespace
}  // namespace nilus::duck
