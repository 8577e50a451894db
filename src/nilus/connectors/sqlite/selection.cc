#include "nilus/connectors/sqlite/selection.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "nilus/base/nearest.h"
#include "nilus/connectors/sqlite/catalog.h"
#include "nilus/connectors/sqlite/functions.h"
#include "nilus/connectors/sqlite/values.h"

namespace nilus::sqlite {
namespace {

constexpr std::string_view kQueryPrefix = "query:";
constexpr size_t kColumnsPerScan = 400;  // four results each, of the 2,000 that a SELECT may have

// Where rows come from, before columns are chosen.
struct Origin {
  std::string label;
  std::string from;  // what stands behind FROM
  std::vector<SelectedColumn> columns;
  std::vector<std::string> primary_key;
  std::string estimate_sql;
  Parameters parameters;
};

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& names) {
  const std::vector<std::string_view> known(names.begin(), names.end());
  const std::string nearest = Nearest(word, known);
  return nearest.empty() ? std::string() : fmt::format("did you mean `{}`?", nearest);
}

std::vector<std::string> NamesOf(const std::vector<SelectedColumn>& columns) {
  std::vector<std::string> names;
  for (const SelectedColumn& column : columns) names.push_back(column.name);
  return names;
}

// `orders`, `main.orders`, or `sales.orders` for the table that the sink names so.
Result<Origin> TableOrigin(Database& db, const std::string& text) {
  std::optional<TableInfo> table;
  const size_t dot = text.find('.');
  if (dot != std::string::npos && SameName(std::string_view(text).substr(0, dot), "main")) {
    NILUS_ASSIGN(table, FindTable(db, text.substr(dot + 1)));
  }
  if (!table) {
    NILUS_ASSIGN(table, FindTable(db, text));
  }
  if (!table) {
    NILUS_ASSIGN(const std::vector<std::string> names, TableNames(db));
    return FailWithFix(ErrorKind::kNotFound, DidYouMean(dot == std::string::npos ? text : text.substr(dot + 1), names),
                       "table {} does not exist in SQLite file {}", text, db.path());
  }
  Origin origin;
  origin.label = table->name;
  origin.from = "main." + QuoteIdentifier(table->name);
  std::vector<std::pair<int, std::string>> key;
  for (const ColumnInfo& column : table->columns) {
    origin.columns.push_back(
        {.name = column.name, .declared = column.declared, .type = {}, .not_null = column.not_null});
    if (column.primary_key > 0) key.emplace_back(column.primary_key, column.name);
  }
  std::sort(key.begin(), key.end());
  for (auto& [place, name] : key) origin.primary_key.push_back(std::move(name));
  const auto& columns = table->columns;
  const bool shadowed =
      std::any_of(columns.begin(), columns.end(), [](const auto& c) { return SameName(c.name, "_rowid_"); });
  if (table->has_rowid && !shadowed) origin.estimate_sql = fmt::format("SELECT max(_rowid_) FROM {}", origin.from);
  return origin;
}

// The interval's ends as SQLite keeps times: "2024-03-15 10:20:30".
Result<Scalar> IntervalText(const std::optional<std::string>& text, std::string_view name) {
  if (!text) {
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("set {} for this run", name),
                       "the query uses :{}, which is not set", name);
  }
  ColumnBuilder builder(MakeType(TypeId::kTimestamp));
  if (!AppendParsed(*text, &builder)) return Scalar{MakeType(TypeId::kText), *text};
  std::string stored;
  AppendStoredTime(builder.Finish(), 0, &stored);
  return Scalar{MakeType(TypeId::kText), stored};
}

