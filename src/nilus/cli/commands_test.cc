// The commands that need no pipeline: check, query, connectors, init, validate.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nilus/cli/connector_reference.h"
#include "nilus/cli/connectors.h"
#include "nilus/cli/fake_connector_testing.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_summary.h"
#include "nilus/cli/starter_manifest.h"

namespace nilus::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using testing::FakeManifest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TestFolder;
using testing::TestProgram;

TEST(Check, TellsWhatAnAddressIsGoodFor) {
  TestProgram program;
  EXPECT_EQ(program.Run({"check", "fake:///3"}), kDone);
  EXPECT_THAT(program.out.text(), AllOf(HasSubstr("as a source: usable"), HasSubstr("as a sink: usable"),
                                        HasSubstr("ok     connect: always")));
  TestProgram refusing;
  EXPECT_EQ(refusing.Run({"check", "fake:///refuses"}), kDone) << "still good as a source";
  EXPECT_THAT(refusing.out.text(), HasSubstr("as a sink: not usable"));
  EXPECT_EQ(TestProgram().Run({"check", "fake:///refuses", "--as", "sink"}), kRunFailed);
  EXPECT_EQ(TestProgram().Run({"check", "fake:///refuses", "--as", "both"}), kRunFailed);
  EXPECT_EQ(TestProgram().Run({"check", "fake:///3", "--as", "source"}), kDone);
}

TEST(Check, AFixStandsOnALineOfItsOwn) {
  TestProgram program;
  EXPECT_EQ(program.Run({"check", "fake:///broken", "--as", "source"}), kRunFailed);
  EXPECT_THAT(program.out.text(), HasSubstr("\n           fix: use another one\n"));
}

TEST(Check, AnswersMachines) {
  TestProgram program;
  EXPECT_EQ(program.Run({"check", "fake:///refuses", "--as", "both", "--json"}), kRunFailed);
  json answer = json::parse(program.out.text());
  EXPECT_FALSE(answer.at("is_success").get<bool>());
  EXPECT_TRUE(answer.at("source").at("usable").get<bool>());
  EXPECT_FALSE(answer.at("sink").at("checks").at(0).at("ok").get<bool>());
}

TEST(Check, WrongAddressesAreWrongInput) {
  for (const char* address : {"fake", "fakke:///1", "fake:///{NOT_SET_ANYWHERE_AT_ALL}", ""}) {
    TestProgram program;
    int code = program.Run({"check", address});
    EXPECT_TRUE(code == kWrongInput || code == kRunFailed) << address;
    EXPECT_THAT(program.err.text(), StartsWith("error: ")) << address;
  }
}

TEST(Check, AnErrorIsAnswerToAMachineToo) {
  for (const char* address : {"nope", "fakke:///1", "fake:///{NOT_SET_ANYWHERE_AT_ALL}"}) {
    TestProgram program;
    EXPECT_EQ(program.Run({"check", address, "--json"}), kWrongInput) << address;
    json answer = json::parse(program.out.text());
    EXPECT_FALSE(answer.at("is_success").get<bool>());
    EXPECT_FALSE(answer.at("error").at("kind").get<std::string>().empty());
    EXPECT_FALSE(answer.at("error").at("message").get<std::string>().empty());
  }
}

TEST(Query, StreamsRowsInEveryFormat) {
  TestProgram csv;
  EXPECT_EQ(csv.Run({"query", "fake:///4", "SELECT *", "--format", "csv"}), kDone);
  EXPECT_EQ(csv.out.text(), "id,name\n1,name 1\n2,name 2\n3,\n4,name 4\n");
  TestProgram table;
  EXPECT_EQ(table.Run({"query", "fake:///3", "SELECT *"}), kDone);
  EXPECT_EQ(table.out.text(), "id | name\n---+-------\n 1 | name 1\n 2 | name 2\n 3 | NULL\n(3 rows)\n");
  TestProgram lines;
  EXPECT_EQ(lines.Run({"query", "fake:///10000", "SELECT *", "--format", "jsonl"}), kDone);
  EXPECT_EQ(std::count(lines.out.text().begin(), lines.out.text().end(), '\n'), 10000);
}

