// Secrets, projections, depots: from what is written to the address that a connector gets.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "nilus/base/encoding.h"
#include "nilus/manifest/load_fixture_test.h"

namespace nilus {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ResolveTest : public LoadTest {
 protected:
  void SetUp() override {
    LoadTest::SetUp();
    resolve_.private_folder_parent = folder_;
    resolve_.process_environment = [this](std::string_view name) -> std::optional<std::string> {
      auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    };
  }
  void WriteResource(const std::string& name, std::string_view text) { WriteFile("resources/" + name, text); }

  // Loads and resolves; problems of both steps are in problems_.
  Pipeline Resolve(std::string_view text) {
    LoadedManifests loaded = Load(text);
    problems_ = loaded.problems;
    Pipeline pipeline = loaded.pipelines.empty() ? Pipeline{} : loaded.pipelines[0];
    resolved_ = ResolvePipeline(pipeline, loaded.resources, resolve_, problems_);
    SortProblems(problems_);
    return pipeline;
  }
  Pipeline ResolveClean(std::string_view text) {
    Pipeline pipeline = Resolve(text);
    EXPECT_EQ(RenderProblems(problems_), "");
    return pipeline;
  }
  static std::string WithUse(const std::string& source_address, const std::string& use) {
    return "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n" + use + "  source: {address: '" +
           source_address +
           "', options: {source_table: t}}\n  sink: {address: 'duckdb:///x.db', options: {dest_table: a.b}}\n";
  }

