#include "nilus/cdc/properties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<CdcProperties> Read(std::map<std::string, std::string> properties, std::vector<std::string>* notices = nullptr) {
  properties.emplace("topic.prefix", "shop");
  std::vector<std::string> unseen;
  return ReadProperties(properties, notices != nullptr ? notices : &unseen);
}

TEST(CdcProperties, HaveDebeziumsDefaults) {
  Result<CdcProperties> read = Read({});
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->snapshot.reads_rows && read->snapshot.streams && !read->snapshot.when_lost);
  EXPECT_EQ(read->batch_rows, 2048);
  EXPECT_FALSE(read->poll_interval || read->soft_deletes || read->drops_slot);
  EXPECT_THAT(read->skipped, IsEmpty());
}

TEST(CdcProperties, SnapshotModes) {
  EXPECT_TRUE(Read({{"snapshot.mode", "always"}})->snapshot.at_every_start);
  EXPECT_FALSE(Read({{"snapshot.mode", "initial_only"}})->snapshot.streams);
  EXPECT_TRUE(Read({{"snapshot.mode", "when_needed"}})->snapshot.when_lost);
  EXPECT_TRUE(Read({{"snapshot.mode", "no_data"}})->snapshot.makes_tables);
  EXPECT_FALSE(Read({{"snapshot.mode", "never"}})->snapshot.makes_tables);
  EXPECT_TRUE(Read({{"snapshot.mode", "recovery"}})->snapshot.needs_position);
  const std::string family = "snapshot.mode.configuration.based.";
  EXPECT_FALSE(Read({{"snapshot.mode", "configuration_based"}})) << "neither a snapshot nor a stream";
  Result<CdcProperties> based = Read({{"snapshot.mode", "configuration_based"},
                                      {family + "snapshot.data", "true"},
                                      {family + "snapshot.on.data.error", "true"}});
  ASSERT_TRUE(based);
  EXPECT_TRUE(based->snapshot.reads_rows && based->snapshot.when_lost && !based->snapshot.streams);
}

TEST(CdcProperties, Routers) {
  Result<CdcProperties> read = Read({{"transforms", "Reroute"},
                                     {"transforms.Reroute.type", "io.debezium.transforms.ByLogicalTableRouter"},
                                     {"transforms.Reroute.topic.regex", R"((.*)orders_(\d+))"},
                                     {"transforms.Reroute.topic.replacement", "$1all_orders"}});
  ASSERT_TRUE(read);
  ASSERT_EQ(read->routes.size(), 1U);
  EXPECT_EQ(read->routes[0].replacement, R"(\1all_orders)");
  EXPECT_FALSE(read->routes[0].unites_keys);
  Result<CdcProperties> wrong = Read({{"transforms", "r"},
                                      {"transforms.r.type", "x.ByLogicalTableRouter"},
                                      {"transforms.r.topic.regex", "(.*"},
                                      {"transforms.r.topic.replacement", "$1"}});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("transforms.r.topic.regex"));
  EXPECT_FALSE(Read({{"transforms", "r"},
                     {"transforms.r.type", "x.ByLogicalTableRouter"},
                     {"transforms.r.topic.regex", "a"},
                     {"transforms.r.topic.replacement", "$2"}}))
      << "there is no second group";
  EXPECT_FALSE(Read({{"transforms", "r"}, {"transforms.r.type", "x.ByLogicalTableRouter"}}));
}

TEST(CdcProperties, SoftDeletesOperationsAndSignals) {
  std::map<std::string, std::string> unwrap = {
      {"transforms", "unwrap"}, {"transforms.unwrap.type", "io.debezium.transforms.ExtractNewRecordState"}};
  std::vector<std::string> notices;
  unwrap["transforms.unwrap.delete.handling.mode"] = "rewrite";
  EXPECT_TRUE(Read(unwrap, &notices)->soft_deletes);
  EXPECT_THAT(notices, IsEmpty());
  unwrap["transforms.unwrap.delete.handling.mode"] = "drop";
  EXPECT_FALSE(Read(unwrap, &notices)->soft_deletes);
  EXPECT_THAT(notices, ElementsAre(HasSubstr("skipped.operations: d leaves them out")));
  EXPECT_THAT(Read({{"skipped.operations", "t, d"}})->skipped, ElementsAre(ChangeOp::kTruncate, ChangeOp::kDelete));
  EXPECT_THAT(Read({{"skipped.operations", "none"}})->skipped, IsEmpty());
  EXPECT_FALSE(Read({{"skipped.operations", "x"}}));
  EXPECT_EQ(Read({{"signal.data.collection", "shop.public.signals"}})->signal_table, "public.signals");
}

TEST(CdcProperties, ListsOfExpressionsAreRead) {
  const NamePatterns tables =
      Read({{"snapshot.include.collection.list", R"(public\.a{1,2}, public\.(b|c,d)?)"}})->snapshot_tables;
  for (const char* name : {"public.a", "public.aa", "public.b", "public.c,d"}) EXPECT_TRUE(tables.Match(name)) << name;
  for (const char* name : {"public.aaa", "xpublic.a", "public.c"}) EXPECT_FALSE(tables.Match(name)) << name;
  for (const char* name : {"snapshot.include.collection.list", "table.include.list", "column.exclude.list"}) {
    auto refused = Read({{name, "public.(t"}});
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().message, testing::AllOf(HasSubstr(name), HasSubstr("`public.(t`")));
  }
}

}  // namespace
}  // namespace nilus
