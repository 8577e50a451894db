#include "nilus/cli/arguments.h"

#include <gmock/gmock.h>

namespace nilus::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Declared {
  std::string address;
  std::string sql;
  std::vector<std::string> files;
  bool json = false;
  bool yes = false;
  std::optional<std::string> resources;
  std::vector<std::string> overrides;
  std::string format = "table";

  Arguments Declare() {
    Arguments arguments("test");
    arguments.Operand("ADDRESS", &address, true, "where");
    arguments.Operand("SQL", &sql, false, "what");
    arguments.Flag("--json", &json, "for machines");
    arguments.Flag("-y,--yes", &yes, "asks nothing");
    arguments.Text("--resources", "DIR", &resources, "a folder");
    arguments.TextList("--set", "PATH=VALUE", &overrides, "sets");
    arguments.Choice("--format", "table|jsonl|csv", &format, "how");
    return arguments;
  }
  Result<Arguments::Outcome> Parse(std::vector<std::string> words) { return Declare().Parse(words); }
};

TEST(Arguments, EveryKindIsRead) {
  Declared declared;
  auto outcome =
      declared.Parse({"a", "--set", "x=1", "b", "--json", "--set=y=2", "--resources", "r", "-y", "--format", "csv"});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(*outcome, Arguments::Outcome::kRun);
  EXPECT_EQ(declared.address, "a");
  EXPECT_EQ(declared.sql, "b");
  EXPECT_TRUE(declared.json);
  EXPECT_TRUE(declared.yes);
  EXPECT_EQ(declared.resources, "r");
  EXPECT_THAT(declared.overrides, ElementsAre("x=1", "y=2"));
  EXPECT_EQ(declared.format, "csv");
}

TEST(Arguments, AbsentOnesKeepTheirDefaults) {
  Declared declared;
  ASSERT_TRUE(declared.Parse({"a"}));
  EXPECT_FALSE(declared.resources.has_value());
  EXPECT_EQ(declared.format, "table");
  EXPECT_FALSE(declared.json);
}

TEST(Arguments, WordsBehindTwoDashesAreOperands) {
  Declared declared;
  ASSERT_TRUE(declared.Parse({"--json", "--", "--help", "-- a comment"}));
  EXPECT_EQ(declared.address, "--help");
  EXPECT_EQ(declared.sql, "-- a comment");
}

TEST(Arguments, HelpWinsOverWhatIsMissing) {
  Declared declared;
  EXPECT_EQ(declared.Parse({"--help"}).value(), Arguments::Outcome::kHelp);
  EXPECT_EQ(declared.Parse({"--nonsense", "-h"}).value(), Arguments::Outcome::kHelp);
}

TEST(Arguments, UnknownFlagNamesTheNearestAndNeverItsValue) {
  Declared declared;
  auto outcome = declared.Parse({"a", "--resource=canary-secret"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(outcome.error().message, HasSubstr("--resource"));
  EXPECT_THAT(outcome.error().message, Not(HasSubstr("canary")));
  EXPECT_THAT(outcome.error().fix, HasSubstr("--resources"));
}

TEST(Arguments, WhatIsMissingOrTooMuchIsSaid) {
  Declared declared;
  EXPECT_THAT(declared.Parse({}).error().message, HasSubstr("ADDRESS"));
  EXPECT_THAT(declared.Parse({"a", "b", "c"}).error().message, HasSubstr("`c`"));
  EXPECT_THAT(declared.Parse({"a", "--resources"}).error().message, HasSubstr("--resources"));
  auto wrong_choice = Declared().Parse({"a", "--format", "xml"});
  ASSERT_FALSE(wrong_choice);
  EXPECT_THAT(wrong_choice.error().message, HasSubstr("table|jsonl|csv"));
}

TEST(Arguments, AListOfOperandsNeedsOne) {
  std::vector<std::string> files;
  Arguments arguments("test");
  arguments.OperandList("FILE", &files, "manifests");
  EXPECT_FALSE(arguments.Parse({}));
  std::vector<std::string> words{"a.yaml", "b.yaml"};
  ASSERT_TRUE(arguments.Parse(words));
  EXPECT_THAT(files, ElementsAre("a.yaml", "b.yaml"));
  EXPECT_EQ(arguments.Usage(), "FILE… [options]");
}

TEST(Arguments, HelpIsAligned) {
  Declared declared;
  EXPECT_EQ(declared.Declare().Usage(), "ADDRESS [SQL] [options]");
  EXPECT_EQ(declared.Declare().HelpText(),
            "Arguments:\n"
            "  ADDRESS                         where\n"
            "  SQL                             what\n"
            "\n"
            "Options:\n"
            "  --json                          for machines\n"
            "  -y, --yes                       asks nothing\n"
            "  --resources DIR                 a folder\n"
            "  --set PATH=VALUE                sets (repeatable)\n"
            "  --format table|jsonl|csv        how (default table)\n"
            "  -h, --help                      shows this text\n");
}

}  // namespace
}  // namespace nilus::cli
