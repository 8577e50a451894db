// Loads of changes on one Sink, whose key index has to notice what others do to the table in between; and a load that
// was cut off between the commits of its tables.
#include <filesystem>
#include <set>

#include "nilus/base/clock.h"
#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/lakehouse/connector.h"
#include "nilus/connectors/lakehouse/place.h"
#include "nilus/connectors/lakehouse/sink.h"
#include "nilus/connectors/lakehouse/source.h"
#include "nilus/lake/compaction.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {
namespace {

using conformance::Cell;
using conformance::KindOf;
using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;
using conformance::Rows;

class LakehouseChanges : public testing::TestWithParam<const char*> {
 protected:
  LakehouseChanges() : folder_(std::filesystem::temp_directory_path() / ("nilus-lakehouse-changes-" + NewId())) {
    std::filesystem::create_directories(folder_);
    address_ = *ParseAddress("lakehouse://" + folder_.string(), ProcessEnvironment());
    context_.options.Set("format_version", GetParam());
    session_ = *OpenSession(address_, context_);
    sink_ = *OpenSink(address_, context_);
  }
  ~LakehouseChanges() override { std::filesystem::remove_all(folder_); }

  lake::TablePtr Table(const std::string& name) { return **session_->catalog->Load({"s", name}, {}); }