TEST(Query, AStopIsAnInterruption) {
  TestProgram program;
  program.stop.request_stop();
  EXPECT_EQ(program.Run({"query", "fake:///4", "SELECT *"}), kInterrupted);
}

TEST(Connectors, TheListNamesThemAll) {
  std::string list = RenderConnectorList(AllConnectors());
  for (const char* name : {"postgresql", "sqlite", "duckdb", "file", "lakehouse", "delta", "discard"})
    EXPECT_THAT(list, HasSubstr(name));
  EXPECT_EQ(json::parse(RenderListJson(AllConnectors())).size(), 7U);
}

TEST(Connectors, OneIsShownByNameOrScheme) {
  TestProgram program;
  EXPECT_EQ(program.Run({"connectors", "fake2"}), kDone);
  EXPECT_EQ(program.out.text(),
            "Fake: Nothing, for tests.\n\n"
            "address     fake:///rows\n"
            "schemes     fake://, fake2://\n"
            "usable as   source, sink\n"
            "strategies  replace, append, delete+insert\n\n"
            "Parameters of the address (?name=value):\n"
            "  colour  which one it is | or not (one of red, blue, default red)\n"
            "  token   lets one in (text, secret)\n");
  TestProgram unknown;
  EXPECT_EQ(unknown.Run({"connectors", "fale"}), kWrongInput);
  EXPECT_THAT(unknown.err.text(), HasSubstr("did you mean `fake`"));
}

TEST(Connectors, MarkdownIsWhatDocsHold) {
  EXPECT_EQ(RenderConnectorMarkdown(testing::kFakeConnector),
            "Nothing, for tests.\n\n"
            "- **Address:** `fake:///rows`\n"
            "- **Schemes:** `fake://`, `fake2://`\n"
            "- **Usable as:** source, sink\n"
            "- **Write strategies:** replace, append, delete+insert\n"
            "- **Longest name:** 63 bytes\n"
            "\n### Address parameters\n\n"
            "| name | type | default | meaning |\n|---|---|---|---|\n"
            "| `colour` | one of red, blue | `red` | which one it is \\| or not |\n"
            "| `token` | text |  | lets one in (a secret) |\n"
            "\n### Source options\n\nNone of its own.\n"
            "\n### Sink options\n\nNone of its own.\n");
}

// ---- init

TEST(Init, EveryPairOfConnectorsGivesAValidManifest) {
  LoadOptions options = MakeLoadOptions(AllConnectors(), {}, "/nonexistent-resources");
  options.resource_folder.clear();
  for (const Connector* source : AllConnectors().all()) {
    for (const Connector* sink : AllConnectors().all()) {
      Result<std::string> text =
          StarterManifest(AllConnectors(), std::string(source->name), std::string(sink->name), "p.yaml");
      ASSERT_TRUE(text) << text.error().message;
      LoadedManifests loaded = LoadManifestText(*text, "p.yaml", options);
      EXPECT_EQ(RenderProblems(loaded.problems), "") << *text;
      EXPECT_EQ(loaded.pipelines.size(), 1U) << *text;
      EXPECT_THAT(*text, HasSubstr("# "));
    }
  }
}

TEST(Init, PasswordsAreLeftOut) {
  Result<std::string> text =
      StarterManifest(AllConnectors(), "postgresql://app:p@ss:canary@db/shop", "postgresql://w:canary@h/d", "p.yaml");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, Not(HasSubstr("canary")));
  EXPECT_THAT(*text, AllOf(HasSubstr("\"postgresql://app:{SOURCE_PASSWORD}@db/shop\""),
                           HasSubstr("\"postgresql://w:{DEST_PASSWORD}@h/d\""), HasSubstr("export SOURCE_PASSWORD")));
  EXPECT_THAT(*StarterManifest(AllConnectors(), "postgresql://h/d?password=canary", "duckdb", "p.yaml"),
              Not(HasSubstr("canary")));
}

