// What each write strategy leaves in the destination (spec 04).
#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkStrategyTests() { return 0; }

namespace {

SchemaPtr OrderSchema() {
  return MakeSchema(
      {MakeField("id", TypeId::kInt64), MakeField("updated", TypeId::kTimestamp), MakeField("v", TypeId::kText)});
}

const std::vector<std::string> kOrder = {"id", "updated", "v"};

std::string Day(int day) { return fmt::format("2024-03-{:02}T00:00:00Z", day); }

Row Order(int id, int day, const std::string& v) { return {fmt::format("{}", id), Day(day), v}; }

constexpr WallTime At(int seconds) { return WallTime{std::chrono::seconds{1'700'000'000 + seconds}}; }

}  // namespace

#define NILUS_NEEDS(strategy) \
  if (!Supports(WriteStrategy::strategy)) GTEST_SKIP() << "the sink has no such strategy"

TEST_P(ConformanceTest, ReplaceHoldsExactlyTheLastLoad) {
  NILUS_NEEDS(kReplace);
  ASSERT_NILUS_OK(
      Load(Request("t", OrderSchema(), WriteStrategy::kReplace, "a"), {Order(1, 1, "one"), Order(2, 1, "two")}));
  ASSERT_NILUS_OK(Load(Request("t", OrderSchema(), WriteStrategy::kReplace, "b"), {Order(3, 2, "three")}));
  EXPECT_EQ(ReadTable("t").Sorted(kOrder), (std::vector<Row>{Order(3, 2, "three")}));
  if (quirks().count_rows) {
    EXPECT_EQ(quirks().count_rows(place(), {quirks().schema, "t"}), 1);
  }
}

TEST_P(ConformanceTest, ReplaceTakesTheNewSchema) {
  NILUS_NEEDS(kReplace);
  ASSERT_NILUS_OK(Load(Request("t", OrderSchema(), WriteStrategy::kReplace, "a"), {Order(1, 1, "one")}));
  SchemaPtr other = MakeSchema({MakeField("id", TypeId::kText), MakeField("extra", TypeId::kFloat64)});
  ASSERT_NILUS_OK(Load(Request("t", other, WriteStrategy::kReplace, "b"), {{"x", "1.5"}}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "extra"}), (std::vector<Row>{{"x", "1.5"}}));
}

TEST_P(ConformanceTest, ReplaceByNothingEmptiesTheTable) {
  NILUS_NEEDS(kReplace);
  if (!quirks().keeps_empty_tables) GTEST_SKIP() << "a load of no rows leaves nothing";
  ASSERT_NILUS_OK(Load(Request("t", OrderSchema(), WriteStrategy::kReplace, "a"), {Order(1, 1, "one")}));
  ASSERT_NILUS_OK(Load(Request("t", OrderSchema(), WriteStrategy::kReplace, "b"), std::vector<RecordBatch>{}));
  EXPECT_TRUE(ReadTable("t").rows.empty());
}

TEST_P(ConformanceTest, AppendAddsRowsAndColumns) {
  NILUS_NEEDS(kAppend);
  ASSERT_NILUS_OK(Load(Request("t", OrderSchema(), WriteStrategy::kAppend, "a"), {Order(1, 1, "one")}));
  auto result =
      Load(Request("t", OrderSchema(), WriteStrategy::kAppend, "b"), {Order(1, 1, "one"), Order(2, 1, "two")});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->rows_inserted, 2);
  EXPECT_EQ(ReadTable("t").Sorted(kOrder),
            (std::vector<Row>{Order(1, 1, "one"), Order(1, 1, "one"), Order(2, 1, "two")}));
  if (!quirks().adds_columns) return;
  SchemaPtr wide = MakeSchema({MakeField("extra", MakeDecimal(5, 2)), MakeField("id", TypeId::kInt64)});
  ASSERT_NILUS_OK(Load(Request("t", wide, WriteStrategy::kAppend, "c"), {{"1.25", "3"}}));
  EXPECT_EQ(ReadTable("t").Sorted({"id", "v", "extra"}), (std::vector<Row>{{"1", "one", std::nullopt},
                                                                           {"1", "one", std::nullopt},
                                                                           {"2", "two", std::nullopt},
                                                                           {"3", std::nullopt, "1.25"}}));
}

TEST_P(ConformanceTest, MergeUpdatesAndInserts) {
  NILUS_NEEDS(kMerge);
  ASSERT_NILUS_OK(
      Load(Request("t", OrderSchema(), WriteStrategy::kMerge, "a"), {Order(1, 1, "one"), Order(2, 1, "two")}));
  auto result =
      Load(Request("t", OrderSchema(), WriteStrategy::kMerge, "b"), {Order(2, 2, "TWO"), Order(3, 2, "three")});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->rows_inserted, 1);
  EXPECT_EQ(result->rows_updated, 1);
  EXPECT_EQ(ReadTable("t").Sorted(kOrder),
            (std::vector<Row>{Order(1, 1, "one"), Order(2, 2, "TWO"), Order(3, 2, "three")}));
  if (quirks().count_rows) {
    EXPECT_EQ(quirks().count_rows(place(), {quirks().schema, "t"}), 3);
  }
}

