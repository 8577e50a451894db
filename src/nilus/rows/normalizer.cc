#include "nilus/rows/normalizer.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "nilus/rows/json_kinds.h"

namespace nilus {
namespace {

std::string WhyNot(const Type& value, const Type& column) {
  return fmt::format("a value of type {} cannot become {} without loss", value.ToString(), column.ToString());
}

}  // namespace

struct Normalizer::Work {
  std::vector<Column> columns;  // of the plain schema
  std::vector<Field> variants;
  std::vector<Column> variant_columns;
  std::vector<uint8_t> is_dead;  // empty: no row is
  std::vector<DeadRow> dead;

  void Kill(const Column& values, const std::string& column, const std::string& reason) {
    if (is_dead.empty()) is_dead.resize(static_cast<size_t>(values.length));
    for (int64_t row = 0; row < values.length; ++row) {
      uint8_t& flag = is_dead[static_cast<size_t>(row)];
      if (flag != 0 || values.IsNull(row)) continue;
      flag = 1;
      dead.push_back(DeadRow{.row = row, .column = column, .reason = reason});
    }
  }
};

Status Normalizer::Prepare(const SchemaPtr& schema) {
  if (prepared_for_ != nullptr && (schema == prepared_for_ || *schema == *prepared_for_)) return {};
  prepared_for_ = nullptr;
  lanes_.clear();
  auto plain = std::make_shared<Schema>();
  for (int i = 0; i < schema->size(); ++i) {
    const Field& field = schema->fields[static_cast<size_t>(i)];
    if (!field.variant_of.empty()) continue;
    NILUS_ASSIGN(std::optional<ColumnPlan> plan, shape_->Resolve(field));
    if (!plan) continue;
    plan->field.nullable = plan->field.nullable || field.nullable || !(plan->field.type == field.type);
    if (!plan->is_refused) plain->fields.push_back(plan->field);
    lanes_.push_back(Lane{.index = i, .plan = *std::move(plan), .source_name = field.name});
  }
  plain_ = std::move(plain);
  for (int i = 0; i < schema->size(); ++i) {
    if (!schema->fields[static_cast<size_t>(i)].variant_of.empty()) PrepareVariant(*schema, i);
  }
  extended_ = nullptr;
  prepared_for_ = schema;
  return {};
}

void Normalizer::PrepareVariant(const Schema& schema, int index) {
  const Field& field = schema.fields[static_cast<size_t>(index)];
  if (shape_->IsExcluded(field.variant_of) || shape_->IsExcluded(field.name)) return;
  Lane lane{.index = index, .plan = {.field = field}, .source_name = field.variant_of, .is_variant = true};
  lane.plan.field.name = shape_->NameOf(field.variant_of);
  const auto own = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& other) {
    return !other.is_variant && other.source_name == field.variant_of;
  });
  if (own != lanes_.end()) lane.plan.field.type = own->plan.field.type;
  if (own != lanes_.end() && !own->plan.is_refused) {
    lane.plan.must_fit = own->plan.must_fit && shape_->finds_rows();
    const Type& from = schema.fields[static_cast<size_t>(own->index)].type;
    const bool becomes_text = own->plan.field.type.id == TypeId::kText && from.id != TypeId::kText;
    if (becomes_text && field.type.id == TypeId::kText) lane.base = *plain_->Find(own->plan.field.name);
  }
  lanes_.push_back(std::move(lane));
}

Result<NormalizedBatch> Normalizer::Normalize(const RecordBatch& batch) {
  NILUS_TRY(Prepare(batch.schema()));
  Work work;
  work.columns.reserve(lanes_.size());
  for (const Lane& lane : lanes_) {
    if (lane.is_variant) continue;
    NILUS_TRY(Take(lane, batch.column(lane.index), &work));
    if (shape_->refused() != nullptr && !lane.plan.is_refused) NILUS_TRY(SetRefusedAside(lane, &work));
  }
  for (const Lane& lane : lanes_) {
    const Column& column = batch.column(lane.index);
    if (!lane.is_variant || column.null_count == column.length) continue;
    if (lane.base < 0) {
      NILUS_TRY(MisfitOfSource(lane, column, &work));
      continue;
    }
    Column& own = work.columns[static_cast<size_t>(lane.base)];
    own = Overlay(own, column);
  }
  NILUS_TRY(MergeVariants(&work));
  std::move(work.variant_columns.begin(), work.variant_columns.end(), std::back_inserter(work.columns));
  NormalizedBatch result{.rows = RecordBatch(OutputSchema(work), std::move(work.columns), batch.num_rows()),
                         .dead = std::move(work.dead)};
  if (result.dead.empty()) return result;
  for (uint8_t& flag : work.is_dead) flag = flag == 0 ? 1 : 0;
  result.rows = result.rows.Filter(work.is_dead);
  std::sort(result.dead.begin(), result.dead.end(), [](const DeadRow& a, const DeadRow& b) { return a.row < b.row; });
  return result;
}