TEST(Init, EverySecretParameterBecomesAVariable) {
  Result<std::string> text =
      StarterManifest(AllConnectors(), "postgresql://u:a@h/db?sslmode=require&sslpassword=TopCanary&application_name=x",
                      "postgresql://w@h/d?p%61ssword=canary2&sslpassword={MINE}", "p.yaml");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, AllOf(Not(HasSubstr("TopCanary")), Not(HasSubstr("canary2"))));
  EXPECT_THAT(*text, HasSubstr("\"postgresql://u:{SOURCE_PASSWORD}@h/db?sslmode=require&sslpassword="
                               "{SOURCE_SSLPASSWORD}&application_name=x\""));
  EXPECT_THAT(*text, HasSubstr("export SOURCE_PASSWORD, SOURCE_SSLPASSWORD"));
  EXPECT_THAT(*text, HasSubstr("p%61ssword={DEST_PASSWORD}&sslpassword={MINE}\""));
}

TEST(Init, ADeclaredSecretNeedsNoTellingName) {
  TestProgram program;
  EXPECT_EQ(program.Run({"init", "fake:///1?colour=red&token=canary", "fake", "--output", "-"}), kDone);
  EXPECT_THAT(program.out.text(), AllOf(Not(HasSubstr("canary")), HasSubstr("colour=red&token={SOURCE_TOKEN}")));
}

TEST(Init, AnUnknownConnectorNamesTheNearest) {
  Result<std::string> text = StarterManifest(AllConnectors(), "postgresq", "", "p.yaml");
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().fix, HasSubstr("postgresql"));
}

TEST(Init, WritesAFileOnceAndNotTwice) {
  TestFolder folder;
  std::string file = folder.Path("new.yaml");
  TestProgram program;
  program.registry.Add(*AllConnectors().all()[2]);
  EXPECT_EQ(program.Run({"init", "--output", file}), kDone) << program.err.text();
  std::stringstream content;
  content << std::ifstream(file).rdbuf();
  EXPECT_THAT(content.str(), HasSubstr("type: nilus"));
  EXPECT_EQ(program.Run({"init", "--output", file}), kWrongInput);
  EXPECT_THAT(program.err.text(), HasSubstr("--force"));
  EXPECT_EQ(program.Run({"init", "--output", file, "--force"}), kDone);
  TestProgram to_stdout;
  EXPECT_EQ(to_stdout.Run({"init", "fake", "fake", "--output", "-"}), kDone);
  EXPECT_EQ(to_stdout.out.text().rfind("# A Nilus pipeline", 0), 0U);
}

// ---- validate

TEST(Validate, SaysWhatIsValid) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("a", "1", "x"));
  TestProgram program;
  EXPECT_EQ(program.Run({"validate", file}), kDone);
  EXPECT_THAT(program.out.text(), HasSubstr("a.yaml: a (batch) is valid"));
  TestProgram machine;
  EXPECT_EQ(machine.Run({"validate", file, "--json"}), kDone);
  json answer = json::parse(machine.out.text());
  EXPECT_TRUE(answer.at("is_valid").get<bool>());
  EXPECT_EQ(answer.at("pipelines").at(0).at("name"), "a");
}

