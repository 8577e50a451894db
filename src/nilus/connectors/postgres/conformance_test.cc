// PostgreSQL, source and sink together, under the suite that every connector passes.
#include <sstream>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/postgres/connector.h"
#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

int64_t CountRows(const conformance::Place& place, const TableName& table) {
  auto address = ParseAddress(place.sink_address, [](std::string_view) { return std::optional<std::string>(); });
  return std::stoll(MustSelect(*address, "SELECT count(*) FROM " + QuoteName(table.schema, table.name)));
}

std::vector<std::string> ListObjects(const conformance::Place& place) {
  auto address = ParseAddress(place.sink_address, [](std::string_view) { return std::optional<std::string>(); });
  std::istringstream lines(MustSelect(
      *address,
      "SELECT string_agg(n.nspname || '.' || c.relname, chr(10) ORDER BY 1) FROM pg_class c JOIN pg_namespace n "
      "ON n.oid = c.relnamespace WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND "
      "n.nspname !~ '^pg_t'"));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  return names;
}

// What the server itself makes of a JSON text.
std::string AsJsonb(const std::string& text) {
  return MustSelect(TestServer::Shared()->DatabaseAddress("postgres"),
                    "SELECT " + QuoteLiteral(text) + "::jsonb::text");
}

conformance::Quirks MakeQuirks(const std::string& version) {
  conformance::Quirks quirks;
  quirks.connector = &kPostgresConnector;
  quirks.schema = "main";
  quirks.sink_options.Set("lock_timeout", "1");
  quirks.make_place = [version] {
    Address database = TestServer::Shared(version)->NewDatabase();
    std::string uri = TestServer::Shared(version)->DatabaseUri(database.path);
    return conformance::Place{.sink_address = uri, .source_address = uri, .keep = nullptr};
  };
  quirks.max_columns = 1200;  // a row must fit a page of 8 KiB, whatever the limit of 1,600 columns
  // jsonb keeps the value, not its spelling: spaces and the order of keys are its own.
  quirks.value_reads_as = [](const Type& type, const std::string& text) {
    return std::optional<std::string>(type.id == TypeId::kJson ? AsJsonb(text) : text);
  };
  quirks.count_rows = CountRows;
  quirks.list_objects = ListObjects;
  return quirks;
}

}  // namespace
}  // namespace nilus::postgres

NILUS_CONFORMANCE_SUITE(Postgres, [] { return ::nilus::postgres::MakeQuirks("15"); });
