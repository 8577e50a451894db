#include "nilus/rows/unnest_plan.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace nilus {
namespace {

constexpr std::string_view kValueColumn = "value";

bool IsKept(const std::vector<std::string>& keep, std::string_view name) {
  return std::find(keep.begin(), keep.end(), name) != keep.end();
}

Field MakeField(std::string name, Type type, JsonOrigin origin = JsonOrigin::kNone) {
  return Field{.name = std::move(name), .type = type, .nullable = true, .variant_of = {}, .origin = origin};
}

Result<json::JsonShape> ShapeOf(const Column& column, const std::string& what, const json::ShapeLimits& limits) {
  json::JsonShape shape;
  for (int64_t row = 0; row < column.length; ++row) {
    if (!column.IsNull(row)) NILUS_TRY(shape.Observe(column.BytesValue(row), what, limits));
  }
  return shape;
}

}  // namespace

std::string ChildIds::ExtendPath(std::string_view path, std::string_view key) {
  return fmt::format("{}{}:{}", path, key.size(), key);
}

ChildIds::Id ChildIds::Make(std::string_view parent_id, std::string_view id_path, int64_t index) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::array<uint64_t, 2> numbers = {parent_id.size(),
                                           static_cast<uint64_t>(index)};  // little-endian machines only
  hash_.Add({reinterpret_cast<const char*>(numbers.data()), sizeof numbers});
  hash_.Add(parent_id);
  hash_.Add(id_path);
  Sha256::Digest digest = hash_.Finish();
  digest[16] = digest[17] = 0;  // the last character has four bits less
  Id id{};
  for (size_t i = 0; i < id.size(); ++i) {
    const size_t byte = i * 6 / 8;
    const unsigned pair = static_cast<unsigned>(digest[byte]) << 8 | digest[byte + 1];
    id[i] = kAlphabet[pair >> (10 - i * 6 % 8) & 63];
  }
  return id;
}

NestingSurvey::NestingSurvey(const UnnestOptions& options)
    : table_(options.table), keep_(options.keep), limits_{.deepest = options.max_nesting} {}

Status NestingSurvey::Observe(const RecordBatch& batch) {
  for (size_t i = 0; i < batch.columns().size(); ++i) {
    const Field& field = batch.schema()->fields[i];
    const Column& column = batch.columns()[i];
    if (field.type.id != TypeId::kJson || IsKept(keep_, field.name)) continue;
    const std::string what = fmt::format("{}.{}", table_, field.name);
    NILUS_ASSIGN(json::JsonShape shape, ShapeOf(column, what, limits_));
    if (shape.looked_into_repeats()) {
      json::ShapeLimits looking_ahead = limits_;
      looking_ahead.looks_ahead = true;
      NILUS_ASSIGN(shape, ShapeOf(column, what, looking_ahead));
    }
    NILUS_TRY(columns_[field.name].Merge(shape, what, limits_));
  }
  return {};
}

Status NestingSurvey::Merge(const NestingSurvey& other) {
  for (const auto& [name, shape] : other.columns_) {
    NILUS_TRY(columns_[name].Merge(shape, fmt::format("{}.{}", table_, name), limits_));
  }
  return {};
}

// Builds the plan: tables, their columns and the trees that lead to them.
class UnnestPlanner {
 public:
  // `whole`: places that stay json.
  UnnestPlanner(UnnestPlan* plan, const std::set<std::string>& whole)
      : plan_(plan), options_(plan->options_), whole_(whole) {}

  // Behind a failure: the place of several kinds of values around the two that come to one name. Without it there is
  // no such failure. Empty: there is none.
  const std::string& torn_place() const { return torn_place_; }

