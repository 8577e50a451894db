// What a source gives: descriptions, push-down of ranges, limits and columns, the upper bound, errors.
#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkReadTests() { return 0; }

namespace {

SchemaPtr EventSchema() {
  return MakeSchema({MakeField("id", TypeId::kInt64), MakeField("k", TypeId::kInt64),
                     MakeField("t", TypeId::kTimestamp), MakeField("s", TypeId::kText),
                     MakeField("d", MakeDecimal(12, 2)), MakeField("day", TypeId::kDate)});
}

std::vector<Row> Events() {
  return {{"1", "-5", "2024-01-01T00:00:00Z", "B", "-1.50", "2024-01-01"},
          {"2", "5", "2024-01-01T00:00:00.500000Z", "a", "9.00", "2024-01-02"},
          {"3", "10", "2024-01-02T00:00:00Z", "b", "10.00", "2024-01-10"},
          {"4", "10", "2024-02-01T00:00:00Z", "ä", "100.25", "2024-02-01"},
          {"5", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt}};
}

struct RangeCase {
  const char* column;
  Cell lower, upper;
  bool inclusive;
  bool with_nulls;
  std::vector<const char*> ids;
};

}  // namespace

TEST_P(ConformanceTest, RangesArePushedDown) {
  SchemaPtr schema = EventSchema();
  ASSERT_NILUS_OK(Load(Request("events", schema, WriteStrategy::kReplace), Events()));
  const RangeCase cases[] = {
      {"k", "5", std::nullopt, true, false, {"2", "3", "4"}},
      {"k", "5", "10", false, false, {"2"}},
      {"k", "5", "10", true, true, {"2", "3", "4", "5"}},
      {"k", std::nullopt, "4", true, false, {"1"}},
      {"k", std::nullopt, std::nullopt, true, true, {"1", "2", "3", "4", "5"}},
      {"k", std::nullopt, std::nullopt, true, false, {"1", "2", "3", "4"}},
      {"k", "11", std::nullopt, true, false, {}},
      {"t", "2024-01-01T00:00:00.500000Z", "2024-02-01T00:00:00Z", false, false, {"2", "3"}},
      {"t", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.500000Z", true, true, {"1", "2", "5"}},
      {"s", "B", "b", true, false, {"1", "2", "3"}},
      {"s", "c", std::nullopt, true, true, {"4", "5"}},
      {"d", "9", "100.25", false, false, {"2", "3"}},
      {"d", std::nullopt, "9.00", true, false, {"1", "2"}},
      {"day", "2024-01-02", "2024-01-10", true, false, {"2", "3"}},
  };
  for (const RangeCase& test : cases) {
    SCOPED_TRACE(fmt::format("{} from {} to {}", test.column, test.lower.value_or("-"), test.upper.value_or("-")));
    const Type type = schema->fields[static_cast<size_t>(*schema->Find(test.column))].type;
    ReadRequest request = ReadOf("events");
    request.range = KeyRange{.column = test.column, .upper_inclusive = test.inclusive, .with_nulls = test.with_nulls};
    if (test.lower) request.range->lower = Scalar{type, *test.lower};
    if (test.upper) request.range->upper = Scalar{type, *test.upper};
    auto read = Read(request);
    ASSERT_NILUS_OK(read);
    std::vector<Row> expected;
    for (const char* id : test.ids) expected.push_back({id});
    EXPECT_EQ(read->Sorted({"id"}), expected);
  }
}

TEST_P(ConformanceTest, UpperBoundIsTheHighestKey) {
  SchemaPtr schema = EventSchema();
  ASSERT_NILUS_OK(Load(Request("events", schema, WriteStrategy::kReplace), Events()));
  for (auto [column, highest] : std::vector<std::pair<std::string, std::string>>{
           {"k", "10"}, {"t", "2024-02-01T00:00:00Z"}, {"s", "ä"}, {"d", "100.25"}, {"day", "2024-02-01"}}) {
    SCOPED_TRACE(column);
    ReadRequest request = ReadOf("events");
    request.range = KeyRange{.column = column};
    std::optional<Scalar> upper;
    ASSERT_NILUS_OK(Read(request, &upper));
    ASSERT_TRUE(upper);
    auto order =
        CompareScalars(*upper, Scalar{schema->fields[static_cast<size_t>(*schema->Find(column))].type, highest});
    ASSERT_NILUS_OK(order);
    EXPECT_TRUE(*order == std::strong_ordering::equal) << upper->text;
  }
  if (!quirks().keeps_empty_tables) return;
  ASSERT_NILUS_OK(Load(Request("none", schema, WriteStrategy::kReplace, "load-2"), std::vector<RecordBatch>{}));
  ReadRequest request = ReadOf("none");
  request.range = KeyRange{.column = "k"};
  std::optional<Scalar> upper;
  ASSERT_NILUS_OK(Read(request, &upper));
  EXPECT_FALSE(upper);
}

// The engine refuses such rows: they have to come, whatever the range, and to be no cursor.
TEST_P(ConformanceTest, FloatKeysThatAreNotFiniteAreReadAndNotTheHighest) {
  for (TypeId id : {TypeId::kFloat64, TypeId::kFloat32}) {
    SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("k", id)});
    const std::string table = fmt::format("t_{}", static_cast<int>(id));
    ASSERT_NILUS_OK(Load(Request(table, schema, WriteStrategy::kReplace, "load-" + table),
                         {{"1", "1.5"}, {"2", "2.5"}, {"3", "Infinity"}, {"4", "-Infinity"}, {"5", "NaN"}}));
    ReadRequest request = ReadOf(table);
    request.range = KeyRange{.column = "k"};
    std::optional<Scalar> upper;
    auto read = Read(request, &upper);
    ASSERT_NILUS_OK(read);
    EXPECT_EQ(read->Sorted({"id"}), (std::vector<Row>{{"1"}, {"2"}, {"3"}, {"4"}, {"5"}}));
    ASSERT_TRUE(upper);
    EXPECT_EQ(upper->text, "2.5");
    request.range->lower = Scalar{MakeType(id), "2"};
    read = Read(request);
    ASSERT_NILUS_OK(read);
    EXPECT_EQ(read->Sorted({"id"}), (std::vector<Row>{{"2"}, {"3"}, {"5"}}));
  }
}

