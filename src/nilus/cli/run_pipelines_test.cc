// `run`, `plan`, `state`, `validate` and `ingest` against the fake connector: order, skipping, exit codes and outputs.
#include "nilus/cli/run_pipelines.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "nilus/cli/connectors.h"
#include "nilus/cli/fake_connector_testing.h"

namespace nilus::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FakeManifest;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::TakeLoadedTables;
using testing::TestFolder;
using testing::TestProgram;

std::string Workflow(const std::string& first_source) {
  auto node = [](const std::string& name, const std::string& rows, const std::string& dependencies) {
    return fmt::format(
        "    - name: {0}\n{2}      spec: {{stack: \"nilus:1.0\", stackSpec: {{source: {{address: \"fake:///{1}\", "
        "options: "
        "{{source-table: main.{0}}}}}, sink: {{address: \"fake:///x\", options: {{dest-table: main.{0}}}}}}}}}\n",
        name, rows, dependencies.empty() ? "" : "      dependencies: [" + dependencies + "]\n");
  };
  return "name: flow\nversion: v1\ntype: workflow\nworkflow:\n  dag:\n" + node("last", "3", "middle") +
         node("middle", "2", "first") + node("first", first_source, "") + node("alone", "1", "");
}

TEST(RunPipelines, OneRunIsSummarized) {
  TestFolder folder;
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("a.yaml", FakeManifest("numbers", "1234", "x"))}), kDone)
      << program.err.text();
  EXPECT_THAT(program.out.text(),
              AllOf(HasSubstr("done numbers: 1,234 rows"), HasSubstr("main.numbers"),
                    HasSubstr("next: nilus query fake:///x 'SELECT * FROM main.numbers LIMIT 10'")));
  EXPECT_THAT(program.err.text(), HasSubstr("numbers: started"));
  EXPECT_THAT(TakeLoadedTables(), ElementsAre("main.numbers"));
}

TEST(RunPipelines, QuietShowsNothingAndJsonOneObject) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("numbers", "5", "x"));
  TestProgram quiet;
  EXPECT_EQ(quiet.Run({"run", file, "--quiet"}), kDone);
  EXPECT_THAT(quiet.out.text() + quiet.err.text(), IsEmpty());

  TestProgram machine;
  EXPECT_EQ(machine.Run({"run", file, "--json", "--quiet"}), kDone);
  EXPECT_THAT(machine.err.text(), IsEmpty());
  json report = json::parse(machine.out.text());
  EXPECT_TRUE(report.at("is_success").get<bool>());
  EXPECT_EQ(report.at("tables").at(0).at("rows_in"), 5);
  EXPECT_FALSE(report.at("run_id").get<std::string>().empty());
  EXPECT_FALSE(report.at("load_id").get<std::string>().empty());
}

TEST(RunPipelines, NodesRunInTheOrderOfTheirDependencies) {
  TestFolder folder;
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("flow.yaml", Workflow("1")), "--json"}), kDone) << program.err.text();
  std::vector<std::string> loaded = TakeLoadedTables();
  auto place = [&](const std::string& table) {
    return std::find(loaded.begin(), loaded.end(), table) - loaded.begin();
  };
  ASSERT_EQ(loaded.size(), 4U);
  EXPECT_LT(place("main.first"), place("main.middle"));
  EXPECT_LT(place("main.middle"), place("main.last"));
  json report = json::parse(program.out.text());
  EXPECT_TRUE(report.at("is_success").get<bool>());
  EXPECT_EQ(report.at("runs").size(), 4U);
}

TEST(RunPipelines, WhatDependsOnAFailedNodeIsSkippedAndOthersRun) {
  TestFolder folder;
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("flow.yaml", Workflow("broken")), "--json"}), kRunFailed);
  EXPECT_THAT(TakeLoadedTables(), ElementsAre("main.alone"));
  json report = json::parse(program.out.text());
  EXPECT_FALSE(report.at("is_success").get<bool>());
  int skipped = 0;
  for (const json& run : report.at("runs")) {
    if (run.dump().find("skipped, because") != std::string::npos) ++skipped;
  }
  EXPECT_EQ(skipped, 2) << program.out.text();
  EXPECT_THAT(program.out.text() + program.err.text(), Not(HasSubstr("hunter2-canary")));
}

