// The `nilus` form: what a complete document becomes, and every rule over its keys.
#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

using NilusForm = LoadTest;

constexpr std::string_view kComplete = R"YAML(name: customers-batch
version: v1alpha
type: nilus
tags: [workflow, nilus-batch]
description: all customers
owner: jane
layer: user
workspace: engineering
spec:
  type: batch
  compute: universe-compute
  logLevel: WARNING
  runAsUser: jane
  schedule:
    crons: ["30 11 * * *", "0 0 1 * *"]
    timezone: Asia/Kolkata
    endOn: "2026-12-31T23:59:45Z"
    concurrencyPolicy: Replace
  resources: {requests: {cpu: 200m, memory: 256Mi}, limits: {cpu: 1500m, memory: 1Gi}}
  use:
    projection:
      secrets: [{id: "engineering:pgsecret", contextAlias: pg}]
      projections:
        envVars:
          - {key: PG_PASSWORD, template: "{{ secrets['pg'].password | base64_decode }}"}
    volumes: [{id: "public:nilus-state", directory: /var/nilus/state, readOnly: true}]
  repo: {url: "https://git.example/repo.git", baseDir: connectors/acme, secretId: "public:git", syncFlags: ["--ref=main"]}
  source:
    address: postgresql://app:{PG_PASSWORD}@db:5432/shop
    options:
      source_table: public.customers
      primary_key: id, region
      incremental_key: updated_at
      incremental_key_nulls: include
      interval_start: 2023-01-31
      interval_end: "2023-02-01 15:00:00+02:00"
      type_hints: {amount: decimal(12,2), payload: json, price: "decimal(5, 1)"}
      mask: {email: hash, phone: "partial:3", key: "hmac:a:b", note: "fixed:x:y"}
      max_table_nesting: "2"
      extract_parallelism: 3
      page_size: 1000
      sql_limit: 10
      sql_exclude_columns: a, b
      sql_reflection_level: full_with_precision
      yield_limit: 4
  sink:
    address: duckdb:///x.db
    options:
      dest_table: raw.customers
      incremental_strategy: merge
      full_refresh: true
      partition_by:
        - {column: created_at, type: day, name: d, index: 1}
        - {column: id, type: bucket, bucket_count: 16, index: 0}
      cluster_by: [region]
      loader_file_size: 5
      loader_file_format: jsonl
      staging_bucket: s3://b
      aws_region: eu-west-1
      aws_endpoint: http://localhost:9000
      iceberg_metadata_compression: gzip
      schema_contract: freeze
)YAML";

