#include <filesystem>

#include "nilus/base/clock.h"
#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/sqlite/connector.h"
#include "nilus/connectors/sqlite/database.h"

namespace {

using nilus::conformance::Place;
using nilus::conformance::Quirks;

std::string FileOf(const Place& place) {
  const size_t start = std::string("sqlite:///").size();
  return place.sink_address.substr(start, place.sink_address.find('?') - start);
}

std::vector<std::string> Query(const Place& place, const std::string& sql) {
  std::vector<std::string> values;
  if (!std::filesystem::exists(FileOf(place))) return values;
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(FileOf(place).c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(
                db, sql.c_str(),
                [](void* out, int, char** cells, char**) {
                  static_cast<std::vector<std::string>*>(out)->emplace_back(cells[0] == nullptr ? "" : cells[0]);
                  return 0;
                },
                &values, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
  return values;
}

Quirks SqliteQuirks() {
  Quirks quirks;
  quirks.connector = &nilus::kSqliteConnector;
  quirks.make_place = [] {
    const std::string folder = std::filesystem::temp_directory_path() / ("nilus-sqlite-" + nilus::NewId());
    std::filesystem::create_directory(folder);
    Place place;
    // A short timeout: the suite meets locks on purpose.
    place.sink_address = "sqlite:///" + folder + "/test.db?busy_timeout=50";
    place.source_address = place.sink_address;
    place.keep = std::shared_ptr<void>(nullptr, [folder](void*) { std::filesystem::remove_all(folder); });
    return place;
  };
  quirks.max_columns = 2000;
  // SQLite's file format keeps whole REALs as integers: the sign of zero is lost.
  quirks.value_reads_as = [](const nilus::Type& type, const std::string& text) -> std::optional<std::string> {
    const bool is_float = type.id == nilus::TypeId::kFloat64 || type.id == nilus::TypeId::kFloat32;
    return is_float && text == "-0" ? "0" : text;
  };
  quirks.count_rows = [](const Place& place, const nilus::TableName& table) -> int64_t {
    return std::stoll(Query(place, "SELECT count(*) FROM \"" + table.name + "\"").at(0));
  };
  quirks.list_objects = [](const Place& place) {
    return Query(place, "SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1");
  };
  return quirks;
}

}  // namespace

NILUS_CONFORMANCE_SUITE(Sqlite, SqliteQuirks);