TEST(RunPipelines, SeveralFilesRunOneAfterAnother) {
  TestFolder folder;
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("a.yaml", FakeManifest("a", "broken", "x")),
                         folder.Write("b.yaml", FakeManifest("b", "2", "x"))}),
            kRunFailed);
  EXPECT_THAT(TakeLoadedTables(), ElementsAre("main.b")) << "an independent pipeline still runs";
  EXPECT_THAT(program.err.text(), AllOf(HasSubstr("error: "), HasSubstr("fix:   use another one")));
}

TEST(RunPipelines, NothingRunsWhenOneFileIsWrong) {
  TestFolder folder;
  std::vector<std::string> run{"run", folder.Write("a.yaml", FakeManifest("a", "2", "x")),
                               folder.Write("b.yaml", "name: b\nversion: v1alpha\ntype: nils\n")};
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run(run), kWrongInput);
  EXPECT_THAT(TakeLoadedTables(), IsEmpty());
  EXPECT_THAT(program.err.text(), HasSubstr("b.yaml:3"));
  run.push_back("--json");
  TestProgram machine;
  EXPECT_EQ(machine.Run(run), kWrongInput);
  json report = json::parse(machine.out.text());
  EXPECT_FALSE(report.at("is_success").get<bool>());
  EXPECT_EQ(report.at("problems").at(0).at("line"), 3);
}

TEST(RunPipelines, WhatHasNoLogIsNotCaptured) {
  TestFolder folder;
  std::string file = folder.Write("c.yaml",
                                  "name: c\nversion: v1alpha\ntype: nilus\nspec:\n  type: cdc\n"
                                  "  source: {address: \"sqlite:///source.db\", "
                                  "cdc: {topic.prefix: shop}}\n"
                                  "  sink: {address: \"postgresql://u@127.0.0.1:1/d\", options: {dest_table: raw}}\n");
  TestProgram program;
  for (const Connector* connector : AllConnectors().all()) program.registry.Add(*connector);
  EXPECT_EQ(program.Run({"validate", "--no-resolve", file}), kDone) << program.err.text();
  EXPECT_EQ(program.Run({"validate", file}), kWrongInput) << program.err.text();
  EXPECT_EQ(program.Run({"run", file}), kWrongInput) << program.err.text();
  EXPECT_THAT(program.err.text(), HasSubstr("no log that changes can be captured from"));
  EXPECT_EQ(program.Run({"cdc", "status", file}), kWrongInput);
  EXPECT_EQ(program.Run({"cdc", "snapshot", file}), kWrongInput) << "no table is named";
  EXPECT_EQ(program.Run({"cdc", "stats", file}), kWrongInput);
  EXPECT_THAT(program.err.text(), HasSubstr("did you mean `status`?"));
}

TEST(RunPipelines, AStopBeforeTheStartIsAnInterruption) {
  TestFolder folder;
  TestProgram program;
  program.stop.request_stop();
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("a.yaml", FakeManifest("a", "2", "x"))}), kInterrupted);
  EXPECT_THAT(TakeLoadedTables(), IsEmpty());
}

TEST(RunPipelines, DryRunPlansAndLoadsNothing) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("a", "2", "x"));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"run", file, "--dry-run"}, {"plan", file}}) {
    TestProgram program;
    TakeLoadedTables();
    EXPECT_EQ(program.Run(words), kDone) << program.err.text();
    EXPECT_THAT(TakeLoadedTables(), IsEmpty());
    EXPECT_THAT(program.out.text(),
                AllOf(HasSubstr("main.a"), HasSubstr("bigint"), HasSubstr("MAKE main.a"), HasSubstr("about 2 rows")));
  }
  TestProgram machine;
  EXPECT_EQ(machine.Run({"plan", file, "--json"}), kDone);
  EXPECT_EQ(json::parse(machine.out.text()).at("dest_table"), "main.a");
}

TEST(RunPipelines, TheNextStepIsSaidOnceAndTheEndToo) {
  TestFolder folder;
  std::string a = folder.Write("a.yaml", FakeManifest("a", "1", "x"));
  std::string b = folder.Write("b.yaml", FakeManifest("b", "2", "x"));
  TestProgram program;
  EXPECT_EQ(program.Run({"run", a, b}), kDone);
  EXPECT_THAT(program.out.text(), HasSubstr("next: "));
  EXPECT_EQ(program.out.text().find("next: "), program.out.text().rfind("next: ")) << program.out.text();
  TestProgram machine;
  EXPECT_EQ(machine.Run({"run", a, "--json"}), kDone);
  EXPECT_THAT(machine.err.text(), AllOf(HasSubstr("a: started"), HasSubstr("a: done in ")));
}