TEST_P(ConformanceTest, MergeKeepsTheLastVersionOfAKey) {
  NILUS_NEEDS(kMerge);
  // By the incremental key; a later arrival wins a tie; a NULL loses.
  WriteRequest request = Request("t", OrderSchema(), WriteStrategy::kMerge, "a");
  std::vector<RecordBatch> batches = {
      MakeBatch(request.schema,
                {Order(1, 5, "newest"), Order(1, 2, "old"), {"2", std::nullopt, "null"}, Order(3, 1, "first")}),
      MakeBatch(request.schema,
                {Order(1, 3, "older"), Order(2, 1, "known"), Order(3, 1, "last"), {"2", std::nullopt, "null again"}})};
  ASSERT_NILUS_OK(Load(request, batches));
  EXPECT_EQ(ReadTable("t").Sorted(kOrder),
            (std::vector<Row>{Order(1, 5, "newest"), Order(2, 1, "known"), Order(3, 1, "last")}));
  // Without one: by arrival.
  request = Request("u", OrderSchema(), WriteStrategy::kMerge, "b");
  request.incremental_key.clear();
  ASSERT_NILUS_OK(Load(request, batches));
  EXPECT_EQ(ReadTable("u").Sorted(kOrder),
            (std::vector<Row>{Order(1, 3, "older"), {"2", std::nullopt, "null again"}, Order(3, 1, "last")}));
}

TEST_P(ConformanceTest, MergeOrdersVersionsByValueNotByText) {
  NILUS_NEEDS(kMerge);
  struct Case {
    const char* name;
    Type type;
    std::string low, high;
  };
  for (const Case& test :
       {Case{"int", MakeType(TypeId::kInt64), "9", "10"}, Case{"dec", MakeDecimal(20, 2), "9.50", "10.25"},
        Case{"neg", MakeDecimal(20, 2), "-10.25", "-9.50"}, Case{"dbl", MakeType(TypeId::kFloat64), "9.5", "1e+22"},
        Case{"ts", MakeType(TypeId::kTimestamp), "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.500000Z"},
        Case{"txt", MakeType(TypeId::kText), "Z", "a"}, Case{"utf", MakeType(TypeId::kText), "z", "ä"}}) {
    SCOPED_TRACE(test.name);
    if (!quirks().reads_as(test.type)) continue;
    SchemaPtr schema =
        MakeSchema({MakeField("id", TypeId::kInt64), MakeField("updated", test.type), MakeField("v", TypeId::kText)});
    ASSERT_NILUS_OK(
        Load(Request(test.name, schema, WriteStrategy::kMerge, test.name),
             {{"1", test.low, "low"}, {"1", test.high, "high"}, {"2", test.high, "high"}, {"2", test.low, "low"}}));
    EXPECT_EQ(ReadTable(test.name).Sorted({"id", "v"}), (std::vector<Row>{{"1", "high"}, {"2", "high"}}));
  }
}

