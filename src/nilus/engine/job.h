// A batch pipeline as the engine runs it: the manifest's options in the boundary's terms, and how to open both ends.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/memory_plan.h"
#include "nilus/connector/connector.h"
#include "nilus/engine/run.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/naming.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

struct BatchJob {
  PipelineId pipeline;  // value and normalized state schema
  std::string name;     // for people
  std::string source_display;
  std::string sink_display;
  std::string source_table;
  TableName table;             // normalized
  std::string memory_warning;  // the limit is below what an end keeps to; empty: it is not
  std::string table_warning;   // dest_table changed by normalization; empty: it did not
  WriteStrategy strategy = WriteStrategy::kReplace;
  bool full_refresh = false;
  std::vector<std::string> primary_key;  // as written: source or normalized names
  std::string incremental_key;
  // What the cursor of a masked incremental_key is sealed with: cursor_secret, else all that the source's address says.
  std::string cursor_secret;
  bool is_cursor_secret_weak = false;  // there is no secret in that address
  std::string interval_start;          // canonical texts; empty: none
  std::string interval_end;
  NullCursor null_keys = NullCursor::kError;
  ReflectionLevel reflection = ReflectionLevel::kFull;
  std::vector<std::string> exclude_columns;
  std::vector<MaskRule> masks;
  std::vector<PinnedType> hints;
  int max_nesting = 0;  // max_table_nesting
  Contract contract = Contract::kEvolve;
  std::optional<int64_t> row_limit;   // sql_limit
  std::optional<int64_t> page_limit;  // yield_limit
  int64_t page_rows = 50'000;
  int parallelism = 1;          // readers at once, at most
  bool deletes_ranges = false;  // the sink has delete+insert
  bool keep_order = false;      // splits are read one after another: their order means something
  std::vector<PartitionField> partition_by;
  std::vector<std::string> cluster_by;
  int64_t file_rows = 100'000;
  std::string file_format;
  NamingStyle naming = NamingStyle::kDefault;
  int identifier_limit = 0;
  int threads = 1;
  MemoryPlan memory = PlanMemory(kDefaultMemoryLimit);
  std::function<Result<std::unique_ptr<Source>>(std::stop_token)> open_source;
  std::function<Result<std::unique_ptr<Sink>>(std::stop_token)> open_sink;
  // Reads what the sink wrote, each table by its schema.name; null: the system is no source.
  std::function<Result<std::unique_ptr<Source>>(std::stop_token)> open_written;
};

// kInvalidInput or kUnsupported for what the manifest asks and this engine, connector or strategy cannot do: some masks
// of keys (masking.h) and nesting, which is not there yet, are refused, never ignored.
Result<BatchJob> MakeBatchJob(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// The source's column that the manifest means by `name`: as written, or by its name at the destination. kNotFound names
// `option`, the table and the nearest column.
Result<const Field*> FindSourceField(const Schema& schema, const BatchJob& job, std::string_view name,
                                     std::string_view option);

// How the job's rows come into a table that is there, or is made (nothing).
ShapeOptions ShapeOptionsOf(const BatchJob& job, std::optional<Schema> destination);
// The sink's word for ShapeOptions::widens, about a table that the load keeps. A source's narrower types are kept with
// sql_reflection_level full_with_precision alone: without it a wider one means nothing, but for the digits of decimals.
std::function<Result<bool>(const Field& there, const Type& to)> WidensIn(const BatchJob& job, Sink* sink,
                                                                         const TableName& table);
// The sink's word for ShapeOptions::refused, about the same.
Result<FindRefused> RefusedIn(const BatchJob& job, Sink* sink, const TableName& table);
// The same for rows that may still be taken apart (max_table_nesting): those meet the tables that are there afterwards
// (nesting.h), so that this shape neither knows the destination nor refuses anything.
ShapeOptions FirstShape(const BatchJob& job, std::optional<Schema> destination);
// What a writer of one of the job's tables is opened with: table, schema, keys and load_id are still to be set.
WriteRequest MakeWriteRequest(const BatchJob& job, const std::stop_token& stop);

std::string_view ContractName(Contract contract);  // as in the manifest

// The table's rows and columns stay, but for what the load does to them.
bool KeepsTable(const BatchJob& job);

// What a checkpoint knows the job's source_table by: as written; of a query only the word `query`.
std::string TableInCheckpoint(const BatchJob& job);

// RunPipeline and the others for a job that is made already.
RunReport RunJob(const BatchJob& job, const RunOptions& options);
Result<PlanReport> PlanJob(const BatchJob& job, const RunOptions& options);
Result<StateReport> ShowJobState(const BatchJob& job, const RunOptions& options);
Result<StateReport> SetJobState(const BatchJob& job, const RunOptions& options, std::string_view text);
Result<StateReport> ResetJobState(const BatchJob& job, const RunOptions& options);

}  // namespace nilus
