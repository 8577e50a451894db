#include "nilus/lake/maintenance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/lake/avro_codec.h"
#include "nilus/lake/lake_fixture_testing.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/upkeep.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const TableIdentifier kEvents{"shop", "events"};

class Maintenance : public testing::Test {
 protected:
  void SetUp() override {
    auto change = Transaction::Create(catalog_, kEvents, EventsTable(), {});
    ASSERT_OK(change);
    ASSERT_OK(change->Commit({}));
  }
  TablePtr Load() {
    auto table = catalog_->Load(kEvents, {});
    EXPECT_OK(table);
    return table && *table ? **table : nullptr;
  }
  // A file that is really there.
  static DataFile RealFile(const Table& table, const std::string& name) {
    DataFile file = MadeUpFile(table.metadata.location + "/data/" + name);
    EXPECT_OK(WriteFile(*table.store, file.path, "rows", {}));
    return file;
  }
  int64_t Append(const std::string& name) {
    const TablePtr table = Load();
    Transaction change(table);
    change.AddDataFile(RealFile(*table, name));
    auto outcome = change.Commit({});
    EXPECT_OK(outcome);
    return outcome ? outcome->snapshot_id.value_or(0) : 0;
  }
  int64_t Replace(const std::string& name) {
    const TablePtr table = Load();
    Transaction change(table);
    change.RemoveAllFiles();
    change.AddDataFile(RealFile(*table, name));
    auto outcome = change.Commit({});
    EXPECT_OK(outcome);
    return outcome ? outcome->snapshot_id.value_or(0) : 0;
  }
  bool IsThere(const std::string& name) const {
    return std::filesystem::exists(warehouse_.path() + "/shop/events/data/" + name);
  }
  std::multiset<std::string> MetadataFiles(const std::string& begin) const {
    std::multiset<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(warehouse_.path() + "/shop/events/metadata")) {
      if (file.path().filename().string().starts_with(begin)) names.insert(file.path().filename().string());
    }
    return names;
  }

  TempWarehouse warehouse_;
  CatalogPtr catalog_ = warehouse_.catalog();
};

ExpireOptions Now0(int64_t keep_last) {
  ExpireOptions options;
  options.older_than = Now() + std::chrono::hours(1);
  options.keep_last = keep_last;
  return options;
}

TEST_F(Maintenance, ExpiryRemovesWhatOnlyOldSnapshotsHad) {
  Append("a");
  Append("b");
  Replace("c");
  const int64_t last = Append("d");
  ASSERT_TRUE(IsThere("a"));
  ExpireOptions options = Now0(2);
  options.dry_run = true;
  ASSERT_OK_AND_ASSIGN(const ExpireReport dry, ExpireSnapshots(Load(), options, {}));
  EXPECT_EQ(dry.snapshots.size(), 2U);
  EXPECT_TRUE(IsThere("a"));
  EXPECT_EQ(Load()->metadata.snapshots.size(), 4U);

  options.dry_run = false;
  ASSERT_OK_AND_ASSIGN(const ExpireReport report, ExpireSnapshots(Load(), options, {}));
  EXPECT_EQ(report.files, dry.files);
  EXPECT_FALSE(IsThere("a"));
  EXPECT_FALSE(IsThere("b"));
  EXPECT_TRUE(IsThere("c"));
  EXPECT_EQ(Load()->metadata.snapshots.size(), 2U);
  EXPECT_EQ(Load()->metadata.current_snapshot_id, last);
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("c", "d"));
  EXPECT_EQ(MetadataFiles("snap-").size(), 2U);
  ASSERT_OK_AND_ASSIGN(const ExpireReport again, ExpireSnapshots(Load(), options, {}));
  EXPECT_THAT(again.snapshots, IsEmpty());
}

