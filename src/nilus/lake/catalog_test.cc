// What every catalog must do, on each of them. PostgreSQL where NILUS_TEST_POSTGRES names a database
// (tests/e2e/test_lake_catalogs.py starts one).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <thread>

#include "nilus/lake/catalog_sql.h"
#include "nilus/lake/lake_fixture_testing.h"
#include "nilus/lake/sql_connection.h"

namespace nilus::lake {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const TableIdentifier kEvents{"shop", "events"};

class Catalogs : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("postgres") && std::getenv("NILUS_TEST_POSTGRES") == nullptr) {
      GTEST_SKIP() << "NILUS_TEST_POSTGRES is not set";
    }
    catalog_ = Open();
    ASSERT_NE(catalog_, nullptr);
  }

  CatalogPtr Open() {
    const std::string kind = GetParam();
    if (kind == "filesystem") return warehouse_.catalog();
    SqlCatalogOptions options;
    options.warehouse = warehouse_.store();
    options.name = name_;
    options.uri = kind == "sqlite" ? "sqlite:///" + warehouse_.path() + ".db" : std::getenv("NILUS_TEST_POSTGRES");
    auto catalog = OpenSqlCatalog(options);
    EXPECT_OK(catalog);
    return catalog ? *catalog : nullptr;
  }
  void TearDown() override {
    for (const char* end : {".db", ".db-journal"}) std::filesystem::remove(warehouse_.path() + end);
  }

  TablePtr Create(const TableIdentifier& name = kEvents) {
    auto change = Transaction::Create(catalog_, name, EventsTable(), {});
    EXPECT_OK(change);
    auto outcome = change->Commit({});
    EXPECT_OK(outcome);
    return outcome ? outcome->table : nullptr;
  }
  TablePtr Load(const TableIdentifier& name = kEvents) {
    auto table = catalog_->Load(name, {});
    EXPECT_OK(table);
    return table && *table ? **table : nullptr;
  }
  static Result<CommitOutcome> Append(const TablePtr& table, const std::string& name) {
    Transaction change(table);
    change.AddDataFile(MadeUpFile("file:///nowhere/" + name));
    return change.Commit({});
  }

  TempWarehouse warehouse_;
  std::string name_ = "test-" + NewId();
  CatalogPtr catalog_;
};

TEST_P(Catalogs, TablesComeAndGo) {
  EXPECT_EQ(Load(), nullptr);
  Create();
  Create({"shop", "a b"});
  Create({"z", "t"});
  ASSERT_NE(Load(), nullptr);
  EXPECT_EQ(Load()->metadata.location, "file://" + warehouse_.path() + "/shop/events");
  EXPECT_THAT(*catalog_->ListSchemas({}), ElementsAre("shop", "z"));
  EXPECT_THAT(*catalog_->List("shop", {}), ElementsAre(TableIdentifier{"shop", "a b"}, kEvents));
  EXPECT_THAT(*catalog_->List("none", {}), IsEmpty());
  ASSERT_OK(catalog_->Drop(kEvents, false, {}));
  EXPECT_EQ(Load(), nullptr);
  EXPECT_FAILS(catalog_->Drop(kEvents, false, {}), ErrorKind::kNotFound);
  ASSERT_OK(catalog_->Drop({"shop", "a b"}, true, {}));
  EXPECT_FALSE(std::filesystem::exists(warehouse_.path() + "/shop/a b/metadata/version-hint.text"));
}

TEST_P(Catalogs, OnlyOneCreatorWins) {
  auto first = Transaction::Create(catalog_, kEvents, EventsTable(), {});
  auto second = Transaction::Create(catalog_, kEvents, EventsTable(), {});
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_OK(first->Commit({}));
  EXPECT_FAILS(second->Commit({}), ErrorKind::kConflict);
  ASSERT_OK_AND_ASSIGN(const auto metadata, TableMetadataIn(*warehouse_.store(), "shop/events", {}));
  EXPECT_EQ(metadata.size(), 1U) << "the other one's would be taken for a table's";
}

TEST_P(Catalogs, TablesOfOtherCatalogsKeepTheirFolders) {
  const TablePtr mine = Create();
  SqlCatalogOptions options;
  options.warehouse = warehouse_.store();
  options.name = "other";
  options.uri = "sqlite:///" + warehouse_.path() + ".db";
  ASSERT_OK_AND_ASSIGN(const CatalogPtr other, OpenSqlCatalog(options));
  auto change = Transaction::Create(other, kEvents, EventsTable(), {});
  ASSERT_OK(change);
  ASSERT_OK_AND_ASSIGN(const CommitOutcome theirs, change->Commit({}));
  EXPECT_THAT(theirs.table->metadata.location, testing::MatchesRegex(mine->metadata.location + "-[0-9a-f]{8}"));
  EXPECT_EQ((**other->Load(kEvents, {}))->metadata.uuid, theirs.table->metadata.uuid);
  if (GetParam() != std::string("filesystem")) {
    EXPECT_FAILS(warehouse_.catalog()->NewTableLocation(kEvents, {}), ErrorKind::kInvalidInput);
  }
}

TEST_P(Catalogs, ACommitOnAnOldStateIsAConflict) {
  const TablePtr base = Create();
  ASSERT_OK(Append(base, "a"));
  TableCommit commit;
  commit.identifier = kEvents;
  commit.base = base;
  commit.result = base->metadata;
  EXPECT_FAILS(catalog_->Commit(commit, {}), ErrorKind::kConflict);
  ASSERT_OK_AND_ASSIGN(const CommitOutcome outcome, Append(base, "b"));
  EXPECT_EQ(outcome.attempts, 2);
  EXPECT_EQ(outcome.table->metadata_location, Load()->metadata_location);
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("a", "b"));
  EXPECT_EQ(Load()->metadata.metadata_log.size(), 2U);
}

