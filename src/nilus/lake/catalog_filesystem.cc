#include "nilus/lake/catalog_filesystem.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "nilus/base/encoding.h"
#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/lake/avro_codec.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kHint = "version-hint.text";
constexpr std::string_view kPlainEnd = ".metadata.json";
constexpr std::string_view kGzipEnd = ".gz.metadata.json";
constexpr size_t kDeleteAtOnce = 1000;
constexpr size_t kMostKnown = 16;

// "v12.metadata.json" → 12
std::optional<int64_t> VersionOf(std::string_view file) {
  if (!file.starts_with('v') || !file.ends_with(kPlainEnd)) return std::nullopt;
  file.remove_prefix(1);
  file.remove_suffix(file.ends_with(kGzipEnd) ? kGzipEnd.size() : kPlainEnd.size());
  return ParsePropertyNumber(file);
}

bool WantsGzip(const TableMetadata& metadata) {
  return metadata.Property("write.metadata.compression-codec") == "gzip";
}

// The commit is part of the table's history: its metadata file is in the log, or its snapshot is there.
bool HoldsCommit(const TableMetadata& metadata, const TableCommit& commit, const std::string& location) {
  const bool logged = std::any_of(metadata.metadata_log.begin(), metadata.metadata_log.end(),
                                  [&](const MetadataLogEntry& entry) { return entry.metadata_file == location; });
  if (logged) return true;
  return std::any_of(commit.updates.begin(), commit.updates.end(), [&](const TableUpdate& update) {
    const auto* added = std::get_if<AddSnapshot>(&update);
    return added != nullptr && metadata.FindSnapshot(added->snapshot->id) != nullptr;
  });
}

class FilesystemCatalog final : public Catalog {
 public:
  explicit FilesystemCatalog(StorePtr store) : store_(std::move(store)) {}

  Result<std::optional<TablePtr>> Load(const TableIdentifier& table, std::stop_token stop) override;
  Result<TablePtr> Commit(const TableCommit& commit, std::stop_token stop) override;
  Result<std::vector<TableIdentifier>> List(const std::string& schema, std::stop_token stop) override;
  Result<std::vector<std::string>> ListSchemas(std::stop_token stop) override;
  Status Drop(const TableIdentifier& table, bool purge, std::stop_token stop) override;
  Result<std::string> NewTableLocation(const TableIdentifier& table, std::stop_token stop) override;
  Result<StorePtr> StoreForLocation(const std::string& location, std::stop_token /*stop*/) override {
    NILUS_TRY(store_->KeyOf(location));
    return store_;
  }
  std::string description() const override { return "filesystem catalog " + store_->Url(""); }

 private:
  struct Version {
    int64_t number = 0;
    std::string key;
    std::string etag;
  };
  // A table's latest state that was read or written: a load looks at its table several times, and metadata with a long
  // history takes long to parse. The etag tells a table that was dropped and made anew.
  struct Known {
    std::string location;
    std::string etag;
    TableMetadata metadata;
  };

  static std::string TableKey(const TableIdentifier& table) {
    return FolderName(table.schema) + "/" + FolderName(table.name);
  }
  static std::string MetadataFolder(const TableIdentifier& table) { return TableKey(table) + "/metadata"; }
  static std::string VersionKey(const TableIdentifier& table, int64_t number, bool gzip) {
    return fmt::format("{}/v{}{}", MetadataFolder(table), number, gzip ? kGzipEnd : kPlainEnd);
  }

  Result<int64_t> ReadHint(const TableIdentifier& table, const std::stop_token& stop);  // 0: none
  Result<std::optional<Version>> FindVersion(const TableIdentifier& table, int64_t number, const std::stop_token& stop);
  Result<std::optional<Version>> HighestListed(const TableIdentifier& table, const std::stop_token& stop);
  Result<std::optional<Version>> Latest(const TableIdentifier& table, const std::stop_token& stop);
  Status MoveHint(const TableCommit& commit, int64_t committed, const std::string& location,
                  const std::stop_token& stop);
  Status PutHint(const TableIdentifier& table, int64_t version, const std::stop_token& stop);
  std::optional<TableMetadata> Recall(const TableIdentifier& table, const std::string& location,
                                      const std::string& etag);
  void Remember(const Table& table, const std::string& etag);

