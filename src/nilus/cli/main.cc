#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "nilus/cli/connectors.h"
#include "nilus/cli/process.h"
#include "nilus/cli/program.h"

namespace nilus::cli {
namespace {

bool IsFitTerminal(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

int Main(int argc, char** argv) {
  HardenProcess();
  std::vector<std::string> arguments = TakeArguments(argc, argv);

  FdOutput out(STDOUT_FILENO, "standard output", /*buffered=*/true);
  FdOutput err(STDERR_FILENO, "standard error", /*buffered=*/false);
  Context context{.out = out, .err = err, .registry = AllConnectors()};
  context.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  context.err_is_terminal = IsFitTerminal(STDERR_FILENO);
  const char* no_color = std::getenv("NO_COLOR");
  context.color = context.err_is_terminal && (no_color == nullptr || *no_color == '\0');
  winsize size{};
  int terminal = context.out_is_terminal ? STDOUT_FILENO : STDERR_FILENO;
  if (::ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20) context.columns = size.ws_col;
  // Asking for the version is no work that one would interrupt.
  if (arguments.size() != 1) context.stop = StopOnSignals();
  return RunProgram(arguments, context);
}

}  // namespace
}  // namespace nilus::cli

int main(int argc, char** argv) { return nilus::cli::Main(argc, argv); }
