#include "nilus/cli/program.h"

#include <algorithm>
#include <exception>
#include <new>

#include "nilus/base/nearest.h"

namespace nilus::cli {
namespace {

constexpr const CommandEntry* kCommands[] = {&kRunCommand,   &kIngestCommand, &kValidateCommand,   &kPlanCommand,
                                             &kCheckCommand, &kStateCommand,  &kQueryCommand,      &kDeadLettersCommand,
                                             &kCdcCommand,   &kLakeCommand,   &kConnectorsCommand, &kInitCommand};

// What was written has arrived, or the run did not succeed for whoever reads it.
int FinishOutput(Context& context, int code) {
  context.out.Flush();
  if (context.out.status().has_value()) return code;
  if (context.out.status().error().kind != ErrorKind::kCancelled)
    ReportError(context, context.out.status().error(), true);
  return code == kDone ? kRunFailed : code;
}

int RunCommand(const CommandEntry& entry, std::span<const std::string> arguments, Context& context) {
  std::unique_ptr<Command> command = entry.make();
  Arguments declared(entry.name);
  command->Declare(declared);
  Result<Arguments::Outcome> outcome = declared.Parse(arguments);
  if (!outcome) return ReportError(context, outcome.error());
  if (*outcome == Arguments::Outcome::kHelp) {
    context.out.Write(CommandHelp(entry));
    return kDone;
  }
  // Libraries' exceptions are caught where they are called; this is the last line, so that nobody sees a backtrace.
  try {
    return command->Run(context);
  } catch (const std::bad_alloc&) {
    return ReportError(
        context, Error{ErrorKind::kExhausted, "memory ran out", "raise the memory limit, or lower page_size"}, true);
  } catch (const std::exception& error) {
    return ReportError(context,
                       Error{ErrorKind::kInternal, std::string("unexpected: ") + error.what(),
                             "this is a bug of Nilus: please report it with the command you ran"},
                       true);
  }
}

int UnknownCommand(const std::string& name, Context& context) {
  std::vector<std::string_view> known;
  for (const CommandEntry* entry : kCommands) known.push_back(entry->name);
  std::string nearest = Nearest(name, known);
  std::string fix = nearest.empty() ? "see `nilus --help`" : "did you mean `nilus " + nearest + "`?";
  return ReportError(context, Error{ErrorKind::kInvalidInput, "there is no command `" + name + "`", fix});
}

}  // namespace

std::string_view Version() { return NILUS_VERSION; }

std::span<const CommandEntry* const> Commands() { return kCommands; }

std::string CommandHelp(const CommandEntry& entry) {
  std::unique_ptr<Command> command = entry.make();
  Arguments declared(entry.name);
  command->Declare(declared);
  std::string help = fmt::format("{}\n\nUsage: nilus {} {}\n", entry.summary, entry.name, declared.Usage());
  if (!entry.description.empty()) help += fmt::format("\n{}\n", entry.description);
  help += "\n" + declared.HelpText();
  help += entry.examples.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
  for (std::string_view example : entry.examples) help += fmt::format("  {}\n", example);
  return help;
}

std::string ProgramHelp() {
  std::string help =
      "nilus moves data: from databases and files to databases and files, exactly once, in one native process.\n"
      "\nUsage: nilus COMMAND [arguments]\n\nCommands:\n";
  for (const CommandEntry* entry : kCommands) help += fmt::format("  {:<12} {}\n", entry->name, entry->summary);
  help +=
      "\nOptions:\n"
      "  -h, --help   shows this text; after a command, the help of that command\n"
      "  --version    shows the version\n"
      "\nExit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.\n"
      "\nExample:\n"
      "  nilus init && nilus run pipeline.yaml\n";
  return help;
}

int RunProgram(const std::vector<std::string>& arguments, Context& context) {
  if (arguments.empty()) {
    context.err.Write(ProgramHelp());
    return kWrongInput;
  }
  const std::string& name = arguments.front();
  std::span<const std::string> rest = std::span(arguments).subspan(1);
  if (name == "--help" || name == "-h" || (name == "help" && rest.empty())) {
    context.out.Write(ProgramHelp());
    return FinishOutput(context, kDone);
  }
  if (name == "--version" || name == "version") {
    context.out.Write(fmt::format("nilus {}\n", Version()));
    return FinishOutput(context, kDone);
  }
  const std::string& wanted = name == "help" ? rest.front() : name;
  auto entry =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const auto* e) { return e->name == wanted; });
  if (entry == std::end(kCommands)) return UnknownCommand(wanted, context);
  if (name == "help") {
    context.out.Write(CommandHelp(**entry));
    return FinishOutput(context, kDone);
  }
  return FinishOutput(context, RunCommand(**entry, rest, context));
}

}  // namespace nilus::cli
