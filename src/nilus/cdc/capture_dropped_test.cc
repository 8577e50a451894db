// The destination lacks what the position says is there: somebody dropped a table, or its rows were never read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/cdc/capture_story_testing.h"
#include "nilus/cdc/position.h"

namespace nilus {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTable = "raw.shop_public_items";

class CaptureDropped : public CaptureStory {
 protected:
  void Drop() { world_.store.tables.erase(kTable); }
  void Change(int id, const std::string& value) {
    world_.log.Begin();
    world_.log.Update("items", std::to_string(id), [&](FakeRow& row) { row[1] = value; });
    world_.log.Commit();
  }
  static auto IsTold() {
    return Contains(HasSubstr("table public.items: its table was dropped at the destination. It is read anew"));
  }
};

TEST_F(CaptureDropped, WhileNobodyRuns) {
  ASSERT_TRUE(Run().is_success);
  for (const bool has_changes : {true, false}) {
    Drop();
    if (has_changes) Change(3, "new");
    const RunReport report = Run();
    ASSERT_TRUE(report.is_success);
    EXPECT_THAT(report.warnings, IsTold());
    ExpectEqual();
  }
}

TEST_F(CaptureDropped, WhileItRuns) {
  bool is_dropped = false;
  on_commit_ = [&] {
    if (is_dropped || !world_.IsSnapshotDone() || world_.CommittedAt() != world_.log.end()) return;
    is_dropped = true;
    Drop();
    Change(3, "new");
  };
  const RunReport report = Run();
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, IsTold());
  ExpectEqual();
}

TEST_F(CaptureDropped, InTheMiddleOfASnapshot) {
  chunk_rows_ = 1;  // a round is eight of them
  bool is_dropped = false;
  on_commit_ = [&] {
    if (is_dropped || !world_.store.tables.contains(kTable)) return;
    is_dropped = true;
    Drop();
  };
  ASSERT_TRUE(Run().is_success);
  ASSERT_TRUE(is_dropped);
  ExpectEqual();
}

TEST_F(CaptureDropped, ALogOfChangesBeginsAgain) {
  ASSERT_TRUE(Run({}, false).is_success);
  Drop();
  Change(3, "new");
  ASSERT_TRUE(Run({}, false).is_success);
  EXPECT_EQ(Operations()[0], "t");
  EXPECT_EQ(world_.Replayed("items"), world_.log.StateAt()["items"]);
}

TEST_F(CaptureDropped, AllTablesThatLandThereAreReadAnew) {
  Schema schema;
  schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}, Field{"v", MakeType(TypeId::kText), true, {}}};
  world_.log.AddTable("more", schema);
  world_.log.Begin();
  world_.log.Insert("more", {"100", "more"});
  world_.log.Commit();
  const std::map<std::string, std::string> routes = {
      {"transforms", "r"},
      {"transforms.r.type", "io.debezium.transforms.ByLogicalTableRouter"},
      {"transforms.r.topic.regex", "shop.public..*"},
      {"transforms.r.topic.replacement", "shop.public.items"},
      {"transforms.r.key.enforce.uniqueness", "false"}};
  ASSERT_TRUE(Run(routes).is_success);
  Drop();
  Change(3, "new");
  ASSERT_TRUE(Run(routes).is_success);
  EXPECT_EQ(world_.Merged("items").size(), 11U);
}

TEST_F(CaptureDropped, ModesThatReadNothingSayWhatIsMissing) {
  const std::map<std::string, std::string> mode = {{"snapshot.mode", "no_data"}};
  bool has_begun = false;
  on_commit_ = [&] {
    if (!std::exchange(has_begun, true)) Write(11, 12, "new");
  };
  ASSERT_TRUE(Run(mode).is_success);
  on_commit_ = nullptr;
  Drop();
  Change(11, "changed");
  const RunReport report = Run(mode);
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings,
              Contains(HasSubstr("its table was dropped at the destination. Rows from before are missing at the "
                                 "destination, until `nilus cdc snapshot FILE --table public.items --anew` brings")));
  EXPECT_EQ(world_.Merged("items").size(), 1U);
  Change(11, "again");
  EXPECT_THAT(Run(mode).warnings, IsEmpty());
}

