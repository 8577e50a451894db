// Where tables are found by name, and the atomic step that makes new metadata current.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/lake/manifest.h"
#include "nilus/lake/table_files.h"
#include "nilus/lake/table_metadata.h"
#include "nilus/lake/table_update.h"

namespace nilus::lake {

// schema.table in Nilus's words; a namespace may have several levels, separated by dots, in REST catalogs.
struct TableIdentifier {
  std::string schema;
  std::string name;
  std::string ToString() const { return schema + "." + name; }
  friend bool operator==(const TableIdentifier&, const TableIdentifier&) = default;
};

class Catalog;

// One state of a table as a catalog gave it. Immutable, shared between threads.
struct Table {
  TableIdentifier identifier;
  TableMetadata metadata;
  std::string metadata_location;  // URL of the metadata file
  StorePtr store;                 // its location and everything it names lies in there
  std::shared_ptr<Catalog> catalog;
};
using TablePtr = std::shared_ptr<const Table>;

// A change to be made current. The metadata that the updates make out of base's is `result`.
struct TableCommit {
  TableIdentifier identifier;
  TablePtr base;  // null: the table is created
  std::vector<TableRequirement> requirements;
  std::vector<TableUpdate> updates;
  TableMetadata result;
};

// Thread-safe.
class Catalog : public std::enable_shared_from_this<Catalog> {
 public:
  virtual ~Catalog() = default;
  // Nothing: there is no such table.
  virtual Result<std::optional<TablePtr>> Load(const TableIdentifier& table, std::stop_token stop) = 0;
  // Makes commit.result current if the table still is as commit.base, in one atomic step.
  // kConflict: it is not (or it exists, for a creation); the caller loads anew. kUnknownOutcome: no answer came; the
  // caller looks for its snapshot id. Files are never deleted here.
  virtual Result<TablePtr> Commit(const TableCommit& commit, std::stop_token stop) = 0;
  // Several tables in one atomic step, where the catalog offers that.
  virtual bool has_multi_table_commit() const { return false; }
  virtual bool creates_in_multi_table_commit() const { return false; }  // tables that are not there yet, too
  // kUnsupported: it cannot after all, and nothing was done.
  virtual Status CommitAll(std::span<const TableCommit> commits, std::stop_token stop);
  virtual Result<std::vector<TableIdentifier>> List(const std::string& schema, std::stop_token stop) = 0;
  virtual Result<std::vector<std::string>> ListSchemas(std::stop_token stop) = 0;
  // Forgets the table. Its files stay unless `purge`.
  virtual Status Drop(const TableIdentifier& table, bool purge, std::stop_token stop) = 0;
  // Where a new table's files go: <warehouse>/<schema>/<name> in most. Never a folder that holds another table
  // (kInvalidInput where the catalog has no choice).
  virtual Result<std::string> NewTableLocation(const TableIdentifier& table, std::stop_token stop) = 0;
  // Files of tables that are not created yet; a loaded table has its own `store`.
  virtual Result<StorePtr> StoreForLocation(const std::string& location, std::stop_token stop) = 0;
  // For messages: "filesystem catalog file:///warehouse".
  virtual std::string description() const = 0;
};
using CatalogPtr = std::shared_ptr<Catalog>;

// --- Reading a table's lists of files (manifest_reader.h decodes) ---

// Of a snapshot; decoded manifest lists and manifests are not cached: a scan reads each once.
Result<std::vector<ManifestFile>> ReadManifestList(const Table& table, const Snapshot& snapshot, std::stop_token stop);
// Entries in file order with inherited values filled in: deleted ones too, when wanted.
Result<std::vector<ManifestEntry>> ReadManifest(const Table& table, const ManifestFile& manifest, bool with_deleted,
                                                std::stop_token stop);

// --- For catalogs ---

Result<TableMetadata> ReadMetadata(storage::ObjectStore& store, const std::string& url, std::stop_token stop);
inline constexpr size_t kDefaultPreviousVersions = 100;
// Adds the base to the metadata log, which keeps write.metadata.previous-versions-max entries. Files of those that fall
// out go into *dropped when the table has write.metadata.delete-after-commit.enabled: to be deleted after the commit.
Status AddMetadataLog(const TablePtr& base, TableMetadata* result, std::vector<std::string>* dropped);
// Writes metadata/<N>-<uuid>.metadata.json (.gz. as the property write.metadata.compression-codec says), N one more
// than the base's, with the base in the metadata log. Its URL.
Result<std::string> WriteNewMetadata(storage::ObjectStore& store, const TablePtr& base, TableMetadata* metadata,
                                     std::vector<std::string>* dropped, std::stop_token stop);
// Tidying behind a commit that stands, or one that lost for certain: what cannot be deleted is only logged.
void DeleteOldMetadata(storage::ObjectStore& store, const std::vector<std::string>& urls, std::stop_token stop);
// Every file below a folder's URL.
Status DeleteFolder(storage::ObjectStore& store, const std::string& url, std::stop_token stop);
std::optional<int64_t> ParsePropertyNumber(std::string_view text);  // digits only

}  // namespace nilus::lake
