// A mask of what lies inside a json column: the values at one path of every document are masked where they stand, and
// the rest of the text stays as written. Whatever is made of the column later (columns, child tables, dead letters) has
// masked values only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/json/scanner.h"
#include "nilus/rows/mask.h"
#include "nilus/rows/naming.h"

namespace nilus {

// For one rule and column. Not thread-safe: every thread makes its own.
class NestedMask {
 public:
  // `path`: the keys below the column, as they are named at the destination. Arrays on the way are gone through, at the
  // end each of their elements is masked; an object at the end is masked as a whole, as its text. Elements that are no
  // objects are also named by the column that they come to (kElementColumn).
  NestedMask(MaskRule rule, std::vector<std::string> path, NamingStyle naming, std::shared_ptr<MaskSequence> sequence);

  // A json column. NULL and JSON's null stay. kData: a value that cannot be masked, a document that is no JSON, or one
  // too deep to be looked through; a string on the way that has the path in JSON of its own, which a type hint could
  // bring to light; kInvalidInput as for MakeMask. A column of another type has nothing inside; of text, the same holds
  // as for such strings.
  Result<Column> Apply(const Column& documents);
  // A value was masked so far.
  bool has_found() const { return has_found_; }

 private:
  class Walk;
  bool IsStep(std::string_view key, size_t step) const;
  // Whether the value that this step has come to is what is masked. `is_bare_element`: of an array, and no object.
  bool IsEnd(size_t step, bool is_bare_element) const;
  // Whether the text is JSON, or a string of such, that has a value at the path from this step on.
  bool IsIn(std::string_view text, size_t step, int level = 0) const;
  bool Leads(json::Scanner* scanner, size_t step, int level, bool* is_found, bool is_element = false) const;
  Status CheckTexts(const Column& texts) const;
  Failure RefuseText() const;
  // The same for values of one kind.
  Result<Column> ApplyTo(const Column& values);

  const MaskRule rule_;
  const std::vector<std::string> path_;
  const NamingStyle naming_;
  const std::shared_ptr<MaskSequence> sequence_;
  std::map<TypeId, std::unique_ptr<Mask>> masks_;  // by the kind of value
  bool has_found_ = false;
};

}  // namespace nilus
