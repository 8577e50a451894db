// Nilus's position in a table: what its snapshots and properties say of the pipelines that load it. docs/formats.md,
// "State in Iceberg tables".
//
// A commit writes its state twice in one step: in the new snapshot's summary, and as a property of the table. Every
// snapshot of Nilus's carries the states of the other pipelines along. Looking for a state walks from the current
// snapshot to its ancestors, so a table that was rolled back has the position of the rows it holds; the property
// answers where ancestors have been expired by others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nilus/lake/table_metadata.h"

namespace nilus::lake {

struct PipelineState {
  int64_t version = 0;  // counts the pipeline's commits: 1, 2, 3, …
  std::string load_id;
  std::string position_json;  // empty: from the beginning
  friend bool operator==(const PipelineState&, const PipelineState&) = default;
};

// The state of a pipeline on a branch; nothing: it never committed there. kData: it does not parse.
Result<std::optional<PipelineState>> FindPipelineState(const TableMetadata& metadata, std::string_view pipeline,
                                                       std::string_view branch = kMainBranch);
// A load of this pipeline is in the branch's history (as far as it is kept), or is its last one.
Result<bool> HasLoad(const TableMetadata& metadata, std::string_view pipeline, std::string_view load_id,
                     std::string_view branch = kMainBranch);

// --- For transactions ---

// The table property, and the key in a summary that carries another pipeline's state along.
std::string StateKey(std::string_view pipeline, std::string_view branch);
std::string StateProperty(const PipelineState& state, std::optional<int64_t> snapshot_id);
void PutStateInSummary(std::string_view pipeline, const PipelineState& state, Properties* summary);
// Copies what the parent snapshot's summary says of all pipelines, its own one among them.
void CarryStates(const Properties& parent, Properties* summary);

}  // namespace nilus::lake
