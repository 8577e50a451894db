#include "nilus/lake/catalog_sql.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/base/redact.h"
#include "nilus/lake/catalog_filesystem.h"
#include "nilus/lake/sql_connection.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

// As the JDBC catalog of other engines makes them.
constexpr const char* kMakeTables = R"(CREATE TABLE IF NOT EXISTS iceberg_tables (
  catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
  metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000),
  PRIMARY KEY (catalog_name, table_namespace, table_name)))";
constexpr const char* kMakeProperties = R"(CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
  catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL,
  property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key)))";

class SqlCatalog final : public Catalog {
 public:
  SqlCatalog(SqlCatalogOptions options, std::unique_ptr<SqlConnection> connection)
      : options_(std::move(options)), connection_(std::move(connection)) {}

  // Which tables there are. Others may make them at any time, so what is missing is looked for anew; the connection's
  // mutex is held.
  Status Look();
  Result<std::optional<TablePtr>> Load(const TableIdentifier& table, std::stop_token stop) override;
  Result<TablePtr> Commit(const TableCommit& commit, std::stop_token stop) override;
  bool has_multi_table_commit() const override { return true; }
  bool creates_in_multi_table_commit() const override { return true; }
  Status CommitAll(std::span<const TableCommit> commits, std::stop_token stop) override;
  Result<std::vector<TableIdentifier>> List(const std::string& schema, std::stop_token stop) override;
  Result<std::vector<std::string>> ListSchemas(std::stop_token stop) override;
  Status Drop(const TableIdentifier& table, bool purge, std::stop_token stop) override;
  Result<std::string> NewTableLocation(const TableIdentifier& table, std::stop_token stop) override;
  Result<StorePtr> StoreForLocation(const std::string& location, std::stop_token /*stop*/) override {
    const Result<std::string> key = options_.warehouse->KeyOf(location);
    if (key) return options_.warehouse;
    if (options_.open_store == nullptr) return Failure(key.error());
    return options_.open_store(location);
  }
  std::string description() const override {
    return fmt::format("SQL catalog {} at {}{}", options_.name, Redact(options_.uri),
                       has_tables_ ? "" : " (where no catalog is yet)");
  }

 private:
  Result<SqlResult> Run(const std::string& sql, const std::vector<std::string>& parameters = {}) {
    return connection_->Run(sql, parameters);
  }
  std::string OnlyTables() const { return has_types_ ? " AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)" : ""; }
  Status MakeTables();
  // In one database transaction; the connection's mutex is held.
  Status Swap(std::span<const TableCommit> commits, const std::vector<std::string>& locations);
  Status SwapOne(const TableCommit& commit, const std::string& location);
  Status LockedSwap(std::span<const TableCommit> commits, const std::vector<std::string>& locations) {
    const std::lock_guard lock(mutex_);
    return Swap(commits, locations);
  }

  SqlCatalogOptions options_;
  std::mutex mutex_;  // of the connection
  std::unique_ptr<SqlConnection> connection_;
  std::atomic<bool> has_tables_ = false;  // iceberg_tables
  bool has_properties_ = false;           // iceberg_namespace_properties
  bool has_types_ = false;                // views stand among the tables (the JDBC catalog's newer form)
};

Status SqlCatalog::Look() {
  if (has_tables_) return {};
  const Result<SqlResult> tables = Run("SELECT 1 FROM iceberg_tables WHERE 1 = 0");
  if (!tables && tables.error().kind == ErrorKind::kNotFound) return {};
  if (!tables) return Failure(tables.error());
  has_properties_ = Run("SELECT 1 FROM iceberg_namespace_properties WHERE 1 = 0").has_value();
  has_types_ = Run("SELECT iceberg_type FROM iceberg_tables WHERE 1 = 0").has_value();
  has_tables_ = true;
  return {};
}

Status SqlCatalog::MakeTables() {
  NILUS_TRY(Look());
  if (has_tables_ && has_properties_) return {};
  NILUS_TRY(connection_->Create());
  for (const char* make : {kMakeTables, kMakeProperties}) {
    const Result<SqlResult> made = Run(make);
    // PostgreSQL lets two that make one table at once collide in spite of IF NOT EXISTS.
    if (!made && made.error().kind != ErrorKind::kConflict) return Failure(made.error());
  }
  has_properties_ = true;
  return Look();
}

