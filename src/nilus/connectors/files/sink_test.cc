#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <random>

#include "nilus/base/encoding.h"
#include "nilus/connectors/files/publish.h"
#include "nilus/connectors/files/sink_state.h"
#include "nilus/connectors/files/table_schema.h"
#include "nilus/connectors/files/test_support.h"

namespace nilus::files {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FilesSinkTest : public FolderTest {
 protected:
  const PipelineId pipeline_{"work/pipeline", "shop"};
  const SchemaPtr schema_ = MakeSchema({Field{"id", MakeType(TypeId::kInt64)}, Field{"t", MakeType(TypeId::kText)}});

  WriteRequest Request(WriteStrategy strategy, std::string load_id, std::string table = "orders") const {
    WriteRequest request;
    request.pipeline = pipeline_;
    request.load_id = std::move(load_id);
    request.table = {"shop", std::move(table)};
    request.schema = schema_;
    request.strategy = strategy;
    return request;
  }
  Status Stage(Sink* sink, const WriteRequest& request, const std::vector<Row>& rows) const {
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    NILUS_TRY(writer->Write(MakeBatch(request.schema, rows)));
    NILUS_TRY(writer->Finish());
    return {};
  }
  CommitRequest CommitOf(std::string load_id, int64_t version) const {
    CommitRequest commit;
    commit.pipeline = pipeline_;
    commit.load_id = std::move(load_id);
    commit.expected_version = version;
    commit.position = {"{\"at\":\"" + commit.load_id + "\"}"};
    return commit;
  }
  Result<CommitResult> Load(const WriteRequest& request, const std::vector<Row>& rows,
                            std::map<std::string, std::string, std::less<>> params = {}) const {
    NILUS_ASSIGN(std::unique_ptr<Sink> sink, OpenSink(root(), std::move(params)));
    NILUS_ASSIGN(auto committed, sink->Committed(pipeline_));
    NILUS_TRY(Stage(sink.get(), request, rows));
    return sink->Commit(CommitOf(request.load_id, committed ? committed->version : 0));
  }
  std::vector<std::string> Ids(const std::string& table = "shop.orders") const {
    auto read = ReadAll(root(), table);
    if (!read) return {read.error().ToString()};
    std::vector<std::string> ids;
    for (const Row& row : read->rows) ids.push_back(row[0].value_or("NULL"));
    std::sort(ids.begin(), ids.end());
    return ids;
  }
  std::vector<std::string> Names(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Path(folder)))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
};

TEST_F(FilesSinkTest, RefusesAnAddressThatLooksLikeOneFile) {
  auto sink = OpenSink(Path("out.csv"), {});
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.error().message, HasSubstr("looks like a file"));
  EXPECT_THAT(sink.error().fix, HasSubstr("file://" + root() + "?format=csv"));
  std::filesystem::create_directory(Path("lake.parquet"));
  EXPECT_TRUE(OpenSink(Path("lake.parquet"), {}));
}

TEST_F(FilesSinkTest, FilesHoldAtMostSoManyRowsAndAreNamedByLoadAndNumber) {
  for (const char* format : {"csv", "jsonl", "parquet"}) {
    WriteRequest request = Request(WriteStrategy::kReplace, "load-a", format);
    request.file_rows = 2;
    ASSERT_OK(Load(request, {{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}, {"5", "e"}}, {{"format", format}}));
    std::string ending = std::string(".") + format;
    EXPECT_THAT(Names("shop/" + std::string(format)),
                ElementsAre(".nilus_schema.json", "load-a-1-00001" + ending, "load-a-1-00002" + ending,
                            "load-a-1-00003" + ending));
    EXPECT_EQ(Ids("shop." + std::string(format)).size(), 5U);
    std::filesystem::remove_all(Path("shop"));
  }
}