TEST(Validate, NotesTablesThatPipelinesReplaceForEachOther) {
  TestFolder folder;
  auto manifest = [](const std::string& name, const std::string& sink, const std::string& strategy) {
    return fmt::format(
        "name: {}\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n"
        "  source: {{address: \"fake:///1\", options: {{source_table: main.t}}}}\n"
        "  sink: {{address: \"fake:///{}\", options: {{dest_table: main.t, incremental_strategy: {}}}}}\n",
        name, sink, strategy);
  };
  const std::string first = folder.Write("a.yaml", manifest("a", "x", "replace"));
  const std::string same = folder.Write("b.yaml", manifest("b", "x", "replace"));
  const std::string elsewhere = folder.Write("c.yaml", manifest("c", "y", "replace"));
  const std::string appends = folder.Write("d.yaml", manifest("d", "x", "append"));
  for (const char* command : {"validate", "run"}) {
    TestProgram program;
    EXPECT_EQ(program.Run({command, first, same}), kDone) << program.err.text();
    EXPECT_THAT(program.err.text(), AllOf(HasSubstr("b.yaml:7:"), HasSubstr("`a` replaces main.t too"))) << command;
  }
  TestProgram unresolved;
  EXPECT_EQ(unresolved.Run({"validate", "--no-resolve", "--json", first, same}), kDone);
  EXPECT_EQ(json::parse(unresolved.out.text()).at("notices").size(), 1U);
  TestProgram others;
  EXPECT_EQ(others.Run({"validate", first, elsewhere, appends}), kDone);
  EXPECT_THAT(others.err.text(), IsEmpty());
}

TEST(Validate, ReportsEveryProblemWithItsPlace) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml",
                                  "name: a\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n"
                                  "  source: {address: \"fake:///1\", options: {source-tabel: x}}\n"
                                  "  sink: {address: \"fake:///x\", options: {dest_table: nodot}}\n");
  TestProgram program;
  EXPECT_EQ(program.Run({"validate", file}), kWrongInput);
  EXPECT_THAT(program.out.text(), IsEmpty());
  EXPECT_THAT(program.err.text(), AllOf(HasSubstr("a.yaml:6:"), HasSubstr("a.yaml:7:"), HasSubstr("source_table"),
                                        HasSubstr("Table name must be in the format <schema>.<table>")));
  TestProgram machine;
  EXPECT_EQ(machine.Run({"validate", file, "--json"}), kWrongInput);
  EXPECT_GE(json::parse(machine.out.text()).at("problems").size(), 2U);
}

TEST(Validate, SaysWhatNoRunWouldTake) {
  TestFolder folder;
  auto manifest = [](const std::string& strategy, const std::string& more) {
    return fmt::format(
        "name: a\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n"
        "  source: {{address: \"fake:///1\", options: {{source_table: main.t{}}}}}\n"
        "  sink: {{address: \"fake:///x\", options: {{dest_table: main.t, incremental_strategy: {}}}}}\n",
        more, strategy);
  };
  TestProgram keyless;
  EXPECT_EQ(keyless.Run({"validate", folder.Write("a.yaml", manifest("delete+insert", ""))}), kWrongInput);
  EXPECT_THAT(keyless.err.text(), AllOf(HasSubstr("a.yaml:"), HasSubstr("needs an incremental_key")));
  EXPECT_THAT(keyless.out.text(), IsEmpty());
  const std::string right = folder.Write("b.yaml", manifest("delete+insert", ", incremental_key: id"));
  EXPECT_EQ(TestProgram().Run({"validate", right}), kDone);
}

TEST(Validate, SaysWhatStandsBehindACapture) {
  TestFolder folder;
  const std::string capture =
      "name: c\nversion: v1alpha\ntype: nilus\nspec:\n  type: cdc\n"
      "  source: {address: \"postgresql://u@127.0.0.1:1/d\", cdc: {topic.prefix: shop}}\n"
      "  sink: {address: \"postgresql://u@127.0.0.1:1/d\", options: {dest_table: raw}}\n";
  TestProgram program;
  for (const Connector* connector : AllConnectors().all()) program.registry.Add(*connector);
  const std::string together = folder.Write("a.yaml", capture + "---\n" + FakeManifest("b", "1", "x"));
  EXPECT_EQ(program.Run({"validate", together}), kWrongInput);
  EXPECT_THAT(program.err.text(), AllOf(HasSubstr("a.yaml:"), HasSubstr("`b` stands behind it")));
  const std::string alone = folder.Write("c.yaml", capture);
  const std::string other = folder.Write("b.yaml", FakeManifest("b", "1", "x"));
  EXPECT_EQ(program.Run({"validate", alone, other}), kDone) << "each may be run by itself: " << program.err.text();
}

