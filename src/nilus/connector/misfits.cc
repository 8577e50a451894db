#include "nilus/connector/misfits.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/identifier.h"

namespace nilus {
namespace {

// a's texts, and b's where a has none.
Column MergeTexts(const Column& a, const Column& b) {
  ColumnBuilder merged(MakeType(TypeId::kText));
  for (int64_t row = 0; row < a.length; ++row) {
    const Column& from = a.IsNull(row) ? b : a;
    if (from.IsNull(row)) {
      merged.AppendNull();
    } else {
      merged.AppendBytes(from.BytesValue(row));
    }
  }
  return merged.Finish();
}

bool IsKey(const WriteRequest& request, const std::string& column) {
  if (request.strategy == WriteStrategy::kDeleteInsert) return column == request.incremental_key;
  if (request.strategy != WriteStrategy::kMerge && request.strategy != WriteStrategy::kScd2) return false;
  return std::find(request.primary_key.begin(), request.primary_key.end(), column) != request.primary_key.end();
}

}  // namespace

std::optional<RefusedValues> RefusedOf(FittedColumn fitted) {
  if (!fitted.misfits) return std::nullopt;
  return RefusedValues{.values = *std::move(fitted.misfits), .type = std::move(fitted.type)};
}

std::string TextVariant(const std::string& column, int identifier_limit) {
  return FitToLimit(VariantName(column, "text"), identifier_limit);
}

Error VariantTypeError(const TableName& table, const std::string& column, const std::string& type) {
  return Error{
      ErrorKind::kData,
      fmt::format("column `{}` of table {} has to take texts of values that do not fit their column, but is {}", column,
                  table.ToString(), type),
      "change the column's type to text, or rename it"};
}

Status CheckMisfits(const WriteRequest& request, const std::string& column, std::string_view type, int64_t count) {
  if (IsKey(request, column)) {
    return FailWithFix(ErrorKind::kData, "mend the rows at the source, change the column's type, or choose another key",
                       "{} value(s) of the {}key column `{}` of table {} cannot be held by its type {}", count,
                       request.strategy == WriteStrategy::kDeleteInsert ? "" : "primary ", column,
                       request.table.ToString(), type);
  }
  if (request.misfits != Misfits::kError) return {};
  return FailWithFix(ErrorKind::kData,
                     "mend the rows at the source, or use schema_contract evolve, which keeps such values as text "
                     "beside the column",
                     "column `{}` of table {}: {} value{} cannot be held by its type {}, and schema_contract allows no "
                     "further column",
                     column, request.table.ToString(), count, count == 1 ? "" : "s", type);
}

Result<RecordBatch> FitBatch(const RecordBatch& batch, const WriteRequest& request, int identifier_limit,
                             const FitFunction& fit, std::map<std::string, int64_t>* counts) {
  auto schema = std::make_shared<Schema>(*batch.schema());
  std::vector<Column> columns = batch.columns();
  for (int i = 0; i < batch.schema()->size(); ++i) {
    const Field field = batch.schema()->fields[static_cast<size_t>(i)];
    FittedColumn fitted = fit(field, columns[static_cast<size_t>(i)]);
    columns[static_cast<size_t>(i)] = std::move(fitted.column);
    schema->fields[static_cast<size_t>(i)].type = columns[static_cast<size_t>(i)].type;
    if (!fitted.misfits) continue;
    (*counts)[field.name] += fitted.misfit_count;
    NILUS_TRY(CheckMisfits(request, field.name, fitted.type, fitted.misfit_count));
    if (request.misfits == Misfits::kNull) continue;
    const std::string variant_name = TextVariant(field.name, identifier_limit);
    auto variant = std::find_if(schema->fields.begin(), schema->fields.end(), [&](const Field& other) {
      return other.name == variant_name || (other.variant_of == field.name && other.type.id == TypeId::kText);
    });
    if (variant != schema->fields.end()) {
      if (variant->type.id != TypeId::kText)
        return Failure(VariantTypeError(request.table, variant->name, variant->type.ToString()));
      Column& texts = columns[static_cast<size_t>(variant - schema->fields.begin())];
      for (int64_t row = 0; row < texts.length; ++row) {
        if (texts.IsNull(row) || fitted.misfits->IsNull(row)) continue;
        return FailWithFix(ErrorKind::kData, "rename one of them at the source, or exclude it",
                           "column `{}` of table {} has a value of its own where one of `{}` does not fit its type",
                           variant->name, request.table.ToString(), field.name);
      }
      texts = MergeTexts(texts, *fitted.misfits);
      continue;
    }
    schema->fields.push_back(
        Field{.name = variant_name, .type = MakeType(TypeId::kText), .nullable = true, .variant_of = field.name});
    columns.push_back(*std::move(fitted.misfits));
  }
  return RecordBatch(std::move(schema), std::move(columns), batch.num_rows());
}

}  // namespace nilus