  StorePtr store_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by "schema.table"
};

Result<int64_t> FilesystemCatalog::ReadHint(const TableIdentifier& table, const std::stop_token& stop) {
  const Result<std::string> text = store_->Get(fmt::format("{}/{}", MetadataFolder(table), kHint), stop);
  if (!text) {
    if (text.error().kind == ErrorKind::kNotFound) return 0;
    return Failure(text.error());
  }
  std::string_view digits = *text;
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == '\r' || digits.back() == ' ')) {
    digits.remove_suffix(1);
  }
  return ParsePropertyNumber(digits).value_or(0);  // only a hint: whatever else it says, the versions are listed
}

Result<std::optional<FilesystemCatalog::Version>> FilesystemCatalog::FindVersion(const TableIdentifier& table,
                                                                                 int64_t number,
                                                                                 const std::stop_token& stop) {
  for (const bool gzip : {false, true}) {
    std::string key = VersionKey(table, number, gzip);
    NILUS_ASSIGN(const auto found, store_->Head(key, stop));
    if (found) return std::optional(Version{number, std::move(key), found->etag});
  }
  return std::optional<Version>();
}

Result<std::optional<FilesystemCatalog::Version>> FilesystemCatalog::HighestListed(const TableIdentifier& table,
                                                                                   const std::stop_token& stop) {
  std::optional<Version> highest;
  const std::string prefix = MetadataFolder(table) + "/v";
  NILUS_TRY(store_->List(
      prefix,
      [&](const storage::ObjectInfo& object) -> Status {
        const std::optional<int64_t> number = VersionOf(object.key.substr(prefix.size() - 1));
        if (number && (!highest || *number > highest->number)) highest = Version{*number, object.key, object.etag};
        return {};
      },
      stop));
  return highest;
}

Result<std::optional<FilesystemCatalog::Version>> FilesystemCatalog::Latest(const TableIdentifier& table,
                                                                            const std::stop_token& stop) {
  NILUS_ASSIGN(const int64_t hint, ReadHint(table, stop));
  std::optional<Version> latest;
  if (hint > 0) {
    NILUS_ASSIGN(latest, FindVersion(table, hint, stop));
  }
  if (!latest) {
    NILUS_ASSIGN(latest, HighestListed(table, stop));
  }
  while (latest) {
    NILUS_ASSIGN(std::optional<Version> next, FindVersion(table, latest->number + 1, stop));
    if (!next) break;
    latest = std::move(next);
  }
  return latest;
}

Result<std::optional<TablePtr>> FilesystemCatalog::Load(const TableIdentifier& identifier, std::stop_token stop) {
  for (int attempts = 0;; ++attempts) {
    NILUS_ASSIGN(const std::optional<Version> latest, Latest(identifier, stop));
    if (!latest) return std::optional<TablePtr>();
    auto table = std::make_shared<Table>();
    table->identifier = identifier;
    table->metadata_location = store_->Url(latest->key);
    table->store = store_;
    table->catalog = shared_from_this();
    if (std::optional<TableMetadata> known = Recall(identifier, table->metadata_location, latest->etag)) {
      table->metadata = *std::move(known);
      return std::optional<TablePtr>(std::move(table));
    }
    Result<TableMetadata> metadata = lake::ReadMetadata(*store_, table->metadata_location, stop);
    if (!metadata) {
      // Many commits happened in between, and the last of them removed this version.
      if (metadata.error().kind == ErrorKind::kNotFound && attempts < 3) continue;
      return Failure(std::move(metadata).error());
    }
    table->metadata = *std::move(metadata);
    Remember(*table, latest->etag);
    return std::optional<TablePtr>(std::move(table));
  }
}

