// Files, several documents, --set, flags, hostile input.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>

#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using LoadFiles = LoadTest;

TEST_F(LoadFiles, ReportsTheProblemsOfAllFilesInOneGo) {
  std::string first = WriteFile("1.yaml", Batch("source_tabel: t"));
  std::string second = WriteFile("2.yaml", "name: q\n  bad: [\n");
  std::string third = folder_ + "/3.yaml";
  std::vector<std::string> files = {first, second, third};
  std::string text = RenderProblems(LoadManifests(files, options_).problems);
  EXPECT_THAT(
      text, HasSubstr(first +
                      ":8:15: spec.source.options.source_tabel: the key is not known here. Fix: write source_table\n"));
  EXPECT_THAT(text, HasSubstr(second + ":"));
  EXPECT_THAT(text, HasSubstr(third + ": the file cannot be read: No such file"));
}

TEST_F(LoadFiles, ReadsSeveralDocuments) {
  std::string text =
      Batch("source_table: a") + "---\n" + Document("batch", "mysql://db/x", "source_table: b", "dest_table: r.b");
  LoadedManifests twice = Load(text);
  EXPECT_THAT(RenderProblems(twice.problems),
              HasSubstr("m.yaml:13:1: name: two pipelines are called 'p', the other in m.yaml:1:1"));
  text.replace(text.rfind("name: p"), 7, "name: q");
  LoadedManifests loaded = Load(text);
  EXPECT_THAT(loaded.problems, IsEmpty());
  ASSERT_THAT(loaded.pipelines, SizeIs(2));
  EXPECT_EQ(loaded.pipelines[1].Id(), "public:q");
}

TEST_F(LoadFiles, UsesTheResourceFolderOfTheEnvironment) {
  WriteFile("elsewhere/d.yaml", "name: d\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /x}}\n");
  options_.resource_folder.clear();
  ASSERT_EQ(setenv("NILUS_RESOURCES", (folder_ + "/elsewhere").c_str(), 1), 0);
  std::string problems = ProblemsOf(Document("batch", "dataos://d", "source_table: t", "dest_table: a.b"));
  unsetenv("NILUS_RESOURCES");
  EXPECT_EQ(problems, "");
}

// As Kubernetes mounts a ConfigMap or a Secret: the files are links through ..data into a folder named by time.
TEST_F(LoadFiles, ReadsAMountedConfigMapOnce) {
  const std::string mount = options_.resource_folder;
  WriteFile("resources/..2026_01_31_12_00_00.123/d.yaml",
            "name: d\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /x}}\n");
  std::filesystem::create_directory_symlink("..2026_01_31_12_00_00.123", mount + "/..data");
  std::filesystem::create_symlink("..data/d.yaml", mount + "/d.yaml");
  WriteFile("resources/.git/e.yaml", "no: [resource");
  WriteFile("resources/sub/f.yaml", "name: f\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /y}}\n");
  LoadedManifests loaded = Load(Document("batch", "dataos://d", "source_table: t", "dest_table: a.b"));
  EXPECT_EQ(RenderProblems(loaded.problems), "");
  EXPECT_THAT(loaded.resources.depots, SizeIs(2));
}

TEST_F(LoadFiles, ReportsAResourceFolderThatIsReadInPart) {
#if defined(__has_feature)
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "the sanitizer looks at memory through pipes, and takes what it has no descriptors for as no object";
#endif
#endif
  std::filesystem::create_directories(options_.resource_folder + "/sub/deeper");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = dup(0);
  ASSERT_GE(next, 0);
  close(next);
  const rlimit one_more{static_cast<rlim_t>(next) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one_more), 0);
  const std::string problems = ProblemsOf(Batch("source_table: t"));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(problems, HasSubstr(options_.resource_folder + ": the resource folder cannot be read to its end"));
}

TEST_F(LoadFiles, AppliesOverrides) {
  options_.overrides = {"spec.source.options.sql_limit=10", "spec.source.options.mask.email=partial:3",
                        "spec.sink.options.dest_table=x.y", "spec.sink.options.cluster_by=[a, b]",
                        "spec.source.address=postgresql://u:p=a@h/d"};
  Pipeline p = LoadOne(Batch("source_table: t, sql_limit: 5"));
  EXPECT_EQ(p.source_options.sql_limit, 10);
  EXPECT_EQ(p.source_options.masks[0].parameter, "3");
  EXPECT_EQ(p.sink_options.dest_table, "x.y");
  EXPECT_THAT(p.sink_options.cluster_by, ElementsAre("a", "b"));
  EXPECT_EQ(p.source.address_text, "postgresql://u:p=a@h/d");
}

