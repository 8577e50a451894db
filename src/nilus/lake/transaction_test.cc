#include "nilus/lake/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "nilus/lake/lake_fixture_testing.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

using Fate = UnreliableCatalog::Fate;
using testing::ElementsAre;
using testing::HasSubstr;

const TableIdentifier kEvents{"shop", "events"};

class Transactions : public testing::Test {
 protected:
  TablePtr Create(bool partitioned = false, int format_version = 2) {
    auto change = Transaction::Create(catalog_, kEvents, EventsTable(partitioned, format_version), {});
    EXPECT_OK(change);
    auto outcome = change->Commit({});
    EXPECT_OK(outcome);
    return outcome ? outcome->table : nullptr;
  }
  TablePtr Reload() {
    auto table = catalog_->Load(kEvents, {});
    EXPECT_OK(table);
    return table && *table ? **table : nullptr;
  }
  static DataFile File(const std::string& name, int64_t rows = 10) {
    return MadeUpFile("file:///nowhere/" + name, rows);
  }
  static Result<CommitOutcome> Append(const TablePtr& table, const std::string& name) {
    Transaction change(table);
    change.AddDataFile(File(name));
    return change.Commit({});
  }
  TablePtr MustAppend(const std::string& name) {
    auto outcome = Append(Reload(), name);
    EXPECT_OK(outcome);
    return outcome ? outcome->table : nullptr;
  }
  static ManifestEntry EntryOf(const Table& table, const std::string& name) {
    for (const ManifestEntry& entry : LiveEntries(table)) {
      if (entry.file.path.ends_with("/" + name)) return entry;
    }
    ADD_FAILURE() << name;
    return {};
  }

  // Manifests and lists that no snapshot names. Those that one does are there.
  size_t UnnamedAvroFiles() {
    std::set<std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(warehouse_.path() + "/shop/events/metadata")) {
      if (file.path().extension() == ".avro") files.insert("file://" + file.path().string());
    }
    const TablePtr table = Reload();
    for (const SnapshotPtr& snapshot : table->metadata.snapshots) {
      EXPECT_EQ(files.erase(snapshot->manifest_list), 1U);
      const auto manifests = ReadManifestList(*table, *snapshot, {});
      EXPECT_OK(manifests);
      for (const ManifestFile& manifest : *manifests) {
        EXPECT_TRUE(std::filesystem::exists(manifest.path.substr(7))) << manifest.path;
        files.erase(manifest.path);
      }
    }
    return files.size();
  }

  TempWarehouse warehouse_;
  CatalogPtr catalog_ = warehouse_.catalog();
};

TEST_F(Transactions, ATableComesIntoBeingWithItsRows) {
  EXPECT_EQ(*catalog_->Load(kEvents, {}), std::nullopt);
  ASSERT_OK_AND_ASSIGN(Transaction change, Transaction::Create(catalog_, kEvents, EventsTable(), {}));
  EXPECT_EQ(change.metadata().schema().fields[2].name, "name");
  EXPECT_EQ(change.NewDataFileUrl("at_day=2024-01-01", "a.parquet"),
            "file://" + warehouse_.path() + "/shop/events/data/at_day=2024-01-01/a.parquet");
  change.AddDataFile(File("a.parquet", 7));
  EXPECT_EQ(*catalog_->Load(kEvents, {}), std::nullopt) << "nothing before the commit";
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, change.Commit({}));
  const TablePtr table = Reload();
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->metadata.current_snapshot()->id, outcome.snapshot_id);
  EXPECT_EQ(table->metadata.current_snapshot()->operation(), "append");
  EXPECT_EQ(table->metadata.current_snapshot()->summary.at("total-records"), "7");
  EXPECT_THAT(LivePaths(*table), ElementsAre("a.parquet"));
  EXPECT_EQ(LiveEntries(*table)[0].sequence_number, 1);
  ASSERT_OK_AND_ASSIGN(const auto tables, catalog_->List("shop", {}));
  EXPECT_THAT(tables, ElementsAre(kEvents));
  EXPECT_THAT(*catalog_->ListSchemas({}), ElementsAre("shop"));
}

