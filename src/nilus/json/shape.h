// What the values seen at one place were, as a lattice: every shape is mergeable, and what comes out depends on the set
// of values alone, not on their order, grouping or the threads that looked at them. The rules that turn kinds into a
// type are in connectors/files/README.md, "Types".
//
//   ScalarShape   the type of one column whose nested values stay whole
//   JsonShape     the same for a whole tree: objects with their fields, arrays with what their elements are
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/schema.h"
#include "nilus/json/literal.h"
#include "nilus/json/scanner.h"

namespace nilus::json {

class ScalarShape {
 public:
  void ObserveBool() { kinds_ |= kBools; }
  void ObserveNumber(std::string_view text);
  void ObserveString(std::string_view meaning);  // unescaped
  void ObserveNested() { kinds_ |= kNesteds; }
  // `scratch` for strings with escapes.
  void Observe(const Value& value, std::string* scratch);
  void Merge(const ScalarShape& other);

  bool has_values() const { return kinds_ != 0; }  // that are not null
  bool has_scalars() const { return (kinds_ & ~kNesteds) != 0; }
  // The type that takes every value exactly; text when there was none.
  Type Resolve() const;
  // kScalars: Resolve() is json, and text would do: strings among numbers and booleans, none of which reads like a
  // number, true, false or null.
  JsonOrigin Origin() const;

 private:
  static constexpr unsigned kBools = 1;
  static constexpr unsigned kNumbersSeen = 2;
  static constexpr unsigned kStrings = 4;
  static constexpr unsigned kNesteds = 8;

  unsigned kinds_ = 0;
  bool saw_literal_ = false;  // a string that reads like a number, true, false or null
  TextTraits traits_;
};

// Limits of a tree: kData names the place where one is passed.
struct ShapeLimits {
  int deepest = 512;           // levels that are looked into, by recursion; deeper objects and arrays are whole JSON.
                               // An array and the objects in it are one level
  size_t most_paths = 16'384;  // places in one tree
  // Each object's keys are read before it is looked into, to tell those that name one twice. Without it such an object
  // is noticed when its fields are part of the shape: looked_into_repeats(). It takes up to twice as long a level.
  bool looks_ahead = false;
};

// One place of a tree. Each value goes its own way, whatever the others are:
//   objects         has_objects: fields()
//   arrays          has_arrays: element()
//   anything else   has_others: a column of the type ResolveOthers(). Scalars, objects that name a key twice (only JSON
//                   text can keep them), and what lies deeper than is looked into
class JsonShape {
 public:
  JsonShape() = default;
  JsonShape(JsonShape&&) = default;
  JsonShape& operator=(JsonShape&&) = default;

  // One JSON value with whatever spaces stand around it. kData says at which byte it is not JSON, or which limit it
  // passes; the shape is then not to be used any more. `what` names the column in messages.
  Status Observe(std::string_view text, std::string_view what, const ShapeLimits& limits = {});
  Status Merge(const JsonShape& other, std::string_view what, const ShapeLimits& limits = {});

  bool has_values() const { return objects_ || arrays_ || has_others(); }  // that are not null
  bool has_objects() const { return objects_; }
  bool has_arrays() const { return arrays_; }
  bool has_others() const { return whole_ || scalars_.has_values(); }
  bool repeats_keys() const { return repeats_keys_; }  // an object here did; it is among the others
  const std::map<std::string, JsonShape, std::less<>>& fields() const { return fields_; }
  const JsonShape* element() const { return element_.get(); }  // null: all arrays were empty
  // The type of a column that holds all values whole, and of one for the others alone.
  Type Resolve() const { return objects_ || arrays_ ? MakeType(TypeId::kJson) : ResolveOthers(); }
  Type ResolveOthers() const { return whole_ ? MakeType(TypeId::kJson) : scalars_.Resolve(); }
  JsonOrigin OthersOrigin() const { return whole_ ? JsonOrigin::kValues : scalars_.Origin(); }  // as of ScalarShape
  // Of the root: the shape is not that of its values, which have to be observed anew with looks_ahead.
  bool looked_into_repeats() const { return looked_into_repeats_; }
  size_t paths() const { return paths_; }  // places below this one; known at the root of a tree only

 private:
  class Observer;
  using Fields = std::map<std::string, JsonShape, std::less<>>;

  JsonShape* FieldAt(size_t position, std::string_view key, JsonShape* root);
  void MergeTree(const JsonShape& other, JsonShape* root);

  bool objects_ = false;
  bool arrays_ = false;
  bool whole_ = false;  // nested values that were not looked into
  bool repeats_keys_ = false;
  bool looked_into_repeats_ = false;  // of the root
  ScalarShape scalars_;
  Fields fields_;  // that were seen, with a value or null
  std::unique_ptr<JsonShape> element_;

  std::vector<Fields::iterator> order_;  // the keys of the last objects, by position: a guess for the next one
  uint64_t seen_in_ = 0;                 // number of the object that named this field last
  uint64_t objects_seen_ = 0;            // of the root: objects so far
  size_t paths_ = 0;                     // of the root
};

// Whether the object that the scanner stands at names a key twice; false where it is not JSON.
bool RepeatsKey(Scanner scanner);

}  // namespace nilus::json
