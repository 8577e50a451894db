#include "nilus/connectors/postgres/cdc/array_json.h"

#include "nilus/base/encoding.h"

namespace nilus::postgres {
namespace {

constexpr int kMostDimensions = 6;  // MAXDIM of the server

void AppendJsonText(std::string_view text, std::string* json) {
  json->push_back('"');
  for (char c : text) {
    switch (c) {
      case '"':
        *json += "\\\"";
        break;
      case '\\':
        *json += "\\\\";
        break;
      case '\b':
        *json += "\\b";
        break;
      case '\f':
        *json += "\\f";
        break;
      case '\n':
        *json += "\\n";
        break;
      case '\r':
        *json += "\\r";
        break;
      case '\t':
        *json += "\\t";
        break;
      default:
        if (static_cast<uint8_t>(c) < ' ') {
          *json += fmt::format("\\u{:04x}", static_cast<uint8_t>(c));
        } else {
          json->push_back(c);
        }
    }
  }
  json->push_back('"');
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "1970-01-01 00:00:00+00" as ISO 8601 has it: "1970-01-01T00:00:00+00:00".
void AppendJsonTimestamp(std::string_view text, bool with_zone, std::string* json) {
  std::string iso(text);
  const size_t blank = iso.find(' ');
  if (blank != std::string::npos && blank + 1 < iso.size() && IsDigit(iso[blank + 1])) iso[blank] = 'T';
  if (with_zone) {
    const size_t plus = iso.find('+');  // the session's zone is UTC
    if (plus != std::string::npos) iso.insert(std::min(plus + 3, iso.size()), ":00");
  }
  AppendJsonText(iso, json);
}

bool AppendElement(std::string_view text, JsonElement element, std::string* json) {
  switch (element) {
    case JsonElement::kNumber:
      if (text.empty()) return false;
      if (IsDigit(text.back())) {
        json->append(text);
      } else {
        AppendJsonText(text, json);  // NaN, Infinity
      }
      return true;
    case JsonElement::kBool:
      if (text != "t" && text != "f") return false;
      json->append(text == "t" ? "true" : "false");
      return true;
    case JsonElement::kTimestamp:
    case JsonElement::kTimestampTz:
      AppendJsonTimestamp(text, element == JsonElement::kTimestampTz, json);
      return true;
    case JsonElement::kJson:
      json->append(text);
      return true;
    case JsonElement::kText:
      AppendJsonText(text, json);
      return true;
  }
  return false;
}

// One element in quotes, `at` behind the first one; leaves `at` behind the last.
bool Unquote(std::string_view text, size_t* at, std::string* value) {
  value->clear();
  for (size_t i = *at; i < text.size(); ++i) {
    if (text[i] == '"') {
      *at = i + 1;
      return true;
    }
    if (text[i] == '\\' && ++i == text.size()) return false;
    value->push_back(text[i]);
  }
  return false;
}

}  // namespace

bool AppendArrayJson(std::string_view text, JsonElement element, std::string* json) {
  if (text.starts_with('[')) {  // other bounds than 1, which to_json does not tell: [0:1]={…}
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    text.remove_prefix(equals + 1);
  }
  std::string value;
  int depth = 0;
  bool wants_element = true;  // behind '{' or ','
  size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '{') {
      if (!wants_element || ++depth > kMostDimensions) return false;
      json->push_back('[');
      ++at;
      continue;
    }
    if (c == '}') {
      const bool is_empty = at > 0 && text[at - 1] == '{';
      if (depth == 0 || (wants_element && !is_empty)) return false;
      json->push_back(']');
      wants_element = false;
      ++at;
      if (--depth == 0) return at == text.size();
      continue;
    }
    if (depth == 0) return false;
    if (c == ',') {
      if (wants_element) return false;
      wants_element = true;
      json->push_back(',');
      ++at;
      continue;
    }
    if (!wants_element) return false;
    wants_element = false;
    if (c == '"') {
      ++at;
      if (!Unquote(text, &at, &value) || !AppendElement(value, element, json)) return false;
      continue;
    }
    size_t end = text.find_first_of(",}{\"\\", at);
    if (end == std::string_view::npos) return false;
    const std::string_view plain = text.substr(at, end - at);
    at = end;
    if (plain == "NULL") {
      json->append("null");
    } else if (!AppendElement(plain, element, json)) {
      return false;
    }
  }
  return false;
}

}  // namespace nilus::postgres
