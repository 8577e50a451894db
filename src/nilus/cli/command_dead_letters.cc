#include <nlohmann/json.hpp>
#include <optional>

#include "nilus/base/option_spec.h"
#include "nilus/base/redact.h"
#include "nilus/cdc/letters.h"
#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/run_pipelines.h"
#include "nilus/engine/dead_letters.h"

namespace nilus::cli {
namespace {

std::string Safe(std::string_view text) { return EscapeForTerminal(Redact(text)); }

std::string Letters(int64_t count) { return FormatCount(count) + (count == 1 ? " dead letter" : " dead letters"); }

std::string Render(const DeadLettersReport& report, std::string_view action) {
  std::string text;
  if (action == "list") {
    text = fmt::format("{}: {} in {}\n", Safe(report.pipeline), Letters(report.letters), Safe(report.table));
    for (const DeadLetter& letter : report.shown) {
      text += fmt::format("  {}  load {}\n    `{}`: {}\n    {}\n", Safe(letter.id), Safe(letter.load_id),
                          Safe(letter.column), Safe(letter.reason), Safe(letter.payload));
    }
    if (static_cast<int64_t>(report.shown.size()) < report.letters) text += "  … (--limit shows more)\n";
    return text;
  }
  if (action == "drop") {
    return fmt::format("{}: dropped {} of {}\n", Safe(report.pipeline), Letters(report.dropped), Safe(report.table));
  }
  text = fmt::format("{}: loaded {} of {}, {} left in {}\n", Safe(report.pipeline), FormatCount(report.replayed),
                     Letters(report.letters), FormatCount(report.remaining), Safe(report.table));
  for (const std::string& reason : report.reasons) text += fmt::format("  {}\n", Safe(reason));
  return text;
}

std::string ToJson(const CaptureLetters& letters) {
  std::string tables;
  for (const DeadLettersReport& report : letters.tables) tables += (tables.empty() ? "" : ",") + nilus::ToJson(report);
  std::string failures;
  for (const auto& [table, error] : letters.failures) {
    const std::string name =
        nlohmann::json(Redact(table)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    failures += fmt::format("{}{{\"table\":{},\"error\":{}}}", failures.empty() ? "" : ",", name, ErrorToJson(error));
  }
  return fmt::format("{{\"is_success\":{},\"tables\":[{}],\"failures\":[{}]}}\n", letters.failures.empty(), tables,
                     failures);
}

class DeadLetters final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ACTION", &action_, true, "list, replay or drop");
    arguments.Operand("FILE", &file_, true, "the manifest whose pipeline is meant");
    arguments.Text("--limit", "N", &limit_, "list: shows at most so many (default 20)");
    arguments.Text("--node", "NAME", &node_, "one pipeline of several: a workflow's node, or a document's name");
    arguments.TextList("--set", "PATH=VALUE", &overrides_, "sets one value of every document first");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--json", &json_, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    if (action_ != "list" && action_ != "replay" && action_ != "drop") {
      return Refuse(context, "`nilus dead-letters` does not know `" + action_ + "`",
                    "write list, replay or drop, then the manifest");
    }
    std::optional<int64_t> most = ParseInteger(limit_.value_or("20"));
    if (!most || *most < 0) return Refuse(context, "--limit `" + *limit_ + "` is no number of letters", "write 20");
    const std::string files[] = {file_};
    ReadyManifests ready =
        ResolveAll(LoadManifests(files, MakeLoadOptions(context.registry, overrides_, resources_)), context.registry,
                   action_ == "replay" ? LocalFiles::kSecretsAndVolumes : LocalFiles::kSecrets);
    if (!ready.problems.empty()) return ReportProblems(context, ready.problems, json_);
    std::vector<const ReadyPipeline*> chosen;
    for (const ReadyPipeline& item : ready.pipelines) {
      if (!node_ || item.pipeline.node == *node_ || item.pipeline.name == *node_) chosen.push_back(&item);
    }
    if (chosen.size() != 1) {
      return chosen.empty() ? Refuse(context, "no pipeline of " + file_ + " is meant", "check --node")
                            : Refuse(context, fmt::format("{} holds {} pipelines", file_, chosen.size()),
                                     "choose one with --node");
    }
    const Pipeline& pipeline = chosen.front()->pipeline;
    if (std::optional<Error> refusal = RefuseToRun(pipeline)) return AnswerError(context, *refusal, json_);
    Result<RunOptions> options = MakeRunOptions(context, *chosen.front());
    if (!options) return AnswerError(context, options.error(), json_);
    if (pipeline.type == PipelineType::kCdc) return OfCapture(context, pipeline, *options, *most);
    Result<DeadLettersReport> report = action_ == "list" ? ListDeadLetters(pipeline, context.registry, *options, *most)
                                       : action_ == "replay" ? ReplayDeadLetters(pipeline, context.registry, *options)
                                                             : DropDeadLetters(pipeline, context.registry, *options);
    if (!report) return AnswerError(context, InContext(DisplayName(pipeline), report.error()), json_, true);
    context.out.Write(json_ ? nilus::ToJson(*report) + "\n" : cli::Render(*report, action_));
    return kDone;
  }

