# Finds DuckDB's C library and header, defines DuckDB::duckdb.
# Where it looks: DUCKDB_ROOT (an installation's prefix), then .deps/duckdb (laid there by scripts/setup from npm), then the system.
set(DUCKDB_ROOT "" CACHE PATH "Prefix of an installed DuckDB (lib/libduckdb.so, include/duckdb.h)")
set(_hints ${DUCKDB_ROOT} ${CMAKE_SOURCE_DIR}/.deps/duckdb)
find_path(DUCKDB_INCLUDE_DIR duckdb.h HINTS ${_hints} PATH_SUFFIXES include)
find_library(DUCKDB_LIBRARY duckdb HINTS ${_hints} PATH_SUFFIXES lib)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB REQUIRED_VARS DUCKDB_LIBRARY DUCKDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "Run scripts/setup, or set -DDUCKDB_ROOT=<prefix>.")
if(DuckDB_FOUND AND NOT TARGET DuckDB::duckdb)
  add_library(DuckDB::duckdb SHARED IMPORTED)
  set_target_properties(DuckDB::duckdb PROPERTIES IMPORTED_LOCATION ${DUCKDB_LIBRARY} IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES ${DUCKDB_INCLUDE_DIR})
endif()
