#include "nilus/lake/maintenance.h"

#include <algorithm>
#include <set>

#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/lake/avro_codec.h"
#include "nilus/lake/json.h"
#include "nilus/lake/snapshot_builder.h"
#include "nilus/lake/transaction.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

constexpr int64_t kDefaultMaxAgeMs = int64_t{5} * 24 * 3600 * 1000;
constexpr size_t kDeleteAtOnce = 1000;

using Urls = std::set<std::string, std::less<>>;

int64_t NowMs() { return std::chrono::floor<std::chrono::milliseconds>(Now()).time_since_epoch().count(); }

int64_t NumberOr(const TableMetadata& metadata, std::string_view property, int64_t otherwise) {
  const auto text = metadata.Property(property);
  return text ? ParsePropertyNumber(*text).value_or(otherwise) : otherwise;
}

// Every file that some snapshots name: lists, manifests, and the data and delete files that are live in them.
struct Named {
  Urls metadata_files;
  Urls live_files;
};

Result<Named> NamedBy(const Table& table, const std::vector<SnapshotPtr>& snapshots, bool with_deleted,
                      const Urls& skip_manifests, const std::stop_token& stop) {
  Named named;
  Urls read;
  for (const SnapshotPtr& snapshot : snapshots) {
    if (!snapshot->manifest_list.empty()) named.metadata_files.insert(snapshot->manifest_list);
    NILUS_ASSIGN(const std::vector<ManifestFile> manifests, ReadManifestList(table, *snapshot, stop));
    for (const ManifestFile& manifest : manifests) {
      named.metadata_files.insert(manifest.path);
      if (skip_manifests.contains(manifest.path) || !read.insert(manifest.path).second) continue;
      NILUS_ASSIGN(const std::vector<ManifestEntry> entries, ReadManifest(table, manifest, with_deleted, stop));
      for (const ManifestEntry& entry : entries) named.live_files.insert(entry.file.path);
    }
  }
  return named;
}

Status DeleteUrls(storage::ObjectStore& store, const std::vector<std::string>& urls, const std::stop_token& stop) {
  std::vector<std::string> keys;
  for (const std::string& url : urls) {
    NILUS_ASSIGN(std::string key, store.KeyOf(url));
    keys.push_back(std::move(key));
  }
  for (size_t at = 0; at < keys.size(); at += kDeleteAtOnce) {
    NILUS_FAULT_POINT("lake.maintenance.delete");
    NILUS_TRY(store.Delete(std::span(keys).subspan(at, std::min(kDeleteAtOnce, keys.size() - at)), stop));
  }
  return {};
}

Status CheckMayDelete(const Table& table, std::string_view doing) {
  if (MayDeleteFiles(table.metadata)) return {};
  return FailWithFix(ErrorKind::kUnsupported, "remove the table property gc.enabled once no other table has its files",
                     "cannot {} of table {}: gc.enabled is false, and deleting files may corrupt other tables", doing,
                     table.identifier.ToString());
}

// What a branch keeps, from its end backwards.
void KeepBranch(const TableMetadata& metadata, const SnapshotRef& ref, int64_t min_count, int64_t max_count,
                int64_t oldest_ms, std::set<int64_t>* kept) {
  int64_t count = 0;
  metadata.WalkAncestors(metadata.FindSnapshot(ref.snapshot_id), [&](const SnapshotPtr& at) {
    if (count >= min_count && (at->timestamp_ms < oldest_ms || count >= max_count)) return false;
    kept->insert(at->id);
    ++count;
    return true;
  });
}

// What the refs that stay lead to.
std::set<int64_t> Referenced(const TableMetadata& metadata, const std::vector<std::string>& expired_refs) {
  std::set<int64_t> referenced;
  for (const auto& [name, ref] : metadata.refs) {
    if (std::find(expired_refs.begin(), expired_refs.end(), name) != expired_refs.end()) continue;
    referenced.insert(ref.snapshot_id);
    if (ref.is_tag) continue;
    metadata.WalkAncestors(metadata.FindSnapshot(ref.snapshot_id), [&](const SnapshotPtr& at) {
      referenced.insert(at->id);
      return true;
    });
  }
  return referenced;
}

}  // namespace

bool MayDeleteFiles(const TableMetadata& metadata) {
  const auto enabled = metadata.Property("gc.enabled");
  return !enabled || ParseBoolean(*enabled).value_or(false);
}