// Of the column that was taken last.
Status Normalizer::SetRefusedAside(const Lane& lane, Work* work) {
  const std::optional<RefusedValues> refused = shape_->refused()(lane.plan.field, work->columns.back());
  if (!refused) return {};
  return Misfit(lane, refused->values, fmt::format("{} at the destination, which cannot hold the value", refused->type),
                work);
}

Status Normalizer::Take(const Lane& lane, const Column& column, Work* work) {
  const ColumnPlan& plan = lane.plan;
  if (plan.is_refused) {
    if (column.null_count == column.length) return {};
    return Misfit(lane, column, fmt::format("{} has no column `{}`", shape_->table(), plan.field.name), work);
  }
  // A hint of json reads the JSON inside of strings, also of those that stand beside other values.
  if (plan.is_of_json && plan.rule == CoerceRule::kLenient && plan.field.type.id == TypeId::kJson)
    return TakeAsJson(lane, column, work);
  if (column.type == plan.field.type) {
    work->columns.push_back(column);
    return {};
  }
  // A decimal's digits behind the point are the column's, and what a json column takes is what stood in the JSON.
  const bool goes_as_json =
      plan.is_of_json &&
      (column.type.id == TypeId::kDecimal || (plan.rule == CoerceRule::kExact && plan.field.type.id == TypeId::kJson));
  const Column taken = goes_as_json ? AsJson(column) : column;
  Coerced coerced = Coerce(taken, plan.field.type, plan.rule);
  work->columns.push_back(std::move(coerced.column));
  if (coerced.misfit_count == 0) return {};
  Column misfits = KeepRows(taken, coerced.misfits, /*keep_flagged=*/true);
  if (plan.is_of_json) misfits = AsJson(misfits);
  const bool is_json = misfits.type.id == TypeId::kJson;
  for (const Column& values : is_json ? JsonByKind(misfits) : std::vector<Column>{misfits}) {
    NILUS_TRY(Misfit(lane, values, WhyNot(values.type, plan.field.type), work));
  }
  return {};
}

Status Normalizer::TakeAsJson(const Lane& lane, const Column& column, Work* work) {
  const bool is_text = column.type.id == TypeId::kText;
  const Column values = is_text ? column : AsJson(column);
  const Column texts = is_text ? column : StringsOf(values);
  Coerced read = Coerce(texts, lane.plan.field.type, CoerceRule::kLenient);
  if (is_text) {
    work->columns.push_back(std::move(read.column));
  } else if (texts.null_count == texts.length) {
    work->columns.push_back(values);
  } else {
    std::vector<uint8_t> is_string(static_cast<size_t>(texts.length));
    for (int64_t row = 0; row < texts.length; ++row) is_string[static_cast<size_t>(row)] = texts.IsNull(row) ? 0 : 1;
    work->columns.push_back(Overlay(KeepRows(values, is_string, /*keep_flagged=*/false), read.column));
  }
  if (read.misfit_count == 0) return {};
  return Misfit(lane, KeepRows(texts, read.misfits, /*keep_flagged=*/true), "a text is no JSON, which a hint wants",
                work);
}

// What the source itself could not give its column's type.
Status Normalizer::MisfitOfSource(const Lane& lane, const Column& values, Work* work) {
  if (!lane.plan.must_fit) return Misfit(lane, values, WhyNot(values.type, lane.plan.field.type), work);
  std::set<std::string> words;  // what says nothing of a row
  for (int64_t row = 0; row < values.length && values.type.id == TypeId::kText; ++row) {
    if (values.IsNull(row)) continue;
    const std::string_view text = values.BytesValue(row);
    const bool is_word = text == "infinity" || text == "-infinity" || text == "NaN";
    words.insert(is_word ? fmt::format("`{}`", text) : std::string("values beyond its range or digits"));
  }
  const std::string& name = lane.plan.field.name;
  const int64_t count = values.length - values.null_count;
  return FailWithFix(
      ErrorKind::kData,
      fmt::format("pin the column to text, type_hints: {{{}: text}}, and read a table that is there "
                  "anew; or leave such rows out at the source",
                  lane.source_name),
      "{} value{} of key column `{}` of {}: its type here has no {}, so that no row could be found by it", count,
      count == 1 ? "" : "s", name, shape_->table(), fmt::join(words, ", no "));
}