TEST_F(FilesSinkTest, CompressesText) {
  for (const char* format : {"csv", "jsonl"}) {
    for (const char* compression : {"gzip", "zstd"}) {
      ASSERT_OK(Load(Request(WriteStrategy::kReplace, std::string("l-") + format + compression),
                     {{"1", "a"}, {"2", ""}}, {{"format", format}, {"compression", compression}}));
      EXPECT_THAT(Ids(), ElementsAre("1", "2")) << format << compression;
    }
  }
  EXPECT_FALSE(Load(Request(WriteStrategy::kReplace, "x"), {{"1", "a"}}, {{"format", "csv"}, {"compression", "snappy"}})
                   .has_value());
}

TEST_F(FilesSinkTest, AppendAddsReplaceReplaces) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "2"), {{"2", "b"}}));
  EXPECT_THAT(Ids(), ElementsAre("1", "2"));
  ASSERT_OK(Load(Request(WriteStrategy::kReplace, "3"), {{"3", "c"}}));
  EXPECT_THAT(Ids(), ElementsAre("3"));
  WriteRequest refresh = Request(WriteStrategy::kAppend, "4");
  refresh.full_refresh = true;
  ASSERT_OK(Load(refresh, {{"4", "d"}}));
  EXPECT_THAT(Ids(), ElementsAre("4"));
  EXPECT_THAT(Names("shop"), ElementsAre("_nilus_state", "orders"));  // nothing staged is left
}

TEST_F(FilesSinkTest, AValueThatIsNotOfTheDeclaredTypeIsPlacedButNotShown) {
  ASSERT_OK(Load(Request(WriteStrategy::kReplace, "1"), {{"1", "a"}}, {{"format", "csv"}}));
  std::string rows = "id,t\n";
  for (int i = 1; i <= 5000; ++i) rows += i == 4321 ? "hunter2,x\n" : std::to_string(i) + ",x\n";
  std::string path = Put("shop/orders/1-1-00002.csv", rows);
  std::string error = ReadError(root(), "shop.orders");
  EXPECT_THAT(error, HasSubstr(path + ", row 4321 of the data: column 'id' is bigint"));
  EXPECT_THAT(error, HasSubstr(".nilus_schema.json"));
  EXPECT_THAT(error, testing::Not(HasSubstr("hunter2")));
}

TEST_F(FilesSinkTest, NewColumnsStartANewFileAndAreDescribed) {
  auto sink = OpenSink(root(), {{"format", "csv"}});
  WriteRequest request = Request(WriteStrategy::kAppend, "1");
  auto writer = (*sink)->Open(request);
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write(MakeBatch(schema_, {{"1", "a"}})));
  auto wider = MakeSchema({Field{"new", MakeType(TypeId::kDate)}, Field{"t", MakeType(TypeId::kText)},
                           Field{"id", MakeType(TypeId::kInt64)}});
  ASSERT_OK((*writer)->Write(MakeBatch(wider, {{"2024-01-01", "b", "2"}})));
  auto receipt = (*writer)->Finish();
  ASSERT_OK(receipt);
  EXPECT_EQ(receipt->files, 2);
  EXPECT_EQ(receipt->rows, 2);
  ASSERT_OK((*sink)->Commit(CommitOf("1", 0)));
  auto described = (*sink)->Describe({"shop", "orders"});
  ASSERT_OK(described);
  ASSERT_TRUE(described->has_value());
  EXPECT_EQ((*described)->fields.size(), 3U);
  auto read = ReadAll(root(), "shop.orders");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "id:bigint t:text new:date");
  EXPECT_EQ(read->rows, (std::vector<Row>{{"1", "a", std::nullopt}, {"2", "b", "2024-01-01"}}));
  EXPECT_FALSE((*(*sink)->Describe({"shop", "absent"})).has_value());
}

