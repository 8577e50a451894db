#include "nilus/lake/table_files.h"

#include "nilus/storage/object_store.h"

namespace nilus::lake {

Result<std::string> ReadFile(storage::ObjectStore& store, const std::string& url, std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, store.KeyOf(url));
  return store.Get(key, std::move(stop));
}

Result<std::string> ReadFileRange(storage::ObjectStore& store, const std::string& url, int64_t offset, int64_t length,
                                  std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, store.KeyOf(url));
  return store.GetRange(key, offset, length, std::move(stop));
}

Status WriteFile(storage::ObjectStore& store, const std::string& url, std::string_view bytes, std::stop_token stop) {
  NILUS_ASSIGN(const std::string key, store.KeyOf(url));
  NILUS_TRY(store.Put(key, bytes, storage::PutCondition::Always(), std::move(stop)));
  return {};
}

std::string JoinUrl(std::string_view base, std::string_view rest) {
  while (base.ends_with('/')) base.remove_suffix(1);
  while (rest.starts_with('/')) rest.remove_prefix(1);
  return fmt::format("{}/{}", base, rest);
}

}  // namespace nilus::lake
