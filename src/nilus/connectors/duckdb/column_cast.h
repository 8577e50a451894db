// Columns of an existing table of types that we have no word for (TINYINT, TIMESTAMP_S, ENUM, UUID, INTEGER[], …):
// DuckDB casts values on their way in, refuses some, and rounds or drops parts of others without a word. Which ones, it
// says itself, of rows that wait in staging.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/data/schema.h"

namespace nilus::duckdb {

// The condition, on a column of staging that holds values of `field`'s type, that a value does not come out of a column
// declared `declared` as it was. Nothing: all values of the type do.
std::optional<std::string> ChangedByCast(const Field& field, std::string_view declared);

}  // namespace nilus::duckdb
