// From texts with placeholders to addresses: projects secrets into the run's own environment, fills `{NAME}`, and turns
// depots into connector addresses. Everything that was a secret is registered with RegisterSecret on the way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/manifest/load.h"
#include "nilus/manifest/secret_files.h"

namespace nilus {

struct ResolveOptions {
  VariableLookup process_environment;  // null: getenv
  std::string private_folder_parent;   // where SecretFolder goes; empty: $TMPDIR or /tmp
  bool write_files = true;             // false (validate): checks only, no private folder is made or swept
  bool make_volumes = false;           // true (what moves rows): creates the directories of use.volumes
  // Null: every scheme is allowed. For depots that resolve to a scheme nobody serves.
  ConnectorOptionsLookup connector_options;
};

// What must live as long as the run does.
struct ResolvedPipeline {
  std::unique_ptr<SecretFolder> secret_folder;  // null when nothing was projected as a file
  VariableLookup variables;                     // projected first, then the process's
};

// Fills pipeline.source.address and sink->address and appends what is wrong to `problems` (unset variables, unknown
// depots and secrets, templates that fail), all at once. The pipeline is usable only when nothing was appended.
ResolvedPipeline ResolvePipeline(Pipeline& pipeline, const ResourceSet& resources, const ResolveOptions& options,
                                 Problems& problems);

// One address by itself (`nilus check`, `query`): placeholders from the process environment, depots from `resources`.
Result<Address> ResolveAddress(std::string_view text, const ResourceSet& resources, const ResolveOptions& options = {});

}  // namespace nilus
