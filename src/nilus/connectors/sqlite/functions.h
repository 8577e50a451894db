// SQL functions that our connections have.
//
//   nilus_key(kind, value)   the value of a column of that kind as something SQLite sorts like the value itself:
//                            numbers for times and dates, bytes for decimals; NULL when the value is none of that kind
//                            (it is read into the variant column)
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/data/builder.h"

namespace nilus::sqlite {

Status RegisterFunctions(sqlite3* db);

// nilus_key(kind, expression) as SQL text. A decimal type of precision 0 stands for any number (bounds).
std::string KeyExpression(std::string_view expression, const Type& type);

// A decimal as bytes that sort like the number, whatever its scale: what nilus_key gives for decimals.
// nothing: the text is no number.
bool DecimalKey(std::string_view text, std::string* key);

}  // namespace nilus::sqlite
