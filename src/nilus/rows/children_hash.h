// What the child rows of a row say, as one text beside it (nesting with scd2): a row whose own columns are as they
// were, but not its children, has a new version. Format: docs/formats.md, "Hashes of child rows".
//
// Taken of child rows as they are loaded (behind the normalizer): two spellings that come to the same value are the
// same, and so are values whose column became wider.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/sha256.h"
#include "nilus/data/record_batch.h"

namespace nilus {

// text; NULL: the row has no child rows.
inline constexpr std::string_view kChildrenHashColumn = "_nilus_children_hash";

Field ChildrenHashField();

// Hashes the children of some rows, numbered from 0. Not thread-safe.
class ChildrenHasher {
 public:
  // `tables`: the destination's names, by the index that Add is given.
  explicit ChildrenHasher(std::vector<std::string> tables);

  // Rows of one child table in their order, over all calls: with where each stands (UnnestOptions::with_positions) and
  // which row it belongs to, ascending. Columns of ours (ids, the place in the list) do not count.
  void Add(int table, const RecordBatch& rows, const Column& positions, const std::vector<int64_t>& roots);
  // Of `rows` rows, and what was added is forgotten.
  Column Finish(int64_t rows);

 private:
  struct Table {
    std::string name;
    int rank = 0;       // by name
    int64_t root = -1;  // whose rows are being hashed; -1: nobody's
    Sha256 hash;
  };
  struct Part {
    int64_t root;
    int rank;
    Sha256::Digest digest;
  };
  void End(Table* table);

  std::vector<Table> tables_;
  std::vector<int> by_rank_;  // index into tables_
  std::vector<Part> parts_;
  std::string scratch_;
};

}  // namespace nilus