TEST_F(NilusForm, ReadsEveryKey) {
  Pipeline p = LoadOne(kComplete);
  EXPECT_EQ(p.Id(), "engineering:customers-batch");
  EXPECT_EQ(p.type, PipelineType::kBatch);
  EXPECT_EQ(p.log_level, LogLevel::kWarning);
  EXPECT_EQ(p.run_as_user, "jane");
  EXPECT_EQ(p.compute, "universe-compute");
  EXPECT_THAT(p.tags, ElementsAre("workflow", "nilus-batch"));
  ASSERT_TRUE(p.schedule);
  EXPECT_THAT(p.schedule->crons, ElementsAre("30 11 * * *", "0 0 1 * *"));
  EXPECT_EQ(p.schedule->timezone, "Asia/Kolkata");
  EXPECT_EQ(p.schedule->end_on, "2026-12-31T23:59:45Z");
  EXPECT_EQ(p.schedule->concurrency_policy, ConcurrencyPolicy::kReplace);
  EXPECT_EQ(p.memory_limit_bytes, int64_t{1} << 30);
  EXPECT_DOUBLE_EQ(*p.cpu_limit, 1.5);
  EXPECT_EQ(p.secrets[0].id, "engineering:pgsecret");
  EXPECT_EQ(p.projections[0].key, "PG_PASSWORD");
  EXPECT_EQ(p.volumes[0].directory, "/var/nilus/state");
  EXPECT_TRUE(p.volumes[0].read_only);
  EXPECT_EQ(p.repo->base_dir, "connectors/acme");
  EXPECT_EQ(p.source.address_text, "postgresql://app:{PG_PASSWORD}@db:5432/shop");
  EXPECT_EQ(p.source.place.ToString(), "m.yaml:29:14");

  const SourceOptions& source = p.source_options;
  EXPECT_EQ(source.source_table, "public.customers");
  EXPECT_THAT(source.primary_key, ElementsAre("id", "region"));
  EXPECT_EQ(source.incremental_key, "updated_at");
  EXPECT_EQ(source.incremental_key_nulls, NullCursor::kInclude);
  EXPECT_EQ(source.interval_start, "2023-01-31");
  EXPECT_EQ(source.interval_end, "2023-02-01T15:00:00+02:00");
  EXPECT_EQ(source.type_hints[0].column, "amount");
  EXPECT_EQ(source.type_hints[0].type, "decimal(12,2)");
  EXPECT_EQ(source.type_hints[1].column, "payload");
  EXPECT_EQ(source.type_hints[2].type, "decimal(5,1)");
  EXPECT_EQ(source.masks[1].algorithm, "partial");
  EXPECT_EQ(source.masks[1].parameter, "3");
  EXPECT_EQ(source.masks[2].parameter, "a:b");
  EXPECT_EQ(source.masks[3].parameter, "x:y");
  EXPECT_EQ(source.max_table_nesting, 2);
  EXPECT_EQ(source.extract_parallelism, 3);
  EXPECT_EQ(source.page_size, 1000);
  EXPECT_EQ(source.sql_limit, 10);
  EXPECT_THAT(source.sql_exclude_columns, ElementsAre("a", "b"));
  EXPECT_EQ(source.sql_reflection_level, SqlReflectionLevel::kFullWithPrecision);
  EXPECT_EQ(source.yield_limit, 4);

  const SinkOptions& sink = p.sink_options;
  EXPECT_EQ(sink.DestSchema(), "raw");
  EXPECT_EQ(sink.DestTable(), "customers");
  EXPECT_EQ(sink.incremental_strategy, IncrementalStrategy::kMerge);
  EXPECT_TRUE(sink.full_refresh);
  ASSERT_EQ(sink.partition_by.size(), 2u);
  EXPECT_EQ(sink.partition_by[0].transform, PartitionTransform::kBucket);
  EXPECT_EQ(sink.partition_by[0].bucket_count, 16);
  EXPECT_EQ(sink.partition_by[1].name, "d");
  EXPECT_THAT(sink.cluster_by, ElementsAre("region"));
  EXPECT_EQ(sink.loader_file_size, 5);
  EXPECT_EQ(sink.loader_file_format, LoaderFileFormat::kJsonLines);
  EXPECT_EQ(sink.schema_contract, SchemaContract::kFreeze);
  EXPECT_THAT(Load(kComplete).notices, IsEmpty());
}

TEST_F(NilusForm, HasDefaults) {
  Pipeline p = LoadOne(Batch("source_table: public.t"));
  EXPECT_EQ(p.workspace, "public");
  EXPECT_FALSE(p.schedule);
  EXPECT_FALSE(p.memory_limit_bytes);
  EXPECT_EQ(p.source_options.extract_parallelism, 5);
  EXPECT_EQ(p.source_options.page_size, 50000);
  EXPECT_EQ(p.source_options.max_table_nesting, 0);
  EXPECT_EQ(p.sink_options.incremental_strategy, IncrementalStrategy::kReplace);
  EXPECT_FALSE(p.sink_options.incremental_strategy_given);
  EXPECT_EQ(p.sink_options.schema_contract, SchemaContract::kEvolve);
}