  std::map<std::string, std::string, std::less<>> environment_;
  ResolveOptions resolve_;
  ResolvedPipeline resolved_;
  Problems problems_;
};

// A value as a single-quoted YAML scalar.
std::string Quoted(const std::string& value) {
  std::string quoted = "'";
  for (char c : value) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

constexpr std::string_view kSpecialCharacters = "@:/?#&=+;%\\'\"{}()*$! ";

std::vector<std::string> SpecialSecrets() {
  std::vector<std::string> secrets = {std::string(kSpecialCharacters), "p%40ss", "{PG_USER}", "{{ x }}", "a://b@c"};
  for (char c : kSpecialCharacters) secrets.push_back(std::string("a") + c + "b" + c);
  return secrets;
}

TEST_F(ResolveTest, FillsFromProjectionsBeforeTheProcess) {
  environment_ = {{"PG_PASSWORD", "from-process"}, {"HOST", "db"}};
  WriteResource("s.yaml",
                "name: pgsecret\nversion: v1\ntype: instance-secret\nworkspace: engineering\n"
                "instance-secret: {type: key-value, acl: r, data: {password: " +
                    Base64Encode("from-secret") + "}}\n");
  Pipeline p = ResolveClean(WithUse(
      "postgresql://app:{PG_PASSWORD}@{HOST}/shop",
      "  use:\n    projection:\n      secrets: [{id: 'engineering:pgsecret', contextAlias: pg}]\n      projections:\n"
      "        envVars: [{key: PG_PASSWORD, template: \"{{ secrets['pg'].password | base64_decode }}\"}]\n"));
  EXPECT_EQ(p.source.address.password, "from-secret");
  EXPECT_EQ(p.source.address.host, "db");
  EXPECT_EQ(resolved_.variables("PG_PASSWORD"), "from-secret");
  EXPECT_EQ(Redact("from-secret"), "***");
}

TEST_F(ResolveTest, ReportsEverythingThatIsNotThere) {
  WriteResource(
      "s.yaml",
      "name: pgsecret\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: {password: canary-1}}\n");
  Resolve(WithUse("postgresql://{U}:{P}@db/shop",
                  "  use:\n    projection:\n      secrets: [{id: 'engineering:pgsecrt', contextAlias: pg}, {id: "
                  "pgsecret, contextAlias: ok}]\n      projections:\n"
                  "        envVars: [{key: A, template: \"{{ secrets['px'].password }}\"}, {key: B, template: \"{{ "
                  "secrets['ok'].pass }}\"}]\n"));
  std::string text = RenderProblems(problems_);
  EXPECT_THAT(text, HasSubstr("the secret 'engineering:pgsecrt' is not known. Fix: write pgsecret"));
  EXPECT_THAT(text, HasSubstr("no secret has the alias 'px'. Fix: write secrets['pg']"));
  EXPECT_THAT(text, HasSubstr("envVars.B: the secret with the alias 'ok' has no key 'pass'"));
  EXPECT_THAT(text, HasSubstr("spec.source.address: the variables U, P are not set"));
  EXPECT_THAT(text, Not(HasSubstr("canary")));
}

// Spec 02's table, through the projected environment.
TEST_F(ResolveTest, KeepsSpecialCharactersThroughProjections) {
  for (const std::string& secret : SpecialSecrets()) {
    SCOPED_TRACE(secret);
    WriteResource("s.yaml",
                  "name: s\nversion: v1\ntype: secret\nsecret:\n  type: key-value\n  acl: r\n  data:\n    raw: " +
                      Quoted(secret) + "\n    b64: " + Base64Encode(secret) +
                      "\n    url: " + Quoted(PercentEncode(secret)) + "\n");
    for (std::string_view system :
         {"mssql", "postgresql", "mongodb", "mysql", "redshift", "snowflake", "clickhouse", "synapse"}) {
      Pipeline p = ResolveClean(WithUse(
          std::string(system) + "://{PG_USER}:{PG_PASSWORD}@db:1/shop?token={URL}",
          "  use:\n    projection:\n      secrets: [{id: s, contextAlias: s}]\n      projections:\n        envVars:\n"
          "          - {key: PG_USER, template: \"{{ secrets['s'].raw }}\"}\n"
          "          - {key: PG_PASSWORD, template: \"{{ secrets['s'].b64 | base64_decode }}\"}\n"
          "          - {key: URL, template: \"{{ secrets['s'].url | urldecode }}\"}\n"));
      EXPECT_EQ(p.source.address.user, secret);
      EXPECT_EQ(p.source.address.password, secret);
      EXPECT_EQ(p.source.address.Param("token"), secret);
      EXPECT_EQ(p.source.address.host, "db");
      EXPECT_EQ(p.source.address.path, "shop");
    }
  }
}

// Spec 02's table, through depots: as a source and as a destination.
TEST_F(ResolveTest, KeepsSpecialCharactersThroughDepots) {
  for (const std::string& secret : SpecialSecrets()) {
    for (std::string_view system : {"postgresql", "mysql", "mongodb", "mssql", "redshift", "clickhouse"}) {
      SCOPED_TRACE(std::string(system) + " " + secret);
      WriteResource("s.yaml",
                    "name: s\nversion: v1\ntype: secret\nsecret:\n  type: key-value-properties\n  acl: rw\n  data:\n   "
                    " username: " +
                        Quoted(secret) + "\n    password: " + Quoted(secret) +
                        "\n---\nname: d\nversion: v2alpha\ntype: depot\ndepot:\n  type: " + std::string(system) +
                        "\n  secrets: [{name: s, allKeys: true}]\n  " + std::string(system) +
                        ": {host: db, port: 1234, database: shop, params: {a: 1, b: 2}}\n");
      Pipeline p = ResolveClean(
          "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n  source: {address: "
          "'dataos://d?purpose=ro&b=3', options: "
          "{source_table: t}}\n  sink: {address: 'dataos://d?purpose=rw', options: {dest_table: a.b}}\n");
      for (const Address& address : {p.source.address, p.sink->address}) {
        EXPECT_EQ(address.scheme, system);
        EXPECT_EQ(address.user, secret);
        EXPECT_EQ(address.password, secret);
        EXPECT_EQ(address.port, 1234);
        EXPECT_EQ(address.path, "shop");
        EXPECT_EQ(address.Param("a"), "1");
        EXPECT_FALSE(address.params.contains("purpose"));
      }
      EXPECT_EQ(p.source.address.Param("b"), "3");
      EXPECT_EQ(p.sink->address.Param("b"), "2");
    }
  }
}

TEST_F(ResolveTest, ChoosesTheSecretByPurpose) {
  WriteResource("s.yaml",
                "name: d-r\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: {username: reader, "
                "password: pass-r}}\n---\n"
                "name: d-rw\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: rw, data: {username: writer, "
                "password: pass-rw}}\n---\n"
                "name: d\nversion: v1\ntype: depot\ndepot: {type: postgres, secrets: [{name: d-r}, {name: d-rw, keys: "
                "[username, password]}], "
                "postgres: {host: h, database: x}}\n");
  auto text = [](const std::string& purpose) {
    return "name: p\nversion: v1alpha\ntype: nilus\nspec:\n  type: batch\n  source: {address: 'dataos://d" + purpose +
           "', options: {source_table: t}}\n  sink: {address: 'dataos://d', options: {dest_table: a.b}}\n";
  };
  Pipeline p = ResolveClean(text("?purpose=r"));
  EXPECT_EQ(p.source.address.user, "reader");
  EXPECT_EQ(p.sink->address.user, "writer");
  EXPECT_EQ(ResolveClean(text("?acl=rw")).source.address.user, "writer");
  Resolve(text("?purpose=write"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("'write' is not a purpose"));
}

struct DepotCase {
  std::string depot;    // below "depot:"
  std::string address;  // dataos://d + this
  std::string display;  // what ToDisplay says
  std::map<std::string, std::string, std::less<>> params;
};

class DepotTest : public ResolveTest, public ::testing::WithParamInterface<DepotCase> {};

TEST_P(DepotTest, BecomesAnAddress) {
  WriteResource("d.yaml", "name: d\nversion: v2alpha\ntype: depot\ndepot: " + GetParam().depot + "\n");
  LoadedManifests loaded = Load(Batch("source_table: t"));
  EXPECT_EQ(RenderProblems(loaded.problems), "");
  auto address = ResolveAddress("dataos://d" + GetParam().address, loaded.resources, resolve_);
  ASSERT_TRUE(address) << address.error().ToString();
  EXPECT_EQ(address->ToDisplay(), GetParam().display);
  EXPECT_EQ(address->params, GetParam().params);
}

INSTANTIATE_TEST_SUITE_P(
    Systems, DepotTest,
    ::testing::Values(
        DepotCase{"{type: POSTGRES, postgresql: {host: h, port: 5432, database: x}}", "", "postgresql://h:5432/x", {}},
        DepotCase{"{type: mysql, mysql: {host: h}}", ":shop", "mysql://h/shop", {}},
        DepotCase{"{type: jdbc, jdbc: {subprotocol: sqlserver, host: h, port: 1433, database: x}}",
                  "",
                  "mssql://h:1433/x",
                  {}},
        DepotCase{"{type: jdbc, spec: {subprotocol: postgresql, host: h, database: x}}", "", "postgresql://h/x", {}},
        DepotCase{"{type: mongodb, mongodb: {subprotocol: mongodb+srv, nodes: [cluster.example], database: x}}",
                  "",
                  "mongodb+srv://cluster.example/x",
                  {}},
        DepotCase{"{type: mongodb, mongodb: {nodes: ['h1:1', 'h2:2'], params: {tls: true}}}",
                  ":db",
                  "mongodb://h1:1,h2:2/db",
                  {{"tls", "true"}}},
        DepotCase{"{type: kafka, kafka: {nodes: ['h1:9092', 'h2:9092']}}",
                  "",
                  "kafka://",
                  {{"bootstrap_servers", "h1:9092,h2:9092"}}},
        DepotCase{
            "{type: snowflake, snowflake: {url: 'https://acct.eu.snowflakecomputing.com', database: X, warehouse: W}}",
            "?role=R",
            "snowflake://acct.eu/X",
            {{"warehouse", "W"}, {"role", "R"}}},
        DepotCase{
            "{type: bigquery, bigquery: {project: proj, location: EU}}", "", "bigquery://proj", {{"location", "EU"}}},
        DepotCase{"{type: s3, s3: {bucket: b, relativePath: /a/b/, region: eu-west-1}}",
                  ":c/d",
                  "s3://b/a/b/c/d",
                  {{"region", "eu-west-1"}}},
        DepotCase{"{type: gcs, gcs: {bucket: b}}", "", "gs://b", {}},
        DepotCase{"{type: abfss, abfss: {account: acc, container: con, relativePath: r, format: PARQUET}}",
                  "",
                  "abfss://con@acc.dfs.core.windows.net/r",
                  {{"format", "parquet"}}},
        DepotCase{"{type: file, file: {path: /data}}", ":x/y", "file:///data/x/y", {}},
        DepotCase{"{type: s3, s3: {bucket: b, format: delta}}", ":c/d", "delta://s3://b", {{"collection", "c/d"}}},
        DepotCase{"{type: lakehouse, lakehouse: {bucket: b, relativePath: w, catalog: {type: rest, uri: 'http://c', "
                  "warehouse: w, token: canary-tok}}}",
                  ":raw",
                  "lakehouse://s3://b/w",
                  {{"collection", "raw"},
                   {"catalog_type", "rest"},
                   {"catalog_uri", "http://c"},
                   {"warehouse", "w"},
                   {"catalog_token", "canary-tok"}}}));

TEST_F(ResolveTest, AnAddressMayNameTheTable) {
  WriteResource(
      "d.yaml",
      "name: pg\nversion: v1\ntype: depot\ndepot: {type: postgres, postgres: {host: h, database: shop}}\n---\n"
      "name: open\nversion: v1\ntype: depot\ndepot: {type: mysql, mysql: {host: h}}\n---\n"
      "name: lake\nversion: v1\ntype: depot\ndepot: {type: lakehouse, lakehouse: {bucket: b}}\n---\n"
      "name: raw\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /data}}\n");
  environment_["TABLE"] = "orders";
  struct Case {
    std::string address, options, table, display;
  };
  for (const Case& c : {Case{"pg:sales/orders", "", "sales.orders", "postgresql://h/shop"},
                        {"pg:sales/{TABLE}?purpose=r", "", "sales.orders", "postgresql://h/shop"},
                        {"open:shop/sales/orders", "", "sales.orders", "mysql://h/shop"},
                        {"open:sales/orders", "source_table: a.b", "a.b", "mysql://h/sales/orders"},
                        {"lake:raw/orders", "", "raw.orders", "lakehouse://s3://b"},
                        {"raw:sales/orders", "", "", "file:///data/sales/orders"}}) {
    Pipeline p = ResolveClean(Document("batch", "'dataos://" + c.address + "'", c.options, "dest_table: a.b"));
    EXPECT_EQ(p.source_options.source_table, c.table) << c.address;
    EXPECT_EQ(p.source.address.ToDisplay(), c.display) << c.address;
    EXPECT_FALSE(p.source.address.params.contains("collection"));
  }
  for (std::string half : {"pg", "pg:sales", "pg:/sales/", "lake:raw"}) {
    EXPECT_THAT(ProblemsOf(Document("batch", "'dataos://" + half + "'", "", "dest_table: a.b")),
                HasSubstr("spec.source.options.source_table: this key is required"))
        << half;
  }
}

TEST_F(ResolveTest, ReportsUnknownDepots) {
  WriteResource("d.yaml", "name: lakehouse\nversion: v2alpha\ntype: depot\ndepot: {type: file, file: {path: /x}}\n");
  EXPECT_THAT(ProblemsOf(Document("batch", "dataos://lakehose", "source_table: t", "dest_table: a.b")),
              HasSubstr("the depot 'lakehose' is not known. Fix: write dataos://lakehouse"));
  EXPECT_THAT(ProblemsOf(Document("batch", "dataos://other", "source_table: t", "dest_table: a.b")),
              HasSubstr("resource folder"));
  WriteResource(
      "e.yaml",
      "name: e\nversion: v1\ntype: depot\ndepot: {type: postgresql, secrets: [{name: gone}], postgresql: {host: h}}\n");
  Resolve(Document("batch", "dataos://e", "source_table: t", "dest_table: a.b"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("the depot e names the secret 'gone', which is not known"));
}

TEST_F(ResolveTest, ChecksResources) {
  WriteResource("a.yaml",
                "name: d1\nversion: v3\ntype: depot\ndepot: {type: postgress, postgress: {host: h}}\n---\n"
                "name: d2\nversion: v1\ntype: depot\ndepot: {type: mysql, mysql: {hots: h}}\n---\n"
                "name: d3\nversion: v1\ntype: depot\ndepot: {type: s3, s3: {format: orc}}\n---\n"
                "name: d4\nversion: v1\ntype: depot\ndepot: {type: lakehouse, lakehouse: {bucket: b, catalog: {type: "
                "rest}}}\n---\n"
                "name: d4\nversion: v1\ntype: depot\ndepot: {type: gcs, gcs: {bucket: b}}\n---\n"
                "name: s1\nversion: v1\ntype: secret\nsecret: {type: key-vale, acl: x, dat: {}}\n---\n"
                "name: v\nversion: v1beta\ntype: volume\nvolume: {size: 1Gi, accessMode: ReadWriteMany, type: temp}\n");
  std::string text = ProblemsOf(Batch("source_table: t"));
  EXPECT_THAT(text, HasSubstr("a.yaml:2:10: version: 'v3' is not known here"));
  EXPECT_THAT(text, HasSubstr("the depot type 'postgress' is not known. Fix: write postgres"));
  EXPECT_THAT(text, HasSubstr("depot.mysql.hots: the key is not known here. Fix: write host"));
  EXPECT_THAT(text, HasSubstr("depot.s3.bucket: this key is required"));
  EXPECT_THAT(text, HasSubstr("depot.s3.format: 'orc' is not known here"));
  EXPECT_THAT(text, HasSubstr("depot.lakehouse.catalog.uri: this key is required"));
  EXPECT_THAT(text, HasSubstr("two depots are called 'd4'"));
  EXPECT_THAT(text, HasSubstr("secret.type: 'key-vale' is not known here. Fix: write key-value"));
  EXPECT_THAT(text, HasSubstr("secret.dat: the key is not known here. Fix: write data"));
  EXPECT_THAT(text, Not(HasSubstr("volume")));
}

TEST_F(ResolveTest, ResourcesMayStandInTheFileOrBelowTheFolder) {
  WriteResource("deep/er/d.yml", "name: below\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /x}}\n");
  WriteResource("pipeline.yaml", Batch("nonsense: 1"));  // pipelines in the folder are not this run's
  WriteResource("notes.txt", "not yaml: [");
  Pipeline p = ResolveClean(
      "name: here\nversion: v1\ntype: depot\ndepot: {type: file, file: {path: /y}}\n---\n"
      "name: p\nversion: v1alpha\ntype: nilus\nspec: {type: batch, source: {address: 'dataos://below:a.csv', options: "
      "{}}, "
      "sink: {address: 'dataos://here', options: {dest_table: a.b}}}\n");
  EXPECT_EQ(p.source.address.ToDisplay(), "file:///x/a.csv");
  EXPECT_EQ(p.sink->address.ToDisplay(), "file:///y");
  options_.resource_folder = folder_ + "/absent";
  EXPECT_THAT(ProblemsOf(Batch("source_table: t")), HasSubstr("the resource folder cannot be read"));
}

std::string WorkflowWith(const std::string& address, const std::string& secrets) {
  return "name: w\nversion: v1\ntype: workflow\nworkflow:\n  dag:\n    - name: n\n      spec:\n        stack: "
         "nilus:1.0\n        dataosSecrets: " +
         secrets + "\n        stackSpec:\n          source: {address: '" + address +
         "', options: {source-table: t}}\n          sink: {address: 'duckdb:///x.db', options: {dest-table: a.b}}\n";
}

TEST_F(ResolveTest, ProjectsOlderSecretsAsVariables) {
  WriteResource("s.yaml",
                "name: pg\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: {PG_USER: 'me@x', "
                "PG_PASSWORD: 'p:/?#'}}\n");
  Pipeline p = ResolveClean(WorkflowWith("postgresql://{PG_USER}:{PG_PASSWORD}@db/x",
                                         "[{name: pg, allKeys: true, consumptionType: envVars}]"));
  EXPECT_EQ(p.source.address.user, "me@x");
  EXPECT_EQ(p.source.address.password, "p:/?#");
  EXPECT_EQ(resolved_.secret_folder, nullptr);
  Resolve(WorkflowWith("postgresql://{PG_USER}:{PG_PASSWORD}@db/x", "[{name: pg, keys: [PG_USER, NOPE]}]"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("the secret 'pg' has no key 'NOPE'"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("the variable PG_PASSWORD is not set"));
}

TEST_F(ResolveTest, ProjectsOlderSecretsAsFilesThatGoAway) {
  WriteResource("s.yaml",
                "name: gcs\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: {k: \"a\\\\b\\nc\"}, "
                "files: {keyfile: ./key.json}}\n");
  WriteResource("key.json", "{\"canary\": 1}");
  std::string folder;
  {
    Pipeline p = ResolveClean(WorkflowWith(
        "gsheets://?credentials_path=/etc/dataos/secret/gcs_keyfile&other={NILUS_SECRET_DIR}/gcs.properties",
        "[{name: gcs, consumptionType: propFile}]"));
    ASSERT_NE(resolved_.secret_folder, nullptr);
    folder = resolved_.secret_folder->path();
    EXPECT_EQ(p.source.address.Param("credentials_path"), folder + "/gcs_keyfile");
    EXPECT_EQ(p.source.address.Param("other"), folder + "/gcs.properties");
    auto read = [](const std::string& path) {
      std::ifstream file(path);
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    EXPECT_EQ(read(folder + "/gcs_keyfile"), "{\"canary\": 1}");
    EXPECT_EQ(read(folder + "/gcs.properties"), "k=a\\\\b\\nc\n");
    struct stat status {};
    ASSERT_EQ(stat(folder.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    ASSERT_EQ(stat((folder + "/gcs_keyfile").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    EXPECT_EQ(Redact("{\"canary\": 1}"), "***");
  }
  resolved_ = {};
  EXPECT_FALSE(std::filesystem::exists(folder));

  resolve_.write_files = false;  // nilus validate
  ResolveClean(WorkflowWith("gsheets://?credentials_path={NILUS_SECRET_DIR}/gcs_keyfile",
                            "[{name: gcs, consumptionType: propFile}]"));
  EXPECT_EQ(resolved_.secret_folder, nullptr);
}

TEST_F(ResolveTest, ASecretsKeyCannotLeaveTheFolder) {
  WriteResource("s.yaml",
                "name: s\nversion: v1\ntype: secret\nsecret: {type: key-value, acl: r, data: {'../../x': v}}\n");
  Resolve(WorkflowWith("postgresql://db/x", "[{name: s, consumptionType: propFile}]"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("a key of a secret cannot name a file"));
  auto created = SecretFolder::Create(folder_);
  ASSERT_TRUE(created);
  for (std::string_view name : {"", ".", "..", "a/b", "/a"}) EXPECT_FALSE((*created)->WriteFile(name, "x")) << name;
  EXPECT_FALSE(SecretFolder::Create(folder_ + "/absent"));
}

TEST_F(ResolveTest, WhatAKilledRunLeftOfSecretsIsRemovedByTheNextRun) {
  pid_t child = fork();
  if (child == 0) {
    auto created = SecretFolder::Create(folder_);
    bool written = created && (*created)->WriteFile("s_key", "canary");
    kill(getpid(), written ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  auto living = SecretFolder::Create(folder_);
  ASSERT_TRUE(living);
  ASSERT_TRUE((*living)->WriteFile("s_key", "canary"));
  auto folders = [&] {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().filename().string().starts_with("nilus-secrets-")) paths.push_back(entry.path());
    }
    return paths;
  };
  ASSERT_EQ(folders().size(), 2U);
  resolve_.write_files = false;  // nilus validate changes nothing
  ResolveClean(WithUse("postgresql://db/x", ""));
  EXPECT_EQ(folders().size(), 2U);
  resolve_.write_files = true;
  ResolveClean(WithUse("postgresql://db/x", ""));
  EXPECT_EQ(folders(), std::vector<std::string>{(*living)->path()});
  EXPECT_TRUE(std::filesystem::exists((*living)->path() + "/s_key"));
}

TEST_F(ResolveTest, MakesVolumesOnlyForWhatMovesRows) {
  std::string directory = folder_ + "/volume/state";
  std::string text =
      WithUse("postgresql://db/x", "  use: {volumes: [{id: 'public:v', directory: " + directory + "}]}\n");
  resolve_.write_files = true;  // nilus plan
  ResolveClean(text);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/volume"));
  resolve_.make_volumes = true;
  ResolveClean(text);
  EXPECT_TRUE(std::filesystem::is_directory(directory));
}

TEST_F(ResolveTest, FillsTheKeyOfAMask) {
  environment_ = {{"KEY", "canary-key"}};
  Pipeline p = ResolveClean(Batch("source_table: t, mask: {c: 'hmac:{KEY}'}"));
  EXPECT_EQ(p.source_options.masks[0].parameter, "canary-key");
  EXPECT_EQ(Redact("canary-key"), "***");
  environment_.clear();
  Resolve(Batch("source_table: t, mask: {c: 'hmac:{KEY}'}"));
  EXPECT_THAT(RenderProblems(problems_), HasSubstr("mask.c: the variable KEY is not set"));
}

TEST_F(ResolveTest, ResolvesOneAddressByItself) {
  environment_ = {{"P", "x@y"}};
  auto address = ResolveAddress("postgresql://u:{P}@h/d", {}, resolve_);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->password, "x@y");
  EXPECT_FALSE(ResolveAddress("dataos://nope", {}, resolve_));
}

}  // namespace
}  // namespace nilus
