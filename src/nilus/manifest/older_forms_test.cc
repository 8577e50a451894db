// The `workflow` and `service` forms, and change data capture in both spellings.
#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using OlderForms = LoadTest;

std::string Node(const std::string& name, const std::string& extra = "") {
  return "    - name: " + name + "\n" + extra +
         "      spec:\n        stack: nilus:1.0\n        stackSpec:\n"
         "          source: {address: 'postgresql://db/x', options: {source-table: public." +
         name + "}}\n          sink: {address: 'duckdb:///x.db', options: {dest-table: raw." + name +
         ", incremental_strategy: replace}}\n";
}

std::string Workflow(const std::string& nodes) {
  return "name: w\nversion: v1\ntype: workflow\nworkflow:\n  dag:\n" + nodes;
}

std::vector<std::string> NodeNames(const LoadedManifests& loaded) {
  std::vector<std::string> names;
  for (const Pipeline& pipeline : loaded.pipelines) names.push_back(pipeline.node);
  return names;
}

TEST_F(OlderForms, ReportsEqualNodesOfTwoWorkflows) {
  // Their nodes share a key of their state.
  EXPECT_EQ(ProblemsOf(Workflow(Node("a")) + "---\n" + Workflow(Node("b") + Node("a"))),
            "m.yaml:24:7: name: two pipelines are called 'w/a', the other in m.yaml:6:7. Fix: rename one of them: the "
            "name is the key of its state\n");
  EXPECT_EQ(ProblemsOf(Workflow(Node("a")) + "---\n" + Workflow(Node("b"))), "");
  EXPECT_EQ(ProblemsOf(Workflow(Node("a")) + "---\nworkspace: other\n" + Workflow(Node("a"))), "");
  EXPECT_THAT(ProblemsOf(Workflow(Node("a") + Node("a"))),
              AllOf(HasSubstr("two nodes are called 'a'"), Not(HasSubstr("two pipelines"))));
}

TEST_F(OlderForms, ReadsAWorkflow) {
  Pipeline p = LoadOne(R"YAML(name: wf-orders
version: v1
type: workflow
tags: [a]
workspace: sales
workflow:
  title: Orders
  schedule:
    cron: '*/10 * * * *'
    endOn: '2026-12-31T00:00:00Z'
    concurrencyPolicy: Forbid
  dag:
    - name: load-orders
      title: Load
      description: orders
      tags: [b]
      spec:
        stack: nilus:1.0
        compute: runnable-default
        envs: {PAGE: '7', RUN_IN_LOOP: 'true'}
        dataosSecrets:
          - {name: pg, allKeys: true, consumptionType: envVars}
          - {name: gcs, keys: [keyfile], consumptionType: propFile}
        logLevel: DEBUG
        resources: {limits: {memory: 512M}}
        stackSpec:
          repo: {url: /code}
          source:
            address: postgresql://{USER}:{PASSWORD}@db/x
            options:
              source-table: public.orders
              primary-key: id
              incremental-key: updated_at
              interval-start: '2023-01-31 00:00:00'
              max-table-nesting: 1
              type-hints: {amount-eur: double}
          sink:
            address: duckdb:///x.db
            options:
              dest-table: raw.orders
              incremental-strategy: delete+insert
              full_refresh: true
)YAML");
  EXPECT_EQ(p.Id(), "sales:wf-orders/load-orders");
  EXPECT_EQ(p.type, PipelineType::kBatch);
  EXPECT_THAT(p.tags, ElementsAre("a", "b"));
  EXPECT_THAT(p.schedule->crons, ElementsAre("*/10 * * * *"));
  EXPECT_EQ(p.log_level, LogLevel::kDebug);
  EXPECT_EQ(p.memory_limit_bytes, 512000000);
  EXPECT_THAT(p.envs, ElementsAre(Pair("PAGE", "7"), Pair("RUN_IN_LOOP", "true")));
  EXPECT_FALSE(p.dataos_secrets[0].as_files);
  EXPECT_TRUE(p.dataos_secrets[1].as_files);
  EXPECT_FALSE(p.dataos_secrets[1].all_keys);
  EXPECT_EQ(p.source_options.source_table, "public.orders");
  EXPECT_THAT(p.source_options.primary_key, ElementsAre("id"));
  EXPECT_EQ(p.source_options.max_table_nesting, 1);
  EXPECT_EQ(p.source_options.type_hints[0].column, "amount-eur");  // a column's name is not an option's
  EXPECT_EQ(p.sink_options.dest_table, "raw.orders");
  EXPECT_EQ(p.sink_options.incremental_strategy, IncrementalStrategy::kDeleteInsert);
}

