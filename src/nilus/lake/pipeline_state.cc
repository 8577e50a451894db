#include "nilus/lake/pipeline_state.h"

#include "nilus/lake/json.h"

namespace nilus::lake {
namespace {

Json StateJson(const PipelineState& state) {
  return {{"version", state.version}, {"load-id", state.load_id}, {"position", state.position_json}};
}

Result<PipelineState> StateFrom(const JsonView& view) {
  PipelineState state;
  NILUS_ASSIGN(state.version, view.Int64("version"));
  NILUS_ASSIGN(state.load_id, view.String("load-id"));
  NILUS_ASSIGN(state.position_json, view.StringOr("position", ""));
  return state;
}

// What one snapshot says of the pipeline: as the one that made it, or as one whose state it carries along.
Result<std::optional<PipelineState>> StateIn(const Properties& summary, std::string_view pipeline) {
  const auto own = summary.find("nilus.pipeline");
  if (own != summary.end() && own->second == pipeline) {
    PipelineState state;
    const auto version = summary.find("nilus.version");
    const std::optional<Json> number =
        version == summary.end() ? std::nullopt : std::optional(Json::parse(version->second, nullptr, false));
    if (!number || !number->is_number_integer()) {
      return Fail(ErrorKind::kData, "a snapshot of pipeline {} lacks nilus.version", pipeline);
    }
    state.version = number->get<int64_t>();
    if (const auto load = summary.find("nilus.load-id"); load != summary.end()) state.load_id = load->second;
    if (const auto at = summary.find("nilus.position"); at != summary.end()) state.position_json = at->second;
    return std::optional(std::move(state));
  }
  const auto carried = summary.find(StateKey(pipeline, kMainBranch));
  if (carried == summary.end()) return std::optional<PipelineState>();
  NILUS_ASSIGN(const Json json, ParseJson(carried->second, carried->first));
  NILUS_ASSIGN(PipelineState state, StateFrom(JsonView(json, carried->first)));
  return std::optional(std::move(state));
}

// The table's property, with the snapshot that was current when it was written.
struct PropertyState {
  PipelineState state;
  std::optional<int64_t> snapshot_id;
};
Result<std::optional<PropertyState>> PropertyOf(const TableMetadata& metadata, std::string_view pipeline,
                                                std::string_view branch) {
  const std::string key = StateKey(pipeline, branch);
  const auto text = metadata.Property(key);
  if (!text) return std::optional<PropertyState>();
  NILUS_ASSIGN(const Json json, ParseJson(*text, key));
  const JsonView view(json, key);
  PropertyState found;
  NILUS_ASSIGN(found.state, StateFrom(view));
  NILUS_ASSIGN(found.snapshot_id, view.MaybeInt64("snapshot-id"));
  return std::optional(std::move(found));
}

}  // namespace

std::string StateKey(std::string_view pipeline, std::string_view branch) {
  return branch == kMainBranch ? fmt::format("nilus.state.{}", pipeline)
                               : fmt::format("nilus.state@{}.{}", branch, pipeline);
}

std::string StateProperty(const PipelineState& state, std::optional<int64_t> snapshot_id) {
  Json json = StateJson(state);
  if (snapshot_id) json["snapshot-id"] = *snapshot_id;
  return DumpJson(json);
}

void PutStateInSummary(std::string_view pipeline, const PipelineState& state, Properties* summary) {
  (*summary)["nilus.pipeline"] = pipeline;
  (*summary)["nilus.version"] = std::to_string(state.version);
  (*summary)["nilus.load-id"] = state.load_id;
  (*summary)["nilus.position"] = state.position_json;
  summary->erase(StateKey(pipeline, kMainBranch));
}

void CarryStates(const Properties& parent, Properties* summary) {
  constexpr std::string_view kPrefix = "nilus.state.";
  for (auto at = parent.lower_bound(std::string(kPrefix)); at != parent.end() && at->first.starts_with(kPrefix); ++at) {
    (*summary)[at->first] = at->second;
  }
  const auto pipeline = parent.find("nilus.pipeline");
  if (pipeline == parent.end()) return;
  // Whatever does not parse here was not written by us, and says nothing.
  const auto state = StateIn(parent, pipeline->second);
  if (state && *state) (*summary)[StateKey(pipeline->second, kMainBranch)] = DumpJson(StateJson(**state));
}

Result<std::optional<PipelineState>> FindPipelineState(const TableMetadata& metadata, std::string_view pipeline,
                                                       std::string_view branch) {
  NILUS_ASSIGN(const std::optional<PropertyState> property, PropertyOf(metadata, pipeline, branch));
  Status problem;
  std::optional<PipelineState> found;
  const SnapshotPtr last = metadata.WalkAncestors(metadata.SnapshotOf(branch), [&](const SnapshotPtr& at) {
    // The property was written when this snapshot was current, or with it: nothing is newer.
    if (property && property->snapshot_id == at->id) {
      found = property->state;
      return false;
    }
    Result<std::optional<PipelineState>> state = StateIn(at->summary, pipeline);
    if (!state) {
      problem = Failure(std::move(state).error());
      return false;
    }
    found = *std::move(state);
    return !found;
  });
  NILUS_TRY(problem);
  if (found || !property) return found;
  // Where the history is whole, the pipeline has no part in it (the table was rolled back behind its first load, or
  // made anew), unless its only commits were before there was a snapshot. Else the property knows more than is left.
  const bool is_whole = last != nullptr && !last->parent_id;
  if (!is_whole || !property->snapshot_id) found = property->state;
  return found;
}

Result<bool> HasLoad(const TableMetadata& metadata, std::string_view pipeline, std::string_view load_id,
                     std::string_view branch) {
  NILUS_ASSIGN(const std::optional<PipelineState> state, FindPipelineState(metadata, pipeline, branch));
  if (state && state->load_id == load_id) return true;
  bool is_there = false;
  metadata.WalkAncestors(metadata.SnapshotOf(branch), [&](const SnapshotPtr& at) {
    const auto load = at->summary.find("nilus.load-id");
    if (load != at->summary.end() && load->second == load_id) {
      const auto owner = at->summary.find("nilus.pipeline");
      is_there = owner != at->summary.end() && owner->second == pipeline;
    }
    return !is_there;
  });
  return is_there;
}

}  // namespace nilus::lake