  WriteRequest Request(const std::string& load_id, const std::string& table = "t") const {
    WriteRequest request;
    request.pipeline = {.value = "w/p:s.t", .state_schema = "s"};
    request.load_id = load_id;
    request.table = {"s", table};
    request.schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
    request.strategy = WriteStrategy::kMerge;
    request.primary_key = {"id"};
    request.is_changes = true;
    request.partition_by = partition_by_;
    request.misfits = misfits_;
    return request;
  }
  static Status Stage(Sink* sink, const WriteRequest& request, const Rows& rows) {
    if (request.is_changes) return StageParts(sink, request, {rows});
    NILUS_ASSIGN(auto writer, sink->Open(request));
    Rows plain;
    for (const Row& row : rows) plain.push_back({row[0], row[1]});
    NILUS_TRY(writer->Write(MakeBatch(request.schema, plain)));
    return writer->Finish().map([](const Receipt&) {});
  }
  static Status StageParts(Sink* sink, const WriteRequest& request, const std::vector<Rows>& parts) {
    static const SchemaPtr schema = MakeSchema(
        {MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText), MakeField("w", TypeId::kText),
         MakeField(std::string(kRemovedColumn), TypeId::kBool), MakeField(std::string(kUnchangedColumn), TypeId::kText),
         MakeField(std::string(kMovedColumn), TypeId::kBool)});
    NILUS_ASSIGN(auto writer, sink->Open(request));
    for (const Rows& part : parts) {
      Rows whole;
      for (Row row : part) {
        if (row.size() == 4) row.insert(row.begin() + 2, std::nullopt);  // without w
        row.resize(6);
        whole.push_back(std::move(row));
      }
      NILUS_TRY(writer->Write(MakeBatch(schema, whole)));
    }
    return writer->Finish().map([](const Receipt&) {});
  }
  static Result<CommitResult> Commit(Sink* sink, const WriteRequest& request, int64_t expected) {
    return sink->Commit(
        {.pipeline = request.pipeline, .load_id = request.load_id, .expected_version = expected, .position = {"{}"}});
  }
  // The next load on the one sink.
  void Load(const Rows& rows) {
    const WriteRequest request = Request(fmt::format("load-{}", ++version_));
    ASSERT_NILUS_OK(Stage(sink_.get(), request, rows));
    ASSERT_NILUS_OK(Commit(sink_.get(), request, version_ - 1));
  }
  // The same in parts, each of which is folded by itself.
  Result<CommitResult> LoadParts(const std::vector<Rows>& parts) {
    WriteRequest request = Request(fmt::format("load-{}", ++version_));
    request.memory_bytes = 1;
    NILUS_TRY(StageParts(sink_.get(), request, parts));
    return Commit(sink_.get(), request, version_ - 1);
  }
  int64_t DataFilesInFolder() const {
    int64_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "s" / "t" / "data"))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  // Files of rows and of deletes.
  int64_t FilesOfTable() {
    const lake::TablePtr table = Table("t");
    auto plan = *lake::PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
    std::set<std::string> paths;
    for (const lake::ManifestEntry& entry : plan.deletes) paths.insert(entry.file.path);
    return std::ssize(plan.files) + std::ssize(paths);
  }

  // What another writer loads.
  void OtherLoad(const Rows& rows, WriteStrategy strategy) {
    auto sink = *OpenSink(address_, context_);
    WriteRequest request = Request(NewId());
    request.pipeline.value = "w/other-" + request.load_id;
    request.strategy = strategy;
    request.is_changes = strategy == WriteStrategy::kMerge;
    ASSERT_NILUS_OK(Stage(sink.get(), request, rows));
    ASSERT_NILUS_OK(Commit(sink.get(), request, 0));
  }
  void Compact() {
    lake::CompactionOptions options;
    options.database = session_->database;
    options.all = true;
    options.min_files = 1;
    ASSERT_NILUS_OK(lake::Compact(Table("t"), options, {}));
  }

  Rows Read(const std::string& name = "t") {
    auto source = *OpenSource(address_, context_);
    ReadRequest request;
    request.table = "s." + name;
    auto plan = *source->Plan(request);
    Rows rows;
    for (const Split& split : plan.splits) {
      auto reader = *source->Open(split);
      while (auto batch = *reader->Next({})) {
        for (int64_t i = 0; i < batch->rows.num_rows(); ++i) {
          const Column& v = batch->rows.column(1);
          rows.push_back({fmt::format("{}", batch->rows.column(0).Value<int64_t>(i)),
                          v.IsNull(i) ? Cell() : Cell(v.BytesValue(i))});
        }
      }
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  static Row Put(const char* id, const char* v) { return {id, v, std::nullopt, std::nullopt}; }
  static Row Removed(const char* id) { return {id, std::nullopt, "true", std::nullopt}; }
  // v is what it was; w is new.
  static Row KeepsV(const char* id, const char* w) { return {id, std::nullopt, w, std::nullopt, "v", std::nullopt}; }
  static Row MovedHere(const char* id, const char* w) { return {id, std::nullopt, w, std::nullopt, "v", "true"}; }
  static Row Truncated() { return {std::nullopt, std::nullopt, "true", std::nullopt}; }

  std::filesystem::path folder_;
  Address address_;
  OpenContext context_;
  std::shared_ptr<const Session> session_;
  std::unique_ptr<Sink> sink_;
  int64_t version_ = 0;
  std::vector<PartitionField> partition_by_;
  Misfits misfits_ = Misfits::kVariant;
};

INSTANTIATE_TEST_SUITE_P(Formats, LakehouseChanges, testing::Values("2", "3"),
                         [](const auto& format) { return std::string("V") + format.param; });

TEST_P(LakehouseChanges, OthersChangesBetweenLoadsAreNoticed) {
  Load({Put("1", "a"), Put("2", "a"), Put("3", "a")});
  Load({Put("2", "b"), Put("4", "b")});
  OtherLoad({Put("1", "other"), Removed("3"), Put("5", "other")}, WriteStrategy::kMerge);
  Load({Put("1", "c"), Put("3", "c"), Put("5", "c"), Put("4", "c")});
  EXPECT_EQ(Read(), (Rows{{"1", "c"}, {"2", "b"}, {"3", "c"}, {"4", "c"}, {"5", "c"}}));
  Compact();
  Load({Put("2", "d"), Removed("3")});
  EXPECT_EQ(Read(), (Rows{{"1", "c"}, {"2", "d"}, {"4", "c"}, {"5", "c"}}));
  Load({Removed("1"), Removed("2"), Removed("4"), Removed("5"), Put("9", "e")});
  EXPECT_EQ(Read(), (Rows{{"9", "e"}}));
}

TEST_P(LakehouseChanges, RowsOfOneKeyThatOthersAppendedGoTogether) {
  Load({Put("1", "a"), Put("2", "a")});
  OtherLoad({Put("1", "again"), Put("1", "again"), Put("7", "x")}, WriteStrategy::kAppend);
  Load({Put("1", "b"), Put("3", "b")});
  EXPECT_EQ(Read(), (Rows{{"1", "b"}, {"2", "a"}, {"3", "b"}, {"7", "x"}}));
  Load({Put("1", "c"), Removed("7")});
  EXPECT_EQ(Read(), (Rows{{"1", "c"}, {"2", "a"}, {"3", "b"}}));
}

TEST_P(LakehouseChanges, ATableThatWasMadeAnewIsIndexedAnew) {
  Load({Put("1", "a"), Put("2", "a")});
  Load({Put("1", "b")});
  OtherLoad({Put("1", "new"), Put("2", "new"), Put("3", "new")}, WriteStrategy::kReplace);
  Load({Put("2", "c"), Removed("3")});
  EXPECT_EQ(Read(), (Rows{{"1", "new"}, {"2", "c"}}));
  const lake::TablePtr before = Table("t");
  Load({Put("1", "d"), Put("2", "d")});
  lake::Transaction transaction(Table("t"));  // back to before the last load, as `nilus lake rollback` does
  ASSERT_NILUS_OK(transaction.SetRef("main", {.snapshot_id = before->metadata.current_snapshot()->id}));
  ASSERT_NILUS_OK(transaction.Commit({}));
  --version_;  // the position went back too
  const WriteRequest request = Request("after the rollback");
  ASSERT_NILUS_OK(Stage(sink_.get(), request, {Put("1", "e")}));
  ASSERT_NILUS_OK(Commit(sink_.get(), request, version_));
  EXPECT_EQ(Read(), (Rows{{"1", "e"}, {"2", "c"}}));
}

TEST_P(LakehouseChanges, ALoadThatFailedLeavesTheIndexAsItWas) {
  Load({Put("1", "a"), Put("2", "a")});
  const WriteRequest lost = Request("lost");
  ASSERT_NILUS_OK(Stage(sink_.get(), lost, {Put("1", "lost"), Removed("2")}));
  EXPECT_EQ(KindOf(Commit(sink_.get(), lost, 7)), "conflict");
  ASSERT_NILUS_OK(Stage(sink_.get(), lost, {Put("1", "lost"), {"8", std::nullopt, std::nullopt, "v"}}));
  EXPECT_EQ(KindOf(Commit(sink_.get(), lost, 1)), "data") << "there is no row 8";
  Load({Put("2", "b")});
  EXPECT_EQ(Read(), (Rows{{"1", "a"}, {"2", "b"}}));
}

// Whole rows are written as they come; what becomes of them later in the load takes their place.
TEST_P(LakehouseChanges, LaterPartsSupersedeWhatEarlierOnesWrote) {
  Load({Put("1", "old"), Put("2", "old"), Put("3", "old"), Put("4", "old")});
  auto result = LoadParts({{Put("1", "a"), Put("5", "a"), Put("6", "a"), Put("7", "a")},
                           {Put("1", "b"), Removed("5"), Put("8", "b")},
                           {Removed("2"), Put("6", "c"), Put("5", "c")},
                           {Put("1", "d"), Removed("7"), Removed("8")}});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(Read(), (Rows{{"1", "d"}, {"3", "old"}, {"4", "old"}, {"5", "c"}, {"6", "c"}}));
  EXPECT_EQ(result->rows_inserted, 2);
  EXPECT_EQ(result->rows_updated, 1);
  EXPECT_EQ(result->rows_deleted, 1);
  Load({Put("5", "e"), Removed("6")});  // the index knows which rows are live
  EXPECT_EQ(Read(), (Rows{{"1", "d"}, {"3", "old"}, {"4", "old"}, {"5", "e"}}));
}

// A key's rows may lie in several partitions, more than are open at once.
TEST_P(LakehouseChanges, LaterPartsSupersedeInOtherPartitionsToo) {
  partition_by_ = {{.column = "v", .transform = "identity"}};
  Rows first;
  Rows second;
  Rows expected;
  for (int i = 100; i < 160; ++i) {
    const std::string id = fmt::format("{}", i);
    first.push_back({id, "p" + id, std::nullopt, std::nullopt});
    if (i % 3 == 0) {
      second.push_back(Removed(id.c_str()));
    } else if (i % 3 == 1) {
      second.push_back({id, fmt::format("p{}", i + 1), std::nullopt, std::nullopt});
    }
    if (i % 3 != 0) expected.push_back({id, fmt::format("p{}", i % 3 == 1 ? i + 1 : i)});
  }
  ASSERT_NILUS_OK(LoadParts({first, second}));
  EXPECT_EQ(Read(), expected);
  ASSERT_NILUS_OK(LoadParts({second, {KeepsV("101", "x"), KeepsV("103", "x")}}));
  EXPECT_EQ(Read(), expected);
}

// A table without room for an open file keeps its rows elsewhere until its end.
TEST_P(LakehouseChanges, WithoutRoomForFilesRowsWait) {
  context_.duckdb_bytes = 16 << 20;  // half of it is less than what two row groups and the columns' pages take
  sink_ = *OpenSink(address_, context_);
  Load({Put("1", "old"), Put("2", "old")});
  auto result = LoadParts({{Put("1", "a"), Put("3", "a"), Put("4", "a")},
                           {KeepsV("1", "x"), KeepsV("2", "x"), Removed("3")},
                           {Removed("1"), MovedHere("5", "y"), Put("4", "b")}});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(Read(), (Rows{{"2", "old"}, {"4", "b"}, {"5", "a"}}));
  EXPECT_EQ(result->rows_inserted, 2);
  EXPECT_EQ(FilesOfTable(), 2) << "one of rows that are known whole, one of those with values of the table";
}

TEST_P(LakehouseChanges, ManyRowsAreReplacedUnderLittleMemory) {
  context_.duckdb_bytes = 16 << 20;
  sink_ = *OpenSink(address_, context_);
  constexpr int kRows = 130'000;
  Rows first;
  Rows second;
  for (int i = 0; i < kRows; ++i) {
    first.push_back({fmt::format("{}", i), "a", std::nullopt, std::nullopt});
    if (i % 2 == 0) second.push_back({fmt::format("{}", i), "b", std::nullopt, std::nullopt});
  }
  Load(first);
  Load(second);
  const Rows rows = Read();
  ASSERT_EQ(std::ssize(rows), kRows);
  EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row[1] == "b"; }), kRows / 2);
}

