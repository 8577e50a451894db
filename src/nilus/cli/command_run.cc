#include <optional>

#include "nilus/cli/command.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"

namespace nilus::cli {
namespace {

class RunFiles final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.OperandList("FILE", &files_, "manifests: pipelines, and the depots and secrets they name");
    arguments.TextList("--set", "PATH=VALUE", &overrides_,
                       "sets one value of every document, e.g. spec.source.options.sql_limit=10");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--dry-run", &settings_.dry_run, "shows what would be done, as `nilus plan` does");
    arguments.Flag("--json", &settings_.json, "writes one JSON object at the end, for machines");
    arguments.Flag("--quiet", &settings_.quiet, "shows nothing but errors");
    arguments.Flag("--debug", &settings_.debug, "logs every step");
  }

  int Run(Context& context) override {
    settings_.progress = ChooseProgress(context, settings_.quiet);
    LoadedManifests loaded = LoadManifests(files_, MakeLoadOptions(context.registry, overrides_, resources_));
    return RunPipelines(context, ResolveAll(std::move(loaded), context.registry, FilesOf(settings_)), settings_);
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  RunSettings settings_;
};

constexpr std::string_view kExamples[] = {
    "DEMO_DIR=demo-out nilus run examples/files-to-duckdb.yaml",
    "nilus run pipeline.yaml --set spec.source.options.sql_limit=10 --dry-run",
    "nilus run *.yaml --json --quiet > report.json",
};

}  // namespace

constinit const CommandEntry kRunCommand{
    "run", "runs the pipelines of manifests",
    "Pipelines run one after another; a workflow's node starts when those it depends on have succeeded.\n"
    "SIGINT or SIGTERM stops gracefully: what was committed stays, the rest is as before.",
    kExamples, [] { return std::unique_ptr<Command>(new RunFiles); }};

}  // namespace nilus::cli