TEST_F(NilusForm, RequiresItsKeys) {
  EXPECT_THAT(ProblemsOf("a: 1\n"), HasSubstr("type: this key is required. Fix: write type: nilus"));
  EXPECT_THAT(ProblemsOf("type: nilus\n"), HasSubstr("name: this key is required"));
  EXPECT_THAT(ProblemsOf("type: nilus\n"), HasSubstr("version: this key is required. Fix: write version: v1alpha"));
  EXPECT_THAT(ProblemsOf("type: nilus\n"), HasSubstr("spec: this key is required"));
  std::string empty_spec = ProblemsOf("name: p\nversion: v1alpha\ntype: nilus\nspec: {type: batch}\n");
  EXPECT_THAT(empty_spec, HasSubstr("spec.source: this key is required"));
  EXPECT_THAT(empty_spec, HasSubstr("spec.sink: this key is required"));
  EXPECT_THAT(ProblemsOf(Batch("", "")), HasSubstr("spec.source.options.source_table: this key is required"));
  EXPECT_THAT(ProblemsOf(Batch("", "")), HasSubstr("spec.sink.options.dest_table: this key is required"));
  EXPECT_THAT(ProblemsOf("- a\n- b\n"), HasSubstr("a document is a map"));
  EXPECT_THAT(ProblemsOf("just text"), HasSubstr("a document is a map"));
  EXPECT_THAT(ProblemsOf(""), HasSubstr("the file holds no document"));
  EXPECT_THAT(ProblemsOf("# nothing\n---\n---\n"), HasSubstr("the file holds no document"));
}

TEST_F(NilusForm, ChecksTheTableName) {
  for (std::string_view bad : {"t", "a.b.c", ".t", "a.", "."}) {
    EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: " + std::string(bad))),
                HasSubstr("Table name must be in the format <schema>.<table>"))
        << bad;
  }
  std::string repo = "  repo: {url: /code}\n";
  EXPECT_EQ(ProblemsOf(Document("batch", "custom://Api?x=1", "", "dest_table: raw", repo)), "");
  EXPECT_EQ(ProblemsOf(Document("batch", "custom://Api?x=1", "", "dest_table: raw.t", repo)), "");
  EXPECT_THAT(ProblemsOf(Document("batch", "custom://Api?x=1", "", "dest_table: raw")),
              HasSubstr("spec.repo: this key is required"));
}

TEST_F(NilusForm, ChecksWhatStrategiesNeed) {
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b, incremental_strategy: merge")),
              HasSubstr("merge needs a primary_key"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b, incremental_strategy: scd2")),
              HasSubstr("scd2 needs a primary_key"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b, incremental_strategy: delete+insert")),
              HasSubstr("delete+insert needs an incremental_key"));
  EXPECT_EQ(ProblemsOf(Batch("source_table: t", "dest_table: a.b, incremental_strategy: merge, primary_key: id")), "");
  EXPECT_EQ(
      ProblemsOf(Batch("source_table: t, incremental_key: d", "dest_table: a.b, incremental_strategy: delete+insert")),
      "");
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, primary_key: id", "dest_table: a.b, primary_key: other")),
              HasSubstr("not the primary key of source"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, primary_key: [a, b, a]")), HasSubstr("the column 'a' stands twice"));
}

TEST_F(NilusForm, ChoosesAStrategyThatLosesNothing) {
  std::string with_key = Batch("source_table: t, incremental_key: d, primary_key: id");
  EXPECT_EQ(LoadOne(with_key).sink_options.incremental_strategy, IncrementalStrategy::kMerge);
  EXPECT_THAT(NoticesOf(with_key), HasSubstr("merge is used"));
  EXPECT_EQ(LoadOne(Batch("source_table: t, incremental_key: d")).sink_options.incremental_strategy,
            IncrementalStrategy::kAppend);
}

TEST_F(NilusForm, ChecksIntervals) {
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, interval_start: 2023-01-01")),
              HasSubstr("an interval needs an incremental_key"));
  EXPECT_EQ(ProblemsOf(Batch("source_table: 'query:SELECT 1 WHERE d >= :interval_start', interval_start: 2023-01-01")),
            "");
  EXPECT_THAT(
      ProblemsOf(Batch("source_table: t, incremental_key: d, interval_start: 2023-01-02, interval_end: 2023-01-02")),
      HasSubstr("the interval is empty"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, incremental_key: d, interval_start: '2023-01-01T10:00:00+05:00', "
                               "interval_end: '2023-01-01T05:00:00Z'")),
              HasSubstr("the interval is empty"));
  EXPECT_EQ(
      ProblemsOf(Batch(
          "source_table: t, incremental_key: d, interval_start: 2023-01-01, interval_end: '2023-01-01T00:00:00.1'")),
      "");
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, incremental_key_nulls: include")),
              HasSubstr("needs an incremental_key"));
}