TEST_F(OlderForms, OrdersNodesByWhatTheyDependOn) {
  LoadedManifests loaded =
      Load(Workflow(Node("c", "      dependencies: [a, b]\n") + Node("b", "      dependencies: a\n") + Node("a") +
                    Node("z", "      dependents: [a]\n")));
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_THAT(NodeNames(loaded), ElementsAre("z", "a", "b", "c"));
  EXPECT_THAT(loaded.pipelines[1].depends_on, ElementsAre("z"));
  EXPECT_THAT(loaded.pipelines[3].depends_on, ElementsAre("a", "b"));
}

TEST_F(OlderForms, ReportsABrokenDag) {
  EXPECT_THAT(ProblemsOf(Workflow(Node("a", "      dependencies: [b]\n") + Node("b", "      dependencies: [a]\n") +
                                  Node("free"))),
              HasSubstr("the nodes wait for each other in a circle: a, b."));
  EXPECT_THAT(ProblemsOf(Workflow(Node("a", "      dependencies: [a]\n"))), HasSubstr("in a circle: a"));
  EXPECT_THAT(ProblemsOf(Workflow(Node("orders", "      dependencies: [ordres]\n"))),
              HasSubstr("no node is called 'ordres'. Fix: write orders"));
  EXPECT_THAT(ProblemsOf(Workflow(Node("a", "      dependents: [x]\n"))),
              HasSubstr("workflow.dag[0].dependents: no node is called 'x'"));
  EXPECT_THAT(ProblemsOf(Workflow(Node("a") + Node("a"))), HasSubstr("two nodes are called 'a'"));
  EXPECT_THAT(ProblemsOf("name: w\nversion: v1\ntype: workflow\nworkflow: {}\n"),
              HasSubstr("workflow.dag: this key is required"));
}

TEST_F(OlderForms, ChecksNodes) {
  std::string text = Workflow(Node("a"));
  auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return ProblemsOf(changed);
  };
  EXPECT_THAT(with("nilus:1.0", "flare:7.0"), HasSubstr("the stack 'flare:7.0' is not run here"));
  EXPECT_THAT(with("stack: nilus:1.0", "logLevel: INFO"), HasSubstr("stack: this key is required"));
  EXPECT_THAT(with("source-table: public.a", "source-table: x, source_table: y"),
              HasSubstr("once with '-' and once with '_'"));
  EXPECT_THAT(with("dest-table: raw.a", "dest-table: a"),
              HasSubstr("Table name must be in the format <schema>.<table>"));
  EXPECT_THAT(with("source-table: public.a", "source-tabel: x"),
              HasSubstr("workflow.dag[0].spec.stackSpec.source.options.source-tabel"));
  EXPECT_THAT(with("source-table: public.a", "source-table: x, columns: y"), HasSubstr("type_hints"));
  EXPECT_THAT(with("version: v1", "version: v1alpha"), HasSubstr("write v1"));
  EXPECT_THAT(with("source-table: public.a", "source-table: x, engine: debezium"),
              HasSubstr("engine: the key is not known here"));
}

constexpr std::string_view kService = R"YAML(name: cdc-shop
version: v1
type: service
service:
  servicePort: 9010
  replicas: 1
  logLevel: INFO
  compute: runnable-default
  resources: {limits: {memory: 512Mi}}
  stack: nilus:1.0
  stackSpec:
    source:
      address: postgresql://db/shop
      options:
        engine: debezium
        strategy: changelog
        topic.prefix: shop
        table.include.list: public.orders,public.customers
        slot.name: nilus_slot
        heartbeat.interval.ms: 60000
        snapshot.mode: when_needed
        offset.storage: org.apache.kafka.connect.storage.FileOffsetBackingStore
        max-table-nesting: '0'
    sink:
      address: duckdb:///x.db
      options:
        dest-table: shop_cdc
        incremental-strategy: append
)YAML";

TEST_F(OlderForms, ReadsADebeziumService) {
  LoadedManifests loaded = Load(kService);
  EXPECT_EQ(RenderProblems(loaded.problems), "");
  ASSERT_EQ(loaded.pipelines.size(), 1u);
  const Pipeline& p = loaded.pipelines[0];
  EXPECT_EQ(p.type, PipelineType::kCdc);
  EXPECT_EQ(p.source_options.change_strategy, ChangeStrategy::kChangelog);
  EXPECT_THAT(p.cdc, UnorderedElementsAre(Pair("topic.prefix", "shop"),
                                          Pair("table.include.list", "public.orders,public.customers"),
                                          Pair("slot.name", "nilus_slot"), Pair("heartbeat.interval.ms", "60000"),
                                          Pair("snapshot.mode", "when_needed")));
  EXPECT_EQ(p.sink_options.dest_table, "shop_cdc");
  EXPECT_EQ(RenderProblems(loaded.notices),
            "m.yaml:22:9: service.stackSpec.source.options.offset.storage: the property has no effect here. Fix: "
            "remove it\n");
}

