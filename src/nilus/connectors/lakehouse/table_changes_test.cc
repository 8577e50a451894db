// Loads of changes on one Sink, whose key index has to notice what others do to the table in between; and a load that
// was cut off between the commits of its tables.
#include <filesystem>

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
    return request;
  }
  static Status Stage(Sink* sink, const WriteRequest& request, const Rows& rows) {
    static const SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText),
                                                MakeField(std::string(kRemovedColumn), TypeId::kBool),
                                                MakeField(std::string(kUnchangedColumn), TypeId::kText)});
    NILUS_ASSIGN(auto writer, sink->Open(request));
    if (request.is_changes) {
      NILUS_TRY(writer->Write(MakeBatch(schema, rows)));
    } else {
      Rows plain;
      for (const Row& row : rows) plain.push_back({row[0], row[1]});
      NILUS_TRY(writer->Write(MakeBatch(request.schema, plain)));
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

  std::filesystem::path folder_;
  Address address_;
  OpenContext context_;
  std::shared_ptr<const Session> session_;
  std::unique_ptr<Sink> sink_;
  int64_t version_ = 0;
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
