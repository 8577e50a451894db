#include "nilus/delta/snapshot.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "nilus/delta/checkpoint_file.h"
#include "nilus/delta/log_listing.h"
#include "nilus/lake/table_files.h"
#include "nilus/storage/local_copies.h"

namespace nilus::delta {
namespace {

constexpr int kHighestReaderVersion = 3;
// What a reader has to know, and this one does.
constexpr std::array<std::string_view, 7> kReaderFeatures = {
    "columnMapping",       "deletionVectors", "timestampNtz",        "v2Checkpoint",
    "vacuumProtocolCheck", "typeWidening",    "typeWidening-preview"};

Error Naming(const std::string& file, Error error) { return InContext("reading " + file, std::move(error)); }

// Collects what a version is made of, from its newest commit back to the checkpoint: what is seen first counts.
class Replay {
 public:
  // All actions of one commit.
  Status AddCommitAction(Action action) {
    if (auto* add = std::get_if<AddFile>(&action)) {
      if (seen_.insert(IdOf(add->path, add->deletion_vector)).second) files_.push_back(std::move(*add));
    } else if (auto* remove = std::get_if<RemoveFile>(&action)) {
      seen_.insert(IdOf(remove->path, remove->deletion_vector));
    } else {
      AddOther(std::move(action));
    }
    return {};
  }

  Status AddCheckpointAction(Action action) {
    if (auto* add = std::get_if<AddFile>(&action)) {
      if (!seen_.contains(IdOf(add->path, add->deletion_vector))) files_.push_back(std::move(*add));
    } else if (auto* sidecar = std::get_if<Sidecar>(&action)) {
      sidecars_.push_back(std::move(sidecar->path));
    } else {
      AddOther(std::move(action));
    }
    return {};
  }

  std::vector<std::string> TakeSidecars() { return std::exchange(sidecars_, {}); }
  std::vector<AddFile>& files() { return files_; }
  const std::optional<Protocol>& protocol() const { return protocol_; }
  const std::optional<Metadata>& metadata() const { return metadata_; }

 private:
  static std::string IdOf(const std::string& path, const std::optional<DeletionVector>& vector) {
    return vector ? path + '\n' + vector->UniqueId() : path;
  }

  void AddOther(Action action) {
    if (auto* protocol = std::get_if<Protocol>(&action); protocol != nullptr && !protocol_)
      protocol_ = std::move(*protocol);
    if (auto* metadata = std::get_if<Metadata>(&action); metadata != nullptr && !metadata_)
      metadata_ = std::move(*metadata);
  }

  std::unordered_set<std::string> seen_;  // files of commits, added or removed
  std::vector<AddFile> files_;
  std::vector<std::string> sidecars_;
  std::optional<Protocol> protocol_;
  std::optional<Metadata> metadata_;
};

Status CheckProtocol(const Protocol& protocol) {
  if (protocol.min_reader_version > kHighestReaderVersion) {
    return Fail(ErrorKind::kUnsupported, "the table needs a reader of version {}; this one reads up to {}",
                protocol.min_reader_version, kHighestReaderVersion);
  }
  std::string unknown;
  for (const std::string& feature : protocol.reader_features) {
    if (std::find(kReaderFeatures.begin(), kReaderFeatures.end(), feature) == kReaderFeatures.end())
      unknown += (unknown.empty() ? "" : ", ") + feature.substr(0, 100);
  }
  if (unknown.empty()) return {};
  return FailWithFix(ErrorKind::kUnsupported, "drop the feature from the table, or read it with another engine",
                     "the table uses features that are not read here: {}", unknown);
}

// Otherwise a property of that name means nothing.
bool MapsColumns(const Protocol& protocol) {
  const auto& features = protocol.reader_features;
  return protocol.min_reader_version == 2 ||
         std::find(features.begin(), features.end(), "columnMapping") != features.end();
}

class SnapshotReader {
 public:
  SnapshotReader(storage::ObjectStore& store, const std::string& folder, duck::Connection& connection,
                 std::stop_token stop)
      : store_(store), folder_(folder.empty() ? "" : folder + "/"), connection_(connection), stop_(std::move(stop)) {}

  Result<Snapshot> Read(const VersionWish& wish) {
    NILUS_TRY(List());
    NILUS_ASSIGN(int64_t version, Choose(wish));
    NILUS_TRY(ReplayUpTo(version));
    if (!replay_.protocol() || !replay_.metadata()) {
      return Fail(ErrorKind::kData, "the log of {} has no protocol or no metadata up to version {}", Table(), version);
    }
    NILUS_TRY(CheckProtocol(*replay_.protocol()));
    Snapshot snapshot{.version = version};
    Metadata metadata = *replay_.metadata();
    if (!MapsColumns(*replay_.protocol())) metadata.configuration.erase("delta.columnMapping.mode");
    auto schema = ParseTableSchema(metadata);
    if (!schema) return Failure(Naming("the schema of " + Table(), schema.error()));
    snapshot.schema = *std::move(schema);
    for (AddFile& add : replay_.files()) {
      NILUS_ASSIGN(DataFile file, FileOf(add));
      snapshot.files.push_back(std::move(file));
    }
    std::sort(snapshot.files.begin(), snapshot.files.end(),
              [](const DataFile& a, const DataFile& b) { return a.key < b.key; });
    return snapshot;
  }

 private:
  std::string Table() const {
    return store_.Url(std::string_view(folder_).substr(0, folder_.empty() ? 0 : folder_.size() - 1));
  }

  Status List() {
    NILUS_TRY(store_.List(
        folder_ + "_delta_log/0",  // versions have 20 digits; sidecars and the like stay out
        [&](const storage::ObjectInfo& file) {
          log_.Add(file);
          return Status();
        },
        stop_));
    if (log_.latest()) return {};
    return FailWithFix(ErrorKind::kNotFound, "check the path: a Delta table has a folder _delta_log",
                       "there is no Delta table at {}", Table());
  }

