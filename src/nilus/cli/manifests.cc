#include "nilus/cli/manifests.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "nilus/base/clock.h"
#include "nilus/base/memory_plan.h"
#include "nilus/base/redact.h"
#include "nilus/cli/display.h"
#include "nilus/connector/address_params.h"

namespace nilus::cli {
namespace {

ConnectorOptionsLookup OptionsLookup(const ConnectorRegistry& registry) {
  return [&registry](std::string_view scheme, bool is_sink) -> std::optional<std::span<const OptionSpec>> {
    Result<const Connector*> connector = registry.Find(scheme);
    if (!connector) return std::nullopt;
    return is_sink ? (*connector)->sink_options : (*connector)->source_options;
  };
}

// Parameters that an address has and its connector does not know.
void CheckParams(const Endpoint& endpoint, const ConnectorRegistry& registry, Problems& problems) {
  if (endpoint.address.scheme.empty()) return;  // could not be resolved: reported
  Result<const Connector*> connector = registry.Find(endpoint.address.scheme);
  if (!connector) return;  // whoever opens it says so
  Status checked = CheckAddressParams(endpoint.address, **connector);
  if (checked) return;
  problems.push_back({.place = endpoint.place,
                      .path = endpoint.path,
                      .message = std::move(checked.error().message),
                      .fix = std::move(checked.error().fix)});
}

}  // namespace

LoadOptions MakeLoadOptions(const ConnectorRegistry& registry, const std::vector<std::string>& overrides,
                            const std::optional<std::string>& resource_folder) {
  LoadOptions options;
  options.overrides = overrides;
  options.resource_folder = resource_folder.value_or("");
  options.connector_options = OptionsLookup(registry);
  for (const Connector* connector : registry.all()) {
    for (std::string_view scheme : connector->schemes) options.known_schemes.emplace_back(scheme);
  }
  return options;
}

ReadyManifests ResolveAll(LoadedManifests loaded, const ConnectorRegistry& registry, LocalFiles local) {
  ReadyManifests ready{.resources = std::move(loaded.resources),
                       .problems = std::move(loaded.problems),
                       .notices = std::move(loaded.notices)};
  ResolveOptions options;
  options.write_files = local != LocalFiles::kNone;
  options.make_volumes = local == LocalFiles::kSecretsAndVolumes;
  options.connector_options = OptionsLookup(registry);
  for (Pipeline& pipeline : loaded.pipelines) {
    ReadyPipeline& added = ready.pipelines.emplace_back();
    added.pipeline = std::move(pipeline);
    added.resolved = ResolvePipeline(added.pipeline, ready.resources, options, ready.problems);
    CheckParams(added.pipeline.source, registry, ready.problems);
    if (added.pipeline.sink) CheckParams(*added.pipeline.sink, registry, ready.problems);
  }
  SortProblems(ready.problems);
  NoteRepeatedReplaces(ready);
  NoteIgnoredSinkOptions(ready, registry);
  return ready;
}

void NoteIgnoredSinkOptions(ReadyManifests& ready, const ConnectorRegistry& registry) {
  for (const ReadyPipeline& item : ready.pipelines) {
    const Pipeline& pipeline = item.pipeline;
    if (!pipeline.sink) continue;
    const std::string& text = pipeline.sink->address_text;
    const std::string& resolved = pipeline.sink->address.scheme;
    Result<const Connector*> sink = registry.Find(resolved.empty() ? text.substr(0, text.find("://")) : resolved);
    if (!sink) continue;                                                                  // reported, or not known yet
    std::string section = pipeline.sink->path.substr(0, pipeline.sink->path.rfind('.'));  // spec.sink.address
    for (const auto& [name, place] : pipeline.sink_options.special) {
      std::span<const std::string_view> honoured = (*sink)->honoured_sink_options;
      if (std::find(honoured.begin(), honoured.end(), name) != honoured.end()) continue;
      ready.notices.push_back(Problem{.place = place,
                                      .path = fmt::format("{}.options.{}", section, name),
                                      .message = fmt::format("ignored: {} has no use for it", (*sink)->title),
                                      .fix = "remove it"});
    }
  }
  SortProblems(ready.notices);
}

void NoteRepeatedReplaces(ReadyManifests& ready) {
  std::map<std::string, std::string> names;  // of the first pipeline, by sink and table
  for (const ReadyPipeline& item : ready.pipelines) {
    const Pipeline& pipeline = item.pipeline;
    const SinkOptions& options = pipeline.sink_options;
    if (pipeline.type != PipelineType::kBatch || !pipeline.sink || options.dest_table.empty()) continue;
    if (options.incremental_strategy != IncrementalStrategy::kReplace) continue;
    auto [first, is_new] =
        names.try_emplace(pipeline.sink->address_text + '\n' + options.dest_table, DisplayName(pipeline));
    if (is_new) continue;
    ready.notices.push_back(Problem{.place = pipeline.sink->place,
                                    .path = pipeline.sink->path,
                                    .message = fmt::format("`{}` replaces {} too: only the rows of the later one stay",
                                                           first->second, options.dest_table),
                                    .fix = "give one of them another dest_table, or `incremental_strategy: append`"});
  }
}

int ReportProblems(Context& context, const Problems& problems, bool json) {
  if (json) {
    nlohmann::ordered_json result;
    result["is_success"] = false;
    result["error"] = {
        {"kind", "invalid_input"},
        {"message", fmt::format("{} problem{} in the input", problems.size(), problems.size() == 1 ? "" : "s")}};
    result["problems"] = nlohmann::json::parse(RenderProblemsJson(problems));
    context.out.Write(result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return kWrongInput;
  }
  for (const Problem& problem : problems) {
    context.err.Write(Styled(context, Style::kRed, "error:") + " " + EscapeForTerminal(problem.ToString()) + "\n");
  }
  if (problems.size() > 1) context.err.Write(fmt::format("{} problems; nothing was run\n", problems.size()));
  return kWrongInput;
}

void ReportNotices(Context& context, const Problems& notices) {
  for (const Problem& notice : notices) Note(context, notice.ToString());
}

Result<OpenAddress> FindAddress(Context& context, const std::string& text,
                                const std::optional<std::string>& resource_folder) {
  LoadedManifests loaded = LoadManifests({}, MakeLoadOptions(context.registry, {}, resource_folder));
  NILUS_TRY(ProblemsToStatus(loaded.problems));
  ResolveOptions options;
  options.connector_options = OptionsLookup(context.registry);
  NILUS_ASSIGN(Address address, ResolveAddress(text, loaded.resources, options));
  NILUS_ASSIGN(const Connector* connector, context.registry.Find(address.scheme));
  NILUS_TRY(CheckAddressParams(address, *connector));
  return OpenAddress{std::move(address), connector};
}

OpenContext MakeOpenContext(const Context& context) {
  MemoryPlan plan = PlanMemory(kDefaultMemoryLimit);
  OpenContext open;
  open.memory_bytes = plan.queue_bytes;
  open.duckdb_bytes = plan.duckdb_bytes;
  open.threads = CpuCount();
  open.stop = context.stop;
  return open;
}

std::string DisplayName(const Pipeline& pipeline) {
  if (pipeline.name.empty()) return "ingest";
  return pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
}

}  // namespace nilus::cli
