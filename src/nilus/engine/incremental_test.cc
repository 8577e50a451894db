// Incremental extraction case by case (spec 04), through whole runs against a source and a sink in memory.
#include "nilus/engine/incremental.h"

#include "nilus/engine/incremental_fixture_test.h"

namespace nilus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(IncrementalTest, BoundaryRowsAreNeitherLostNorDoubled) {
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  RunOk();
  EXPECT_EQ(last_.cursor_after, "20");
  Insert(3, 20, "c");  // same key value, came later
  Insert(4, 30, "d");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(last_.cursor_before, "20");
  EXPECT_EQ(last_.tables[0].boundary_rows_dropped, 1);
  EXPECT_EQ(last_.tables[0].rows_in, 3) << "pushed down: row a is not read again";
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b", "c", "d"));
}

TEST_F(IncrementalTest, IdenticalRowsCountAsOftenAsTheyOccur) {
  Insert(1, 10, "same");
  Insert(1, 10, "same");
  RunOk();
  Insert(1, 10, "same");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("same", "same", "same"));
  RunOk();
  EXPECT_EQ(Values().size(), 3U);
}

TEST_F(IncrementalTest, AppendWithAPrimaryKeyDropsByIt) {
  job_.primary_key = {"id"};
  Insert(1, 10, "a");
  RunOk();
  world_.source.table.rows[0][2] = "changed";
  Insert(2, 10, "b");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b")) << "the row with key 1 is loaded already";
}

TEST_F(IncrementalTest, ANewColumnDoublesNoBoundaryRow) {
  Insert(1, 10, "a");
  Insert(2, 10, "b");
  RunOk();
  world_.source.table.schema.fields.push_back(Field{.name = "Added", .type = MakeType(TypeId::kText)});
  for (FakeRow& row : world_.source.table.rows) row.emplace_back("by default");
  world_.source.table.rows.push_back({"3", "10", "c", "x"});
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b", "c"));
  world_.source.table.rows.push_back({"3", "10", "c", "y"});  // now told apart by the new column, too
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b", "c", "c"));
}

TEST_F(IncrementalTest, ANewColumnIsNoMatterToALimitThatStaysAtTheCursor) {
  for (int i = 0; i < 6; ++i) Insert(i, 10, std::to_string(i));
  job_.row_limit = 2;
  RunOk();
  world_.source.table.schema.fields.push_back(Field{.name = "Added", .type = MakeType(TypeId::kText)});
  for (FakeRow& row : world_.source.table.rows) row.emplace_back("by default");
  for (int run = 0; run < 3; ++run) RunOk();
  EXPECT_EQ(Values(), world_.SourceRows({"V"}));
}

TEST_F(IncrementalTest, AColumnThatIsGoneOrOfAnotherKindIsRefusedWhereRowsWouldDouble) {
  Insert(1, 10, "7");
  RunOk();
  FakeTable before = world_.source.table;
  world_.source.table.schema.fields.pop_back();
  for (FakeRow& row : world_.source.table.rows) row.pop_back();
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kData);
  EXPECT_THAT(report.error->message, HasSubstr("`V` is gone"));
  EXPECT_THAT(report.error->fix,
              testing::AllOf(HasSubstr("primary_key"), HasSubstr("full_refresh"), HasSubstr("state set")));
  world_.source.table = before;
  world_.source.table.schema.fields[2].type = MakeType(TypeId::kInt64);
  report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_THAT(report.error->message, HasSubstr("`V` is now of type bigint"));
  EXPECT_THAT(Values(), ElementsAre("7"));
  world_.source.table = before;
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("7"));
}

TEST_F(IncrementalTest, AGoneColumnIsNoMatterWhereRowsAreKnownByTheirKey) {
  for (WriteStrategy strategy : {WriteStrategy::kAppend, WriteStrategy::kMerge}) {
    world_.destination = {};
    world_.source.table = {.schema = world_.source.table.schema, .primary_key = {}, .rows = {{"1", "10"}}};
    world_.source.table.schema.fields.resize(2);
    world_.source.table.schema.fields.push_back(Field{.name = "V", .type = MakeType(TypeId::kText)});
    world_.source.table.rows[0].emplace_back("a");
    job_.strategy = strategy;
    job_.primary_key = {"id"};
    RunOk();
    world_.source.table.schema.fields.pop_back();
    world_.source.table.rows[0].pop_back();
    RunOk();
    EXPECT_EQ(Values().size(), 1U);
  }
}