  Result<int64_t> Choose(const VersionWish& wish) {
    if (wish.time) return VersionAt(*wish.time);
    const int64_t latest = *log_.latest();
    if (!wish.version) return latest;
    if (*wish.version >= 0 && *wish.version <= latest) return *wish.version;
    return Fail(ErrorKind::kNotFound, "{} has no version {}: the latest is {}", Table(), *wish.version, latest);
  }

  // Commit times rise with versions: those of files are raised to a millisecond behind the one before.
  Result<int64_t> VersionAt(WallTime time) {
    std::vector<std::pair<int64_t, WallTime>> times;
    for (const auto& [version, commit] : log_.commits()) {
      WallTime at = commit.modified;
      if (!times.empty()) at = std::max(at, times.back().second + std::chrono::milliseconds(1));
      times.emplace_back(version, at);
    }
    size_t low = 0;  // commits before it are not later than `time`
    for (size_t high = times.size(); low < high;) {
      const size_t middle = low + (high - low) / 2;
      NILUS_ASSIGN(WallTime at, CommitTime(times[middle].first, times[middle].second));
      if (at <= time) low = middle + 1;
      if (at > time) high = middle;
    }
    if (low > 0) return times[low - 1].first;
    return Fail(ErrorKind::kNotFound, "{} has no version as old as {}: the oldest commit that is kept is {}", Table(),
                FormatWallTime(time), times.empty() ? "none" : std::to_string(times[0].first));
  }

  Result<WallTime> CommitTime(int64_t version, WallTime otherwise) {
    const std::string& key = log_.commits().at(version).key;
    NILUS_ASSIGN(std::string text, store_.Get(key, stop_));
    // An in-commit timestamp stands in the first action.
    auto action = ParseAction(std::string_view(text).substr(0, text.find('\n')));
    if (!action) return Failure(Naming(store_.Url(key), action.error()));
    const auto* info = std::get_if<CommitInfo>(&*action);
    if (info == nullptr || !info->in_commit_timestamp) return otherwise;
    return WallTime(std::chrono::milliseconds(*info->in_commit_timestamp));
  }

  Status ReplayUpTo(int64_t version) {
    const auto checkpoint = log_.CheckpointUpTo(version);
    const int64_t first = checkpoint ? checkpoint->version + 1 : 0;
    for (int64_t at = version; at >= first; --at) {
      const auto commit = log_.commits().find(at);
      if (commit == log_.commits().end()) return MissingCommit(at, version, first);
      NILUS_ASSIGN(std::string text, store_.Get(commit->second.key, stop_));
      Status read = ReadActionLines(text, [&](Action action) { return replay_.AddCommitAction(std::move(action)); });
      if (!read) return Failure(Naming(store_.Url(commit->second.key), read.error()));
    }
    if (!checkpoint) return {};
    for (const std::string& key : checkpoint->keys) NILUS_TRY(ReadCheckpoint(key, checkpoint->is_json));
    for (const std::string& path : replay_.TakeSidecars())
      NILUS_TRY(ReadCheckpoint(fmt::format("{}_delta_log/_sidecars/{}", folder_, path), false));
    return {};
  }

  Failure MissingCommit(int64_t missing, int64_t version, int64_t first) const {
    const bool is_cleaned = first == 0 && !log_.commits().empty() && missing < log_.commits().begin()->first;
    if (is_cleaned || log_.commits().empty()) {
      return Fail(ErrorKind::kNotFound,
                  "version {} of {} cannot be read any more: its log was cleaned up, and no checkpoint is as old",
                  version, Table());
    }
    return Fail(ErrorKind::kData, "the log of {} lacks version {}, which version {} needs", Table(), missing, version);
  }

  Status ReadCheckpoint(const std::string& key, bool is_json) {
    const OnAction on_action = [&](Action action) { return replay_.AddCheckpointAction(std::move(action)); };
    Status read;
    if (is_json) {
      NILUS_ASSIGN(std::string text, store_.Get(key, stop_));
      read = ReadActionLines(text, on_action);
    } else {
      storage::LocalCopies copies(store_);
      NILUS_ASSIGN(const std::string path, copies.PathOf(key, stop_));
      read = ReadCheckpointFile(connection_, path, on_action, stop_);
    }
    if (!read) return Failure(Naming(store_.Url(key), read.error()));
    return {};
  }

  Result<DataFile> FileOf(AddFile& add) const {
    DataFile file{.key = folder_ + add.path, .size = add.size, .rows = add.rows};
    if (add.path.starts_with('/') || add.path.find(":/") != std::string::npos) {  // a clone's: where it was copied from
      NILUS_ASSIGN(file.key, lake::KeyOfFile(store_, add.path));
    }
    const Status is_key = storage::CheckKey(file.key);
    if (!is_key) return Fail(ErrorKind::kData, "the log of {} is damaged: {}", Table(), is_key.error().message);
    file.partition_values = std::move(add.partition_values);
    file.deletion_vector = std::move(add.deletion_vector);
    return file;
  }

  storage::ObjectStore& store_;
  std::string folder_;  // "" or "a/b/"
  duck::Connection& connection_;
  std::stop_token stop_;
  LogListing log_;
  Replay replay_;
};

}  // namespace

Result<Snapshot> ReadSnapshot(storage::ObjectStore& store, const std::string& folder, const VersionWish& wish,
                              duck::Connection& connection, std::stop_token stop) {
  if (!folder.empty()) NILUS_TRY(storage::CheckKey(folder));
  return SnapshotReader(store, folder, connection, std::move(stop)).Read(wish);
}

}  // namespace nilus::delta