Result<Origin> QueryOrigin(Database& db, const ReadRequest& request) {
  std::string query = request.table.substr(kQueryPrefix.size());
  while (!query.empty() && (std::isspace(static_cast<unsigned char>(query.back())) || query.back() == ';'))
    query.pop_back();
  if (query.find('\0') != std::string::npos) return Fail(ErrorKind::kInvalidInput, "the query holds a NUL character");
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  if (sqlite3_prepare_v2(db.handle(), query.c_str(), -1, &raw, &tail) != SQLITE_OK) {
    return Failure(InContext("query", ErrorOf(db.handle(), sqlite3_extended_errcode(db.handle()))));
  }
  const Statement statement(db.handle(), raw);
  sqlite3_stmt* second = nullptr;
  const bool more = sqlite3_prepare_v2(db.handle(), tail, -1, &second, nullptr) != SQLITE_OK || second != nullptr;
  sqlite3_finalize(second);
  if (raw == nullptr || more || !sqlite3_stmt_readonly(raw) || sqlite3_column_count(raw) == 0) {
    return Fail(ErrorKind::kInvalidInput, "`query:` takes one SELECT statement and nothing else");
  }
  Origin origin;
  origin.label = "query";
  origin.from = fmt::format("(\n{}\n)", query);  // line ends: the query may end in a -- comment
  std::set<std::string> seen;
  for (int i = 0; i < sqlite3_column_count(raw); ++i) {
    const char* declared = sqlite3_column_decltype(raw, i);
    SelectedColumn column{
        .name = sqlite3_column_name(raw, i), .declared = declared == nullptr ? "" : declared, .type = {}};
    std::string folded = column.name;
    std::transform(folded.begin(), folded.end(), folded.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(folded).second) {
      return FailWithFix(ErrorKind::kInvalidInput, "give each a name of its own with AS",
                         "the query has two columns named `{}`", column.name);
    }
    origin.columns.push_back(std::move(column));
  }
  for (int i = 1; i <= sqlite3_bind_parameter_count(raw); ++i) {
    const char* name = sqlite3_bind_parameter_name(raw, i);
    const std::string_view parameter = name == nullptr ? "?" : name;
    if (parameter == ":interval_start") {
      NILUS_ASSIGN(Scalar value, IntervalText(request.interval_start, "interval_start"));
      origin.parameters.emplace_back(parameter, std::move(value));
    } else if (parameter == ":interval_end") {
      NILUS_ASSIGN(Scalar value, IntervalText(request.interval_end, "interval_end"));
      origin.parameters.emplace_back(parameter, std::move(value));
    } else {
      return FailWithFix(ErrorKind::kInvalidInput, "use :interval_start and :interval_end only",
                         "the query has a parameter `{}` that nothing sets", parameter);
    }
  }
  return origin;
}

Result<size_t> FindColumn(const std::vector<SelectedColumn>& columns, const std::string& name, const std::string& label,
                          ErrorKind kind) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return i;
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (SameName(columns[i].name, name)) return i;
  }
  return FailWithFix(kind, DidYouMean(name, NamesOf(columns)), "{} has no column `{}`", label, name);
}

Status InferTypes(Database& db, Origin& origin, ReflectionLevel level) {
  std::vector<size_t> unknown;
  for (size_t i = 0; i < origin.columns.size(); ++i) {
    std::optional<Type> type = TypeOfDeclaration(origin.columns[i].declared, level);
    if (type) {
      origin.columns[i].type = *type;
    } else {
      unknown.push_back(i);
    }
  }
  for (size_t start = 0; start < unknown.size(); start += kColumnsPerScan) {
    const size_t end = std::min(start + kColumnsPerScan, unknown.size());
    std::string counts;
    for (size_t i = start; i < end; ++i) {
      const std::string name = QuoteIdentifier(origin.columns[unknown[i]].name);
      for (const char* storage : {"integer", "real", "text", "blob"}) {
        counts += fmt::format("{}total(typeof({}) = '{}')", counts.empty() ? "" : ", ", name, storage);
      }
    }
    NILUS_ASSIGN(Statement scan, db.Prepare(fmt::format("SELECT {} FROM {}", counts, origin.from)));
    NILUS_TRY(BindParameters(scan, origin.parameters));
    NILUS_TRY(scan.Step());
    for (size_t i = start; i < end; ++i) {
      const int at = static_cast<int>(i - start) * 4;
      origin.columns[unknown[i]].type =
          InferredType({scan.Int(at), scan.Int(at + 1), scan.Int(at + 2), scan.Int(at + 3)});
    }
  }
  return {};
}