TEST_F(OlderForms, ChecksAService) {
  auto with = [&](std::string_view from, std::string_view to) {
    std::string changed(kService);
    changed.replace(changed.find(from), from.size(), to);
    return ProblemsOf(changed);
  };
  EXPECT_THAT(with("topic.prefix: shop", "topic.prefx: shop"),
              HasSubstr("the property is not known. Fix: write topic.prefix"));
  EXPECT_THAT(with("        topic.prefix: shop\n", ""), HasSubstr("topic.prefix: this key is required"));
  EXPECT_THAT(with("topic.prefix: shop", "topic.prefix: a/b"), HasSubstr("'a/b' is not a prefix"));
  EXPECT_THAT(with("when_needed", "sometimes"),
              HasSubstr("service.stackSpec.source.options.snapshot.mode: 'sometimes' is not known here"));
  EXPECT_THAT(with("60000", "often"), HasSubstr("'often' is not a whole number"));
  EXPECT_THAT(with("60000", "-1"), HasSubstr("-1 is out of range"));
  EXPECT_THAT(with("engine: debezium", "engine: debesium"), HasSubstr("write debezium"));
  EXPECT_THAT(with("        engine: debezium\n", ""), HasSubstr("postgresql:// is no stream"));
  EXPECT_THAT(with("dest-table: shop_cdc", "dest-table: raw.shop"), HasSubstr("write raw"));
  EXPECT_THAT(with("append", "replace"), HasSubstr("replace does not fit change data capture"));
  EXPECT_THAT(with("table.include.list", "table.inclde.list"), HasSubstr("write table.include.list"));
}

TEST_F(OlderForms, AServiceMayBeAStream) {
  Pipeline p = LoadOne(R"YAML(name: s
version: v1
type: service
service:
  stack: nilus:1.0
  stackSpec:
    source: {address: 'kafka://?bootstrap_servers=h:1&group_id=g', options: {source-table: orders, run_in_loop: true}}
    sink: {address: 'duckdb:///x.db', options: {dest-table: raw.orders}}
)YAML");
  EXPECT_EQ(p.type, PipelineType::kStream);
  EXPECT_EQ(p.source_options.run_in_loop, true);
}

TEST_F(OlderForms, ReadsCdcPropertiesOfTheNilusForm) {
  std::string head =
      "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: cdc\n  source:\n    address: mysql://db/shop\n    "
      "options: {strategy: flatten}\n";
  std::string sink = "  sink: {address: 'duckdb:///x.db', options: {dest_table: raw}}\n";
  LoadedManifests loaded =
      Load(head +
           "    cdc:\n      topic.prefix: a.b-c_9\n      collection.include.list: [x, y]\n      transforms: unwrap\n"
           "      transforms.unwrap.type: io.debezium.transforms.ExtractNewRecordState\n"
           "      database.password: canary-pass\n      schema.history.internal.kafka.topic: t\n" +
           sink);
  EXPECT_EQ(RenderProblems(loaded.problems), "");
  ASSERT_EQ(loaded.pipelines.size(), 1u);
  EXPECT_EQ(loaded.pipelines[0].cdc.at("collection.include.list"), "x,y");
  EXPECT_EQ(loaded.pipelines[0].cdc.at("transforms.unwrap.type"), "io.debezium.transforms.ExtractNewRecordState");
  EXPECT_FALSE(loaded.pipelines[0].cdc.contains("database.password"));
  EXPECT_THAT(RenderProblems(loaded.notices), HasSubstr("the connection is what source.address says"));
  EXPECT_THAT(Redact("canary-pass"), Not(HasSubstr("canary")));
  EXPECT_THAT(ProblemsOf(head + sink), HasSubstr("spec.source.cdc.topic.prefix: this key is required"));
  EXPECT_THAT(ProblemsOf(head + "    cdc: {topic.prefix: }\n" + sink), HasSubstr("topic.prefix: this key is required"));
  EXPECT_THAT(ProblemsOf(head + "    cdc: {topic.prefix: a, slot.nmae: b}\n" + sink),
              HasSubstr("spec.source.cdc.slot.nmae: the property is not known. Fix: write slot.name"));
}

}  // namespace
}  // namespace nilus