// What makes a row unfit for the table may be mended later in the load.
TEST_P(LakehouseChanges, OnlyWhatARowComesToMustHaveRequiredValues) {
  Load({Put("1", "old")});
  {
    lake::Transaction transaction(Table("t"));
    lake::IcebergSchema schema = Table("t")->metadata.schema();
    for (lake::IcebergField& field : schema.fields) field.required = field.name == "v";
    ASSERT_NILUS_OK(transaction.SetSchema(std::move(schema)));
    ASSERT_NILUS_OK(transaction.Commit({}));
  }
  misfits_ = Misfits::kNull;  // then what is required stays so
  const Row lacks = {"2", std::nullopt, std::nullopt, std::nullopt};
  ASSERT_NILUS_OK(LoadParts(
      {{lacks, Put("3", "a")}, {Put("2", "b")}, {{"4", std::nullopt, std::nullopt, std::nullopt}}, {Removed("4")}}));
  EXPECT_EQ(Read(), (Rows{{"1", "old"}, {"2", "b"}, {"3", "a"}}));
  EXPECT_EQ(KindOf(LoadParts({{{"5", std::nullopt, std::nullopt, std::nullopt}}, {Put("6", "a")}})), "data");
}

TEST_P(LakehouseChanges, AFileWhoseRowsAreAllSupersededIsNotLeftBehind) {
  ASSERT_NILUS_OK(LoadParts({{Put("1", "a"), Put("2", "a")}, {Put("1", "b"), Put("2", "b")}}));
  EXPECT_EQ(Read(), (Rows{{"1", "b"}, {"2", "b"}}));
  EXPECT_EQ(FilesOfTable(), 1);
  EXPECT_EQ(DataFilesInFolder(), 1);
  ASSERT_NILUS_OK(LoadParts({{Put("3", "a")}, {Removed("3")}, {Removed("1")}}));
  EXPECT_EQ(Read(), (Rows{{"2", "b"}}));
}

