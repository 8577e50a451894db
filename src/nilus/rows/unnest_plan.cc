#include "nilus/rows/unnest_plan.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace nilus {
namespace {

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
    // A variant column has what a hint's type could not take: its contract speaks of the value as it is.
    const bool stays = !field.variant_of.empty() || IsKept(keep_, field.name);
    if (field.type.id != TypeId::kJson || stays) continue;
    const std::string what = fmt::format("{}.{}", table_, field.name);
    Result<json::JsonShape> shape = ShapeOf(column, what, limits_);
    if (!shape || shape->looked_into_repeats()) {  // also what passes a limit may only do so by such an object
      json::ShapeLimits looking_ahead = limits_;
      looking_ahead.looks_ahead = true;
      shape = ShapeOf(column, what, looking_ahead);
    }
    if (!shape) return Failure(shape.error());
    NILUS_TRY(columns_[field.name].Merge(*shape, what, limits_));
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
  using Places = std::set<const json::JsonShape*>;

  // `whole`: places that stay json.
  UnnestPlanner(UnnestPlan* plan, const Places& whole) : plan_(plan), options_(plan->options_), whole_(whole) {}

  // The plan is of use where nothing was torn and the status is good.
  Status AddParent(const Schema& parent, const NestingSurvey& survey) {
    AddTable(options_.table, {.place = options_.table, .turns = {}}, {}, -1);
    for (const Field& field : parent.fields) {
      const auto shape = survey.columns().find(field.name);
      const bool is_json =
          field.type.id == TypeId::kJson && shape != survey.columns().end() && !IsKept(options_.keep, field.name);
      // Of a column that the source says is json the JSON null is NULL, too.
      const bool is_declared = field.origin == JsonOrigin::kNone;
      if (!is_json || !(is_declared || shape->second.has_objects() || shape->second.has_arrays())) {
        AddColumn(0, field, {.place = field.name, .turns = {}});
        continue;
      }
      auto node = std::make_unique<UnnestPlan::Node>();
      node->first_column = built_[0];
      Place(shape->second,
            {.table = 0,
             .name = field.name,
             .table_name = options_.table,
             .qualified = field.name,
             .part = field.name,
             .place = fmt::format("{}.{}", options_.table, field.name),
             .id_path = ChildIds::ExtendPath("", field.name),
             .is_declared_json = is_declared},
            node.get());
      node->end_column = built_[0];
      plan_->columns_.emplace(field.name, std::move(node));
    }
    return collision_ ? Failure(*collision_) : Status();
  }

  // Places of several kinds of values, of which parts of two kinds came to one name.
  const Places& torn() const { return torn_; }

