#include "nilus/connectors/duckdb/file_path.h"

namespace nilus::duckdb {

Result<std::string> FilePath(const Address& address) {
  if (!address.host.empty() || !address.user.empty()) {
    return FailWithFix(
        ErrorKind::kInvalidInput, "write three slashes, four for an absolute path: duckdb:////data/shop.duckdb",
        "a DuckDB address names a file and no host (`{}`)", address.host.empty() ? address.user : address.host);
  }
  if (address.path.empty() || address.path == ":memory:") {
    return FailWithFix(ErrorKind::kInvalidInput, "name a file: duckdb:///path/to/file.duckdb",
                       "a DuckDB database in memory ends with this process: nothing can be read from it or left in it");
  }
  return address.path;
}

}  // namespace nilus::duckdb