TEST_F(FilesSinkTest, NamesThatDifferInCaseOnlyAreForTextFiles) {
  const SchemaPtr schema = MakeSchema({Field{"a", MakeType(TypeId::kInt64)}, Field{"A", MakeType(TypeId::kText)}});
  for (const bool is_text : {true, false}) {
    auto sink = OpenSink(Path(is_text ? "text" : "parquet"), {{"format", is_text ? "csv" : "parquet"}});
    ASSERT_OK(sink);
    auto writer = (*sink)->Open(Request(WriteStrategy::kAppend, "1"));
    ASSERT_OK(writer);
    const Status written = (*writer)->Write(MakeBatch(schema, {{"1", "x"}}));
    EXPECT_EQ(written.has_value(), is_text);
    if (is_text) continue;
    EXPECT_EQ(written.error().kind, ErrorKind::kInvalidInput);
    EXPECT_THAT(written.error().message, AllOf(HasSubstr("`a`"), HasSubstr("`A`")));
  }
}

// Readers that take the first file's columns for those of all would fail, or lose a column.
TEST_F(FilesSinkTest, FilesHaveColumnsThatTheLoadNoLongerBrings) {
  for (const char* format : {"csv", "parquet"}) {
    const std::string ending = std::string(".") + format;
    ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}, {{"format", format}}));
    WriteRequest request = Request(WriteStrategy::kAppend, "2");
    request.schema = MakeSchema({Field{"new", MakeType(TypeId::kText)}, Field{"id", MakeType(TypeId::kInt64)}});
    ASSERT_OK(Load(request, {{"x", "2"}}, {{"format", format}}));
    auto read = ReadAll(Path("shop/orders"), "2-1-00001" + ending);
    ASSERT_OK(read);
    EXPECT_EQ(read->Columns(), "id:bigint t:text new:text");
    EXPECT_EQ(read->rows, (std::vector<Row>{{"2", std::nullopt, "x"}}));
    std::filesystem::remove_all(Path("shop"));
  }
}

TEST_F(FilesSinkTest, TextThatLooksLikeNumbersStaysText) {
  for (const char* format : {"csv", "jsonl"}) {
    ASSERT_OK(Load(Request(WriteStrategy::kReplace, std::string("l") + format),
                   {{"1", "7"}, {"2", ""}, {"3", std::nullopt}, {"4", "a\"b\n,"}}, {{"format", format}}));
    auto read = ReadAll(root(), "shop.orders");
    ASSERT_OK(read);
    EXPECT_EQ(read->Columns(), "id:bigint t:text");
    EXPECT_EQ(read->rows, (std::vector<Row>{{"1", "7"}, {"2", ""}, {"3", std::nullopt}, {"4", "a\"b\n,"}}));
  }
}

TEST_F(FilesSinkTest, LeavesFilesOfOthersAlone) {
  std::string thesis = Put("shop/orders/thesis.doc", "years of work");
  auto refused = Load(Request(WriteStrategy::kReplace, "1"), {{"1", "a"}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().ToString(), HasSubstr("thesis.doc, which Nilus did not write"));
  EXPECT_EQ(Contents(thesis), "years of work");
  Put("shop/other/data.csv", "id,t\n1,x\n");
  EXPECT_THAT(Load(Request(WriteStrategy::kAppend, "2", "other"), {{"1", "a"}}).error().ToString(),
              HasSubstr("write csv too"));
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "3", "other"), {{"2", "a"}}, {{"format", "csv"}}));
  EXPECT_THAT(Ids("shop.other"), ElementsAre("1", "2"));
}

TEST_F(FilesSinkTest, DoesNotWriteThroughLinks) {
  std::filesystem::create_directories(Path("elsewhere"));
  std::filesystem::create_directories(Path("shop"));
  std::filesystem::create_directory_symlink(Path("elsewhere"), Path("shop/orders"));
  EXPECT_THAT(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}).error().ToString(), HasSubstr("symbolic link"));
  EXPECT_TRUE(std::filesystem::is_empty(Path("elsewhere")));
}