Expired ChooseExpired(const TableMetadata& metadata, const ExpireOptions& options, int64_t now_ms) {
  const int64_t max_age_ms = NumberOr(metadata, "history.expire.max-snapshot-age-ms", kDefaultMaxAgeMs);
  const int64_t min_count = std::max(options.keep_last, NumberOr(metadata, "history.expire.min-snapshots-to-keep", 1));
  const std::optional<int64_t> older_than_ms =
      options.older_than
          ? std::optional(std::chrono::floor<std::chrono::milliseconds>(*options.older_than).time_since_epoch().count())
          : std::nullopt;
  const int64_t default_oldest_ms = older_than_ms.value_or(now_ms - max_age_ms);
  const int64_t max_ref_age_ms =
      NumberOr(metadata, "history.expire.max-ref-age-ms", std::numeric_limits<int64_t>::max());
  Expired expired;
  std::set<int64_t> kept;
  for (const auto& [name, ref] : metadata.refs) {
    const SnapshotPtr end = metadata.FindSnapshot(ref.snapshot_id);
    const int64_t ref_age = ref.max_ref_age_ms.value_or(max_ref_age_ms);
    if (name != kMainBranch && end != nullptr && now_ms - end->timestamp_ms > ref_age) {
      expired.refs.push_back(name);
      continue;
    }
    kept.insert(ref.snapshot_id);
    if (ref.is_tag) continue;
    const int64_t oldest_ms = ref.max_snapshot_age_ms ? now_ms - *ref.max_snapshot_age_ms : default_oldest_ms;
    KeepBranch(metadata, ref, std::max<int64_t>(1, std::max(min_count, ref.min_snapshots_to_keep.value_or(1))),
               options.keep_at_most.value_or(std::numeric_limits<int64_t>::max()), oldest_ms, &kept);
  }
  // Somebody may go back to what a rollback left, or publish what was staged: these have their time as well.
  const std::set<int64_t> referenced = Referenced(metadata, expired.refs);
  for (const SnapshotPtr& snapshot : metadata.snapshots) {
    if (kept.contains(snapshot->id)) continue;
    if (!referenced.contains(snapshot->id) && snapshot->timestamp_ms >= default_oldest_ms) continue;
    expired.snapshots.push_back(snapshot->id);
  }
  return expired;
}

namespace {

// Files that the gone snapshots name and the others do not.
Result<std::vector<std::string>> OnlyOf(const Table& table, const std::vector<int64_t>& gone_ids,
                                        const std::stop_token& stop) {
  const std::set<int64_t> gone_set(gone_ids.begin(), gone_ids.end());
  std::vector<SnapshotPtr> gone;
  std::vector<SnapshotPtr> kept;
  for (const SnapshotPtr& snapshot : table.metadata.snapshots) {
    (gone_set.contains(snapshot->id) ? gone : kept).push_back(snapshot);
  }
  // Manifests that live on need not be read for what is gone: whatever is live in them is kept.
  Urls kept_metadata;
  for (const SnapshotPtr& snapshot : kept) {
    kept_metadata.insert(snapshot->manifest_list);
    NILUS_ASSIGN(const std::vector<ManifestFile> manifests, ReadManifestList(table, *snapshot, stop));
    for (const ManifestFile& manifest : manifests) kept_metadata.insert(manifest.path);
  }
  NILUS_ASSIGN(const Named named, NamedBy(table, gone, /*with_deleted=*/true, kept_metadata, stop));
  std::vector<std::string> files;
  if (!named.live_files.empty()) {
    NILUS_ASSIGN(const Named needed, NamedBy(table, kept, /*with_deleted=*/false, {}, stop));
    std::set_difference(named.live_files.begin(), named.live_files.end(), needed.live_files.begin(),
                        needed.live_files.end(), std::back_inserter(files));
  }
  std::set_difference(named.metadata_files.begin(), named.metadata_files.end(), kept_metadata.begin(),
                      kept_metadata.end(), std::back_inserter(files));
  return files;
}

}  // namespace

