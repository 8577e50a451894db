#include "nilus/duck/error.h"

#include <gtest/gtest.h>

namespace nilus::duck {
namespace {

// As DuckDB 1.5 words them.
TEST(DuckError, ValuesOfRowsAreNotShown) {
  struct Case {
    const char* said;
    const char* shown;
  } cases[] = {
      {"Conversion Error: Could not convert string 'hunter2' to INT32",
       "DuckDB: Conversion Error: Could not convert string '…' to INT32"},
      {"Conversion Error: Could not convert string 'it's \nhunter2' to INT32 when casting from source column a",
       "DuckDB: Conversion Error: Could not convert string '…' to INT32 when casting from source column a"},
      {"Conversion Error: Could not convert string \"hunter2\" to 'INTEGER'",
       "DuckDB: Conversion Error: Could not convert string \"…\" to '…'"},
      {"Conversion Error: Type INT64 with value 4711 can't be cast because the value is out of range for the "
       "destination type INT8",
       "DuckDB: Conversion Error: Type INT64 with value … can't be cast because the value is out of range for the "
       "destination type INT8"},
      {"Constraint Error: PRIMARY KEY or UNIQUE constraint violation: duplicate key \"id: 4711\"",
       "DuckDB: Constraint Error: PRIMARY KEY or UNIQUE constraint violation: duplicate key \"…\""},
      {"Constraint Error: NOT NULL constraint failed: t.id",
       "DuckDB: Constraint Error: NOT NULL constraint failed: t.id"},
      {"Out of Range Error: Overflow in addition of INT64 (4711 + 1)!",
       "DuckDB: Out of Range Error: Overflow in addition of INT64 (…)!"},
      {"Invalid Input Error: Could not parse string \"hunter2\" according to format specifier "
       "\"%Y\"\nhunter2\n^\nError: "
       "Expected a number",
       "DuckDB: Invalid Input Error: Could not parse string \"…\""},
      {"Conversion Error: Could not convert string 'hunter2' to INT32\n\nLINE 1: select a::int from t\n                "
       "^",
       "DuckDB: Conversion Error: Could not convert string '…' to INT32\n\nLINE 1: select a::int from t\n              "
       "  ^"},
  };
  for (const Case& one : cases) EXPECT_EQ(MapError(DUCKDB_ERROR_INVALID, one.said).message, one.shown);
}

TEST(DuckError, NamesAreShown) {
  EXPECT_EQ(
      MapError(DUCKDB_ERROR_INVALID, "Catalog Error: Table with name orders does not exist!\nDid you mean \"order\"?")
          .message,
      "DuckDB: Catalog Error: Table with name orders does not exist!\nDid you mean \"order\"?");
  EXPECT_EQ(MapError(DUCKDB_ERROR_INVALID, "IO Error: Cannot open file \"/data/x\": No such file or directory").message,
            "DuckDB: IO Error: Cannot open file \"/data/x\": No such file or directory");
  EXPECT_EQ(
      MapError(DUCKDB_ERROR_INVALID_INPUT, "Invalid Input Error: No magic bytes found at end of file '/d/x.parquet'")
          .message,
      "DuckDB: Invalid Input Error: No magic bytes found at end of file '/d/x.parquet'");
  EXPECT_EQ(MapError(DUCKDB_ERROR_INVALID_INPUT,
                     "Invalid Input Error: Failed to read file \"/d/x.parquet\": could not convert \"hunter2\"")
                .message,
            "DuckDB: Invalid Input Error: Failed to read file \"/d/x.parquet\": could not convert \"…\"");
}

TEST(DuckError, ReasonBehindAClosedPendingResultIsTold) {
  Error error = MapError(DUCKDB_ERROR_INVALID_INPUT,
                         "Invalid Input Error: Attempting to execute an unsuccessful or closed pending query "
                         "result\nError: IO Error: Could not read enough bytes from file \"/x.parquet\"");
  EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_NE(error.fix.find("damaged"), std::string::npos);
  EXPECT_EQ(error.message, "DuckDB: IO Error: Could not read enough bytes from file \"/x.parquet\"");
}

}  // namespace
}  // namespace nilus::duck
