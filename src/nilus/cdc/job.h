// A pipeline of change data capture as the engine runs it: the manifest's options in the boundary's terms.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nilus/base/memory_plan.h"
#include "nilus/cdc/properties.h"
#include "nilus/connector/connector.h"
#include "nilus/engine/job.h"
#include "nilus/engine/run.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/naming.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

struct CdcJob {
  PipelineId pipeline;
  std::string name;  // for people
  std::string source_display;
  std::string sink_display;
  std::string schema;      // of all destination tables, normalized
  bool merges = false;     // the tables are the source's present state; else every change is a row
  bool changelog = false;  // strategy: changelog (before and after as json); else flatten
  CdcProperties properties;
  CaptureRequest capture;
  std::vector<MaskRule> masks;
  std::vector<PinnedType> hints;
  Contract contract = Contract::kEvolve;
  std::vector<PartitionField> partition_by;
  std::vector<std::string> cluster_by;
  int64_t file_rows = 100'000;
  std::string file_format;
  NamingStyle naming = NamingStyle::kDefault;
  int identifier_limit = 0;
  int threads = 1;
  MemoryPlan memory = PlanMemory(kDefaultMemoryLimit);
  // Rows wait for others at most so long before they are committed; 0: they are committed once no more have come.
  std::chrono::milliseconds commit_interval{0};
  // An idle service writes down so often that the log has moved on, so that the source may let go of it.
  std::chrono::milliseconds idle_commit_interval{10'000};
  int64_t flush_rows = 2048;        // rows a commit, about; transactions are whole
  int64_t chunk_rows = 100'000;     // of a snapshot's chunk, about
  int64_t increment_rows = 50'000;  // the same while the stream waits
  std::vector<std::string> notices;
  std::function<Result<std::unique_ptr<ChangeSource>>(std::stop_token)> open_source;
  std::function<Result<std::unique_ptr<Sink>>(std::stop_token)> open_sink;
  bool deletes_ranges = false;  // the sink has delete+insert
  // The destination as a source; null: it cannot be read.
  std::function<Result<std::unique_ptr<Source>>(std::stop_token)> open_written;
};

// kInvalidInput or kUnsupported for what the manifest asks and this engine, connector or strategy cannot do.
Result<CdcJob> MakeCdcJob(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options);

// The parts of a batch job that its state and its letters are asked for by; without a table.
BatchJob AsBatchJob(const CdcJob& job);

// `<prefix>.<schema>.<table>`, or what a router rule makes of it.
std::string TopicOf(const CdcJob& job, const std::string& schema, const std::string& table);
// Where the rows of a captured table go: `<prefix>_<schema>_<table>`, or what a router rule makes of it; normalized.
Result<TableName> RouteTable(const CdcJob& job, const std::string& schema, const std::string& table);

// The masks and hints that are meant for this table: those of its columns, or that name it (`table.column`,
// `schema.table.column`).
std::vector<MaskRule> MasksOf(const CdcJob& job, const CapturedTable& table);
std::vector<PinnedType> HintsOf(const CdcJob& job, const CapturedTable& table);

}  // namespace nilus