TEST_F(Transactions, OnlyOneCreatorWins) {
  ASSERT_OK_AND_ASSIGN(Transaction first, Transaction::Create(catalog_, kEvents, EventsTable(), {}));
  ASSERT_OK_AND_ASSIGN(Transaction second, Transaction::Create(catalog_, kEvents, EventsTable(), {}));
  ASSERT_OK(first.Commit({}));
  EXPECT_FAILS(second.Commit({}), ErrorKind::kConflict);
}

TEST_F(Transactions, AppendsRebaseOnEachOther) {
  const TablePtr base = Create();
  ASSERT_OK(Append(base, "a"));
  ASSERT_OK_AND_ASSIGN(const CommitOutcome second, Append(base, "b"));
  EXPECT_EQ(second.attempts, 2);
  const TablePtr table = Reload();
  EXPECT_THAT(LivePaths(*table), ElementsAre("a", "b"));
  EXPECT_EQ(table->metadata.last_sequence_number, 2);
  EXPECT_EQ(table->metadata.current_snapshot()->summary.at("total-data-files"), "2");
  EXPECT_EQ(table->metadata.snapshot_log.size(), 2U);
  EXPECT_EQ(table->metadata.metadata_log.size(), 2U);
}

TEST_F(Transactions, EightWritersAllLand) {
  Create();
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      const CatalogPtr own = warehouse_.catalog();
      for (int i = 0; i < 5; ++i) {
        auto table = own->Load(kEvents, {});
        ASSERT_OK(table);
        ASSERT_OK(Append(**table, fmt::format("{}-{}", writer, i)));
      }
    });
  }
  writers.clear();
  const TablePtr table = Reload();
  const auto paths = LivePaths(*table);
  EXPECT_EQ(paths.size(), 40U);
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 40U);
  EXPECT_EQ(table->metadata.snapshots.size(), 40U);
  EXPECT_EQ(table->metadata.last_sequence_number, 40);
}

TEST_F(Transactions, ReplaceHoldsExactlyItsOwnRows) {
  const TablePtr base = Create();
  MustAppend("a");
  Transaction change(Reload());
  MustAppend("late");  // somebody else, after the replace began
  change.RemoveAllFiles();
  change.AddDataFile(File("new"));
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, change.Commit({}));
  EXPECT_THAT(LivePaths(*outcome.table), ElementsAre("new"));
  const Properties& summary = outcome.table->metadata.current_snapshot()->summary;
  EXPECT_EQ(summary.at("operation"), "overwrite");
  EXPECT_EQ(summary.at("deleted-data-files"), "2");
  EXPECT_EQ(summary.at("total-records"), "10");
  // The manifests that tell of the removed files are forgotten by the next commit.
  const TablePtr next = MustAppend("more");
  EXPECT_EQ(ReadManifestList(*next, *next->metadata.current_snapshot(), {})->size(), 2U);
}

TEST_F(Transactions, AFileIsRemovedOnce) {
  Create();
  MustAppend("a");
  const TablePtr table = MustAppend("b");
  Transaction first(table);
  Transaction second(table);
  for (Transaction* change : {&first, &second}) {
    change->RemoveFile(EntryOf(*table, "a"));
    change->SetIsolation(Isolation::kFiles);
  }
  first.AddDataFile(File("a2"));
  ASSERT_OK(first.Commit({}));
  EXPECT_THAT(LivePaths(*Reload()), ElementsAre("a2", "b"));
  const auto lost = second.Commit({});
  EXPECT_FAILS(lost, ErrorKind::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("file:///nowhere/a was removed by somebody else"));
}

TEST_F(Transactions, SerializableChangesSeeNoOtherRows) {
  Create();
  const TablePtr table = MustAppend("a");
  Transaction merge(table);
  merge.AddDataFile(File("merged"));
  merge.SetIsolation(Isolation::kSerializable);
  MustAppend("b");
  const auto lost = merge.Commit({});
  EXPECT_FAILS(lost, ErrorKind::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("(append) came in between"));

  Transaction again(Reload());
  again.AddDataFile(File("merged"));
  again.SetIsolation(Isolation::kSerializable);
  EXPECT_OK(again.Commit({}));
}

