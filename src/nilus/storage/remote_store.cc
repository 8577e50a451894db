#include "nilus/storage/remote_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/storage/remote_calls.h"
#include "nilus/storage/remote_upload.h"

namespace nilus::storage {
namespace {

constexpr size_t kMostFolderEntries = 100'000;
constexpr int64_t kLargestProblemBytes = 64 << 10;

class RemoteStore final : public ObjectStore {
 public:
  RemoteStore(std::unique_ptr<RemoteDialect> dialect, std::string prefix, RemoteOptions options)
      : calls_(std::move(dialect), std::move(options)), prefix_(std::move(prefix)) {}

  Result<std::string> Get(std::string_view key, std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    Call call = dialect().Get(Object(key), std::nullopt, {});
    call.request.largest_response_bytes = kLargestGetBytes;
    NILUS_ASSIGN(auto response, calls_.Repeat(call, "read " + Url(key), {}, stop));
    return std::move(response.body);
  }

  Result<std::string> GetRange(std::string_view key, int64_t offset, int64_t length, std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    if (offset < 0 || length < 0) return WrongRange(key, offset, length);
    if (length > 0) return ReadRange(key, offset, length, {}, stop);
    NILUS_ASSIGN(auto object, Look(key, stop));
    if (!object) return Fail(ErrorKind::kNotFound, "{} does not exist", Url(key));
    if (offset > object->info.size) return WrongRange(key, offset, length);
    return std::string();
  }

  Result<std::optional<ObjectInfo>> Head(std::string_view key, std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    NILUS_ASSIGN(auto object, Look(key, stop));
    if (!object) return std::nullopt;
    return std::move(object->info);
  }

  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes, const PutCondition& condition,
                         std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    NILUS_FAULT_POINT("store.remote.put");
    NILUS_ASSIGN(ObjectInfo info, PutMarked(key, bytes, condition, NewId(), stop));
    NILUS_FAULT_ACK("store.remote.put");
    return info;
  }