TEST(RunPipelines, ALoadWithoutRowsHasNoNextStep) {
  TestFolder folder;
  TestProgram program;
  EXPECT_EQ(program.Run({"run", folder.Write("a.yaml", FakeManifest("a", "0", "x"))}), kDone) << program.err.text();
  EXPECT_THAT(program.out.text(), AllOf(HasSubstr("done a"), Not(HasSubstr("next: "))));
}

TEST(RunPipelines, WrongInputOfOneIsAFailedRunOnceAnotherRan) {
  TestFolder folder;
  const std::string good = folder.Write("a.yaml", FakeManifest("a", "2", "x"));
  const std::string wrong = folder.Write("b.yaml", FakeManifest("b", "unreadable", "x"));
  const std::string broken = folder.Write("c.yaml", FakeManifest("c", "broken", "x"));
  EXPECT_EQ(TestProgram().Run({"run", wrong}), kWrongInput);
  EXPECT_EQ(TestProgram().Run({"run", good, wrong}), kRunFailed);
  EXPECT_EQ(TestProgram().Run({"run", wrong, good}), kRunFailed);
  EXPECT_EQ(TestProgram().Run({"run", wrong, broken}), kRunFailed);
  EXPECT_EQ(TestProgram().Run({"plan", good, wrong}), kWrongInput);  // a plan runs nothing
}

TEST(RunPipelines, AttemptsComeFromTheEnvironmentAndAreChecked) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("a", "1", "x"));
  ::setenv("NILUS_RETRY_ATTEMPTS", "many", 1);
  TestProgram wrong;
  EXPECT_EQ(wrong.Run({"run", file}), kWrongInput);
  EXPECT_THAT(wrong.err.text(), HasSubstr("NILUS_RETRY_ATTEMPTS"));
  ::setenv("NILUS_RETRY_ATTEMPTS", "1", 1);
  EXPECT_EQ(TestProgram().Run({"run", file}), kDone);
  ::unsetenv("NILUS_RETRY_ATTEMPTS");
}

TEST(RunPipelines, SetChangesAValue) {
  TestFolder folder;
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"run", folder.Write("a.yaml", FakeManifest("a", "2", "x")), "--set",
                         "spec.sink.options.dest_table=main.other"}),
            kDone)
      << program.err.text();
  EXPECT_THAT(TakeLoadedTables(), ElementsAre("main.other"));
}

TEST(RunPipelines, APlanRefusesWithTheCodeOfARun) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("a", "2", "x"));
  std::vector<std::string> unsupported = {file, "--set", "spec.sink.options.incremental_strategy=scd2", "--set",
                                          "spec.source.options.primary_key=n"};
  for (std::vector<std::string> arguments : {std::vector<std::string>{"run"}, {"plan"}, {"run", "--dry-run"}}) {
    arguments.insert(arguments.end(), unsupported.begin(), unsupported.end());
    TestProgram program;
    EXPECT_EQ(program.Run(arguments), kWrongInput) << program.err.text();
    EXPECT_THAT(program.err.text(), HasSubstr("does not support incremental_strategy scd2"));
  }
}

TEST(State, ShowsAndRefuses) {
  TestFolder folder;
  std::string file = folder.Write("a.yaml", FakeManifest("a", "2", "x"));
  TestProgram show;
  EXPECT_EQ(show.Run({"state", "show", file}), kDone) << show.err.text();
  EXPECT_THAT(show.out.text(), HasSubstr("nothing is committed yet"));
  EXPECT_EQ(TestProgram().Run({"state", "list", file}), kWrongInput);
  EXPECT_EQ(TestProgram().Run({"state", "set", file}), kWrongInput);
  EXPECT_EQ(TestProgram().Run({"state", "show", file, "value"}), kWrongInput);
  TestProgram several;
  EXPECT_EQ(several.Run({"state", "reset", folder.Write("flow.yaml", Workflow("1"))}), kWrongInput);
  EXPECT_THAT(several.err.text(), HasSubstr("--node"));
}

