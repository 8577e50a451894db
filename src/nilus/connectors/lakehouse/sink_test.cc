// What the shared suite does not ask: several tables and crashes between their commits, evolution, partitions.
#include "nilus/connectors/lakehouse/sink.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "nilus/base/clock.h"
#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/lakehouse/commit_tables.h"
#include "nilus/connectors/lakehouse/connector.h"
#include "nilus/connectors/lakehouse/place.h"
#include "nilus/connectors/lakehouse/source.h"
#include "nilus/lake/compaction.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {
namespace {

using conformance::KindOf;
using conformance::MakeBatch;
using conformance::MakeField;
using conformance::MakeSchema;
using conformance::Row;

class LakehouseSinkTest : public testing::Test {
 protected:
  LakehouseSinkTest() : folder_(std::filesystem::temp_directory_path() / ("nilus-lakehouse-sink-" + NewId())) {
    std::filesystem::create_directories(folder_);
    address_ = *ParseAddress("lakehouse://" + folder_.string(), ProcessEnvironment());
  }
  ~LakehouseSinkTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Sink> Open() { return *OpenSink(address_, OpenContext{}); }
  lake::TablePtr Table(const std::string& name) {
    auto session = *OpenSession(address_, OpenContext{});
    auto table = session->catalog->Load({"s", name}, {});
    EXPECT_TRUE(table && *table) << name;
    return **table;
  }
  int64_t Rows(const std::string& name) {
    const lake::TablePtr table = Table(name);
    auto plan = lake::PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().ToString());
    return plan->rows();
  }

  static WriteRequest Request(const std::string& table, const std::string& load_id, SchemaPtr schema,
                              WriteStrategy strategy = WriteStrategy::kAppend) {
    WriteRequest request;
    request.pipeline = {.value = "w/p:s.main", .state_schema = "s"};
    request.load_id = load_id;
    request.table = {"s", table};
    request.schema = std::move(schema);
    request.strategy = strategy;
    return request;
  }
  static Status Stage(Sink* sink, const WriteRequest& request, const std::vector<Row>& rows) {
    NILUS_ASSIGN(auto writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(request.schema, rows)));
    NILUS_TRY(writer->Finish());
    return {};
  }
  static CommitRequest CommitOf(const WriteRequest& request, int64_t expected) {
    return {.pipeline = request.pipeline, .load_id = request.load_id, .expected_version = expected, .position = {"{}"}};
  }
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<Row>& rows, int64_t expected) {
    auto sink = Open();
    NILUS_TRY(Stage(sink.get(), request, rows));
    return sink->Commit(CommitOf(request, expected));
  }

  std::filesystem::path folder_;
  Address address_;
  SchemaPtr ids_ = MakeSchema({MakeField("id", TypeId::kInt64)});
};

TEST_F(LakehouseSinkTest, AChildWhoseParentWasNotCommittedIsLoadedAnew) {
  auto load = [&](const std::string& id, int64_t expected) {
    auto sink = Open();
    const WriteRequest child = Request("main__items", id, ids_);
    const WriteRequest main = Request("main", id, ids_);
    EXPECT_TRUE(Stage(sink.get(), child, {{"1"}, {"2"}}));
    EXPECT_TRUE(Stage(sink.get(), main, {{"1"}}));
    return sink->Commit(CommitOf(main, expected));
  };
  ASSERT_NILUS_OK(load("first", 0));
  // A load that dies between the commits of its tables, as its child's snapshot shows.
  {
    auto sink = Open();
    const WriteRequest child = Request("main__items", "crashed", ids_);
    ASSERT_NILUS_OK(Stage(sink.get(), child, {{"3"}, {"4"}, {"5"}}));
    const lake::TablePtr table = Table("main__items");
    lake::Transaction transaction(table);
    auto plan = lake::PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
    ASSERT_NILUS_OK(plan);
    lake::DataFile file = plan->files.at(0).file();  // stands for the crashed load's own
    file.path += ".copy";
    transaction.AddDataFile(file);
    transaction.SetPipelineState("w/p:s.main#part", {.version = 2, .load_id = "crashed"}, 1);
    ASSERT_NILUS_OK(transaction.Commit({}));
  }
  EXPECT_EQ(Rows("main__items"), 4);
  auto committed = Open()->Committed({.value = "w/p:s.main", .state_schema = "s"});
  ASSERT_NILUS_OK(committed);
  EXPECT_EQ((*committed)->version, 1) << "the load did not take place";
  ASSERT_NILUS_OK(load("second", 1));
  EXPECT_EQ(Rows("main__items"), 4) << "two of each load that took place";
  EXPECT_EQ(Rows("main"), 2);
  EXPECT_EQ((*Open()->Committed({.value = "w/p:s.main", .state_schema = "s"}))->version, 2);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s" / "_nilus_state")) << "the pipeline's id names its table";
}

