// The shared suite (connector/conformance_testing.h) over Iceberg tables in a folder, in both formats.
#include <algorithm>
#include <filesystem>

#include "nilus/base/clock.h"
#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/lakehouse/connector.h"

namespace nilus::conformance {
namespace {

Quirks LakehouseQuirks(const std::string& format_version) {
  Quirks quirks;
  quirks.connector = &kLakehouseConnector;
  quirks.make_place = [] {
    const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("nilus-lakehouse-" + NewId());
    std::filesystem::create_directories(folder);
    const std::string address = "lakehouse://" + folder.string();
    return Place{.sink_address = address,
                 .source_address = address,
                 .keep = std::shared_ptr<void>(nullptr, [folder](void*) { std::filesystem::remove_all(folder); })};
  };
  quirks.sink_options.Set("format_version", format_version);
  quirks.source_table = [](const TableName& table) {
    const auto quoted = [](const std::string& name) {
      std::string text = "\"";
      for (char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
      return text + "\"";
    };
    return quoted(table.schema) + "." + quoted(table.name);
  };
  // Iceberg has no type for 16 bits.
  quirks.reads_as = [](const Type& type) -> std::optional<Type> {
    if (type.id == TypeId::kInt16) return MakeType(TypeId::kInt32);
    return type;
  };
  // Commits are optimistic: the second of two runs of one pipeline fails at its commit, by the pipeline's version.
  quirks.one_load_at_a_time = false;
  // scd2 compares all columns in memory: the default 256 MiB end before 1,000 columns (kExhausted).
  quirks.max_columns = 300;
  quirks.max_name_bytes = 200;  // a table's name is a folder's
  // Data and delete files, but none of the state table.
  quirks.list_objects = [](const Place& place) {
    const std::string root = place.sink_address.substr(std::string_view("lakehouse://").size());
    std::vector<std::string> objects;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      const std::string path = entry.path().string();
      if (entry.is_regular_file() && path.find("_nilus_state") == std::string::npos) objects.push_back(path);
    }
    std::sort(objects.begin(), objects.end());
    return objects;
  };
  return quirks;
}

}  // namespace
}  // namespace nilus::conformance

NILUS_CONFORMANCE_SUITE(IcebergV2, [] { return nilus::conformance::LakehouseQuirks("2"); });
NILUS_CONFORMANCE_SUITE(IcebergV3, [] { return nilus::conformance::LakehouseQuirks("3"); });
