// What a _delta_log folder holds, by the names of its files. Names in, values out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/storage/object_store.h"

namespace nilus::delta {

// A checkpoint that is whole: one file (classic or V2), or all parts of one in several.
struct Checkpoint {
  int64_t version = 0;
  std::vector<std::string> keys;
  bool is_json = false;
};

class LogListing {
 public:
  // Other files (hints, checksums, compacted commits, sidecars) are left aside.
  void Add(const storage::ObjectInfo& file);

  struct Commit {
    std::string key;
    WallTime modified;
  };
  const std::map<int64_t, Commit>& commits() const { return commits_; }
  // Nothing: there is neither a commit nor a whole checkpoint.
  std::optional<int64_t> latest() const;
  // The newest whole checkpoint of that version or an earlier one.
  std::optional<Checkpoint> CheckpointUpTo(int64_t version) const;

 private:
  struct Parts {
    std::map<std::pair<int64_t, int64_t>, std::string> keys;  // by (number of parts, part)
    std::optional<Checkpoint> whole;
  };
  std::map<int64_t, Commit> commits_;
  std::map<int64_t, Parts> checkpoints_;
};

// "00000000000000000007.json" → 7; nothing for other names.
std::optional<int64_t> CommitVersion(std::string_view name);

}  // namespace nilus::delta