TEST(State, AnswersMachinesInEveryCase) {
  TestFolder folder;
  const std::string file = folder.Write("a.yaml", FakeManifest("a", "2", "x"));
  const std::string flow = folder.Write("flow.yaml", Workflow("1"));
  const std::string unusable = folder.Write("b.yaml", FakeManifest("b", "2", "x?no_such_parameter=1"));
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"list", file},
           {"set", file},
           {"show", file, "value"},
           {"show", file, "--node", "z"},
           {"reset", flow},
           {"show", unusable},
           {"set", file, "1"},
           {"show", file, "--set", "spec.type=stream", "--set", "spec.sink.options.incremental_strategy=append"},
           {"show", folder.Path("absent.yaml")}}) {
    SCOPED_TRACE(fmt::format("{}", fmt::join(arguments, " ")));
    std::vector<std::string> command = {"state", "--json"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    TestProgram program;
    const int code = program.Run(command);
    EXPECT_TRUE(code == kWrongInput || code == kRunFailed) << code;
    json answer = json::parse(program.out.text(), nullptr, false);
    ASSERT_TRUE(answer.is_object()) << program.out.text();
    EXPECT_FALSE(answer.at("is_success").get<bool>());
    EXPECT_FALSE(answer.at("error").at("message").get<std::string>().empty());
  }
}

TEST(Volumes, AreMadeByWhatMovesRowsAlone) {
  TestFolder folder;
  const std::string directory = folder.Path("volume");
  std::string manifest = FakeManifest("a", "2", "x");
  manifest.insert(manifest.find("  source:"), "  use: {volumes: [{id: \"public:v\", directory: " + directory + "}]}\n");
  const std::string file = folder.Write("a.yaml", manifest);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"validate", file}, {"plan", file}, {"run", "--dry-run", file}, {"state", "show", file}}) {
    TestProgram program;
    EXPECT_EQ(program.Run(command), kDone) << command.front() << program.err.text();
    EXPECT_FALSE(std::filesystem::exists(directory)) << command.front();
  }
  EXPECT_EQ(TestProgram().Run({"run", file}), kDone);
  EXPECT_TRUE(std::filesystem::is_directory(directory));
}

TEST(Ingest, RunsLikeAManifest) {
  TestProgram program;
  TakeLoadedTables();
  EXPECT_EQ(program.Run({"ingest", "--source-uri", "fake:///7", "--source-table", "main.t", "--dest-uri", "fake:///x",
                         "--yes", "--json"}),
            kDone)
      << program.err.text();
  EXPECT_THAT(TakeLoadedTables(), ElementsAre("main.t")) << "--dest-table is the source table's name by default";
  EXPECT_EQ(json::parse(program.out.text()).at("tables").at(0).at("rows_in"), 7);
}

TEST(Ingest, FlagsGoThroughTheManifestsRules) {
  TestProgram program;
  EXPECT_EQ(program.Run({"ingest", "--source-uri", "fake:///7", "--source-table", "main.t", "--dest-uri", "fake:///x",
                         "--incremental-strategy", "upsert", "--page-size", "many"}),
            kWrongInput);
  EXPECT_THAT(program.err.text(), AllOf(HasSubstr("--incremental-strategy"), HasSubstr("--page-size")));
}

TEST(Ingest, ColumnsAreExplained) {
  TestProgram program;
  EXPECT_EQ(program.Run({"ingest", "--source-uri", "fake:///7", "--source-table", "main.t", "--dest-uri", "fake:///x",
                         "--columns", "a:int"}),
            kWrongInput);
  EXPECT_THAT(program.err.text(), HasSubstr("type_hints"));
}

TEST(Ingest, WhatItDoesNotTakeIsAnswerToAMachineToo) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--source-table", "main.t", "--columns", "a:int"}, {"--source-table", "query:SELECT 1"}}) {
    std::vector<std::string> command = {"ingest", "--json", "--source-uri", "fake:///7", "--dest-uri", "fake:///x"};
    command.insert(command.end(), wrong.begin(), wrong.end());
    TestProgram program;
    EXPECT_EQ(program.Run(command), kWrongInput);
    EXPECT_FALSE(json::parse(program.out.text()).at("is_success").get<bool>());
  }
}

TEST(Ingest, AQueryNeedsADestinationTable) {
  TestProgram program;
  EXPECT_EQ(program.Run(
                {"ingest", "--source-uri", "fake:///7", "--source-table", "query:SELECT 1", "--dest-uri", "fake:///x"}),
            kWrongInput);
  EXPECT_THAT(program.err.text(), HasSubstr("--dest-table"));
}

}  // namespace
}  // namespace nilus::cli
