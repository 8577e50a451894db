#include "nilus/cli/command.h"

#include <nlohmann/json.hpp>

#include "nilus/base/redact.h"
#include "nilus/cli/display.h"

namespace nilus::cli {

std::string Styled(const Context& context, Style style, std::string_view text) {
  if (!context.color) return std::string(text);
  const char* code = "0";
  switch (style) {
    case Style::kBold:
      code = "1";
      break;
    case Style::kDim:
      code = "2";
      break;
    case Style::kRed:
      code = "31";
      break;
    case Style::kGreen:
      code = "32";
      break;
    case Style::kYellow:
      code = "33";
      break;
  }
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

int ReportError(Context& context, const Error& error, bool has_run) {
  if (error.kind == ErrorKind::kCancelled && context.stop.stop_requested()) {
    context.err.Write("interrupted\n");
    return kInterrupted;
  }
  // Messages of several lines (all problems of a manifest) keep their lines.
  context.err.Write(Styled(context, Style::kRed, "error:") + " " + EscapeForTerminal(Redact(error.message), true) +
                    "\n");
  if (!error.fix.empty()) {
    context.err.Write(Styled(context, Style::kBold, "fix:") + "   " + EscapeForTerminal(Redact(error.fix), true) +
                      "\n");
  }
  bool is_input =
      error.kind == ErrorKind::kInvalidInput || error.kind == ErrorKind::kUnsupported;  // as nilus::ExitCode
  return is_input && !has_run ? kWrongInput : kRunFailed;
}

std::string ErrorToJson(const Error& error) {
  const nlohmann::ordered_json json{
      {"kind", ErrorKindName(error.kind)}, {"message", Redact(error.message)}, {"fix", Redact(error.fix)}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

int AnswerError(Context& context, const Error& error, bool json, bool has_run) {
  if (json) context.out.Write("{\"is_success\":false,\"error\":" + ErrorToJson(error) + "}\n");
  return ReportError(context, error, has_run);
}

void Note(Context& context, std::string_view text, std::string_view verbatim) {
  context.err.Write(Styled(context, Style::kDim, "note:") + " " + EscapeForTerminal(Redact(text)) +
                    EscapeForTerminal(verbatim) + "\n");
}

void Warn(Context& context, std::string_view text) {
  context.err.Write(Styled(context, Style::kYellow, "warning:") + " " + EscapeForTerminal(Redact(text)) + "\n");
}

}  // namespace nilus::cli
