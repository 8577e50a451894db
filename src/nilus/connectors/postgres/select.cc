#include "nilus/connectors/postgres/select.h"

#include <algorithm>
#include <set>

#include "nilus/base/nearest.h"

namespace nilus::postgres {
namespace {

Failure UnknownColumn(ErrorKind kind, std::string_view what, std::string_view name,
                      const std::vector<SelectColumn>& columns) {
  std::vector<std::string_view> names;
  names.reserve(columns.size());
  for (const SelectColumn& column : columns) names.push_back(column.name);
  std::string nearest = Nearest(name, names);
  std::string fix = nearest.empty() ? "the columns are:" : "did you mean " + nearest + "?";
  constexpr size_t kMostShown = 20;
  for (size_t i = 0; nearest.empty() && i < std::min(names.size(), kMostShown); ++i)
    fix += (i > 0 ? ", " : " ") + std::string(names[i]);
  if (nearest.empty() && names.size() > kMostShown) fix += ", …";
  return FailWithFix(kind, std::move(fix), "{}: there is no column {}", what, name);
}

Result<Selection> Select(std::string from, const std::vector<CatalogColumn>& columns, const ReadRequest& request,
                         bool by_position) {
  Selection selection;
  selection.from = std::move(from);
  std::vector<std::pair<int, std::string>> key;
  for (size_t i = 0; i < columns.size(); ++i) {
    const CatalogColumn& column = columns[i];
    selection.all.push_back({column.name,
                             by_position ? "t.c" + std::to_string(i + 1) : "t." + QuoteIdentifier(column.name),
                             column.type, MapType(column.type, request.reflection), column.not_null});
    if (column.primary_key_position > 0) key.emplace_back(column.primary_key_position, column.name);
  }
  for (const std::string& excluded : request.exclude_columns) {
    bool is_known =
        std::any_of(columns.begin(), columns.end(), [&](const CatalogColumn& c) { return c.name == excluded; });
    if (!is_known) return UnknownColumn(ErrorKind::kInvalidInput, "excluded columns", excluded, selection.all);
  }
  auto is_excluded = [&](const std::string& name) {
    return std::find(request.exclude_columns.begin(), request.exclude_columns.end(), name) !=
           request.exclude_columns.end();
  };
  for (const SelectColumn& column : selection.all) {
    if (!is_excluded(column.name)) selection.columns.push_back(column);
  }
  if (selection.columns.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "leave at least one column in", "{} has no columns to read",
                       request.table);
  }
  std::sort(key.begin(), key.end());
  for (auto& [position, name] : key) selection.primary_key.push_back(std::move(name));
  // A key that is not read as a whole identifies nothing.
  if (std::any_of(selection.primary_key.begin(), selection.primary_key.end(), is_excluded))
    selection.primary_key.clear();
  return selection;
}

std::string JoinConditions(std::initializer_list<std::string_view> conditions) {
  std::string joined;
  for (std::string_view condition : conditions) {
    if (!condition.empty()) joined.append(joined.empty() ? " WHERE (" : " AND (").append(condition).append(")");
  }
  return joined;
}

Key WithInfinity(Key key, std::string_view cast) {
  key.cast = cast;
  key.finite_condition = fmt::format("{} < 'infinity'{}", key.expression, cast);
  key.misfit_condition = fmt::format("{0} = 'infinity'{1} OR {0} = '-infinity'{1}", key.expression, cast);
  return key;
}

}  // namespace

Schema Selection::ToSchema() const {
  Schema schema;
  for (const SelectColumn& column : columns)
    schema.fields.push_back({column.name, column.mapping.type, !column.not_null, ""});
  return schema;
}

std::vector<CopyDecoder::Column> Selection::DecoderColumns() const {
  std::vector<CopyDecoder::Column> result;
  for (const SelectColumn& column : columns) result.push_back({column.name, column.mapping.type, column.mapping.wire});
  return result;
}

