#include "nilus/rows/masker.h"

#include <algorithm>

#include "nilus/base/nearest.h"
#include "nilus/rows/json_masking.h"

namespace nilus {
namespace {

// A mask whose result is text takes the texts of a variant column as well.
bool TakesVariants(const Mask& mask) { return mask.result_type().id == TypeId::kText; }

// Of "address.street" and "address__street" the same: the levels as they are named at the destination.
std::string PathOf(std::string_view column, NamingStyle naming) {
  std::string path;
  for (const char c : column) {
    if (c == '.') {
      path += kLevels;
    } else {
      path += c;
    }
  }
  return NormalizePath(path, naming, 0);
}

bool HasLevels(const MaskRule& rule) {
  return rule.column.find('.') != std::string::npos || rule.column.find(kLevels) != std::string::npos;
}

}  // namespace

Result<std::shared_ptr<const Masking>> Masking::Create(MaskingOptions options) {
  std::shared_ptr<Masking> masking(new Masking(std::move(options)));
  MaskingOptions& own = masking->options_;
  for (size_t i = 0; i < own.rules.size(); ++i) {
    const MaskRule& rule = own.rules[i];
    std::string name = masking->NameOf(rule.column);
    auto [known, is_new] = masking->rule_by_name_.emplace(name, i);
    if (!is_new) {
      return FailWithFix(ErrorKind::kInvalidInput, "leave one of them out",
                         "the masks of `{}` and `{}` are for one column, which is `{}` at the destination",
                         own.rules[known->second].column, rule.column, name);
    }
    if (rule.algorithm != "sequential") continue;
    std::shared_ptr<MaskSequence>& sequence = own.sequences[name];
    if (sequence == nullptr) {
      NILUS_ASSIGN(sequence, MaskSequence::Create());
    }
  }
  return std::shared_ptr<const Masking>(std::move(masking));
}

std::string Masking::NameOf(std::string_view column) const {
  return NormalizeName(column, options_.naming, options_.identifier_limit);
}

const MaskRule* Masking::RuleFor(std::string_view source_column) const {
  if (rule_by_name_.empty()) return nullptr;
  auto found = rule_by_name_.find(NameOf(source_column));
  return found == rule_by_name_.end() ? nullptr : &options_.rules[found->second];
}

std::vector<Masking::NestedRule> Masking::NestedRulesFor(std::string_view source_column) const {
  std::vector<NestedRule> rules;
  for (const MaskRule& rule : options_.rules) {
    if (!HasLevels(rule)) continue;
    const std::string path = PathOf(rule.column, options_.naming);
    const std::string column = NormalizeName(source_column, options_.naming, 0) + std::string(kLevels);
    if (!path.starts_with(column) || path.size() == column.size()) continue;
    NestedRule nested{.rule = &rule, .path = {}};
    for (size_t begin = column.size(); begin <= path.size();) {
      const size_t end = std::min(path.find(kLevels, begin), path.size());
      nested.path.push_back(path.substr(begin, end - begin));
      begin = end + kLevels.size();
    }
    rules.push_back(std::move(nested));
  }
  return rules;
}

std::vector<std::string> Masking::NestedRulesNotIn(const std::set<std::string>& found,
                                                   const std::set<std::string>& known) const {
  std::set<std::string> names;
  for (const std::string& column : known) names.insert(NameOf(column));
  std::vector<std::string> missing;
  for (const MaskRule& rule : options_.rules) {
    if (HasLevels(rule) && !names.contains(NameOf(rule.column)) && !found.contains(rule.column))
      missing.push_back(rule.column);
  }
  return missing;
}

std::shared_ptr<MaskSequence> Masking::SequenceOf(const MaskRule& rule) const {
  return rule.algorithm == "sequential" ? options_.sequences.at(NameOf(rule.column)) : nullptr;
}

Result<std::unique_ptr<Mask>> Masking::MaskFor(const MaskRule& rule, const Type& type) const {
  return MakeMask(rule, type, SequenceOf(rule));
}

Status Masking::CheckNested(const Field& field) const {
  // What values of JSON are is a matter of the load.
  if (field.type.id == TypeId::kJson || field.origin != JsonOrigin::kNone) return {};
  const std::vector<NestedRule> nested = NestedRulesFor(field.name);
  if (nested.empty()) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "mask the whole column, or have the source give it as json",
                     "mask: there is no `{}` in column `{}` of {}, which is of type {}", nested.front().rule->column,
                     field.name, options_.table, field.type.ToString());
}

Result<Schema> Masking::MaskedSchema(const Schema& schema, std::span<const std::string> null_columns) const {
  Schema masked = schema;
  if (empty() || schema.fields.empty()) return masked;
  std::set<std::string> known(null_columns.begin(), null_columns.end());
  bool is_of_json = false;
  for (Field& field : masked.fields) {
    is_of_json = is_of_json || field.origin != JsonOrigin::kNone;
    if (!field.variant_of.empty()) continue;  // its type is text, and stays so
    known.insert(field.name);
    NILUS_TRY(CheckNested(field));
    const MaskRule* rule = RuleFor(field.name);
    if (rule == nullptr) continue;
    NILUS_ASSIGN(std::unique_ptr<Mask> mask, MaskFor(*rule, field.type));
    field.type = mask->result_type();
  }
  NILUS_TRY(CheckAllFound(known, is_of_json));
  return masked;
}

