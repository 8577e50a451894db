#include "nilus/cdc/key_bound.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/cdc/lines.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

// Of what a type cannot hold: it sorts before all that it can. What does not (infinity, NaN) sorts behind it.
bool IsBelowAll(std::string_view text) { return text.starts_with('-') || text.ends_with("BC"); }

}  // namespace

Result<KeyBound> KeyBound::Parse(const std::string& up_to, const std::vector<std::string>& key, const Schema& columns) {
  nlohmann::json texts = nlohmann::json::parse(up_to, nullptr, /*allow_exceptions=*/false);
  const auto damaged = [&](std::string_view why) {
    return FailWithFix(ErrorKind::kInvalidInput, "take a new snapshot: `nilus state reset`",
                       "the bound of a snapshot's chunk in the committed position cannot be read: {}", why);
  };
  if (!texts.is_array() || texts.size() != key.size() || key.empty())
    return damaged("it has not one text a key column");
  KeyBound bound;
  bound.key_ = key;
  for (size_t i = 0; i < key.size(); ++i) {
    std::optional<int> at = columns.Find(key[i]);
    if (!at) return damaged(fmt::format("`{}` is no column any more", key[i]));
    if (!texts[i].is_string()) return damaged("one of its values is no text");
    ColumnBuilder value(columns.fields[static_cast<size_t>(*at)].type);
    if (!AppendParsed(texts[i].get<std::string>(), &value))
      return damaged(fmt::format("`{}` is of another type now", key[i]));
    bound.values_.push_back(value.Finish());
  }
  return bound;
}

Result<bool> KeyBound::Holds(const RecordBatch& rows, int64_t row) const {
  for (size_t i = 0; i < key_.size(); ++i) {
    std::optional<int> at = rows.schema()->Find(key_[i]);
    if (!at || !(rows.column(*at).type == values_[i].type)) {
      return FailWithFix(ErrorKind::kData, "take a new snapshot: `nilus state reset`",
                         "key column `{}` changed while the table's snapshot was not complete", key_[i]);
    }
    if (rows.column(*at).IsNull(row)) {
      const Column* variant = VariantOf(rows, key_[i]);
      return variant != nullptr && !variant->IsNull(row) && IsBelowAll(variant->BytesValue(row));
    }
    const std::strong_ordering order = CompareCells(rows.column(*at), row, values_[i], 0);
    if (order != 0) return order < 0;
  }
  return true;
}

Result<ChangeBatch> KeepBelow(const KeyBound& bound, const ChangeBatch& batch, bool* restarts) {
  const std::vector<int32_t> old = OldRowOf(batch);
  std::vector<KeepAs> keep(batch.ops.size(), KeepAs::kNothing);
  for (size_t i = 0; i < keep.size(); ++i) {
    if (batch.ops[i] == ChangeOp::kTruncate) {
      keep[i] = KeepAs::kWhole;
      continue;
    }
    NILUS_ASSIGN(const bool holds_new, bound.Holds(batch.rows, static_cast<int64_t>(i)));
    bool holds_old = holds_new;
    if (old[i] >= 0 && batch.ops[i] == ChangeOp::kUpdate) {
      NILUS_ASSIGN(holds_old, bound.Holds(*batch.old_rows, old[i]));
    }
    if (holds_new && holds_old) keep[i] = KeepAs::kWhole;
    if (!holds_new && holds_old) keep[i] = KeepAs::kRemoval;
    if (!holds_new || holds_old) continue;
    keep[i] = KeepAs::kArrival;
    for (const auto& [column, flags] : batch.unchanged) *restarts = *restarts || flags[i] != 0;
  }
  if (std::all_of(keep.begin(), keep.end(), [](KeepAs as) { return as == KeepAs::kWhole; })) return batch;
  return KeepChanges(batch, keep);
}

}  // namespace nilus