TEST_F(Maintenance, TagsBranchesAndPropertiesKeepSnapshots) {
  const int64_t first = Append("a");
  Replace("b");
  Replace("c");
  Replace("d");
  Transaction tag(Load());
  ASSERT_OK(tag.SetRef("audit", SnapshotRef{first, true}));
  ASSERT_OK(tag.Commit({}));
  ASSERT_OK(ExpireSnapshots(Load(), Now0(1), {}));
  EXPECT_EQ(Load()->metadata.snapshots.size(), 2U);
  EXPECT_TRUE(IsThere("a"));
  EXPECT_FALSE(IsThere("b"));
  EXPECT_TRUE(IsThere("d"));

  Transaction settings(Load());
  ASSERT_OK(settings.SetProperties({{"history.expire.min-snapshots-to-keep", "5"}}));
  SnapshotRef old{first, true};
  old.max_ref_age_ms = 1;
  ASSERT_OK(settings.SetRef("audit", old));
  ASSERT_OK(settings.Commit({}));
  for (const char* name : {"e", "f", "g"}) Append(name);
  ASSERT_OK_AND_ASSIGN(const ExpireReport report, ExpireSnapshots(Load(), Now0(1), {}));
  EXPECT_THAT(report.refs, ElementsAre("audit"));
  EXPECT_THAT(report.snapshots, ElementsAre(first));
  EXPECT_FALSE(IsThere("a"));
  EXPECT_EQ(LivePaths(*Load()).size(), 4U);
}

TEST_F(Maintenance, NothingYoungIsExpired) {
  Append("a");
  Replace("b");
  ASSERT_OK_AND_ASSIGN(const ExpireReport report, ExpireSnapshots(Load(), {}, {}));
  EXPECT_THAT(report.snapshots, IsEmpty());
}

TEST_F(Maintenance, OnlySoManyAreKeptHoweverYoung) {
  for (const char* name : {"a", "b", "c", "d"}) Replace(name);
  ExpireOptions options;
  options.keep_at_most = 2;
  ASSERT_OK_AND_ASSIGN(const ExpireReport report, ExpireSnapshots(Load(), options, {}));
  EXPECT_EQ(report.snapshots.size(), 2U);
  EXPECT_FALSE(IsThere("b"));
  EXPECT_TRUE(IsThere("c"));
}

TEST_F(Maintenance, WhatNoBranchLeadsToHasItsTime) {
  const int64_t first = Append("a");
  const int64_t second = Replace("b");
  ASSERT_OK(RollBack(Load(), first, false, {}));
  ExpireOptions options;
  options.keep_at_most = 1;
  ASSERT_OK_AND_ASSIGN(const ExpireReport young, ExpireSnapshots(Load(), options, {}));
  EXPECT_THAT(young.snapshots, IsEmpty()) << "the rollback may be undone";
  ASSERT_OK(RollBack(Load(), second, true, {}));
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("b"));
  ASSERT_OK(RollBack(Load(), first, true, {}));
  ASSERT_OK_AND_ASSIGN(const ExpireReport old, ExpireSnapshots(Load(), Now0(1), {}));
  EXPECT_THAT(old.snapshots, ElementsAre(second));
  EXPECT_FALSE(IsThere("b"));
}

TEST_F(Maintenance, FilesThatOtherTablesShareAreLeftAlone) {
  Transaction share(Load());
  ASSERT_OK(share.SetProperties({{"gc.enabled", "FALSE"}}));
  ASSERT_OK(share.Commit({}));
  Append("a");
  Replace("b");
  RealFile(*Load(), "orphan");
  const Result<ExpireReport> refused = ExpireSnapshots(Load(), Now0(1), {});
  EXPECT_FAILS(refused, ErrorKind::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("gc.enabled"));
  UpkeepPolicy often;
  often.every_commits = 1;
  often.keep_snapshots = 1;
  ASSERT_OK_AND_ASSIGN(const UpkeepReport upkeep, Upkeep(Load(), often, {}, {}));
  EXPECT_FALSE(upkeep.expired);
  OrphanOptions orphans;
  orphans.min_age = std::chrono::hours(0);
  ASSERT_OK_AND_ASSIGN(const auto listed, FindOrphans(Load(), orphans, {}));
  EXPECT_EQ(listed.size(), 1U);
  orphans.remove = true;
  EXPECT_FAILS(FindOrphans(Load(), orphans, {}), ErrorKind::kUnsupported);
  EXPECT_TRUE(IsThere("a"));
  EXPECT_TRUE(IsThere("orphan"));

  Transaction own(Load());
  ASSERT_OK(own.SetProperties({{"gc.enabled", "true"}}));
  ASSERT_OK(own.Commit({}));
  ASSERT_OK(Upkeep(Load(), often, {}, {}));
  EXPECT_FALSE(IsThere("a"));
}