Result<std::optional<TablePtr>> SqlCatalog::Load(const TableIdentifier& identifier, std::stop_token stop) {
  std::string location;
  {
    const std::lock_guard lock(mutex_);
    NILUS_TRY(Look());
    if (!has_tables_) return std::optional<TablePtr>();
    NILUS_ASSIGN(
        const SqlResult found,
        Run("SELECT metadata_location FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2 AND "
            "table_name = $3" +
                OnlyTables(),
            {options_.name, identifier.schema, identifier.name}));
    if (found.rows.empty()) return std::optional<TablePtr>();
    if (!found.rows[0][0]) {
      return Fail(ErrorKind::kData, "{} has no metadata location for table {}", description(), identifier.ToString());
    }
    location = *found.rows[0][0];
  }
  auto table = std::make_shared<Table>();
  table->identifier = identifier;
  table->metadata_location = location;
  // The metadata file lies in the table's folder, which the file itself then names.
  const size_t folder_end = std::min(location.rfind("/metadata/"), location.rfind('/'));
  NILUS_ASSIGN(const StorePtr store, StoreForLocation(location.substr(0, folder_end), stop));
  NILUS_ASSIGN(table->metadata, lake::ReadMetadata(*store, location, stop));
  NILUS_ASSIGN(table->store, StoreForLocation(table->metadata.location, stop));
  table->catalog = shared_from_this();
  return std::optional<TablePtr>(std::move(table));
}

Result<std::string> SqlCatalog::NewTableLocation(const TableIdentifier& table, std::stop_token stop) {
  std::string folder = FolderName(table.schema) + "/" + FolderName(table.name);
  NILUS_ASSIGN(const std::vector<std::string> taken, TableMetadataIn(*options_.warehouse, folder, std::move(stop)));
  // Another catalog over the same warehouse has its table of that name there, or a dropped table left its files.
  constexpr size_t kDigits = 8;
  if (!taken.empty()) {
    const std::string id = NewId();
    folder += "-" + id.substr(id.size() - kDigits);  // its end is random, its beginning the time
  }
  return options_.warehouse->Url(folder);
}

Status SqlCatalog::SwapOne(const TableCommit& commit, const std::string& location) {
  const TableIdentifier& table = commit.identifier;
  if (commit.base == nullptr) {
    NILUS_ASSIGN(const SqlResult schema,
                 Run("SELECT 1 FROM iceberg_namespace_properties WHERE catalog_name = $1 AND namespace = $2",
                     {options_.name, table.schema}));
    if (schema.rows.empty()) {
      NILUS_TRY(
          Run("INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) "
              "VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING",
              {options_.name, table.schema}));
    }
    const std::string type_column = has_types_ ? ", iceberg_type" : "";
    const std::string type_value = has_types_ ? ", 'TABLE'" : "";
    const Result<SqlResult> made =
        Run("INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location" + type_column +
                ") VALUES ($1, $2, $3, $4" + type_value + ")",
            {options_.name, table.schema, table.name, location});
    if (made) return {};
    if (made.error().kind != ErrorKind::kConflict) return Failure(made.error());
    return Fail(ErrorKind::kConflict, "table {} was created by somebody else", table.ToString());
  }
  NILUS_ASSIGN(const SqlResult moved,
               Run("UPDATE iceberg_tables SET metadata_location = $1, previous_metadata_location = $2 WHERE "
                   "catalog_name = $3 AND table_namespace = $4 AND table_name = $5 AND metadata_location = $6" +
                       OnlyTables(),
                   {location, commit.base->metadata_location, options_.name, table.schema, table.name,
                    commit.base->metadata_location}));
  if (moved.affected == 1) return {};
  return Fail(ErrorKind::kConflict, "table {} was changed by somebody else", table.ToString());
}

Status SqlCatalog::Swap(std::span<const TableCommit> commits, const std::vector<std::string>& locations) {
  const bool creates = std::any_of(commits.begin(), commits.end(), [](const TableCommit& c) { return !c.base; });
  if (creates) NILUS_TRY(MakeTables());
  NILUS_TRY(Run("BEGIN"));
  for (size_t i = 0; i < commits.size(); ++i) {
    Status swapped = SwapOne(commits[i], locations[i]);
    if (swapped) continue;
    static_cast<void>(Run("ROLLBACK"));  // the connection is closed otherwise, which does the same
    return swapped;
  }
  const Result<SqlResult> committed = Run("COMMIT");
  if (committed) return {};
  if (!connection_->knows_outcome()) return Fail(ErrorKind::kUnknownOutcome, "{}", committed.error().message);
  static_cast<void>(Run("ROLLBACK"));
  return Failure(committed.error());
}

// The metadata file of a commit that lost for certain: nothing will ever name it, and it would be taken for a table's.
static void RemoveLost(const Status& swapped, storage::ObjectStore& store, const std::string& location,
                       const std::stop_token& stop) {
  if (!swapped && swapped.error().kind == ErrorKind::kConflict) DeleteOldMetadata(store, {location}, stop);
}