// A catalog that says it commits several tables in one step, and then does not.
class PromisingCatalog : public lake::Catalog {
 public:
  explicit PromisingCatalog(lake::CatalogPtr real) : real_(std::move(real)) {}
  bool has_multi_table_commit() const override { return true; }
  Result<std::optional<lake::TablePtr>> Load(const lake::TableIdentifier& table, std::stop_token stop) override {
    return real_->Load(table, stop);
  }
  Result<lake::TablePtr> Commit(const lake::TableCommit& commit, std::stop_token stop) override {
    return real_->Commit(commit, stop);
  }
  Result<std::vector<lake::TableIdentifier>> List(const std::string& schema, std::stop_token stop) override {
    return real_->List(schema, stop);
  }
  Result<std::vector<std::string>> ListSchemas(std::stop_token stop) override { return real_->ListSchemas(stop); }
  Status Drop(const lake::TableIdentifier& table, bool purge, std::stop_token stop) override {
    return real_->Drop(table, purge, stop);
  }
  Result<std::string> NewTableLocation(const lake::TableIdentifier& table, std::stop_token stop) override {
    return real_->NewTableLocation(table, stop);
  }
  Result<lake::StorePtr> StoreForLocation(const std::string& location, std::stop_token stop) override {
    return real_->StoreForLocation(location, stop);
  }
  std::string description() const override { return "promising catalog"; }

 private:
  const lake::CatalogPtr real_;
};

TEST_F(LakehouseSinkTest, AReplayNeverCommitsItsLettersWithoutItsRows) {
  for (const bool is_new : {false, true}) {
    const std::string name = is_new ? "fresh" : "main";
    WriteRequest rows = Request(name, "first", ids_);
    WriteRequest letters = Request(name + "__dead_letters", "first", ids_);
    rows.pipeline.value = letters.pipeline.value = "w/p:s." + name;
    auto sink = Open();
    ASSERT_NILUS_OK(Stage(sink.get(), letters, {{"1"}, {"2"}}));
    if (!is_new) {
      ASSERT_NILUS_OK(Stage(sink.get(), rows, {{"0"}}));
    }
    ASSERT_NILUS_OK(sink->Commit(CommitOf(rows, 0)));

    rows.load_id = letters.load_id = "replay";
    rows.keeps_newer = letters.keeps_newer = true;
    letters.strategy = WriteStrategy::kReplace;
    auto session = std::make_shared<Session>(**OpenSession(address_, OpenContext{}));
    session->catalog = std::make_shared<PromisingCatalog>(session->catalog);
    auto letters_load = TableLoad::Open(session, letters);
    ASSERT_NILUS_OK(letters_load);
    auto rows_load = TableLoad::Open(session, rows);
    ASSERT_NILUS_OK(rows_load);
    ASSERT_NILUS_OK((*rows_load)->Write(MakeBatch(ids_, {{"1"}, {"2"}})));
    ASSERT_NILUS_OK((*letters_load)->Finish());
    ASSERT_NILUS_OK((*rows_load)->Finish());
    TableLoad* const loads[] = {rows_load->get(), letters_load->get()};
    CommitResult result;
    EXPECT_EQ(KindOf(CommitTables(*session, loads, loads[0], CommitOf(rows, 1), &result)), "unsupported");
    EXPECT_EQ(Rows(letters.table.name), 2) << "nothing was done";
    EXPECT_EQ(is_new ? 1 : Rows(name), 1);
  }
}

