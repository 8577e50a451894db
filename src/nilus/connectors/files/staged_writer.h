// One writer of a load: rows into files of the staging folder, in any of the three formats.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/connectors/files/database_ahead.h"
#include "nilus/connectors/files/format.h"
#include "nilus/connectors/files/text_writer.h"
#include "nilus/duck/parquet_writer.h"

namespace nilus::files {

// How a sink writes: from its address and options.
struct WriteFormat {
  FileFormat format = FileFormat::kParquet;
  duck::ParquetCompression parquet = duck::ParquetCompression::kZstd;
  Compression text = Compression::kNone;
};
// `loader_format`: WriteRequest.file_format, which wins over the address. kInvalidInput for a format that is not
// written.
Result<WriteFormat> ReadWriteFormat(const FormatOptions& options, const std::string& compression,
                                    const std::string& loader_format);

// What a writer has staged. Shared between the writer, which the engine owns, and its sink.
struct StagedTable {
  TableName table;
  std::string folder;  // absolute
  std::string target;  // the table's folder, relative to the sink's
  std::string staged;  // `folder`, relative
  bool replaces = false;
  FileFormat format = FileFormat::kParquet;
  Schema schema;                   // of all rows so far
  std::optional<Schema> found;     // the table as it was when the load began; of an append
  bool found_data = false;         // and it held files of rows
  std::vector<std::string> files;  // names, once finished
  int64_t rows = 0;
  int64_t bytes = 0;
  bool finished = false;
};

// An append without rows or new columns to a table that holds files: an empty file would stay there for good, one a
// run.
bool AddsNothing(const StagedTable& staged);

// `database` is asked for at the first row, or at the end of a load without any; never for text formats.
Result<std::unique_ptr<Writer>> OpenStagedWriter(const WriteRequest& request, const WriteFormat& format,
                                                 std::string prefix, std::shared_ptr<DatabaseAhead> database,
                                                 std::shared_ptr<StagedTable> staged);

}  // namespace nilus::files