Result<ExpireReport> ExpireSnapshots(const TablePtr& table, const ExpireOptions& options, std::stop_token stop) {
  NILUS_TRY(CheckMayDelete(*table, "expire snapshots"));
  const Expired expired = ChooseExpired(table->metadata, options, NowMs());
  ExpireReport report;
  report.snapshots = expired.snapshots;
  report.refs = expired.refs;
  if (expired.snapshots.empty() && expired.refs.empty()) return report;
  NILUS_ASSIGN(report.files, OnlyOf(*table, expired.snapshots, stop));
  if (options.dry_run) return report;
  Transaction change(table);
  for (const std::string& ref : expired.refs) NILUS_TRY(change.RemoveRef(ref));
  if (!expired.snapshots.empty()) NILUS_TRY(change.RemoveSnapshots(expired.snapshots));
  NILUS_ASSIGN(const CommitOutcome outcome, change.Commit(stop));
  // Somebody may have committed in between, on a branch or by bringing a file back: what is named now stays.
  const Table& now = *outcome.table;
  if (!MayDeleteFiles(now.metadata)) report.files.clear();
  if (now.metadata_location != table->metadata_location && !report.files.empty()) {
    NILUS_ASSIGN(const Named needed, NamedBy(now, now.metadata.snapshots, /*with_deleted=*/false, {}, stop));
    std::erase_if(report.files, [&](const std::string& url) {
      return needed.live_files.contains(url) || needed.metadata_files.contains(url);
    });
  }
  NILUS_TRY(DeleteUrls(*table->store, report.files, stop));
  return report;
}

namespace {

// Statistics files that the metadata names.
void AddStatistics(const std::string& json, Urls* urls) {
  if (json.empty()) return;
  const Result<Json> list = ParseJson(json, "statistics");
  if (!list || !list->is_array()) return;
  for (const Json& item : *list) {
    if (!item.is_object()) continue;
    const auto path = item.find("statistics-path");
    if (path != item.end() && path->is_string()) urls->insert(path->get<std::string>());
  }
}

bool IsOwnMetadata(const std::string& url, const Table& table) {
  // The pointer of a filesystem catalog, and the metadata files that it counts: versions behind the one loaded may have
  // been committed meanwhile.
  const std::string name = url.substr(url.rfind('/') + 1);
  return name == "version-hint.text" || url == table.metadata_location;
}

// Now, by the clock that files' times come from: this machine's may be days ahead, and young files would look old. An
// object is written to tell.
Result<WallTime> StoreTime(const Table& table, const std::stop_token& stop) {
  const std::string url = MetadataFileUrl(table.metadata, "nilus-clock-" + NewId());
  NILUS_ASSIGN(const std::string key, table.store->KeyOf(url));
  NILUS_TRY(table.store->Put(key, "", {}, stop));
  NILUS_ASSIGN(const std::optional<storage::ObjectInfo> written, table.store->Head(key, stop));
  NILUS_TRY(table.store->Delete(key, stop));
  if (!written) return Fail(ErrorKind::kTransient, "{} was written, and is gone", url);
  return written->modified;
}

// The other table that a metadata file is of. Empty: it is this table's own, or too broken to be any table's.
Result<std::string> OtherOwner(const Table& table, const std::string& key, const std::stop_token& stop) {
  Result<std::string> bytes = table.store->Get(key, stop);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return std::string();
  if (!bytes) return bytes;
  if (IsGzip(*bytes)) bytes = Gunzip(*bytes, storage::ObjectStore::kLargestGetBytes);
  const Result<Json> json = bytes ? ParseJson(*bytes, key) : Result<Json>(Failure(bytes.error()));
  if (!json || !json->is_object()) return std::string();
  // Tables of format 1 may lack the first one; then their place tells them apart.
  for (const auto& [name, own] :
       {std::pair("table-uuid", &table.metadata.uuid), {"location", &table.metadata.location}}) {
    Result<std::string> value = JsonView(*json, key).StringOr(name, "");
    if (value && !value->empty()) return *value == *own ? std::string() : *std::move(value);
  }
  return std::string();
}

// Another catalog may have given the same folder to a table of its own, and a location may have others' below it.
Status CheckFolderIsOwn(const Table& table, const std::vector<std::string>& metadata_keys, const Urls& own,
                        const std::stop_token& stop) {
  for (const std::string& key : metadata_keys) {
    if (own.contains(key)) continue;
    NILUS_ASSIGN(const std::string other, OtherOwner(table, key, stop));
    if (other.empty()) continue;
    return FailWithFix(ErrorKind::kUnsupported,
                       "give one of them a folder of its own; if nobody needs the other one, remove its metadata first",
                       "the folder {} of table {} ({}) holds files of another table ({}), which must not be taken for "
                       "orphans: {}",
                       table.metadata.location, table.identifier.ToString(), table.metadata.uuid, other,
                       table.store->Url(key));
  }
  return {};
}

// "s3://bucket", "file:///": whatever else lies there would look like an orphan.
Status CheckIsFolder(const Table& table) {
  std::string_view path = table.metadata.location;
  if (const size_t scheme = path.find("://"); scheme != std::string_view::npos) {
    path.remove_prefix(std::min(path.find('/', scheme + 3), path.size()));
  } else if (path.starts_with("file:")) {
    path.remove_prefix(5);
  }
  if (path.find_first_not_of("/.") != std::string_view::npos) return {};
  return FailWithFix(ErrorKind::kUnsupported, "give the table a folder of its own",
                     "orphans of table {} are not removed: its location {} is a whole store",
                     table.identifier.ToString(), table.metadata.location);
}

}  // namespace