TEST_F(LakehouseSinkTest, ColumnsBecomeWiderInPlaceAndKeepTheirIds) {
  const SchemaPtr narrow = MakeSchema({MakeField("id", TypeId::kInt32), MakeField("d", MakeDecimal(6, 2))});
  const SchemaPtr wide = MakeSchema({MakeField("d", MakeDecimal(12, 2)), MakeField("id", TypeId::kInt64)});
  ASSERT_NILUS_OK(Load(Request("main", "a", narrow), {{"1", "1.50"}}, 0));
  ASSERT_NILUS_OK(Load(Request("main", "b", wide), {{"123456789.25", "9000000000"}}, 1));
  const auto table = Table("main");
  const lake::IcebergSchema& schema = table->metadata.schema();
  EXPECT_EQ(schema.FindByName("id")->id, 1);
  EXPECT_EQ(schema.FindByName("id")->type.ToString(), "long");
  EXPECT_EQ(schema.FindByName("d")->type.precision, 12);
  const SchemaPtr other = MakeSchema({MakeField("id", TypeId::kText)});
  auto refused = Load(Request("main", "c", other), {{"x"}}, 2);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("id"), std::string::npos);
  ASSERT_NILUS_OK(Load(Request("main", "d", narrow), {{"2", "2.50"}}, 2));  // narrower ones fit
  EXPECT_EQ(Rows("main"), 3);
}

TEST_F(LakehouseSinkTest, PartitionsChangeWithPartitionBy) {
  WriteRequest request = Request("main", "a", ids_);
  request.partition_by = {{.column = "id", .transform = "bucket", .parameter = 4}};
  ASSERT_NILUS_OK(Load(request, {{"1"}, {"2"}, {"3"}}, 0));
  EXPECT_EQ(Table("main")->metadata.spec().fields.at(0).transform.ToString(), "bucket[4]");
  request = Request("main", "b", ids_);  // nothing said: it stays
  ASSERT_NILUS_OK(Load(request, {{"4"}}, 1));
  EXPECT_EQ(Table("main")->metadata.spec().fields.at(0).transform.ToString(), "bucket[4]");
  request.load_id = "c";
  request.partition_by = {{.column = "id", .transform = "truncate", .parameter = 10}};
  ASSERT_NILUS_OK(Load(request, {{"15"}}, 2));
  EXPECT_EQ(Table("main")->metadata.spec().fields.at(0).transform.ToString(), "truncate[10]");
  EXPECT_EQ(Rows("main"), 5);
  request.partition_by = {{.column = "gone", .transform = "identity"}};
  request.load_id = "d";
  EXPECT_EQ(KindOf(Load(request, {{"1"}}, 3)), "invalid_input");
}

TEST_F(LakehouseSinkTest, MetadataIsCompressedAsTheLatestLoadAsks) {
  int64_t version = 0;
  const auto location_after = [&](const std::string& codec) {
    OpenContext context;
    if (!codec.empty()) context.options.Set("iceberg_metadata_compression", codec);
    const WriteRequest request = Request("main", fmt::format("load-{}", version), ids_);
    auto sink = *OpenSink(address_, context);
    EXPECT_TRUE(Stage(sink.get(), request, {{"1"}}));
    EXPECT_TRUE(sink->Commit(CommitOf(request, version++)));
    return Table("main")->metadata_location;
  };
  const auto is_packed = testing::HasSubstr(".gz.metadata.json");
  EXPECT_THAT(location_after("gzip"), is_packed);
  EXPECT_THAT(location_after(""), is_packed) << "nothing said: it stays";
  location_after("none");  // a filesystem catalog names a file as the version before says
  EXPECT_THAT(location_after("none"), testing::Not(is_packed));
  EXPECT_THAT(location_after(""), testing::Not(is_packed));
  location_after("gzip");
  EXPECT_THAT(location_after("gzip"), is_packed);
}

