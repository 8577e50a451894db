// The shared suite over DuckDB files.
#include <filesystem>

#include "nilus/base/clock.h"
#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/duckdb/connector.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/quote.h"

namespace nilus::conformance {
namespace {

std::string FileOf(const Place& place) { return place.sink_address.substr(std::string_view("duckdb:///").size()); }

duck::Connection ConnectionTo(const Place& place) {
  auto database = duck::Database::Open({.path = FileOf(place), .read_only = std::filesystem::exists(FileOf(place))});
  EXPECT_TRUE(database) << (database ? "" : database.error().ToString());
  return *duck::Connection::Open(*database);
}

Place MakePlace() {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("nilus-duckdb-" + NewId());
  std::filesystem::create_directories(folder);
  std::string address = "duckdb:///" + (folder / "test.duckdb").string();
  return Place{.sink_address = address,
               .source_address = address,
               .keep = std::shared_ptr<void>(nullptr, [folder](void*) { std::filesystem::remove_all(folder); })};
}

}  // namespace
}  // namespace nilus::conformance

NILUS_CONFORMANCE_SUITE(Duckdb, [] {
  nilus::conformance::Quirks quirks;
  quirks.connector = &nilus::kDuckdbConnector;
  quirks.make_place = nilus::conformance::MakePlace;
  // DuckDB holds two blocks of 256 KiB a column while rows are added to a table that has rows: the default 256 MiB end
  // before 500 columns (kExhausted; a replace of 1,600 passes).
  quirks.max_columns = 300;
  quirks.source_table = [](const nilus::TableName& table) {
    return nilus::duck::QuoteIdentifier(table.schema) + "." + nilus::duck::QuoteIdentifier(table.name);
  };
  quirks.count_rows = [](const nilus::conformance::Place& place, const nilus::TableName& table) {
    nilus::duck::Connection connection = nilus::conformance::ConnectionTo(place);
    auto count =
        connection.QueryValue(fmt::format("SELECT count(*) FROM {}.{}", nilus::duck::QuoteIdentifier(table.schema),
                                          nilus::duck::QuoteIdentifier(table.name)));
    return count ? std::stoll(count->value_or("-1")) : -1;
  };
  quirks.list_objects = [](const nilus::conformance::Place& place) {
    nilus::duck::Connection connection = nilus::conformance::ConnectionTo(place);
    std::vector<std::string> names;
    auto rows = connection.Query("SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1");
    if (rows) {
      for (const auto& row : *rows) names.push_back(row[0].value_or(""));
    }
    return names;
  };
  return quirks;
});
