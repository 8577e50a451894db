// Where a files sink keeps what: every path is made here. Relative paths are relative to the sink's folder.
//
//   <schema>/<table>/<load id>-<writer>-<number>.parquet      rows
//   <schema>/<table>/.nilus_schema.json                       types (table_schema.h)
//   <schema>/.nilus_staging/<hash>/<load id>/<table>/         a load's files before its commit
//   <schema>/_nilus_state/<hash>.json, <hash>.lock            state (sink_state.h), the pipeline's lock
//   <schema>/_nilus_state/<table's hash>.table                the table's lock (table_lock.h)
// <hash>: 32 hex digits for the pipeline and its schema. Names are those of EncodeDiskName.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"

namespace nilus::files {

inline constexpr std::string_view kStagingFolder = ".nilus_staging";
inline constexpr std::string_view kStateFolder = "_nilus_state";

class SinkLayout {
 public:
  explicit SinkLayout(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string Absolute(std::string_view relative) const;

  static std::string PipelineHash(const PipelineId& pipeline);
  // Absolute, as the next two. kInvalidInput when the folder or the schema's is a symbolic link: it is not followed.
  Result<std::string> StateFolder(const PipelineId& pipeline) const;
  Result<std::string> StatePath(const PipelineId& pipeline) const;
  Result<std::string> LockPath(const PipelineId& pipeline) const;

  static Result<std::string> TableFolder(const TableName& table);  // relative
  // Absolute, of a relative folder; links as StateFolder.
  Result<std::string> TableLockPath(std::string_view table_folder) const;
  static Result<std::string> StagedFolder(const PipelineId& pipeline, std::string_view load_id, const TableName& table);
  static Result<std::string> FilePrefix(std::string_view load_id, int writer);
  // True for names that FilePrefix begins, and for the schema file: ours to replace.
  static bool IsOurFile(std::string_view name);

 private:
  std::string root_;
};

}  // namespace nilus::files
