// Every logical type with its edge values, sink → source.
#include <algorithm>

#include "nilus/connector/conformance_testing.h"

namespace nilus::conformance {

int LinkTypeTests() { return 0; }

namespace {

struct TypeCase {
  const char* name;
  Type type;
  std::vector<std::string> values;
};

std::vector<TypeCase> TypeCases() {
  const std::string nines38(38, '9');
  return {
      {"bool", MakeType(TypeId::kBool), {"true", "false"}},
      {"int16", MakeType(TypeId::kInt16), {"-32768", "-1", "0", "32767"}},
      {"int32", MakeType(TypeId::kInt32), {"-2147483648", "0", "2147483647"}},
      {"int64",
       MakeType(TypeId::kInt64),
       {"-9223372036854775808", "-1", "0", "9007199254740993", "9223372036854775807"}},
      {"float4",
       MakeType(TypeId::kFloat32),
       {"0", "-1.5", "3.4028235e+38", "1e-45", "0.1", "NaN", "Infinity", "-Infinity", "-0"}},
      {"float8",
       MakeType(TypeId::kFloat64),
       {"0", "0.1", "-1.7976931348623157e+308", "5e-324", "2.2250738585072014e-308", "1e+22", "123456789012345680",
        "NaN", "Infinity", "-Infinity", "-0"}},
      {"decimal_small", MakeDecimal(9, 2), {"0.00", "-12.50", "9999999.99", "-9999999.99", "0.01"}},
      {"decimal_38", MakeDecimal(38, 0), {nines38, "-" + nines38, "0", "1"}},
      {"decimal_38_38", MakeDecimal(38, 38), {"0." + nines38, "-0." + nines38, "0." + std::string(37, '0') + "1"}},
      {"decimal_30_10", MakeDecimal(30, 10), {"12345678901234567890.0123456789", "-0.0000000001", "100.0000000000"}},
      {"text",
       MakeType(TypeId::kText),
       {"", " ", "NULL", "\\N", "null", "plain", "tab\tquote'double\"back\\slash", "line\nfeed\r\n", ",;|", "0123",
        "1e5", "ümlaut – 漢字 🚀 \u200f", std::string(70'000, 'x')}},
      {"binary", MakeType(TypeId::kBinary), {"", "00", "ff00fe", "5c78", "deadbeef", std::string(4096, 'a')}},
      {"json", MakeType(TypeId::kJson), {"{}", "[]", "null", "\"text\"", R"({"a":[1,2.50,null],"ü":"'\""})", "1"}},
      {"date",
       MakeType(TypeId::kDate),
       {"1970-01-01", "0001-01-01", "9999-12-31", "2024-02-29", "1969-12-31", "-0043-03-15"}},
      {"time",
       MakeType(TypeId::kTime),
       {"00:00:00", "23:59:59.999999", "12:30:45.100000", "24:00:00", "00:00:00.000001"}},
      {"timestamp",
       MakeType(TypeId::kTimestamp),
       {"1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-03-31T01:30:00.500000Z",
        "1969-12-31T23:59:59.999999Z", "-0043-03-15T12:00:00Z"}},
      {"timestamp_ntz",
       MakeType(TypeId::kTimestampNtz),
       {"1970-01-01T00:00:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "2024-03-31T02:30:00.000001",
        "-0043-03-15T12:00:00"}},
  };
}

std::string Shortened(const std::string& text) { return text.size() <= 80 ? text : text.substr(0, 80) + "…"; }

}  // namespace

TEST_P(ConformanceTest, EveryTypeKeepsItsEdgeValues) {
  for (const TypeCase& test : TypeCases()) {
    SCOPED_TRACE(test.name);
    std::optional<Type> back = quirks().reads_as(test.type);
    if (!back) continue;
    SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", test.type)});
    std::vector<Row> rows = {{"0", std::nullopt}};
    for (size_t i = 0; i < test.values.size(); ++i) rows.push_back({fmt::format("{}", i + 1), test.values[i]});
    rows.push_back({fmt::format("{}", rows.size()), std::nullopt});
    const std::string table = fmt::format("t_{}", test.name);
    ASSERT_NILUS_OK(Load(Request(table, schema, WriteStrategy::kReplace, fmt::format("load-{}", test.name)), rows));

    Table read = ReadTable(table);
    std::optional<int> value_at = read.schema.Find("v");
    ASSERT_TRUE(value_at);
    EXPECT_EQ(read.schema.fields[static_cast<size_t>(*value_at)].type.ToString(), back->ToString());
    ASSERT_EQ(read.rows.size(), rows.size());
    std::vector<Row> got = read.Sorted({"id", "v"});
    for (const Row& row : rows) {
      Cell expected = row[1] ? quirks().value_reads_as(test.type, *row[1]) : std::nullopt;
      auto found = std::find_if(got.begin(), got.end(), [&](const Row& candidate) { return candidate[0] == row[0]; });
      ASSERT_NE(found, got.end());
      EXPECT_TRUE((*found)[1] == expected)
          << "wrote " << Shortened(row[1].value_or("NULL")) << ", read " << Shortened((*found)[1].value_or("NULL"));
    }
  }
}

// Keys of each type: found again by merge, and told apart.
TEST_P(ConformanceTest, MergeFindsKeysOfEveryType) {
  if (!Supports(WriteStrategy::kMerge)) GTEST_SKIP() << "the sink has no such strategy";
  for (const TypeCase& test : TypeCases()) {
    SCOPED_TRACE(test.name);
    if (test.type.id == TypeId::kJson || !quirks().reads_as(test.type)) continue;  // JSON has no equality worth a key
    SchemaPtr schema = MakeSchema({MakeField("id", test.type), MakeField("v", TypeId::kText)});
    std::vector<Row> first;
    std::vector<Row> second;
    for (const std::string& value : test.values) {
      if (value.size() > 1000 || value == "-0" || !quirks().value_reads_as(test.type, value)) continue;
      first.push_back({value, "first"});
      if (second.size() * 2 < first.size()) second.push_back({value, "second"});
    }
    std::vector<Row> expected;
    for (const Row& row : first) {
      const bool renewed =
          std::any_of(second.begin(), second.end(), [&](const Row& other) { return other[0] == row[0]; });
      expected.push_back({quirks().value_reads_as(test.type, *row[0]), renewed ? "second" : "first"});
    }
    std::sort(expected.begin(), expected.end());
    const std::string table = fmt::format("key_{}", test.name);
    for (const bool unique : {false, true}) {
      WriteRequest request = Request(table, schema, WriteStrategy::kMerge, fmt::format("{}-{}-1", table, unique));
      request.key_is_unique = unique;
      ASSERT_NILUS_OK(Load(request, first));
      request.load_id = fmt::format("{}-{}-2", table, unique);
      ASSERT_NILUS_OK(Load(request, second));
      EXPECT_EQ(ReadTable(table).Sorted({"id", "v"}), expected);
    }
  }
}

TEST_P(ConformanceTest, AllTypesTogetherWithSparseNulls) {
  std::vector<TypeCase> cases;
  for (TypeCase& test : TypeCases()) {
    if (quirks().reads_as(test.type)) cases.push_back(std::move(test));
  }
  std::vector<Field> fields = {MakeField("id", TypeId::kInt64)};
  std::vector<std::string> names = {"id"};
  for (const TypeCase& test : cases) {
    fields.push_back(MakeField(std::string("c_") + test.name, test.type));
    names.push_back(fields.back().name);
  }
  SchemaPtr schema = MakeSchema(fields);
  std::vector<Row> rows;
  std::vector<Row> expected;
  for (size_t i = 0; i < 100; ++i) {
    Row row = {fmt::format("{}", i)};
    Row back = row;
    for (size_t c = 0; c < cases.size(); ++c) {
      const std::vector<std::string>& values = cases[c].values;
      if ((i + c) % 3 == 0) {
        row.push_back(std::nullopt);
        back.push_back(std::nullopt);
      } else {
        row.push_back(values[(i * 7 + c) % values.size()]);
        back.push_back(quirks().value_reads_as(cases[c].type, *row.back()));
      }
    }
    rows.push_back(row);
    expected.push_back(back);
  }
  ASSERT_NILUS_OK(Load(Request("mixed", schema, WriteStrategy::kReplace), rows));
  std::sort(expected.begin(), expected.end());
  std::vector<Row> read_back = ReadTable("mixed").Sorted(names);
  ASSERT_EQ(read_back.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {  // cell by cell: a difference names its column
    for (size_t c = 0; c < names.size(); ++c)
      EXPECT_EQ(read_back[i][c], expected[i][c]) << names[c] << " of row " << *expected[i][0];
  }
  if (quirks().count_rows) {
    EXPECT_EQ(quirks().count_rows(place(), {quirks().schema, "mixed"}), 100);
  }
}

TEST_P(ConformanceTest, ColumnOfNothingButNulls) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("d", MakeDecimal(12, 2)),
                                 MakeField("t", TypeId::kText), MakeField("ts", TypeId::kTimestamp)});
  std::vector<Row> rows = {{"1", std::nullopt, std::nullopt, std::nullopt},
                           {"2", std::nullopt, std::nullopt, std::nullopt}};
  ASSERT_NILUS_OK(Load(Request("nulls", schema, WriteStrategy::kReplace), rows));
  EXPECT_EQ(ReadTable("nulls").Sorted({"id", "d", "t", "ts"}), rows);
}

TEST_P(ConformanceTest, LargeValue) {
  SchemaPtr schema = MakeSchema({MakeField("id", TypeId::kInt64), MakeField("v", TypeId::kText)});
  std::string big(static_cast<size_t>(quirks().big_value_bytes), 'a');
  for (size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  ASSERT_NILUS_OK(Load(Request("big", schema, WriteStrategy::kReplace), {{"1", "small"}, {"2", big}, {"3", ""}}));
  std::vector<Row> got = ReadTable("big").Sorted({"id", "v"});
  ASSERT_EQ(got.size(), 3U);
  EXPECT_TRUE(got[1][1] == big);
  EXPECT_EQ(got[2][1], "");
}

}  // namespace nilus::conformance
