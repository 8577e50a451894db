// Data files of a scan as one relation of DuckDB's SQL: columns found by field id (renamed, added, missing, promoted;
// by a name mapping where files have no ids), deleted rows left out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/row_filter.h"
#include "nilus/lake/deletes_bitmap.h"
#include "nilus/lake/scan_files.h"
#include "nilus/lake/scan_plan.h"

namespace nilus::lake {

// Which row of which file: (index in ScanRelation::files()) << kRowBits | position in the file.
inline constexpr const char* kRowColumn = "_nilus_row";
inline constexpr int kRowBits = 40;

// Reads deletes and keeps them, and local copies of files, until destroyed: its statements end before. One thread at a
// time.
class ScanRelation {
 public:
  struct Request {
    const ScanPlan* plan = nullptr;  // outlives the relation
    std::vector<size_t> files;       // of the plan
    std::vector<int32_t> columns;    // field ids of top-level columns, in the order wanted
    bool with_rows = false;          // kRowColumn stands behind the columns
    bool with_deleted = false;       // deletes are left aside
    std::stop_token stop;
  };
  static Result<ScanRelation> Open(duck::Connection& connection, Request request);

  // "SELECT …": one row for each live row of the files. Columns are named as the schema's fields.
  const std::string& sql() const { return sql_; }
  // The request's files, in the order that kRowColumn counts them.
  const std::vector<size_t>& files() const { return files_; }

 private:
  std::unique_ptr<LocalFiles> local_;
  std::optional<duck::RowFilter> live_;  // nothing: no row is deleted
  std::string sql_;
  std::vector<size_t> files_;
};

// The deleted rows of files of the plan: by position deletes and vectors, not by equality deletes. One bitmap for each
// of `files`.
Result<std::vector<RowBitmap>> ReadDeletedRows(duck::Connection& connection, const ScanPlan& plan,
                                               std::span<const size_t> files, LocalFiles* local, std::stop_token stop);

}  // namespace nilus::lake
