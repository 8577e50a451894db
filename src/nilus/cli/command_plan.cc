#include <optional>

#include "nilus/cli/command.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"

namespace nilus::cli {
namespace {

class Plan final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.OperandList("FILE", &files_, "manifests to plan");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets one value of every document first");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--json", &settings_.json, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    settings_.dry_run = true;
    LoadedManifests loaded = LoadManifests(files_, MakeLoadOptions(context.registry, overrides_, resources_));
    return RunPipelines(context, ResolveAll(std::move(loaded), context.registry, FilesOf(settings_)), settings_);
  }

 private:
  std::vector<std::string> files_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  RunSettings settings_;
};

constexpr std::string_view kExamples[] = {"DEMO_DIR=demo-out nilus plan examples/files-to-duckdb.yaml"};

}  // namespace

constinit const CommandEntry kPlanCommand{"plan", "shows what a run would do",
                                          "Connects and reads schemas and state, changes nothing: tables, columns, "
                                          "types, statements, estimates and the cursor.",
                                          kExamples, [] { return std::unique_ptr<Command>(new Plan); }};

}  // namespace nilus::cli