DataFile DeletesOf(const std::string& name, const std::string& data) {
  DataFile file = MadeUpFile("file:///nowhere/" + name, 1);
  file.content = FileContent::kPositionDeletes;
  file.referenced_data_file = "file:///nowhere/" + data;
  return file;
}

TEST_F(Transactions, CompactionDoesNotLoseDeletesOfOthers) {
  Create();
  MustAppend("a");
  const TablePtr table = MustAppend("b");
  Transaction compaction(table);
  compaction.RemoveFile(EntryOf(*table, "a"));
  compaction.AddDataFile(File("compacted"));
  compaction.MarkRewrite(table->metadata.last_sequence_number);
  compaction.SetIsolation(Isolation::kFiles);
  Transaction harmless(table);
  harmless.AddDeleteFile(DeletesOf("db", "b"));
  ASSERT_OK(harmless.Commit({}));
  Transaction other(table);
  other.AddDeleteFile(DeletesOf("da", "a"));
  other.SetIsolation(Isolation::kFiles);
  ASSERT_OK(other.Commit({}));
  const auto lost = compaction.Commit({});
  EXPECT_FAILS(lost, ErrorKind::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("rows were deleted from file:///nowhere/a"));
}

TEST_F(Transactions, DeletesInFilesOfTheirOwnCommitDoNotConflictWithCompactions) {
  Create();
  const TablePtr table = MustAppend("a");
  Transaction changes(table);
  changes.AddDataFile(File("fresh", 2));
  changes.AddDeleteFile(DeletesOf("df", "fresh"));
  changes.SetIsolation(Isolation::kSerializable);
  Transaction compaction(table);
  compaction.RemoveFile(EntryOf(*table, "a"));
  compaction.AddDataFile(File("compacted"));
  compaction.MarkRewrite(table->metadata.last_sequence_number);
  ASSERT_OK(compaction.Commit({}));
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, changes.Commit({}));
  EXPECT_THAT(LivePaths(*outcome.table), ElementsAre("compacted", "df", "fresh"));
}

TEST_F(Transactions, CompactionRebasesOnAppendsAndKeepsTheAgeOfRows) {
  Create();
  MustAppend("a");
  const TablePtr table = MustAppend("b");
  Transaction compaction(table);
  compaction.RemoveFile(EntryOf(*table, "a"));
  compaction.RemoveFile(EntryOf(*table, "b"));
  compaction.AddDataFile(File("ab", 20));
  compaction.MarkRewrite(2);
  compaction.SetIsolation(Isolation::kFiles);
  MustAppend("c");
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, compaction.Commit({}));
  EXPECT_THAT(LivePaths(*outcome.table), ElementsAre("ab", "c"));
  EXPECT_EQ(EntryOf(*outcome.table, "ab").sequence_number, 2);
  EXPECT_EQ(EntryOf(*outcome.table, "ab").file_sequence_number, 4);
  EXPECT_EQ(outcome.table->metadata.current_snapshot()->operation(), "replace");
  EXPECT_EQ(outcome.table->metadata.current_snapshot()->summary.at("total-records"), "30");
}

TEST_F(Transactions, DeletesOfAFileThatWentAreAConflict) {
  Create();
  const TablePtr table = MustAppend("a");
  Transaction removal(table);
  removal.RemoveFile(EntryOf(*table, "a"));
  ASSERT_OK(removal.Commit({}));
  Transaction deletion(table);
  deletion.AddDeleteFile(DeletesOf("d", "a"));
  deletion.SetIsolation(Isolation::kFiles);
  const auto lost = deletion.Commit({});
  EXPECT_FAILS(lost, ErrorKind::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("file file:///nowhere/a was removed"));
}

