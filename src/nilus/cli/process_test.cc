#include "nilus/cli/process.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace nilus::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Process, PlainArgumentsStayVisible) {
  EXPECT_EQ(VisibleArgument("run", ""), "run");
  EXPECT_EQ(VisibleArgument("examples/a-b_c.yaml", "run"), "examples/a-b_c.yaml");
  EXPECT_EQ(VisibleArgument("--full-refresh", ""), "--full-refresh");
  EXPECT_EQ(VisibleArgument("public.orders", "--source-table"), "public.orders");
}

TEST(Process, WhateverMayHoldASecretIsHidden) {
  EXPECT_EQ(VisibleArgument("postgresql://u:canary@h/d", "check"), "***");
  EXPECT_EQ(VisibleArgument("--source-uri=postgresql://u:canary@h/d", ""), "--source-uri=***");
  EXPECT_EQ(VisibleArgument("canary", "--source-uri"), "***");
  EXPECT_EQ(VisibleArgument("canary", "--set"), "***");
  EXPECT_EQ(VisibleArgument("email:hmac:canary", "--mask"), "***");
  EXPECT_EQ(VisibleArgument("SELECT 'canary'", "duckdb"), "***");
  EXPECT_EQ(VisibleArgument("user:canary@host", ""), "***");
  EXPECT_EQ(VisibleArgument("password=canary", ""), "***");
}

TEST(Process, ArgumentsAreTakenAndTheirMemoryOverwritten) {
  // As the kernel lays them out: one behind the other.
  std::string memory("nilus\0ingest\0--source-uri\0postgresql://u:canary@h/d\0--quiet\0", 59);
  std::vector<char*> argv;
  for (size_t at = 0; at < memory.size(); at += std::string(&memory[at]).size() + 1) argv.push_back(&memory[at]);
  ASSERT_EQ(argv.size(), 5U);
  std::vector<std::string> taken = TakeArguments(5, argv.data());
  EXPECT_THAT(taken, ElementsAre("ingest", "--source-uri", "postgresql://u:canary@h/d", "--quiet"));
  EXPECT_THAT(memory, Not(HasSubstr("canary")));
  EXPECT_EQ(memory.size(), 59U);
  std::string shown("nilus\0ingest\0--source-uri\0***\0--quiet\0", 38);
  EXPECT_EQ(memory.substr(0, shown.size()), shown);
  EXPECT_EQ(memory.substr(shown.size()), std::string(59 - shown.size(), '\0')) << "no length is left either";
}

TEST(Process, NoArgumentsAreFine) {
  std::string name = "nilus";
  char* argv[] = {name.data(), nullptr};
  EXPECT_TRUE(TakeArguments(1, argv).empty());
  EXPECT_TRUE(TakeArguments(0, argv + 1).empty());
}

}  // namespace
}  // namespace nilus::cli
