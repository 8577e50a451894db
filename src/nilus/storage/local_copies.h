// Objects where others can open them by a path: in place on the local disk, else downloaded for as long as they are
// needed.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"
#include "nilus/storage/object_store.h"

namespace nilus::storage {

// One thread at a time. Downloads lie in the store's scratch folder, gone with this object (or when a killed process is
// followed by another). What it holds at once is bounded by what its user asks for.
class LocalCopies {
 public:
  // `store` is used by PathOf alone.
  explicit LocalCopies(ObjectStore& store) : store_(&store) {}
  // kNotFound: there is no such object. kInvalidInput: a symbolic link leads there (ObjectStore::PathToOpen).
  Result<std::string> PathOf(std::string_view key, const std::stop_token& stop);

 private:
  ObjectStore* store_;
  std::optional<PrivateFolder> folder_;
  std::map<std::string, std::string, std::less<>> paths_;  // by key
};

}  // namespace nilus::storage