TEST_F(Transactions, TheVersionOfAPipelineFences) {
  Create();
  const auto load = [&](const TablePtr& table, const std::string& load_id, int64_t expected) {
    Transaction change(table);
    change.AddDataFile(File(load_id));
    change.SetPipelineState("p", PipelineState{expected + 1, load_id, R"({"at":1})"}, expected);
    return change.Commit({});
  };
  const TablePtr base = Reload();
  ASSERT_OK(load(base, "load-1", 0));
  // A second run that began from the same state loses, whatever it tries.
  const auto lost = load(base, "load-x", 0);
  EXPECT_FAILS(lost, ErrorKind::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("another run of pipeline p"));
  // The same load again is a success, and adds nothing.
  ASSERT_OK(load(Reload(), "load-1", 0));
  EXPECT_THAT(LivePaths(*Reload()), ElementsAre("load-1"));
  const auto state = FindPipelineState(Reload()->metadata, "p");
  ASSERT_OK(state);
  EXPECT_EQ(**state, (PipelineState{1, "load-1", R"({"at":1})"}));
  EXPECT_EQ(*FindPipelineState(Reload()->metadata, "q"), std::nullopt);
}

TEST_F(Transactions, PositionsOfSeveralPipelinesSurviveEachOtherExpiryAndRollback) {
  Create();
  const auto load = [&](const std::string& pipeline, int64_t version) {
    Transaction change(Reload());
    change.AddDataFile(File(fmt::format("{}{}", pipeline, version)));
    change.SetPipelineState(pipeline, PipelineState{version, fmt::format("{}-{}", pipeline, version), "{}"},
                            version - 1);
    ASSERT_OK(change.Commit({}));
  };
  load("a", 1);
  load("b", 1);
  MustAppend("foreign");
  load("b", 2);
  const int64_t before = *Reload()->metadata.current_snapshot_id;
  load("a", 2);
  EXPECT_EQ((*FindPipelineState(Reload()->metadata, "a"))->version, 2);
  EXPECT_EQ((*FindPipelineState(Reload()->metadata, "b"))->version, 2);
  EXPECT_TRUE(*HasLoad(Reload()->metadata, "b", "b-1"));
  EXPECT_FALSE(*HasLoad(Reload()->metadata, "b", "b-3"));

  // Rolled back, the table has the positions of the rows it holds: also where the load's own snapshot is gone.
  Transaction rollback(Reload());
  ASSERT_OK(rollback.SetRef("main", SnapshotRef{before}));
  ASSERT_OK(rollback.Commit({}));
  std::vector<int64_t> gone;
  const TablePtr whole = Reload();
  for (const SnapshotPtr& snapshot : whole->metadata.snapshots) {
    if (snapshot->id != before) gone.push_back(snapshot->id);
  }
  Transaction expiry(whole);
  ASSERT_OK(expiry.RemoveSnapshots(gone));
  ASSERT_OK(expiry.Commit({}));
  EXPECT_EQ((*FindPipelineState(Reload()->metadata, "a"))->version, 1);
  EXPECT_EQ((*FindPipelineState(Reload()->metadata, "b"))->version, 2);
  load("a", 2);
  EXPECT_EQ((*FindPipelineState(Reload()->metadata, "a"))->version, 2);
}

TEST_F(Transactions, UnknownOutcomesAreLookedUp) {
  Create();
  const auto unreliable = std::make_shared<UnreliableCatalog>(catalog_);
  const auto append = [&](const std::string& name, std::deque<Fate> fates) {
    auto table = unreliable->Load(kEvents, {});
    unreliable->Plan(std::move(fates));
    Transaction change(**table);
    change.AddDataFile(File(name));
    return change.Commit({});
  };
  ASSERT_OK(append("a", {Fate::kAnswerLost}));
  ASSERT_OK(append("b", {Fate::kRequestLost}));
  ASSERT_OK(append("c", {Fate::kRequestLost, Fate::kAnswerLost}));
  EXPECT_THAT(LivePaths(*Reload()), ElementsAre("a", "b", "c"));

  // Others go on in between: still found.
  unreliable->interloper = [&] { MustAppend("x"); };
  ASSERT_OK(append("d", {Fate::kConflict, Fate::kAnswerLost}));
  EXPECT_THAT(LivePaths(*Reload()), ElementsAre("a", "b", "c", "d", "x"));

  RetryPolicy impatient;
  impatient.max_attempts = 2;
  impatient.first_delay = std::chrono::milliseconds(1);
  auto table = unreliable->Load(kEvents, {});
  unreliable->Plan({Fate::kRequestLost, Fate::kRequestLost, Fate::kRequestLost});
  Transaction change(**table);
  change.AddDataFile(File("e"));
  EXPECT_FAILS(change.Commit({}, impatient), ErrorKind::kUnknownOutcome);
  unreliable->Plan({});
}

