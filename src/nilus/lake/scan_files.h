// Files of a table where DuckDB can read them: in place on the local disk, else downloaded for as long as they are
// needed.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "nilus/base/private_folder.h"
#include "nilus/base/result.h"
#include "nilus/lake/table_files.h"

namespace nilus::lake {

// One thread at a time. Downloads lie in a private folder under TMPDIR, gone with this object (or when a killed process
// is followed by another). What it holds at once is bounded by what its user asks for: a split's files.
class LocalFiles {
 public:
  explicit LocalFiles(StorePtr store) : store_(std::move(store)) {}
  // kData: the URL leads out of the table's store, or the file is missing. kInvalidInput: a symbolic link leads there.
  Result<std::string> PathOf(const std::string& url, const std::stop_token& stop);

 private:
  StorePtr store_;
  std::optional<PrivateFolder> folder_;
  std::map<std::string, std::string> paths_;  // by URL
};

}  // namespace nilus::lake
