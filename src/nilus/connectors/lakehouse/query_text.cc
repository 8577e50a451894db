#include "nilus/connectors/lakehouse/query_text.h"

#include <algorithm>
#include <cctype>

#include "nilus/duck/quote.h"

namespace nilus::lakehouse {
namespace {

struct Token {
  enum class Kind { kWord, kQuotedName, kText, kNumber, kParameter, kOther };
  Kind kind = Kind::kOther;
  size_t start = 0;
  size_t end = 0;
};

bool IsWordStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }
bool IsWordChar(char c) { return IsWordStart(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '$'; }

// Comments and spaces are left out. A quote that is not closed goes to the end.
std::vector<Token> Tokenize(std::string_view sql) {
  std::vector<Token> tokens;
  const auto behind = [&](std::string_view end, size_t from) {
    const size_t found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  const auto behind_quoted = [&](size_t at) {
    const char quote = sql[at];
    for (size_t i = at + 1; i < sql.size(); ++i) {
      if (sql[i] != quote) continue;
      if (i + 1 < sql.size() && sql[i + 1] == quote) {
        ++i;
        continue;
      }
      return i + 1;
    }
    return sql.size();
  };
  for (size_t at = 0; at < sql.size();) {
    const char c = sql[at];
    size_t end = at + 1;
    Token::Kind kind = Token::Kind::kOther;
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      at = end;
      continue;
    }
    if (sql.substr(at).starts_with("--") || sql.substr(at).starts_with("/*")) {
      at = c == '-' ? behind("\n", at) : behind("*/", at + 2);
      continue;
    }
    if (c == '\'' || c == '"') {
      end = behind_quoted(at);
      kind = c == '\'' ? Token::Kind::kText : Token::Kind::kQuotedName;
    } else if (sql.substr(at).starts_with("$$")) {
      end = behind("$$", at + 2);
      kind = Token::Kind::kText;
    } else if (IsWordStart(c) || (c == ':' && end < sql.size() && IsWordStart(sql[end]))) {
      kind = c == ':' ? Token::Kind::kParameter : Token::Kind::kWord;
      if (c == ':' && at > 0 && sql[at - 1] == ':') kind = Token::Kind::kOther;  // a cast
      while (end < sql.size() && IsWordChar(sql[end])) ++end;
    } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      kind = Token::Kind::kNumber;
      while (end < sql.size() && (IsWordChar(sql[end]) || sql[end] == '.')) ++end;
    }
    tokens.push_back({kind, at, end});
    at = end;
  }
  return tokens;
}

// What a text means: 'it''s' or $$it's$$.
std::string Unquoted(std::string_view token) {
  const size_t quote = token.starts_with('$') ? 2 : 1;
  if (token.size() < 2 * quote) return std::string(token);
  token = token.substr(quote, token.size() - 2 * quote);
  std::string text;
  for (size_t i = 0; i < token.size(); ++i) {
    text += token[i];
    if (quote == 1 && token.substr(i).starts_with("''")) ++i;
  }
  return text;
}

class Rewriter {
 public:
  Rewriter(std::string_view sql, const std::optional<std::string>& start, const std::optional<std::string>& end)
      : sql_(sql), tokens_(Tokenize(sql)), interval_start_(start), interval_end_(end) {}

