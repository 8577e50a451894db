// A target's columns and changes under the modes of values (value_modes.h).
#include <algorithm>
#include <utility>

#include "nilus/cdc/target.h"

namespace nilus {

void TableTarget::TakeTable(CapturedTable table) {
  const ValueModes& modes = job_->properties.values;
  table_ = std::move(table);
  if (modes.empty()) return;
  hints_ = HintsOf(*job_, table_);
  table_.columns = modes.Apply(std::move(table_.columns), [&](const std::string& column) { return IsHinted(column); });
}

bool TableTarget::IsHinted(const std::string& column) const {
  const auto normalized = [&](const std::string& name) {
    return NormalizeName(name, job_->naming, job_->identifier_limit);
  };
  return std::any_of(hints_.begin(), hints_.end(), [&](const PinnedType& hint) {
    return hint.column == column || normalized(hint.column) == normalized(column);
  });
}

Result<ChangeBatch> TableTarget::WithModes(ChangeBatch batch) const {
  const auto is_kept = [&](const std::string& column) { return IsHinted(column); };
  NILUS_ASSIGN(batch.rows, job_->properties.values.Apply(batch.rows, is_kept));
  if (batch.old_rows) {
    NILUS_ASSIGN(batch.old_rows, job_->properties.values.Apply(*batch.old_rows, is_kept));
  }
  return batch;
}

}  // namespace nilus