TEST_F(NilusForm, ChecksLeftOutColumns) {
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, incremental_key: d, sql_exclude_columns: [d]")),
              HasSubstr("it is the incremental_key"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, primary_key: d, sql_exclude_columns: d")),
              HasSubstr("it is the primary_key"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, mask: {d: hash}, sql_exclude_columns: d")),
              HasSubstr("column of a mask"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: 'query: '")), HasSubstr("no SQL follows"));
}

TEST_F(NilusForm, ChecksMasks) {
  for (std::string_view good :
       {"hash",         "sha256",    "md5",        "'hmac:{KEY}'",   "redact",       "email",       "phone",
        "credit_card",  "ssn",       "partial",    "'partial:1'",    "first_letter", "stars",       "fixed",
        "'fixed: a:b'", "uuid",      "sequential", "random",         "round",        "'round:0.5'", "'range:10000'",
        "noise",        "'noise:1'", "date_shift", "'date_shift:7'", "year_only",    "month_year"}) {
    EXPECT_EQ(ProblemsOf(Batch("source_table: t, mask: {c: " + std::string(good) + "}")), "") << good;
  }
  for (std::string_view bad :
       {"''", "'hash:1'", "hmac", "'hmac:'", "'partial:0'", "'partial:-1'", "'partial:x'", "'fixed:'", "'round:0'",
        "range", "'range:'", "'range:-5'", "'noise:2'", "'noise:nan'", "'date_shift:1.5'", "Hash", "[hash]"}) {
    EXPECT_THAT(ProblemsOf(Batch("source_table: t, mask: {c: " + std::string(bad) + "}")),
                HasSubstr("spec.source.options.mask.c: "))
        << bad;
  }
  // The key of a mask is a secret.
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, mask: {c: 'hmac:canary-key', d: 'canary-key'}")),
              Not(HasSubstr("canary")));
  // So it is behind another sign than the one that belongs there.
  for (std::string_view wrong : {"c: 'hmac;canary7'", "c: 'hmac canary7'", "c: hmac=canary7", "c: hmac-canary7",
                                 "c: hmaccanary7", "c: 'hmac;k'", "c: canary7", "c=hmac: canary7"}) {
    const std::string problems = ProblemsOf(Batch(fmt::format("source_table: t, mask: {{{}}}", wrong)));
    EXPECT_THAT(problems,
                testing::AllOf(HasSubstr("spec.source.options.mask.c"), Not(HasSubstr("canary")), Not(HasSubstr(";k"))))
        << wrong;
  }
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, mask: {c: 'hmac;canary7'}")), HasSubstr("Fix: write hmac:{HMAC_KEY}"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, mask: {c=hmac: canary7}")), HasSubstr("Fix: write c:hmac:{HMAC_KEY}"));
  for (std::string_view half : {"{KEY", "$KEY", "${KEY", "{}", "{two words}"}) {
    EXPECT_THAT(ProblemsOf(Batch(fmt::format("source_table: t, mask: {{c: 'hmac:{}'}}", half))),
                HasSubstr("Fix: write hmac:{HMAC_KEY}"))
        << half;
  }
  EXPECT_EQ(ProblemsOf(Batch("source_table: t, mask: {c: 'hmac:${KEY}', d: 'hmac:a$b{c', e: 'hmac:$1'}")), "");
}