  Status AddParent(const Schema& parent, const NestingSurvey& survey) {
    NILUS_TRY(AddTable(options_.table, {options_.table, {}}, {}, -1));
    for (const Field& field : parent.fields) {
      const auto shape = survey.columns().find(field.name);
      const bool nested = field.type.id == TypeId::kJson && shape != survey.columns().end() &&
                          (shape->second.has_objects() || shape->second.has_arrays()) &&
                          !IsKept(options_.keep, field.name);
      if (!nested) {
        NILUS_TRY(AddColumn(0, field, {field.name, {}}));
        continue;
      }
      auto node = std::make_unique<UnnestPlan::Node>();
      node->first_column = built_[0];
      NILUS_TRY(Place(shape->second,
                      {.table = 0,
                       .name = field.name,
                       .table_name = options_.table,
                       .qualified = field.name,
                       .part = field.name,
                       .place = fmt::format("{}.{}", options_.table, field.name),
                       .id_path = ChildIds::ExtendPath("", field.name),
                       .is_declared_json = field.origin == JsonOrigin::kNone},
                      node.get()));
      node->end_column = built_[0];
      plan_->columns_.emplace(field.name, std::move(node));
    }
    return {};
  }

 private:
  // Where a place is, under all the names it has.
  struct Where {
    int table = 0;
    std::string name;        // of its column in that table: "a__b"; empty: of an element
    std::string table_name;  // what a child table's name begins with
    std::string qualified;   // as UnnestOptions::keep names it
    std::string part;        // what a child table's name ends with: "a__b", or "value" for arrays of arrays
    std::string place;
    std::string id_path;
    bool is_declared_json = false;  // the source says so, whatever the values are
    std::vector<std::string> torn;  // the places of several kinds of values on the way to it
  };
  struct Named {
    std::string place;
    std::vector<std::string> torn;
  };

  Status Place(const json::JsonShape& shape, Where where, UnnestPlan::Node* node) {
    node->place = where.place;
    if (!shape.has_values()) {
      const auto hint = options_.hinted.find(where.qualified);
      if (hint == options_.hinted.end()) return {};
      return PlaceColumn(hint->second, JsonOrigin::kValues, where, node);
    }
    const bool apart = !IsKept(options_.keep, where.qualified) && !whole_.contains(where.place);
    if (shape.has_objects() + shape.has_arrays() + shape.has_others() > 1) where.torn.push_back(where.place);
    if (!apart) return PlaceColumn(shape.Resolve(), JsonOrigin::kValues, where, node);
    if (where.is_declared_json && shape.has_others()) {
      NILUS_TRY(PlaceColumn(MakeType(TypeId::kJson), JsonOrigin::kNone, where, node));
    } else if (shape.has_others()) {
      NILUS_TRY(PlaceColumn(shape.ResolveOthers(), shape.OthersOrigin(), where, node));
    }
    if (shape.has_objects()) NILUS_TRY(PlaceObject(shape, where, node));
    return shape.has_arrays() ? PlaceArray(shape, where, node) : Status();
  }

  Status PlaceColumn(const Type& type, JsonOrigin origin, const Where& where, UnnestPlan::Node* node) {
    node->column = built_[static_cast<size_t>(where.table)];
    ++built_[static_cast<size_t>(where.table)];
    const std::string name = FitToLimit(where.name.empty() ? kValueColumn : where.name, options_.identifier_limit);
    if (where.table == 0) plan_->built_.push_back(plan_->tables_[0].schema.size());
    return AddColumn(where.table, MakeField(name, type, origin), {where.place, where.torn});
  }

  Status PlaceObject(const json::JsonShape& shape, const Where& where, UnnestPlan::Node* node) {
    node->takes_objects = true;
    node->checks_keys = shape.repeats_keys();
    for (const auto& [key, field] : shape.fields()) {
      const std::string part = NormalizeName(key, options_.naming, 0);
      const std::string name = where.name.empty() ? part : fmt::format("{}{}{}", where.name, kLevels, part);
      NILUS_TRY(Place(field,
                      {.table = where.table,
                       .name = name,
                       .table_name = where.table_name,
                       .qualified = fmt::format("{}{}{}", where.qualified, kLevels, part),
                       .part = name,
                       .place = fmt::format("{}.{}", where.place, key),
                       .id_path = ChildIds::ExtendPath(where.id_path, key),
                       .torn = where.torn},
                      &node->fields[key]));
    }
    return {};
  }

