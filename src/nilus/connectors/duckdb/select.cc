#include "nilus/connectors/duckdb/select.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "nilus/base/nearest.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"

namespace nilus::duckdb {
namespace {

using duck::QuoteIdentifier;

constexpr std::string_view kQueryPrefix = "query:";
constexpr std::string_view kDefaultSchema = "main";

// "a.b" → {a, b}; "\"a.b\".c" → {a.b, c}. Nothing for an unclosed quote or an empty part.
std::optional<std::vector<std::string>> SplitName(std::string_view text) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      parts.back() += c;
      ++i;
    } else if (c == '"' && (quoted || parts.back().empty())) {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (quoted || std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); }))
    return std::nullopt;
  return parts;
}

// The end of a quoted text, quoted name, comment or dollar-quoted text that starts at `at`; `at` when none starts
// there.
size_t SkipQuoted(std::string_view sql, size_t at) {
  auto behind = [&](std::string_view end, size_t from) {
    size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  if (sql[at] == '\'' || sql[at] == '"') return behind(sql.substr(at, 1), at + 1);
  if (sql.substr(at).starts_with("--")) return behind("\n", at + 2);
  if (sql.substr(at).starts_with("/*")) return behind("*/", at + 2);
  if (sql.substr(at).starts_with("$$")) return behind("$$", at + 2);
  return at;
}

bool IsNameChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Numbers :interval_start and :interval_end wherever they stand in the query as such.
Result<Relation> ParseQuery(std::string_view sql, const ReadRequest& request) {
  Relation relation;
  auto number_of = [&](const std::string& value) {
    auto found = std::find(relation.params.begin(), relation.params.end(), duck::TextValue(value));
    if (found == relation.params.end()) {
      relation.params.emplace_back(value);
      return relation.params.size();
    }
    return static_cast<size_t>(found - relation.params.begin()) + 1;
  };
  for (size_t at = 0; at < sql.size();) {
    if (size_t end = SkipQuoted(sql, at); end != at) {
      relation.sql += sql.substr(at, end - at);
      at = end;
      continue;
    }
    size_t end = at + 1;
    while (sql[at] == ':' && end < sql.size() && IsNameChar(sql[end])) ++end;
    std::string_view name = sql.substr(at + 1, end - at - 1);
    bool is_cast = at > 0 && sql[at - 1] == ':';
    if (is_cast || (name != "interval_start" && name != "interval_end")) {
      relation.sql += sql[at++];
      continue;
    }
    const std::optional<std::string>& value = name == "interval_start" ? request.interval_start : request.interval_end;
    if (!value) {
      return FailWithFix(ErrorKind::kInvalidInput, fmt::format("set {} in source.options", name),
                         "the query uses :{}, which this run does not have", name);
    }
    relation.sql += fmt::format("CAST(${} AS TIMESTAMP)", number_of(*value));
    at = end;
  }
  while (!relation.sql.empty() &&
         (relation.sql.back() == ';' || std::isspace(static_cast<unsigned char>(relation.sql.back())))) {
    relation.sql.pop_back();
  }
  if (relation.sql.empty()) return Fail(ErrorKind::kInvalidInput, "the query behind `query:` is empty");
  return relation;
}

}  // namespace

std::string Relation::From() const { return is_query() ? fmt::format("(\n{}\n) AS q", sql) : sql; }

std::string Relation::SelectAll() const { return is_query() ? sql : fmt::format("SELECT * FROM {}", sql); }

Result<Relation> ParseRelation(const ReadRequest& request, std::string_view catalog) {
  std::string_view text = request.table;
  if (text.starts_with(kQueryPrefix)) return ParseQuery(text.substr(kQueryPrefix.size()), request);
  std::optional<std::vector<std::string>> parts = SplitName(text);
  if (!parts || parts->size() > 2) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       R"(write schema.table, with double quotes around a part that holds a dot: main."my.table")",
                       "source_table `{}` is no table name", text);
  }
  Relation relation;
  relation.schema = parts->size() == 2 ? parts->front() : std::string(kDefaultSchema);
  relation.table = parts->back();
  relation.sql = fmt::format("{}.{}.{}", QuoteIdentifier(catalog), QuoteIdentifier(relation.schema),
                             QuoteIdentifier(relation.table));
  return relation;
}

