// Fewer, larger files with the same rows: small files and files with many deleted rows are written anew. Commits as
// `replace`, and never undoes what writers do at the same time: when somebody removed one of its files or deleted rows
// of them, the group is left for the next time.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "nilus/duck/database.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/scan_plan.h"

namespace nilus::lake {

struct CompactionOptions {
  std::shared_ptr<duck::Database> database;  // reads and writes; gives the memory
  int threads = 2;
  int64_t target_bytes = 256 << 20;        // files well below are put together up to this size, compressed as they are
  int64_t min_files = 5;                   // small files of one partition, before they are worth it
  int64_t deleted_percent = 10;            // a file with this share of deleted rows is written anew by itself
  bool all = false;                        // every file that has deletes, or that is not of the current spec and schema
  int64_t group_bytes = int64_t{2} << 30;  // one commit rewrites about so much
  int64_t most_bytes = std::numeric_limits<int64_t>::max();  // no further group behind so much
  bool dry_run = false;
};

// Files of one partition that are rewritten together. Indexes into ScanPlan::files.
struct CompactionGroup {
  std::vector<size_t> files;
  int64_t bytes = 0;
};
// Which files, by the options: pure.
std::vector<CompactionGroup> PlanCompaction(const ScanPlan& plan, const TableMetadata& metadata,
                                            const CompactionOptions& options);

struct CompactionReport {
  int64_t groups = 0;   // rewritten, or that would be
  int64_t skipped = 0;  // groups that other writers changed meanwhile
  int64_t files_before = 0;
  int64_t files_after = 0;
  int64_t delete_files_removed = 0;
  int64_t rows = 0;  // written
  int64_t bytes_before = 0;
  int64_t bytes_after = 0;
  TablePtr table;  // as it is behind the last commit
};
// v3: rows keep their row ids and the numbers of their last update.
Result<CompactionReport> Compact(TablePtr table, const CompactionOptions& options, std::stop_token stop);

}  // namespace nilus::lake