TEST_F(FilesSinkTest, DoesNotFollowALinkInPlaceOfItsOwnFolders) {
  std::filesystem::create_directories(Path("elsewhere"));
  for (const char* link : {"shop/_nilus_state", "shop/.nilus_staging", "shop"}) {
    std::filesystem::remove_all(Path("shop"));
    if (std::string(link) != "shop") std::filesystem::create_directories(Path("shop"));
    std::filesystem::create_directory_symlink(Path("elsewhere"), Path(link));
    auto loaded = Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}});
    ASSERT_FALSE(loaded.has_value()) << link;
    EXPECT_EQ(loaded.error().kind, ErrorKind::kInvalidInput);
    EXPECT_THAT(loaded.error().ToString(), HasSubstr(Path(link) + " is a symbolic link"));
    EXPECT_TRUE(std::filesystem::is_empty(Path("elsewhere"))) << link;
  }
}

TEST_F(FilesSinkTest, DoesNotFollowALinkInPlaceOfATablesLocks) {
  std::filesystem::create_directories(Path("elsewhere"));
  std::filesystem::create_directories(Path("other"));
  std::filesystem::create_directory_symlink(Path("elsewhere"), Path("other/_nilus_state"));
  WriteRequest request = Request(WriteStrategy::kAppend, "1");  // the pipeline's state is in `shop`
  request.table.schema = "other";
  EXPECT_THAT(Load(request, {{"1", "a"}}).error().ToString(), HasSubstr("symbolic link"));
  EXPECT_TRUE(std::filesystem::is_empty(Path("elsewhere")));
}

TEST_F(FilesSinkTest, AppendWithoutRowsAddsNoFile) {
  for (const char* format : {"parquet", "csv", "jsonl"}) {
    const std::string table = format;
    auto load = [&](std::string id, const std::vector<Row>& rows) {
      return Load(Request(WriteStrategy::kAppend, std::move(id), table), rows, {{"format", format}});
    };
    ASSERT_OK(load(table + "-first", {}));
    EXPECT_EQ(Names("shop/" + table).size(), 2U) << format;  // an empty table has a file for its columns
    {
      auto sink = *OpenSink(root(), {{"format", format}});
      auto writer = sink->Open(Request(WriteStrategy::kAppend, table + "-staged", table));
      ASSERT_OK(writer);
      EXPECT_EQ((*writer)->Finish()->files, 0) << "nothing is staged either, and DuckDB not started for it";
    }
    ASSERT_OK(load(table + "-none", {}));
    EXPECT_EQ(Names("shop/" + table).size(), 2U) << format;
    ASSERT_OK(load(table + "-rows", {{"1", "a"}}));
    EXPECT_EQ(Names("shop/" + table).size(), 3U) << format;
    auto committed = load(table + "-end", {});
    ASSERT_OK(committed);
    EXPECT_EQ(Names("shop/" + table).size(), 3U) << format;
    EXPECT_THAT(Ids("shop." + table), ElementsAre("1"));
    auto sink = OpenSink(root());
    ASSERT_OK(sink);
    EXPECT_EQ((*(*sink)->Committed(pipeline_))->position.json, "{\"at\":\"" + table + "-end\"}");
  }
  EXPECT_THAT(Names("shop"), ElementsAre("_nilus_state", "csv", "jsonl", "parquet"));  // nothing staged is left
}

TEST_F(FilesSinkTest, AppendWithoutRowsBringsNewColumns) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  WriteRequest wider = Request(WriteStrategy::kAppend, "2");
  wider.schema = MakeSchema({Field{"id", MakeType(TypeId::kInt64)}, Field{"new", MakeType(TypeId::kText)}});
  ASSERT_OK(Load(wider, {}));
  auto read = ReadAll(root(), "shop.orders");
  ASSERT_OK(read);
  EXPECT_EQ(read->Columns(), "id:bigint t:text new:text");
}