TEST_F(NilusForm, MetadataHasAModeAndNoSink) {
  std::string head = "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: metadata\n";
  std::string source =
      "  source: {address: 'postgresql://db/x', options: {service_type: postgres, threads: 4, query_log_duration: 7, "
      "table_filter: {includes: ['^a.*'], excludes: [b]}}}\n";
  Pipeline p = LoadOne(head + "  mode: deep\n" + source);
  EXPECT_EQ(p.mode, MetadataMode::kDeep);
  EXPECT_FALSE(p.sink);
  EXPECT_THAT(p.source_options.table_filter.includes, ElementsAre("^a.*"));
  EXPECT_EQ(p.source_options.threads, 4);
  EXPECT_THAT(ProblemsOf(head + source), HasSubstr("spec.mode: this key is required"));
  EXPECT_THAT(ProblemsOf(head + "  mode: deep\n" + source + "  sink: {address: 'duckdb:///x'}\n"),
              HasSubstr("a metadata pipeline has no sink"));
  EXPECT_THAT(
      ProblemsOf(
          head +
          "  mode: deep\n  source: {address: 'postgresql://db/x', options: {schema_filter: {includes: ['(']}}}\n"),
      HasSubstr("not a regular expression"));
  EXPECT_EQ(ProblemsOf(head + "  mode: shallow\n  schedule: {crons: ['0 0 * * *']}\n" + source), "");
}

TEST_F(NilusForm, StreamsComeFromStreams) {
  Pipeline p = LoadOne(Document("stream", "'kafka://?bootstrap_servers=h:9092&group_id=g'",
                                "source_table: topic, batch_size: 10, batch_timeout: 0.5", "dest_table: raw.t"));
  EXPECT_EQ(p.type, PipelineType::kStream);
  EXPECT_EQ(p.sink_options.incremental_strategy, IncrementalStrategy::kAppend);
  EXPECT_DOUBLE_EQ(*p.source_options.batch_timeout, 0.5);
  EXPECT_THAT(ProblemsOf(Document("stream", "postgresql://db/x", "source_table: t", "dest_table: raw.t")),
              HasSubstr("postgresql:// is no stream"));
  EXPECT_THAT(ProblemsOf(Document("stream", "'kafka://?bootstrap_servers=h'", "source_table: t", "dest_table: raw.t",
                                  "  schedule: {crons: ['0 0 * * *']}\n")),
              HasSubstr("a schedule is for batch and metadata only"));
}

