// `nilus cdc`: what a capture is doing, and what it is asked to do.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "nilus/base/nearest.h"
#include "nilus/base/redact.h"
#include "nilus/cdc/inspect.h"
#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"

namespace nilus::cli {
namespace {

constexpr std::array<std::string_view, 3> kActions = {"status", "snapshot", "drop"};

std::string Safe(std::string_view text) { return EscapeForTerminal(Redact(text)); }

// The same of text of several lines, further ones indented.
std::string SafeLines(std::string_view text) { return Indented(EscapeForTerminal(Redact(text), true), 2); }

std::string RenderService(const std::string& text) {
  const nlohmann::json service = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!service.is_object()) return "  service: none has run on this machine\n";
  const auto text_of = [&](const char* key) {
    return service.contains(key) && service[key].is_string() ? service[key].get<std::string>() : std::string();
  };
  const auto number_of = [&](const char* key) {
    return service.contains(key) && service[key].is_number() ? service[key].get<double>() : 0.0;
  };
  std::string lines = fmt::format("  service: {} at {}, {}", Safe(text_of("state")), Safe(text_of("updated_at")),
                                  FormatRows(static_cast<int64_t>(number_of("rows"))));
  if (service.contains("rows_per_second")) {
    lines += fmt::format(", {} rows/s, behind by {}", FormatCount(static_cast<int64_t>(number_of("rows_per_second"))),
                         FormatSeconds(number_of("behind_seconds")));
  }
  lines += "\n";
  if (const std::string error = text_of("last_error"); !error.empty())
    lines += fmt::format("  last error: {}\n", SafeLines(error));
  return lines;
}

std::string Render(const CdcStatus& status) {
  std::string text = Safe(status.pipeline) + "\n";
  text += fmt::format("  committed: {}{}\n", status.position.empty() ? "nothing" : Safe(status.position),
                      status.behind_bytes ? ", " + FormatBytes(*status.behind_bytes) + " behind the source" : "");
  if (!status.source_error.empty()) {
    text += fmt::format("  source: cannot be asked: {}\n", SafeLines(status.source_error));
  } else {
    text += fmt::format("  source: {}, written up to {}, confirmed {}, {} of log kept\n", Safe(status.source.state),
                        Safe(status.head), status.confirmed.empty() ? "nothing" : Safe(status.confirmed),
                        FormatBytes(status.source.retained_bytes));
  }
  if (!status.source.lost.empty()) {
    text += fmt::format("  LOST: {}\n  fix: {}\n", Safe(status.source.lost), Safe(status.fix));
  }
  if (status.source.bytes_until_lost) {
    text += fmt::format("  lost when the source has written {} more", FormatBytes(*status.source.bytes_until_lost));
    if (status.seconds_until_lost) text += ", in about " + FormatSeconds(*status.seconds_until_lost);
    text += "\n";
  }
  for (const std::string& table : status.pending) text += fmt::format("  to be read: {}\n", Safe(table));
  return text + RenderService(status.service);
}

class Cdc final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ACTION", &action_, true, "status, snapshot or drop");
    arguments.Operand("FILE", &file_, true, "the manifest whose pipeline is meant");
    arguments.TextList("--table", "NAME", &tables_, "snapshot: schema.table, or a regular expression of it");
    arguments.Flag("--anew", &anew_, "snapshot: in one step, in place of what is there; the stream waits meanwhile");
    arguments.Text("--node", "NAME", &node_, "one pipeline of several: a workflow's node, or a document's name");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets one value of every document first");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--json", &json_, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    if (std::find(kActions.begin(), kActions.end(), action_) == kActions.end()) {
      const std::string nearest = Nearest(action_, kActions);
      return AnswerError(context,
                         Error{ErrorKind::kInvalidInput, "`nilus cdc` does not know `" + action_ + "`",
                               nearest.empty() ? "write status, snapshot or drop, then the manifest"
                                               : "did you mean `" + nearest + "`?"},
                         json_);
    }
    if ((action_ == "snapshot") == tables_.empty()) {
      return AnswerError(context,
                         action_ == "snapshot"
                             ? Error{ErrorKind::kInvalidInput, "no table is named",
                                     "add --table public.orders, or --table 'public\\..*'"}
                             : Error{ErrorKind::kInvalidInput, "--table is of `nilus cdc snapshot`", "leave it out"},
                         json_);
    }
    const std::string files[] = {file_};
    ReadyManifests ready = ResolveAll(LoadManifests(files, MakeLoadOptions(context.registry, overrides_, resources_)),
                                      context.registry, LocalFiles::kSecrets);
    if (!ready.problems.empty()) return ReportProblems(context, ready.problems, json_);
    std::vector<const ReadyPipeline*> chosen;
    for (const ReadyPipeline& item : ready.pipelines) {
      const bool is_meant = !node_ || item.pipeline.node == *node_ || item.pipeline.name == *node_;
      if (is_meant && item.pipeline.type == PipelineType::kCdc) chosen.push_back(&item);
    }
    if (chosen.size() != 1) {
      return AnswerError(
          context,
          Error{ErrorKind::kInvalidInput, fmt::format("{} holds {} pipelines of type: cdc", file_, chosen.size()),
                chosen.empty() ? "give the manifest of one" : "choose one with --node"},
          json_);
    }
    return Act(context, *chosen.front());
  }

 private:
  int Act(Context& context, const ReadyPipeline& ready) const {
    const Pipeline& pipeline = ready.pipeline;
    const auto fail = [&](const Error& error) {
      return AnswerError(context, InContext(DisplayName(pipeline), error), json_);
    };
    Result<RunOptions> options = MakeRunOptions(context, ready);
    if (!options) return fail(options.error());
    if (action_ == "status") {
      Result<CdcStatus> status = AskCdcStatus(pipeline, context.registry, *options);
      if (!status) return fail(status.error());
      context.out.Write(json_ ? ToJson(*status) + "\n" : Render(*status));
      return status->source_error.empty() ? kDone : kRunFailed;
    }
    const Status done = action_ == "drop" ? DropCapture(pipeline, context.registry, *options)
                                          : AskForSnapshot(pipeline, context.registry, *options, tables_, anew_);
    if (!done) return fail(done.error());
    const std::string_view what = action_ == "drop"
                                      ? "what the source kept for the pipeline is gone; its committed position stays"
                                      : "asked for: the service begins within a second, or when it is started";
    context.out.Write(json_ ? "{\"is_success\":true}\n" : fmt::format("{}\n", what));
    return kDone;
  }

  std::string action_;
  std::string file_;
  std::vector<std::string> tables_;
  bool anew_ = false;
  std::optional<std::string> node_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  bool json_ = false;
};

constexpr std::string_view kExamples[] = {
    "nilus cdc status shop-cdc.yaml",
    "nilus cdc snapshot shop-cdc.yaml --table public.orders",
    "nilus cdc drop shop-cdc.yaml",
};

}  // namespace

constinit const CommandEntry kCdcCommand{
    "cdc", "shows what a capture is doing, or asks it for a snapshot",
    "`status` tells how far the destination is behind the source, what the source keeps for it and what is still to "
    "be\n"
    "read. `snapshot` has tables read again while the service runs. `drop` removes what the source keeps (its slot).",
    kExamples, [] { return std::unique_ptr<Command>(new Cdc); }};

}  // namespace nilus::cli