TEST_F(IncrementalTest, MergeKeepsChangedBoundaryRowsAndDropsTheOthers) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"Id"};
  Insert(1, 10, "a");
  Insert(2, 10, "b");
  RunOk();
  world_.source.table.rows[0][2] = "changed";
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("b", "changed"));
  EXPECT_EQ(last_.tables[0].rows_out, 1);
}

TEST_F(IncrementalTest, DeleteInsertReplacesTheIntervalItReads) {
  job_.strategy = WriteStrategy::kDeleteInsert;
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  Insert(3, 20, "gone");
  RunOk();
  world_.source.table.rows.pop_back();
  world_.source.table.rows[1][2] = "changed";
  Insert(4, 30, "d");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "changed", "d"));
}

TEST_F(IncrementalTest, SourcesThatPushNothingDownAreFilteredHere) {
  world_.source.pushes_down = false;
  world_.source.splits = 3;
  for (int i = 0; i < 20; ++i) Insert(i, i / 4, std::to_string(i));
  RunOk();
  Insert(20, 4, "20");
  Insert(21, 9, "21");
  RunOk();
  EXPECT_EQ(Values().size(), 22U);
  EXPECT_EQ(last_.tables[0].rows_in, 22);
  EXPECT_EQ(last_.tables[0].rows_out, 2);
}

TEST_F(IncrementalTest, AnEndAloneBoundsAnOrdinaryRun) {
  world_.source.pushes_down = false;
  Insert(1, 10, "a");
  RunOk();
  job_.interval_end = "15";
  Insert(2, 15, "b");
  Insert(3, 12, "c");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "c"));
  EXPECT_EQ(last_.cursor_after, "12");
  job_.interval_end.clear();
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b", "c"));
}

TEST_F(IncrementalTest, NullKeysAreAnErrorByDefault) {
  Insert(1, 10, "a");
  Insert(2, std::nullopt, "b");
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kData);
  EXPECT_THAT(report.error->message, HasSubstr("`UpdatedAt` is NULL"));
  EXPECT_THAT(report.error->fix, HasSubstr("incremental_key_nulls"));
  EXPECT_THAT(Values(), IsEmpty());
}

TEST_F(IncrementalTest, NullKeysAreLoadedOnceEachWhenIncluded) {
  job_.null_keys = NullCursor::kInclude;
  Insert(1, 10, "a");
  Insert(2, std::nullopt, "n");
  Insert(2, std::nullopt, "n");
  RunOk();
  Insert(3, std::nullopt, "m");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "m", "n", "n"));
  RunOk();
  EXPECT_EQ(Values().size(), 4U);
}

TEST_F(IncrementalTest, NullKeysAreLeftOutAndCountedWhenExcluded) {
  job_.null_keys = NullCursor::kExclude;
  world_.source.pushes_down = false;
  Insert(1, 10, "a");
  Insert(2, std::nullopt, "n");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a"));
  EXPECT_EQ(last_.tables[0].null_keys_dropped, 1);
  EXPECT_FALSE(world_.source.requests.back().range->with_nulls);
}

TEST_F(IncrementalTest, FullRefreshForgetsCursorAndTable) {
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  RunOk();
  world_.source.table.rows.erase(world_.source.table.rows.begin());
  job_.full_refresh = true;
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("b"));
  job_.full_refresh = false;
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("b")) << "the cursor was committed by the refresh";
}

TEST_F(IncrementalTest, ReplaceAlwaysReadsEverything) {
  job_.strategy = WriteStrategy::kReplace;
  Insert(1, 10, "a");
  Insert(2, 20, "b");
  RunOk();
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b"));
}

TEST_F(IncrementalTest, ACursorThatGoesBackwardsIsReportedAndKept) {
  Insert(1, 10, "a");
  RunOk();
  world_.source.table.rows.clear();
  Insert(2, 5, "b");
  RunOk();
  EXPECT_EQ(last_.cursor_after, "10");
  EXPECT_THAT(last_.warnings, ElementsAre(HasSubstr("went backwards")));
  EXPECT_THAT(Values(), ElementsAre("a"));
}

TEST_F(IncrementalTest, LimitsTakeTheLowestKeysAndGoOnFromThere) {
  for (int i = 9; i >= 0; --i) Insert(i, i / 4, std::to_string(i));
  job_.row_limit = 3;
  for (size_t rows : {3U, 6U, 9U, 10U, 10U}) {
    RunOk();
    EXPECT_EQ(Values().size(), rows);
  }
  EXPECT_EQ(Values(), world_.SourceRows({"V"}));
}

