#include "nilus/lake/data_partition.h"

#include <algorithm>
#include <utility>

#include "nilus/data/null_column.h"
#include "nilus/data/take.h"

namespace nilus::lake {
namespace {

// One part of a row's key: equal bytes for equal values, and never a prefix of another part.
void AppendKeyPart(const Column& column, int64_t row, std::string* key) {
  if (column.IsNull(row)) {
    key->push_back('\0');
    return;
  }
  key->push_back('\1');
  if (column.type.id == TypeId::kBool) {
    key->push_back(column.BoolValue(row) ? '\1' : '\0');
  } else if (HasOffsets(column.type.id)) {
    const std::string_view bytes = column.BytesValue(row);
    const uint64_t size = bytes.size();
    key->append(reinterpret_cast<const char*>(&size), sizeof(size));
    key->append(bytes);
  } else {
    const auto width = static_cast<size_t>(FixedWidth(column.type.id));
    key->append(reinterpret_cast<const char*>(column.values.data()) + static_cast<size_t>(row) * width, width);
  }
}

}  // namespace

Result<std::vector<int>> Partitioner::Number(const IcebergSchema& schema, const RecordBatch& batch) {
  std::vector<Column> values;
  std::vector<IcebergType> types;
  for (const SpecField& field : spec_.fields) {
    const IcebergField* source = schema.FindById(field.source_id);
    if (source == nullptr) return Fail(ErrorKind::kInternal, "partition field `{}` has no source column", field.name);
    types.push_back(TransformedType(field.transform, source->type));
    std::optional<int> at = batch.schema()->Find(source->name);
    if (!at || field.transform.kind == Transform::Kind::kVoid) {
      values.push_back(NullColumn(ToNilusType(types.back()), batch.num_rows()));
      continue;
    }
    NILUS_ASSIGN(Column transformed, ApplyTransform(field.transform, source->type, batch.column(*at)));
    values.push_back(std::move(transformed));
  }
  std::vector<int> numbers(static_cast<size_t>(batch.num_rows()));
  std::string key;
  std::string last_key;
  int last = -1;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    key.clear();
    for (const Column& column : values) AppendKeyPart(column, row, &key);
    if (last < 0 || key != last_key) {
      auto [at, is_new] = by_key_.try_emplace(key, static_cast<int>(tuples_.size()));
      if (is_new) {
        std::vector<Literal> tuple;
        for (size_t i = 0; i < values.size(); ++i)
          tuple.push_back(values[i].IsNull(row) ? Literal() : LiteralAt(values[i], row, types[i]));
        tuples_.push_back(std::move(tuple));
      }
      last = at->second;
      last_key = key;
    }
    numbers[static_cast<size_t>(row)] = last;
  }
  return numbers;
}

Result<std::vector<PartitionRows>> Partitioner::Split(const IcebergSchema& schema, const RecordBatch& batch) {
  std::vector<PartitionRows> slices;
  if (batch.num_rows() == 0) return slices;
  NILUS_ASSIGN(std::vector<int> numbers, Number(schema, batch));
  if (std::all_of(numbers.begin(), numbers.end(), [&](int number) { return number == numbers[0]; })) {
    slices.push_back({numbers[0], batch});
    return slices;
  }
  std::unordered_map<int, size_t> place;
  std::vector<std::vector<int32_t>> rows;
  for (size_t row = 0; row < numbers.size(); ++row) {
    auto [at, is_new] = place.try_emplace(numbers[row], rows.size());
    if (is_new) {
      rows.emplace_back();
      slices.push_back({numbers[row], {}});
    }
    rows[at->second].push_back(static_cast<int32_t>(row));
  }
  for (size_t i = 0; i < slices.size(); ++i) slices[i].rows = TakeRows(batch, rows[i]);
  return slices;
}

}  // namespace nilus::lake
