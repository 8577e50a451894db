// One planned read of a table: columns, files and how they are shared among readers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/source.h"
#include "nilus/connectors/lakehouse/selection.h"
#include "nilus/duck/query_reader.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {

// Immutable once planned; read from several threads.
struct TableRead {
  lake::ScanPlan plan;
  std::vector<int32_t> columns;  // field ids, in the order of the table without excluded ones
  Schema schema;                 // what the rows come as
  std::optional<KeyRange> range;
  const lake::IcebergField* key = nullptr;  // of the range; in plan.schema
  std::optional<int64_t> limit;
  duck::QueryReaderOptions options;
  std::vector<std::vector<size_t>> splits;  // indexes into plan.files
};

// The rows' columns by the reflection level, without excluded ones. kInvalidInput: an excluded column does not exist.
Result<Schema> ReadSchema(const lake::IcebergSchema& schema, const ReadRequest& request);
// kInvalidInput with the nearest name.
Result<const lake::IcebergField*> FindColumn(const lake::IcebergSchema& schema, std::string_view name,
                                             std::string_view table);

// The end of the source's own position: the snapshot that was read. Empty for an empty table.
Position PositionOf(const lake::SnapshotPtr& snapshot);
Result<std::optional<int64_t>> SnapshotOf(const Position& position);

Result<std::shared_ptr<const TableRead>> PlanTableRead(const SelectedTable& selected, const ReadRequest& request,
                                                       const std::stop_token& stop);
// The highest key in the files; nothing: no rows have one.
Result<std::optional<Scalar>> HighestKey(const TableRead& read, duck::Connection& connection,
                                         const std::stop_token& stop);
// Rows of one split.
Result<std::unique_ptr<Reader>> OpenTableReader(std::shared_ptr<const TableRead> read, size_t split,
                                                std::shared_ptr<duck::Database> database, std::stop_token stop);

}  // namespace nilus::lakehouse
