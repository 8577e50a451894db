// Between SQLite's dynamically typed values and our columns. The rules stand in README.md ("Types").
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

#include "nilus/connectors/sqlite/types.h"
#include "nilus/data/builder.h"

namespace nilus::sqlite {

// +Infinity as a literal, which SQLite has no word for: a number too large for a double.
inline constexpr std::string_view kInfinitySql = "9e999";

// A value as SQLite hands it out; `bytes` for text and blobs, valid until the statement moves on.
struct Value {
  int storage = SQLITE_NULL;  // SQLITE_INTEGER, SQLITE_FLOAT, SQLITE_TEXT, SQLITE_BLOB, SQLITE_NULL
  int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

Value ValueAt(sqlite3_stmt* statement, int column);
Value ValueOf(sqlite3_value* value);

// A value read as a type; which member holds it depends on the type's layout. `bytes` points into the Value or scratch.
struct Decoded {
  int64_t integer = 0;  // kBool, integers, dates and times
  double real = 0;
  Int128 decimal = 0;
  std::string_view bytes;
  char scratch[40];
};

// False: the value (not a NULL) is not exactly one of the type.
bool Decode(const Value& value, const Type& type, Decoded* out);
// Decode into a column; nothing is appended when it is false.
bool AppendExactly(const Value& value, ColumnBuilder* column);

// The value as text for a variant column: numbers plain, text as it is (hex when it is no UTF-8), blobs in hex.
std::string VariantText(const Value& value);

// What the sink stores for times: "2024-03-15 10:20:30.5" (UTC for instants), "2024-03-15", "10:20:30".
void AppendStoredTime(const Column& column, int64_t row, std::string* out);

}  // namespace nilus::sqlite
