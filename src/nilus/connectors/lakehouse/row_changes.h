// Which rows of a table's files a load takes away, and what becomes of them: whole files that go, position deletes
// (format v2) or deletion vectors (v3) for the rest. Never equality deletes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/connection.h"
#include "nilus/lake/deletes_bitmap.h"
#include "nilus/lake/scan_plan.h"
#include "nilus/lake/transaction.h"

namespace nilus::lakehouse {

// Live rows of data files, by the file's index in the plan.
struct RowChanges {
  std::map<size_t, lake::RowBitmap> rows;
  std::map<size_t, int64_t> live_rows;  // of files, as far as they are known before: their deletes need not be read
  int64_t count() const;
  void Add(size_t file, uint64_t position) { rows[file].Add(position); }
};

// Live rows t of the plan's files for which "SELECT … FROM (the rows) AS t <tail>" holds: a WHERE, a SEMI JOIN. t has
// the columns of these field ids. Files of stores that are not on the local disk are looked at a bounded number of
// bytes at a time.
Result<RowChanges> FindRows(duck::Connection& connection, const lake::ScanPlan& plan,
                            const std::vector<int32_t>& columns, const std::string& tail, const std::stop_token& stop);

// Takes the rows away in the transaction: files without a live row left are removed, the others get delete files, which
// are written here and appended to `written` (for whoever gives the transaction up).
Status DeleteRows(duck::Connection& connection, const lake::ScanPlan& plan, const RowChanges& changes,
                  const std::string& name_prefix, const std::stop_token& stop, lake::Transaction* transaction,
                  std::vector<lake::DataFile>* written);

// Those of `files` that may hold a key between the lowest and the highest of `relation`'s.
Result<std::vector<size_t>> FilesWithKeys(duck::Connection& connection, const std::vector<std::string>& keys,
                                          const std::string& relation, const std::stop_token& stop,
                                          const lake::ScanPlan& plan, std::vector<size_t> files);
// The same of all files of the plan, which keeps only those.
Status PruneByKeys(duck::Connection& connection, const std::vector<std::string>& keys, const std::string& relation,
                   const std::stop_token& stop, lake::ScanPlan* plan);

// Files of the plan in groups that may lie on the local disk together.
std::vector<std::vector<size_t>> BoundedGroups(const lake::ScanPlan& plan, const std::vector<size_t>& files);
std::vector<size_t> AllFiles(const lake::ScanPlan& plan);

// The same of all of them.
std::vector<std::vector<size_t>> BoundedGroups(const lake::ScanPlan& plan);

}  // namespace nilus::lakehouse
