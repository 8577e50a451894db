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

// What run would say before it connects, of files that are right by themselves: a merge without a key, say. Pipelines
// that this version cannot run yet are checked as manifests alone.
void CheckJobs(const Context& context, ReadyManifests& ready) {
  Problems found;
  for (const ReadyPipeline& item : ready.pipelines) {
    const Pipeline& pipeline = item.pipeline;
    if (RefuseToRun(pipeline) || HasProblem(ready, pipeline.place.file) || !HasConnectors(pipeline, context.registry))
      continue;
    Result<RunOptions> options = MakeRunOptions(context, item);
    if (!options) continue;  // of this process, not of the manifest
    Status made = pipeline.type == PipelineType::kCdc
                      ? MakeCdcJob(pipeline, context.registry, *options).map([](const CdcJob&) {})
                      : MakeBatchJob(pipeline, context.registry, *options).map([](const BatchJob&) {});
    if (made) continue;
    found.push_back({.place = pipeline.place, .path = {}, .message = made.error().message, .fix = made.error().fix});
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
