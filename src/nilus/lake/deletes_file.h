// Row-level deletes as files: position delete files (format v2) and deletion vectors in Puffin files (v3). Equality
// deletes are only read (scan_sql.h): Nilus never writes them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/row_filter.h"
#include "nilus/lake/deletes_bitmap.h"
#include "nilus/lake/manifest.h"
#include "nilus/lake/partition.h"
#include "nilus/lake/table_files.h"

namespace nilus::lake {

// Deleted rows of one data file.
struct FileDeletes {
  const DataFile* file = nullptr;
  RowBitmap rows;
};

struct DeleteWriterOptions {
  std::shared_ptr<duck::Database> database;
  StorePtr store;
  std::function<std::string(std::string_view partition_path, std::string_view name)> new_url;
  std::string name_prefix;  // of file names; unique to this call in the table
  // By spec id: for folders.
  std::function<std::string(int32_t spec_id, const std::vector<Literal>& partition)> partition_path;
  std::stop_token stop;
};

// v2: one file for each partition (more, where a batch of rows is large for the memory), with the rows of all its data
// files sorted by path and position; only new rows need be in `deletes`. Files are in the store, durable, and belong to
// no snapshot yet.
Result<std::vector<DataFile>> WritePositionDeletes(const DeleteWriterOptions& options,
                                                   const std::vector<FileDeletes>& deletes);
// v3: one Puffin file with a vector for each data file. A data file has one vector at most: `deletes` holds all its
// deleted rows, and the caller removes the file's earlier vector (and its position deletes) in the same commit.
Result<std::vector<DataFile>> WriteDeletionVectors(const DeleteWriterOptions& options,
                                                   const std::vector<FileDeletes>& deletes);

// Rows by the path of their data file, as a Parquet file of position deletes lists them. Only of the data files that
// `rows_of` knows (it gives their number of rows, nothing for others). kData: a position beyond those rows.
using DeletesByPath = std::map<std::string, RowBitmap, std::less<>>;
Status ReadPositionDeletes(duck::Connection& connection, const std::string& local_path,
                           const std::function<std::optional<int64_t>(std::string_view path)>& rows_of,
                           std::stop_token stop, DeletesByPath* deletes);
// Leaves out the rows of `deleted`, one bitmap for each file. Its sets have the bitmaps' indexes.
duck::RowFilter MakeLiveRowFilter(std::shared_ptr<duck::Database> database, std::vector<RowBitmap> deleted);

// The blob that `vector` names, of a data file with `rows` rows.
Result<RowBitmap> ReadDeletionVector(storage::ObjectStore& store, const DataFile& vector, int64_t rows,
                                     std::stop_token stop);

}  // namespace nilus::lake
