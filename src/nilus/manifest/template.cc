#include "nilus/manifest/template.h"

#include <cctype>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/manifest/map_reader.h"

namespace nilus {
namespace {

constexpr std::string_view kFilters[] = {"base64_decode", "base64_encode", "urlencode", "urldecode", "trim", "default"};
constexpr std::string_view kForm = "write {{ secrets['alias'].key }}, with filters such as | base64_decode behind it";

bool IsNameCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.'; }

// One expression, between "{{" and "}}".
class Expression {
 public:
  Expression(std::string_view text, const SecretValueLookup& lookup) : rest_(text), lookup_(lookup) {}

  Result<std::string> Evaluate() {
    SkipSpace();
    if (!TakeWord("secrets")) return Wrong("it does not begin with secrets['alias']");
    NILUS_ASSIGN(std::string alias, TakeIndex());
    NILUS_ASSIGN(std::string key, TakeKey());
    NILUS_ASSIGN(std::optional<std::string> value, lookup_(alias, key));
    SkipSpace();
    while (!rest_.empty()) {
      if (!TakeCharacter('|')) return Wrong("something else than a filter follows the key");
      NILUS_TRY(ApplyFilter(value));
      SkipSpace();
    }
    if (!value) {
      return FailWithFix(ErrorKind::kInvalidInput, "add the key to the secret, or write | default('…')",
                         "the secret with the alias '{}' has no key '{}'", alias, key);
    }
    return *std::move(value);
  }

 private:
  Status ApplyFilter(std::optional<std::string>& value) {
    SkipSpace();
    std::string name(TakeName());
    SkipSpace();
    std::optional<std::string> argument;
    if (TakeCharacter('(')) {
      SkipSpace();
      if (!rest_.starts_with(')')) {
        NILUS_ASSIGN(argument, TakeQuoted());
      }
      SkipSpace();
      if (!TakeCharacter(')')) return Wrong("a ')' is missing");
    }
    if (name == "default") {
      if (!argument) return Wrong("default needs a text: default('x')");
      if (!value || value->empty()) value = argument;
      return {};
    }
    if (argument) return Wrong("the filter " + name + " takes no argument");
    if (name == "base64_decode") {
      if (!value) return {};
      auto decoded = Base64Decode(*value);
      if (!decoded) return Wrong("base64_decode: the value is not base64");
      value = *std::move(decoded);
    } else if (name == "base64_encode") {
      if (value) value = Base64Encode(*value);
    } else if (name == "urlencode") {
      if (value) value = PercentEncode(*value);
    } else if (name == "urldecode") {
      if (value) value = PercentDecode(*value);
    } else if (name == "trim") {
      if (value) value = std::string(TrimSpaces(*value));
    } else {
      std::string_view nearest = NearestName(name, kFilters);
      return FailWithFix(ErrorKind::kInvalidInput,
                         nearest.empty()
                             ? "known: base64_decode, base64_encode, urlencode, urldecode, trim, default('x')"
                             : "write " + std::string(nearest),
                         "{} is not a filter", Shown(name));
    }
    return {};
  }

  Result<std::string> TakeIndex() {
    SkipSpace();
    if (!TakeCharacter('[')) return Wrong("['…'] is expected");
    SkipSpace();
    NILUS_ASSIGN(std::string text, TakeQuoted());
    SkipSpace();
    if (!TakeCharacter(']')) return Wrong("a ']' is missing");
    return text;
  }
  Result<std::string> TakeKey() {
    SkipSpace();
    if (!TakeCharacter('.')) return TakeIndex();
    std::string key(TakeName());
    if (key.empty()) return Wrong("a key is expected behind the '.'");
    return key;
  }
  Result<std::string> TakeQuoted() {
    char quote = rest_.empty() ? '\0' : rest_[0];
    if (quote != '\'' && quote != '"') return Wrong("a text in quotes is expected");
    size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) return Wrong("a quote is not closed");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::string_view TakeName() {
    size_t end = 0;
    while (end < rest_.size() && IsNameCharacter(rest_[end])) ++end;
    std::string_view name = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return name;
  }
  bool TakeWord(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool TakeCharacter(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void SkipSpace() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0]))) rest_.remove_prefix(1);
  }
  static Failure Wrong(const std::string& what) {
    return FailWithFix(ErrorKind::kInvalidInput, std::string(kForm), "the template cannot be read: {}", what);
  }

  std::string_view rest_;
  const SecretValueLookup& lookup_;
};

// Where the expression that begins at `from` ends: the "}}" outside of quotes.
size_t FindEnd(std::string_view text, size_t from) {
  char quote = '\0';
  for (size_t i = from; i < text.size(); ++i) {
    if (quote != '\0') {
      if (text[i] == quote) quote = '\0';
    } else if (text[i] == '\'' || text[i] == '"') {
      quote = text[i];
    } else if (text[i] == '}' && i + 1 < text.size() && text[i + 1] == '}') {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Result<std::string> RenderTemplate(std::string_view text, const SecretValueLookup& lookup) {
  std::string result;
  while (true) {
    size_t open = text.find("{{");
    result += text.substr(0, open);
    if (open == std::string_view::npos) return result;
    size_t close = FindEnd(text, open + 2);
    if (close == std::string_view::npos) {
      return FailWithFix(ErrorKind::kInvalidInput, std::string(kForm),
                         "the template's '{{{{' is never closed by '}}}}'");
    }
    NILUS_ASSIGN(std::string value, Expression(text.substr(open + 2, close - open - 2), lookup).Evaluate());
    result += value;
    text.remove_prefix(close + 2);
  }
}

}  // namespace nilus
