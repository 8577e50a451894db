#include "nilus/json/shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

namespace nilus::json {
namespace {

bool MayBeLiteral(char first) {
  return (first >= '0' && first <= '9') || first == '-' || first == 't' || first == 'f' || first == 'n';
}

}  // namespace

void ScalarShape::ObserveNumber(std::string_view text) {
  kinds_ |= kNumbersSeen;
  if ((traits_.candidates & kNumbers) != 0) traits_.AddNumber(text);
}

void ScalarShape::ObserveString(std::string_view meaning) {
  kinds_ |= kStrings;
  if (!saw_literal_ && !meaning.empty() && MayBeLiteral(meaning.front())) saw_literal_ = LooksLikeLiteral(meaning);
  if (traits_.candidates == 0) return;
  traits_.Restrict(IsFloatWord(meaning) ? kDouble : TemporalCandidates(meaning));
}

void ScalarShape::Observe(const Value& value, std::string* scratch) {
  switch (value.kind) {
    case Kind::kNull:
      return;
    case Kind::kBool:
      ObserveBool();
      return;
    case Kind::kNumber:
      ObserveNumber(value.text);
      return;
    case Kind::kString:
      ObserveString(Meaning(value, scratch));
      return;
    case Kind::kObject:
    case Kind::kArray:
      ObserveNested();
      return;
  }
}

void ScalarShape::Merge(const ScalarShape& other) {
  kinds_ |= other.kinds_;
  saw_literal_ = saw_literal_ || other.saw_literal_;
  traits_.Merge(other.traits_);
}

Type ScalarShape::Resolve() const {
  if (kinds_ == 0) return MakeType(TypeId::kText);
  if (kinds_ == kBools) return MakeType(TypeId::kBool);
  if (kinds_ == kStrings) return traits_.ResolveTemporal();
  if ((kinds_ & kNesteds) != 0) return MakeType(TypeId::kJson);
  return (kinds_ & kBools) != 0 ? MakeType(TypeId::kJson) : traits_.ResolveNumber(TypeId::kJson);
}

JsonOrigin ScalarShape::Origin() const {
  const bool is_plain =
      (kinds_ & kStrings) != 0 && (kinds_ & kNesteds) == 0 && !saw_literal_ && Resolve().id == TypeId::kJson;
  return is_plain ? JsonOrigin::kScalars : JsonOrigin::kValues;
}

// One walk over one value.
class JsonShape::Observer {
 public:
  Observer(JsonShape* root, Scanner* scanner, const ShapeLimits& limits)
      : root_(root), scanner_(scanner), limits_(limits) {}

  // `level`: of objects and arrays around the value; an array and the objects in it are one.
  bool Visit(JsonShape* shape, int level) {
    const char first = scanner_->Peek();
    if (first == '[' && level < limits_.deepest) return VisitArray(shape, level);
    if (first == '{' && level < limits_.deepest) {
      if (!limits_.looks_ahead || !RepeatsKey(*scanner_)) return VisitObject(shape, level);
      shape->repeats_keys_ = true;
    }
    Value value;
    if (!scanner_->ReadValue(&value, kDeepest - open_)) return false;
    if (value.is_nested()) {
      shape->whole_ = true;
    } else {
      shape->scalars_.Observe(value, &scratch_);
    }
    return true;
  }

 private:
  bool VisitObject(JsonShape* shape, int level) {
    if (!Open()) return false;
    shape->objects_ = true;
    const uint64_t object = ++root_->objects_seen_;
    size_t position = 0;
    const bool ok = ReadFields(scanner_, [&](const Value& key) {
      JsonShape* field = shape->FieldAt(position++, Meaning(key, &scratch_), root_);
      if (root_->paths_ > limits_.most_paths) return false;
      if (field->seen_in_ == object) root_->looked_into_repeats_ = true;
      field->seen_in_ = object;
      return Visit(field, level + 1);
    });
    --open_;
    return ok;
  }