TEST_P(LakehouseChanges, MissingValuesComeFromWhatTheLoadWroteOrTheTable) {
  Load({Put("1", "old"), Put("2", "old"), Put("3", "old"), Put("4", "old")});
  ASSERT_NILUS_OK(LoadParts({{Put("1", "new"), Put("5", "new"), Put("6", "new")},
                             {KeepsV("1", "x"), KeepsV("2", "x"), KeepsV("5", "x")},
                             {KeepsV("1", "y"), Removed("6"), MovedHere("7", "y"), Removed("3"), MovedHere("8", "y")},
                             {Put("3", "again"), KeepsV("7", "z"), Put("2", "whole")}}));
  EXPECT_EQ(
      Read(),
      (Rows{{"1", "new"}, {"2", "whole"}, {"3", "again"}, {"4", "old"}, {"5", "new"}, {"7", "new"}, {"8", "old"}}));
  // The row that moves and the one that comes in its place, in one part.
  ASSERT_NILUS_OK(LoadParts({{Removed("1"), MovedHere("9", "m"), Put("1", "fresh")}, {KeepsV("9", "n")}}));
  EXPECT_EQ(Read(), (Rows{{"1", "fresh"},
                          {"2", "whole"},
                          {"3", "again"},
                          {"4", "old"},
                          {"5", "new"},
                          {"7", "new"},
                          {"8", "old"},
                          {"9", "new"}}));
}

