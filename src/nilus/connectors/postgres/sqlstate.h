// SQLSTATE codes (docs: "PostgreSQL Error Codes") to what the caller does next.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::postgres {

ErrorKind KindOfSqlState(std::string_view sqlstate);
// What a person does about it; empty when the message says enough.
std::string_view FixOfSqlState(std::string_view sqlstate);

// The five characters in a verbose message of a failed connection ("FATAL:  28P01: password …"); empty: none, the
// failure is libpq's own.
std::string_view SqlStateInMessage(std::string_view verbose_message);
// The same message without severity, code and LOCATION line.
std::string_view WithoutVerbosity(std::string_view verbose_message);

// A message without the values it quotes: "invalid input syntax for type integer: "x"" ends in "…"". Other languages'
// messages, which may quote in their own way, end before the first sign that is not ASCII's letters.
std::string WithoutQuotedValues(std::string_view message);
// The column in the CONTEXT of a failed binary COPY, "COPY t, line 3, column a", which quotes no value; empty: none.
std::string ColumnInCopyContext(std::string_view context);

// libpq's words without its line ends and tabs ("…failed:\n\tIs the server running?"), for a message of one line.
std::string OnOneLine(std::string_view message);

// The error of a failed connection attempt, from libpq's verbose message.
Error ConnectError(std::string_view display, std::string_view verbose_message, bool had_percent_sequences);

// A source reads in READ ONLY transactions of its own making: what they refuse is the query's fault, not the server's.
inline constexpr std::string_view kOnlyReadsFix =
    "a source query may not write: one SELECT (or WITH … SELECT, VALUES, TABLE) without INSERT, UPDATE, DELETE, MERGE, "
    "INTO, FOR UPDATE, nextval or functions that write";
Error AsReadError(Error error);

}  // namespace nilus::postgres
