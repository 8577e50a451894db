// The actions of a Delta log, one JSON object each: a line of a commit, or a row of a checkpoint in the same form.
// Source of the format: Delta Lake's PROTOCOL.md, "Actions". Text in, values out; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::delta {

// Where the deleted rows of a data file stand ("Deletion Vectors").
struct DeletionVector {
  char storage = 'u';          // u: a file named by a UUID below the table; p: a file by its path; i: here
  std::string path_or_inline;  // u: prefix and UUID in base 85; p: URL; i: the vector in base 85
  int64_t offset = 0;          // in the file
  int64_t size_in_bytes = 0;
  int64_t cardinality = 0;
  std::string UniqueId() const;  // tells versions of a file apart that differ only in it
};

struct AddFile {
  std::string path;  // percent-decoded; relative to the table, or a URL
  std::map<std::string, std::optional<std::string>> partition_values;  // by physical name; nothing: NULL
  int64_t size = 0;
  std::optional<int64_t> rows;  // of the file, deleted ones included, when its statistics tell
  std::optional<DeletionVector> deletion_vector;
};

struct RemoveFile {
  std::string path;
  std::optional<DeletionVector> deletion_vector;
};

struct Protocol {
  int min_reader_version = 1;
  std::vector<std::string> reader_features;  // from reader version 3 on
};

struct Metadata {
  std::string provider;       // "parquet"
  std::string schema_string;  // JSON
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> configuration;
};

// A part of a V2 checkpoint in _delta_log/_sidecars/.
struct Sidecar {
  std::string path;
};

struct CommitInfo {
  std::optional<int64_t> in_commit_timestamp;  // milliseconds since 1970
};

// monostate: an action that a reader of rows has no use for (txn, cdc, domainMetadata, …), or one not known yet:
// features that readers must know stand in the protocol.
using Action = std::variant<std::monostate, AddFile, RemoveFile, Protocol, Metadata, Sidecar, CommitInfo>;

// kData: it is no JSON object, or an action lacks what it must have.
Result<Action> ParseAction(std::string_view json);

}  // namespace nilus::delta