Result<std::vector<OrphanFile>> FindOrphans(const TablePtr& table, const OrphanOptions& options, std::stop_token stop) {
  // The files are listed before the table is looked at: what is committed in between is then found to be named.
  NILUS_ASSIGN(const std::string prefix, PrefixBelow(*table->store, table->metadata.location));
  WallTime time = Now();
  if (options.remove) {
    NILUS_TRY(CheckMayDelete(*table, "remove orphans"));
    NILUS_TRY(CheckIsFolder(*table));
    NILUS_ASSIGN(time, StoreTime(*table, stop));
  }
  const WallTime newest = time - options.min_age;
  std::vector<OrphanFile> found;
  std::vector<std::string> metadata_keys;
  const auto each = [&](const storage::ObjectInfo& object) -> Status {
    if (IsTableMetadata(object.key)) metadata_keys.push_back(object.key);
    if (object.modified <= newest) found.push_back({table->store->Url(object.key), object.size, object.modified});
    return {};
  };
  NILUS_TRY(table->store->List(prefix, each, stop));
  NILUS_ASSIGN(const std::optional<TablePtr> loaded, table->catalog->Load(table->identifier, stop));
  if (!loaded) return Fail(ErrorKind::kNotFound, "table {} was dropped", table->identifier.ToString());
  const Table& now = **loaded;
  NILUS_ASSIGN(Named named, NamedBy(now, now.metadata.snapshots, /*with_deleted=*/false, {}, stop));
  named.metadata_files.insert(now.metadata_location);
  for (const MetadataLogEntry& entry : now.metadata.metadata_log) named.metadata_files.insert(entry.metadata_file);
  AddStatistics(now.metadata.statistics_json, &named.metadata_files);
  AddStatistics(now.metadata.partition_statistics_json, &named.metadata_files);
  // Others may write other spellings of a URL (file:/dir): keys compare alike.
  Urls keys;
  for (const Urls* urls : {&named.metadata_files, &named.live_files}) {
    for (const std::string& url : *urls) {
      const Result<std::string> key = now.store->KeyOf(url);
      if (key) keys.insert(*key);
    }
  }
  std::erase_if(found, [&](const OrphanFile& file) {
    const Result<std::string> key = now.store->KeyOf(file.url);
    return !key || keys.contains(*key) || IsOwnMetadata(file.url, now);
  });
  if (options.remove) {
    NILUS_TRY(CheckMayDelete(now, "remove orphans"));
    NILUS_TRY(CheckFolderIsOwn(now, metadata_keys, keys, stop));
    std::vector<std::string> urls;
    for (const OrphanFile& file : found) urls.push_back(file.url);
    NILUS_TRY(DeleteUrls(*now.store, urls, stop));
  }
  return found;
}

Result<TablePtr> RollBack(const TablePtr& table, int64_t snapshot_id, bool any, std::stop_token stop) {
  const TableMetadata& metadata = table->metadata;
  if (metadata.FindSnapshot(snapshot_id) == nullptr) {
    return Fail(ErrorKind::kNotFound, "table {} has no snapshot {}", table->identifier.ToString(), snapshot_id);
  }
  const bool was_current = std::any_of(metadata.snapshot_log.begin(), metadata.snapshot_log.end(),
                                       [&](const SnapshotLogEntry& entry) { return entry.snapshot_id == snapshot_id; });
  const bool is_ancestor =
      metadata.current_snapshot_id && metadata.IsAncestor(snapshot_id, *metadata.current_snapshot_id);
  if (!any && !was_current && !is_ancestor) {
    return Fail(ErrorKind::kInvalidInput, "snapshot {} was never current in table {}", snapshot_id,
                table->identifier.ToString());
  }
  Transaction change(table);
  SnapshotRef ref;
  if (const auto main = metadata.refs.find(std::string(kMainBranch)); main != metadata.refs.end()) ref = main->second;
  ref.snapshot_id = snapshot_id;
  NILUS_TRY(change.SetRef(std::string(kMainBranch), ref));
  NILUS_ASSIGN(CommitOutcome outcome, change.Commit(std::move(stop)));
  return std::move(outcome.table);
}

}  // namespace nilus::lake