  bool VisitArray(JsonShape* shape, int level) {
    if (!Open()) return false;
    shape->arrays_ = true;
    const bool ok = ReadElements(scanner_, [&] {
      if (shape->element_ == nullptr) {
        shape->element_ = std::make_unique<JsonShape>();
        ++root_->paths_;
      }
      JsonShape* element = shape->element_.get();
      return Visit(element, scanner_->Peek() == '{' ? level : level + 1);
    });
    --open_;
    return ok;
  }

  bool Open() {
    return ++open_ <= kDeepest ||
           scanner_->Fail(scanner_->offset(), fmt::format("objects and arrays are nested more than {} deep", kDeepest));
  }

  JsonShape* root_;
  Scanner* scanner_;
  const ShapeLimits& limits_;
  int open_ = 0;  // brackets around the value at hand
  std::string scratch_;
};

// Keys mostly come in the order of the object before.
JsonShape* JsonShape::FieldAt(size_t position, std::string_view key, JsonShape* root) {
  if (position < order_.size() && order_[position]->first == key) return &order_[position]->second;
  auto found = fields_.find(key);
  if (found == fields_.end()) {
    found = fields_.emplace(std::string(key), JsonShape()).first;
    ++root->paths_;
  }
  if (position >= order_.size()) order_.resize(position + 1, found);
  order_[position] = found;
  return &found->second;
}

namespace {

Failure TooManyPaths(std::string_view what, size_t most) {
  return FailWithFix(ErrorKind::kData,
                     "keys that are data, such as ids or dates, are no columns: keep the column whole with a type hint "
                     "of json, or lower max_table_nesting",
                     "the JSON of {} has more than {} different paths", what, most);
}

}  // namespace

Status JsonShape::Observe(std::string_view text, std::string_view what, const ShapeLimits& limits) {
  Scanner scanner(text);
  Observer observer(this, &scanner, limits);
  scanner.SkipSpace();
  bool ok = observer.Visit(this, 0);
  if (paths_ > limits.most_paths) return TooManyPaths(what, limits.most_paths);
  scanner.SkipSpace();
  if (ok && !scanner.AtEnd()) ok = scanner.Fail(scanner.offset(), "something follows the value");
  if (ok) return {};
  return Fail(ErrorKind::kData, "{} has a value that is not JSON: at byte {} of it, {}", what,
              scanner.error().offset + 1, scanner.error().message);
}

Status JsonShape::Merge(const JsonShape& other, std::string_view what, const ShapeLimits& limits) {
  MergeTree(other, this);
  if (paths_ > limits.most_paths) return TooManyPaths(what, limits.most_paths);
  return {};
}

void JsonShape::MergeTree(const JsonShape& other, JsonShape* root) {
  objects_ = objects_ || other.objects_;
  arrays_ = arrays_ || other.arrays_;
  whole_ = whole_ || other.whole_;
  repeats_keys_ = repeats_keys_ || other.repeats_keys_;
  looked_into_repeats_ = looked_into_repeats_ || other.looked_into_repeats_;
  scalars_.Merge(other.scalars_);
  for (const auto& [name, theirs] : other.fields_) {
    auto [ours, is_new] = fields_.try_emplace(name);
    root->paths_ += is_new ? 1 : 0;
    ours->second.MergeTree(theirs, root);
  }
  if (other.element_ == nullptr) return;
  if (element_ == nullptr) {
    element_ = std::make_unique<JsonShape>();
    ++root->paths_;
  }
  element_->MergeTree(*other.element_, root);
}

bool RepeatsKey(Scanner scanner) {
  std::vector<std::string_view> keys;
  std::deque<std::string> unescaped;  // what the views of keys with escapes show
  const bool ok = ReadFields(&scanner, [&](const Value& key) {
    keys.push_back(key.escaped ? Meaning(key, &unescaped.emplace_back()) : key.text);
    Value value;
    return scanner.ReadValue(&value);
  });
  std::ranges::sort(keys);
  return ok && std::ranges::adjacent_find(keys) != keys.end();
}

}  // namespace nilus::json