Result<Selection> SelectFromTable(const TableRef& ref, const std::vector<CatalogColumn>& columns,
                                  const ReadRequest& request) {
  return Select(QuoteName(ref.schema, ref.name) + " AS t", columns, request, false);
}

Result<Selection> SelectFromQuery(const std::string& query, const std::vector<CatalogColumn>& columns,
                                  const ReadRequest& request) {
  std::set<std::string_view> names;
  for (const CatalogColumn& column : columns) {
    if (!names.insert(column.name).second) {
      return FailWithFix(ErrorKind::kInvalidInput, fmt::format("give each an alias of its own: … AS {}_2", column.name),
                         "the query has two columns named `{}`, of which only one could be loaded", column.name);
    }
  }
  std::string from = "(" + query + "\n) AS t(";  // the line break ends a closing comment
  for (size_t i = 0; i < columns.size(); ++i) from += (i > 0 ? ",c" : "c") + std::to_string(i + 1);
  return Select(from + ")", columns, request, true);
}

Result<Key> FindKey(const Selection& selection, const std::string& name) {
  auto found =
      std::find_if(selection.all.begin(), selection.all.end(), [&](const SelectColumn& c) { return c.name == name; });
  if (found == selection.all.end()) return UnknownColumn(ErrorKind::kNotFound, "incremental_key", name, selection.all);
  const SelectColumn& column = *found;
  Key key{column.Expression(), "", "", "", column.mapping.type, column.mapping.wire};
  switch (column.pg_type.oid) {
    case oid::kInt2:
    case oid::kInt4:
    case oid::kInt8:
      key.cast = "::pg_catalog.int8";
      return key;
    case oid::kOid:
      key.cast = "::pg_catalog.oid";
      return key;
    case oid::kFloat4:
    case oid::kFloat8:
      key.cast = "::pg_catalog.float8";
      key.finite_condition =
          fmt::format("{0} < 'Infinity'{1} AND {0} > '-Infinity'{1}", key.expression, key.cast);  // NaN comes last
      return key;
    case oid::kNumeric:
    case oid::kMoney:
      key.cast = "::pg_catalog.numeric";
      key.finite_condition = fmt::format("{} < '1e131000'{}", key.expression, key.cast);  // the type ends at 1e131072
      key.misfit_condition = fmt::format("{0} >= '1e131000'{1} OR {0} <= '-1e131000'{1}", key.expression, key.cast);
      return key;
    case oid::kTime:
      key.cast = "::pg_catalog.time";
      return key;
    case oid::kDate:
      return WithInfinity(std::move(key), "::pg_catalog.date");
    case oid::kTimestamp:
      return WithInfinity(std::move(key), "::pg_catalog.timestamp");
    case oid::kTimestampTz:
      return WithInfinity(std::move(key), "::pg_catalog.timestamptz");
    default:
      break;
  }
  if (key.type.id != TypeId::kText) {
    return FailWithFix(ErrorKind::kUnsupported, "choose a number, date, timestamp or text column",
                       "incremental_key {}: values of type {} have no order to read by", name, column.pg_type.name);
  }
  // By bytes, as the engine compares texts; whatever the column's own collation or order (enums) is.
  bool is_text = column.pg_type.oid == oid::kText || column.pg_type.oid == oid::kVarchar;
  key.expression = (is_text ? column.reference : column.reference + "::pg_catalog.text") + " COLLATE pg_catalog.\"C\"";
  key.cast = "::pg_catalog.text";
  key.wire = Wire::kText;
  return key;
}

