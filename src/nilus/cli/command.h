// What a command is given and what it gives back. One file per command (command_<name>.cc); program.cc lists them.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/cli/arguments.h"
#include "nilus/cli/text_output.h"
#include "nilus/connector/connector.h"

namespace nilus::cli {

enum ExitCode : int {
  kDone = 0,
  kRunFailed = 1,
  kWrongInput = 2,
  kInterrupted = 130,
};

// The world of a command. `out` takes results (and nothing else), `err` everything a person reads on the way.
struct Context {
  TextOutput& out;
  TextOutput& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;  // and fit for redrawing lines (TERM is not dumb)
  bool color = false;            // on err; NO_COLOR and TERM respected
  int columns = 80;              // of the terminal
  const ConnectorRegistry& registry;
  std::stop_token stop;  // a signal asked to stop
};

class Command {
 public:
  virtual ~Command() = default;
  virtual void Declare(Arguments& arguments) = 0;
  // Called once after parsing. Returns an ExitCode; has told the user what went wrong.
  virtual int Run(Context& context) = 0;
};

struct CommandEntry {
  std::string_view name;
  std::string_view summary;                    // one line
  std::string_view description;                // further lines of its help; may be empty
  std::span<const std::string_view> examples;  // whole command lines; the first one works in a clone of the project
  std::unique_ptr<Command> (*make)();
};

// Each defined in its command's file.
extern const CommandEntry kRunCommand, kIngestCommand, kValidateCommand, kPlanCommand, kCheckCommand, kStateCommand,
    kConnectorsCommand, kInitCommand, kQueryCommand, kDeadLettersCommand, kLakeCommand, kCdcCommand;

// Writes "error: …" with its fix, redacted and safe for a terminal, and returns the exit code that goes with the error:
// kWrongInput for kInvalidInput and kUnsupported before anything ran, else kRunFailed; kInterrupted for a stop.
int ReportError(Context& context, const Error& error, bool has_run = false);

// ReportError, and with `json` also {"is_success": false, "error": {…}} on out: commands that answer machines do so in
// every case.
int AnswerError(Context& context, const Error& error, bool json, bool has_run = false);
// {"kind": …, "message": …, "fix": …}, redacted.
std::string ErrorToJson(const Error& error);

// "note: …" and "warning: …" on err, redacted but for `verbatim` at the end.
void Note(Context& context, std::string_view text, std::string_view verbatim = "");
void Warn(Context& context, std::string_view text);

// Bold, red, … when colours are on; else the text alone.
enum class Style { kBold, kDim, kRed, kGreen, kYellow };
std::string Styled(const Context& context, Style style, std::string_view text);

}  // namespace nilus::cli