TEST(Validate, SaysWhichOptionsTheSinkIgnores) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml",
                                  "name: a\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n"
                                  "  source: {address: \"fake:///1\", options: {source_table: main.a}}\n"
                                  "  sink:\n    address: \"fake:///{NOT_SET_ANYWHERE_AT_ALL}\"\n    options:\n"
                                  "      dest_table: main.a\n      cluster_by: id\n      loader_file_size: 10\n");
  TestProgram program;
  EXPECT_EQ(program.Run({"validate", "--no-resolve", file}), kDone);
  EXPECT_THAT(program.err.text(),
              AllOf(HasSubstr("a.yaml:11:7: spec.sink.options.cluster_by: ignored: Fake has no use"),
                    Not(HasSubstr("loader_file_size"))));
}

TEST(Validate, VariablesNeedNotBeSetWhenAskedSo) {
  TestFolder folder;
  std::string text = FakeManifest("a", "{NOT_SET_ANYWHERE_AT_ALL}", "x");
  std::string file = folder.Write("a.yaml", text);
  TestProgram strict;
  EXPECT_EQ(strict.Run({"validate", file}), kWrongInput);
  EXPECT_THAT(strict.err.text(), HasSubstr("NOT_SET_ANYWHERE_AT_ALL"));
  EXPECT_EQ(TestProgram().Run({"validate", "--no-resolve", file}), kDone);
}

TEST(Examples, AreValid) {
  for (const char* name : {"files-to-duckdb", "duckdb-to-postgres", "postgres-to-parquet", "workflow"}) {
    StringOutput out;
    StringOutput err;
    Context context{.out = out, .err = err, .registry = AllConnectors()};
    std::string file = std::string(NILUS_SOURCE_DIR) + "/examples/" + name + ".yaml";
    LoadedManifests loaded = LoadManifests(std::vector{file}, MakeLoadOptions(AllConnectors(), {}, {}));
    EXPECT_EQ(RenderProblems(loaded.problems), "");
    EXPECT_EQ(RenderProblems(loaded.notices), "");
    EXPECT_FALSE(loaded.pipelines.empty()) << file;
  }
}

// ---- texts

TEST(NextStep, NamesWhatCanBeRun) {
  Pipeline pipeline;
  pipeline.sink = Endpoint{};
  pipeline.sink->address_text = "duckdb:///{DEMO_DIR}/shop.duckdb";
  pipeline.sink->address = Address{.scheme = "duckdb", .user = {}, .password = {}, .host = {}};
  pipeline.sink->address.path = "/data/shop.duckdb";
  RunReport report;
  report.destination = pipeline.sink->address.ToDisplay();
  report.tables.push_back(TableReport{.name = "shop.orders", .rows_out = 1});
  EXPECT_EQ(RenderNextStep(report, pipeline),
            "next: nilus query duckdb:////data/shop.duckdb 'SELECT * FROM shop.shop.orders LIMIT 10'\n");
  report.tables.front().name = "raw.orders";
  EXPECT_THAT(RenderNextStep(report, pipeline), HasSubstr("FROM raw.orders LIMIT"));
  pipeline.sink->address.password = "secret";
  EXPECT_THAT(RenderNextStep(report, pipeline), HasSubstr("'duckdb:///{DEMO_DIR}/shop.duckdb'"));
  pipeline.sink->address.scheme = "sqlite";
  EXPECT_THAT(RenderNextStep(report, pipeline), HasSubstr("FROM \"raw.orders\" LIMIT")) << "SQLite has no schemas";
}

TEST(ShellQuote, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(ShellQuote("duckdb:///a.db"), "duckdb:///a.db");
  EXPECT_EQ(ShellQuote("a b"), "'a b'");
  EXPECT_EQ(ShellQuote("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellQuote("{X}"), "'{X}'");
  EXPECT_EQ(ShellQuote(""), "''");
}

}  // namespace
}  // namespace nilus::cli
