// How problems look: all of a file's, each with its place, its path and its fix.
#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ProblemTest = LoadTest;

TEST_F(ProblemTest, ReportsEveryProblemWithItsPlaceAndFix) {
  EXPECT_EQ(
      ProblemsOf(R"YAML(name: customers batch
version: v1beta
type: nilus
tgas: [x]
spec:
  type: batch
  mode: deep
  logLevel: Info
  schedule:
    crons: ["* * * * * *", "30 11 * * *"]
    timezone: Asia/Kolkatta
    endOn: tomorrow
  resources: {limits: {cpu: fast, memory: 1GB}}
  source:
    address: postgresql://db:port/shop
    options:
      source-table: public.customers
      interval_start: 2023-02-30
      type_hints: {amount: decimal(40,2)}
      mask: {email: hassh, phone: "round"}
      page_size: 0
      max_table_nesting: deep
      columns: {a: text}
      strategy: changelog
      service_type: x
    cdc: {topic.prefix: x}
  sink:
    address: duckdb:///x.db
    options:
      dest_table: customers
      incremental_strategy: upsert
      full_refresh: maybe
      partition_by: [{type: bucket}, day]
)YAML"),
      R"YAML(m.yaml:1:7: name: 'customers batch' is not a name. Fix: use at most 128 letters, digits, '-', '_' and '.'
m.yaml:2:10: version: 'v1beta' is not known here. Fix: write v1alpha
m.yaml:4:1: tgas: the key is not known here. Fix: write tags
m.yaml:7:3: spec.mode: the key is for type: metadata only. Fix: remove it
m.yaml:8:13: spec.logLevel: 'Info' is not known here. Fix: write INFO (known: DEBUG, INFO, WARNING or ERROR)
m.yaml:10:13: spec.schedule.crons[0]: '* * * * * *' has 6 fields, not five. Fix: write five fields: minute hour day-of-month month day-of-week, such as '30 11 * * *'; there is no field for seconds
m.yaml:11:15: spec.schedule.timezone: 'Asia/Kolkatta' is not a time zone. Fix: write a name of the IANA database, such as Asia/Kolkata or UTC
m.yaml:12:12: spec.schedule.endOn: 'tomorrow' is not a date or time. Fix: write 2023-01-31, 2023-01-31T15:00:00, or that with Z or an offset such as +05:30
m.yaml:13:29: spec.resources.limits.cpu: 'fast' is not a number of processors. Fix: write 500m (thousandths) or 1.5
m.yaml:13:43: spec.resources.limits.memory: '1GB' is not an amount of memory. Fix: write a number with Ki, Mi, Gi, K, M or G: 512Mi
m.yaml:15:14: spec.source.address: the port is not a number from 1 to 65535. Fix: write a number from 1 to 65535; if a password with special characters stands in the address, put it in a variable: {DB_PASSWORD}
m.yaml:17:7: spec.source.options.source-table: the key is not known here. Fix: write source_table
m.yaml:18:23: spec.source.options.interval_start: '2023-02-30' is not a day of the calendar
m.yaml:18:23: spec.source.options.interval_start: an interval needs an incremental_key. Fix: set source.options.incremental_key
m.yaml:19:28: spec.source.options.type_hints.amount: 'decimal(40,2)' is not a decimal type. Fix: write decimal(p,s) with p from 1 to 38 and s from 0 to p
m.yaml:20:21: spec.source.options.mask.email: 'hassh' is not a mask. Fix: write hash
m.yaml:21:18: spec.source.options.page_size: 0 is out of range. Fix: write a number from 1 to 10000000
m.yaml:22:26: spec.source.options.max_table_nesting: 'deep' is not a whole number
m.yaml:23:7: spec.source.options.columns: the option is not supported. Fix: write the types under type_hints: {column: type}
m.yaml:24:7: spec.source.options.strategy: the option is for cdc only. Fix: for how rows are written, set sink.options.incremental_strategy
m.yaml:25:7: spec.source.options.service_type: the option is for type: metadata only. Fix: remove it
m.yaml:26:5: spec.source.cdc: CDC properties are for type: cdc only. Fix: remove them, or write type: cdc
m.yaml:30:19: spec.sink.options.dest_table: Table name must be in the format <schema>.<table>. Fix: write schema.table, such as raw.customers
m.yaml:31:29: spec.sink.options.incremental_strategy: 'upsert' is not known here. Fix: write replace, append, merge, delete+insert or scd2
m.yaml:32:21: spec.sink.options.full_refresh: 'maybe' is not true or false. Fix: write true or false
m.yaml:33:22: spec.sink.options.partition_by[0].column: this key is required. Fix: write the name of a column
m.yaml:33:22: spec.sink.options.partition_by[0].bucket_count: this key is required. Fix: write the number of buckets: 16
m.yaml:33:38: spec.sink.options.partition_by[1]: a map is expected here, but this is a single value. Fix: write key: value lines below it
)YAML");
}

TEST_F(ProblemTest, RendersProblemsAsJson) {
  LoadedManifests loaded = Load("name: p\nversion: v1alpha\ntype: nilsu\n");
  EXPECT_EQ(
      RenderProblemsJson(loaded.problems),
      R"JSON([{"file":"m.yaml","line":3,"column":7,"path":"type","message":"the type 'nilsu' is not known","fix":"write nilus"}])JSON");
  EXPECT_EQ(RenderProblemsJson({}), "[]");
  EXPECT_FALSE(ProblemsToStatus(loaded.problems));
  EXPECT_TRUE(ProblemsToStatus({}));
}

TEST(NearestName, FindsWhatWasMeant) {
  constexpr std::string_view kNames[] = {"source_table", "primary_key", "incremental_key", "page_size", "mask"};
  EXPECT_EQ(NearestName("source-table", kNames), "source_table");
  EXPECT_EQ(NearestName("sourceTable", kNames), "source_table");
  EXPECT_EQ(NearestName("soruce_table", kNames), "source_table");
  EXPECT_EQ(NearestName("primarykeys", kNames), "primary_key");
  EXPECT_EQ(NearestName("msak", kNames), "mask");
  EXPECT_EQ(NearestName("colour", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName(std::string(10'000, 'a'), kNames), "");
}

}  // namespace
}  // namespace nilus
