// Files of a table where DuckDB can read them (storage/local_copies.h), by the URLs that its metadata names them by.
#pragma once

#include <stop_token>
#include <string>

#include "nilus/base/result.h"
#include "nilus/lake/table_files.h"
#include "nilus/storage/local_copies.h"

namespace nilus::lake {

// One thread at a time. What it holds at once is a split's files.
class LocalFiles {
 public:
  explicit LocalFiles(StorePtr store) : store_(std::move(store)), copies_(*store_) {}
  // kData: the URL leads out of the table's store, or the file is missing. kInvalidInput: a symbolic link leads there.
  Result<std::string> PathOf(const std::string& url, const std::stop_token& stop);

 private:
  StorePtr store_;
  storage::LocalCopies copies_;
};

}  // namespace nilus::lake
