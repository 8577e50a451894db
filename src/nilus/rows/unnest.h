// The nesting stage (spec 03, "Inference and nesting"): the json columns of any source's batches, taken apart into
// `parent__child` columns and child tables. Two walks over all rows of a load: a survey of what the values are, from
// which the plan of tables and columns follows, then the batches themselves.
//
//   NestingSurvey survey(options);          // one a thread, merged at the end: order and grouping do not matter
//   survey.Observe(batch) …                 // every batch of the load
//   UnnestPlan::Create(schema, survey, options)   → tables and their schemas, the parent first
//   Unnester unnester(plan);                // one a thread
//   unnester.Unnest(batch, emit) …          // the same batches once more
//
// Stands behind the normalizer: columns of the batches have their names at the destination, and the names that come out
// are final ("a__b" must not be normalized again). Rules:
//   - An object becomes its fields' columns `column__field`; an array becomes the child table `<table>__<column>`: one
//     row an element, with kElementColumn (scalars, null) or the element's fields (objects). Down to max_nesting
//     levels; an array and the objects in it are one level. What lies deeper is json.
//   - Each value goes its own way, whatever else the load has at its place: where objects and arrays stand beside
//     others, these go into the column `column` (in a child table `value`), with the types of
//     connectors/files/README.md; in a column that the source itself says is json (Field::origin), as json. An object
//     that names a key twice is json, too.
//   - Of a place with several kinds of values parts of two kinds may come to one name ([1, {"value": 2}]): it stays
//   json
//     whole. Two keys of one object that do are an error, as everywhere.
//   - NULL, missing, null, [] and {} give no row and no value. An array that is always empty makes no table, an object
//     that always is makes no column; a place that is always null does where it is hinted, or where the source says
//     json.
//   - A child row has _nilus_id, _nilus_parent_id, _nilus_root_id (text) and _nilus_list_idx (bigint, from 0; null
//     elements count and have a row). Ids: docs/formats.md, "Row ids of child tables".
// Every other value is found again in exactly one place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/schema.h"
#include "nilus/json/shape.h"
#include "nilus/rows/naming.h"

namespace nilus {

// Of a child table: its elements that are no objects.
inline constexpr std::string_view kElementColumn = "value";
inline constexpr std::string_view kParentIdColumn = "_nilus_parent_id";
inline constexpr std::string_view kListIndexColumn = "_nilus_list_idx";
inline constexpr std::string_view kPositionColumn = "_nilus_position";

struct UnnestOptions {
  std::string table;    // the parent's name at the destination, without its schema
  int max_nesting = 1;  // levels to take apart, 1 … 64
  NamingStyle naming = NamingStyle::kDefault;
  int identifier_limit = 0;       // bytes; 0: none
  std::vector<std::string> keep;  // columns that stay json (type hints), by their names at the destination: "a", "a__b"
  // Type hints by the same names: a place that only ever was null, and would be no column, is one of this type; values
  // of one that is to be text are as they are written.
  std::map<std::string, Type, std::less<>> hinted;
  int64_t page_rows = 50'000;     // a batch that comes out ends at so many rows …
  int64_t batch_bytes = 4 << 20;  // … or about so many bytes
  // Batches of child tables have a last column kPositionColumn (binary), which no schema names: the indexes on the way
  // from the parent's row, 8 bytes each.
  bool with_positions = false;
};

// What the json columns of all batches hold. Memory: a few hundred bytes a place. Not thread-safe.
class NestingSurvey {
 public:
  explicit NestingSurvey(const UnnestOptions& options);

  // kData: a value is not JSON, or a column has more than 16,384 different paths.
  Status Observe(const RecordBatch& batch);
  Status Merge(const NestingSurvey& other);  // of the same options

  const std::map<std::string, json::JsonShape, std::less<>>& columns() const { return columns_; }

 private:
  std::string table_;
  std::vector<std::string> keep_;
  json::ShapeLimits limits_;
  std::map<std::string, json::JsonShape, std::less<>> columns_;  // by the column's name
};

// A table that a load writes.
struct UnnestTable {
  std::string name;       // at the destination: the parent's own, or "orders__items"
  std::string path;       // for people: "orders", "orders.items[]", "orders.items[].tags[]"
  std::string qualified;  // the place of its array, as UnnestOptions::keep names it; empty: the parent
  int parent = -1;        // index of the table that its rows belong to
  Schema schema;          // of its batches. Columns of objects stand in byte order of their keys
};

// Which column goes where. Immutable, thread-safe.
class UnnestPlan {
 public:
  // `parent`: the schema of the batches to come; it has _nilus_id (text). kInvalidInput: two places come to one name,
  // in a table or of tables; the message shows both.
  static Result<std::shared_ptr<const UnnestPlan>> Create(const Schema& parent, const NestingSurvey& survey,
                                                          const UnnestOptions& options);
  ~UnnestPlan();
  UnnestPlan(const UnnestPlan&) = delete;
  UnnestPlan& operator=(const UnnestPlan&) = delete;

  // The parent first, and each table before its children. One table only: nothing is nested.
  const std::vector<UnnestTable>& tables() const { return tables_; }
  const UnnestOptions& options() const { return options_; }
  // Places with several kinds of values that stay json whole, as parts of them would come to one name. For people.
  const std::vector<std::string>& kept_whole() const { return kept_whole_; }

  struct Node;  // a place of the tree; unnest_plan.h

 private:
  friend class Unnester;
  friend class UnnestPlanner;
  UnnestPlan();

  UnnestOptions options_;
  std::vector<UnnestTable> tables_;
  std::vector<std::string> kept_whole_;
  std::map<std::string, std::unique_ptr<Node>, std::less<>> columns_;  // parent columns that are taken apart
  std::vector<int> built_;                                             // the parent's fields that come of them
};

// Takes batches apart. Not thread-safe.
class Unnester {
 public:
  explicit Unnester(std::shared_ptr<const UnnestPlan> plan);
  ~Unnester();
  Unnester(const Unnester&) = delete;
  Unnester& operator=(const Unnester&) = delete;

  // `table`: index into the plan's tables. Its error ends the Unnest.
  using Emit = std::function<Status(int table, RecordBatch batch)>;

  // All rows of `batch` and of its child tables, in batches that are not empty and no larger than the options say (one
  // row always fits); the rows of one table in order. Columns that the plan does not know pass as they are (variant
  // columns, say), so a parent batch may have more columns than its table's schema. kInternal: a value is not what the
  // survey saw, or a row has no _nilus_id.
  Status Unnest(const RecordBatch& batch, const Emit& emit);
  // While emitting: which row of the batch that is taken apart each row of the one at hand belongs to.
  const std::vector<int32_t>& source_rows() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nilus
