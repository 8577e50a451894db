#include "nilus/lake/catalog_rest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <utility>

#include "nilus/base/redact.h"
#include "nilus/lake/lake_fixture_testing.h"
#include "nilus/lake/maintenance.h"
#include "nilus/lake/rest_double_testing.h"

namespace nilus::lake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const TableIdentifier kEvents{"shop", "events"};

class RestCatalogs : public testing::Test {
 protected:
  CatalogPtr Open(http::FaultPlan faults = {}) {
    server_ = std::make_unique<http::TestServer>(
        [this](const http::ServedRequest& request) { return double_.Handle(request); }, std::move(faults));
    RestCatalogOptions options;
    options.server = options_;
    options.server.uri = server_->url() + "/base/";
    auto catalog = OpenRestCatalog(options, {});
    EXPECT_OK(catalog);
    return catalog ? *catalog : nullptr;
  }
  static TablePtr Create(const CatalogPtr& catalog, const TableIdentifier& name = kEvents) {
    auto change = Transaction::Create(catalog, name, EventsTable(), {});
    EXPECT_OK(change);
    if (!change) return nullptr;
    auto outcome = change->Commit({});
    EXPECT_OK(outcome);
    return outcome ? outcome->table : nullptr;
  }
  static TablePtr Load(const CatalogPtr& catalog, const TableIdentifier& name = kEvents) {
    auto table = catalog->Load(name, {});
    EXPECT_OK(table);
    return table && *table ? **table : nullptr;
  }
  static Result<CommitOutcome> Append(const TablePtr& table, const std::string& name) {
    Transaction change(table);
    change.AddDataFile(MadeUpFile("file:///nowhere/" + name));
    return change.Commit({});
  }

  TempWarehouse warehouse_;
  RestDouble double_{"file://" + warehouse_.path()};
  RestOptions options_;
  std::unique_ptr<http::TestServer> server_;
};

TEST_F(RestCatalogs, TablesComeAndGo) {
  const CatalogPtr catalog = Open();
  EXPECT_EQ(Load(catalog), nullptr);
  Create(catalog);
  Create(catalog, {"shop", "a/b c"});
  const TablePtr table = Load(catalog);
  ASSERT_NE(table, nullptr);
  EXPECT_THAT(table->metadata.location, HasSubstr("/shop/events-")) << "the server said where";
  EXPECT_THAT(*catalog->ListSchemas({}), ElementsAre("shop"));
  EXPECT_THAT(*catalog->List("shop", {}), ElementsAre(TableIdentifier{"shop", "a/b c"}, kEvents));
  ASSERT_OK(Append(table, "a"));
  ASSERT_OK_AND_ASSIGN(const CommitOutcome second, Append(table, "b"));
  EXPECT_EQ(second.attempts, 2);
  EXPECT_THAT(LivePaths(*Load(catalog)), ElementsAre("a", "b"));
  ASSERT_OK(catalog->Drop(kEvents, false, {}));
  EXPECT_EQ(Load(catalog), nullptr);
  EXPECT_FAILS(catalog->Drop(kEvents, false, {}), ErrorKind::kNotFound);
}

// The store of a table behind a server has the table's folder as its root.
TEST_F(RestCatalogs, OrphansAreFoundInAStoreOfOneTable) {
  const CatalogPtr catalog = Open();
  const TablePtr table = Create(catalog);
  ASSERT_OK(WriteFile(*table->store, table->metadata.location + "/data/orphan", "rows", {}));
  OrphanOptions options;
  options.min_age = std::chrono::hours(0);
  options.remove = true;
  ASSERT_OK_AND_ASSIGN(const auto found, FindOrphans(table, options, {}));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].url, table->metadata.location + "/data/orphan");
  EXPECT_FALSE(std::filesystem::exists(warehouse_.path() + "/shop/events/data/orphan"));
}

TEST_F(RestCatalogs, OnlyOneCreatorWins) {
  const CatalogPtr catalog = Open();
  auto first = Transaction::Create(catalog, kEvents, EventsTable(), {});
  auto second = Transaction::Create(catalog, kEvents, EventsTable(), {});
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_OK(first->Commit({}));
  EXPECT_FAILS(second->Commit({}), ErrorKind::kConflict);
}