std::string RangeCondition(const Key& key, const KeyRange& range) {
  auto literal = [&](const Scalar& value) {
    bool is_date =
        key.type.id == TypeId::kDate || key.type.id == TypeId::kTimestamp || key.type.id == TypeId::kTimestampNtz;
    return QuoteLiteral(is_date ? PostgresDateText(value.text) : value.text) + key.cast;
  };
  std::string condition;
  if (range.lower) condition += key.expression + " >= " + literal(*range.lower);
  if (range.upper) {
    condition += (condition.empty() ? "" : " AND ") + key.expression + (range.upper_inclusive ? " <= " : " < ") +
                 literal(*range.upper);
  }
  if (condition.empty()) return range.with_nulls ? "" : key.expression + " IS NOT NULL";
  if (!range.with_nulls) return condition;
  condition += " OR " + key.expression + " IS NULL";
  return key.misfit_condition.empty() ? condition : condition + " OR " + key.misfit_condition;
}

std::string CopyStatement(const Selection& selection, const std::string& from, const std::string& condition,
                          const std::string& more_conditions, const std::optional<int64_t>& limit,
                          const std::string& order_by) {
  std::string sql = "COPY (SELECT ";
  for (size_t i = 0; i < selection.columns.size(); ++i) sql += (i > 0 ? "," : "") + selection.columns[i].Expression();
  sql += " FROM " + from + JoinConditions({condition, more_conditions});
  if (!order_by.empty()) sql += " ORDER BY " + order_by;
  if (limit) sql += " LIMIT " + std::to_string(*limit);
  return sql + ") TO STDOUT (FORMAT binary)";
}

std::string CopyMaximum(const Selection& selection, const Key& key, const std::string& condition,
                        const std::optional<int64_t>& limit) {
  if (!limit) {
    return "COPY (SELECT pg_catalog.max(" + key.expression + ") FROM " + selection.from +
           JoinConditions({key.finite_condition}) + ") TO STDOUT (FORMAT binary)";
  }
  return "COPY (SELECT pg_catalog.max(k) FROM (SELECT " + key.expression + " AS k FROM " + selection.from +
         JoinConditions({condition, key.finite_condition}) + " ORDER BY " + key.expression + " LIMIT " +
         std::to_string(*limit) + ") AS f) TO STDOUT (FORMAT binary)";
}

std::vector<RowRange> BlockRanges(int64_t blocks, int64_t blocks_each) {
  std::vector<RowRange> ranges;
  for (int64_t first = 0; first == 0 || first < blocks; first += blocks_each) {
    int64_t end = first + blocks_each;
    bool is_last = end >= blocks;
    std::string condition;
    if (first > 0) condition = fmt::format("t.ctid >= '({},0)'::pg_catalog.tid", first);
    if (!is_last) condition += fmt::format("{}t.ctid < '({},0)'::pg_catalog.tid", first > 0 ? " AND " : "", end);
    ranges.push_back(
        {is_last ? fmt::format("blocks {}-", first) : fmt::format("blocks {}-{}", first, end), std::move(condition)});
  }
  return ranges;
}

std::vector<RowRange> IntegerRanges(const std::string& reference, int64_t lowest, int64_t highest, int count) {
  std::vector<RowRange> ranges;
  auto width =
      (static_cast<unsigned __int128>(static_cast<Int128>(highest) - lowest) / static_cast<unsigned>(count)) + 1;
  for (int i = 0; i < count; ++i) {
    Int128 first = static_cast<Int128>(lowest) + static_cast<Int128>(width) * i;
    Int128 end = first + static_cast<Int128>(width);
    bool is_last = i + 1 == count || end > highest;
    std::string condition;
    if (i > 0) condition = fmt::format("{} >= '{}'::pg_catalog.int8", reference, static_cast<int64_t>(first));
    if (!is_last) {
      condition +=
          fmt::format("{}{} < '{}'::pg_catalog.int8", i > 0 ? " AND " : "", reference, static_cast<int64_t>(end));
    }
    ranges.push_back({fmt::format("{} from {}", reference, static_cast<int64_t>(first)), std::move(condition)});
    if (is_last) break;
  }
  return ranges;
}

}  // namespace nilus::postgres