  Result<ObjectInfo> PutFile(std::string_view key, const std::string& local_path, std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    const FileDescriptor file(open(local_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file.is_open()) return ErrnoFailure(errno, "read " + local_path);
    struct stat info {};
    if (fstat(file.get(), &info) != 0) return ErrnoFailure(errno, "read " + local_path);
    if (!S_ISREG(info.st_mode)) return Fail(ErrorKind::kInvalidInput, "{} is no regular file", local_path);
    const std::string marker = NewId();
    if (info.st_size <= calls_.options().part_bytes) {
      NILUS_ASSIGN(std::string bytes, ReadPart(file, 0, info.st_size));
      return PutMarked(key, bytes, PutCondition::Always(), marker, stop);
    }
    NILUS_TRY(UploadInParts(calls_, Object(key), marker, file, info.st_size, stop));
    NILUS_ASSIGN(auto object, Look(key, stop));
    if (object && object->marker == marker && object->info.size == info.st_size) return std::move(object->info);
    return Fail(ErrorKind::kUnknownOutcome, "{} is not what was uploaded: another writer has replaced or removed it",
                Url(key));
  }

  Status Download(std::string_view key, const std::string& local_path, std::stop_token stop) override {
    NILUS_TRY(CheckKey(key));
    const FileDescriptor file(open(local_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return ErrnoFailure(errno, "write " + local_path);
    Status written = DownloadInto(key, file, local_path, stop);
    if (!written) unlink(local_path.c_str());
    return written;
  }

  Status Delete(std::span<const std::string> keys, std::stop_token stop) override {
    for (const std::string& key : keys) NILUS_TRY(CheckKey(key));
    std::vector<std::vector<std::string>> batches;
    for (size_t done = 0; done < keys.size(); done += batches.back().size()) {
      batches.emplace_back();
      for (const std::string& key : keys.subspan(done, std::min(dialect().DeleteBatch(), keys.size() - done)))
        batches.back().push_back(Object(key));
    }
    return DeleteBatches(batches, stop);
  }

  Status List(std::string_view prefix, const ListCallback& callback, std::stop_token stop) override {
    NILUS_TRY(CheckPrefix(prefix));
    return ListPages(prefix_ + std::string(prefix), false, stop, [&](const ListPage& page) -> Status {
      for (const ObjectInfo& object : page.objects) {
        if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "a stop was requested");
        if (auto info = WithKey(object)) NILUS_TRY(callback(*info));
      }
      return {};
    });
  }

  Result<FolderListing> ListFolder(std::string_view folder, std::stop_token stop) override {
    if (!folder.empty()) NILUS_TRY(CheckKey(folder));
    const std::string prefix = folder.empty() ? prefix_ : fmt::format("{}{}/", prefix_, folder);
    FolderListing listing;
    NILUS_TRY(ListPages(prefix, true, stop, [&](const ListPage& page) -> Status {
      for (const std::string& below : page.folders) {
        if (below.size() > prefix.size() + 1 && below.starts_with(prefix))
          listing.folders.push_back(below.substr(prefix.size(), below.size() - prefix.size() - 1));
      }
      for (const ObjectInfo& object : page.objects) {
        if (auto info = WithKey(object)) listing.objects.push_back(std::move(*info));
      }
      if (listing.folders.size() + listing.objects.size() <= kMostFolderEntries) return {};
      return Fail(ErrorKind::kExhausted, "{} has more than {} entries", dialect().Url(prefix), kMostFolderEntries);
    }));
    std::sort(listing.folders.begin(), listing.folders.end());
    return listing;
  }

  std::string Url(std::string_view key) const override {
    if (!key.empty()) return dialect().Url(Object(key));
    std::string_view root = prefix_;
    if (root.ends_with('/')) root.remove_suffix(1);
    return dialect().Url(root);
  }

  Result<std::string> KeyOf(std::string_view url) const override {
    auto object = dialect().ObjectOf(url);
    if (object && object->starts_with(prefix_) && CheckKey(object->substr(prefix_.size())))
      return object->substr(prefix_.size());
    return Fail(ErrorKind::kInvalidInput, "'{}' does not lie in {}", url, Url(""));
  }

 private:
  const RemoteDialect& dialect() const { return calls_.dialect(); }
  std::string Object(std::string_view key) const { return prefix_ + std::string(key); }

  Failure WrongRange(std::string_view key, int64_t offset, int64_t length) const {
    return Fail(ErrorKind::kData, "{} does not have the {} bytes from {} on that were asked for", Url(key), length,
                offset);
  }

  // The object under its key; nothing for a folder's placeholder and for names that no key can have.
  std::optional<ObjectInfo> WithKey(const ObjectInfo& object) const {
    ObjectInfo info = object;
    if (!info.key.starts_with(prefix_) || info.key.ends_with('/')) return std::nullopt;
    info.key.erase(0, prefix_.size());
    if (CheckKey(info.key)) return info;
    LogWarning("{} holds an object whose name is no usable key; it is left alone", Url(""));
    return std::nullopt;
  }

  Result<std::optional<RemoteObject>> Look(std::string_view key, const std::stop_token& stop) const {
    NILUS_ASSIGN(auto response, calls_.Repeat(dialect().Head(Object(key)), "look at " + Url(key), {404}, stop));
    if (response.status == 404) return std::nullopt;
    NILUS_ASSIGN(RemoteObject object, dialect().ReadHead(Object(key), response));
    object.info.key = key;
    return object;
  }

  Result<std::string> ReadRange(std::string_view key, int64_t offset, int64_t length, std::string_view etag,
                                const std::stop_token& stop) const {
    Call call = dialect().Get(Object(key), RemoteDialect::Range{offset, length}, etag);
    call.request.largest_response_bytes = std::max<int64_t>(length, kLargestProblemBytes);
    NILUS_ASSIGN(auto response, calls_.Repeat(call, "read " + Url(key), {416}, stop));
    if (response.status != 206 && response.status != 200) return WrongRange(key, offset, length);
    if (response.status == 200 && offset != 0)
      return Fail(ErrorKind::kUnsupported, "the store of {} does not read ranges", Url(key));
    if (response.body.size() != static_cast<size_t>(length)) return WrongRange(key, offset, length);
    return std::move(response.body);
  }

  // Our object with that marker, when it is there.
  Result<std::optional<ObjectInfo>> LookForOurs(std::string_view key, std::string_view marker,
                                                const std::stop_token& stop) const {
    NILUS_ASSIGN(auto object, Look(key, stop));
    if (!object || object->marker != marker) return std::nullopt;
    return std::move(object->info);
  }

  Result<ObjectInfo> PutMarked(std::string_view key, std::string_view bytes, const PutCondition& condition,
                               const std::string& marker, const std::stop_token& stop) const {
    const std::string url = Url(key);
    const Call call = dialect().Put(Object(key), bytes, condition, marker);
    Retry retry(calls_.options().retry);
    bool is_uncertain = false;  // an attempt may have been done
    while (true) {
      const Attempt attempt = calls_.Once(call, stop);
      if (attempt.is_success()) {
        ObjectInfo info = dialect().ReadPut(Object(key), static_cast<int64_t>(bytes.size()), *attempt.response);
        info.key = key;
        return info;
      }
      is_uncertain |= attempt.is_uncertain;
      const Error error = RemoteCalls::ErrorOf(attempt, "write " + url);
      if (attempt.response && !attempt.is_transient &&
          dialect().IsConflict(*attempt.response, attempt.problem, condition))
        return AfterConflict(key, condition, marker, is_uncertain, stop);
      if (attempt.is_transient && RemoteCalls::Wait(retry, attempt, stop)) continue;
      if (!is_uncertain) return Failure(error);
      return AfterSilence(key, marker, error, stop);
    }
  }

  // The condition does not hold: because of an attempt of our own, or of another writer.
  Result<ObjectInfo> AfterConflict(std::string_view key, const PutCondition& condition, const std::string& marker,
                                   bool is_uncertain, const std::stop_token& stop) const {
    auto ours = LookForOurs(key, marker, stop);
    if (!ours) {
      return Fail(ErrorKind::kUnknownOutcome, "it is not known who wrote {}: {}", Url(key), ours.error().message);
    }
    if (*ours) return std::move(**ours);
    if (is_uncertain && condition.kind == PutCondition::Kind::kIfMatch) {
      return Fail(ErrorKind::kUnknownOutcome,
                  "an answer about {} was lost, and another writer has replaced it since: it may have been written",
                  Url(key));
    }
    return Fail(ErrorKind::kConflict, "{} was written by another writer", Url(key));
  }

  // No attempt got an answer, and there will be no further one.
  Result<ObjectInfo> AfterSilence(std::string_view key, const std::string& marker, const Error& error,
                                  const std::stop_token& stop) const {
    auto ours = LookForOurs(key, marker, stop);
    if (ours && *ours) return std::move(**ours);
    return Fail(ErrorKind::kUnknownOutcome, "it is not known whether {} was written: {}", Url(key), error.message);
  }

  Status DownloadInto(std::string_view key, const FileDescriptor& file, const std::string& local_path,
                      const std::stop_token& stop) const {
    constexpr int kAttempts = 3;  // an object that is replaced meanwhile is read anew
    for (int attempt = 1;; ++attempt) {
      if (ftruncate(file.get(), 0) != 0 || lseek(file.get(), 0, SEEK_SET) != 0)
        return ErrnoFailure(errno, "write " + local_path);
      NILUS_ASSIGN(auto object, Look(key, stop));
      if (!object) return Fail(ErrorKind::kNotFound, "{} does not exist", Url(key));
      Status copied = CopyVersion(key, object->info, file, local_path, stop);
      if (copied || copied.error().kind != ErrorKind::kConflict) return copied;
      if (attempt == kAttempts)
        return Fail(ErrorKind::kTransient, "{} was replaced {} times while it was read", Url(key), attempt);
    }
  }

  // kConflict when the object is no longer that version.
  Status CopyVersion(std::string_view key, const ObjectInfo& version, const FileDescriptor& file,
                     const std::string& local_path, const std::stop_token& stop) const {
    const int64_t part_bytes = calls_.options().part_bytes;
    for (int64_t offset = 0; offset < version.size; offset += part_bytes) {
      NILUS_ASSIGN(std::string bytes,
                   ReadRange(key, offset, std::min(part_bytes, version.size - offset), version.etag, stop));
      NILUS_TRY(WriteAll(file, bytes, local_path));
    }
    return {};
  }

  // Several at once: where a request removes one object, thousands of them would take minutes one by one. The first
  // error ends it.
  Status DeleteBatches(const std::vector<std::vector<std::string>>& batches, const std::stop_token& stop) const {
    constexpr size_t kMostThreads = 8;
    std::atomic<size_t> next = 0;
    std::mutex mutex;
    Status outcome;
    const auto work = [&] {
      for (size_t at = next++; at < batches.size(); at = next++) {
        Status removed = DeleteOne(batches[at], stop);
        if (removed) continue;
        std::lock_guard lock(mutex);
        if (outcome) outcome = std::move(removed);
        next = batches.size();
      }
    };
    {
      std::vector<std::jthread> threads;
      for (size_t i = 1; i < std::min(kMostThreads, batches.size()); ++i) threads.emplace_back(work);
      work();
    }
    return outcome;
  }

  Status DeleteOne(std::span<const std::string> objects, const std::stop_token& stop) const {
    NILUS_FAULT_POINT("store.remote.delete");
    return DeleteSome(objects, stop);
  }

  // A batch whose answer names objects that could not be removed for now is sent again.
  Status DeleteSome(std::span<const std::string> objects, const std::stop_token& stop) const {
    const Call call = dialect().Delete(objects);
    const std::string doing =
        objects.size() == 1 ? "remove " + dialect().Url(objects[0]) : fmt::format("remove {} objects", objects.size());
    Retry retry(calls_.options().retry);
    while (true) {
      NILUS_ASSIGN(auto response, calls_.Repeat(call, doing, {404}, stop));
      if (response.status == 404) {
        const RemoteProblem problem = dialect().ReadProblem(response);
        if (objects.size() == 1 && problem.code != "NoSuchBucket" && problem.code != "ContainerNotFound") return {};
        return Fail(ErrorKind::kNotFound, "cannot {}: {} {}", doing, problem.code, problem.message);
      }
      Status removed = dialect().ReadDelete(response);
      if (removed || removed.error().kind != ErrorKind::kTransient) return removed;
      const Attempt attempt{.response = std::move(response)};
      if (!RemoteCalls::Wait(retry, attempt, stop)) {
        if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "a stop was requested");
        return removed;
      }
    }
  }

  Status ListPages(const std::string& prefix, bool one_level, const std::stop_token& stop,
                   const std::function<Status(const ListPage&)>& on_page) const {
    std::string from;
    do {
      const Call call = dialect().List(prefix, one_level, from);
      NILUS_ASSIGN(auto response, calls_.Repeat(call, "list " + dialect().Url(prefix), {}, stop));
      NILUS_ASSIGN(ListPage page, dialect().ReadList(response));
      NILUS_TRY(on_page(page));
      if (page.next == from && !from.empty())
        return Fail(ErrorKind::kTransient, "the store lists the same page of {} again", dialect().Url(prefix));
      from = std::move(page.next);
    } while (!from.empty());
    return {};
  }

  RemoteCalls calls_;
  std::string prefix_;
};

}  // namespace

std::shared_ptr<ObjectStore> MakeRemoteStore(std::unique_ptr<RemoteDialect> dialect, std::string prefix,
                                             RemoteOptions options) {
  return std::make_shared<RemoteStore>(std::move(dialect), std::move(prefix), std::move(options));
}

}  // namespace nilus::storage