Result<Field> FindColumn(const Schema& schema, std::string_view name, std::string_view table) {
  if (std::optional<int> at = schema.Find(name)) return schema.fields[static_cast<size_t>(*at)];
  std::vector<std::string_view> names;
  for (const Field& field : schema.fields) {
    bool same = std::equal(field.name.begin(), field.name.end(), name.begin(), name.end(),
                           [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
    if (same) return field;
    names.push_back(field.name);
  }
  std::string nearest = Nearest(name, names);
  return FailWithFix(ErrorKind::kInvalidInput, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                     "column `{}` does not exist in {}", name, table);
}

Result<Schema> WithoutExcluded(const Schema& schema, const ReadRequest& request) {
  Schema rest = schema;
  for (const std::string& name : request.exclude_columns) {
    NILUS_ASSIGN(Field excluded, FindColumn(schema, name, request.table));
    std::erase_if(rest.fields, [&](const Field& field) { return field.name == excluded.name; });
  }
  if (rest.fields.empty()) return Fail(ErrorKind::kInvalidInput, "every column of {} is excluded", request.table);
  return rest;
}

Result<Statement> MakeSelect(const Relation& relation, const Schema& schema, const Schema& columns,
                             const ReadRequest& request) {
  Statement select{.sql = {}, .params = relation.params};
  bool all_columns = columns.size() == schema.size();
  if (all_columns && !request.range && !request.limit) {
    select.sql = relation.SelectAll();
    return select;
  }
  std::vector<std::string> names;
  for (const Field& field : columns.fields) names.push_back(QuoteIdentifier(field.name));
  select.sql =
      fmt::format("SELECT {} FROM {}", all_columns ? "*" : fmt::format("{}", fmt::join(names, ", ")), relation.From());
  if (request.range) {
    const KeyRange& range = *request.range;
    NILUS_ASSIGN(Field key, FindColumn(schema, range.column, request.table));
    std::vector<std::string> conditions;
    auto bound = [&](const Scalar& value, std::string_view comparison) {
      select.params.emplace_back(duck::CastableText(Scalar{key.type, value.text}));
      conditions.push_back(fmt::format("{} {} {}", duck::KeyExpression(key.name, key.type), comparison,
                                       duck::KeyBound(key.type, select.params.size())));
    };
    if (range.lower) bound(*range.lower, ">=");
    if (range.upper) bound(*range.upper, range.upper_inclusive ? "<=" : "<");
    std::string column = QuoteIdentifier(key.name);
    if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
    std::string condition = fmt::format("({})", fmt::join(conditions, " AND "));
    std::string misfit = duck::MisfitCondition(key.name, key.type);
    if (range.with_nulls) {
      condition += fmt::format(" OR {} IS NULL", column);
      if (!misfit.empty()) condition += " OR " + misfit;
    } else if (!misfit.empty()) {
      condition += fmt::format(" AND NOT ({})", misfit);
    }
    select.sql += " WHERE " + condition;
    // A limit keeps the lowest keys, so that the cursor may stop there.
    if (request.limit) select.sql += fmt::format(" ORDER BY {} NULLS LAST", duck::KeyExpression(key.name, key.type));
  }
  if (request.limit) select.sql += fmt::format(" LIMIT {}", *request.limit);
  return select;
}

Result<Statement> MakeSelectMax(const Relation& relation, const Field& key) {
  std::string sql = fmt::format("SELECT max({}) FROM {}", duck::KeyExpression(key.name, key.type), relation.From());
  if (std::string finite = duck::FiniteCondition(key.name, key.type); !finite.empty()) sql += " WHERE " + finite;
  return Statement{std::move(sql), relation.params};
}

}  // namespace nilus::duckdb