Status Masking::CheckAllFound(const std::set<std::string>& known, bool is_of_json) const {
  std::set<std::string> names;
  for (const std::string& column : known) names.insert(NameOf(column));
  for (const MaskRule& rule : options_.rules) {
    if (is_of_json && HasLevels(rule)) continue;
    const bool is_inside = std::any_of(known.begin(), known.end(), [&](const std::string& column) {
      const std::vector<NestedRule> nested = NestedRulesFor(column);
      return std::any_of(nested.begin(), nested.end(), [&](const NestedRule& each) { return each.rule == &rule; });
    });
    if (is_inside || names.contains(NameOf(rule.column))) continue;
    std::vector<std::string_view> columns(known.begin(), known.end());
    std::string nearest = Nearest(rule.column, columns);
    return FailWithFix(
        ErrorKind::kInvalidInput,
        nearest.empty() ? "name one of its columns, or leave the mask out" : fmt::format("did you mean `{}`?", nearest),
        "mask: `{}` is no column of {}", rule.column, options_.table);
  }
  return {};
}

Status Masker::Prepare(const SchemaPtr& schema) {
  if (prepared_for_ != nullptr && (schema == prepared_for_ || *schema == *prepared_for_)) return {};
  auto output = std::make_shared<Schema>(*schema);
  masked_.clear();
  prepared_for_ = nullptr;
  for (int i = 0; i < schema->size(); ++i) {
    Field& field = output->fields[static_cast<size_t>(i)];
    const bool is_variant = !field.variant_of.empty();
    if (!is_variant) {
      columns_seen_.insert(field.name);
      NILUS_TRY(masking_->CheckNested(field));
    }
    for (Masking::NestedRule& nested : masking_->NestedRulesFor(is_variant ? field.variant_of : field.name)) {
      // What a variant column has is no json: nobody knows what lies inside.
      std::unique_ptr<NestedMask> mask;
      if (!is_variant) {
        mask = std::make_unique<NestedMask>(*nested.rule, std::move(nested.path), masking_->options_.naming,
                                            masking_->SequenceOf(*nested.rule));
      }
      masked_.push_back(MaskedColumn{.index = i, .rule = nested.rule, .mask = nullptr, .nested = std::move(mask)});
    }
    const MaskRule* rule = masking_->RuleFor(is_variant ? field.variant_of : field.name);
    if (rule == nullptr) continue;
    Result<std::unique_ptr<Mask>> mask = masking_->MaskFor(*rule, field.type);
    if (is_variant && (!mask || !TakesVariants(**mask))) {
      masked_.push_back(MaskedColumn{.index = i, .rule = rule, .mask = nullptr, .nested = nullptr});
      continue;
    }
    if (!mask) return Failure(std::move(mask).error());
    field.type = (*mask)->result_type();
    MaskedColumn masked{.index = i, .rule = rule, .mask = *std::move(mask), .nested = nullptr};
    if (field.origin != JsonOrigin::kNone && MaskReadsOf(rule->algorithm) == MaskReads::kText)
      masked.seen = masking_->IsText(field.name) ? JsonAsWritten : JsonByValue;
    masked_.push_back(std::move(masked));
  }
  output_ = std::move(output);
  prepared_for_ = schema;
  return {};
}

Result<RecordBatch> Masker::Apply(const RecordBatch& batch) {
  NILUS_TRY(Prepare(batch.schema()));
  if (masked_.empty()) return batch;
  std::vector<Column> columns = batch.columns();
  for (MaskedColumn& masked : masked_) {
    Column& column = columns[static_cast<size_t>(masked.index)];
    if (masked.mask != nullptr) {
      NILUS_ASSIGN(column, masked.mask->Apply(masked.seen == nullptr ? column : masked.seen(column)));
      continue;
    }
    if (masked.nested != nullptr) {
      NILUS_ASSIGN(column, masked.nested->Apply(column));
      if (masked.nested->has_found()) nested_found_.insert(masked.rule->column);
      continue;
    }
    if (column.null_count == column.length) continue;
    const std::string& name = batch.schema()->fields[static_cast<size_t>(masked.index)].variant_of;
    return FailWithFix(ErrorKind::kData,
                       "mask the column otherwise (redact and hash take anything), or leave such rows out at the "
                       "source with query:SELECT …",
                       "column `{}` cannot be masked with {}: a value is none of the column's type", name,
                       masked.rule->algorithm);
  }
  return RecordBatch(output_, std::move(columns), batch.num_rows());
}

}  // namespace nilus