TEST_P(ConformanceTest, MergeOnACompositeKeyOfManyTypes) {
  NILUS_NEEDS(kMerge);
  std::vector<Field> fields = {MakeField("id", TypeId::kInt64), MakeField("k2", TypeId::kText),
                               MakeField("k3", MakeDecimal(38, 4)), MakeField("k4", TypeId::kTimestamp),
                               MakeField("k5", TypeId::kDate)};
  std::vector<std::string> names;
  for (int i = 0; i < 25; ++i) fields.push_back(MakeField(fmt::format("v{:02}", i), TypeId::kText));
  for (const Field& field : fields) names.push_back(field.name);
  SchemaPtr schema = MakeSchema(fields);
  auto row = [&](const char* id, const char* text, const char* number, const std::string& v) {
    Row cells = {id, text, number, "2024-03-15T10:20:30.500000Z", "2024-03-15"};
    for (int i = 0; i < 25; ++i) cells.push_back(i % 3 == 0 ? Cell() : Cell(v));
    return cells;
  };
  WriteRequest request = Request("t", schema, WriteStrategy::kMerge, "a");
  request.primary_key = {"id", "k2", "k3", "k4", "k5"};
  ASSERT_NILUS_OK(
      Load(request, {row("1", "a", "0.1000", "x"), row("1", "A", "0.1000", "x"), row("1", "a", "0.2000", "x")}));
  request.load_id = "b";
  ASSERT_NILUS_OK(Load(request, {row("1", "a", "0.1000", "y"), row("2", "a", "0.1000", "y")}));
  EXPECT_EQ(ReadTable("t").Sorted(names),
            (std::vector<Row>{row("1", "A", "0.1000", "x"), row("1", "a", "0.1000", "y"), row("1", "a", "0.2000", "x"),
                              row("2", "a", "0.1000", "y")}));
}

TEST_P(ConformanceTest, NullInThePrimaryKeyIsRefusedAndChangesNothing) {
  for (WriteStrategy strategy : {WriteStrategy::kMerge, WriteStrategy::kScd2}) {
    if (!Supports(strategy)) continue;
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::string name = strategy == WriteStrategy::kMerge ? "merged" : "versions";
    ASSERT_NILUS_OK(Load(Request(name, OrderSchema(), strategy, name + "a"), {Order(1, 1, "one")}));
    auto result = Load(Request(name, OrderSchema(), strategy, name + "b"),
                       {Order(1, 2, "changed"), {std::nullopt, Day(2), "nobody"}});
    EXPECT_EQ(KindOf(result), "data");
    if (!result) {
      EXPECT_NE(result.error().message.find("id"), std::string::npos) << result.error().message;
    }
    EXPECT_EQ(ReadTable(name).Sorted(kOrder), (std::vector<Row>{Order(1, 1, "one")}));
  }
}

TEST_P(ConformanceTest, DeleteInsertRenewsItsIntervalOnly) {
  NILUS_NEEDS(kDeleteInsert);
  WriteRequest request = Request("t", OrderSchema(), WriteStrategy::kDeleteInsert, "a");
  ASSERT_NILUS_OK(Load(
      request, {Order(1, 1, "a"), Order(2, 2, "a"), Order(3, 3, "a"), Order(4, 4, "a"), {"5", std::nullopt, "a"}}));
  request.load_id = "b";
  KeyRange interval{.column = "updated",
                    .lower = Scalar{MakeType(TypeId::kTimestamp), Day(2)},
                    .upper = Scalar{MakeType(TypeId::kTimestamp), Day(4)},
                    .upper_inclusive = false};
  ASSERT_NILUS_OK(Load(request, {MakeBatch(request.schema, {Order(3, 3, "b"), Order(6, 2, "b")})}, interval));
  std::vector<Row> expected = {
      Order(1, 1, "a"), Order(3, 3, "b"), Order(4, 4, "a"), {"5", std::nullopt, "a"}, Order(6, 2, "b")};
  EXPECT_EQ(ReadTable("t").Sorted(kOrder), expected);
  // Inclusive bound, and the same interval again: the same outcome.
  for (const char* load : {"c", "d"}) {
    request.load_id = load;
    interval.upper_inclusive = true;
    ASSERT_NILUS_OK(Load(request, {MakeBatch(request.schema, {Order(3, 3, "c"), Order(4, 4, "c")})}, interval));
    expected = {Order(1, 1, "a"), Order(3, 3, "c"), Order(4, 4, "c"), {"5", std::nullopt, "a"}};
    EXPECT_EQ(ReadTable("t").Sorted(kOrder), expected);
  }
  // An interval without rows still empties itself.
  request.load_id = "e";
  ASSERT_NILUS_OK(Load(request, {}, interval));
  EXPECT_EQ(ReadTable("t").Sorted(kOrder), (std::vector<Row>{Order(1, 1, "a"), {"5", std::nullopt, "a"}}));
}