  Result<QueryText> Run() {
    for (size_t i = 0; i < tokens_.size();) {
      NILUS_ASSIGN(size_t travelled, Travel(i));
      if (travelled > 0) {
        i += travelled;
        continue;
      }
      if (tokens_[i].kind == Token::Kind::kParameter) NILUS_TRY(Bind(i));
      AddNamed(i);
      ++i;
    }
    Copy(sql_.size());
    std::string& sql = result_.sql;
    while (!sql.empty() && (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back())))) sql.pop_back();
    if (sql.empty()) return Fail(ErrorKind::kInvalidInput, "the query is empty");
    return std::move(result_);
  }

 private:
  std::string_view TextOf(size_t token) const {
    return sql_.substr(tokens_[token].start, tokens_[token].end - tokens_[token].start);
  }
  bool IsWord(size_t token, std::string_view word) const {
    if (token >= tokens_.size() || tokens_[token].kind != Token::Kind::kWord) return false;
    const std::string_view text = TextOf(token);
    return std::equal(text.begin(), text.end(), word.begin(), word.end(),
                      [](unsigned char a, unsigned char b) { return std::toupper(a) == b; });
  }
  bool IsName(size_t token) const {
    return tokens_[token].kind == Token::Kind::kWord || tokens_[token].kind == Token::Kind::kQuotedName;
  }

  void Copy(size_t until) {
    result_.sql += sql_.substr(copied_, until - copied_);
    copied_ = until;
  }

  // A table's name that begins behind token i.
  void AddNamed(size_t i) {
    const bool is_certain = IsWord(i, "FROM") || IsWord(i, "JOIN");
    if (!is_certain && TextOf(i) != ",") return;
    size_t last = i + 1;
    if (last >= tokens_.size() || !IsName(last)) return;
    while (last + 2 < tokens_.size() && TextOf(last + 1) == "." && IsName(last + 2)) last += 2;
    const bool is_function = last + 1 < tokens_.size() && TextOf(last + 1) == "(";
    if (last == i + 1 || is_function || IsWord(last + 1, "FOR")) return;
    Result<Selection> selection =
        ParseSelection(sql_.substr(tokens_[i + 1].start, tokens_[last].end - tokens_[i + 1].start));
    if (!selection) return;
    for (const NamedTable& known : result_.named) {
      if (known.selection.table == selection->table) return;
    }
    result_.named.push_back({*std::move(selection), is_certain});
  }

  // FOR VERSION AS OF value, at token i: how many tokens it takes; 0: something else.
  Result<size_t> Travel(size_t i) {
    constexpr size_t kClause = 5;
    const bool by_version = IsWord(i + 1, "VERSION") || IsWord(i + 1, "SYSTEM_VERSION");
    const bool by_time = IsWord(i + 1, "TIMESTAMP") || IsWord(i + 1, "SYSTEM_TIME");
    if (!IsWord(i, "FOR") || (!by_version && !by_time) || !IsWord(i + 2, "AS") || !IsWord(i + 3, "OF")) return 0;
    size_t value = i + 4;
    if (IsWord(value, "TIMESTAMP") && value + 1 < tokens_.size()) ++value;  // TIMESTAMP '…'
    if (value >= tokens_.size()) return Fail(ErrorKind::kInvalidInput, "behind AS OF the query has no version or time");
    size_t first = i;  // a.b."c"
    while (first > 0 && IsName(first - 1) && (first == i || TextOf(first) == ".")) {
      --first;
      if (first > 0 && TextOf(first - 1) == ".") --first;
    }
    if (first == i) return Fail(ErrorKind::kInvalidInput, "FOR … AS OF has to stand behind a table's name");
    TravelledTable travelled;
    std::string name(sql_.substr(tokens_[first].start, tokens_[i - 1].end - tokens_[first].start));
    NILUS_ASSIGN(travelled.selection, ParseSelection(name));
    NILUS_TRY(SetVersion(value, by_time, &travelled.selection.version));
    travelled.view = fmt::format("nilus_travelled_{}", result_.travelled.size() + 1);
    // What was copied up to here ends before the name.
    Copy(tokens_[first].start);
    result_.sql += travelled.view;
    const bool has_alias =
        value + 1 < tokens_.size() && (IsWord(value + 1, "AS") || tokens_[value + 1].kind == Token::Kind::kQuotedName);
    if (!has_alias && !AliasFollows(value + 1)) {
      result_.sql += " AS " + std::string(TextOf(i - 1));  // columns may be qualified by the table's own name
    }
    copied_ = tokens_[value].end;
    result_.travelled.push_back(std::move(travelled));
    return kClause + (value - i - 4);
  }

  // A word that is none of those that may stand behind a table.
  bool AliasFollows(size_t token) const {
    if (token >= tokens_.size() || tokens_[token].kind != Token::Kind::kWord) return false;
    for (std::string_view word :
         {"WHERE", "GROUP",      "ORDER", "HAVING", "LIMIT",  "OFFSET",  "UNION",   "EXCEPT",      "INTERSECT",
          "JOIN",  "INNER",      "LEFT",  "RIGHT",  "FULL",   "CROSS",   "NATURAL", "ASOF",        "SEMI",
          "ANTI",  "POSITIONAL", "ON",    "USING",  "WINDOW", "QUALIFY", "SAMPLE",  "TABLESAMPLE", "FETCH"}) {
      if (IsWord(token, word)) return false;
    }
    return true;
  }

  Status SetVersion(size_t token, bool by_time, Version* version) const {
    const bool is_text = tokens_[token].kind == Token::Kind::kText;
    const std::string text = is_text ? Unquoted(TextOf(token)) : std::string(TextOf(token));
    if (by_time) {
      NILUS_ASSIGN(version->as_of_ms, ParseTimeMs(text));
      return {};
    }
    if (std::optional<int64_t> id = ParseInteger(text); id && !is_text) {
      version->snapshot_id = id;
    } else if (is_text && !text.empty()) {
      version->ref = text;
      if (std::optional<int64_t> quoted = ParseInteger(text)) {
        version->snapshot_id = quoted;
        version->ref.clear();
      }
    } else {
      return FailWithFix(ErrorKind::kInvalidInput, "write a snapshot's id, or 'branch'", "`{}` is no version", text);
    }
    return {};
  }

  Status Bind(size_t token) {
    const std::string_view name = TextOf(token).substr(1);
    if (name != "interval_start" && name != "interval_end") return {};
    const std::optional<std::string>& value = name == "interval_start" ? interval_start_ : interval_end_;
    if (!value) {
      return FailWithFix(ErrorKind::kInvalidInput, fmt::format("set {} in source.options", name),
                         "the query uses :{}, which this run does not have", name);
    }
    Copy(tokens_[token].start);
    result_.sql += fmt::format("CAST({} AS TIMESTAMP)", duck::QuoteLiteral(*value));
    copied_ = tokens_[token].end;
    return {};
  }

  std::string_view sql_;
  std::vector<Token> tokens_;
  const std::optional<std::string>& interval_start_;
  const std::optional<std::string>& interval_end_;
  size_t copied_ = 0;
  QueryText result_;
};

}  // namespace

Result<QueryText> ParseQueryText(std::string_view sql, const std::optional<std::string>& interval_start,
                                 const std::optional<std::string>& interval_end) {
  return Rewriter(sql, interval_start, interval_end).Run();
}

}  // namespace nilus::lakehouse