TEST_F(RestCatalogs, EveryKindOfChangeGoesThrough) {
  const CatalogPtr catalog = Open();
  Create(catalog);
  ASSERT_OK(Append(Load(catalog), "a"));
  const TablePtr table = Load(catalog);
  Transaction change(table);
  int32_t last_id = change.metadata().last_column_id;
  nilus::Schema wanted = ToNilusSchema(table->metadata.schema());
  wanted.fields.push_back({"extra", MakeType(TypeId::kText), true, {}});
  ASSERT_OK(change.SetSchema(*EvolveSchema(table->metadata.schema(), wanted, 2, &last_id)));
  int32_t last = change.metadata().last_partition_id;
  ASSERT_OK(change.SetSpec(
      *MakePartitionSpec({{"id", "bucket", 8, ""}}, change.metadata().schema(), change.metadata().specs, &last)));
  ASSERT_OK(change.SetSortOrder(*MakeSortOrder({"id"}, change.metadata().schema(), change.metadata().sort_orders)));
  ASSERT_OK(change.SetProperties({{"k", "v"}, {"gone", "soon"}}));
  ASSERT_OK(change.SetRef("t", SnapshotRef{*table->metadata.current_snapshot_id, true}));
  change.SetPipelineState("p", PipelineState{1, "load", "{}"}, 0);
  ASSERT_OK(change.Commit({}));
  Transaction removal(Load(catalog));
  ASSERT_OK(removal.RemoveProperties({"gone"}));
  ASSERT_OK(removal.RemoveRef("t"));
  ASSERT_OK(removal.UpgradeFormat(3));
  ASSERT_OK(removal.Commit({}));
  const TablePtr after = Load(catalog);
  EXPECT_EQ(after->metadata.schema().fields.back().name, "extra");
  EXPECT_EQ(after->metadata.spec().fields[0].name, "id_bucket");
  EXPECT_EQ(after->metadata.sort_order().order_id, 1);
  EXPECT_EQ(after->metadata.Property("k"), "v");
  EXPECT_EQ(after->metadata.Property("gone"), std::nullopt);
  EXPECT_EQ(after->metadata.format_version, 3);
  EXPECT_EQ((*FindPipelineState(after->metadata, "p"))->version, 1);
}

TEST_F(RestCatalogs, SeveralTablesInOneStep) {
  const CatalogPtr catalog = Open();
  const TablePtr first = Create(catalog);
  const TablePtr second = Create(catalog, {"shop", "other"});
  Transaction a(first);
  a.AddDataFile(MadeUpFile("file:///nowhere/a"));
  Transaction b(second);
  b.AddDataFile(MadeUpFile("file:///nowhere/b"));
  ASSERT_OK(Append(second, "in between"));
  std::vector<Transaction*> both{&a, &b};
  ASSERT_OK(CommitTogether(both, {}));
  EXPECT_THAT(LivePaths(*Load(catalog)), ElementsAre("a"));
  EXPECT_THAT(LivePaths(*Load(catalog, {"shop", "other"})), ElementsAre("b", "in between"));
}

TEST_F(RestCatalogs, AServerWithoutTransactionsSaysSo) {
  double_.with_transactions = false;
  const CatalogPtr catalog = Open();
  EXPECT_FALSE(catalog->has_multi_table_commit());
  Transaction a(Create(catalog));
  std::vector<Transaction*> one{&a};
  EXPECT_FAILS(CommitTogether(one, {}), ErrorKind::kUnsupported);
}

// One that names no endpoints has them all by the protocol; where this one is not, nothing is done, and that is told.
TEST_F(RestCatalogs, AServerThatOnlySeemsToHaveTransactionsSaysSo) {
  double_.with_transactions = false;
  double_.lists_endpoints = false;
  const CatalogPtr catalog = Open();
  EXPECT_TRUE(catalog->has_multi_table_commit());
  Transaction a(Create(catalog));
  a.AddDataFile(MadeUpFile("file:///nowhere/a"));
  std::vector<Transaction*> one{&a};
  EXPECT_FAILS(CommitTogether(one, {}), ErrorKind::kUnsupported);
  EXPECT_THAT(LivePaths(*Load(catalog)), testing::IsEmpty());
}

TEST_F(RestCatalogs, TokensAreFetchedAndRenewed) {
  double_.wanted_credential = "client:s3cr3t-value";
  options_.credential = "client:s3cr3t-value";
  const CatalogPtr catalog = Open();
  Create(catalog);
  EXPECT_EQ(double_.tokens_given, 1);
  double_.ForgetTokens();
  ASSERT_OK(Append(Load(catalog), "a"));
  EXPECT_EQ(double_.tokens_given, 2);
  // A token that ends within a minute is not used.
  double_.token_lifetime_s = 30;
  double_.ForgetTokens();
  ASSERT_OK(Append(Load(catalog), "b"));
  EXPECT_GT(double_.tokens_given, 3);
  ForgetSecretsForTesting();
}

TEST_F(RestCatalogs, WrongCredentialsAreToldWithoutThem) {
  double_.wanted_credential = "client:right-secret";
  server_ = std::make_unique<http::TestServer>(
      [this](const http::ServedRequest& request) { return double_.Handle(request); });
  RestCatalogOptions options;
  options.server.uri = server_->url() + "/base";
  options.server.credential = "client:wrong-secret";
  const auto no_token = OpenRestCatalog(options, {});
  EXPECT_FAILS(no_token, ErrorKind::kAuth);
  EXPECT_THAT(no_token.error().ToString(), Not(HasSubstr("wrong-secret")));
  options.server.credential = "";
  options.server.token = "stale-token";
  const auto refused = OpenRestCatalog(options, {});
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().ToString(), Not(HasSubstr("stale-token")));
  ForgetSecretsForTesting();
}

