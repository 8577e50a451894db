#include "nilus/connector/name_patterns.h"

#include <gmock/gmock.h>

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(NamePatterns, CommasSeparateOutsideOfBrackets) {
  EXPECT_THAT(SplitPatterns(R"(a{1,2}, (b,c)?,,[d,e] )"), ElementsAre("a{1,2}", "(b,c)?", "[d,e]"));
  EXPECT_THAT(SplitPatterns(R"(a\,b,c\.d\)"), ElementsAre("a,b", R"(c\.d\)"));
  EXPECT_THAT(SplitPatterns(" , "), IsEmpty());
  EXPECT_THAT(SplitPatterns("a),b"), ElementsAre("a)", "b"));
}

TEST(NamePatterns, MatchNamesAsAWhole) {
  auto patterns = NamePatterns::Parse("p", R"(public\..*, s\.t)");
  ASSERT_TRUE(patterns);
  EXPECT_FALSE(patterns->empty());
  for (const char* name : {"public.a", "public.", "s.t"}) EXPECT_TRUE(patterns->Match(name)) << name;
  for (const char* name : {"xpublic.a", "s.tt", "sxt", ""}) EXPECT_FALSE(patterns->Match(name)) << name;
  EXPECT_TRUE(NamePatterns::Parse("p", " ")->empty());
}

TEST(NamePatterns, TellWhichExpressionsMatchNothing) {
  const std::vector<std::string> names = {"public.a", "s.t"};
  EXPECT_THAT(NamePatterns::Parse("p", R"(public\.., x\.[ab], s\.T)")->MatchingNone(names),
              testing::ElementsAre(R"(x\.[ab])", R"(s\.T)"));
}

TEST(NamePatterns, NameWhatCannotBeRead) {
  auto refused = NamePatterns::Parse("table.include.list", "a,b(");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(refused.error().message, testing::AllOf(HasSubstr("table.include.list"), HasSubstr("`b(`")));
}

}  // namespace
}  // namespace nilus
