#include "nilus/rows/json_masking.h"

#include <optional>
#include <string>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/json/literal.h"
#include "nilus/json/scanner.h"
#include "nilus/rows/json_kinds.h"

namespace nilus {
namespace {

// False: the text is no time or timestamp as inference takes it, or a date, which is written in one way only.
bool AppendCanonicalTime(std::string_view text, std::string* out) {
  const json::Candidates candidates = json::TemporalCandidates(text);
  int64_t micros = 0;
  if (candidates == json::kClockTime && ParseTime(text, &micros)) {
    AppendTime(micros, out);
    return true;
  }
  bool has_zone = false;
  if ((candidates & (json::kInstant | json::kWallClock)) == 0 || !ParseTimestamp(text, &micros, &has_zone))
    return false;
  AppendTimestamp(micros, has_zone, out);
  return true;
}

Column WithCanonicalTimes(const Column& texts) {
  ColumnBuilder out(texts.type);
  std::string canonical;
  for (int64_t row = 0; row < texts.length; ++row) {
    if (texts.IsNull(row)) {
      out.AppendNull();
      continue;
    }
    canonical.clear();
    const std::string_view text = texts.BytesValue(row);
    out.AppendBytes(AppendCanonicalTime(text, &canonical) ? canonical : text);
  }
  return out.Finish();
}

// A json column in which `replace(value, &text)` puts a JSON string in the place of a scalar, or is false.
template <typename Replace>
Column WithStrings(const Column& column, Replace replace) {
  ColumnBuilder out(column.type);
  std::string text;
  std::string quoted;
  for (int64_t row = 0; row < column.length; ++row) {
    if (column.IsNull(row)) {
      out.AppendNull();
      continue;
    }
    const std::optional<json::Value> value = JsonScalar(column.BytesValue(row));
    text.clear();
    if (!value || !replace(*value, &text)) {
      out.AppendBytes(column.BytesValue(row));
      continue;
    }
    quoted.clear();
    json::AppendQuoted(text, &quoted);
    out.AppendBytes(quoted);
  }
  return out.Finish();
}

}  // namespace

Column JsonByValue(const Column& column) {
  if (column.type.id == TypeId::kDecimal) return AsJson(column);
  if (column.type.id == TypeId::kText) return WithCanonicalTimes(column);
  if (column.type.id != TypeId::kJson) return column;
  std::string scratch;
  return WithStrings(column, [&scratch](const json::Value& value, std::string* text) {
    return value.kind == json::Kind::kString && AppendCanonicalTime(json::Meaning(value, &scratch), text);
  });
}

Column JsonAsWritten(const Column& column) {
  if (column.type.id != TypeId::kJson) return column;
  return WithStrings(column, [](const json::Value& value, std::string* text) {
    text->append(value.text);
    return value.kind == json::Kind::kNumber;
  });
}

}  // namespace nilus