TEST_F(NilusForm, SaysWhereAKeyOfTheOtherEndBelongs) {
  options_.connector_options = [](std::string_view, bool) { return std::span<const OptionSpec>(); };
  EXPECT_THAT(ProblemsOf(Batch("source_table: a.b", "dest_table: raw.t, max-table-nesting: 1")),
              HasSubstr("the key is not known here. Fix: it belongs under source.options"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: a.b, cluster_by: id")),
              HasSubstr("the key is not known here. Fix: it belongs under sink.options"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: a.b", "dest_table: raw.t, bogus-key: 1")),
              HasSubstr("known here: dest_table, incremental_strategy, full_refresh, "));
}

TEST_F(NilusForm, ListsEachKnownKeyOnce) {
  EXPECT_THAT(ProblemsOf("name: p\nversion: v1alpha\ntype: nilus\nspec: {type: batch, zzz: 1}\n"),
              Not(HasSubstr("source, source")));
}

TEST_F(NilusForm, TheNoticeOfAChosenStrategyStandsAtTheKeyThatBroughtIt) {
  EXPECT_THAT(NoticesOf(Batch("source_table: a.b, incremental_key: id")), HasSubstr("m.yaml:8:"));
}

TEST_F(NilusForm, LimitsCrons) {
  std::string crons = "  schedule:\n    crons:\n";
  for (int i = 0; i < 10'000; ++i) crons += "      - '* * * * *'\n";
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b", crons)),
              HasSubstr("10000 cron expressions are more than the 100 allowed"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b", "  schedule: {timezone: UTC}\n")),
              HasSubstr("spec.schedule.crons: this key is required"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b", "  schedule: {crons: []}\n")),
              HasSubstr("the list is empty"));
}

TEST_F(NilusForm, AcceptsSqlBackendWithANotice) {
  EXPECT_EQ(ProblemsOf(Batch("source_table: t, sql_backend: pyarrow")), "");
  EXPECT_THAT(NoticesOf(Batch("source_table: t, sql_backend: pyarrow")),
              HasSubstr("m.yaml:8:32: spec.source.options.sql_backend: the option has no effect"));
}

TEST_F(NilusForm, ReportsWrongKinds) {
  EXPECT_THAT(ProblemsOf("name: [a]\nversion: v1alpha\ntype: nilus\nspec: text\n"),
              HasSubstr("name: a single value is expected here, but this is a list"));
  EXPECT_THAT(ProblemsOf("name: [a]\nversion: v1alpha\ntype: nilus\nspec: text\n"),
              HasSubstr("spec: a map is expected here"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: {a: b}")),
              HasSubstr("a single value is expected here, but this is a map"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, type_hints: [a]")),
              HasSubstr("a map is expected here, but this is a list"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t", "dest_table: a.b, cluster_by: {a: b}")),
              HasSubstr("a list is expected here"));
  EXPECT_THAT(ProblemsOf("type: [nilus]\n"), HasSubstr("type: a single value is expected"));
}

TEST_F(NilusForm, NeverShowsThePasswordOfAnAddress) {
  std::string problems =
      ProblemsOf(Document("batch", "'postgresql://u:canary-pass@db:bad/x'", "nope: 1", "dest_table: x"));
  EXPECT_THAT(problems, HasSubstr("port"));
  EXPECT_THAT(problems, Not(HasSubstr("canary")));
}

TEST_F(NilusForm, ConnectorsDeclareOptionsOfTheirOwn) {
  static constexpr OptionSpec kOptions[] = {{"delimiter", OptionType::kText},
                                            {"workers", OptionType::kInteger},
                                            {"tables", OptionType::kTextList},
                                            {"settings", OptionType::kTextMap},
                                            {"mode", OptionType::kChoice, "", "", "a|b"}};
  options_.known_schemes = {"postgresql", "duckdb", "mysql"};
  options_.connector_options = [](std::string_view scheme, bool is_sink) -> std::optional<std::span<const OptionSpec>> {
    if (scheme == "postgresql" && !is_sink) return kOptions;
    if (scheme == "mysql" && !is_sink) return std::span<const OptionSpec>();
    if (scheme == "duckdb" && is_sink) return std::span<const OptionSpec>();
    return std::nullopt;
  };
  Pipeline p = LoadOne(Batch("source_table: t, delimiter: ';', workers: 3, tables: [a, b], settings: {x: 1}, mode: b"));
  EXPECT_EQ(p.source_options.connector.Text("delimiter"), ";");
  EXPECT_EQ(p.source_options.connector.Integer("workers", 0), 3);
  EXPECT_THAT(p.source_options.connector.List("tables"), ElementsAre("a", "b"));
  EXPECT_THAT(p.source_options.connector.Map("settings"), ElementsAre(Pair("x", "1")));
  EXPECT_EQ(p.source_options.connector.Text("mode"), "b");
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, delimitre: x")), HasSubstr("write delimiter"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, workers: many")), HasSubstr("'many' is not a whole number"));
  EXPECT_THAT(ProblemsOf(Batch("source_table: t, mode: c")), HasSubstr("write one of a, b"));
  EXPECT_THAT(ProblemsOf(Document("batch", "postgresq://db/x", "source_table: t", "dest_table: a.b")),
              HasSubstr("no connector serves postgresq:// as a source. Fix: write postgresql://"));
  std::string swapped = ProblemsOf(
      "name: p\nversion: v1alpha\ntype: nilus\nspec: {type: batch, source: {address: 'duckdb:///x', options: "
      "{source_table: a}}, "
      "sink: {address: 'mysql://db/x', options: {dest_table: a.b}}}\n");
  EXPECT_THAT(swapped, HasSubstr("no connector serves duckdb:// as a source. Fix: it can only be a sink"));
  EXPECT_THAT(swapped, HasSubstr("no connector serves mysql:// as a sink. Fix: it can only be a source"));
  // Before the address is known, an option of a connector cannot be judged.
  std::string unknown = Document("batch", "'{SOURCE_URI}'", "source_table: t, delimiter: x", "dest_table: a.b");
  EXPECT_EQ(ProblemsOf(unknown), "");
  EXPECT_THAT(NoticesOf(unknown), HasSubstr("the option cannot be checked"));
}

}  // namespace
}  // namespace nilus
