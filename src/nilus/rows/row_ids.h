// The two columns that every loaded row has, behind all others (spec 03): `_nilus_load_id`, the load that brought it,
// and `_nilus_id`, its own name of 22 characters. Format: docs/formats.md, "Row ids".
//
// With a primary key the id is a hash of the key's values: the same in every run, on every machine and in any order of
// rows, and whatever the width of the key's types. Without one, or where a part of the key is NULL, rows are numbered:
// 14 characters that the load and table give, and 8 that count.
//
// The columns cost little: the load ids of all batches are one buffer, and nothing is allocated for a row.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "nilus/base/sha256.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/schema.h"

namespace nilus {

// The fields of both, in their order.
std::vector<Field> RowIdFields();
// `schema` with both behind its fields.
Schema WithRowIds(Schema schema);
// A source that was loaded by Nilus has such columns itself: they are of that load, and left out.
Schema WithoutRowIds(Schema schema);
RecordBatch WithoutRowIds(const RecordBatch& batch);
bool IsRowIdColumn(std::string_view name);

// What rows of one table of one load are named by. Shared by all threads of a run.
class RowNames {
 public:
  // `key`: destination's names of the primary key; empty: none. `per_load`: rows of one key get another id with each
  // load (scd2, where each version is a row).
  RowNames(std::string load_id, const std::string& table, std::vector<std::string> key, bool per_load);

  const std::string& load_id() const { return load_id_; }
  const std::vector<std::string>& key() const { return key_; }
  bool is_per_load() const { return is_per_load_; }
  const std::string& prefix() const { return prefix_; }  // of numbered rows
  // The first of `count` numbers that nobody else has.
  int64_t TakeNumbers(int64_t count) { return next_.fetch_add(count, std::memory_order_relaxed); }

 private:
  const std::string load_id_;
  const std::vector<std::string> key_;
  const bool is_per_load_;
  std::string prefix_;
  std::atomic<int64_t> next_{0};
};

// Columns of one text, which share one buffer. Not thread-safe.
class RepeatedText {
 public:
  explicit RepeatedText(std::string text) : text_(std::move(text)) {}
  Column Rows(int64_t rows);

 private:
  const std::string text_;
  Column longest_;
};

// One thread's namer of rows. Not thread-safe.
class RowNamer {
 public:
  explicit RowNamer(std::shared_ptr<RowNames> names);

  // The batch with both columns behind its own. The key's columns that it lacks count as NULL.
  RecordBatch Name(const RecordBatch& batch);
  // The same with _nilus_id alone.
  RecordBatch NameOnly(const RecordBatch& batch);

 private:
  Column Ids(const RecordBatch& batch);

  std::shared_ptr<RowNames> names_;
  Sha256 hash_;
  SchemaPtr unnamed_;  // of the last batch, and the same with both columns
  SchemaPtr named_;
  RepeatedText load_ids_;
};

// 22 characters of the URL-safe base64 alphabet, for 16 bytes.
void AppendId(const uint8_t* bytes, std::string* out);

}  // namespace nilus