std::optional<TableMetadata> FilesystemCatalog::Recall(const TableIdentifier& table, const std::string& location,
                                                       const std::string& etag) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(table.ToString());
  if (known == known_.end() || etag.empty()) return std::nullopt;
  if (known->second.location != location || known->second.etag != etag) return std::nullopt;
  return known->second.metadata;
}

void FilesystemCatalog::Remember(const Table& table, const std::string& etag) {
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_[table.identifier.ToString()] = Known{table.metadata_location, etag, table.metadata};
}

Result<TablePtr> FilesystemCatalog::Commit(const TableCommit& commit, std::stop_token stop) {
  auto table = std::make_shared<Table>();
  table->identifier = commit.identifier;
  table->metadata = commit.result;
  table->store = store_;
  table->catalog = shared_from_this();
  int64_t base_version = 0;
  if (commit.base != nullptr) {
    NILUS_ASSIGN(const std::string key, store_->KeyOf(commit.base->metadata_location));
    const std::optional<int64_t> number = VersionOf(key.substr(key.rfind('/') + 1));
    if (!number) {
      return Fail(ErrorKind::kUnsupported, "{} is no metadata file of a filesystem catalog",
                  commit.base->metadata_location);
    }
    base_version = *number;
  } else {
    NILUS_ASSIGN(const std::optional<Version> there, Latest(commit.identifier, stop));
    if (there) {
      return Fail(ErrorKind::kConflict, "table {} was created by somebody else", commit.identifier.ToString());
    }
  }
  std::vector<std::string> dropped;
  NILUS_TRY(AddMetadataLog(commit.base, &table->metadata, &dropped));
  const bool gzip = WantsGzip(commit.base != nullptr ? commit.base->metadata : commit.result);
  const std::string key = VersionKey(commit.identifier, base_version + 1, gzip);
  table->metadata_location = store_->Url(key);
  std::string json = MetadataToJson(table->metadata);
  if (gzip) json = Gzip(json);

  NILUS_FAULT_POINT("lake.fs.put-metadata");
  const auto put = store_->Put(key, json, storage::PutCondition::IfAbsent(), stop);
  if (!put) {
    if (put.error().kind != ErrorKind::kConflict) return Failure(put.error());
    return Fail(ErrorKind::kConflict, "table {} was changed by somebody else: version {} exists",
                commit.identifier.ToString(), base_version + 1);
  }
  NILUS_FAULT_ACK("lake.fs.put-metadata");
  Remember(*table, put->etag);
  NILUS_TRY(MoveHint(commit, base_version + 1, table->metadata_location, stop));
  DeleteOldMetadata(*store_, dropped, stop);
  return TablePtr(std::move(table));
}

// Moves the hint up. A hint that is further on already tells of a writer that was stopped for long, while the version
// that it put has been committed, and removed again, by others: then the table decides whether this commit is in it.
Status FilesystemCatalog::MoveHint(const TableCommit& commit, int64_t committed, const std::string& location,
                                   const std::stop_token& stop) {
  const Result<int64_t> hint = ReadHint(commit.identifier, stop);
  if (hint && *hint > committed) {
    const auto table = Load(commit.identifier, stop);
    if (!table) {
      return Fail(ErrorKind::kUnknownOutcome, "version {} of table {} was written, but the table could not be read: {}",
                  committed, commit.identifier.ToString(), table.error().message);
    }
    if (*table && HoldsCommit((**table)->metadata, commit, location)) return {};
    return Fail(ErrorKind::kConflict, "table {} went on to version {} while this commit waited",
                commit.identifier.ToString(), *hint);
  }
  const Status put = PutHint(commit.identifier, committed, stop);
  // Readers find the version without the hint.
  if (!put) {
    LogWarning("the version hint of {} stays behind: {}", commit.identifier.ToString(), put.error().ToString());
  }
  return {};
}

