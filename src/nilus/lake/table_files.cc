#include "nilus/lake/table_files.h"

#include "nilus/storage/object_store.h"

namespace nilus::lake {

Result<std::string> KeyOfFile(const storage::ObjectStore& store, std::string_view url) {
  Result<std::string> key = store.KeyOf(url);
  if (!key && key.error().kind == ErrorKind::kInvalidInput) key.error().kind = ErrorKind::kData;
  return key;
}

Result<std::string> ReadFile(storage::ObjectStore& store, const std::string& url, std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, KeyOfFile(store, url));
  return store.Get(key, std::move(stop));
}

Result<std::string> ReadFileRange(storage::ObjectStore& store, const std::string& url, int64_t offset, int64_t length,
                                  std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, KeyOfFile(store, url));
  return store.GetRange(key, offset, length, std::move(stop));
}

Status WriteFile(storage::ObjectStore& store, const std::string& url, std::string_view bytes, std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, store.KeyOf(url));
  NILUS_TRY(store.Put(key, bytes, storage::PutCondition::Always(), std::move(stop)));
  return {};
}

Result<std::string> PrefixBelow(const storage::ObjectStore& store, std::string_view url) {
  // A root has no key of its own; what lies in it has.
  constexpr std::string_view kAnyFile = "any";
  NILUS_ASSIGN(std::string key, store.KeyOf(JoinUrl(url, kAnyFile)));
  key.resize(key.size() - kAnyFile.size());
  return key;
}

bool IsTableMetadata(std::string_view file) {
  return file.ends_with(".metadata.json") || file.ends_with(".metadata.json.gz");
}

Result<std::vector<std::string>> TableMetadataIn(storage::ObjectStore& store, std::string_view folder_key,
                                                 std::stop_token stop) {
  NILUS_ASSIGN(const storage::FolderListing listing,
               store.ListFolder(fmt::format("{}/metadata", folder_key), std::move(stop)));
  std::vector<std::string> keys;
  for (const storage::ObjectInfo& object : listing.objects) {
    if (IsTableMetadata(object.key)) keys.push_back(object.key);
  }
  return keys;
}

std::string JoinUrl(std::string_view base, std::string_view rest) {
  while (base.ends_with('/')) base.remove_suffix(1);
  while (rest.starts_with('/')) rest.remove_prefix(1);
  return fmt::format("{}/{}", base, rest);
}

}  // namespace nilus::lake
