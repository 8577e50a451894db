#include "nilus/connectors/postgres/sql_text.h"

#include <fmt/format.h>

#include <cctype>

#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {
namespace {

bool IsNamePart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

// Reads one part of a table's name, in quotes or up to `stop`.
Result<std::string> ReadNamePart(std::string_view* text, std::string_view whole, bool up_to_dot) {
  std::string part;
  if (!text->starts_with('"')) {
    size_t end = up_to_dot ? text->find('.') : std::string_view::npos;
    part = text->substr(0, end);
    text->remove_prefix(part.size());
    return part;
  }
  for (size_t i = 1; i < text->size(); ++i) {
    if ((*text)[i] != '"') {
      part += (*text)[i];
    } else if (i + 1 < text->size() && (*text)[i + 1] == '"') {
      part += (*text)[i++];
    } else {
      text->remove_prefix(i + 1);
      return part;
    }
  }
  return FailWithFix(ErrorKind::kInvalidInput, "close the double quote",
                     "the table name {} has a quote that is not closed", whole);
}

// Walks through SQL, stopping only at characters outside strings, quoted names and comments.
class SqlScanner {
 public:
  explicit SqlScanner(std::string_view sql) : sql_(sql) {}

  // The index of the next plain character at or after `at`; what was passed over is not plain. size() at the end.
  size_t SkipQuoted(size_t at) const {
    while (at < sql_.size()) {
      size_t next = at;
      char c = sql_[at];
      if (c == '\'') {
        next = EndOfQuote(at, '\'', IsEscapeString(at));
      } else if (c == '"') {
        next = EndOfQuote(at, '"', false);
      } else if (sql_.substr(at, 2) == "--") {
        next = std::min(sql_.find('\n', at), sql_.size());
      } else if (sql_.substr(at, 2) == "/*") {
        next = EndOfComment(at);
      } else if (c == '$' && (at == 0 || !IsNamePart(sql_[at - 1]))) {
        next = EndOfDollarQuote(at);
      }
      if (next == at) return at;
      at = next;
    }
    return sql_.size();
  }

 private:
  bool IsEscapeString(size_t quote) const {
    if (quote == 0 || (sql_[quote - 1] != 'e' && sql_[quote - 1] != 'E')) return false;
    return quote == 1 || !IsNamePart(sql_[quote - 2]);
  }
  size_t EndOfQuote(size_t at, char quote, bool has_escapes) const {
    for (++at; at < sql_.size(); ++at) {
      if (has_escapes && sql_[at] == '\\') {
        ++at;
      } else if (sql_[at] == quote) {
        if (at + 1 >= sql_.size() || sql_[at + 1] != quote) return at + 1;
        ++at;
      }
    }
    return sql_.size();
  }
  size_t EndOfComment(size_t at) const {  // comments nest
    int depth = 0;
    while (at < sql_.size()) {
      if (sql_.substr(at, 2) == "/*") {
        ++depth;
        at += 2;
      } else if (sql_.substr(at, 2) == "*/") {
        at += 2;
        if (--depth == 0) return at;
      } else {
        ++at;
      }
    }
    return sql_.size();
  }
  size_t EndOfDollarQuote(size_t at) const {
    size_t tag_end = at + 1;
    while (tag_end < sql_.size() && sql_[tag_end] != '$' && IsNamePart(sql_[tag_end])) ++tag_end;
    bool is_tag =
        tag_end < sql_.size() && sql_[tag_end] == '$' && !std::isdigit(static_cast<unsigned char>(sql_[at + 1]));
    if (!is_tag) return at;  // a parameter such as $1, or an operator
    std::string_view tag = sql_.substr(at, tag_end + 1 - at);
    size_t close = sql_.find(tag, tag_end + 1);
    return close == std::string_view::npos ? sql_.size() : close + tag.size();
  }

  std::string_view sql_;
};

// Nothing but spaces and comments from here on.
bool IsBlank(std::string_view sql, const SqlScanner& scanner, size_t at) {
  for (at = scanner.SkipQuoted(at); at < sql.size(); at = scanner.SkipQuoted(at + 1)) {
    if (!std::isspace(static_cast<unsigned char>(sql[at])) && sql[at] != ';') return false;
  }
  return true;
}

}  // namespace

Result<TableRef> ParseTableName(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return Fail(ErrorKind::kInvalidInput, "a table name holds a NUL character");
  std::string_view rest = text;
  NILUS_ASSIGN(std::string first, ReadNamePart(&rest, text, true));
  if (rest.empty()) {
    if (first.empty()) return FailWithFix(ErrorKind::kInvalidInput, "write schema.table", "the table name is empty");
    return TableRef{"public", std::move(first)};
  }
  if (!rest.starts_with('.')) {
    return FailWithFix(ErrorKind::kInvalidInput, "write \"schema\".\"table\"",
                       "the table name {} goes on after a closing quote", text);
  }
  rest.remove_prefix(1);
  NILUS_ASSIGN(std::string second, ReadNamePart(&rest, text, false));
  if (first.empty() || second.empty() || !rest.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "write schema.table, each part in double quotes where it holds a dot",
                       "'{}' is no table name", text);
  }
  return TableRef{std::move(first), std::move(second)};
}

std::optional<std::string_view> QueryText(std::string_view source_table) {
  constexpr std::string_view kPrefix = "query:";
  if (!source_table.starts_with(kPrefix)) return std::nullopt;
  return source_table.substr(kPrefix.size());
}

Result<std::string> BindIntervals(std::string_view query, const std::optional<std::string>& start,
                                  const std::optional<std::string>& end) {
  if (query.find('\0') != std::string_view::npos)
    return Fail(ErrorKind::kInvalidInput, "the query holds a NUL character");
  SqlScanner scanner(query);
  std::string bound;
  size_t copied = 0;
  for (size_t at = scanner.SkipQuoted(0); at < query.size(); at = scanner.SkipQuoted(at + 1)) {
    if (query[at] == ';' && IsBlank(query, scanner, at)) {
      query = query.substr(0, at);
      break;
    }
    if (query[at] != ':' || (at > 0 && query[at - 1] == ':')) continue;
    for (const auto& [name, value] :
         {std::pair{std::string_view(":interval_start"), &start}, {":interval_end", &end}}) {
      bool is_here = query.substr(at).starts_with(name) &&
                     (at + name.size() >= query.size() || !IsNamePart(query[at + name.size()]));
      if (!is_here) continue;
      if (!*value) {
        std::string option(name.substr(1));
        return FailWithFix(ErrorKind::kInvalidInput, "set source.options." + option + ", or take it out of the query",
                           "the query uses {}, but this run has no {}", name, option);
      }
      bound.append(query.substr(copied, at - copied)).append(QuoteLiteral(PostgresDateText(**value)));
      copied = at + name.size();
      at = copied - 1;
      break;
    }
  }
  bound.append(query.substr(std::min(copied, query.size())));
  if (IsBlank(bound, SqlScanner(bound), 0))
    return FailWithFix(ErrorKind::kInvalidInput, "write query:SELECT …", "the query is empty");
  return bound;
}

std::string PostgresDateText(std::string_view canonical) {
  std::string_view text = canonical;
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::string(canonical);
  auto year = ParseInteger(text.substr(0, dash));
  if (!year || (*year > 0 && !negative)) return std::string(year ? text : canonical);
  return fmt::format("{:04}{} BC", *year + 1, text.substr(dash));  // astronomical year 0 is 1 BC
}

}  // namespace nilus::postgres
