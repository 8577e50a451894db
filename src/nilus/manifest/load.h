// From files (or flags) to pipelines. Loading needs neither variables nor a network: it is pure but for reading files.
// ResolvePipeline (resolve.h) then fills addresses.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"
#include "nilus/manifest/pipeline.h"
#include "nilus/manifest/resources.h"

namespace nilus {

// The options a connector adds of its own; nothing for a scheme that no connector serves (an error names the nearest
// of `known_schemes`). `scheme` is lower case.
using ConnectorOptionsLookup =
    std::function<std::optional<std::span<const OptionSpec>>(std::string_view scheme, bool is_sink)>;

struct LoadOptions {
  std::vector<std::string> overrides;        // --set: "spec.source.options.sql_limit=10"
  std::string resource_folder;               // --resources; empty: $NILUS_RESOURCES, else ./resources when it exists
  ConnectorOptionsLookup connector_options;  // null: schemes and connector options are not checked
  std::vector<std::string> known_schemes;    // for "nearest known" messages
};

struct LoadedManifests {
  std::vector<Pipeline> pipelines;  // in order of files; nodes of a workflow in an order that honours depends_on
  ResourceSet resources;            // depots, secrets and volumes of the resource folder and the given files
  Problems problems;                // not empty: nothing may run, exit code 2
  Problems notices;                 // accepted, but worth a line
};

// Reads and checks everything; never throws, never stops at the first problem. A file that cannot be read is a problem.
LoadedManifests LoadManifests(std::span<const std::string> files, const LoadOptions& options);

// The same for text already in memory (`name` stands for the file in problems). Reads the resource folder too.
LoadedManifests LoadManifestText(std::string_view text, const std::string& name, const LoadOptions& options);

// A pipeline from flags (`nilus ingest`): `values` are pairs of a path and its text, as in --set, each with the flag's
// name for problems: {"spec.source.address", "postgresql://…", "--source-uri"}. Checked by the same rules as a file.
struct FlagValue {
  std::string
      path;  // spec.source.options.source_table; a list or map is set element by element: …cluster_by.0, …mask.email
  std::string text;
  std::string flag;  // "--source-table"
};
LoadedManifests LoadFromFlags(std::span<const FlagValue> values, const std::string& pipeline_name,
                              const LoadOptions& options);

// All problems as one kInvalidInput error; ok when there are none.
Status ProblemsToStatus(const Problems& problems);

}  // namespace nilus