TEST_P(ConformanceTest, DeleteInsertComparesTextByBytesAndQuotesBounds) {
  NILUS_NEEDS(kDeleteInsert);
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("updated", TypeId::kText)});
  WriteRequest request = Request("t", schema, WriteStrategy::kDeleteInsert, "a");
  ASSERT_NILUS_OK(Load(request, {{"1", "A"}, {"2", "Z"}, {"3", "a"}, {"4", "o'hara"}, {"5", "ä"}}));
  request.load_id = "b";
  KeyRange interval{.column = "updated",
                    .lower = Scalar{MakeType(TypeId::kText), "Z"},
                    .upper = Scalar{MakeType(TypeId::kText), "o'hara"}};
  ASSERT_NILUS_OK(Load(request, {}, interval));
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"1"}, {"5"}}));
  request.load_id = "c";
  interval.upper = Scalar{MakeType(TypeId::kText), "x' OR '1'='1"};
  interval.lower.reset();
  ASSERT_NILUS_OK(Load(request, {}, interval));
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"5"}}));
}

TEST_P(ConformanceTest, DeleteInsertKnowsInfiniteBounds) {
  NILUS_NEEDS(kDeleteInsert);
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("updated", TypeId::kFloat64)});
  WriteRequest request = Request("t", schema, WriteStrategy::kDeleteInsert, "a");
  ASSERT_NILUS_OK(Load(request, {{"1", "-Infinity"}, {"2", "-1.5"}, {"3", "1.5"}, {"4", "2.5"}, {"5", "Infinity"}}));
  const auto bound = [](const char* text) { return Scalar{MakeType(TypeId::kFloat64), text}; };
  request.load_id = "b";
  ASSERT_NILUS_OK(Load(request, {}, KeyRange{.column = "updated", .lower = bound("2.5"), .upper = bound("Infinity")}));
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"1"}, {"2"}, {"3"}}));
  request.load_id = "c";
  ASSERT_NILUS_OK(
      Load(request, {}, KeyRange{.column = "updated", .lower = bound("-Infinity"), .upper = bound("-1.5")}));
  EXPECT_EQ(ReadTable("t").Sorted({"id"}), (std::vector<Row>{{"3"}}));
}

TEST_P(ConformanceTest, Scd2KeepsVersions) {
  NILUS_NEEDS(kScd2);
  const std::vector<std::string> columns = {"id", "v", "_nilus_valid_from", "_nilus_valid_to"};
  auto time = [](int seconds) { return Cell(FormatWallTime(At(seconds)).substr(0, 19) + "Z"); };
  WriteRequest request = Request("t", OrderSchema(), WriteStrategy::kScd2, "a");
  request.load_time = At(0);
  ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one"), Order(2, 1, "two"), {"3", std::nullopt, std::nullopt}}));
  // 1 changes, 2 and 3 (NULLs and all) stay, 4 is new; of 4's versions in the load the last one counts.
  request.load_id = "b";
  request.load_time = At(10);
  auto result = Load(request, {Order(1, 2, "ONE"),
                               Order(2, 1, "two"),
                               {"3", std::nullopt, std::nullopt},
                               Order(4, 2, "x"),
                               Order(4, 3, "four")});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->rows_inserted, 2);
  EXPECT_EQ(result->rows_updated, 1);
  std::vector<Row> expected = {{"1", "ONE", time(10), std::nullopt},
                               {"1", "one", time(0), time(10)},
                               {"2", "two", time(0), std::nullopt},
                               {"3", std::nullopt, time(0), std::nullopt},
                               {"4", "four", time(10), std::nullopt}};
  EXPECT_EQ(ReadTable("t").Sorted(columns), expected);
  // The same rows again add nothing.
  request.load_id = "c";
  request.load_time = At(20);
  result = Load(request, {Order(1, 2, "ONE"), Order(4, 3, "four")});
  ASSERT_NILUS_OK(result);
  EXPECT_EQ(result->rows_inserted, 0);
  EXPECT_EQ(ReadTable("t").Sorted(columns), expected);
  // NULL becomes a value and a value NULL: both are changes.
  request.load_id = "d";
  request.load_time = At(30);
  ASSERT_NILUS_OK(Load(request, {{"3", std::nullopt, "three"}, {"2", Day(1), std::nullopt}}));
  expected = {{"1", "ONE", time(10), std::nullopt},        {"1", "one", time(0), time(10)},
              {"2", std::nullopt, time(30), std::nullopt}, {"2", "two", time(0), time(30)},
              {"3", std::nullopt, time(0), time(30)},      {"3", "three", time(30), std::nullopt},
              {"4", "four", time(10), std::nullopt}};
  EXPECT_EQ(ReadTable("t").Sorted(columns), expected);
}

