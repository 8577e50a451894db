#include "nilus/lake/scan_files.h"

namespace nilus::lake {
namespace {

// The table names it, so this is damage and no mistyped name.
Failure Missing(const std::string& url) {
  return FailWithFix(ErrorKind::kData, "bring the file back, or roll the table back to a snapshot without it",
                     "the file {} of the table is missing", url);
}

}  // namespace

Result<std::string> LocalFiles::PathOf(const std::string& url, const std::stop_token& stop) {
  NILUS_ASSIGN(const std::string key, KeyOfFile(*store_, url));
  Result<std::string> path = copies_.PathOf(key, stop);
  if (!path && path.error().kind == ErrorKind::kNotFound) return Missing(url);
  return path;
}

}  // namespace nilus::lake
