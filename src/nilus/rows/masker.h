// Masks on the batches of a source, before anything else looks at their rows: the rest of a run (cursors, boundary
// rows, staging, logs) sees masked values only. Names stay the source's; types become those of the masks. A masked
// column's variant column (values that its type could not hold) is masked along with it.
//
// A rule may also be for what lies inside a json column: `address.street`, or `address__street` as the column is called
// once it is taken apart (nested_mask.h).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/mask_sequence.h"
#include "nilus/rows/naming.h"
#include "nilus/rows/nested_mask.h"

namespace nilus {

struct MaskingOptions {
  std::vector<MaskRule> rules;
  NamingStyle naming = NamingStyle::kDefault;  // with identifier_limit: what columns are called at the destination
  int identifier_limit = 0;
  std::string table;  // for messages
  // By the destination's name of the column: numbers given by earlier runs. Those that are missing begin anew.
  std::map<std::string, std::shared_ptr<MaskSequence>> sequences;
  // By the same names: columns that a type hint wants as text. Values of JSON are masked there as they are written.
  std::set<std::string> texts;
};

// What is masked, and how: shared by all threads of a run. Immutable but for the sequences, and so thread-safe.
class Masking {
 public:
  // kInvalidInput: two rules for one column.
  static Result<std::shared_ptr<const Masking>> Create(MaskingOptions options);

  // The rule for a source's column, by its own name or by its name at the destination; null: it is not masked.
  const MaskRule* RuleFor(std::string_view source_column) const;
  // Those for what lies inside of it, were it json.
  struct NestedRule {
    const MaskRule* rule;
    std::vector<std::string> path;  // the keys below the column
  };
  std::vector<NestedRule> NestedRulesFor(std::string_view source_column) const;
  // The rules' columns of those for what lies inside json columns, but for those that are among `found` or are (also)
  // for one of the `known` columns themselves.
  std::vector<std::string> NestedRulesNotIn(const std::set<std::string>& found,
                                            const std::set<std::string>& known) const;
  // A source's schema as it is once masked. kInvalidInput: a column is not json (nor were its values read from
  // JSON), and a rule is for what lies inside of it; a rule's column is not there (nor among `null_columns`,
  // which have no type and no value), or its type cannot be masked so. An empty schema, of which only the values will
  // tell, stays empty.
  Result<Schema> MaskedSchema(const Schema& schema, std::span<const std::string> null_columns = {}) const;
  // kInvalidInput when a rule's column is not among these: `known` are the source's names of all columns. Of JSON,
  // which brings a column where a document has it, the rules for what lies inside are left to NestedRulesNotIn.
  Status CheckAllFound(const std::set<std::string>& known, bool is_of_json = false) const;
  // Numbers given so far, by the destination's name of the column.
  const std::map<std::string, std::shared_ptr<MaskSequence>>& sequences() const { return options_.sequences; }
  const std::vector<MaskRule>& rules() const { return options_.rules; }
  bool empty() const { return options_.rules.empty(); }
  // The destination's name of a column.
  std::string NameOf(std::string_view column) const;

 private:
  friend class Masker;
  explicit Masking(MaskingOptions options) : options_(std::move(options)) {}
  Result<std::unique_ptr<Mask>> MaskFor(const MaskRule& rule, const Type& type) const;
  std::shared_ptr<MaskSequence> SequenceOf(const MaskRule& rule) const;
  Status CheckNested(const Field& field) const;
  bool IsText(std::string_view column) const { return options_.texts.contains(NameOf(column)); }

  MaskingOptions options_;
  std::map<std::string, size_t, std::less<>> rule_by_name_;  // the destination's name → index into the rules
};

// One thread's masks. Not thread-safe.
class Masker {
 public:
  explicit Masker(std::shared_ptr<const Masking> masking) : masking_(std::move(masking)) {}

  // kData: a value cannot be masked as its rule says; kInvalidInput as for MaskedSchema. Columns without a rule are
  // shared, not copied.
  Result<RecordBatch> Apply(const RecordBatch& batch);
  // The source's names of all columns that came.
  const std::set<std::string>& columns_seen() const { return columns_seen_; }
  // Columns of the rules for what lies inside json columns of which there was a value.
  const std::set<std::string>& nested_found() const { return nested_found_; }

 private:
  struct MaskedColumn {
    int index;
    const MaskRule* rule;
    std::unique_ptr<Mask> mask;               // of the column; null as is `nested`: it must have no values
    std::unique_ptr<NestedMask> nested;       // of what lies inside of it
    Column (*seen)(const Column&) = nullptr;  // what the mask sees instead of the column (json_masking.h)
  };
  Status Prepare(const SchemaPtr& schema);

  std::shared_ptr<const Masking> masking_;
  SchemaPtr prepared_for_;  // the last batch's schema
  SchemaPtr output_;
  std::vector<MaskedColumn> masked_;
  std::set<std::string> columns_seen_;
  std::set<std::string> nested_found_;
};

}  // namespace nilus