Status SqlCatalog::CommitAll(std::span<const TableCommit> commits, std::stop_token stop) {
  std::vector<std::string> locations;
  std::vector<std::pair<StorePtr, std::vector<std::string>>> dropped;
  for (const TableCommit& commit : commits) {
    NILUS_ASSIGN(const StorePtr store, StoreForLocation(commit.result.location, stop));
    dropped.emplace_back(store, std::vector<std::string>());
    TableMetadata metadata = commit.result;
    NILUS_ASSIGN(std::string location, WriteNewMetadata(*store, commit.base, &metadata, &dropped.back().second, stop));
    locations.push_back(std::move(location));
  }
  {
    NILUS_FAULT_POINT("lake.sql.swap");
    const Status swapped = LockedSwap(commits, locations);
    for (size_t i = 0; i < commits.size(); ++i) RemoveLost(swapped, *dropped[i].first, locations[i], stop);
    NILUS_TRY(swapped);
    NILUS_FAULT_ACK("lake.sql.swap");
  }
  for (const auto& [store, urls] : dropped) DeleteOldMetadata(*store, urls, stop);
  return {};
}

Result<TablePtr> SqlCatalog::Commit(const TableCommit& commit, std::stop_token stop) {
  NILUS_ASSIGN(const StorePtr store, StoreForLocation(commit.result.location, stop));
  auto table = std::make_shared<Table>();
  table->identifier = commit.identifier;
  table->metadata = commit.result;
  table->store = store;
  table->catalog = shared_from_this();
  std::vector<std::string> dropped;
  NILUS_ASSIGN(table->metadata_location, WriteNewMetadata(*store, commit.base, &table->metadata, &dropped, stop));
  NILUS_FAULT_POINT("lake.sql.swap");
  const Status swapped = LockedSwap(std::span(&commit, 1), {table->metadata_location});
  RemoveLost(swapped, *store, table->metadata_location, stop);
  NILUS_TRY(swapped);
  NILUS_FAULT_ACK("lake.sql.swap");
  DeleteOldMetadata(*store, dropped, stop);
  return TablePtr(std::move(table));
}

Result<std::vector<TableIdentifier>> SqlCatalog::List(const std::string& schema, std::stop_token /*stop*/) {
  const std::lock_guard lock(mutex_);
  NILUS_TRY(Look());
  if (!has_tables_) return std::vector<TableIdentifier>();
  NILUS_ASSIGN(const SqlResult found,
               Run("SELECT table_name FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2" +
                       OnlyTables() + " ORDER BY table_name",
                   {options_.name, schema}));
  std::vector<TableIdentifier> tables;
  for (const auto& row : found.rows) tables.push_back(TableIdentifier{schema, row[0].value_or("")});
  return tables;
}

Result<std::vector<std::string>> SqlCatalog::ListSchemas(std::stop_token /*stop*/) {
  const std::lock_guard lock(mutex_);
  NILUS_TRY(Look());
  if (!has_tables_) return std::vector<std::string>();
  std::string sql = "SELECT table_namespace FROM iceberg_tables WHERE catalog_name = $1";
  if (has_properties_) sql += " UNION SELECT namespace FROM iceberg_namespace_properties WHERE catalog_name = $1";
  NILUS_ASSIGN(const SqlResult found, Run(sql + " ORDER BY 1", {options_.name}));
  std::vector<std::string> schemas;
  for (const auto& row : found.rows) schemas.push_back(row[0].value_or(""));
  return schemas;
}

Status SqlCatalog::Drop(const TableIdentifier& table, bool purge, std::stop_token stop) {
  std::optional<TablePtr> loaded;
  if (purge) {
    NILUS_ASSIGN(loaded, Load(table, stop));
  }
  {
    const std::lock_guard lock(mutex_);
    NILUS_TRY(Look());
    if (!has_tables_) return Fail(ErrorKind::kNotFound, "there is no table {}", table.ToString());
    NILUS_ASSIGN(const SqlResult gone,
                 Run("DELETE FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3" +
                         OnlyTables(),
                     {options_.name, table.schema, table.name}));
    if (gone.affected == 0) return Fail(ErrorKind::kNotFound, "there is no table {}", table.ToString());
  }
  if (!loaded) return {};
  return DeleteFolder(*(*loaded)->store, (*loaded)->metadata.location, stop);
}

}  // namespace

Result<CatalogPtr> OpenSqlCatalog(SqlCatalogOptions options) {
  NILUS_ASSIGN(std::unique_ptr<SqlConnection> connection, OpenSql(options.uri));
  auto catalog = std::make_shared<SqlCatalog>(std::move(options), std::move(connection));
  NILUS_TRY(catalog->Look());
  return CatalogPtr(std::move(catalog));
}

}  // namespace nilus::lake