 private:
  enum class Kind { kObject, kArray, kOther };
  // A place of several kinds of values, and whose way leads on.
  struct Turn {
    const json::JsonShape* at = nullptr;
    Kind kind = Kind::kOther;
    friend bool operator==(const Turn&, const Turn&) = default;
  };
  using Turns = std::vector<Turn>;

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
    Turns turns;                    // on the way to it
  };
  // What a name was given to.
  struct Named {
    std::string place;
    Turns turns;
  };

  void Place(const json::JsonShape& shape, Where where, UnnestPlan::Node* node) {
    node->place = where.place;
    if (!shape.has_values() && !where.is_declared_json) {
      const auto hint = options_.hinted.find(where.qualified);
      if (hint != options_.hinted.end()) PlaceColumn(hint->second, JsonOrigin::kValues, where, node);
      return;
    }
    const bool is_whole = whole_.contains(&shape);
    if (is_whole) plan_->kept_whole_.push_back(where.place);
    if (is_whole || IsKept(options_.keep, where.qualified)) {
      const JsonOrigin origin = where.is_declared_json ? JsonOrigin::kNone : JsonOrigin::kValues;
      return PlaceColumn(shape.Resolve(), origin, where, node);
    }
    const bool has_several_kinds = shape.has_objects() + shape.has_arrays() + shape.has_others() > 1;
    auto turn = [&](Kind kind) -> const Where& {
      if (has_several_kinds) where.turns.back().kind = kind;
      return where;
    };
    if (has_several_kinds) where.turns.push_back({.at = &shape});
    if (where.is_declared_json && (shape.has_others() || !shape.has_values())) {
      PlaceColumn(MakeType(TypeId::kJson), JsonOrigin::kNone, turn(Kind::kOther), node);
    } else if (shape.has_others()) {
      PlaceColumn(OthersType(shape, where), shape.OthersOrigin(), turn(Kind::kOther), node);
    }
    if (shape.has_objects()) PlaceObject(shape, turn(Kind::kObject), node);
    if (shape.has_arrays()) PlaceArray(shape, turn(Kind::kArray), node);
  }

  // As they are written, where that is asked for.
  Type OthersType(const json::JsonShape& shape, const Where& where) const {
    const Type type = shape.ResolveOthers();
    const auto hint = options_.hinted.find(where.qualified);
    const bool as_text = type.id != TypeId::kJson && hint != options_.hinted.end() && hint->second.id == TypeId::kText;
    return as_text ? hint->second : type;
  }

  void PlaceColumn(const Type& type, JsonOrigin origin, const Where& where, UnnestPlan::Node* node) {
    node->column = built_[static_cast<size_t>(where.table)];
    ++built_[static_cast<size_t>(where.table)];
    const std::string name = FitToLimit(where.name.empty() ? kElementColumn : where.name, options_.identifier_limit);
    if (where.table == 0) plan_->built_.push_back(plan_->tables_[0].schema.size());
    AddColumn(where.table, MakeField(name, type, origin), {.place = where.place, .turns = where.turns});
  }

  void PlaceObject(const json::JsonShape& shape, const Where& where, UnnestPlan::Node* node) {
    node->takes_objects = true;
    node->checks_keys = shape.repeats_keys();
    for (const auto& [key, field] : shape.fields()) {
      const std::string part = NormalizeName(key, options_.naming, 0);
      const std::string name = where.name.empty() ? part : fmt::format("{}{}{}", where.name, kLevels, part);
      Place(field,
            {.table = where.table,
             .name = name,
             .table_name = where.table_name,
             .qualified = fmt::format("{}{}{}", where.qualified, kLevels, part),
             .part = name,
             .place = fmt::format("{}.{}", where.place, key),
             .id_path = ChildIds::ExtendPath(where.id_path, key),
             .turns = where.turns},
            &node->fields[key]);
    }
  }

  void PlaceArray(const json::JsonShape& shape, const Where& where, UnnestPlan::Node* node) {
    node->takes_arrays = true;
    if (shape.element() == nullptr) return;  // always empty: a table without rows, of which nobody knows the columns
    node->id_path = where.id_path;
    const std::string name =
        FitToLimit(fmt::format("{}{}{}", where.table_name, kLevels, where.part), options_.identifier_limit);
    const std::string place = where.place + "[]";
    const std::optional<int> table =
        AddTable(name, {.place = place, .turns = where.turns}, where.qualified, where.table);
    if (!table) return;
    node->table = *table;
    for (std::string_view column : {kRowIdColumn, kParentIdColumn, kRootIdColumn, kListIndexColumn}) {
      const TypeId type = column == kListIndexColumn ? TypeId::kInt64 : TypeId::kText;
      AddColumn(*table, MakeField(std::string(column), MakeType(type)), {.place = std::string(column), .turns = {}});
    }
    built_[static_cast<size_t>(*table)] = 4;
    node->element = std::make_unique<UnnestPlan::Node>();
    Place(*shape.element(),
          {.table = *table,
           .name = {},
           .table_name = name,
           .qualified = where.qualified,
           .part = std::string(kElementColumn),
           .place = place,
           .id_path = ChildIds::ExtendPath(where.id_path, "[]"),
           .turns = where.turns},
          node->element.get());
  }

  // Nothing: the name is taken.
  std::optional<int> AddTable(const std::string& name, const Named& of, const std::string& qualified, int parent) {
    const auto [known, is_new] = table_places_.emplace(name, of);
    if (!is_new) {
      Collide(known->second, of,
              {ErrorKind::kInvalidInput,
               fmt::format("the arrays {} and {} both come to the table {}", known->second.place, of.place, name),
               "keep one of them whole with a type hint of json, or lower max_table_nesting"});
      return std::nullopt;
    }
    plan_->tables_.push_back(
        UnnestTable{.name = name, .path = of.place, .qualified = qualified, .parent = parent, .schema = {}});
    column_places_.emplace_back();
    built_.push_back(0);
    return static_cast<int>(plan_->tables_.size()) - 1;
  }

  void AddColumn(int table, Field field, const Named& of) {
    UnnestTable& to = plan_->tables_[static_cast<size_t>(table)];
    const auto [known, is_new] = column_places_[static_cast<size_t>(table)].emplace(field.name, of);
    if (is_new) {
      to.schema.fields.push_back(std::move(field));
      return;
    }
    Error error = NameCollision(to.name, known->second.place, of.place, field.name);
    error.fix = "keep the place around them whole with a type hint of json, or rename one of them at the source";
    Collide(known->second, of, std::move(error));
  }

  // Where their ways part at a place by the kind of value, the place is torn; else it is the error.
  void Collide(const Named& one, const Named& other, Error error) {
    const auto [at, at_other] = std::ranges::mismatch(one.turns, other.turns);
    if (at != one.turns.end() && at_other != other.turns.end() && at->at == at_other->at) {
      torn_.insert(at->at);
    } else if (!collision_) {
      collision_ = std::move(error);
    }
  }

  UnnestPlan* plan_;
  const UnnestOptions& options_;
  const Places& whole_;
  Places torn_;
  std::optional<Error> collision_;                           // the first one
  std::map<std::string, Named> table_places_;                // by name
  std::vector<std::map<std::string, Named>> column_places_;  // by table, by name
  std::vector<int> built_;                                   // by table: columns that are built
};

UnnestPlan::UnnestPlan() = default;
UnnestPlan::~UnnestPlan() = default;

Result<std::shared_ptr<const UnnestPlan>> UnnestPlan::Create(const Schema& parent, const NestingSurvey& survey,
                                                             const UnnestOptions& options) {
  std::shared_ptr<UnnestPlan> plan;
  UnnestPlanner::Places whole;
  while (true) {
    plan.reset(new UnnestPlan());
    plan->options_ = options;
    UnnestPlanner planner(plan.get(), whole);
    Status status = planner.AddParent(parent, survey);
    if (planner.torn().empty()) {
      NILUS_TRY(status);
      break;
    }
    // Again without what lies in them. A place that is whole has no parts, so there is an end; mostly the next time, as
    // only the places around them can be torn by it.
    whole.insert(planner.torn().begin(), planner.torn().end());
  }
  if (plan->tables_.size() > 1 && !parent.Find(kRowIdColumn))
    return Fail(ErrorKind::kInternal, "{} has nested arrays, but no column {}", options.table, kRowIdColumn);
  return std::shared_ptr<const UnnestPlan>(std::move(plan));
}

}  // namespace nilus
