// The reading half of the boundary between connectors and the engine.
//
//   Describe → Plan → Open(split) → Next, Next, … (→ Acknowledge)
//
// A Source is one connection's worth of knowledge about a system. Plan takes a consistent snapshot where the system has
// such a thing; all its splits read that one state. A change stream is a plan with one split that does not end.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/position.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/scalar.h"

namespace nilus {

// `sql_reflection_level`: how much of the source's own narrower types is kept.
enum class ReflectionLevel { kMinimal, kFull, kFullWithPrecision };

// Rows whose `column` lies between the bounds; an absent bound is open. Text compares by bytes (COLLATE "C").
struct KeyRange {
  std::string column;           // the source's own name for it
  std::optional<Scalar> lower;  // inclusive
  std::optional<Scalar> upper;
  bool upper_inclusive = true;
  bool with_nulls = true;  // rows whose key is NULL are read too (the engine decides what becomes of them)
};

struct ReadRequest {
  std::string table;                         // source_table as written: schema.table, view, glob, or "query:SELECT …"
  std::vector<std::string> exclude_columns;  // the source's own names; an unknown one is kInvalidInput
  std::optional<KeyRange> range;             // pushed down to the source
  // At most so many rows in all; pushed down. With a range, those with the lowest keys, in order (ORDER BY column LIMIT
  // n, NULLs last), so that a cursor may stop there: the engine checks the order, and does not move the cursor without
  // it.
  std::optional<int64_t> limit;
  // Bound as :interval_start / :interval_end where a query names them; canonical timestamp texts.
  std::optional<std::string> interval_start;
  std::optional<std::string> interval_end;
  Position from;          // this source's part of what the sink has committed; empty: nothing yet
  bool only_new = false;  // append/merge without a key: file sources read only files not in `from`
  ReflectionLevel reflection = ReflectionLevel::kFull;
  // Of a source that takes types from the values: whether the column is to be text, its values as they are written
  // there, whatever type they look like. Null: none. Nested values stay json.
  std::function<bool(std::string_view column)> as_text = nullptr;
  int readings = 1;               // how often each split will be opened, once all were read: the snapshot lasts so long
  int parallelism = 1;            // readers that will be open at once, at most
  int64_t page_rows = 50'000;     // a batch ends at this many rows …
  int64_t batch_bytes = 4 << 20;  // … or about this many bytes, whichever comes first; one row always fits
};

// What is known of a table before reading it.
struct TableDescription {
  Schema schema;                          // empty when only the values will tell (semi-structured sources)
  std::vector<std::string> null_columns;  // that were found, and are no part of the schema: they only ever were null
  std::vector<std::string> primary_key;   // what the source itself enforces; empty: none
  std::optional<int64_t> estimated_rows;
  std::optional<int64_t> estimated_bytes;
  std::vector<std::string> warnings;  // what the rows will lack, for the run's report
};

// A piece of the work that one Reader reads. Opaque to the engine.
struct Split {
  std::string description;  // for logs and progress: "public.orders ctid 0-4096"
  std::string payload;      // for the source itself
};

struct ReadPlan {
  TableDescription table;
  std::vector<Split> splits;    // may be empty: nothing (new) to read
  std::optional<Scalar> upper;  // highest key in the snapshot, when the request has a range; nothing: no rows
  Position end;                 // the source's part of the position once every split is loaded
};

// A batch on its way through the pipeline.
struct Batch {
  RecordBatch rows;
  std::string table;  // which table of the source, for sources of several (change streams); empty: the request's
  Position position;  // where the source stands behind these rows; empty where splits have no positions of their own
};

// One split, one thread at a time. Destroying it ends its work and frees its connection.
class Reader {
 public:
  virtual ~Reader() = default;
  // The next rows; nothing at the end. Returns kCancelled soon after a stop is requested. Batches are not empty.
  // Variant columns appear in a batch's schema from the first value on that needs one, and not before.
  virtual Result<std::optional<Batch>> Next(std::stop_token stop) = 0;
};

// One finding of `nilus check`.
struct CheckItem {
  std::string what;  // "connect", "read public.orders", …
  bool ok = true;
  std::string detail;  // what was found, or the error and its fix
};

class Source {
 public:
  virtual ~Source() = default;
  virtual Result<TableDescription> Describe(const ReadRequest& request) = 0;
  // Fixes the snapshot and the upper bound. The plan is valid until the next Plan or destruction.
  virtual Result<ReadPlan> Plan(const ReadRequest& request) = 0;
  // Thread-safe after Plan: readers of different splits are opened and used on different threads at once.
  virtual Result<std::unique_ptr<Reader>> Open(const Split& split) = 0;
  // Everything up to here is durable in the sink.
  virtual Status Acknowledge(const Position&) { return {}; }
  // Connection, rights, readability of what a pipeline needs. Failing checks are items; an Error means "could not ask".
  virtual Result<std::vector<CheckItem>> Check() = 0;
};

}  // namespace nilus
