#include "nilus/lake/compaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "nilus/data/builder.h"
#include "nilus/duck/connection.h"
#include "nilus/lake/data_writer.h"
#include "nilus/lake/deletes_file.h"
#include "nilus/lake/lake_fixture_testing.h"
#include "nilus/lake/scan_relation.h"
#include "nilus/lake/upkeep.h"

namespace nilus::lake {
namespace {

using testing::IsEmpty;

const TableIdentifier kEvents{"shop", "events"};

class CompactionTest : public testing::Test {
 protected:
  void SetUp() override {
    database_ = *duck::Database::Open({.memory_bytes = 64 << 20, .threads = 1});
    options_.database = database_;
    options_.threads = 1;
  }
  void Create(bool partitioned = false, int format_version = 2) {
    auto change = Transaction::Create(catalog_, kEvents, EventsTable(partitioned, format_version), {});
    ASSERT_OK(change);
    ASSERT_OK(change->Commit({}));
  }
  TablePtr Load() {
    auto table = catalog_->Load(kEvents, {});
    EXPECT_OK(table);
    return table && *table ? **table : nullptr;
  }
  // Rows id = first … first + count - 1, all on one day.
  std::vector<DataFile> WriteRows(const Table& table, int64_t first, int64_t count, int64_t day = 0) {
    DataWriterOptions writing;
    writing.database = database_;
    writing.store = table.store;
    const std::string location = table.metadata.location;
    writing.new_url = [location](std::string_view path, std::string_view name) {
      return JoinUrl(path.empty() ? location + "/data" : fmt::format("{}/data/{}", location, path), name);
    };
    writing.name_prefix = NewId();
    writing.table = "shop.events";
    writing.schema = table.metadata.schema();
    writing.spec = table.metadata.spec();
    auto writer = DataWriter::Open(std::move(writing));
    EXPECT_OK(writer);
    BatchBuilder batch(std::make_shared<nilus::Schema>(ToNilusSchema(table.metadata.schema())));
    for (int64_t id = first; id < first + count; ++id) {
      batch.column(0).Append(id);
      batch.column(1).Append<int64_t>(day * 86'400'000'000 + id);
      batch.column(2).AppendBytes(fmt::format("n{}", id));
      batch.FinishRow();
    }
    EXPECT_OK((*writer)->Write(batch.Finish()));
    auto files = (*writer)->Finish();
    EXPECT_OK(files);
    return files ? *files : std::vector<DataFile>();
  }
  void Append(int64_t first, int64_t count, int64_t day = 0) {
    const TablePtr table = Load();
    Transaction change(table);
    for (DataFile& file : WriteRows(*table, first, count, day)) change.AddDataFile(std::move(file));
    ASSERT_OK(change.Commit({}));
  }
  // Deletes these rows of the only file that holds `id`.
  Status Delete(int64_t id, std::vector<uint64_t> positions) {
    const TablePtr table = Load();
    std::optional<ManifestEntry> holder;
    for (const ManifestEntry& entry : LiveEntries(*table)) {
      if (entry.file.content != FileContent::kData) continue;
      const auto lower = FromBytes(*FindId(entry.file.lower_bounds, 1), MakeIcebergType(TypeKind::kLong));
      const auto upper = FromBytes(*FindId(entry.file.upper_bounds, 1), MakeIcebergType(TypeKind::kLong));
      if (CompareLiterals(*lower, id) <= 0 && CompareLiterals(*upper, id) >= 0) holder = entry;
    }
    FileDeletes deletes{.file = &holder->file};
    for (const uint64_t position : positions) deletes.rows.Add(position);
    DeleteWriterOptions writing{
        .database = database_,
        .store = table->store,
        .new_url = [&](std::string_view,
                       std::string_view name) { return JoinUrl(table->metadata.location + "/data", name); },
        .name_prefix = NewId(),
        .partition_path = [](int32_t, const std::vector<Literal>&) { return std::string(); }};
    auto files = table->metadata.format_version >= 3 ? WriteDeletionVectors(writing, {deletes})
                                                     : WritePositionDeletes(writing, {deletes});
    if (!files) return Failure(files.error());
    Transaction change(table);
    for (DataFile& file : *files) change.AddDeleteFile(std::move(file));
    NILUS_TRY(change.Commit({}));
    return {};
  }
  // The ids of all rows, sorted; with `column` that instead, as text.
  std::vector<std::string> Rows(const std::string& column = "id") {
    const TablePtr table = Load();
    auto plan = PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
    EXPECT_OK(plan);
    auto connection = duck::Connection::Open(database_);
    EXPECT_OK(connection);
    ScanRelation::Request request{.plan = &*plan, .columns = {1, 2, 3}};
    for (size_t i = 0; i < plan->files.size(); ++i) request.files.push_back(i);
    auto relation = ScanRelation::Open(*connection, std::move(request));
    EXPECT_OK(relation);
    auto rows = connection->Query(fmt::format("SELECT {} FROM ({}) ORDER BY id", column, relation->sql()));
    EXPECT_OK(rows);
    std::vector<std::string> texts;
    for (const auto& row : *rows) texts.push_back(row[0].value_or("null"));
    return texts;
  }
  int64_t Files(FileContent content) {
    const auto entries = LiveEntries(*Load());
    return std::count_if(entries.begin(), entries.end(),
                         [&](const ManifestEntry& entry) { return entry.file.content == content; });
  }

  TempWarehouse warehouse_;
  CatalogPtr catalog_ = warehouse_.catalog();
  std::shared_ptr<duck::Database> database_;
  CompactionOptions options_;
};

TEST_F(CompactionTest, SmallFilesBecomeOneAndRowsStay) {
  Create();
  for (int64_t i = 0; i < 6; ++i) Append(i * 10, 10);
  const auto before = Rows();
  ASSERT_EQ(before.size(), 60U);
  options_.dry_run = true;
  ASSERT_OK_AND_ASSIGN(const CompactionReport dry, Compact(Load(), options_, {}));
  EXPECT_EQ(dry.files_before, 6);
  EXPECT_EQ(Files(FileContent::kData), 6);
  options_.dry_run = false;
  ASSERT_OK_AND_ASSIGN(const CompactionReport report, Compact(Load(), options_, {}));
  EXPECT_EQ(report.groups, 1);
  EXPECT_EQ(report.rows, 60);
  EXPECT_EQ(Files(FileContent::kData), 1);
  EXPECT_EQ(Rows(), before);
  EXPECT_EQ(Load()->metadata.current_snapshot()->operation(), "replace");
  EXPECT_EQ(Load()->metadata.current_snapshot()->summary.at("total-records"), "60");
  ASSERT_OK_AND_ASSIGN(const CompactionReport again, Compact(Load(), options_, {}));
  EXPECT_EQ(again.groups, 0);
}

TEST_F(CompactionTest, FewFilesAreLeftAlone) {
  Create();
  for (int64_t i = 0; i < 4; ++i) Append(i * 10, 10);
  ASSERT_OK_AND_ASSIGN(const CompactionReport report, Compact(Load(), options_, {}));
  EXPECT_EQ(report.groups, 0);
}

TEST_F(CompactionTest, PartitionsStayApart) {
  Create(/*partitioned=*/true);
  for (int64_t i = 0; i < 10; ++i) Append(i * 10, 10, i % 2);
  const auto before = Rows();
  ASSERT_OK_AND_ASSIGN(const CompactionReport report, Compact(Load(), options_, {}));
  EXPECT_EQ(report.groups, 2);
  EXPECT_EQ(Files(FileContent::kData), 2);
  EXPECT_EQ(Rows(), before);
}

TEST_F(CompactionTest, DeletedRowsGoAndSoDoTheirDeletes) {
  for (const int version : {2, 3}) {
    if (Load() != nullptr) {
      ASSERT_OK(catalog_->Drop(kEvents, true, {}));
    }
    Create(false, version);
    Append(0, 10);
    Append(10, 10);
    ASSERT_OK(Delete(3, {3, 4}));
    const auto before = Rows();
    ASSERT_EQ(before.size(), 18U);
    ASSERT_OK_AND_ASSIGN(const CompactionReport report, Compact(Load(), options_, {}));
    EXPECT_EQ(report.groups, 1) << "a fifth of the first file was deleted";
    EXPECT_EQ(report.delete_files_removed, 1);
    EXPECT_EQ(Files(FileContent::kPositionDeletes), 0);
    EXPECT_EQ(Rows(), before);
    EXPECT_EQ(Load()->metadata.current_snapshot()->summary.at("total-delete-files"), "0");
  }
}

TEST_F(CompactionTest, RowLineageOfV3IsKept) {
  Create(false, 3);
  Append(0, 10);
  Append(10, 10);
  ASSERT_OK(Delete(3, {0, 1, 2}));
  ASSERT_OK(Compact(Load(), options_, {}));  // the first file: rows 3 … 9 with ids 3 … 9
  options_.all = true;
  ASSERT_OK(Compact(Load(), options_, {}));  // both together
  const TablePtr table = Load();
  std::vector<std::string> ids;
  auto connection = duck::Connection::Open(database_);
  ASSERT_OK(connection);
  for (const ManifestEntry& entry : LiveEntries(*table)) {
    const std::string path = *table->store->LocalPath(*table->store->KeyOf(entry.file.path));
    auto rows = connection->Query(
        fmt::format("SELECT id::TEXT || ':' || _row_id || ':' || _last_updated_sequence_number FROM read_parquet('{}') "
                    "ORDER BY id",
                    path));
    ASSERT_OK(rows);
    for (const auto& row : *rows) ids.push_back(row[0].value_or("null"));
  }
  ASSERT_EQ(ids.size(), 17U);
  EXPECT_EQ(ids.front(), "3:3:1");
  EXPECT_EQ(ids[6], "9:9:1");
  EXPECT_EQ(ids[7], "10:10:2");
  EXPECT_EQ(ids.back(), "19:19:2");
}

TEST_F(CompactionTest, UpkeepFollowsEveryNthCommit) {
  Create();
  Transaction settings(Load());
  ASSERT_OK(settings.SetProperties(
      {{"nilus.upkeep.every-commits", "4"}, {"nilus.upkeep.small-files", "6"}, {"nilus.upkeep.keep-snapshots", "3"}}));
  ASSERT_OK(settings.Commit({}));
  for (int64_t i = 0; i < 8; ++i) {
    Append(i * 10, 10);
    ASSERT_OK_AND_ASSIGN(const UpkeepReport report, Upkeep(Load(), {}, options_, {}));
    EXPECT_EQ(report.expired.has_value(), i == 3 || i == 7);
    EXPECT_EQ(report.compacted.has_value(), i == 7) << i;
  }
  EXPECT_EQ(Rows().size(), 80U);
  EXPECT_EQ(Files(FileContent::kData), 1);
  EXPECT_EQ(Load()->metadata.snapshots.size(), 3U);
  Transaction off(Load());
  ASSERT_OK(off.SetProperties({{"nilus.upkeep.enabled", "false"}}));
  ASSERT_OK(off.Commit({}));
  EXPECT_FALSE(UpkeepDueOf(Load()->metadata, {}, options_.target_bytes).expiry);
  // What the caller says wins over the table's properties.
  const UpkeepPolicy policy{.enabled = true, .every_commits = 1, .small_files = 2};
  EXPECT_TRUE(UpkeepDueOf(Load()->metadata, policy, options_.target_bytes).expiry);
  EXPECT_FALSE(UpkeepDueOf(Load()->metadata, policy, options_.target_bytes).compaction) << "one file";
  Append(1000, 1);
  EXPECT_TRUE(UpkeepDueOf(Load()->metadata, policy, options_.target_bytes).compaction);
}

TEST_F(CompactionTest, NoMoreIsRewrittenAtOnceThanAsked) {
  Create();
  for (int64_t i = 0; i < 12; ++i) Append(i * 10, 10);
  options_.group_bytes = 1;
  options_.most_bytes = 1;
  ASSERT_OK_AND_ASSIGN(const CompactionReport report, Compact(Load(), options_, {}));
  EXPECT_EQ(report.groups, 1);
  EXPECT_EQ(Rows().size(), 120U);
}

}  // namespace
}  // namespace nilus::lake
