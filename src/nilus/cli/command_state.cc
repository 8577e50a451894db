#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "nilus/base/redact.h"
#include "nilus/cdc/inspect.h"
#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"
#include "nilus/cli/run_summary.h"
#include "nilus/engine/report_json.h"
#include "nilus/engine/run.h"

namespace nilus::cli {
namespace {

class State final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ACTION", &action_, true, "show, set or reset");
    arguments.Operand("FILE", &file_, true, "the manifest whose pipeline is meant");
    arguments.Operand("VALUE", &value_, false,
                      "set: a position as `show` prints it, or a value of the key; - reads it from stdin");
    arguments.Text("--node", "NAME", &node_, "one pipeline of several: a workflow's node, or a document's name");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets one value of every document first");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--json", &json_, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    if (action_ != "show" && action_ != "set" && action_ != "reset") {
      return Refuse(context, "`nilus state` does not know `" + action_ + "`",
                    "write show, set or reset, then the manifest");
    }
    if ((action_ == "set") == value_.empty()) {
      return action_ == "set"
                 ? Refuse(context, "`nilus state set` needs a value behind the manifest",
                          "give a position as `nilus state show` prints it, or a value of the incremental key")
                 : Refuse(context, "`nilus state " + action_ + "` takes no value", "leave it out");
    }
    if (value_ == "-") {  // positions may be longer than a command line
      value_.assign(std::istreambuf_iterator<char>(std::cin), {});
      while (!value_.empty() && (value_.back() == '\n' || value_.back() == '\r')) value_.pop_back();
      if (value_.empty())
        return Refuse(context, "standard input holds no position", "write it there, or behind the manifest");
    }
    const std::string files[] = {file_};
    ReadyManifests ready = ResolveAll(LoadManifests(files, MakeLoadOptions(context.registry, overrides_, resources_)),
                                      context.registry, LocalFiles::kSecrets);
    if (!ready.problems.empty()) return ReportProblems(context, ready.problems, json_);
    std::vector<const ReadyPipeline*> chosen;
    for (const ReadyPipeline& item : ready.pipelines) {
      if (!node_ || item.pipeline.node == *node_ || item.pipeline.name == *node_) chosen.push_back(&item);
    }
    if (chosen.empty()) return Refuse(context, "no pipeline of " + file_ + " is meant", "check --node");
    if (chosen.size() > 1 && action_ != "show")
      return Refuse(context, fmt::format("{} holds {} pipelines", file_, chosen.size()), "choose one with --node");
    return Answer(context, chosen);
  }

 private:
  int Refuse(Context& context, std::string message, std::string fix) const {
    return AnswerError(context, Error{ErrorKind::kInvalidInput, std::move(message), std::move(fix)}, json_);
  }

  Result<StateReport> Change(Context& context, const Pipeline& pipeline, const RunOptions& options) const {
    if (pipeline.type == PipelineType::kCdc) {
      return action_ == "set" ? SetCdcState(pipeline, context.registry, options, value_)
                              : ResetCdcState(pipeline, context.registry, options);
    }
    return action_ == "set" ? SetState(pipeline, context.registry, options, value_)
                            : ResetState(pipeline, context.registry, options);
  }

  int Answer(Context& context, const std::vector<const ReadyPipeline*>& chosen) const {
    nlohmann::ordered_json answers = nlohmann::ordered_json::array();
    for (const ReadyPipeline* ready : chosen) {
      const Pipeline* pipeline = &ready->pipeline;
      if (std::optional<Error> refusal = RefuseToRun(*pipeline)) return AnswerError(context, *refusal, json_, true);
      Result<RunOptions> options = MakeRunOptions(context, *ready);
      if (!options) return AnswerError(context, options.error(), json_);
      const bool is_capture = pipeline->type == PipelineType::kCdc;
      Result<StateReport> before = is_capture ? ShowCdcState(*pipeline, context.registry, *options)
                                              : ShowState(*pipeline, context.registry, *options);
      if (!before) return AnswerError(context, InContext(DisplayName(*pipeline), before.error()), json_);
      StateReport state = *before;
      if (action_ != "show") {
        Result<StateReport> after = Change(context, *pipeline, *options);
        if (!after) return AnswerError(context, InContext(DisplayName(*pipeline), after.error()), json_);
        state = *after;
        if (!before->position.empty() && !json_) {
          // What was there can be put back; a here-string, as a command line may be too short for it.
          Note(context,
               fmt::format("to put back the position that was there: nilus state set {} - <<<", ShellQuote(file_)),
               " " + ShellQuote(PositionText(before->position)));
        }
      }
      if (json_) {
        answers.push_back(nlohmann::ordered_json::parse(ToJson(state)));
      } else {
        context.out.Write(RenderState(state));
      }
    }
    if (json_) {
      nlohmann::ordered_json result =
          answers.size() == 1 ? answers.front() : nlohmann::ordered_json{{"states", answers}};
      context.out.Write(result.dump() + "\n");
    }
    return kDone;
  }

  std::string action_;
  std::string file_;
  std::string value_;
  std::optional<std::string> node_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  bool json_ = false;
};

constexpr std::string_view kStateExamples[] = {
    "DEMO_DIR=demo-out nilus state show examples/files-to-duckdb.yaml",
    "nilus state set pipeline.yaml 2024-03-15T00:00:00Z",
    "nilus state reset pipeline.yaml --node load-orders",
};

}  // namespace

constinit const CommandEntry kStateCommand{
    "state", "shows or changes the committed position of a pipeline",
    "The position lives in the destination, beside the rows it came with. `reset` forgets it: the next run reads from\n"
    "the beginning; the rows stay.",
    kStateExamples, [] { return std::unique_ptr<Command>(new State); }};

}  // namespace nilus::cli
