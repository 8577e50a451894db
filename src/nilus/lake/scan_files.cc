#include "nilus/lake/scan_files.h"

#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

// The table names it, so this is damage and no mistyped name.
Failure Missing(const std::string& url) {
  return FailWithFix(ErrorKind::kData, "bring the file back, or roll the table back to a snapshot without it",
                     "the file {} of the table is missing", url);
}

}  // namespace

Result<std::string> LocalFiles::PathOf(const std::string& url, const std::stop_token& stop) {
  if (auto known = paths_.find(url); known != paths_.end()) return known->second;
  NILUS_ASSIGN(std::string key, KeyOfFile(*store_, url));
  std::string path;
  auto local = store_->PathToOpen(key);
  if (!local && local.error().kind == ErrorKind::kNotFound) return Missing(url);
  if (!local) return Failure(std::move(local).error());
  if (*local) {
    path = **std::move(local);
  } else {
    if (!folder_) {
      NILUS_ASSIGN(folder_, MakeTemporaryFolder("nilus-lake-"));
    }
    path = fmt::format("{}/{}", folder_->path(), paths_.size() + 1);
    const Status downloaded = store_->Download(key, path, stop);
    if (!downloaded && downloaded.error().kind == ErrorKind::kNotFound) return Missing(url);
    if (!downloaded) return Failure(downloaded.error());
  }
  paths_[url] = path;
  return path;
}

}  // namespace nilus::lake