TEST_F(IncrementalTest, PagesLimitTheSameWay) {
  for (int i = 0; i < 10; ++i) Insert(i, 1, std::to_string(i));  // all at one key: only the boundary tells them apart
  job_.page_limit = 1;
  job_.page_rows = 3;
  for (int run = 0; run < 6; ++run) RunOk();
  EXPECT_EQ(Values(), world_.SourceRows({"V"}));
}

TEST_F(IncrementalTest, ALimitWithoutOrderIsRefusedForAppend) {
  world_.source.pushes_down = false;
  for (int i = 9; i >= 0; --i) Insert(i, i, std::to_string(i));
  job_.row_limit = 3;
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
  EXPECT_THAT(report.error->message, HasSubstr("order of `UpdatedAt`"));
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  RunOk();
  EXPECT_EQ(last_.cursor_after, "");
  EXPECT_THAT(last_.warnings, ElementsAre(HasSubstr("the cursor stays")));
}

TEST_F(IncrementalTest, ALimitThatCutsOffDeleteInsertOrScd2IsRefused) {
  job_.primary_key = {"id"};
  for (WriteStrategy strategy : {WriteStrategy::kDeleteInsert, WriteStrategy::kScd2}) {
    world_.source.table.rows.clear();
    world_.destination = {};
    job_.strategy = strategy;
    Insert(1, 10, "a");
    Insert(2, 10, "b");
    RunOk();
    Insert(3, 10, "c");
    Insert(4, 20, "d");
    std::vector<std::string> before = Values();
    auto expect_refused = [&] {
      RunReport report = Run();
      ASSERT_FALSE(report.is_success);
      EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
      EXPECT_THAT(report.error->message, HasSubstr("a limit cut off the rows"));
      EXPECT_THAT(report.error->fix, HasSubstr("interval_start"));
      EXPECT_EQ(Values(), before);
    };
    job_.row_limit = 1;
    expect_refused();
    job_.row_limit.reset();
    job_.page_limit = 1;
    job_.page_rows = 2;
    expect_refused();
    job_.page_limit.reset();
    job_.row_limit = 100;  // cuts nothing off
    RunOk();
    EXPECT_EQ(last_.cursor_after, "20");
    job_.row_limit.reset();
  }
}

TEST_F(IncrementalTest, ACursorIsNotCarriedOverToAnotherTable) {
  Insert(1, 10, "a");
  RunOk();
  job_.source_table = "public.other";
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(report.error->message, testing::AllOf(HasSubstr("`t`"), HasSubstr("`public.other`")));
  EXPECT_THAT(report.error->fix,
              testing::AllOf(HasSubstr("another name"), HasSubstr("state reset"), HasSubstr("full_refresh")));
  EXPECT_EQ(ExitCode(report), 2);
  job_.full_refresh = true;
  RunOk();
  job_.full_refresh = false;
  RunOk();
  job_.source_table = "query:SELECT * FROM t";
  EXPECT_FALSE(Run().is_success);
  job_.strategy = WriteStrategy::kReplace;
  RunOk();
  job_.strategy = WriteStrategy::kAppend;
  RunOk();
  job_.source_table = "query:SELECT * FROM t WHERE id > 0";
  RunOk();  // what a query reads is the manifest's affair
}

TEST_F(IncrementalTest, APositionWithoutATableIsOfAnyTable) {
  Insert(1, 10, "a");
  world_.destination.states[job_.pipeline.value] = CommittedState{
      .version = 1,
      .load_id = "old",
      .position = {
          R"({"v":1,"cursor":{"column":"UpdatedAt","type":"bigint","value":"5"},"boundary":{"by":[],"rows":""}})"}};
  RunOk();
  EXPECT_EQ(last_.cursor_before, "5");
  EXPECT_THAT(last_.position, HasSubstr(R"("table":"t")"));
}

TEST_F(IncrementalTest, AChangedKeyOrTypeIsRefusedWithTheWaysOut) {
  Insert(1, 10, "a");
  RunOk();
  job_.incremental_key = "Id";
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(report.error->message, HasSubstr("on column `UpdatedAt`"));
  EXPECT_EQ(ExitCode(report), 2);
  job_.incremental_key = "UpdatedAt";
  world_.source.table.schema.fields[1].type = MakeType(TypeId::kDate);
  report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_THAT(report.error->message, HasSubstr("the column is now date"));
}

TEST_F(IncrementalTest, AWiderKeyTypeGoesOn) {
  Insert(1, 10, "a");
  RunOk();
  world_.source.table.schema.fields[1].type = MakeDecimal(20, 2);
  Insert(2, 11, "b");
  RunOk();
  EXPECT_EQ(last_.cursor_after, "11.00");
  EXPECT_EQ(last_.tables[0].boundary_rows_dropped, 1) << "10.00 says what 10 said";
  EXPECT_THAT(Values(), ElementsAre("a", "b"));
}

