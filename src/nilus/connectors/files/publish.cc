#include "nilus/connectors/files/publish.h"

#include "nilus/base/fault.h"
#include "nilus/connectors/files/existing_table.h"
#include "nilus/connectors/files/posix.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

constexpr unsigned kPrivate = 0600;  // a position may hold key values

// Rows that were committed must not vanish without a word: the pending part stays until they are found or given up.
Failure Missing(const std::vector<std::string>& names, const std::string& staged, const std::string& target,
                const std::string& state_path) {
  return FailWithFix(
      ErrorKind::kData,
      fmt::format("put them back into {}; or, when they are meant to be gone, set \"pending\" to [] in {}; "
                  "or remove that document and load everything anew with full_refresh: true",
                  target, state_path),
      "files of a committed load are neither in {} nor in {}: {}", target, staged, fmt::join(names, ", "));
}

std::vector<std::string> MissingFrom(const std::string& folder, const std::vector<std::string>& names) {
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (!Exists(JoinPath(folder, name))) missing.push_back(name);
  }
  return missing;
}

Status BringToItsPlace(const std::string& staged, const std::string& target) {
  if (!Exists(target)) {
    NILUS_TRY(MakeDirectories(ParentOf(target)));
    NILUS_FAULT_POINT("files.sink.before_first_rename");
    return Rename(staged, target);
  }
  NILUS_TRY(CheckReplaceable(target));  // what came since the load began would be removed with the old rows
  NILUS_FAULT_POINT("files.sink.before_swap");
  return SwapFolders(staged, target, true);
}

Status RollForwardReplace(const std::string& staged, const std::string& target, const PendingTable& table,
                          const std::string& state_path) {
  // The swap brings all files at once: one that is there says that it was done.
  bool is_done = Exists(JoinPath(target, table.files.front()));
  std::vector<std::string> missing = MissingFrom(is_done ? target : staged, table.files);
  if (!missing.empty()) return Missing(missing, staged, target, state_path);
  if (!is_done) NILUS_TRY(BringToItsPlace(staged, target));
  // Whoever was done may not have come to making it durable, or may have failed at that.
  NILUS_FAULT_POINT("files.sink.after_swap");
  NILUS_TRY(SyncDirectory(ParentOf(target)));
  std::string staging = ParentOf(staged);
  return Exists(staging) ? SyncDirectory(staging) : Status();
}

Status RollForwardAppend(const std::string& staged, const std::string& target, const PendingTable& table,
                         const std::string& state_path) {
  NILUS_TRY(MakeDirectories(target));
  std::vector<std::string> missing;
  for (const std::string& name : table.files) {
    std::string from = JoinPath(staged, name);
    std::string to = JoinPath(target, name);
    if (!Exists(from)) {
      if (!Exists(to)) missing.push_back(name);
      continue;
    }
    NILUS_FAULT_POINT("files.sink.before_rename");
    NILUS_TRY(Rename(from, to));
  }
  NILUS_FAULT_POINT("files.sink.after_renames");
  NILUS_TRY(SyncDirectory(target));
  if (Exists(staged)) NILUS_TRY(SyncDirectory(staged));
  if (!missing.empty()) return Missing(missing, staged, target, state_path);
  return {};
}

}  // namespace

Result<std::optional<SinkState>> ReadState(const SinkLayout& layout, const PipelineId& pipeline) {
  NILUS_ASSIGN(std::string path, layout.StatePath(pipeline));
  if (!Exists(path)) return std::nullopt;
  NILUS_ASSIGN(std::string text, ReadWhole(path, kLargestStateBytes));
  auto state = ParseSinkState(text);
  if (!state) return Failure(InContext("reading " + path, std::move(state).error()));
  if (state->pipeline != pipeline.value) {
    return FailWithFix(ErrorKind::kData, "restore or remove it", "{} is the state of another pipeline, '{}'", path,
                       state->pipeline);
  }
  return *std::move(state);
}

Status WriteState(const SinkLayout& layout, const PipelineId& pipeline, const SinkState& state) {
  NILUS_ASSIGN(std::string path, layout.StatePath(pipeline));
  NILUS_ASSIGN(std::string folder, layout.StateFolder(pipeline));
  NILUS_ASSIGN(std::string text, FormatSinkState(state));
  std::string fresh = path + ".new";
  NILUS_TRY(RemoveFile(fresh));  // a crashed predecessor's
  NILUS_FAULT_POINT("files.sink.before_state_write");
  {
    NILUS_ASSIGN(FileDescriptor file, CreateNew(fresh, kPrivate));
    NILUS_TRY(WriteAll(file, text, fresh));
    NILUS_FAULT_POINT("files.sink.before_state_sync");
    NILUS_TRY(SyncFile(file, fresh));
  }
  NILUS_FAULT_POINT("files.sink.before_state_rename");
  NILUS_TRY(Rename(fresh, path));
  auto sync = [&]() -> Status {
    NILUS_FAULT_POINT("files.sink.before_state_folder_sync");
    return SyncDirectory(folder);
  };
  if (auto synced = sync(); !synced) {
    return Fail(ErrorKind::kUnknownOutcome, "the commit may or may not survive a power loss: {}",
                synced.error().ToString());
  }
  return {};
}

Status SwapFolders(const std::string& staged, const std::string& target, bool can_exchange) {
  if (can_exchange) {
    auto swapped = Exchange(staged, target);
    if (swapped || swapped.error().kind != ErrorKind::kUnsupported) return swapped;
  }
  NILUS_TRY(Rename(target, staged + ".old"));
  NILUS_FAULT_POINT("files.sink.between_renames");
  return Rename(staged, target);
}

Status RollForward(const SinkLayout& layout, const std::vector<PendingTable>& pending, const std::string& state_path) {
  for (const PendingTable& table : pending) {
    std::string staged = layout.Absolute(table.staged);
    std::string target = layout.Absolute(table.target);
    NILUS_TRY(table.replaces ? RollForwardReplace(staged, target, table, state_path)
                             : RollForwardAppend(staged, target, table, state_path));
  }
  return {};
}

Status RemoveOrphans(const SinkLayout& layout, const PipelineId& pipeline) {
  NILUS_ASSIGN(std::vector<std::string> schemas, ListDirectory(layout.root()));
  for (const std::string& schema : schemas) {
    std::string staging = JoinPath(JoinPath(layout.root(), schema), kStagingFolder);
    if (!IsDirectory(staging)) continue;
    NILUS_TRY(RefuseLink(staging));
    NILUS_FAULT_POINT("files.sink.before_orphans");
    NILUS_TRY(RemoveTree(JoinPath(staging, SinkLayout::PipelineHash(pipeline))));
    NILUS_TRY(RemoveEmptyDirectory(staging));
  }
  return {};
}

Status Publish(const SinkLayout& layout, const PipelineId& pipeline, SinkState state) {
  if (!state.pending.empty()) {
    NILUS_ASSIGN(std::string path, layout.StatePath(pipeline));
    NILUS_TRY(RollForward(layout, state.pending, path));
    state.pending.clear();
    NILUS_FAULT_POINT("files.sink.before_settled");
    NILUS_TRY(WriteState(layout, pipeline, state));
  }
  return RemoveOrphans(layout, pipeline);
}

Status Settle(const SinkLayout& layout, const PipelineId& pipeline, SinkState state) {
  // Written anew, not synced again: after an error of fsync a second one may succeed without having done anything.
  if (!state.pending.empty()) NILUS_TRY(WriteState(layout, pipeline, state));
  return Publish(layout, pipeline, std::move(state));
}

}  // namespace nilus::files
