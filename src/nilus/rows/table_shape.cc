#include "nilus/rows/table_shape.h"

#include <algorithm>

#include "nilus/data/widening.h"
#include "nilus/rows/row_ids.h"
#include "nilus/rows/unnest.h"

namespace nilus {
namespace {

// A column that every loaded row has, or every row of a child table: a table that lacks it gets it whatever its
// contract.
bool IsOurs(std::string_view name) {
  return IsRowIdColumn(name) || name == kRootIdColumn || name == kParentIdColumn || name == kListIndexColumn;
}

Failure NewColumnRefused(const std::string& table, const Field& field, std::string_view source_name) {
  return FailWithFix(ErrorKind::kData,
                     fmt::format("add the column to {}, leave it out with sql_exclude_columns, or use another "
                                 "schema_contract (evolve adds it)",
                                 table),
                     "schema_contract freeze: column `{}` ({}) of the source is not in {}, where it would be `{}`",
                     source_name, field.type.ToString(), table, field.name);
}

}  // namespace

Result<std::unique_ptr<TableShape>> TableShape::Create(const Schema& source, ShapeOptions options) {
  std::unique_ptr<TableShape> shape(new TableShape(std::move(options)));
  NILUS_TRY(shape->IndexHints());
  std::lock_guard lock(shape->mutex_);
  for (const Field& field : source.fields) {
    if (field.variant_of.empty()) NILUS_TRY(shape->ResolveLocked(field, /*may_widen=*/true));
  }
  return shape;
}

Status TableShape::IndexHints() {
  for (size_t i = 0; i < options_.hints.size(); ++i) {
    auto [known, is_new] = hints_by_name_.emplace(NameOf(options_.hints[i].column), i);
    if (is_new) continue;
    return FailWithFix(ErrorKind::kInvalidInput, "leave one of them out",
                       "the type_hints of `{}` and `{}` are for one column, which is `{}` at the destination",
                       options_.hints[known->second].column, options_.hints[i].column, known->first);
  }
  return {};
}

Schema TableShape::schema() const {
  std::lock_guard lock(mutex_);
  return schema_;
}

std::string TableShape::NameOf(std::string_view source_name) const {
  return NormalizeName(source_name, options_.naming, options_.identifier_limit);
}

bool TableShape::IsExcluded(std::string_view source_name) const {
  if (options_.exclude.empty()) return false;
  const std::string name = NameOf(source_name);
  return std::any_of(options_.exclude.begin(), options_.exclude.end(),
                     [&](const std::string& excluded) { return excluded == source_name || excluded == name; });
}

std::vector<std::string> TableShape::unused_hints() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> unused;
  for (const auto& [name, index] : hints_by_name_) {
    if (!source_by_name_.contains(name)) unused.push_back(options_.hints[index].column);
  }
  return unused;
}

const Field* TableShape::InDestination(std::string_view name) const {
  if (!options_.destination) return nullptr;
  std::optional<int> at = options_.destination->Find(name);
  return at ? &options_.destination->fields[static_cast<size_t>(*at)] : nullptr;
}

Result<std::optional<ColumnPlan>> TableShape::Resolve(const Field& source) {
  std::lock_guard lock(mutex_);
  return ResolveLocked(source, /*may_widen=*/false);
}

Result<bool> TableShape::Widens(const Field& there, const Type& to) const {
  if (options_.contract != Contract::kEvolve || options_.widens == nullptr || !IsWidening(there.type, to)) return false;
  return options_.widens(there, to);
}

Result<std::optional<ColumnPlan>> TableShape::ResolveLocked(const Field& source, bool may_widen) {
  if (auto known = plans_.find(source.name); known != plans_.end()) return std::optional(known->second);
  if (IsExcluded(source.name)) return std::optional<ColumnPlan>();
  ColumnPlan plan{.field = source};
  Field& field = plan.field;
  field.name = NameOf(source.name);
  // One that has the name itself is of a source that Nilus loaded, and was left out before (WithoutRowIds).
  if (IsRowIdColumn(field.name) && source.name != field.name) {
    return FailWithFix(
        ErrorKind::kInvalidInput, "leave it out with sql_exclude_columns, or rename it at the source (query:SELECT …)",
        "column `{}` of {} would be named `{}` at the destination, as a column that every loaded row has", source.name,
        options_.table, field.name);
  }
  if (auto [taken, is_new] = source_by_name_.emplace(field.name, source.name); !is_new) {
    return Failure(NameCollision(options_.table, taken->second, source.name, field.name));
  }
  if (auto hint = hints_by_name_.find(field.name); hint != hints_by_name_.end()) {
    plan.rule = CoerceRule::kLenient;
    field.type = options_.hints[hint->second].type;
  }
  plan.is_of_json = source.origin != JsonOrigin::kNone;
  // Strings that a hint of json reads are JSON then, and are not read once more by a further shape.
  const bool is_read = plan.rule == CoerceRule::kLenient && field.type.id == TypeId::kJson;
  if (!options_.keeps_origin || is_read) field.origin = JsonOrigin::kNone;
  if (const Field* there = InDestination(field.name)) {
    // varchar(n) is checked by the destination itself
    const bool is_same = field.type.id == there->type.id && field.type.precision == there->type.precision &&
                         field.type.scale == there->type.scale;
    NILUS_ASSIGN(const bool widens, may_widen ? Widens(*there, field.type) : Result<bool>(false));
    if (widens) {
      widened_.push_back(field.name);
    } else if (!is_same) {
      field.type = there->type;
    }
  } else if (options_.destination && options_.contract != Contract::kEvolve && !IsOurs(field.name)) {
    if (options_.contract == Contract::kFreeze) return NewColumnRefused(options_.table, field, source.name);
    plan.is_refused = true;
  } else if (source.origin == JsonOrigin::kScalars && !options_.keeps_origin && plan.rule == CoerceRule::kExact &&
             field.type.id == TypeId::kJson) {
    field.type = MakeType(TypeId::kText);
  }
  plan.must_fit = std::find(options_.must_fit.begin(), options_.must_fit.end(), field.name) != options_.must_fit.end();
  plans_.emplace(source.name, plan);
  if (!plan.is_refused) schema_.fields.push_back(field);
  return std::optional(std::move(plan));
}

Result<Field> TableShape::VariantFor(const std::string& column, const Type& type) {
  const std::string name = FitToLimit(VariantName(column, TypeFamily(type)), options_.identifier_limit);
  std::lock_guard lock(mutex_);
  if (auto known = variants_.find(name); known != variants_.end()) return known->second;
  Field field{.name = name, .type = FamilyType(type), .nullable = true, .variant_of = column};
  if (auto [taken, is_new] = source_by_name_.emplace(name, column); !is_new) {
    // The source was loaded by Nilus, and has this column's variants itself.
    const auto own = plans_.find(taken->second);
    if (own == plans_.end()) return Failure(NameCollision(options_.table, taken->second, column, name));
    field.type = own->second.field.type;
    variants_.emplace(name, field);
    return field;
  }
  if (const Field* there = InDestination(name)) field.type = there->type;
  variants_.emplace(name, field);
  schema_.fields.push_back(field);
  return field;
}

}  // namespace nilus
