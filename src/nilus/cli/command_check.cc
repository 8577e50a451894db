#include <nlohmann/json.hpp>
#include <optional>

#include "nilus/base/redact.h"
#include "nilus/cli/command.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"

namespace nilus::cli {
namespace {

// What one role of an address came to.
struct RoleResult {
  std::string_view role;  // "source", "sink"
  bool usable = false;
  std::vector<CheckItem> items;
};

RoleResult Judge(std::string_view role, Result<std::vector<CheckItem>> items) {
  RoleResult result{role, true, {}};
  if (!items) {
    const Error& error = items.error();
    result.items.push_back(
        {"connect", false, error.fix.empty() ? error.message : error.message + "\nfix: " + error.fix});
  } else {
    result.items = *std::move(items);
  }
  for (const CheckItem& item : result.items) result.usable = result.usable && item.ok;
  return result;
}

Result<std::vector<CheckItem>> CheckSource(const OpenAddress& found, const OpenContext& open) {
  NILUS_ASSIGN(std::unique_ptr<Source> source, found.connector->open_source(found.address, open));
  return source->Check();
}

Result<std::vector<CheckItem>> CheckLog(const OpenAddress& found, const OpenContext& open) {
  NILUS_ASSIGN(std::unique_ptr<ChangeSource> source, found.connector->open_changes(found.address, open));
  return source->Check(CaptureRequest{});
}

Result<std::vector<CheckItem>> CheckSink(const OpenAddress& found, const OpenContext& open) {
  NILUS_ASSIGN(std::unique_ptr<Sink> sink, found.connector->open_sink(found.address, open));
  return sink->Check();
}

class Check final : public Command {
 public:
  void Declare(Arguments& arguments) override {
    arguments.Operand("ADDRESS", &address_, true,
                      "an address or a depot (dataos://name); {NAME} comes from the environment");
    arguments.Choice("--as", "any|source|sink|both|log", &role_, "what it must be usable as; log: change data capture");
    arguments.Text("--resources", "DIR", &resources_,
                   "folder of depots and secrets (default $NILUS_RESOURCES, ./resources)");
    arguments.Flag("--json", &json_, "writes one JSON object, for machines");
  }

  int Run(Context& context) override {
    Result<OpenAddress> found = FindAddress(context, address_, resources_);
    if (!found) return AnswerError(context, found.error(), json_);
    OpenContext open = MakeOpenContext(context);
    std::vector<RoleResult> results;
    if (role_ == "log" && found->connector->open_changes != nullptr)
      results.push_back(Judge("log", CheckLog(*found, open)));
    if (role_ != "sink" && role_ != "log" && found->connector->open_source != nullptr) {
      results.push_back(Judge("source", CheckSource(*found, open)));
    }
    if (role_ != "source" && role_ != "log" && found->connector->open_sink != nullptr) {
      results.push_back(Judge("sink", CheckSink(*found, open)));
    }
    if (context.stop.stop_requested()) return AnswerError(context, Error{ErrorKind::kCancelled, "stopped", {}}, json_);
    bool any = false;
    bool all = results.size() >= (role_ == "both" ? 2U : 1U);
    for (const RoleResult& result : results) {
      any = any || result.usable;
      all = all && result.usable;
    }
    bool passes = role_ == "any" ? any : all;
    if (json_) {
      AnswerJson(context, *found, results, passes);
    } else {
      AnswerText(context, *found, results);
    }
    return passes ? kDone : kRunFailed;
  }

 private:
  static void AnswerText(Context& context, const OpenAddress& found, const std::vector<RoleResult>& results) {
    context.out.Write(EscapeForTerminal(Redact(found.address.ToDisplay())) + "\n");
    for (const RoleResult& result : results) {
      context.out.Write(fmt::format("  as a {}: {}\n", result.role, result.usable ? "usable" : "not usable"));
      for (const CheckItem& item : result.items) {
        const std::string detail = Indented(EscapeForTerminal(Redact(item.detail), true), 11);
        context.out.Write(fmt::format("    {:<6} {}{}{}\n", item.ok ? "ok" : "FAILED",
                                      EscapeForTerminal(Redact(item.what)), detail.empty() ? "" : ": ", detail));
      }
    }
  }

  static void AnswerJson(Context& context, const OpenAddress& found, const std::vector<RoleResult>& results,
                         bool passes) {
    nlohmann::ordered_json answer{{"address", Redact(found.address.ToDisplay())}, {"is_success", passes}};
    for (const RoleResult& result : results) {
      nlohmann::ordered_json items = nlohmann::ordered_json::array();
      for (const CheckItem& item : result.items) {
        items.push_back({{"what", Redact(item.what)}, {"ok", item.ok}, {"detail", Redact(item.detail)}});
      }
      answer[std::string(result.role)] = {{"usable", result.usable}, {"checks", std::move(items)}};
    }
    context.out.Write(answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }

  std::string address_;
  std::string role_ = "any";
  std::optional<std::string> resources_;
  bool json_ = false;
};

constexpr std::string_view kExamples[] = {
    "nilus check duckdb:///:memory:",
    "nilus check 'postgresql://app:{PGPASSWORD}@db:5432/shop' --as source",
};

}  // namespace

constinit const CommandEntry kCheckCommand{
    "check", "tells whether an address can be used",
    "Connects, and names the rights that are missing, as a source and as a sink. Exit code 1 when it is not usable.",
    kExamples, [] { return std::unique_ptr<Command>(new Check); }};

}  // namespace nilus::cli
