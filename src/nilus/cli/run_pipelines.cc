#include "nilus/cli/run_pipelines.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "nilus/base/log.h"
#include "nilus/base/redact.h"
#include "nilus/cdc/inspect.h"
#include "nilus/cdc/run.h"
#include "nilus/cli/display.h"
#include "nilus/cli/run_summary.h"
#include "nilus/engine/report_json.h"
#include "nilus/engine/run.h"

namespace nilus::cli {
namespace {

using Json = nlohmann::ordered_json;

// What one pipeline came to.
struct Outcome {
  int code = kDone;
  Json json;
  std::string next_step;  // of a run that succeeded
};

Json ErrorJson(const Pipeline& pipeline, const Error& error) {
  return {{"name", Redact(DisplayName(pipeline))}, {"is_success", false}, {"error", Json::parse(ErrorToJson(error))}};
}

Outcome Refuse(Context& context, const Pipeline& pipeline, const Error& error) {
  return {ReportError(context, InContext(DisplayName(pipeline), error), true), ErrorJson(pipeline, error)};
}

Outcome PlanCapture(Context& context, const Pipeline& pipeline, const RunOptions& options,
                    const RunSettings& settings) {
  Result<CdcPlan> plan = PlanCdc(pipeline, context.registry, options);
  if (!plan) {
    return {ReportError(context, InContext(DisplayName(pipeline), plan.error())), ErrorJson(pipeline, plan.error())};
  }
  if (!settings.json && !settings.quiet) context.out.Write(RenderCdcPlan(*plan));
  return {plan->IsUsable() ? kDone : kRunFailed, settings.json ? Json::parse(ToJson(*plan)) : Json()};
}

Outcome Plan(Context& context, const Pipeline& pipeline, const RunOptions& options, const RunSettings& settings) {
  Result<PlanReport> plan = PlanPipeline(pipeline, context.registry, options);
  if (!plan) {
    return {ReportError(context, InContext(DisplayName(pipeline), plan.error())), ErrorJson(pipeline, plan.error())};
  }
  if (!settings.json && !settings.quiet) context.out.Write(RenderPlan(context, *plan));
  return {kDone, settings.json ? Json::parse(ToJson(*plan)) : Json()};
}

Outcome Run(Context& context, const Pipeline& pipeline, RunOptions options, const RunSettings& settings) {
  SetLogLevel(settings.debug   ? LogLevel::kDebug
              : settings.quiet ? LogLevel::kError
                               : pipeline.log_level.value_or(LogLevel::kWarning));
  const bool is_capture = pipeline.type == PipelineType::kCdc;
  Progress progress;
  options.progress = &progress;
  RunReport report;
  {
    ProgressView view(context, progress, DisplayName(pipeline), settings.progress);
    report =
        is_capture ? RunCdc(pipeline, context.registry, options) : RunPipeline(pipeline, context.registry, options);
  }
  report.name = DisplayName(pipeline);
  Outcome outcome{nilus::ExitCode(report), settings.json ? Json::parse(ToJson(report)) : Json()};
  if (!settings.quiet) {
    for (const std::string& warning : report.warnings) Warn(context, warning);
  }
  if (report.error) {
    Error error{report.error->kind, report.error->message, report.error->fix};
    std::string where = report.name;
    if (!report.error->phase.empty()) where += ", " + report.error->phase;
    if (!report.error->table.empty()) where += " of " + report.error->table;
    ReportError(context, InContext(where, std::move(error)), true);
  } else if (!settings.json && !settings.quiet) {
    context.out.Write(RenderRunSummary(context, report, pipeline));
    context.out.Flush();  // keeps its place among the lines on err
    if (!is_capture) outcome.next_step = RenderNextStep(report, pipeline);
  } else if (!settings.quiet) {
    context.err.Write(
        fmt::format("{}: done in {}\n", EscapeForTerminal(Redact(report.name)), FormatSeconds(report.seconds)));
  }
  return outcome;
}

// Names a node among all documents of all files: dependencies are within one document.
std::string NodeKey(const Pipeline& pipeline, const std::string& node) {
  return pipeline.place.file + '\n' + pipeline.Id().substr(0, pipeline.Id().size() - pipeline.node.size()) + '\n' +
         node;
}

}  // namespace

Result<RunOptions> MakeRunOptions(const Context& context, const ReadyPipeline& ready) {
  RunOptions options;
  options.stop = context.stop;
  options.variables = ready.resolved.variables;
  constexpr const char* kRetryAttempts = "NILUS_RETRY_ATTEMPTS";
  if (const char* text = std::getenv(kRetryAttempts); text != nullptr && *text != '\0') {
    constexpr int64_t kMostAttempts = 100;
    std::optional<int64_t> attempts = ParseInteger(text);
    if (!attempts || *attempts < 1 || *attempts > kMostAttempts) {
      return FailWithFix(ErrorKind::kInvalidInput, "set it to a number from 1 (no second attempt) to 100, or unset it",
                         "the variable {} is no number of attempts", kRetryAttempts);
    }
    options.retry.max_attempts = options.attempts_to_get_through = static_cast<int>(*attempts);
  }
  return options;
}

ProgressMode ChooseProgress(const Context& context, bool quiet) {
  if (quiet) return ProgressMode::kNone;
  return context.err_is_terminal ? ProgressMode::kLive : ProgressMode::kPlain;
}

std::optional<Error> RefuseToRun(const Pipeline& pipeline) {
  if (pipeline.type == PipelineType::kBatch || pipeline.type == PipelineType::kCdc) return std::nullopt;
  return Error{ErrorKind::kUnsupported,
               fmt::format("pipelines of `type: {}` cannot run in this version", PipelineTypeName(pipeline.type)),
               "`type: batch` and `type: cdc` run"};
}

std::optional<Error> RefuseBehind(const Pipeline& first, const Pipeline& next) {
  if (first.type != PipelineType::kCdc) return std::nullopt;
  return Error{ErrorKind::kInvalidInput,
               fmt::format("pipeline `{}` of `type: cdc` runs until it is stopped, and `{}` stands behind it",
                           DisplayName(first), DisplayName(next)),
               "run each capture by a process of its own, or name it last"};
}

namespace {

std::optional<Error> RefuseBehindCapture(const ReadyManifests& manifests) {
  for (size_t i = 0; i + 1 < manifests.pipelines.size(); ++i) {
    auto refusal = RefuseBehind(manifests.pipelines[i].pipeline, manifests.pipelines[i + 1].pipeline);
    if (refusal) return refusal;
  }
  return std::nullopt;
}

}  // namespace

int RunPipelines(Context& context, ReadyManifests manifests, const RunSettings& settings) {
  if (!settings.quiet) ReportNotices(context, manifests.notices);
  if (!manifests.problems.empty()) return ReportProblems(context, manifests.problems, settings.json);
  if (manifests.pipelines.empty()) {
    return AnswerError(context,
                       Error{ErrorKind::kInvalidInput, "there is no pipeline in what was given",
                             "a pipeline is a document of `type: nilus`, `workflow` or `service`"},
                       settings.json);
  }
  if (std::optional<Error> refusal = RefuseBehindCapture(manifests); refusal && !settings.dry_run)
    return AnswerError(context, *refusal, settings.json);
  int code = kDone;
  bool has_run = false;  // at least one pipeline came further than its own input
  std::string next_step;
  std::set<std::string> failed;
  Json runs = Json::array();
  for (ReadyPipeline& ready : manifests.pipelines) {
    const Pipeline& pipeline = ready.pipeline;
    Outcome outcome;
    std::string missing;
    for (const std::string& node : pipeline.depends_on) {
      if (failed.contains(NodeKey(pipeline, node))) missing = node;
    }
    if (context.stop.stop_requested()) {
      outcome = {kInterrupted,
                 ErrorJson(pipeline, Error{ErrorKind::kCancelled, "not started: a stop was requested", {}})};
    } else if (!missing.empty()) {
      outcome = Refuse(context, pipeline,
                       Error{ErrorKind::kCancelled, fmt::format("skipped, because `{}` did not succeed", missing), {}});
    } else if (std::optional<Error> refusal = RefuseToRun(pipeline)) {
      outcome = Refuse(context, pipeline, *refusal);
    } else if (Result<RunOptions> options = MakeRunOptions(context, ready); !options) {
      return AnswerError(context, options.error(), settings.json);
    } else {
      if (!settings.dry_run) {
        outcome = Run(context, pipeline, *options, settings);
      } else if (pipeline.type == PipelineType::kCdc) {
        outcome = PlanCapture(context, pipeline, *options, settings);
      } else {
        outcome = Plan(context, pipeline, *options, settings);
      }
      has_run = has_run || (!settings.dry_run && outcome.code != kWrongInput);
    }
    if (outcome.code != kDone) failed.insert(NodeKey(pipeline, pipeline.node));
    if (code == kDone || outcome.code == kInterrupted) code = outcome.code;
    if (!outcome.next_step.empty()) next_step = std::move(outcome.next_step);
    runs.push_back(std::move(outcome.json));
    ready.resolved.secret_folder.reset();  // its secrets are needed no longer
  }
  if (code == kWrongInput && has_run) code = kRunFailed;
  context.out.Write(next_step);
  if (settings.json) {
    Json result =
        runs.size() == 1 ? std::move(runs.front()) : Json{{"is_success", code == kDone}, {"runs", std::move(runs)}};
    context.out.Write(result.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  return code;
}

}  // namespace nilus::cli