TEST_F(FilesSinkTest, HostileNamesStayInside) {
  for (const std::string& name : {std::string(".."), std::string("../../x"), std::string("a/b"),
                                  std::string("_nilus_state"), std::string(300, 'n'), std::string("'; DROP")}) {
    WriteRequest request = Request(WriteStrategy::kReplace, "load-" + Sha256Hex(name), name);
    request.table.schema = name;
    auto sink = OpenSink(Path("sink"));
    ASSERT_OK(sink);
    auto committed = (*sink)->Committed(pipeline_);
    ASSERT_OK(committed);
    ASSERT_OK(Stage(sink->get(), request, {{"1", "a"}}));
    ASSERT_OK((*sink)->Commit(CommitOf(request.load_id, *committed ? (*committed)->version : 0)));
    auto read = ReadAll(Path("sink"), name + "." + name);
    ASSERT_OK(read);
    EXPECT_EQ(read->rows, (std::vector<Row>{{"1", "a"}})) << name;
  }
  // Nothing beside the sink's own folder.
  std::vector<std::string> outside;
  for (const auto& entry : std::filesystem::directory_iterator(Path(""))) outside.push_back(entry.path().filename());
  EXPECT_THAT(outside, ElementsAre("sink"));
}

TEST_F(FilesSinkTest, RefusesOtherStrategiesAndFormats) {
  auto sink = OpenSink(root());
  EXPECT_EQ((*sink)->Open(Request(WriteStrategy::kMerge, "1")).error().kind, ErrorKind::kUnsupported);
  WriteRequest request = Request(WriteStrategy::kReplace, "1");
  request.file_format = "insert_values";
  EXPECT_EQ((*sink)->Open(request).error().kind, ErrorKind::kUnsupported);
  Put("file", "x");
  EXPECT_FALSE(OpenSink(Path("file")).has_value());
}

TEST_F(FilesSinkTest, SecondRunWaitsThenSaysWhy) {
  auto first = OpenSink(root());
  ASSERT_OK((*first)->Open(Request(WriteStrategy::kAppend, "1")));
  auto second = OpenSink(root());
  auto refused = (*second)->Open(Request(WriteStrategy::kAppend, "2"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("another run"));
  first->reset();
  ASSERT_OK((*second)->Open(Request(WriteStrategy::kAppend, "2")));
}

TEST_F(FilesSinkTest, OldVersionIsAConflictAndNothingChanges) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  auto zombie = OpenSink(root());
  ASSERT_OK(Stage(zombie->get(), Request(WriteStrategy::kAppend, "2"), {{"2", "b"}}));
  auto refused = (*zombie)->Commit(CommitOf("2", 0));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  zombie->reset();
  EXPECT_THAT(Ids(), ElementsAre("1"));
  EXPECT_THAT(Names("shop"), ElementsAre("_nilus_state", "orders"));
}

TEST_F(FilesSinkTest, RemembersLoadsAndMovesPositions) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  auto sink = OpenSink(root());
  EXPECT_TRUE(*(*sink)->WasCommitted(pipeline_, "1"));
  EXPECT_FALSE(*(*sink)->WasCommitted(pipeline_, "2"));
  EXPECT_FALSE(*(*sink)->WasCommitted({"other", "shop"}, "1"));
  ASSERT_OK((*sink)->Commit(CommitOf("", 1)));  // no writers: the position alone
  auto committed = (*sink)->Committed(pipeline_);
  ASSERT_OK(committed);
  EXPECT_EQ((*committed)->version, 2);
  EXPECT_EQ((*committed)->position.json, "{\"at\":\"\"}");
  EXPECT_THAT(Ids(), ElementsAre("1"));
  struct stat info {};
  for (const auto& entry : std::filesystem::directory_iterator(Path("shop/_nilus_state"))) {
    ASSERT_EQ(stat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U) << entry.path();
  }
}

TEST_F(FilesSinkTest, WhatACrashedRunLeftIsRemoved) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  std::string orphan;
  {
    auto sink = OpenSink(root());
    ASSERT_OK(Stage(sink->get(), Request(WriteStrategy::kAppend, "2"), {{"2", "b"}}));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(Path("shop/.nilus_staging"))) {
      if (entry.is_regular_file()) orphan = entry.path();
    }
    std::filesystem::copy(Path("shop/.nilus_staging"), Path("kept"), std::filesystem::copy_options::recursive);
  }
  ASSERT_FALSE(orphan.empty());
  std::filesystem::rename(Path("kept"), Path("shop/.nilus_staging"));  // as after kill -9
  ASSERT_TRUE(std::filesystem::exists(orphan));
  auto sink = OpenSink(root());
  ASSERT_OK((*sink)->Committed(pipeline_));
  EXPECT_THAT(Names("shop"), ElementsAre("_nilus_state", "orders"));
  EXPECT_THAT(Ids(), ElementsAre("1"));
}

