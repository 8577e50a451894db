// A warehouse in a temporary folder and tables of made-up files, for tests and benchmarks.
#pragma once

#include <filesystem>
#include <string>

#include "nilus/base/clock.h"
#include "nilus/lake/catalog_filesystem.h"
#include "nilus/lake/transaction.h"
#include "nilus/storage/local_store.h"

namespace nilus::lake {

class TempWarehouse {
 public:
  TempWarehouse() : path_((std::filesystem::temp_directory_path() / ("nilus-lake-test-" + NewId())).string()) {}
  ~TempWarehouse() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempWarehouse(const TempWarehouse&) = delete;
  TempWarehouse& operator=(const TempWarehouse&) = delete;

  const std::string& path() const { return path_; }
  StorePtr store() const { return *storage::OpenLocalStore(path_); }
  CatalogPtr catalog() const { return OpenFilesystemCatalog(store()); }

 private:
  std::string path_;
};

// id bigint, at timestamp, name text; partitioned by day(at) when wanted.
inline NewTable EventsTable(bool partitioned = false, int format_version = 2) {
  NewTable table;
  table.format_version = format_version;
  table.schema = MakeIcebergSchema(nilus::Schema{{{"id", MakeType(TypeId::kInt64), true, {}},
                                                  {"at", MakeType(TypeId::kTimestamp), true, {}},
                                                  {"name", MakeType(TypeId::kText), true, {}}}});
  int32_t last = kFirstPartitionFieldId - 1;
  if (partitioned) table.spec = *MakePartitionSpec({{"at", "day", 0, ""}}, table.schema, {}, &last);
  return table;
}

// A file that is only talked about: these tests are of metadata.
inline DataFile MadeUpFile(const std::string& url, int64_t rows = 10) {
  DataFile file;
  file.path = url;
  file.record_count = rows;
  file.file_size = rows * 100;
  file.value_counts = {{1, rows}, {2, rows}, {3, rows}};
  file.null_counts = {{1, 0}, {2, 0}, {3, 0}};
  return file;
}

}  // namespace nilus::lake