TEST_F(RestCatalogs, AMissingWarehouseIsTold) {
  server_ = std::make_unique<http::TestServer>(
      [this](const http::ServedRequest& request) { return double_.Handle(request); });
  RestCatalogOptions options;
  options.server.uri = server_->url() + "/base";
  options.server.warehouse = "none";
  const auto opened = OpenRestCatalog(options, {});
  EXPECT_FAILS(opened, ErrorKind::kNotFound);
  EXPECT_THAT(opened.error().message, HasSubstr("no warehouse none"));
}

TEST_F(RestCatalogs, EveryLostAnswerIsLookedUp) {
  for (const http::Fault fault : {http::Fault::kServerError, http::Fault::kAnswerLost, http::Fault::kAnswerCut,
                                  http::Fault::kReset, http::Fault::kUnavailable}) {
    int calls_to_spoil = 0;
    const CatalogPtr catalog = Open([&](const http::ServedRequest& request) {
      const bool is_commit = request.method == "POST" && request.target.ends_with("/tables/events");
      return is_commit && calls_to_spoil-- > 0 ? fault : http::Fault::kNone;
    });
    Create(catalog);
    const int before = double_.commits_done;
    calls_to_spoil = 1;
    const auto appended = Append(Load(catalog), "a");
    EXPECT_OK(appended) << static_cast<int>(fault);
    EXPECT_THAT(LivePaths(*Load(catalog)), ElementsAre("a")) << static_cast<int>(fault);
    EXPECT_EQ(double_.commits_done, before + 1) << static_cast<int>(fault);
    ASSERT_OK(catalog->Drop(kEvents, false, {}));
  }
}

TEST_F(RestCatalogs, EveryLostAnswerOfSeveralTablesIsLookedUp) {
  for (const http::Fault fault : {http::Fault::kServerError, http::Fault::kAnswerLost, http::Fault::kAnswerCut,
                                  http::Fault::kReset, http::Fault::kUnavailable}) {
    bool spoils_commit = false;
    bool spoils_look = false;
    const CatalogPtr catalog = Open([&](const http::ServedRequest& request) {
      const bool is_commit = request.method == "POST" && request.target.ends_with("/transactions/commit");
      if (is_commit && std::exchange(spoils_commit, false)) return fault;
      // The first look at what became of it fails too.
      return !is_commit && !spoils_commit && std::exchange(spoils_look, false) ? http::Fault::kUnavailable
                                                                               : http::Fault::kNone;
    });
    Transaction a(Create(catalog));
    a.AddDataFile(MadeUpFile("file:///nowhere/a"));
    Transaction b(Create(catalog, {"shop", "other"}));
    b.AddDataFile(MadeUpFile("file:///nowhere/b"));
    std::vector<Transaction*> both{&a, &b};
    const int before = double_.commits_done;
    spoils_commit = spoils_look = true;
    EXPECT_OK(CommitTogether(both, {})) << static_cast<int>(fault);
    EXPECT_THAT(LivePaths(*Load(catalog)), ElementsAre("a")) << static_cast<int>(fault);
    EXPECT_THAT(LivePaths(*Load(catalog, {"shop", "other"})), ElementsAre("b")) << static_cast<int>(fault);
    EXPECT_EQ(double_.commits_done, before + 2) << static_cast<int>(fault);
    ASSERT_OK(catalog->Drop(kEvents, false, {}));
    ASSERT_OK(catalog->Drop({"shop", "other"}, false, {}));
  }
}

TEST_F(RestCatalogs, AFifthOfAllCallsFailsAndNothingIsLostOrDoubled) {
  const CatalogPtr catalog = Open(http::RandomFaults(7, 20));
  Create(catalog);
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 4; ++i) ASSERT_OK(Append(Load(catalog), fmt::format("{}-{}", writer, i)));
    });
  }
  writers.clear();
  const auto paths = LivePaths(*Load(catalog));
  EXPECT_EQ(paths.size(), 16U);
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 16U);
  EXPECT_GT(server_->faults(), 0);
}

TEST(RestConfiguration, BecomesParametersOfTheStore) {
  EXPECT_EQ(StoreRootOf("s3://bucket/a/b"), "s3://bucket");
  EXPECT_EQ(StoreRootOf("file:///w/t"), "file:///w/t");
  EXPECT_EQ(StoreRootOf("abfss://c@a.dfs.core.windows.net/x"), "abfss://c@a.dfs.core.windows.net");
  const auto params = StoreParamsOf({{"s3.access-key-id", "key"},
                                     {"s3.secret-access-key", "sss"},
                                     {"client.region", "eu-central-1"},
                                     {"adls.sas-token.account", "sas"},
                                     {"unrelated", "x"}});
  EXPECT_EQ(params.size(), 4U);
  EXPECT_EQ(params.at("region"), "eu-central-1");
  EXPECT_EQ(params.at("sas_token"), "sas");
  ForgetSecretsForTesting();
}

}  // namespace
}  // namespace nilus::lake
