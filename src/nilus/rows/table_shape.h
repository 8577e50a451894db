// What a table's columns are called and of which type they are: decided once, for all threads of a run.
//
// Types of columns: an existing destination's column keeps its type, or becomes wider where the sink can do that; else
// a type hint's; else the described source's; else the first batch that brings the column decides. What becomes of
// values that are of another type: normalizer.h.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/data/refused.h"
#include "nilus/rows/coerce.h"
#include "nilus/rows/naming.h"

namespace nilus {

// What may change about a table that is there (spec 03, `schema_contract`).
enum class Contract {
  kEvolve,        // columns are added, and variant columns for values that do not fit
  kFreeze,        // nothing: a new column or a value that does not fit ends the run
  kDiscardRow,    // nothing: rows that would need it are dead letters
  kDiscardValue,  // nothing: values that would need it become NULL, and are counted
};

struct PinnedType {    // `type_hints`
  std::string column;  // as written: the source's name or the destination's
  Type type;
};

struct ShapeOptions {
  NamingStyle naming = NamingStyle::kDefault;
  int identifier_limit = 0;           // bytes; 0: none
  std::vector<std::string> exclude;   // source columns that do not pass (source or normalized names)
  std::optional<Schema> destination;  // the table as it is; nothing: it is made anew
  std::string table;                  // for messages
  bool keeps_origin = false;          // the columns are for a further shape, which knows the destination
  std::vector<PinnedType> hints;
  Contract contract = Contract::kEvolve;
  std::vector<std::string> must_fit;  // destination's names of columns that rows are told apart by
  bool finds_rows = false;            // by these: what the source could not give such a column's type is an error, too
  // Under evolve: the destination's column `there`, whose type is narrower than the source's or the hint's
  // (IsWidening), becomes as wide. Asked while the shape is created; empty: no.
  std::function<Result<bool>(const Field& there, const Type& to)> widens;
  // Under discard_row: what the destination's columns refuse of values of their type. Empty: nothing.
  FindRefused refused;
};

// How one column of the source comes into the table.
struct ColumnPlan {
  Field field;              // at the destination
  bool is_refused = false;  // the contract takes no new columns, and this is one: not part of the table
  bool must_fit = false;    // a value that does not fit is an error, whatever the contract
  CoerceRule rule = CoerceRule::kExact;
  bool is_of_json = false;  // the source read the values from JSON
};

// Shared by all threads of a run, so that they agree. Thread-safe.
class TableShape {
 public:
  // Names and types of a described source; an empty schema leaves both to the batches. kInvalidInput for names that
  // collide, with each other or with the columns of ours, and for two hints for one column, kData for a column that the
  // contract forbids.
  static Result<std::unique_ptr<TableShape>> Create(const Schema& source, ShapeOptions options);

  // The destination's schema so far, in the source's order: what a writer is opened with.
  Schema schema() const;
  // Of a source column that is new to the shape, or known. Nothing: it is excluded. Not for variant columns.
  Result<std::optional<ColumnPlan>> Resolve(const Field& source);
  // The column for values of this type that do not fit the destination's column `column`. It is part of the schema from
  // now on.
  Result<Field> VariantFor(const std::string& column, const Type& type);
  // The destination's name of a source column, whether known or not.
  std::string NameOf(std::string_view source_name) const;
  bool IsExcluded(std::string_view source_name) const;
  // Columns of the destination that are to be widened to their type in schema().
  const std::vector<std::string>& widened() const { return widened_; }
  // Hints whose column has not come.
  std::vector<std::string> unused_hints() const;

  Contract contract() const { return options_.contract; }
  const FindRefused& refused() const { return options_.refused; }
  bool finds_rows() const { return options_.finds_rows; }
  const std::string& table() const { return options_.table; }

 private:
  explicit TableShape(ShapeOptions options) : options_(std::move(options)) {}
  Status IndexHints();
  Result<std::optional<ColumnPlan>> ResolveLocked(const Field& source, bool may_widen);
  Result<bool> Widens(const Field& there, const Type& to) const;
  const Field* InDestination(std::string_view name) const;

  const ShapeOptions options_;
  std::vector<std::string> widened_;                          // fixed once the shape is made
  std::map<std::string, size_t, std::less<>> hints_by_name_;  // destination name → index into the hints
  mutable std::mutex mutex_;
  Schema schema_;                                                   // guarded by mutex_, as are the rest
  std::map<std::string, std::string, std::less<>> source_by_name_;  // destination name → source name
  std::map<std::string, ColumnPlan, std::less<>> plans_;            // by source name
  std::map<std::string, Field, std::less<>> variants_;              // by their own names
};

}  // namespace nilus