TEST_F(Transactions, WhatLostAttemptsWroteIsRemoved) {
  Create();
  MustAppend("old");
  auto catalog = std::make_shared<UnreliableCatalog>(catalog_);
  int others = 0;
  catalog->interloper = [&] { MustAppend(fmt::format("other-{}", ++others)); };
  const auto replace = [&](std::deque<Fate> fates) {
    catalog->Plan(std::move(fates));
    Transaction change(**catalog->Load(kEvents, {}));
    change.RemoveAllFiles();
    change.AddDataFile(File(fmt::format("new-{}", ++others)));
    return change.Commit({});
  };
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, replace({Fate::kConflict, Fate::kConflict}));
  EXPECT_EQ(outcome.attempts, 3);
  EXPECT_EQ(UnnamedAvroFiles(), 0U);
  EXPECT_EQ(LivePaths(*Reload()).size(), 1U);

  // One that lost in the end.
  const ManifestEntry entry = EntryOf(*Reload(), *LivePaths(*Reload()).begin());
  catalog->interloper = [&] {
    Transaction faster(Reload());
    faster.RemoveFile(entry);
    ASSERT_OK(faster.Commit({}));
  };
  catalog->Plan({Fate::kConflict});
  Transaction slower(**catalog->Load(kEvents, {}));
  slower.RemoveFile(entry);
  slower.AddDataFile(File("slower"));
  EXPECT_FAILS(slower.Commit({}), ErrorKind::kConflict);
  EXPECT_EQ(UnnamedAvroFiles(), 0U);

  // What nobody knew the outcome of stays.
  MustAppend("more");
  catalog->interloper = [&] { MustAppend(fmt::format("other-{}", ++others)); };
  ASSERT_OK(replace({Fate::kConflict, Fate::kRequestLost}));
  EXPECT_GT(UnnamedAvroFiles(), 0U);
}

TEST_F(Transactions, UnknownOutcomesWithoutASnapshotAreLookedUpToo) {
  Create();
  const auto unreliable = std::make_shared<UnreliableCatalog>(catalog_);
  auto table = unreliable->Load(kEvents, {});
  unreliable->Plan({Fate::kAnswerLost});
  Transaction change(**table);
  ASSERT_OK(change.SetProperties({{"a", "b"}}));
  ASSERT_OK(change.Commit({}));
  EXPECT_EQ(unreliable->commits, 1);
  EXPECT_EQ(Reload()->metadata.Property("a"), "b");

  auto creation = Transaction::Create(unreliable, {"shop", "other"}, EventsTable(), {});
  ASSERT_OK(creation);
  unreliable->Plan({Fate::kAnswerLost});
  creation->AddDataFile(File("first"));
  ASSERT_OK(creation->Commit({}));
  EXPECT_EQ(unreliable->commits, 2);
}

TEST_F(Transactions, SchemaChangesDoNotOvertakeEachOther) {
  const TablePtr base = Create();
  const auto add_column = [&](const std::string& name) {
    Transaction change(base);
    int32_t last_id = change.metadata().last_column_id;
    nilus::Schema wanted = ToNilusSchema(base->metadata.schema());
    wanted.fields.push_back({name, MakeType(TypeId::kText), true, {}});
    EXPECT_OK(change.SetSchema(*EvolveSchema(base->metadata.schema(), wanted, 2, &last_id)));
    change.AddDataFile(File(name));
    return change.Commit({});
  };
  ASSERT_OK(add_column("x"));
  EXPECT_FAILS(add_column("y"), ErrorKind::kConflict);  // both would have given out field id 4
  const TablePtr table = Reload();
  EXPECT_EQ(table->metadata.schema().fields.size(), 4U);
  EXPECT_EQ(table->metadata.schema().schema_id, 1);
  EXPECT_EQ(table->metadata.last_column_id, 4);
  EXPECT_EQ(table->metadata.current_snapshot()->schema_id, 1);
}

