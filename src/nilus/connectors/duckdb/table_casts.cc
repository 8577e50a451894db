// TableLoad's part for columns that DuckDB casts to (column_cast.h): what they would change goes to variant columns
// while the rows wait in staging.
#include <algorithm>

#include "nilus/connector/misfits.h"
#include "nilus/connectors/duckdb/column_cast.h"
#include "nilus/connectors/duckdb/table_load.h"

namespace nilus::duckdb {

void TableLoad::FindCasts() {
  for (const Field& field : request_.schema->fields) {
    const auto declared = existing_->declared.find(field.name);
    const bool is_widened =
        std::find(request_.widened.begin(), request_.widened.end(), field.name) != request_.widened.end();
    if (declared == existing_->declared.end() || is_widened) continue;
    if (std::optional<std::string> changed = ChangedByCast(field, declared->second))
      casts_.push_back(ColumnCast{field.name, declared->second, *std::move(changed)});
  }
}

Status TableLoad::FitStaged() {
  for (const ColumnCast& cast : casts_) NILUS_TRY(FitStagedColumn(cast));
  return {};
}

Result<int64_t> TableLoad::CountStaged(const std::string& condition) {
  NILUS_ASSIGN(duck::Connection * connection, session_->Idle());
  NILUS_ASSIGN(const std::vector<duck::TextRow> counted,
               connection->Query(fmt::format("SELECT count(*) FROM {} WHERE {}", sql_.staging_sql(), condition), {},
                                 request_.stop));
  return ParseInteger(counted[0][0].value_or("")).value_or(0);
}

Status TableLoad::FitStagedColumn(const ColumnCast& cast) {
  const Result<int64_t> count = CountStaged(cast.changed);
  if (!count) {
    return Failure(InContext(fmt::format("while converting column `{}` of table {} to {}", cast.column,
                                         request_.table.ToString(), cast.declared),
                             count.error()));
  }
  if (*count == 0) return {};
  misfits_[cast.column] += *count;
  NILUS_TRY(CheckMisfits(request_, cast.column, cast.declared, *count));
  std::string changes = QuoteIdentifier(cast.column) + " = NULL";
  if (request_.misfits == Misfits::kVariant) {
    const std::string name = TextVariant(cast.column, session_->dialect().identifier_limit);
    const std::string quoted = QuoteIdentifier(name);
    if (!sql_.columns().Find(name)) {
      NILUS_TRY(AddColumns(
          {Field{.name = name, .type = MakeType(TypeId::kText), .nullable = true, .variant_of = cast.column}}));
    }
    const auto declared = existing_->declared.find(name);
    if (declared != existing_->declared.end() && declared->second != "VARCHAR")
      return Failure(VariantTypeError(request_.table, name, declared->second));
    NILUS_ASSIGN(const int64_t taken, CountStaged(fmt::format("{} IS NOT NULL AND ({})", quoted, cast.changed)));
    if (taken > 0) {
      return FailWithFix(ErrorKind::kData, "rename one of them at the source, or exclude it",
                         "column `{}` of table {} has a value of its own where one of `{}` does not fit its type", name,
                         request_.table.ToString(), cast.column);
    }
    changes += fmt::format(", {} = {}", quoted, TextOfStaged(cast.column));
  }
  return session_
      ->Execute(fmt::format("UPDATE {} SET {} WHERE {}", sql_.staging_sql(), changes, cast.changed), request_.stop)
      .map([](int64_t) {});
}

// As canonical texts spell it (data/scalar.h).
std::string TableLoad::TextOfStaged(const std::string& column) const {
  const std::string quoted = QuoteIdentifier(column);
  const Type& type = sql_.columns().fields[static_cast<size_t>(*sql_.columns().Find(column))].type;
  if (type.id != TypeId::kTimestampNtz) return fmt::format("CAST({} AS VARCHAR)", quoted);
  return fmt::format(
      "CASE WHEN microsecond({0}) % 1000000 = 0 THEN strftime({0}, '%Y-%m-%dT%H:%M:%S') "
      "ELSE strftime({0}, '%Y-%m-%dT%H:%M:%S.%f') END",
      quoted);
}

}  // namespace nilus::duckdb