TEST_P(Catalogs, WritersAllLand) {
  Create();
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 8; ++writer) {
    writers.emplace_back([&, writer] {
      const CatalogPtr own = Open();
      for (int i = 0; i < 2; ++i) {
        const auto table = own->Load(kEvents, {});
        ASSERT_OK(table);
        ASSERT_OK(Append(**table, fmt::format("{}-{}", writer, i)));
      }
    });
  }
  writers.clear();
  const auto paths = LivePaths(*Load());
  EXPECT_EQ(std::set<std::string>(paths.begin(), paths.end()).size(), 16U);
}

TEST_P(Catalogs, SeveralTablesInOneStepWhereOffered) {
  const TablePtr first = Create();
  const TablePtr second = Create({"shop", "other"});
  Transaction a(first);
  a.AddDataFile(MadeUpFile("file:///nowhere/a"));
  Transaction b(second);
  b.AddDataFile(MadeUpFile("file:///nowhere/b"));
  auto c = Transaction::Create(catalog_, {"shop", "third"}, EventsTable(), {});
  ASSERT_OK(c);
  c->AddDataFile(MadeUpFile("file:///nowhere/c"));
  std::vector<Transaction*> all{&a, &b, &*c};
  if (!catalog_->has_multi_table_commit()) {
    EXPECT_FAILS(CommitTogether(all, {}), ErrorKind::kUnsupported);
    return;
  }
  ASSERT_OK(Append(first, "in between"));  // the first attempt of all three must leave nothing
  ASSERT_OK(CommitTogether(all, {}));
  EXPECT_THAT(LivePaths(*Load()), ElementsAre("a", "in between"));
  EXPECT_THAT(LivePaths(*Load({"shop", "other"})), ElementsAre("b"));
  EXPECT_THAT(LivePaths(*Load({"shop", "third"})), ElementsAre("c"));
}

INSTANTIATE_TEST_SUITE_P(All, Catalogs, testing::Values("filesystem", "sqlite", "postgres"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SqlCatalogs, RefuseOtherDatabases) {
  const auto opened = OpenSql("mysql://u:secret@h/d");
  EXPECT_FAILS(opened, ErrorKind::kInvalidInput);
  EXPECT_THAT(opened.error().message, testing::Not(HasSubstr("secret")));
}

TEST(SqlCatalogs, ReadingLeavesNoTrace) {
  const TempWarehouse warehouse;
  const std::string file = warehouse.path() + ".db";
  SqlCatalogOptions options;
  options.uri = "sqlite:///" + file;
  options.warehouse = warehouse.store();
  const auto opened = OpenSqlCatalog(options);
  ASSERT_OK(opened);
  const CatalogPtr catalog = *opened;
  const auto look = [&] {
    const auto table = catalog->Load(kEvents, {});
    ASSERT_OK(table);
    EXPECT_EQ(*table, std::nullopt);
    EXPECT_THAT(*catalog->ListSchemas({}), IsEmpty());
    EXPECT_THAT(*catalog->List("shop", {}), IsEmpty());
    EXPECT_FAILS(catalog->Drop(kEvents, true, {}), ErrorKind::kNotFound);
    EXPECT_THAT(catalog->description(), HasSubstr("where no catalog is yet"));
  };
  look();
  EXPECT_FALSE(std::filesystem::exists(file));
  auto connection = OpenSql(options.uri);
  ASSERT_OK(connection);
  ASSERT_OK((*connection)->Create());
  look();  // a database without the tables
  EXPECT_FAILS((*connection)->Run("SELECT 1 FROM iceberg_tables"), ErrorKind::kNotFound);
  // Tables that somebody else makes are seen by who looked before.
  const auto other = OpenSqlCatalog(options);
  ASSERT_OK(other);
  auto change = Transaction::Create(*other, kEvents, EventsTable(), {});
  ASSERT_OK(change);
  ASSERT_OK(change->Commit({}));
  EXPECT_THAT(*catalog->List("shop", {}), ElementsAre(kEvents));
  std::filesystem::remove(file);
  options.uri = "sqlite:///" + warehouse.path() + "/none/c.db";
  EXPECT_FAILS(OpenSqlCatalog(options), ErrorKind::kNotFound);
}

TEST(SqlCatalogs, ShareTheTablesOfOtherEngines) {
  const TempWarehouse warehouse;
  const std::string uri = "sqlite:///" + warehouse.path() + ".db";
  {
    auto connection = OpenSql(uri);
    ASSERT_OK(connection);
    ASSERT_OK((*connection)->Create());
    // The newer form, with views among the tables.
    ASSERT_OK((*connection)->Run(R"(CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL,
      table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000),
      previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
      PRIMARY KEY (catalog_name, table_namespace, table_name)))"));
    ASSERT_OK((*connection)->Run("INSERT INTO iceberg_tables VALUES ('default', 'shop', 'v', 'x', NULL, 'VIEW')"));
  }
  SqlCatalogOptions options;
  options.uri = uri;
  options.warehouse = warehouse.store();
  auto catalog = OpenSqlCatalog(options);
  ASSERT_OK(catalog);
  EXPECT_THAT(*(*catalog)->List("shop", {}), IsEmpty());
  auto change = Transaction::Create(*catalog, kEvents, EventsTable(), {});
  ASSERT_OK(change);
  ASSERT_OK(change->Commit({}));
  EXPECT_THAT(*(*catalog)->List("shop", {}), ElementsAre(kEvents));
  const auto view = (*catalog)->Load({"shop", "v"}, {});
  ASSERT_OK(view);
  EXPECT_EQ(*view, std::nullopt);
  std::filesystem::remove(warehouse.path() + ".db");
}

}  // namespace
}  // namespace nilus::lake
