#include "nilus/storage/local_copies.h"

namespace nilus::storage {

Result<std::string> LocalCopies::PathOf(std::string_view key, const std::stop_token& stop) {
  if (auto known = paths_.find(key); known != paths_.end()) return known->second;
  NILUS_ASSIGN(std::optional<std::string> path, store_->PathToOpen(key));
  if (!path) {
    if (!folder_) {
      NILUS_ASSIGN(folder_, store_->MakeScratch());
    }
    path = fmt::format("{}/{}", folder_->path(), paths_.size() + 1);
    NILUS_TRY(store_->Download(key, *path, stop));
  }
  return paths_.emplace(key, *std::move(path)).first->second;
}

}  // namespace nilus::storage