TEST_P(LakehouseChanges, ATruncateTakesWhatTheLoadWroteBeforeIt) {
  Load({Put("1", "old"), Put("2", "old")});
  ASSERT_NILUS_OK(LoadParts({{Put("1", "a"), Put("3", "a")},
                             {KeepsV("2", "x")},
                             {Truncated()},
                             {Put("4", "b"), Put("1", "b")},
                             {KeepsV("4", "x"), Put("5", "c")}}));
  EXPECT_EQ(Read(), (Rows{{"1", "b"}, {"4", "b"}, {"5", "c"}}));
  EXPECT_EQ(FilesOfTable(), DataFilesInFolder() - 1) << "of the table before, one file";
  EXPECT_EQ(KindOf(LoadParts({{Truncated(), Put("7", "a")}, {KeepsV("1", "x")}})), "data") << "it is gone";
  --version_;
  EXPECT_EQ(Read(), (Rows{{"1", "b"}, {"4", "b"}, {"5", "c"}}));
}

// Its changes come again, perhaps in another cut: they have to find the rows as they were.
TEST_P(LakehouseChanges, ALoadThatReachedOneOfItsTablesIsTakenBack) {
  auto load = [&](const std::string& id, const Rows& child, const Rows& main, int64_t expected) {
    EXPECT_TRUE(Stage(sink_.get(), Request(id, "a"), child));
    EXPECT_TRUE(Stage(sink_.get(), Request(id), main));
    return Commit(sink_.get(), Request(id), expected);
  };
  ASSERT_NILUS_OK(load("first", {Put("1", "a"), Put("2", "a")}, {Put("1", "a")}, 0));
  {  // a load that dies between the commits of its tables leaves such a snapshot
    const lake::TablePtr table = Table("a");
    lake::Transaction transaction(table);
    auto plan = lake::PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
    ASSERT_NILUS_OK(plan);
    for (const lake::ScanFile& file : plan->files) transaction.RemoveFile(file.entry);
    transaction.SetPipelineState("w/p:s.t#part", {.version = 2, .load_id = "crashed"}, 1);
    ASSERT_NILUS_OK(transaction.Commit({}));
  }
  EXPECT_EQ(Read("a"), Rows{});
  const Rows changes = {{"1", std::nullopt, std::nullopt, "v"}, Removed("2")};
  EXPECT_EQ(KindOf(load("second", changes, {Put("2", "b")}, 1)), "conflict") << "the engine begins anew";
  EXPECT_EQ(Read("a"), (Rows{{"1", "a"}, {"2", "a"}}));
  ASSERT_NILUS_OK(load("third", changes, {Put("2", "b")}, 1));
  EXPECT_EQ(Read("a"), (Rows{{"1", "a"}}));
  EXPECT_EQ(Read(), (Rows{{"1", "a"}, {"2", "b"}}));
}

}  // namespace
}  // namespace nilus::lakehouse