TEST_F(LakehouseSinkTest, AMergeThatLeavesNothingOfAFileRemovesIt) {
  WriteRequest request = Request("main", "a", ids_, WriteStrategy::kMerge);
  request.primary_key = {"id"};
  request.file_rows = 2;
  ASSERT_NILUS_OK(Load(request, {{"1"}, {"2"}, {"3"}, {"4"}}, 0));
  request.load_id = "b";
  auto merged = Load(request, {{"1"}, {"2"}, {"3"}}, 1);
  ASSERT_NILUS_OK(merged);
  EXPECT_EQ(merged->rows_updated, 3);
  EXPECT_EQ(merged->rows_inserted, 0);
  const lake::TablePtr table = Table("main");
  auto plan = lake::PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, {});
  ASSERT_NILUS_OK(plan);
  EXPECT_EQ(plan->files.size(), 3U) << "two new ones, and one that still holds a row";
  EXPECT_EQ(plan->deletes.size(), 1U);
}

TEST_F(LakehouseSinkTest, ACommitAmongOthersChangesIsAConflictOnlyWhenItDoesNotFit) {
  ASSERT_NILUS_OK(Load(Request("main", "a", ids_), {{"1"}}, 0));
  const SchemaPtr with_x = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("x", TypeId::kText)});
  const SchemaPtr with_y = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("y", TypeId::kInt64)});
  auto slow = Open();
  const WriteRequest request = Request("main", "b", with_x);
  ASSERT_NILUS_OK(Stage(slow.get(), request, {{"2", "x"}}));
  WriteRequest other = Request("main", "o", with_y);
  other.pipeline.value = "w/other:s.main";
  ASSERT_NILUS_OK(Load(other, {{"3", "7"}}, 0));  // takes the field id that the slow one wrote its files with
  EXPECT_EQ(KindOf(slow->Commit(CommitOf(request, 1))), "conflict");
  ASSERT_NILUS_OK(Load(request, {{"2", "x"}}, 1));
  EXPECT_EQ(Rows("main"), 3);
}

// Columns that hold JSON: Iceberg's string does not tell.
class LakehouseJson : public LakehouseSinkTest, public testing::WithParamInterface<const char*> {
 protected:
  LakehouseJson() { context_.options.Set("format_version", GetParam()); }

  Status LoadNext(const WriteRequest& wanted, const std::vector<Row>& rows) {
    WriteRequest request = wanted;
    request.load_id = fmt::format("load-{}", ++version_);
    auto sink = *OpenSink(address_, context_);
    NILUS_TRY(Stage(sink.get(), request, rows));
    return sink->Commit(CommitOf(request, version_ - 1)).map([](const CommitResult&) {});
  }
  Type Described(const std::string& column) {
    const Schema schema = **Open()->Describe({"s", "main"});
    return schema.fields[static_cast<size_t>(*schema.Find(column))].type;
  }
  // The named column's values, sorted, as the source gives them.
  std::vector<std::string> Values(const std::string& table, const std::string& column) {
    auto source = *OpenSource(address_, context_);
    auto plan = source->Plan(ReadRequest{.table = table});
    EXPECT_TRUE(plan) << (plan ? "" : plan.error().ToString());
    const size_t at = static_cast<size_t>(*plan->table.schema.Find(column));
    EXPECT_EQ(plan->table.schema.fields[at].type, MakeType(TypeId::kJson));
    std::vector<std::string> values;
    for (const Split& split : plan->splits) {
      auto reader = *source->Open(split);
      for (;;) {
        auto batch = reader->Next({});
        EXPECT_TRUE(batch) << (batch ? "" : batch.error().ToString());
        if (!batch || !*batch) break;
        const Column& read = (*batch)->rows.column(static_cast<int>(at));
        EXPECT_EQ(read.type, MakeType(TypeId::kJson));
        for (int64_t i = 0; i < read.length; ++i) values.emplace_back(read.IsNull(i) ? "NULL" : read.BytesValue(i));
      }
    }
    std::sort(values.begin(), values.end());
    return values;
  }
  void Compact() {
    lake::CompactionOptions options;
    auto session = *OpenSession(address_, context_);
    options.database = session->database;
    options.all = true;
    options.min_files = 1;
    ASSERT_NILUS_OK(lake::Compact(Table("main"), options, {}));
  }