TEST_P(ConformanceTest, Scd2ClosesAbsentKeysOfACompleteLoad) {
  NILUS_NEEDS(kScd2);
  const std::vector<std::string> columns = {"id", "_nilus_valid_to"};
  WriteRequest request = Request("t", OrderSchema(), WriteStrategy::kScd2, "a");
  request.load_time = At(0);
  request.is_complete = true;
  ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one"), Order(2, 1, "two")}));
  request.load_id = "b";
  request.load_time = At(10);
  ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one")}));
  EXPECT_EQ(ReadTable("t").Sorted(columns), (std::vector<Row>{{"1", std::nullopt}, {"2", "2023-11-14T22:13:30Z"}}));
  request.load_id = "c";  // it comes back
  request.load_time = At(20);
  ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one"), Order(2, 1, "two")}));
  EXPECT_EQ(ReadTable("t").Sorted(columns),
            (std::vector<Row>{{"1", std::nullopt}, {"2", std::nullopt}, {"2", "2023-11-14T22:13:30Z"}}));
  request.load_id = "d";  // complete and empty: everything is gone
  request.load_time = At(30);
  ASSERT_NILUS_OK(Load(request, std::vector<RecordBatch>{}));
  EXPECT_EQ(
      ReadTable("t").Sorted(columns),
      (std::vector<Row>{{"1", "2023-11-14T22:13:50Z"}, {"2", "2023-11-14T22:13:30Z"}, {"2", "2023-11-14T22:13:50Z"}}));
}

TEST_P(ConformanceTest, FullRefreshForgetsTheTable) {
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::string name = fmt::format("refresh_{}", static_cast<int>(strategy));
    WriteRequest request = Request(name, OrderSchema(), strategy, name + "a");
    ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one"), Order(2, 1, "two")}));
    request.load_id = name + "b";
    request.full_refresh = true;
    ASSERT_NILUS_OK(Load(request, {Order(3, 3, "three")}));
    EXPECT_EQ(ReadTable(name).Sorted(kOrder), (std::vector<Row>{Order(3, 3, "three")}));
  }
}

TEST_P(ConformanceTest, MergeOfKeysThatAreUniqueInTheLoad) {
  NILUS_NEEDS(kMerge);
  WriteRequest request = Request("t", OrderSchema(), WriteStrategy::kMerge, "a");
  request.key_is_unique = true;
  ASSERT_NILUS_OK(Load(request, {Order(1, 1, "one"), Order(2, 1, "two")}));
  request.load_id = "b";
  ASSERT_NILUS_OK(Load(request, {Order(2, 2, "TWO")}));
  EXPECT_EQ(ReadTable("t").Sorted(kOrder), (std::vector<Row>{Order(1, 1, "one"), Order(2, 2, "TWO")}));
}

TEST_P(ConformanceTest, StrategyWithoutItsKeyIsRefused) {
  for (WriteStrategy strategy : {WriteStrategy::kMerge, WriteStrategy::kScd2, WriteStrategy::kDeleteInsert}) {
    if (!Supports(strategy)) continue;
    WriteRequest request = Request("t", OrderSchema(), strategy);
    request.primary_key.clear();
    request.incremental_key.clear();
    EXPECT_EQ(KindOf(Load(request, {Order(1, 1, "one")})), "invalid_input") << WriteStrategyName(strategy);
  }
}

}  // namespace nilus::conformance
