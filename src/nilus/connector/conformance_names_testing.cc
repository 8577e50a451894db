// Names and shapes of tables: hostile identifiers, many columns, schemas that grow, pages.
#include <algorithm>

#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkNameTests() { return 0; }

TEST_P(ConformanceTest, HostileColumnNames) {
  std::vector<std::string> names = {
      "id", "select", "order", "group", "table", "user", "_", "x1", "line_item_amount_usd"};
  if (quirks().any_characters_in_names) {
    for (const char* name : {"'; DROP TABLE t; --",
                             "\"",
                             "a\"\"b",
                             "with space",
                             " leading",
                             "dot.ted",
                             "ümlaut",
                             "漢字",
                             "🚀",
                             "$1",
                             "%s",
                             "{}",
                             "new\nline",
                             "back\\slash",
                             "a,b",
                             "(x)",
                             "[y]",
                             "`z`",
                             "--",
                             "/*"}) {
      names.emplace_back(name);
    }
  }
  names.push_back(std::string(static_cast<size_t>(quirks().max_name_bytes), 'n'));
  std::vector<Field> fields;
  Row row;
  for (const std::string& name : names) {
    fields.push_back(MakeField(name, TypeId::kInt64));
    row.push_back(fmt::format("{}", fields.size()));
  }
  SchemaPtr schema = MakeSchema(fields);
  int load = 0;
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    WriteRequest request = Request(fmt::format("names_{}", load), schema, strategy, fmt::format("load-{}", load));
    ++load;
    request.primary_key = {"id", names.back()};
    request.incremental_key = names[names.size() - 2];
    // Twice: once into a new table, once into the one that is there.
    for (int round = 0; round < 2; ++round) {
      request.load_id += "x";
      KeyRange interval{.column = request.incremental_key, .lower = Scalar{MakeType(TypeId::kInt64), "0"}};
      ASSERT_NILUS_OK(Load(request, {MakeBatch(schema, {row})}, interval));
    }
    Table read = ReadTable(request.table.name);
    std::vector<Row> expected(strategy == WriteStrategy::kAppend ? 2 : 1, row);
    EXPECT_EQ(read.Sorted(names), expected);
  }
}

TEST_P(ConformanceTest, HostileTableNames) {
  std::vector<std::string> names = {"select", "t", std::string(static_cast<size_t>(quirks().max_name_bytes), 't')};
  if (quirks().any_characters_in_names) {
    for (const char* name : {"'; DROP TABLE t; --", "quo\"te", "two words", "ümlaut 漢字", "$1", "per%cent"}) {
      names.emplace_back(name);
    }
  }
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  for (size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(names[i]);
    for (WriteStrategy strategy : quirks().connector->strategies) {
      WriteRequest request =
          Request(names[i], schema, strategy, fmt::format("load-{}-{}", i, WriteStrategyName(strategy)));
      request.incremental_key = "id";
      request.full_refresh = true;
      ASSERT_NILUS_OK(Load(request, {{fmt::format("{}", i), "x"}}));
    }
  }
  for (size_t i = 0; i < names.size(); ++i) {
    ReadRequest read = ReadOf(names[i]);
    // A dot or a quote in a name is between the sink and the source of the same connector; quirks say how to write it.
    auto table = Read(read);
    ASSERT_NILUS_OK(table);
    EXPECT_EQ(table->Sorted({"id"}), (std::vector<Row>{{fmt::format("{}", i)}})) << names[i];
  }
}

TEST_P(ConformanceTest, NameOfBytesThatAreNoName) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField(std::string("a\0b", 3), TypeId::kInt64)});
  EXPECT_NE(KindOf(Load(Request("nul", schema, WriteStrategy::kReplace), {{"1", "2"}})), "ok");
}

