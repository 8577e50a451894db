// The shared suite (connector/conformance_testing.h) for each format the sink writes.
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "nilus/connector/conformance_testing.h"
#include "nilus/connectors/files/connector.h"

namespace nilus::conformance {

static Quirks FilesQuirks(const std::string& format) {
  Quirks quirks;
  quirks.connector = &kFilesConnector;
  quirks.make_place = [format] {
    std::string folder = testing::TempDir() + "nilus-files-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
    Place place;
    place.sink_address = "file://" + folder + "?format=" + format + "&lock_wait_seconds=0";
    place.source_address = "file://" + folder;
    place.keep = std::shared_ptr<void>(nullptr, [folder](void*) { std::filesystem::remove_all(folder); });
    return place;
  };
  quirks.max_name_bytes = 200;  // of a column; longer table names are cut on disk
  // Every file and folder of a table: staged ones are not among them.
  quirks.list_objects = [](const Place& place) {
    std::string root = place.source_address.substr(7);
    std::vector<std::string> objects;
    for (auto entry = std::filesystem::recursive_directory_iterator(root);
         entry != std::filesystem::recursive_directory_iterator(); ++entry) {
      std::string name = entry->path().filename();
      if (name == ".nilus_staging" || name == "_nilus_state") {
        entry.disable_recursion_pending();
      } else if (!entry->is_directory()) {
        objects.push_back(entry->path());
      }
    }
    std::sort(objects.begin(), objects.end());
    return objects;
  };
  return quirks;
}

}  // namespace nilus::conformance

NILUS_CONFORMANCE_SUITE(Parquet, [] { return nilus::conformance::FilesQuirks("parquet"); });
NILUS_CONFORMANCE_SUITE(Csv, [] { return nilus::conformance::FilesQuirks("csv"); });
NILUS_CONFORMANCE_SUITE(JsonLines, [] { return nilus::conformance::FilesQuirks("jsonl"); });
