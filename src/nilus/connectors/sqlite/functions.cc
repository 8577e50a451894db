#include "nilus/connectors/sqlite/functions.h"

#include <algorithm>

#include "nilus/connectors/sqlite/values.h"
#include "nilus/data/scalar.h"

namespace nilus::sqlite {
namespace {

constexpr int kExponentLimit = 20'000;

int64_t KindOf(const Type& type) {
  return static_cast<int64_t>(type.id) | static_cast<int64_t>(type.precision) << 8 |
         static_cast<int64_t>(type.scale) << 16;
}

Type TypeOfKind(int64_t kind) {
  return Type{static_cast<TypeId>(kind & 0xFF), static_cast<int>(kind >> 8 & 0xFF), static_cast<int>(kind >> 16 & 0xFF),
              0};
}

void Key(sqlite3_context* context, int, sqlite3_value** arguments) {
  const Type type = TypeOfKind(sqlite3_value_int64(arguments[0]));
  const Value value = ValueOf(arguments[1]);
  Decoded decoded;
  if (value.storage == SQLITE_NULL) return;  // the result is NULL
  if (type.id == TypeId::kDecimal) {
    std::string text;
    if (type.precision == 0) {
      text = VariantText(value);
    } else if (Decode(value, type, &decoded)) {
      text = FormatDecimal(decoded.decimal, type.scale);
    }
    std::string key;
    if (DecimalKey(text, &key)) sqlite3_result_blob64(context, key.data(), key.size(), SQLITE_TRANSIENT);
    return;
  }
  if (!Decode(value, type, &decoded)) return;
  switch (type.id) {
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      if (decoded.real != decoded.real) {
        sqlite3_result_text(context, "NaN", 3, SQLITE_STATIC);  // above every number, as text is
      } else {
        sqlite3_result_double(context, decoded.real);
      }
      return;
    case TypeId::kText:
    case TypeId::kJson:
      sqlite3_result_text64(context, decoded.bytes.data(), decoded.bytes.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
      return;
    case TypeId::kBinary:
      sqlite3_result_blob64(context, decoded.bytes.data(), decoded.bytes.size(), SQLITE_TRANSIENT);
      return;
    default:
      sqlite3_result_int64(context, decoded.integer);
      return;
  }
}

}  // namespace

Status RegisterFunctions(sqlite3* db) {
  const int code =
      sqlite3_create_function_v2(db, "nilus_key", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, nullptr,
                                 &Key, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Fail(ErrorKind::kInternal, "SQLite refused a function: {}", sqlite3_errmsg(db));
  return {};
}

std::string KeyExpression(std::string_view expression, const Type& type) {
  return fmt::format("nilus_key({}, {})", KindOf(type), expression);
}

// Zero is one byte. Otherwise a sign byte, the power of ten of the first digit, the digits without leading and trailing
// zeros, and an end below every digit; of negative numbers all bytes are complemented.
bool DecimalKey(std::string_view text, std::string* key) {
  size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  if (negative || (!text.empty() && text[0] == '+')) ++at;
  std::string digits;
  int point = 0;  // digits before the decimal point, leading zeros not counted
  bool behind_point = false;
  bool any = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !behind_point) {
      behind_point = true;
    } else if (c >= '0' && c <= '9') {
      any = true;
      if (digits.empty() && c == '0') {
        if (behind_point) --point;
        continue;
      }
      digits += c;
      if (!behind_point) ++point;
    } else {
      break;
    }
  }
  if (!any) return false;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return false;
    const size_t sign = at + 1 < text.size() && (text[at + 1] == '-' || text[at + 1] == '+') ? 1 : 0;
    int exponent = 0;
    if (at + 1 + sign == text.size()) return false;
    for (size_t i = at + 1 + sign; i < text.size(); ++i) {
      if (text[i] < '0' || text[i] > '9') return false;
      exponent = std::min(exponent * 10 + (text[i] - '0'), kExponentLimit);
    }
    point += text[at + 1] == '-' ? -exponent : exponent;
  }
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  key->clear();
  if (digits.empty()) {
    key->push_back('\x80');
    return true;
  }
  const int power = std::clamp(point, -kExponentLimit, kExponentLimit) + 0x8000;
  key->push_back('\x81');
  key->push_back(static_cast<char>(power >> 8));
  key->push_back(static_cast<char>(power & 0xFF));
  for (char c : digits) key->push_back(static_cast<char>(c - '0' + 1));
  key->push_back('\0');
  if (negative) {
    for (char& c : *key) c = static_cast<char>(~c);
  }
  return true;
}

}  // namespace nilus::sqlite