TEST_F(FilesSinkTest, SwapWithoutExchangeIsFinishedAfterACrash) {
  Put("staged/new", "n");
  Put("target/old", "o");
  ASSERT_OK(SwapFolders(Path("staged"), Path("target"), false));
  EXPECT_THAT(Names("target"), ElementsAre("new"));
  // Between the two renames: the target is absent, the staged folder is not.
  Put("shop/staged/new2", "n");
  SinkLayout layout(root());
  ASSERT_OK(RollForward(
      layout, {PendingTable{.staged = "shop/staged", .target = "shop/t", .replaces = true, .files = {"new2"}}},
      "state.json"));
  EXPECT_THAT(Names("shop/t"), ElementsAre("new2"));
  ASSERT_OK(RollForward(
      layout, {PendingTable{.staged = "shop/staged", .target = "shop/t", .replaces = true, .files = {"new2"}}},
      "state.json"));
  EXPECT_THAT(Names("shop/t"), ElementsAre("new2"));
}

TEST_F(FilesSinkTest, CommittedFilesThatAreGoneAreAnErrorUntilSomebodyDecides) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  SinkLayout layout(root());
  auto state = ReadState(layout, pipeline_);
  ASSERT_OK(state);
  for (bool replaces : {false, true}) {
    SinkState pending = **state;
    pending.pending = {PendingTable{
        .staged = "shop/.nilus_staging/x", .target = "shop/orders", .replaces = replaces, .files = {"lost.parquet"}}};
    ASSERT_OK(WriteState(layout, pipeline_, pending));
    for (int attempt = 0; attempt < 2; ++attempt) {  // not forgotten by the first
      auto sink = OpenSink(root());
      auto committed = (*sink)->Committed(pipeline_);
      ASSERT_FALSE(committed.has_value());
      EXPECT_EQ(committed.error().kind, ErrorKind::kData);
      EXPECT_THAT(committed.error().ToString(), HasSubstr("lost.parquet"));
      EXPECT_THAT(committed.error().ToString(), HasSubstr(*layout.StatePath(pipeline_)));
    }
    Put("shop/orders/lost.parquet", "found again");
    EXPECT_TRUE((*OpenSink(root()))->Committed(pipeline_).has_value());
    std::filesystem::remove(Path("shop/orders/lost.parquet"));
  }
}

TEST_F(FilesSinkTest, FilesThatCameDuringAReplaceAreNotRemoved) {
  ASSERT_OK(Load(Request(WriteStrategy::kReplace, "1"), {{"1", "a"}}));
  auto sink = OpenSink(root());
  ASSERT_OK(Stage(sink->get(), Request(WriteStrategy::kReplace, "2"), {{"2", "b"}}));
  Put("shop/orders/notes.txt", "mine");
  auto commit = (*sink)->Commit(CommitOf("2", 1));
  ASSERT_FALSE(commit.has_value());
  EXPECT_EQ(commit.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(commit.error().ToString(), HasSubstr("notes.txt"));
  EXPECT_EQ(Contents(Path("shop/orders/notes.txt")), "mine");
  // Behind the commit point, as after a crash: the load waits for the file to be moved away.
  Put("shop/staged/new", "n");
  SinkLayout layout(root());
  std::vector<PendingTable> pending = {
      {.staged = "shop/staged", .target = "shop/orders", .replaces = true, .files = {"new"}}};
  EXPECT_FALSE(RollForward(layout, pending, "state.json").has_value());
  EXPECT_EQ(Contents(Path("shop/orders/notes.txt")), "mine");
  std::filesystem::remove(Path("shop/orders/notes.txt"));
  ASSERT_OK(RollForward(layout, pending, "state.json"));
  EXPECT_THAT(Names("shop/orders"), ElementsAre("new"));
}

TEST_F(FilesSinkTest, TablesAreOpenedOnceALoadAndFinishedBeforeTheCommit) {
  auto sink = OpenSink(root());
  {
    auto writer = (*sink)->Open(Request(WriteStrategy::kAppend, "1"));
    ASSERT_OK(writer);
    auto second = (*sink)->Open(Request(WriteStrategy::kAppend, "1"));
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().kind, ErrorKind::kInternal);
    ASSERT_OK((*writer)->Write(MakeBatch(schema_, {{"1", "a"}})));
  }
  auto commit = (*sink)->Commit(CommitOf("1", 0));
  ASSERT_FALSE(commit.has_value());
  EXPECT_EQ(commit.error().kind, ErrorKind::kInternal);
}