// A bound as the parameter that the key is compared with.
Result<Scalar> BoundParameter(const Scalar& bound, const SelectedColumn& key) {
  ColumnBuilder builder(key.type.id == TypeId::kDecimal ? MakeDecimal(kMaxDecimalPrecision, key.type.scale) : key.type);
  if (!AppendParsed(bound.text, &builder)) {
    return Fail(ErrorKind::kInvalidInput, "bound `{}` of column `{}` is no {}", bound.text, key.name,
                key.type.ToString());
  }
  const Column column = builder.Finish();
  switch (key.type.id) {
    case TypeId::kDate:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz: {
      std::string stored;
      AppendStoredTime(column, 0, &stored);
      return Scalar{MakeType(TypeId::kText), stored};
    }
    default:
      return ScalarAt(column, 0);
  }
}

// Conditions of the range on `key`; adds its parameters.
Result<std::string> RangeCondition(const KeyRange& range, const SelectedColumn& key, Parameters* parameters) {
  const std::string column = QuoteIdentifier(key.name);
  const bool raw = OrdersAsStored(key.declared, key.type);
  std::string expression = KeyExpression(column, key.type);
  std::string missing = expression + " IS NULL";
  std::string present = expression + " IS NOT NULL";
  if (raw) {
    // Values of another storage class go to the variant column, and count as NULL keys. They sort behind those that
    // fit: numbers < text < blobs. Spelled as comparisons, an index serves each of them.
    const char* behind = key.type.id == TypeId::kText ? "x''" : "''";
    expression = key.type.id == TypeId::kText ? column + " COLLATE BINARY" : column;
    missing = fmt::format("{} IS NULL OR {} >= {}", column, column, behind);
    present = fmt::format("{} < {}", column, behind);
  }
  const Type bound_type = key.type.id == TypeId::kDecimal ? MakeType(TypeId::kDecimal) : key.type;
  std::vector<std::string> conditions;
  const auto add = [&](const Scalar& bound, std::string_view comparison, std::string name) -> Status {
    NILUS_ASSIGN(Scalar value, BoundParameter(bound, key));
    conditions.push_back(fmt::format("{} {} {}", expression, comparison, raw ? name : KeyExpression(name, bound_type)));
    parameters->emplace_back(std::move(name), std::move(value));
    return {};
  };
  if (range.lower) NILUS_TRY(add(*range.lower, ">=", ":nilus_lower"));
  if (range.upper) NILUS_TRY(add(*range.upper, range.upper_inclusive ? "<=" : "<", ":nilus_upper"));
  if (conditions.empty() && range.with_nulls) return std::string();
  conditions.push_back(present);
  return fmt::format("({}){}{}", fmt::join(conditions, " AND "), range.with_nulls ? " OR " : "",
                     range.with_nulls ? missing : "");
}

}  // namespace

