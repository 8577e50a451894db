// From the command line to pipelines that may run: what run, plan, state and validate share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nilus/cli/command.h"
#include "nilus/connector/connector.h"
#include "nilus/manifest/load.h"
#include "nilus/manifest/resolve.h"

namespace nilus::cli {

LoadOptions MakeLoadOptions(const ConnectorRegistry& registry, const std::vector<std::string>& overrides,
                            const std::optional<std::string>& resource_folder);

struct ReadyPipeline {
  Pipeline pipeline;          // with its addresses filled in
  ResolvedPipeline resolved;  // lives as long as the run
};

struct ReadyManifests {
  std::vector<ReadyPipeline> pipelines;
  ResourceSet resources;
  Problems problems;  // sorted; not empty: nothing may run
  Problems notices;
};

// What a command makes on this machine before it connects: nothing (validate); the private folder of secrets, without
// which it could not connect; and, when it moves rows, the directories of use.volumes too.
enum class LocalFiles { kNone, kSecrets, kSecretsAndVolumes };

// Fills the addresses of everything that was loaded.
ReadyManifests ResolveAll(LoadedManifests loaded, const ConnectorRegistry& registry, LocalFiles local);

// A notice for every pipeline that replaces a table that one before it replaces at the same sink: of what the two load
// only the later one's rows stay.
void NoteRepeatedReplaces(ReadyManifests& ready);

// Adds a notice for each of sink.options' special options (options.h) that the pipeline's sink does not honour.
void NoteIgnoredSinkOptions(ReadyManifests& ready, const ConnectorRegistry& registry);

// Tells the user of every problem (or, with `json`, writes {"is_success": false, "error": …, "problems": […]} to out).
// Returns kWrongInput.
int ReportProblems(Context& context, const Problems& problems, bool json);
void ReportNotices(Context& context, const Problems& notices);

// An address by itself, resolved, and the connector that answers to it.
struct OpenAddress {
  Address address;
  const Connector* connector = nullptr;
};
Result<OpenAddress> FindAddress(Context& context, const std::string& text,
                                const std::optional<std::string>& resource_folder);

// What a source or sink of a single command is opened with: the default memory plan, no options.
OpenContext MakeOpenContext(const Context& context);

// "customers/load" for people; "ingest" for one from flags, which has no name.
std::string DisplayName(const Pipeline& pipeline);

}  // namespace nilus::cli
