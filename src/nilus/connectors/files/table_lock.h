// A table's folder is changed by one pipeline at a time: by its commit, or by whoever completes a commit that a crash
// cut off. Loading and staging need no lock, so pipelines that append to one table only wait for each other's commits.
//
// The lock is an flock on `<schema>/_nilus_state/<hash of the table>.table`. The file's text says which pipeline's
// commit named the table last: `{"pipeline":…,"state_schema":…}`. That pipeline's state document may still have files
// to move there, and whoever comes next moves them first: an older load never lands on top of a newer one.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/file_lock.h"
#include "nilus/connectors/files/publish.h"
#include "nilus/connectors/files/sink_layout.h"

namespace nilus::files {

// Under which conditions locks are waited for.
struct LockPatience {
  std::chrono::milliseconds wait{0};
  std::stop_token stop;
};

// Locks of the tables of one commit, released when destroyed. One thread.
class TableLocks {
 public:
  // Locks the tables with these folders (relative to the sink's) and completes what other pipelines have committed to
  // them. `self` holds its own pipeline's lock and has nothing pending but what the caller is about to complete.
  // kConflict when somebody else is at it for longer than the patience.
  static Result<TableLocks> Acquire(const SinkLayout& layout, std::vector<std::string> folders, const PipelineId& self,
                                    const LockPatience& patience);

  // Durable: the tables' files name `pipeline` when this returns. Before the pipeline's commit point.
  Status SetPublisher(const PipelineId& pipeline) const;

 private:
  explicit TableLocks(std::map<std::string, FileLock> locks) : by_path_(std::move(locks)) {}
  std::map<std::string, FileLock> by_path_;  // by the lock file's path: the order in which everybody takes them
};

// Settle (publish.h) under the locks of the tables that the document's pending part names. Call under the pipeline's
// lock.
Status SettleUnderLocks(const SinkLayout& layout, const PipelineId& pipeline, SinkState state,
                        const LockPatience& patience);

}  // namespace nilus::files