TEST(SinkState, TextThatIsNotUtf8IsRefused) {
  SinkState state{.pipeline = "p", .version = 1, .load_id = "l", .position = "caf\xe9"};
  auto text = FormatSinkState(state);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().kind, ErrorKind::kInvalidInput);
}

TEST_F(FilesSinkTest, DamagedStateIsAnErrorThatNamesTheFile) {
  ASSERT_OK(Load(Request(WriteStrategy::kAppend, "1"), {{"1", "a"}}));
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(Path("shop/_nilus_state"))) {
    if (entry.path().extension() == ".json") path = entry.path();
  }
  std::ofstream(path) << "{\"format\":1,";
  auto sink = OpenSink(root());
  auto committed = (*sink)->Committed(pipeline_);
  ASSERT_FALSE(committed.has_value());
  EXPECT_EQ(committed.error().kind, ErrorKind::kData);
  EXPECT_THAT(committed.error().message, HasSubstr(path));
  EXPECT_FALSE((*sink)->Open(Request(WriteStrategy::kAppend, "2")).has_value());
}

TEST_F(FilesSinkTest, DiskFullLeavesTheOldRows) {
  ASSERT_OK(Load(Request(WriteStrategy::kReplace, "1"), {{"1", "a"}}));
  for (const char* format : {"csv", "parquet"}) {
    std::vector<Row> rows;
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i)
      rows.push_back({std::to_string(i), std::to_string(random()) + std::to_string(random())});
    struct rlimit before {};
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = before;
    small.rlim_cur = 64 << 10;
    auto* handler = std::signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    auto full = Load(Request(WriteStrategy::kReplace, std::string("2") + format), rows, {{"format", format}});
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(full.has_value()) << format;
    EXPECT_NE(full.error().kind, ErrorKind::kInternal) << full.error().ToString();
    EXPECT_THAT(Ids(), ElementsAre("1"));
    EXPECT_THAT(Names("shop"), ElementsAre("_nilus_state", "orders"));
  }
}

TEST_F(FilesSinkTest, NoRightToWriteIsAnAuthError) {
  if (geteuid() != 0) GTEST_SKIP() << "needs to change its user";
  std::filesystem::permissions(root(), std::filesystem::perms(0755));
  ASSERT_EQ(seteuid(65534), 0);
  auto refused = Load(Request(WriteStrategy::kReplace, "1"), {{"1", "a"}});
  auto sink = OpenSink(root());
  auto check = (*sink)->Check();
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kAuth) << refused.error().ToString();
}

TEST_F(FilesSinkTest, ExplainsAndChecks) {
  auto sink = OpenSink(root());
  EXPECT_THAT(*(*sink)->Explain(Request(WriteStrategy::kReplace, "1")), testing::Contains(HasSubstr("parquet")));
  EXPECT_TRUE((*(*sink)->Check())[0].ok);
}

