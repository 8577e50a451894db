#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "nilus/base/redact.h"
#include "nilus/cdc/job.h"
#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"
#include "nilus/engine/job.h"

namespace nilus::cli {
namespace {

bool HasProblem(const ReadyManifests& ready, const std::string& file) {
  return std::ranges::any_of(ready.problems, [&](const Problem& problem) { return problem.place.file == file; });
}

bool HasConnectors(const Pipeline& pipeline, const ConnectorRegistry& registry) {
  return registry.Find(pipeline.source.address.scheme) && pipeline.sink && registry.Find(pipeline.sink->address.scheme);
}

// What a run of the pipeline would say before it connects. Nothing: it would not, or cannot be asked.
std::optional<Error> RefusalOf(const Context& context, const ReadyPipeline& ready) {
  const Pipeline& pipeline = ready.pipeline;
  if (RefuseToRun(pipeline) || !HasConnectors(pipeline, context.registry)) return std::nullopt;
  const Result<RunOptions> options = MakeRunOptions(context, ready);
  if (!options) return std::nullopt;  // of this process, not of the manifest
  const Status made = pipeline.type == PipelineType::kCdc
                          ? MakeCdcJob(pipeline, context.registry, *options).map([](const CdcJob&) {})
                          : MakeBatchJob(pipeline, context.registry, *options).map([](const BatchJob&) {});
  return made ? std::nullopt : std::optional(made.error());
}

// Of files that are right by themselves: a delete+insert without an incremental_key, say. Pipelines that this version
// cannot run yet are checked as manifests alone.
void CheckJobs(const Context& context, ReadyManifests& ready) {
  Problems found;
  for (size_t i = 0; i < ready.pipelines.size(); ++i) {
    const SourcePlace& place = ready.pipelines[i].pipeline.place;
    if (HasProblem(ready, place.file)) continue;
    std::optional<Error> refusal = RefusalOf(context, ready.pipelines[i]);
    if (!refusal && i > 0 && ready.pipelines[i - 1].pipeline.place.file == place.file)
      refusal = RefuseBehind(ready.pipelines[i - 1].pipeline, ready.pipelines[i].pipeline);
    if (!refusal) continue;
    found.push_back({.place = place, .path = {}, .message = refusal->message, .fix = refusal->fix});
  }
  ready.problems.insert(ready.problems.end(), found.begin(), found.end());
  SortProblems(ready.problems);
}

class Validate final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.OperandList("FILE", &files_, "manifests to check");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets one value of every document first");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--no-resolve", &no_resolve_, "checks the files alone: variables and secrets need not be there");
    arguments.Flag("--json", &json_, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    LoadedManifests loaded = LoadManifests(files_, MakeLoadOptions(context.registry, overrides_, resources_));
    ReadyManifests ready;
    if (no_resolve_) {
      ready.problems = std::move(loaded.problems);
      ready.notices = std::move(loaded.notices);
      for (Pipeline& pipeline : loaded.pipelines) ready.pipelines.push_back({std::move(pipeline), {}});
      NoteRepeatedReplaces(ready);
      NoteIgnoredSinkOptions(ready, context.registry);
    } else {
      ready = ResolveAll(std::move(loaded), context.registry, LocalFiles::kNone);
      CheckJobs(context, ready);
    }
    return json_ ? AnswerJson(context, ready) : AnswerText(context, ready);
  }

 private:
  static int AnswerText(Context& context, const ReadyManifests& ready) {
    ReportNotices(context, ready.notices);
    if (!ready.problems.empty()) return ReportProblems(context, ready.problems, false);
    for (const ReadyPipeline& item : ready.pipelines) {
      context.out.Write(fmt::format("{}: {} ({}) is valid\n", EscapeForTerminal(item.pipeline.place.file),
                                    EscapeForTerminal(DisplayName(item.pipeline)),
                                    PipelineTypeName(item.pipeline.type)));
    }
    if (ready.pipelines.empty()) context.out.Write("valid, and without any pipeline\n");
    return kDone;
  }

  static int AnswerJson(Context& context, const ReadyManifests& ready) {
    nlohmann::ordered_json result;
    result["is_valid"] = ready.problems.empty();
    result["pipelines"] = nlohmann::ordered_json::array();
    for (const ReadyPipeline& item : ready.pipelines) {
      result["pipelines"].push_back({{"name", Redact(DisplayName(item.pipeline))},
                                     {"file", item.pipeline.place.file},
                                     {"type", PipelineTypeName(item.pipeline.type)}});
    }
    result["problems"] = nlohmann::json::parse(RenderProblemsJson(ready.problems));
    result["notices"] = nlohmann::json::parse(RenderProblemsJson(ready.notices));
    context.out.Write(result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return ready.problems.empty() ? kDone : kWrongInput;
  }

  std::vector<std::string> files_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  bool no_resolve_ = false;
  bool json_ = false;
};

constexpr std::string_view kExamples[] = {
    "nilus validate --no-resolve examples/files-to-duckdb.yaml",
    "nilus validate pipelines/*.yaml --resources resources --json",
};

}  // namespace

constinit const CommandEntry kValidateCommand{
    "validate", "finds every problem of manifests at once, and runs nothing",
    "Each problem is shown with file:line:column, its path and what to write instead. Exit code 2 when there is one.",
    kExamples, [] { return std::unique_ptr<Command>(new Validate); }};

}  // namespace nilus::cli