TEST_F(Maintenance, OrphansBesideAnotherTableAreNotRemoved) {
  Append("a");
  const TablePtr table = Load();
  const std::string folder = table->metadata.location;
  RealFile(*table, "of-another");
  ASSERT_OK(WriteFile(*table->store, folder + "/metadata/00001-broken.metadata.json", "{\"table-uuid", {}));
  NewTable other = EventsTable();
  other.location = folder;
  ASSERT_OK_AND_ASSIGN(const TableMetadata another, MakeTableMetadata(other));
  const std::string json = MetadataToJson(another);
  OrphanOptions options;
  options.min_age = std::chrono::hours(0);
  options.remove = true;
  for (const auto& [name, bytes] : {std::pair("/metadata/00000-x.metadata.json", json),
                                    {"/metadata/00000-x.gz.metadata.json", Gzip(json)},
                                    {"/child/metadata/v1.metadata.json", json}}) {
    ASSERT_OK(WriteFile(*table->store, folder + name, bytes, {}));
    const auto refused = FindOrphans(table, options, {});
    EXPECT_FAILS(refused, ErrorKind::kUnsupported);
    EXPECT_THAT(refused.error().message, AllOf(HasSubstr(another.uuid), HasSubstr(name)));
    EXPECT_TRUE(IsThere("of-another"));
    ASSERT_OK(table->store->Delete(*table->store->KeyOf(folder + name)));
  }
  ASSERT_OK_AND_ASSIGN(const auto removed, FindOrphans(table, options, {}));
  EXPECT_EQ(removed.size(), 2U) << "what is no table's";
}

TEST_F(Maintenance, OrphansAreFoundAndRemoved) {
  Append("a");
  Replace("b");
  const TablePtr table = Load();
  RealFile(*table, "orphan");
  ASSERT_OK(WriteFile(*table->store, table->metadata.location + "/metadata/lost-m0.avro", "x", {}));
  OrphanOptions options;
  ASSERT_OK_AND_ASSIGN(const auto young, FindOrphans(table, options, {}));
  EXPECT_THAT(young, IsEmpty()) << "they may belong to a commit under way";
  options.min_age = std::chrono::hours(0);
  ASSERT_OK_AND_ASSIGN(const auto found, FindOrphans(table, options, {}));
  std::vector<std::string> names;
  for (const OrphanFile& file : found) names.push_back(file.url.substr(file.url.rfind('/') + 1));
  EXPECT_THAT(names, UnorderedElementsAre("orphan", "lost-m0.avro"));
  EXPECT_TRUE(IsThere("orphan"));
  options.remove = true;
  ASSERT_OK(FindOrphans(table, options, {}));
  EXPECT_FALSE(IsThere("orphan"));
  EXPECT_TRUE(IsThere("a")) << "an old snapshot has it";
  EXPECT_TRUE(IsThere("b"));
  ASSERT_OK_AND_ASSIGN(const auto none, FindOrphans(Load(), options, {}));
  EXPECT_THAT(none, IsEmpty());
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("b"));
}

TEST_F(Maintenance, RollingBackAndForward) {
  const int64_t first = Append("a");
  const int64_t second = Replace("b");
  ASSERT_OK(RollBack(Load(), first, false, {}));
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("a"));
  ASSERT_OK(RollBack(Load(), second, false, {}));
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("b"));
  EXPECT_FAILS(RollBack(Load(), 5, false, {}), ErrorKind::kNotFound);
  Transaction branch(Load());
  branch.SetBranch("side");
  branch.AddDataFile(RealFile(*Load(), "side"));
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, branch.Commit({}));
  EXPECT_FAILS(RollBack(Load(), *outcome.snapshot_id, false, {}), ErrorKind::kInvalidInput);
  EXPECT_OK(RollBack(Load(), *outcome.snapshot_id, true, {}));
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("b", "side"));
}

}  // namespace
}  // namespace nilus::lake