  OpenContext context_;
  int64_t version_ = 0;
  SchemaPtr schema_ = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("j", TypeId::kJson)});
  std::vector<Row> rows_ = {{"1", "\"1\""},          {"2", "1"},    {"3", "\"abc\""},   {"4", R"({"a":1})"},
                            {"5", R"("{\"a\":1}")"}, {"6", "null"}, {"7", std::nullopt}};
  std::vector<std::string> values_ = {R"("1")", R"("abc")", R"("{\"a\":1}")", "1", "NULL", "null", R"({"a":1})"};
};

INSTANTIATE_TEST_SUITE_P(Formats, LakehouseJson, testing::Values("2", "3"),
                         [](const auto& format) { return std::string("V") + format.param; });

TEST_P(LakehouseJson, TheTableKeepsTheMarkAndTheValues) {
  std::sort(values_.begin(), values_.end());
  ASSERT_NILUS_OK(LoadNext(Request("main", "", schema_), rows_));
  EXPECT_EQ(Table("main")->metadata.schema().FindByName("j")->doc, "JSON (nilus)");
  EXPECT_EQ(Described("j"), MakeType(TypeId::kJson));
  EXPECT_EQ(Described("id"), MakeType(TypeId::kInt64));
  EXPECT_EQ(Values("s.main", "j"), values_);
  WriteRequest merge = Request("main", "", schema_, WriteStrategy::kMerge);
  merge.primary_key = {"id"};
  ASSERT_NILUS_OK(LoadNext(merge, rows_));  // staged: it comes back as text on the way
  EXPECT_EQ(Values("s.main", "j"), values_);
  merge.schema =
      MakeSchema({MakeField("id", TypeId::kInt64), MakeField("t", TypeId::kText), MakeField("k", TypeId::kJson)});
  ASSERT_NILUS_OK(LoadNext(merge, {{"8", "t", "\"k\""}}));
  Compact();
  EXPECT_EQ(Described("j"), MakeType(TypeId::kJson));
  EXPECT_EQ(Described("k"), MakeType(TypeId::kJson));
  EXPECT_EQ(Described("t"), MakeType(TypeId::kText));
  values_.emplace_back("NULL");
  std::sort(values_.begin(), values_.end());
  EXPECT_EQ(Values("s.main", "j"), values_);
  EXPECT_EQ(Values("query:SELECT j FROM s.main", "j"), values_);
  EXPECT_EQ(Values(R"(query:SELECT j FROM s.main WHERE j = '{"a":1}')", "j"), std::vector<std::string>{R"({"a":1})"});
  WriteRequest late = Request("main", "", MakeSchema({MakeField("id", TypeId::kInt64), MakeField("j", TypeId::kText)}));
  EXPECT_EQ(KindOf(LoadNext(late, {{"9", "abc"}})), "conflict") << "planned when the column was text";
  --version_;
  late.strategy = WriteStrategy::kReplace;
  ASSERT_NILUS_OK(LoadNext(late, {{"9", "abc"}}));
  EXPECT_EQ(Described("j"), MakeType(TypeId::kText)) << "made anew";
}

TEST_P(LakehouseJson, UnchangedRowsMakeNoVersion) {
  WriteRequest request = Request("main", "", schema_, WriteStrategy::kScd2);
  request.primary_key = {"id"};
  request.is_complete = true;
  request.load_time = Now();
  ASSERT_NILUS_OK(LoadNext(request, rows_));
  ASSERT_EQ(Described("j"), MakeType(TypeId::kJson));
  request.load_time += std::chrono::hours(1);
  ASSERT_NILUS_OK(LoadNext(request, rows_));
  EXPECT_EQ(Rows("main"), static_cast<int64_t>(rows_.size()));
}

TEST_P(LakehouseJson, WhatIsNoJsonIsReadAsAString) {
  const SchemaPtr text = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("j", TypeId::kText)});
  ASSERT_NILUS_OK(LoadNext(Request("main", "", text), {{"1", "abc"}, {"2", "[1]"}, {"3", std::nullopt}}));
  EXPECT_EQ(Described("j"), MakeType(TypeId::kText));
  const lake::TablePtr table = Table("main");
  lake::IcebergSchema marked = table->metadata.schema();
  marked.fields[1].doc = "Payload, " + std::string(lake::kJsonMark);  // as ALTER TABLE … COMMENT does
  lake::Transaction transaction(table);
  ASSERT_NILUS_OK(transaction.SetSchema(marked));
  ASSERT_NILUS_OK(transaction.Commit({}));
  EXPECT_EQ(Described("j"), MakeType(TypeId::kJson));
  EXPECT_EQ(Values("s.main", "j"), (std::vector<std::string>{"\"abc\"", "NULL", "[1]"}));
  EXPECT_EQ(Values("query:SELECT * FROM s.main", "j"), (std::vector<std::string>{"\"abc\"", "NULL", "[1]"}));
}

