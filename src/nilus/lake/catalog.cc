#include "nilus/lake/catalog.h"

#include <algorithm>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/lake/avro_codec.h"
#include "nilus/lake/manifest_reader.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/snapshot_builder.h"
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

namespace {

// "…/00012-<uuid>.metadata.json" → 12; others' names, and none: 0, so that the next one is 1.
int64_t NumberOfMetadataFile(const TablePtr& base) {
  if (base == nullptr) return -1;
  const std::string& url = base->metadata_location;
  const std::string_view name = std::string_view(url).substr(url.rfind('/') + 1);
  return ParsePropertyNumber(name.substr(0, name.find('-'))).value_or(0);
}

}  // namespace

Result<std::string> WriteNewMetadata(storage::ObjectStore& store, const TablePtr& base, TableMetadata* metadata,
                                     std::vector<std::string>* dropped, std::stop_token stop) {
  NILUS_TRY(AddMetadataLog(base, metadata, dropped));
  const bool gzip = metadata->Property("write.metadata.compression-codec") == "gzip";
  std::string url = MetadataFileUrl(
      *metadata, fmt::format("{:05}-{}{}.metadata.json", NumberOfMetadataFile(base) + 1, NewId(), gzip ? ".gz" : ""));
  const std::string json = MetadataToJson(*metadata);
  NILUS_FAULT_POINT("lake.write-metadata");
  NILUS_TRY(WriteFile(store, url, gzip ? Gzip(json) : json, std::move(stop)));
  return url;
}

void DeleteOldMetadata(storage::ObjectStore& store, const std::vector<std::string>& urls, std::stop_token stop) {
  std::vector<std::string> keys;
  for (const std::string& url : urls) {
    Result<std::string> key = store.KeyOf(url);
    if (key) keys.push_back(*std::move(key));
  }
  if (keys.empty()) return;
  const Status deleted = store.Delete(keys, std::move(stop));
  if (!deleted) LogWarning("old table metadata stays: {}", deleted.error().ToString());
}

Status DeleteFolder(storage::ObjectStore& store, const std::string& url, std::stop_token stop) {
  constexpr size_t kDeleteAtOnce = 1000;
  NILUS_ASSIGN(const std::string folder, store.KeyOf(url));
  if (folder.empty()) return Fail(ErrorKind::kInternal, "{} is the whole store", url);
  std::vector<std::string> keys;
  const auto each = [&](const storage::ObjectInfo& object) -> Status {
    keys.push_back(object.key);
    return {};
  };
  NILUS_TRY(store.List(folder + "/", each, stop));
  for (size_t at = 0; at < keys.size(); at += kDeleteAtOnce) {
    NILUS_TRY(store.Delete(std::span(keys).subspan(at, std::min(kDeleteAtOnce, keys.size() - at)), stop));
  }
  return {};
}

Result<TableMetadata> ReadMetadata(storage::ObjectStore& store, const std::string& url, std::stop_token stop) {
  NILUS_ASSIGN(const std::string bytes, ReadFile(store, url, std::move(stop)));
  Result<TableMetadata> metadata = MetadataFromJson(bytes);
  if (!metadata) return Failure(InContext(url, std::move(metadata).error()));
  return metadata;
}

}  // namespace nilus::lake