TEST_P(ConformanceTest, LimitHoldsOverAllSplits) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64)});
  std::vector<Row> rows;
  for (int i = 0; i < 5000; ++i) rows.push_back({fmt::format("{}", i)});
  ASSERT_NILUS_OK(Load(Request("t", schema, WriteStrategy::kReplace), rows));
  for (int64_t limit : {0, 1, 999, 5000, 6000}) {
    for (int parallelism : {1, 4}) {
      ReadRequest request = ReadOf("t");
      request.limit = limit;
      request.parallelism = parallelism;
      request.page_rows = 100;
      auto read = Read(request);
      ASSERT_NILUS_OK(read);
      EXPECT_EQ(read->rows.size(), static_cast<size_t>(std::min<int64_t>(limit, 5000)));
    }
  }
}

TEST_P(ConformanceTest, ParallelSplitsReadEveryRowOnce) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  std::vector<Row> rows;
  for (int i = 0; i < 20'000; ++i) rows.push_back({fmt::format("{}", 100'000 + i), std::string(50, 'v')});
  ASSERT_NILUS_OK(Load(Request("t", schema, WriteStrategy::kReplace), rows));
  ReadRequest request = ReadOf("t");
  request.parallelism = 4;
  request.page_rows = 1000;
  auto read = Read(request);
  ASSERT_NILUS_OK(read);
  EXPECT_TRUE(read->Sorted() == rows);
}

TEST_P(ConformanceTest, ExcludedColumnsAreNotRead) {
  ASSERT_NILUS_OK(Load(Request("events", EventSchema(), WriteStrategy::kReplace), Events()));
  ReadRequest request = ReadOf("events");
  request.exclude_columns = {"s", "d"};
  auto read = Read(request);
  ASSERT_NILUS_OK(read);
  EXPECT_FALSE(read->schema.Find("s"));
  EXPECT_FALSE(read->schema.Find("d"));
  EXPECT_TRUE(read->schema.Find("k"));
  EXPECT_EQ(read->rows.size(), 5U);
  request.exclude_columns = {"no_such_column"};
  EXPECT_EQ(KindOf(Read(request)), "invalid_input");
}

TEST_P(ConformanceTest, UnknownTableAndColumnAreNotFound) {
  ASSERT_NILUS_OK(Load(Request("events", EventSchema(), WriteStrategy::kReplace), Events()));
  auto missing = Read(ReadOf("no_such_table"));
  EXPECT_EQ(KindOf(missing), "not_found");
  ReadRequest request = ReadOf("events");
  request.range = KeyRange{.column = "no_such_column"};
  auto column = Read(request);
  ASSERT_FALSE(column.has_value());
  EXPECT_TRUE(KindOf(column) == "not_found" || KindOf(column) == "invalid_input") << KindOf(column);
  EXPECT_NE(column.error().message.find("no_such_column"), std::string::npos) << column.error().message;
}

TEST_P(ConformanceTest, DescribeAgreesWithTheRows) {
  ASSERT_NILUS_OK(Load(Request("events", EventSchema(), WriteStrategy::kReplace), Events()));
  auto description = OpenSource()->Describe(ReadOf("events"));
  ASSERT_NILUS_OK(description);
  EXPECT_EQ(description->schema, ReadTable("events").schema);
  auto described = OpenSink()->Describe({quirks().schema, "events"});
  ASSERT_NILUS_OK(described);
  ASSERT_TRUE(described->has_value());
  const SchemaPtr expected = EventSchema();
  for (const Field& field : expected->fields) {
    std::optional<int> index = (*described)->Find(field.name);
    ASSERT_TRUE(index) << field.name;
    EXPECT_EQ((*described)->fields[static_cast<size_t>(*index)].type.ToString(),
              quirks().reads_as(field.type)->ToString());
  }
}

TEST_P(ConformanceTest, NextAfterStopIsCancelled) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64)});
  std::vector<Row> rows(3000, {"1"});
  ASSERT_NILUS_OK(Load(Request("t", schema, WriteStrategy::kReplace), rows));
  auto source = OpenSource();
  ReadRequest request = ReadOf("t");
  request.page_rows = 10;
  auto plan = source->Plan(request);
  ASSERT_NILUS_OK(plan);
  ASSERT_FALSE(plan->splits.empty());
  auto reader = source->Open(plan->splits[0]);
  ASSERT_NILUS_OK(reader);
  ASSERT_NILUS_OK((*reader)->Next(std::stop_token{}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(KindOf((*reader)->Next(stop.get_token())), "cancelled");
}

TEST_P(ConformanceTest, SourceChecksPass) {
  ASSERT_NILUS_OK(Load(Request("t", MakeSchema({MakeField("id", TypeId::kInt64)}), WriteStrategy::kReplace), {{"1"}}));
  auto items = OpenSource()->Check();
  ASSERT_NILUS_OK(items);
  EXPECT_FALSE(items->empty());
  for (const CheckItem& item : *items) EXPECT_TRUE(item.ok) << item.what << ": " << item.detail;
}

}  // namespace nilus::conformance