Status BindParameters(const Statement& statement, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    const int index = sqlite3_bind_parameter_index(statement.handle(), name.c_str());
    if (index == 0) continue;
    ColumnBuilder builder(value.type);
    NILUS_TRY(AppendParsed(value.text, &builder));
    const Column column = builder.Finish();
    switch (value.type.id) {
      case TypeId::kBool:
        sqlite3_bind_int(statement.handle(), index, column.BoolValue(0) ? 1 : 0);
        break;
      case TypeId::kInt16:
        sqlite3_bind_int(statement.handle(), index, column.Value<int16_t>(0));
        break;
      case TypeId::kInt32:
        sqlite3_bind_int(statement.handle(), index, column.Value<int32_t>(0));
        break;
      case TypeId::kInt64:
        sqlite3_bind_int64(statement.handle(), index, column.Value<int64_t>(0));
        break;
      case TypeId::kFloat32:
        sqlite3_bind_double(statement.handle(), index, static_cast<double>(column.Value<float>(0)));
        break;
      case TypeId::kFloat64:
        sqlite3_bind_double(statement.handle(), index, column.Value<double>(0));
        break;
      case TypeId::kBinary: {
        const std::string_view bytes = column.BytesValue(0);
        sqlite3_bind_blob64(statement.handle(), index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                            SQLITE_TRANSIENT);
        break;
      }
      default:
        sqlite3_bind_text64(statement.handle(), index, value.text.data(), value.text.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8);
    }
  }
  return {};
}

Result<Selection> Select(Database& db, const ReadRequest& request) {
  const bool is_query = std::string_view(request.table).starts_with(kQueryPrefix);
  NILUS_ASSIGN(Origin origin, is_query ? QueryOrigin(db, request) : TableOrigin(db, request.table));
  std::set<size_t> excluded;
  for (const std::string& name : request.exclude_columns) {
    NILUS_ASSIGN(const size_t index, FindColumn(origin.columns, name, origin.label, ErrorKind::kInvalidInput));
    excluded.insert(index);
  }
  NILUS_TRY(InferTypes(db, origin, request.reflection));

  Selection selection;
  selection.label = origin.label;
  selection.primary_key = origin.primary_key;
  selection.estimate_sql = origin.estimate_sql;
  selection.parameters = origin.parameters;
  std::vector<std::string> names;
  for (size_t i = 0; i < origin.columns.size(); ++i) {
    if (excluded.contains(i)) continue;
    names.push_back(QuoteIdentifier(origin.columns[i].name));
    selection.columns.push_back(origin.columns[i]);
  }
  if (names.empty()) return Fail(ErrorKind::kInvalidInput, "all columns of {} are excluded", origin.label);
  selection.sql = fmt::format("SELECT {} FROM {}", fmt::join(names, ", "), origin.from);
  if (request.range) {
    NILUS_ASSIGN(const size_t index,
                 FindColumn(origin.columns, request.range->column, origin.label, ErrorKind::kNotFound));
    const SelectedColumn& key = origin.columns[index];
    selection.key_type = key.type;
    NILUS_ASSIGN(const std::string condition, RangeCondition(*request.range, key, &selection.parameters));
    if (!condition.empty()) selection.sql += " WHERE " + condition;
    const bool raw = OrdersAsStored(key.declared, key.type);
    const std::string column = QuoteIdentifier(key.name);
    const std::string order = !raw                           ? KeyExpression(column, key.type)
                              : key.type.id == TypeId::kText ? column + " COLLATE BINARY"
                                                             : column;
    NILUS_ASSIGN(std::string present, RangeCondition(KeyRange{.column = key.name, .with_nulls = false}, key, nullptr));
    const bool is_float = key.type.id == TypeId::kFloat32 || key.type.id == TypeId::kFloat64;
    // Others are no cursor. NaN is a text, and so above all numbers.
    if (is_float) present += fmt::format(" AND {0} > -{1} AND {0} < {1}", order, kInfinitySql);
    selection.upper_sql =
        fmt::format("SELECT {} FROM {} WHERE {} ORDER BY {} DESC LIMIT 1", column, origin.from, present, order);
    // A limit keeps the lowest keys, so that the cursor may stop there.
    if (request.limit) selection.sql += fmt::format(" ORDER BY {} NULLS LAST", order);
  }
  if (request.limit) selection.sql += fmt::format(" LIMIT {}", std::max<int64_t>(*request.limit, 0));
  return selection;
}

}  // namespace nilus::sqlite