TEST_P(ConformanceTest, ManyColumnsUnderEveryStrategy) {
  std::vector<Field> fields = {MakeField("id", TypeId::kInt64)};
  Row row = {"1"};
  std::vector<std::string> names = {"id"};
  for (int i = 1; i < quirks().max_columns - 2; ++i) {  // scd2 adds two
    names.push_back(fmt::format("column_{:04}", i));
    fields.push_back(MakeField(names.back(), i % 2 == 0 ? TypeId::kInt64 : TypeId::kText));
    row.push_back(i % 5 == 4 ? Cell() : Cell(fmt::format("{}", i)));
  }
  SchemaPtr schema = MakeSchema(fields);
  Row changed = row;
  changed.back() = "7";
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::string table = fmt::format("wide_{}", static_cast<int>(strategy));
    WriteRequest request = Request(table, schema, strategy, table);
    request.incremental_key = "id";
    request.key_is_unique = true;
    for (const Row& version : {row, changed}) {
      request.load_id += "x";
      request.load_time += std::chrono::seconds(1);
      ASSERT_NILUS_OK(Load(request, {MakeBatch(schema, {version})}, KeyRange{.column = "id"}));
    }
    std::vector<Row> expected = {changed};
    if (strategy == WriteStrategy::kAppend || strategy == WriteStrategy::kScd2) expected = {row, changed};
    std::sort(expected.begin(), expected.end());
    EXPECT_TRUE(ReadTable(table).Sorted(names) == expected);
  }
}

TEST_P(ConformanceTest, SchemaGrowsInTheMiddleOfALoad) {
  SchemaPtr narrow = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("amount", TypeId::kInt64)});
  Field variant = MakeField("amount__v_text", TypeId::kText);
  variant.variant_of = "amount";
  SchemaPtr wide = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("amount", TypeId::kInt64), variant});
  SchemaPtr reordered = MakeSchema({variant, MakeField("amount", TypeId::kInt64), MakeField("id", TypeId::kInt64)});
  int load = 0;
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    const std::string name = fmt::format("grow_{}", load++);
    WriteRequest request = Request(name, narrow, strategy, name);
    request.incremental_key = "id";
    ASSERT_NILUS_OK(
        Load(request, {MakeBatch(narrow, {{"1", "10"}}), MakeBatch(wide, {{"2", std::nullopt, "much"}}),
                       MakeBatch(narrow, {{"3", "30"}}), MakeBatch(reordered, {{"many", std::nullopt, "4"}})}));
    EXPECT_EQ(ReadTable(name).Sorted({"id", "amount", "amount__v_text"}),
              (std::vector<Row>{{"1", "10", std::nullopt},
                                {"2", std::nullopt, "much"},
                                {"3", "30", std::nullopt},
                                {"4", std::nullopt, "many"}}));
  }
}

TEST_P(ConformanceTest, EmptyTable) {
  if (!quirks().keeps_empty_tables) GTEST_SKIP() << "a load of no rows leaves nothing";
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  for (WriteStrategy strategy : quirks().connector->strategies) {
    SCOPED_TRACE(WriteStrategyName(strategy));
    WriteRequest request = Request(fmt::format("empty_{}", static_cast<int>(strategy)), schema, strategy,
                                   fmt::format("load-{}", static_cast<int>(strategy)));
    request.incremental_key = "id";
    ASSERT_NILUS_OK(Load(request, std::vector<RecordBatch>{}));
    Table read = ReadTable(request.table.name);
    EXPECT_TRUE(read.rows.empty());
    EXPECT_TRUE(read.schema.Find("v"));
    if (!quirks().adds_columns) continue;
    // Columns that came up without a row.
    Schema wider = *schema;
    wider.fields.push_back(MakeField("w", TypeId::kInt64));
    request.schema = std::make_shared<Schema>(std::move(wider));
    request.load_id += "-wider";
    ASSERT_NILUS_OK(Load(request, std::vector<RecordBatch>{}));
    EXPECT_TRUE(ReadTable(request.table.name).schema.Find("w"));
  }
}

TEST_P(ConformanceTest, PagesEndWhereAsked) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64)});
  for (int64_t rows : {1, 9, 10, 11, 20, 2048, 2049}) {
    std::vector<Row> data;
    for (int64_t i = 0; i < rows; ++i) data.push_back({fmt::format("{}", 10'000 + i)});
    const std::string name = fmt::format("pages_{}", rows);
    ASSERT_NILUS_OK(Load(Request(name, schema, WriteStrategy::kReplace, name), data));
    ReadRequest request = ReadOf(name);
    request.page_rows = 10;
    auto read = Read(request);  // checks that no batch is empty or larger
    ASSERT_NILUS_OK(read);
    EXPECT_EQ(read->Sorted(), data);
    request = ReadOf(name);
    request.batch_bytes = 1;
    read = Read(request);
    ASSERT_NILUS_OK(read);
    EXPECT_EQ(read->Sorted(), data);
  }
}

}  // namespace nilus::conformance
