#include "nilus/connectors/files/query_text.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace nilus::files {
namespace {

// Index behind the quoted text or comment that begins at `at`; `at` itself when none does.
size_t SkipOpaque(std::string_view sql, size_t at) {
  char c = sql[at];
  if (c == '\'' || c == '"') {
    size_t end = at + 1;
    while (end < sql.size()) {
      if (sql[end] != c) {
        ++end;
      } else if (end + 1 < sql.size() && sql[end + 1] == c) {
        end += 2;
      } else {
        return end + 1;
      }
    }
    return sql.size();
  }
  if (sql.substr(at, 2) == "--") return std::min(sql.find('\n', at), sql.size());
  if (sql.substr(at, 2) == "/*") {
    size_t end = sql.find("*/", at + 2);
    return end == std::string_view::npos ? sql.size() : end + 2;
  }
  if (c == '$') {  // $tag$ … $tag$
    size_t tag = at + 1;
    while (tag < sql.size() && (std::isalpha(static_cast<unsigned char>(sql[tag])) || sql[tag] == '_')) ++tag;
    if (tag >= sql.size() || sql[tag] != '$') return at;
    std::string_view mark = sql.substr(at, tag + 1 - at);
    size_t end = sql.find(mark, tag + 1);
    return end == std::string_view::npos ? sql.size() : end + mark.size();
  }
  return at;
}

bool IsNameByte(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string_view TrimEnd(std::string_view text) {
  size_t last = text.find_last_not_of(" \t\r\n;");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

}  // namespace

Result<BoundQuery> BindQuery(std::string_view query, const ReadRequest& request) {
  std::string_view sql = TrimEnd(query);
  if (sql.empty())
    return FailWithFix(ErrorKind::kInvalidInput, "write query:SELECT …", "source_table is query: without a query");
  BoundQuery bound;
  struct Known {
    std::string_view name;
    const std::optional<std::string>* value;
    int number = 0;
  } known[] = {{"interval_start", &request.interval_start}, {"interval_end", &request.interval_end}};
  for (size_t at = 0; at < sql.size();) {
    size_t end = SkipOpaque(sql, at);
    if (end > at) {
      bound.sql.append(sql.substr(at, end - at));
      at = end;
      continue;
    }
    if (sql[at] == ';')
      return FailWithFix(ErrorKind::kInvalidInput, "write one SELECT", "the query holds several statements");
    if (sql[at] == ':' && sql.substr(at, 2) != "::" && (at == 0 || sql[at - 1] != ':')) {
      end = at + 1;
      while (end < sql.size() && IsNameByte(sql[end])) ++end;
      auto* found = std::find_if(std::begin(known), std::end(known),
                                 [&](const Known& one) { return one.name == sql.substr(at + 1, end - at - 1); });
      if (found != std::end(known)) {
        if (!*found->value) {
          return FailWithFix(ErrorKind::kInvalidInput, fmt::format("set {}", found->name),
                             "the query names :{}, which is not set", found->name);
        }
        if (found->number == 0) {
          bound.params.push_back(**found->value);
          found->number = static_cast<int>(bound.params.size());
        }
        bound.sql += fmt::format("CAST(${} AS TIMESTAMPTZ)", found->number);
        at = end;
        continue;
      }
    }
    bound.sql.push_back(sql[at++]);
  }
  return bound;
}

}  // namespace nilus::files
