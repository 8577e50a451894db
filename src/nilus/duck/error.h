// DuckDB's errors as ours.
#pragma once

#include <duckdb.h>

#include <string_view>

#include "nilus/base/result.h"

namespace nilus::duck {

// What the caller does next, from DuckDB's error type and text:
//   a file locked by another process, interrupted I/O  kTransient (the process is named)
//   no space left, quota, temp folder full             kExhausted
//   out of memory                                      kExhausted with the setting that raises it
//   a missing table, view, function, schema or file    kNotFound
//   parser, binder, settings                           kInvalidInput
//   constraint, conversion, out of range, …            kData
//   a conflicting transaction                          kTransient
//   interrupt                                          kCancelled
// DUCKDB_ERROR_INVALID: the type is taken from how the text begins.
Error MapError(duckdb_error_type type, std::string_view message);

}  // namespace nilus::duck
