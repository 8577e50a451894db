#include "nilus/connectors/files/key_filter.h"

#include <string>

#include "nilus/data/finite.h"

namespace nilus::files {
namespace {

Result<Column> OneCell(const Scalar& bound, const Field& field) {
  ColumnBuilder builder(field.type);
  if (auto parsed = AppendParsed(bound.text, &builder); !parsed) {
    return FailWithFix(ErrorKind::kData, "run once with full_refresh: true, or mend the values of that column",
                       "the range of incremental key '{}' has the bound `{}`, but the column's values are {} now",
                       field.name, bound.text, field.type.ToString());
  }
  return builder.Finish();
}

}  // namespace

Result<KeyFilter> KeyFilter::Make(const KeyRange& range, const Schema& schema) {
  auto index = schema.Find(range.column);
  if (!index) {
    std::string names;
    for (const Field& field : schema.fields) names += (names.empty() ? "" : ", ") + field.name;
    return FailWithFix(ErrorKind::kNotFound, "name one of: " + names, "there is no column '{}' for the incremental key",
                       range.column);
  }
  KeyFilter filter;
  filter.index_ = *index;
  filter.with_nulls_ = range.with_nulls;
  filter.upper_inclusive_ = range.upper_inclusive;
  const Field& field = schema.fields[static_cast<size_t>(*index)];
  if (range.lower) {
    NILUS_ASSIGN(filter.lower_, OneCell(*range.lower, field));
  }
  if (range.upper) {
    NILUS_ASSIGN(filter.upper_, OneCell(*range.upper, field));
  }
  return filter;
}

RecordBatch KeyFilter::Filter(const RecordBatch& batch) const {
  if (!lower_ && !upper_ && with_nulls_) return batch;
  const Column& key = batch.column(index_);
  std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 0);
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    bool inside = with_nulls_;
    if (!key.IsNull(row)) {
      inside = !lower_ || CompareCells(key, row, *lower_, 0) >= 0;
      if (inside && upper_) {
        auto order = CompareCells(key, row, *upper_, 0);
        inside = order < 0 || (upper_inclusive_ && order == 0);
      }
    }
    keep[static_cast<size_t>(row)] = inside ? 1 : 0;
  }
  return batch.Filter(keep);
}

void HighestKey::Observe(const Column& column) {
  int64_t best = -1;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row) || !IsFinite(column, row)) continue;
    if (best < 0 || CompareCells(column, row, column, best) > 0) best = row;
  }
  if (best < 0 || (value_ && CompareCells(column, best, cell_, 0) <= 0)) return;
  value_ = ScalarAt(column, best);
  std::vector<uint8_t> keep(static_cast<size_t>(column.length), 0);
  keep[static_cast<size_t>(best)] = 1;
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "key", .type = column.type}}});
  cell_ = RecordBatch(schema, {column}, column.length).Filter(keep).column(0);
}

}  // namespace nilus::files