TEST(SinkState, RoundTripsAndRefusesDamage) {
  SinkState state{.pipeline = "p \"q\"",
                  .version = 7,
                  .load_id = "l7",
                  .position = "{\"a\":1}",
                  .loads = {"l6", "l7"},
                  .pending = {{.staged = "s/.nilus_staging/x/l7/t",
                               .target = "s/t",
                               .replaces = true,
                               .files = {"a.parquet", ".nilus_schema.json"}}}};
  auto again = ParseSinkState(*FormatSinkState(state));
  ASSERT_OK(again);
  EXPECT_EQ(*again, state);
  std::string text = *FormatSinkState(state);
  for (size_t cut = 0; cut + 2 < text.size(); ++cut)
    EXPECT_FALSE(ParseSinkState(text.substr(0, cut)).has_value()) << cut;
  for (const char* path : {"/etc", "../x", "a/../b", "a//b", "", ".", "a/."}) {
    state.pending[0].target = path;
    EXPECT_FALSE(ParseSinkState(*FormatSinkState(state)).has_value()) << path;
  }
  state.pending[0].target = "s/t";
  for (const char* file : {"../x", "a/b", "", ".."}) {
    state.pending[0].files = {file};
    EXPECT_FALSE(ParseSinkState(*FormatSinkState(state)).has_value()) << file;
  }
  EXPECT_THAT(ParseSinkState("{\"format\":2}").error().message, HasSubstr("format 2"));
}

TEST(SinkState, RemembersTheLastThousandLoads) {
  SinkState state;
  for (int i = 0; i < 1500; ++i) RememberLoad(std::to_string(i), &state);
  EXPECT_EQ(state.loads.size(), kRememberedLoads);
  EXPECT_TRUE(state.Remembers("1499"));
  EXPECT_TRUE(state.Remembers("500"));
  EXPECT_FALSE(state.Remembers("499"));
}

TEST(TableSchema, RoundTrips) {
  TableSchema table{
      .format = FileFormat::kCsv,
      .schema = Schema{{Field{"a", MakeDecimal(12, 2), false}, Field{"a__v_text", MakeType(TypeId::kText), true, "a"},
                        Field{"q\"", MakeType(TypeId::kTimestamp)}}}};
  auto again = ParseTableSchema(FormatTableSchema(table));
  ASSERT_OK(again);
  EXPECT_EQ(*again, table);
  EXPECT_FALSE(ParseTableSchema("{}").has_value());
  EXPECT_FALSE(ParseTableSchema("{\"format\":\"csv\",\"columns\":[{\"name\":\"a\",\"type\":\"what\"}]}").has_value());
}

// Two pipelines that both find no table yet, and bring a column of one name with two types.
TEST_F(FilesSinkTest, AnAppendSeesWhatAnotherPipelineMadeOfTheTableMeanwhile) {
  WriteRequest request = Request(WriteStrategy::kAppend, "load-a");
  auto slow = *OpenSink(root());
  ASSERT_OK(Stage(slow.get(), request, {{"1", "a"}}));
  WriteRequest other = Request(WriteStrategy::kAppend, "load-b");
  other.pipeline.value = "work/other";
  other.schema = MakeSchema({Field{"id", MakeType(TypeId::kText)}, Field{"more", MakeType(TypeId::kBool)}});
  CommitRequest commit = CommitOf("load-b", 0);
  commit.pipeline = other.pipeline;
  auto quick = *OpenSink(root());
  ASSERT_OK(Stage(quick.get(), other, {{"x", "true"}}));
  ASSERT_OK(quick->Commit(commit));
  auto refused = slow->Commit(CommitOf("load-a", 0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("made `id` of shop.orders text meanwhile"));
  slow.reset();  // as a new attempt does
  EXPECT_THAT(Ids(), ElementsAre("x"));
  request.schema = MakeSchema({Field{"id", MakeType(TypeId::kText)}, Field{"t", MakeType(TypeId::kText)}});
  ASSERT_OK(Load(request, {{"1", "a"}}));
  EXPECT_THAT(Ids(), ElementsAre("1", "x"));
}

}  // namespace
}  // namespace nilus::files