// `values`: those that have no place in the column, NULL elsewhere.
Status Normalizer::Misfit(const Lane& lane, const Column& values, std::string reason, Work* work) {
  const std::string& name = lane.plan.field.name;
  const int64_t count = values.length - values.null_count;
  if (lane.plan.must_fit) {
    return FailWithFix(
        ErrorKind::kData, "mend the rows at the source, leave them out with a `query:`, or choose another key",
        "{} value{} of key column `{}` of {}: {}", count, count == 1 ? "" : "s", name, shape_->table(), reason);
  }
  switch (shape_->contract()) {
    case Contract::kEvolve:
      return KeepInVariant(name, values, work);
    case Contract::kFreeze:
      return FailWithFix(ErrorKind::kData,
                         fmt::format("mend the rows at the source, cast the column there (query:SELECT …), or use "
                                     "another schema_contract (evolve keeps such values in `{}`)",
                                     VariantName(name, TypeFamily(values.type))),
                         "schema_contract freeze: column `{}` of {}: {}", name, shape_->table(), reason);
    case Contract::kDiscardRow:
      work->Kill(values, lane.source_name, reason);
      return {};
    case Contract::kDiscardValue:
      discarded_values_[name] += count;
      return {};
  }
  return {};
}

Status Normalizer::KeepInVariant(const std::string& column, const Column& values, Work* work) {
  NILUS_ASSIGN(Field field, shape_->VariantFor(column, values.type));
  Coerced kept = Coerce(values, field.type, CoerceRule::kExact);
  const std::vector<uint8_t> left = std::move(kept.misfits);
  if (kept.column.null_count < kept.column.length) NILUS_TRY(AddVariant(field, std::move(kept.column), work));
  if (kept.misfit_count == 0) return {};
  // The variant column is there already, and of a type that does not take them.
  NILUS_ASSIGN(Field text, shape_->VariantFor(column, MakeType(TypeId::kText)));
  if (text.type.id != TypeId::kText) {
    return FailWithFix(ErrorKind::kData, "change the column's type to text, or rename it",
                       "column `{}` of {} has to take texts of values that do not fit their column, but is {}",
                       text.name, shape_->table(), text.type.ToString());
  }
  Coerced texts = Coerce(KeepRows(values, left, true), text.type, CoerceRule::kLenient);
  return AddVariant(text, std::move(texts.column), work);
}

Status Normalizer::AddVariant(const Field& field, Column values, Work* work) {
  variant_values_[{field.variant_of, field.name}] += values.length - values.null_count;
  for (size_t i = 0; i < work->variants.size(); ++i) {
    if (work->variants[i].name != field.name) continue;
    work->variant_columns[i] = Overlay(work->variant_columns[i], values);
    return {};
  }
  work->variants.push_back(field);
  work->variant_columns.push_back(std::move(values));
  return {};
}

// A variant column that the source has itself takes both: what came in it, and what did not fit here.
Status Normalizer::MergeVariants(Work* work) const {
  for (size_t i = 0; i < work->variants.size();) {
    const std::optional<int> at = plain_->Find(work->variants[i].name);
    if (!at) {
      ++i;
      continue;
    }
    Column& own = work->columns[static_cast<size_t>(*at)];
    const Column& values = work->variant_columns[i];
    for (int64_t row = 0; row < own.length; ++row) {
      if (own.IsNull(row) || values.IsNull(row)) continue;
      return FailWithFix(
          ErrorKind::kData, "rename one of them at the source (query:SELECT …), or leave it out",
          "a row of {} has a value in `{}`, where its value of `{}` would have to go, which does not fit",
          shape_->table(), work->variants[i].name, work->variants[i].variant_of);
    }
    own = Overlay(own, values);
    work->variants.erase(work->variants.begin() + static_cast<std::ptrdiff_t>(i));
    work->variant_columns.erase(work->variant_columns.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return {};
}

SchemaPtr Normalizer::OutputSchema(const Work& work) {
  if (work.variants.empty()) return plain_;
  Schema schema = *plain_;
  schema.fields.insert(schema.fields.end(), work.variants.begin(), work.variants.end());
  if (extended_ == nullptr || !(*extended_ == schema)) extended_ = std::make_shared<Schema>(std::move(schema));
  return extended_;
}

}  // namespace nilus
