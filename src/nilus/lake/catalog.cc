#include "nilus/lake/catalog.h"

#include <algorithm>

#include "nilus/lake/manifest_reader.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

// v1 tables of old: no manifest list, only paths. Counts are unknown.
std::vector<ManifestFile> ManifestsOfV1(const Snapshot& snapshot) {
  std::vector<ManifestFile> manifests;
  for (const std::string& path : snapshot.manifests) {
    ManifestFile manifest;
    manifest.path = path;
    manifest.added_snapshot_id = snapshot.id;
    manifests.push_back(std::move(manifest));
  }
  return manifests;
}

}  // namespace

Status Catalog::CommitAll(std::span<const TableCommit> /*commits*/, std::stop_token /*stop*/) {
  return Fail(ErrorKind::kUnsupported, "{} cannot commit several tables in one step", description());
}

Result<std::vector<ManifestFile>> ReadManifestList(const Table& table, const Snapshot& snapshot, std::stop_token stop) {
  if (snapshot.manifest_list.empty()) return ManifestsOfV1(snapshot);
  NILUS_ASSIGN(const std::string bytes, ReadFile(*table.store, snapshot.manifest_list, std::move(stop)));
  Result<std::vector<ManifestFile>> manifests = DecodeManifestList(bytes);
  if (!manifests) return Failure(InContext(snapshot.manifest_list, std::move(manifests).error()));
  return manifests;
}

Result<std::vector<ManifestEntry>> ReadManifest(const Table& table, const ManifestFile& manifest, bool with_deleted,
                                                std::stop_token stop) {
  NILUS_ASSIGN(const std::string bytes, ReadFile(*table.store, manifest.path, std::move(stop)));
  Result<DecodedManifest> decoded = DecodeManifest(bytes, manifest, with_deleted);
  if (!decoded) return Failure(InContext(manifest.path, std::move(decoded).error()));
  return std::move(decoded->entries);
}

Status AddMetadataLog(const TablePtr& base, TableMetadata* result, std::vector<std::string>* dropped) {
  if (base == nullptr) return {};
  result->metadata_log.push_back(MetadataLogEntry{base->metadata.last_updated_ms, base->metadata_location});
  size_t most = kDefaultPreviousVersions;
  if (const auto text = result->Property("write.metadata.previous-versions-max")) {
    const std::optional<int64_t> number = ParsePropertyNumber(*text);
    if (!number || *number < 1) {
      return Fail(ErrorKind::kInvalidInput, "the table property write.metadata.previous-versions-max is {}, no number",
                  *text);
    }
    most = static_cast<size_t>(*number);
  }
  if (result->metadata_log.size() <= most) return {};
  const auto keep_from = result->metadata_log.end() - static_cast<std::ptrdiff_t>(most);
  if (result->Property("write.metadata.delete-after-commit.enabled") == "true") {
    for (auto at = result->metadata_log.begin(); at != keep_from; ++at) dropped->push_back(at->metadata_file);
  }
  result->metadata_log.erase(result->metadata_log.begin(), keep_from);
  return {};
}

std::optional<int64_t> ParsePropertyNumber(std::string_view text) {
  int64_t number = 0;
  if (text.empty() || text.size() > 18) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

Result<TableMetadata> ReadMetadata(storage::ObjectStore& store, const std::string& url, std::stop_token stop) {
  NILUS_ASSIGN(const std::string bytes, ReadFile(store, url, std::move(stop)));
  Result<TableMetadata> metadata = MetadataFromJson(bytes);
  if (!metadata) return Failure(InContext(url, std::move(metadata).error()));
  return metadata;
}

}  // namespace nilus::lake