  Status PlaceArray(const json::JsonShape& shape, const Where& where, UnnestPlan::Node* node) {
    node->takes_arrays = true;
    if (shape.element() == nullptr) return {};  // always empty: a table without rows, of which nobody knows the columns
    node->id_path = where.id_path;
    const std::string name =
        FitToLimit(fmt::format("{}{}{}", where.table_name, kLevels, where.part), options_.identifier_limit);
    const std::string place = where.place + "[]";
    NILUS_ASSIGN(node->table, AddTable(name, {place, where.torn}, where.qualified, where.table));
    for (std::string_view column : {kRowIdColumn, kParentIdColumn, kRootIdColumn}) {
      NILUS_TRY(
          AddColumn(node->table, MakeField(std::string(column), MakeType(TypeId::kText)), {std::string(column), {}}));
    }
    NILUS_TRY(AddColumn(node->table, MakeField(std::string(kListIndexColumn), MakeType(TypeId::kInt64)),
                        {std::string(kListIndexColumn), {}}));
    built_[static_cast<size_t>(node->table)] = 4;
    node->element = std::make_unique<UnnestPlan::Node>();
    return Place(*shape.element(),
                 {.table = node->table,
                  .name = {},
                  .table_name = name,
                  .qualified = where.qualified,
                  .part = std::string(kValueColumn),
                  .place = place,
                  .id_path = ChildIds::ExtendPath(where.id_path, "[]"),
                  .torn = where.torn},
                 node->element.get());
  }

  Result<int> AddTable(const std::string& name, const Named& of, const std::string& qualified, int parent) {
    const auto [known, is_new] = table_places_.emplace(name, of);
    if (!is_new) {
      torn_place_ = AroundBoth(known->second, of);
      return FailWithFix(ErrorKind::kInvalidInput,
                         "keep one of them whole with a type hint of json, or lower max_table_nesting",
                         "the arrays {} and {} both come to the table {}", known->second.place, of.place, name);
    }
    plan_->tables_.push_back(
        UnnestTable{.name = name, .path = of.place, .qualified = qualified, .parent = parent, .schema = {}});
    column_places_.emplace_back();
    built_.push_back(0);
    return static_cast<int>(plan_->tables_.size()) - 1;
  }

  Status AddColumn(int table, Field field, const Named& of) {
    UnnestTable& to = plan_->tables_[static_cast<size_t>(table)];
    const auto [known, is_new] = column_places_[static_cast<size_t>(table)].emplace(field.name, of);
    if (!is_new) {
      torn_place_ = AroundBoth(known->second, of);
      Error error = NameCollision(to.name, known->second.place, of.place, field.name);
      error.fix = "keep the place around them whole with a type hint of json, or rename one of them at the source";
      return Failure(std::move(error));
    }
    to.schema.fields.push_back(std::move(field));
    return {};
  }

  static std::string AroundBoth(const Named& one, const Named& other) {
    const auto [end, unused] = std::ranges::mismatch(one.torn, other.torn);
    return end == one.torn.begin() ? std::string() : *std::prev(end);
  }

  UnnestPlan* plan_;
  const UnnestOptions& options_;
  const std::set<std::string>& whole_;
  std::map<std::string, Named> table_places_;                // by name
  std::vector<std::map<std::string, Named>> column_places_;  // by table, by name
  std::vector<int> built_;                                   // by table: columns that are built
  std::string torn_place_;
};

UnnestPlan::UnnestPlan() = default;
UnnestPlan::~UnnestPlan() = default;

Result<std::shared_ptr<const UnnestPlan>> UnnestPlan::Create(const Schema& parent, const NestingSurvey& survey,
                                                             const UnnestOptions& options) {
  std::shared_ptr<UnnestPlan> plan;
  std::set<std::string> whole;
  while (true) {
    plan.reset(new UnnestPlan());
    plan->options_ = options;
    UnnestPlanner planner(plan.get(), whole);
    Status status = planner.AddParent(parent, survey);
    if (status) break;
    if (planner.torn_place().empty()) return Failure(std::move(status).error());
    whole.insert(planner.torn_place());
  }
  plan->kept_whole_.assign(whole.begin(), whole.end());
  if (plan->tables_.size() > 1 && !parent.Find(kRowIdColumn))
    return Fail(ErrorKind::kInternal, "{} has nested arrays, but no column {}", options.table, kRowIdColumn);
  return std::shared_ptr<const UnnestPlan>(std::move(plan));
}

}  // namespace nilus