TEST_F(LakehouseSinkTest, AColumnThatDiffersInCaseIsRefused) {
  const SchemaPtr upper = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("Name", TypeId::kText)});
  const SchemaPtr lower = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("name", TypeId::kText)});
  ASSERT_NILUS_OK(Load(Request("main", "a", upper), {{"1", "x"}}, 0));
  auto sink = Open();
  auto refused = sink->Open(Request("main", "b", lower));
  ASSERT_EQ(KindOf(refused), "invalid_input");
  EXPECT_NE(refused.error().message.find("`name`"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("`Name`"), std::string::npos) << refused.error().message;
  auto writer = sink->Open(Request("main", "c", ids_));
  ASSERT_NILUS_OK(writer);
  EXPECT_EQ(KindOf((*writer)->Write(MakeBatch(lower, {{"1", "x"}}))), "invalid_input") << "a late column";
  EXPECT_EQ(Table("main")->metadata.schema().fields.size(), 2U);
  ASSERT_NILUS_OK(Load(Request("main", "d", lower, WriteStrategy::kReplace), {{"1", "x"}}, 1));  // made anew
}

TEST_F(LakehouseSinkTest, RequiredColumnsAreLoosenedUnderEvolveAlone) {
  const SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("n", TypeId::kText)});
  ASSERT_NILUS_OK(Load(Request("main", "a", schema), {{"1", "x"}}, 0));
  const lake::TablePtr table = Table("main");
  lake::IcebergSchema strict = table->metadata.schema();
  strict.fields[1].required = true;
  lake::Transaction transaction(table);
  ASSERT_NILUS_OK(transaction.SetSchema(strict));
  ASSERT_NILUS_OK(transaction.Commit({}));
  for (const Misfits misfits : {Misfits::kError, Misfits::kNull}) {
    for (const WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kMerge}) {
      WriteRequest request = Request("main", "b", schema, strategy);
      request.primary_key = {"id"};
      request.misfits = misfits;
      auto refused = Load(request, {{"2", std::nullopt}}, 1);
      ASSERT_EQ(KindOf(refused), "data");
      EXPECT_NE(refused.error().message.find("`n`"), std::string::npos) << refused.error().message;
      request.schema = ids_;
      refused = Load(request, {{"2"}}, 1);
      EXPECT_EQ(KindOf(refused), "data") << "left out";
      EXPECT_TRUE(Table("main")->metadata.schema().FindByName("n")->required);
    }
  }
  WriteRequest whole = Request("main", "c", schema);
  whole.misfits = Misfits::kError;
  ASSERT_NILUS_OK(Load(whole, {{"2", "y"}}, 1));
  EXPECT_TRUE(Table("main")->metadata.schema().FindByName("n")->required);
  ASSERT_NILUS_OK(Load(Request("main", "d", schema), {{"3", std::nullopt}}, 2));
  EXPECT_FALSE(Table("main")->metadata.schema().FindByName("n")->required);
}

}  // namespace
}  // namespace nilus::lakehouse
