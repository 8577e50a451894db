#include "nilus/base/option_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/redact.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(SetOption, ChecksAndStoresEachType) {
  OptionValues values;
  EXPECT_TRUE(SetOption({"n", OptionType::kInteger}, " +42 ", values));
  EXPECT_TRUE(SetOption({"b", OptionType::kBoolean}, "Yes", values));
  EXPECT_TRUE(SetOption({"t", OptionType::kText}, " x ", values));
  EXPECT_TRUE(SetOption({"l", OptionType::kTextList}, "a, b,,c", values));
  EXPECT_TRUE(SetOption({"m", OptionType::kTextMap}, "a:1, b=2", values));
  OptionSpec choice{"c", OptionType::kChoice};
  choice.choices = "gzip|none";
  EXPECT_TRUE(SetOption(choice, "none", values));
  EXPECT_EQ(values.Integer("n", 0), 42);
  EXPECT_TRUE(values.Boolean("b", false));
  EXPECT_EQ(values.Text("t"), " x ");
  EXPECT_THAT(values.List("l"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(values.Map("m"), ElementsAre(Pair("a", "1"), Pair("b", "2")));
  EXPECT_EQ(values.Text("c"), "none");
  EXPECT_TRUE(values.Has("l"));
  EXPECT_FALSE(values.Has("absent"));
  EXPECT_EQ(values.Integer("absent", 7), 7);
}

TEST(SetOption, RefusesWhatDoesNotFit) {
  OptionValues values;
  EXPECT_FALSE(SetOption({"n", OptionType::kInteger}, "4.5", values));
  EXPECT_FALSE(SetOption({"n", OptionType::kInteger}, "99999999999999999999", values));
  EXPECT_FALSE(SetOption({"b", OptionType::kBoolean}, "maybe", values));
  EXPECT_FALSE(SetOption({"m", OptionType::kTextMap}, "abc", values));
  OptionSpec choice{"c", OptionType::kChoice};
  choice.choices = "gzip|none";
  auto status = SetOption(choice, "zip", values);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().fix, "write one of gzip, none");
  EXPECT_FALSE(values.Has("c"));
}

TEST(SetOption, HidesSecrets) {
  OptionSpec spec{"n", OptionType::kInteger};
  spec.secret = true;
  OptionValues values;
  auto status = SetOption(spec, "canary-value", values);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, Not(HasSubstr("canary")));
  EXPECT_EQ(Redact("canary-value"), "***");
  ForgetSecretsForTesting();
}

TEST(ParseInteger, TakesDigitsOnly) {
  EXPECT_EQ(ParseInteger("-5"), -5);
  EXPECT_EQ(ParseInteger("+5"), 5);
  for (std::string_view text : {"", "+", "-", "+-5", "0x1", "1 ", " 1", "1e3", "١"})
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
}

}  // namespace
}  // namespace nilus