TEST_F(CaptureDropped, ATableWithoutRowsIsNotMissed) {
  world_.log.Begin();
  world_.log.Truncate("items");
  world_.log.Commit();
  ASSERT_TRUE(Run().is_success);
  Drop();
  Write(20, 21, "first");
  EXPECT_THAT(Run().warnings, IsEmpty());
  ExpectEqual();
}

TEST_F(CaptureDropped, ATableThatWasNeverMadeIsNotMissed) {
  const std::map<std::string, std::string> mode = {{"snapshot.mode", "never"}};
  ASSERT_TRUE(Run(mode).is_success);
  EXPECT_FALSE(world_.store.tables.contains(kTable));
  Write(11, 12, "new");
  EXPECT_THAT(Run().warnings, IsEmpty());
  EXPECT_EQ(world_.Merged("items").size(), 2U);
}

// ---- rows that were never read ----

class CaptureOfUnreadRows : public CaptureStory {
 protected:
  void SetUp() override {
    CaptureStory::SetUp();
    Schema schema;
    schema.fields = {Field{"id", MakeType(TypeId::kInt64), true, {}}, Field{"v", MakeType(TypeId::kText), true, {}},
                     Field{"big", MakeType(TypeId::kText), true, {}}};
    world_.log.AddTable("docs", schema, {2});
    world_.log.Begin();
    world_.log.Insert("docs", {"1", "old", "large"});
    world_.log.Insert("docs", {"2", "old", "large"});
    world_.log.Commit();
  }
  void Change(const std::string& id, const std::string& value, std::optional<std::string> to = std::nullopt) {
    world_.log.Begin();
    world_.log.Update("docs", id, [&](FakeRow& row) {
      row[1] = value;
      if (to) row[0] = *to;
    });
    world_.log.Commit();
  }
};

TEST_F(CaptureOfUnreadRows, LandWithWhatIsKnown) {
  const std::map<std::string, std::string> mode = {{"snapshot.mode", "no_data"}};
  ASSERT_TRUE(Run(mode).is_success);
  Change("1", "new");
  Change("2", "moved", "3");
  const RunReport report = Run(mode);
  ASSERT_TRUE(report.is_success);
  EXPECT_EQ(world_.Merged("docs"),
            (FakeLog::Rows{{"1", {"1", "new", std::nullopt}}, {"3", {"3", "moved", std::nullopt}}}));
  EXPECT_THAT(report.warnings,
              ElementsAre(AllOf(HasSubstr("table public.docs: NULL stands in `big`"),
                                HasSubstr("snapshot.mode no_data reads no rows"),
                                HasSubstr("`nilus cdc snapshot FILE --table public.docs` brings it"))));
}

TEST_F(CaptureOfUnreadRows, AreThoseOfTablesThatAreLeftOut) {
  const std::map<std::string, std::string> only = {{"snapshot.include.collection.list", "public.items"}};
  ASSERT_TRUE(Run(only).is_success);
  Change("1", "new");
  const RunReport report = Run(only);
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("snapshot.include.collection.list leaves the table out")));
  ExpectEqual();
}

TEST_F(CaptureOfUnreadRows, AreThoseThatAreSkipped) {
  const std::map<std::string, std::string> skipping = {{"skipped.operations", "c"}};
  ASSERT_TRUE(Run(skipping).is_success);
  world_.log.Begin();
  world_.log.Insert("docs", {"9", "skipped", "large"});
  world_.log.Commit();
  Change("9", "new");
  const RunReport report = Run(skipping);
  ASSERT_TRUE(report.is_success);
  EXPECT_THAT(report.warnings, Contains(HasSubstr("skipped.operations leaves new rows out")));
  EXPECT_EQ(world_.Merged("docs")["9"], (FakeRow{"9", "new", std::nullopt}));
}

TEST_F(CaptureOfUnreadRows, AreNotThoseThatSomebodyRemoved) {
  ASSERT_TRUE(Run().is_success);
  world_.store.tables["raw.shop_public_docs"].rows.erase("1|");
  Change("1", "new");
  const RunReport report = Run();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->kind, ErrorKind::kData);
}

}  // namespace
}  // namespace nilus