 private:
  int OfCapture(Context& context, const Pipeline& pipeline, const RunOptions& options, int64_t most) const {
    if (action_ == "replay") {
      return AnswerError(context,
                         Error{ErrorKind::kUnsupported, "the dead letters of `type: cdc` are not replayed",
                               "mend the rows or the manifest, then have the table read anew: `nilus cdc snapshot " +
                                   file_ + " --table … --anew`; `nilus dead-letters drop` removes the letters"},
                         json_);
    }
    Result<CaptureLetters> letters = action_ == "list" ? ListCaptureLetters(pipeline, context.registry, options, most)
                                                       : DropCaptureLetters(pipeline, context.registry, options);
    if (!letters) return AnswerError(context, InContext(DisplayName(pipeline), letters.error()), json_, true);
    context.out.Write(json_ ? ToJson(*letters) : Render(*letters, pipeline));
    int code = kDone;
    for (const CaptureLetters::Failure& failure : letters->failures)
      code = ReportError(context, InContext(DisplayName(pipeline) + ": " + failure.table, failure.error), true);
    return code;
  }
  std::string Render(const CaptureLetters& letters, const Pipeline& pipeline) const {
    if (letters.tables.empty() && letters.failures.empty()) return Safe(DisplayName(pipeline)) + ": no dead letters\n";
    std::string text;
    for (const DeadLettersReport& report : letters.tables) text += cli::Render(report, action_);
    return text;
  }
  int Refuse(Context& context, std::string message, std::string fix) const {
    return AnswerError(context, Error{ErrorKind::kInvalidInput, std::move(message), std::move(fix)}, json_);
  }

  std::string action_;
  std::string file_;
  std::optional<std::string> limit_;
  std::optional<std::string> node_;
  std::vector<std::string> overrides_;
  std::optional<std::string> resources_;
  bool json_ = false;
};

constexpr std::string_view kExamples[] = {
    "DEMO_DIR=demo-out nilus dead-letters list examples/files-to-duckdb.yaml",
    "nilus dead-letters replay pipeline.yaml",
    "nilus dead-letters drop pipeline.yaml --node load-orders",
};

}  // namespace

constinit const CommandEntry kDeadLettersCommand{
    "dead-letters", "shows, loads or drops the rows that a schema_contract kept out",
    "They lie in <table>__dead_letters, with the reason. `replay` runs them through the manifest's present rules, and\n"
    "removes those that made it from there in the commit that loads them; `drop` removes all, and says how many.\n"
    "Those of `type: cdc` are listed and dropped: in place of a replay a table is read anew (`nilus cdc snapshot`).",
    kExamples, [] { return std::unique_ptr<Command>(new DeadLetters); }};

}  // namespace nilus::cli
