// Rows into the Parquet data files of an Iceberg table, with what manifests say of them.
//
// Files are made in a scratch folder and handed to the store when they are complete. They belong to no snapshot yet:
// whoever does not commit them gives them to RemoveFiles.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/database.h"
#include "nilus/lake/manifest.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/schema.h"
#include "nilus/lake/table_files.h"

namespace nilus::lake {

struct DataWriterOptions {
  std::shared_ptr<duck::Database> database;  // gives the memory; preserve_insertion_order off
  StorePtr store;
  // The URL of a new file (Transaction::NewDataFileUrl).
  std::function<std::string(std::string_view partition_path, std::string_view name)> new_url;
  std::string name_prefix;  // of file names; unique to this writer in the table
  std::string table;        // for messages
  IcebergSchema schema;
  PartitionSpec spec;
  std::vector<std::string> sort_by;  // rows of each file are sorted by these columns, ascending, NULLs first
  std::optional<int32_t> sort_order_id;
  bool refuse_nulls = false;  // in required columns: kData
  int64_t file_rows = 100'000;
  int64_t file_bytes = int64_t{1} << 30;  // of rows in memory
  int64_t row_group_bytes = 32 << 20;     // of rows in memory, where a file has more; it is held twice
  int64_t queue_bytes = 4 << 20;          // batches waiting for each file being written
  int parallel_files = 2;
  // Partitions being written at once; rows of further ones wait on disk for the end. 0: as the memory allows.
  int open_partitions = 0;
  std::stop_token stop;
};

// One thread at a time. Memory does not grow with rows or files (but for the list of files) nor with partitions.
class DataWriter {
 public:
  static Result<std::unique_ptr<DataWriter>> Open(DataWriterOptions options);
  ~DataWriter();  // without Finish: removes what it wrote

  // Columns were added or types widened: batches from now on are of this schema.
  void SetSchema(IcebergSchema schema);
  // Columns are matched by name and converted to their fields' types (data_convert.h); absent ones are NULL.
  Status Write(const RecordBatch& batch);
  // All files, in the store, durable.
  Result<std::vector<DataFile>> Finish();

 private:
  struct State;
  explicit DataWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Files that no snapshot will name, of a load that failed or left them out. Best effort: what stays is an orphan, which
// is logged.
void RemoveFiles(storage::ObjectStore& store, std::span<const DataFile> files);

}  // namespace nilus::lake
