#include "nilus/data/null_column.h"

#include <algorithm>
#include <utility>

#include "nilus/data/builder.h"

namespace nilus {

Column NullColumn(const Type& type, int64_t rows) {
  ColumnBuilder builder(type);
  for (int64_t row = 0; row < rows; ++row) builder.AppendNull();
  return builder.Finish();
}

RecordBatch WithColumnsOf(const SchemaPtr& schema, const RecordBatch& batch) {
  const std::vector<Field>& own = batch.schema()->fields;
  if (std::equal(own.begin(), own.end(), schema->fields.begin(), schema->fields.end(),
                 [](const Field& a, const Field& b) { return a.name == b.name; })) {
    return batch;
  }
  auto all = std::make_shared<Schema>();
  std::vector<Column> columns;
  for (const Field& field : schema->fields) {
    std::optional<int> index = batch.schema()->Find(field.name);
    all->fields.push_back(index ? batch.schema()->fields[static_cast<size_t>(*index)] : field);
    columns.push_back(index ? batch.column(*index) : NullColumn(field.type, batch.num_rows()));
  }
  return RecordBatch(std::move(all), std::move(columns), batch.num_rows());
}

}  // namespace nilus
