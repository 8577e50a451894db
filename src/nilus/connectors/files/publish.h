// The commit protocol of a files sink, step by step (README.md, "Commit protocol"): a state document replaced by rename
// is the commit; moving files to their place follows, and is done again after a crash until it is complete.
#pragma once

#include <optional>
#include <string>

#include "nilus/base/result.h"
#include "nilus/connectors/files/sink_layout.h"
#include "nilus/connectors/files/sink_state.h"

namespace nilus::files {

// Nothing: there is no document. kData when it is damaged, or another pipeline's.
Result<std::optional<SinkState>> ReadState(const SinkLayout& layout, const PipelineId& pipeline);

// The commit point. Before it returns kUnknownOutcome nothing failed that can be undone; any other error leaves the old
// document in force.
Status WriteState(const SinkLayout& layout, const PipelineId& pipeline, const SinkState& state);

// Moves what `pending` names to its place, durably. Idempotent: each step looks at what is there. Call under the lock.
// kData when committed files are in neither place: `state_path` is the document that its fix names. kInvalidInput when
// a folder to be replaced holds what Nilus did not write.
Status RollForward(const SinkLayout& layout, const std::vector<PendingTable>& pending, const std::string& state_path);

// Brings `staged` to the place of `target` as a whole, so that a reader sees one or the other; what was there stays at
// `staged` (or beside it). Without `can_exchange`, as on file systems that cannot swap: the target is absent for a
// moment. Absolute paths.
Status SwapFolders(const std::string& staged, const std::string& target, bool can_exchange);

// What crashed loads of this pipeline left in staging folders. Call under the lock, after RollForward.
Status RemoveOrphans(const SinkLayout& layout, const PipelineId& pipeline);

// What follows a commit point: RollForward, then the document without its pending part, then RemoveOrphans. Call under
// the locks of the pipeline and of its pending tables. `state` is durable.
Status Publish(const SinkLayout& layout, const PipelineId& pipeline, SinkState state);

// The same for a document that was found. Whoever wrote it may not have come to making it durable, or may have failed
// at that: nothing is moved before a power loss can no longer take the document back.
Status Settle(const SinkLayout& layout, const PipelineId& pipeline, SinkState state);

}  // namespace nilus::files