Result<std::string> FilesystemCatalog::NewTableLocation(const TableIdentifier& table, std::stop_token stop) {
  NILUS_ASSIGN(const std::vector<std::string> there, TableMetadataIn(*store_, TableKey(table), std::move(stop)));
  for (const std::string& key : there) {
    if (VersionOf(std::string_view(key).substr(key.rfind('/') + 1))) continue;  // of this catalog: a faster creator's
    return FailWithFix(
        ErrorKind::kInvalidInput, "use that catalog (catalog_type=…), another table name or another folder",
        "the folder of table {} holds a table of another catalog: {}", table.ToString(), store_->Url(key));
  }
  return store_->Url(TableKey(table));
}

Status FilesystemCatalog::PutHint(const TableIdentifier& table, int64_t version, const std::stop_token& stop) {
  NILUS_FAULT_POINT("lake.fs.put-hint");
  return store_->PutHint(fmt::format("{}/{}", MetadataFolder(table), kHint), std::to_string(version), stop);
}

Result<std::vector<std::string>> FilesystemCatalog::ListSchemas(std::stop_token stop) {
  NILUS_ASSIGN(const storage::FolderListing listing, store_->ListFolder("", std::move(stop)));
  std::vector<std::string> schemas;
  for (const std::string& folder : listing.folders) {
    if (!folder.starts_with('.')) schemas.push_back(NameOfFolder(folder));
  }
  return schemas;
}

Result<std::vector<TableIdentifier>> FilesystemCatalog::List(const std::string& schema, std::stop_token stop) {
  NILUS_ASSIGN(const storage::FolderListing listing, store_->ListFolder(FolderName(schema), stop));
  std::vector<TableIdentifier> tables;
  for (const std::string& folder : listing.folders) {
    TableIdentifier table{schema, NameOfFolder(folder)};
    NILUS_ASSIGN(const std::optional<Version> latest, Latest(table, stop));
    if (latest) tables.push_back(std::move(table));
  }
  return tables;
}

Status FilesystemCatalog::Drop(const TableIdentifier& table, bool purge, std::stop_token stop) {
  NILUS_ASSIGN(const std::optional<Version> latest, Latest(table, stop));
  if (!latest) return Fail(ErrorKind::kNotFound, "there is no table {}", table.ToString());
  // Old versions first, the latest one last: nobody ever sees an older state.
  std::vector<std::pair<int64_t, std::string>> versions;
  std::vector<std::string> others;
  NILUS_TRY(store_->List(
      TableKey(table) + "/",
      [&](const storage::ObjectInfo& object) -> Status {
        const size_t slash = object.key.rfind('/');
        const std::optional<int64_t> number = VersionOf(object.key.substr(slash + 1));
        if (number && object.key.substr(0, slash) == MetadataFolder(table)) {
          versions.emplace_back(*number, object.key);
        } else if (purge && object.key.substr(slash + 1) != kHint) {
          others.push_back(object.key);
        }
        return {};
      },
      stop));
  std::sort(versions.begin(), versions.end());
  std::vector<std::string> keys{fmt::format("{}/{}", MetadataFolder(table), kHint)};
  for (auto& [number, key] : versions) keys.push_back(std::move(key));
  keys.insert(keys.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  for (size_t at = 0; at < keys.size(); at += kDeleteAtOnce) {
    const size_t count = std::min(kDeleteAtOnce, keys.size() - at);
    NILUS_TRY(store_->Delete(std::span(keys).subspan(at, count), stop));
  }
  return {};
}

}  // namespace

CatalogPtr OpenFilesystemCatalog(StorePtr store) { return std::make_shared<FilesystemCatalog>(std::move(store)); }

std::string FolderName(std::string_view name) {
  std::string folder;
  const bool only_dots = name.find_first_not_of('.') == std::string_view::npos;
  for (const char c : name) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '/' || c == '\\' || c == '%' || byte < 0x20 || byte == 0x7F || (only_dots && c == '.')) {
      folder += fmt::format("%{:02X}", byte);
    } else {
      folder += c;
    }
  }
  return folder;
}

std::string NameOfFolder(std::string_view folder) { return PercentDecode(folder); }

}  // namespace nilus::lake
