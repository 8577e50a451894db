// Object stores behind one interface: a folder of the local disk, S3, Google Cloud Storage, Azure Blob and ADLS Gen2.
//
// A store has a root (a folder, or a bucket or container with a prefix). A key names an object below it: UTF-8 text,
// parts separated by '/', never empty; see CheckKey for what is refused. There are no folders: "a/b" exists without
// "a". Everything is thread-safe. A stop request ends a call with kCancelled, at the latest at its next wait.
//
// Calls retry what is transient (429, 5xx, resets, time-outs, lost names) under a budget by themselves, so a
// kTransient that comes out has used it up. No error holds a key, token or signature.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"

namespace nilus::storage {

struct ObjectInfo {
  std::string key;
  int64_t size = 0;
  std::string etag;   // changes whenever the object is written; opaque, what PutCondition::IfMatch takes
  WallTime modified;  // by the store's clock, for people only
};

// When a Put may write. The check and the write are one atomic step.
struct PutCondition {
  enum class Kind { kAlways, kIfAbsent, kIfMatch };
  Kind kind = Kind::kAlways;
  std::string etag;  // kIfMatch: of the object that is to be replaced

  static PutCondition Always() { return {}; }
  static PutCondition IfAbsent() { return {Kind::kIfAbsent, {}}; }
  static PutCondition IfMatch(std::string etag) { return {Kind::kIfMatch, std::move(etag)}; }
};

// One level of a listing: what a folder would hold.
struct FolderListing {
  std::vector<std::string> folders;  // names of the next level, without '/', sorted
  std::vector<ObjectInfo> objects;   // those directly below, sorted by key
};

class ObjectStore {
 public:
  // A Get is for metadata: larger objects are kExhausted, and are to be read by range or downloaded.
  static constexpr int64_t kLargestGetBytes = 256 << 20;
  // Of the folders that MakeScratch makes: those of killed processes go at the next store's first write, or when
  // another process makes its first one.
  static constexpr std::string_view kScratchPrefix = "nilus-scratch-";

  virtual ~ObjectStore() = default;

  // The whole object. kNotFound when it is absent.
  virtual Result<std::string> Get(std::string_view key, std::stop_token stop = {}) = 0;
  // Exactly `length` bytes from `offset` on; kData when the object ends before.
  virtual Result<std::string> GetRange(std::string_view key, int64_t offset, int64_t length,
                                       std::stop_token stop = {}) = 0;
  // Nothing when there is no such object.
  virtual Result<std::optional<ObjectInfo>> Head(std::string_view key, std::stop_token stop = {}) = 0;

  // Writes the object in one step: a reader sees the old one or the new one, whole. Durable when it returns.
  // kConflict: the condition does not hold, and what is there is not from this call. When an answer is lost the store
  // looks whether its own write is there. kUnknownOutcome: looking did not tell (it failed until the budget was spent,
  // or somebody else has replaced the object since): the write may have been done, or may yet be.
  virtual Result<ObjectInfo> Put(std::string_view key, std::string_view bytes, const PutCondition& condition = {},
                                 std::stop_token stop = {}) = 0;
  // The same for what others do without: as whole for every reader, but nobody waits for the disk. After a power loss
  // it may be the object of before, an empty one, or none.
  virtual Status PutHint(std::string_view key, std::string_view bytes, std::stop_token stop = {});
  // Put for a file, without a condition. The local file is given away: it may be moved (local disk, from a folder
  // of MakeScratch) or stay where it is. Large ones go up in parts; those of a failed call are removed.
  virtual Result<ObjectInfo> PutFile(std::string_view key, const std::string& local_path,
                                     std::stop_token stop = {}) = 0;
  // Writes the object to `local_path`, which must not exist. All bytes are of one version, and all are there. Not
  // synced. The file is removed when the call fails.
  virtual Status Download(std::string_view key, const std::string& local_path, std::stop_token stop = {}) = 0;

  // Makes sure that an object found there outlives a power loss. Its writer did so before its Put returned, but it may
  // have died in between: call this before something that cannot be undone relies on an object that was only read.
  virtual Status MakeDurable(std::string_view /*key*/, std::stop_token /*stop*/ = {}) { return {}; }

  // Absent ones are fine. When it fails, some may be gone.
  virtual Status Delete(std::span<const std::string> keys, std::stop_token stop = {}) = 0;
  Status Delete(const std::string& key, std::stop_token stop = {}) { return Delete(std::span(&key, 1), stop); }

  // Every object whose key starts with `prefix` (any text: "", "data/", "data/part-"), sorted by the bytes of the key.
  // An error of the callback ends the listing and is returned. Memory does not grow with the number of objects.
  using ListCallback = std::function<Status(const ObjectInfo&)>;
  virtual Status List(std::string_view prefix, const ListCallback& callback, std::stop_token stop = {}) = 0;
  // What stands directly below `folder` ("": the root; no '/' at its end), empty when nothing does. kExhausted above
  // 100,000 entries.
  virtual Result<FolderListing> ListFolder(std::string_view folder, std::stop_token stop = {}) = 0;

  // How metadata names the object: "file:///dir/key", "s3://bucket/prefix/key", "gs://…", "abfss://container@account…".
  // Not percent-encoded, as Iceberg and Delta write it. The key "" gives the root without a '/' at its end.
  virtual std::string Url(std::string_view key) const = 0;
  // The way back, from any common spelling (a plain path, file:/dir, s3a://). kInvalidInput when it is outside the
  // root.
  virtual Result<std::string> KeyOf(std::string_view url) const = 0;

  // Where the object would lie on the local disk. Nothing: it has to be downloaded.
  virtual std::optional<std::string> LocalPath(std::string_view /*key*/) const { return std::nullopt; }
  // The same for a file that others open by its path: it is there (else kNotFound), and no symbolic link leads to it
  // (else kInvalidInput), which they would follow.
  virtual Result<std::optional<std::string>> PathToOpen(std::string_view /*key*/) { return std::nullopt; }
  // A folder for files on their way to PutFile, which moves them from there where it can.
  virtual Result<PrivateFolder> MakeScratch();
};

// kInvalidInput unless `key` can name an object in every store: 1 to 1024 bytes of UTF-8, parts between '/' that are
// not empty, "." or "..", no control characters, no '\\' (which Windows and Azure read as '/').
Status CheckKey(std::string_view key);
// The same for what a key may start with: "" and a '/' at the end are fine.
Status CheckPrefix(std::string_view prefix);

}  // namespace nilus::storage