TEST_F(Transactions, SpecsOrdersAndPropertiesChange) {
  Create();
  Transaction change(Reload());
  int32_t last = change.metadata().last_partition_id;
  ASSERT_OK(change.SetSpec(
      *MakePartitionSpec({{"at", "day", 0, ""}}, change.metadata().schema(), change.metadata().specs, &last)));
  ASSERT_OK(change.SetSortOrder(*MakeSortOrder({"id"}, change.metadata().schema(), change.metadata().sort_orders)));
  ASSERT_OK(change.SetProperties({{"write.metadata.compression-codec", "gzip"}}));
  DataFile file = File("partitioned");
  file.spec_id = change.metadata().default_spec_id;
  file.partition = {19'000};
  change.AddDataFile(file);
  ASSERT_OK(change.Commit({}));
  const TablePtr table = Reload();
  EXPECT_EQ(table->metadata.spec().fields[0].name, "at_day");
  EXPECT_EQ(table->metadata.sort_order().order_id, 1);
  EXPECT_EQ(LiveEntries(*table)[0].file.partition, (std::vector<Literal>{19'000}));
  const TablePtr next = MustAppend("b");
  EXPECT_THAT(next->metadata_location, HasSubstr("v3.gz.metadata.json"));
  EXPECT_THAT(LivePaths(*Reload()), ElementsAre("b", "partitioned"));
}

TEST_F(Transactions, BranchesAndTags) {
  Create();
  const TablePtr table = MustAppend("a");
  Transaction tag(table);
  ASSERT_OK(tag.SetRef("v1", SnapshotRef{*table->metadata.current_snapshot_id, true}));
  ASSERT_OK(tag.Commit({}));
  Transaction branch(Reload());
  branch.SetBranch("audit");
  branch.AddDataFile(File("b"));
  ASSERT_OK(branch.Commit({}));
  MustAppend("c");
  const TablePtr after = Reload();
  EXPECT_THAT(LivePaths(*after), ElementsAre("a", "c"));
  EXPECT_THAT(LivePaths(*after, "audit"), ElementsAre("a", "b"));
  EXPECT_THAT(LivePaths(*after, "v1"), ElementsAre("a"));
  Transaction wrong(after);
  wrong.SetBranch("v1");
  wrong.AddDataFile(File("d"));
  EXPECT_FAILS(wrong.Commit({}), ErrorKind::kInvalidInput);
  Transaction removal(after);
  EXPECT_FAILS(removal.RemoveRef("main"), ErrorKind::kInvalidInput);
  ASSERT_OK(removal.RemoveRef("v1"));
  ASSERT_OK(removal.Commit({}));
  EXPECT_EQ(Reload()->metadata.SnapshotOf("v1"), nullptr);
}

TEST_F(Transactions, ManifestsAreMergedAndNothingIsLost) {
  Create();
  for (int i = 0; i < 120; ++i) MustAppend(fmt::format("{:04}", i));
  const TablePtr table = Reload();
  const auto manifests = ReadManifestList(*table, *table->metadata.current_snapshot(), {});
  ASSERT_OK(manifests);
  EXPECT_LT(manifests->size(), 35U);
  const auto paths = LivePaths(*table);
  EXPECT_EQ(paths.size(), 120U);
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 120U);
  EXPECT_EQ(EntryOf(*table, "0000").sequence_number, 1);
  EXPECT_EQ(EntryOf(*table, "0099").sequence_number, 100);
  EXPECT_EQ(table->metadata.current_snapshot()->summary.at("total-data-files"), "120");
}

TEST_F(Transactions, RowIdsOfV3AreGivenOutOnce) {
  Create(false, 3);
  MustAppend("a");
  MustAppend("b");
  const TablePtr table = MustAppend("c");
  EXPECT_EQ(table->metadata.next_row_id, 30);
  std::set<int64_t> first;
  for (const ManifestEntry& entry : LiveEntries(*table)) first.insert(entry.file.first_row_id.value());
  EXPECT_EQ(first, (std::set<int64_t>{0, 10, 20}));
  EXPECT_EQ(table->metadata.current_snapshot()->first_row_id, 20);
  EXPECT_EQ(table->metadata.current_snapshot()->added_rows, 10);
}

TEST_F(Transactions, AWriterThatSleptThroughItsVersionLoses) {
  Create();
  Transaction settings(Reload());
  ASSERT_OK(settings.SetProperties(
      {{"write.metadata.previous-versions-max", "2"}, {"write.metadata.delete-after-commit.enabled", "true"}}));
  ASSERT_OK(settings.Commit({}));
  const TablePtr old = Reload();
  for (int i = 0; i < 6; ++i) MustAppend(fmt::format("{}", i));
  const std::string folder = warehouse_.path() + "/shop/events/metadata/";
  EXPECT_FALSE(std::filesystem::exists(folder + "v3.metadata.json")) << "old metadata goes";
  // Its version's file is not there any more: putting it succeeds, and must not count.
  TableCommit commit;
  commit.identifier = kEvents;
  commit.base = old;
  commit.result = old->metadata;
  EXPECT_FAILS(catalog_->Commit(commit, {}), ErrorKind::kConflict);
  // A transaction finds its way.
  ASSERT_OK(Append(old, "late"));
  EXPECT_EQ(LivePaths(*Reload()).size(), 7U);
}

TEST_F(Transactions, TheVersionHintMayLagOrLack) {
  Create();
  for (int i = 0; i < 4; ++i) MustAppend(fmt::format("{}", i));
  const StorePtr store = warehouse_.store();
  const std::string hint = "shop/events/metadata/version-hint.text";
  EXPECT_EQ(*store->Get(hint), "5");
  ASSERT_OK(store->Put(hint, "2"));
  EXPECT_EQ(LivePaths(*Reload()).size(), 4U);
  ASSERT_OK(store->Put(hint, "garbage"));
  EXPECT_EQ(LivePaths(*Reload()).size(), 4U);
  ASSERT_OK(store->Delete(hint));
  EXPECT_EQ(LivePaths(*Reload()).size(), 4U);
}

TEST_F(Transactions, NamesDoNotLeadOutOfTheWarehouse) {
  for (const TableIdentifier& name : std::vector<TableIdentifier>{
           {"..", "../../etc"}, {"a b", "\u00e4/\u00f6"}, {".", "..."}, {"x", "a%2Fb"}, {"x", "a\\b"}}) {
    auto change = Transaction::Create(catalog_, name, EventsTable(), {});
    ASSERT_OK(change);
    change->AddDataFile(File("f"));
    ASSERT_OK(change->Commit({}));
    const auto table = catalog_->Load(name, {});
    ASSERT_OK(table);
    ASSERT_TRUE(table->has_value());
    EXPECT_TRUE((**table)->metadata.location.starts_with("file://" + warehouse_.path() + "/"));
    EXPECT_THAT(*catalog_->List(name.schema, {}), testing::Contains(name));
  }
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(warehouse_.path()).parent_path())) {
    EXPECT_NE(entry.path().filename(), "etc");
  }
}

TEST_F(Transactions, MetadataOfAnotherPlaceIsRefused) {
  Create();
  const TablePtr table = MustAppend("a");
  auto forged = std::make_shared<Table>(*table);
  auto snapshot = std::make_shared<Snapshot>(*table->metadata.current_snapshot());
  snapshot->manifest_list = "file:///etc/passwd";
  EXPECT_FALSE(ReadManifestList(*forged, *snapshot, {}));
}

TEST_F(Transactions, DroppedTablesAreGone) {
  Create();
  MustAppend("a");
  ASSERT_OK(catalog_->Drop(kEvents, false, {}));
  EXPECT_EQ(*catalog_->Load(kEvents, {}), std::nullopt);
  EXPECT_FAILS(catalog_->Drop(kEvents, false, {}), ErrorKind::kNotFound);
  Create();
  EXPECT_EQ(LivePaths(*Reload()).size(), 0U);
  ASSERT_OK(catalog_->Drop(kEvents, true, {}));
  EXPECT_THAT(*catalog_->List("shop", {}), testing::IsEmpty());
}

}  // namespace
}  // namespace nilus::lake
