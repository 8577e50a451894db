#include "nilus/connectors/files/table_lock.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/base/fault.h"
#include "nilus/base/retry.h"

namespace nilus::files {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kLargestTableFileBytes = 1 << 20;

std::string FormatPublisher(const PipelineId& pipeline) {
  Json document = {{"pipeline", pipeline.value}, {"state_schema", pipeline.state_schema}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Nothing: nobody yet, or somebody who died while writing it. That one did not come to its commit point, and had
// completed what its predecessor left.
std::optional<PipelineId> ParsePublisher(std::string_view text) {
  if (!IsValidUtf8(text)) return std::nullopt;
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return std::nullopt;
  auto pipeline = document.find("pipeline");
  auto schema = document.find("state_schema");
  if (pipeline == document.end() || schema == document.end() || !pipeline->is_string() || !schema->is_string())
    return std::nullopt;
  return PipelineId{.value = pipeline->get<std::string>(), .state_schema = schema->get<std::string>()};
}

std::vector<std::string> PendingFolders(const SinkState& state) {
  std::vector<std::string> folders;
  for (const PendingTable& table : state.pending) folders.push_back(table.target);
  return folders;
}

// Nothing: somebody else holds one of them.
Result<std::optional<std::map<std::string, FileLock>>> TryLock(const std::vector<std::string>& paths) {
  std::map<std::string, FileLock> locks;
  for (const std::string& path : paths) {
    NILUS_ASSIGN(std::optional<FileLock> lock, FileLock::TryAcquire(path));
    if (!lock) return std::nullopt;
    locks.emplace(path, *std::move(lock));
  }
  return locks;
}

Result<std::vector<std::string>> LockPaths(const SinkLayout& layout, const std::vector<std::string>& folders) {
  std::vector<std::string> paths;
  for (const std::string& folder : folders) {
    NILUS_ASSIGN(std::string path, layout.TableLockPath(folder));
    paths.push_back(std::move(path));
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  for (const std::string& path : paths) {
    if (!IsDirectory(ParentOf(path))) NILUS_TRY(MakeDirectories(ParentOf(path)));
  }
  return paths;
}

// Completes the last publisher's commit to the table of this lock file. False: that pipeline is running, and does it
// itself once it gets the locks that we hold.
Result<bool> SettlePublisher(const SinkLayout& layout, const std::string& lock_path,
                             const std::vector<std::string>& held, const PipelineId& self) {
  NILUS_ASSIGN(std::string text, ReadWhole(lock_path, kLargestTableFileBytes));
  std::optional<PipelineId> publisher = ParsePublisher(text);
  if (!publisher || (publisher->value == self.value && publisher->state_schema == self.state_schema)) return true;
  // Documents are replaced as a whole, and this table gets into one only under its lock: reading needs no other.
  NILUS_ASSIGN(std::optional<SinkState> state, ReadState(layout, *publisher));
  if (!state || state->pending.empty()) return true;
  NILUS_FAULT_POINT("files.sink.before_settling_another");
  NILUS_ASSIGN(std::string path, layout.LockPath(*publisher));
  NILUS_ASSIGN(std::optional<FileLock> lock, FileLock::TryAcquire(path));
  if (!lock) return false;
  NILUS_ASSIGN(state, ReadState(layout, *publisher));
  if (!state || state->pending.empty()) return true;
  NILUS_ASSIGN(std::vector<std::string> others, LockPaths(layout, PendingFolders(*state)));
  std::erase_if(others, [&](const std::string& one) { return std::find(held.begin(), held.end(), one) != held.end(); });
  NILUS_ASSIGN(auto locks, TryLock(others));
  if (!locks) return false;
  if (auto settled = Settle(layout, *publisher, *std::move(state)); !settled) {
    return Failure(InContext("completing the load of pipeline '" + publisher->value + "' to the same table",
                             std::move(settled).error()));
  }
  return true;
}

// Nothing: not now.
Result<std::optional<std::map<std::string, FileLock>>> TryAcquireSettled(const SinkLayout& layout,
                                                                         const std::vector<std::string>& paths,
                                                                         const PipelineId& self) {
  NILUS_ASSIGN(auto locks, TryLock(paths));
  if (!locks) return std::nullopt;
  for (const std::string& path : paths) {
    NILUS_ASSIGN(bool settled, SettlePublisher(layout, path, paths, self));
    if (!settled) return std::nullopt;
  }
  return locks;
}

}  // namespace

Result<TableLocks> TableLocks::Acquire(const SinkLayout& layout, std::vector<std::string> folders,
                                       const PipelineId& self, const LockPatience& patience) {
  constexpr std::chrono::milliseconds kPause{50};
  NILUS_ASSIGN(std::vector<std::string> paths, LockPaths(layout, folders));
  const auto deadline = std::chrono::steady_clock::now() + patience.wait;
  while (true) {
    NILUS_ASSIGN(auto locks, TryAcquireSettled(layout, paths, self));
    if (locks) return TableLocks(*std::move(locks));
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return FailWithFix(ErrorKind::kConflict, "wait for the other run to end, then run again",
                         "another pipeline is changing the same table (one of {})", fmt::join(folders, ", "));
    }
    if (!SleepUnlessStopped(std::min(kPause, left), patience.stop))
      return Fail(ErrorKind::kCancelled, "stopped while waiting for {}", fmt::join(folders, ", "));
  }
}

Status TableLocks::SetPublisher(const PipelineId& pipeline) const {
  const std::string text = FormatPublisher(pipeline);
  for (const auto& [path, lock] : by_path_) {
    NILUS_ASSIGN(std::string before, ReadWhole(path, kLargestTableFileBytes));
    if (before == text) continue;
    NILUS_FAULT_POINT("files.sink.before_publisher");
    NILUS_TRY(lock.ReplaceText(text, path));
    NILUS_TRY(SyncDirectory(ParentOf(path)));
  }
  return {};
}

Status SettleUnderLocks(const SinkLayout& layout, const PipelineId& pipeline, SinkState state,
                        const LockPatience& patience) {
  std::optional<TableLocks> locks;
  if (!state.pending.empty()) {
    NILUS_ASSIGN(locks, TableLocks::Acquire(layout, PendingFolders(state), pipeline, patience));
  }
  return Settle(layout, pipeline, std::move(state));
}

}  // namespace nilus::files
