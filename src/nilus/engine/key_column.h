// Comparing a whole column of incremental keys against bounds, and hashing rows: the vectorised parts of incremental
// extraction.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/scalar.h"

namespace nilus {

// kUnsupported for types without a usable order: bool, json.
Status CheckKeyType(const Type& type, std::string_view column);

// A one-row column holding `scalar`'s text read as `type`. kInvalidInput when it is none.
Result<Column> ParseKey(const Scalar& scalar, const Type& type);
// Whether `a` comes before `b` in the order of keys; both are texts of `type`. False when either is not.
bool IsKeyBelow(const std::string& a, const std::string& b, const Type& type);

// Clears keep[i] where the key lies below `bound`, or above it; an equal key is kept when `inclusive`. NULLs are left
// as they are. `bound` is a one-row column of the key's type.
void KeepAtOrAbove(const Column& keys, const Column& bound, std::vector<uint8_t>* keep);
void KeepBelow(const Column& keys, const Column& bound, bool inclusive, std::vector<uint8_t>* keep);

// The row with the highest key among those kept that are not NULL; -1: there is none.
int64_t HighestKey(const Column& keys, const std::vector<uint8_t>& keep);

// True when no kept key that is not NULL is below the one before it; `after`, a one-row column, stands before the
// first.
bool IsAscending(const Column& keys, const std::vector<uint8_t>& keep, const std::optional<Column>& after);

// The first kept row whose key is NaN or infinite; -1: none. Keys that are not floats have none.
int64_t FirstNotFinite(const Column& keys, const std::vector<uint8_t>& keep);
// Whether a value is neither. True of a text that is none of its type: ParseKey says so.
bool IsFinite(const Scalar& key);

// 128 bits of SHA-256: two rows with one hash are the same row for all that can happen.
struct RowHash {
  std::array<uint8_t, 16> bytes{};
  friend auto operator<=>(const RowHash&, const RowHash&) = default;
};
struct RowHashHasher {
  size_t operator()(const RowHash& hash) const {
    size_t value = 0;
    __builtin_memcpy(&value, hash.bytes.data(), sizeof value);
    return value;
  }
};
std::string ToHex(const RowHash& hash);
std::optional<RowHash> RowHashFromHex(std::string_view hex);  // exactly 32 hex digits

// What kind of values a column is hashed as: one lower-case letter (docs/formats.md, "Position"). Widths of one kind
// share it.
char HashKind(const Type& type);
// A value that keeps what it says keeps its hash when its column goes from the one kind to the other.
bool IsComparableKind(char before, char now);

// Hashes rows by some or all of their columns. A value counts by its column's name and what it says, not by how wide
// its type is, and NULL counts as absent: a new column that is NULL, or an int that became a bigint or a decimal,
// changes no hash. -0 is not 0.
class RowHasher {
 public:
  // Columns are given by their names; empty: all of the schema's.
  static Result<RowHasher> Create(const Schema& schema, const std::vector<std::string>& columns);
  RowHash Hash(const RecordBatch& batch, int64_t row);

 private:
  std::vector<int> indexes_;  // ordered by name, so that the order of columns is of no account
  std::vector<std::string> names_;
  std::string buffer_;
};

}  // namespace nilus