TEST_F(LoadFiles, ReportsBadOverridesByTheirText) {
  options_.overrides = {"spec.source.options.sql_limit=many", "spec.source.optoins.x=1", "nonsense", "=x",
                        "spec.source.address.x=1"};
  std::string text = ProblemsOf(Batch("source_table: t"));
  EXPECT_THAT(
      text,
      HasSubstr("--set spec.source.options.sql_limit: spec.source.options.sql_limit: 'many' is not a whole number\n"));
  EXPECT_THAT(
      text,
      HasSubstr("--set spec.source.optoins.x: spec.source.optoins: the key is not known here. Fix: write options\n"));
  EXPECT_THAT(text, HasSubstr("--set nonsense: this is no path=value"));
  EXPECT_THAT(text, HasSubstr("'x' stands below a single value"));
}

TEST_F(LoadFiles, BuildsAPipelineFromFlags) {
  std::vector<FlagValue> flags = {{"spec.source.address", "postgresql://u:canary-pw@h/d", "--source-uri"},
                                  {"spec.source.options.source_table", "public.t", "--source-table"},
                                  {"spec.source.options.primary_key", "id,region", "--primary-key"},
                                  {"spec.source.options.type_hints.amount", "decimal(12,2)", "--columns"},
                                  {"spec.sink.address", "duckdb:///x.db", "--dest-uri"},
                                  {"spec.sink.options.dest_table", "raw.t", "--dest-table"},
                                  {"spec.sink.options.incremental_strategy", "merge", "--incremental-strategy"},
                                  {"spec.sink.options.partition_by.0.column", "d", "--partition-by"},
                                  {"spec.sink.options.full_refresh", "true", "--full-refresh"}};
  LoadedManifests loaded = LoadFromFlags(flags, "ingest", options_);
  EXPECT_EQ(RenderProblems(loaded.problems), "");
  ASSERT_THAT(loaded.pipelines, SizeIs(1));
  EXPECT_THAT(loaded.pipelines[0].source_options.primary_key, ElementsAre("id", "region"));
  EXPECT_EQ(loaded.pipelines[0].source_options.type_hints[0].type, "decimal(12,2)");
  EXPECT_EQ(loaded.pipelines[0].sink_options.partition_by[0].column, "d");
  EXPECT_TRUE(loaded.pipelines[0].sink_options.full_refresh);

  flags[5].text = "t";
  flags[6].text = "upsert";
  flags.erase(flags.begin() + 1);
  std::string text = RenderProblems(LoadFromFlags(flags, "ingest", options_).problems);
  EXPECT_THAT(
      text, HasSubstr("--dest-table: spec.sink.options.dest_table: Table name must be in the format <schema>.<table>"));
  EXPECT_THAT(text,
              HasSubstr("--incremental-strategy: spec.sink.options.incremental_strategy: 'upsert' is not known here"));
  EXPECT_THAT(text, HasSubstr("spec.source.options.source_table: this key is required"));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
}

TEST_F(LoadFiles, MeetsHostileInput) {
  std::vector<std::string> inputs = {
      std::string(50'000'000, 'a'),
      std::string(100'000, '['),
      std::string(1000, '\0'),
      "\xff\xfe",
      "&a *a",
      "tybe: service\n",
      "%YAML 9.9\n---\na",
      "? ? ? ?",
      "!!binary x",
      "--- |\n",
      "a: &a\nb: *a\n<<: *a",
      ": : :",
      "- - -",
      "\t",
      "name: {}\ntype: nilus\nspec: []",
      "type: nilus\nspec: {source: [], sink: 1, schedule: x, use: [1], resources: [2], repo: z}",
      "type: workflow\nworkflow: {dag: [1, [], {spec: 1}, {spec: {stackSpec: []}}], schedule: []}",
      "type: service\nservice: []",
      "type: depot\ndepot: {type: [], secrets: {}, mysql: 1}",
      "type: secret\nsecret: {data: [], files: 1}",
      "type: volume\nvolume: 1"};
  std::string many = "type: nilus\nname: p\nversion: v1alpha\nspec:\n";
  for (int i = 0; i < 50'000; ++i) many += "  k" + std::to_string(i) + ": 1\n";
  inputs.push_back(many);
  std::string properties =
      "type: nilus\nname: p\nversion: v1alpha\nspec:\n  type: cdc\n  source:\n    address: mysql://h/d\n    cdc:\n";
  for (int i = 0; i < 4'000; ++i) properties += "      unknown.property." + std::to_string(i) + ": 1\n";
  inputs.push_back(properties);
  for (const std::string& input : inputs) {
    EXPECT_THAT(Load(input).problems, Not(IsEmpty())) << input.substr(0, 60);
  }
}

}  // namespace
}  // namespace nilus
