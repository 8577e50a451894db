#include "nilus/lake/scan_files.h"

#include <mutex>

#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

Result<PrivateFolder> MakeFolder() {
  constexpr std::string_view kPrefix = "nilus-lake-";
  static std::once_flag swept;
  const std::string parent = TemporaryParent();
  std::call_once(swept, SweepPrivateFolders, parent, kPrefix);
  return PrivateFolder::Make(parent, kPrefix);
}

}  // namespace

Result<std::string> LocalFiles::PathOf(const std::string& url, const std::stop_token& stop) {
  if (auto known = paths_.find(url); known != paths_.end()) return known->second;
  NILUS_ASSIGN(std::string key, store_->KeyOf(url));
  std::string path;
  if (std::optional<std::string> local = store_->LocalPath(key)) {
    path = *std::move(local);
  } else {
    if (!folder_) {
      NILUS_ASSIGN(folder_, MakeFolder());
    }
    path = fmt::format("{}/{}", folder_->path(), paths_.size() + 1);
    NILUS_TRY(store_->Download(key, path, stop));
  }
  paths_[url] = path;
  return path;
}

}  // namespace nilus::lake