TEST_F(IncrementalTest, AnUnknownColumnNamesTheNearest) {
  Insert(1, 10, "a");
  job_.incremental_key = "updatedat_";
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(report.error->fix, HasSubstr("UpdatedAt"));
}

TEST_F(IncrementalTest, NoCursorIsNanOrInfinite) {
  for (TypeId id : {TypeId::kFloat64, TypeId::kFloat32}) {
    world_.source.table.schema.fields[1].type = MakeType(id);
    for (const char* key : {"NaN", "Infinity", "-Infinity"}) {
      for (bool knows_upper : {true, false}) {  // the highest finite key lets +Infinity through no more than NaN
        SCOPED_TRACE(fmt::format("{}, {}", key, knows_upper));
        world_.source.knows_upper = knows_upper;
        world_.source.table.rows = {{"1", "1.5", "a"}, {"2", key, "b"}};
        RunReport report = Run();
        ASSERT_FALSE(report.is_success);
        EXPECT_EQ(report.error->kind, ErrorKind::kData);
        EXPECT_THAT(report.error->message, HasSubstr(fmt::format("`UpdatedAt` is {} in a row", key)));
        EXPECT_THAT(report.error->fix, HasSubstr("filter such rows"));
        EXPECT_THAT(Values(), IsEmpty());
      }
    }
  }
}

TEST_F(IncrementalTest, AnInfiniteCursorOfAnEarlierVersionIsRefused) {
  job_.strategy = WriteStrategy::kMerge;
  job_.primary_key = {"id"};
  world_.source.table.schema.fields[1].type = MakeType(TypeId::kFloat64);
  world_.source.table.rows = {{"1", "1.5", "a"}};
  RunOk();
  std::string& committed = world_.destination.states.begin()->second.position.json;
  ASSERT_THAT(committed, HasSubstr("1.5"));
  committed.replace(committed.find("1.5"), 3, "Infinity");
  world_.source.table.rows = {{"2", "2.5", "b"}};
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(report.error->message, HasSubstr("`UpdatedAt` is Infinity"));
  EXPECT_THAT(report.error->fix, HasSubstr("full_refresh"));
}

TEST_F(IncrementalTest, BooleansCannotBeKeys) {
  world_.source.table.schema.fields[1].type = MakeType(TypeId::kBool);
  RunReport report = Run();
  ASSERT_FALSE(report.is_success);
  EXPECT_EQ(report.error->kind, ErrorKind::kUnsupported);
}

TEST_F(IncrementalTest, SourcesWithoutASchemaBindTheirCursorLater) {
  world_.source.knows_schema = false;
  job_.incremental_key = "UpdatedAt";
  Insert(1, 10, "a");
  RunOk();
  Insert(2, 10, "b");
  RunOk();
  EXPECT_THAT(Values(), ElementsAre("a", "b"));
}

TEST_F(IncrementalTest, KeysOfEveryOrderedTypeWork) {
  struct Case {
    Type type;
    std::vector<std::string> keys;  // ascending
  };
  for (const Case& c :
       {Case{MakeType(TypeId::kText), {"A", "B", "a", "é"}},
        Case{MakeDecimal(20, 2), {"-1.50", "0.00", "9.99", "10.00"}},
        Case{MakeType(TypeId::kDate), {"-0043-03-15", "1969-12-31", "2024-02-29", "+20000-01-01"}},
        Case{MakeType(TypeId::kTimestamp),
             {"1960-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000001Z", "2025-01-01T00:00:00Z"}},
        Case{MakeType(TypeId::kFloat64), {"-1e+300", "-1.5", "0", "1e+300"}},
        Case{MakeType(TypeId::kInt16), {"-5", "0", "9", "10"}}}) {
    FakeWorld world;
    world.source.table.schema = Schema{{Field{.name = "k", .type = c.type}}};
    BatchJob job = world.MakeJob();
    job.strategy = WriteStrategy::kAppend;
    job.incremental_key = "k";
    for (const std::string& key : c.keys) {
      world.source.table.rows.insert(world.source.table.rows.begin(), FakeRow{key});
      RunReport report = RunJob(job, QuickOptions());
      ASSERT_TRUE(report.is_success) << report.error->message;
      EXPECT_EQ(report.cursor_after, key);
    }
    EXPECT_EQ(world.Rows({"k"}), world.SourceRows({"k"})) << c.type.ToString();
  }
}

}  // namespace
}  // namespace nilus
