#include "nilus/cli/process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <string_view>
#include <thread>

namespace nilus::cli {
namespace {

constexpr int kInterruptedCode = 130;

void WriteToStderr(std::string_view text) {
  // Nothing can be done when standard error is gone.
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace

std::string VisibleArgument(const std::string& argument, const std::string& previous) {
  constexpr std::string_view kStars = "***";
  // Their values are addresses, or may hold a key (hmac:<key>) or a password.
  constexpr std::string_view kSecretFlags[] = {"--source-uri", "--dest-uri", "--mask", "--set", "--columns"};
  for (std::string_view flag : kSecretFlags) {
    if (previous == flag) return std::string(kStars);
  }
  if (argument.starts_with("--")) {
    if (size_t equals = argument.find('='); equals != std::string::npos)
      return argument.substr(0, equals + 1).append(kStars);
  }
  bool is_plain =
      argument.find("://") == std::string::npos && argument.find_first_of("@=?&'\"{}$ \t\r\n;:") == std::string::npos;
  return is_plain ? argument : std::string(kStars);
}

std::vector<std::string> TakeArguments(int argc, char** argv) {
  std::vector<std::string> taken(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (taken.empty()) return taken;
  // The kernel laid the arguments out one behind the other, each with its NUL. The safe ones are laid out anew from the
  // first one's place, so that not even the lengths of secrets stay.
  char* begin = argv[1];
  char* end = argv[argc - 1] + taken.back().size() + 1;
  std::string visible;
  for (size_t i = 0; i < taken.size(); ++i) {
    visible += VisibleArgument(taken[i], i == 0 ? std::string() : taken[i - 1]);
    visible += '\0';
  }
  auto room = static_cast<size_t>(end - begin);
  if (visible.size() > room) visible.resize(room);
  visible.back() = '\0';
  std::memcpy(begin, visible.data(), visible.size());
  std::memset(begin + visible.size(), 0, room - visible.size());
  return taken;
}

void HardenProcess() {
#if !defined(__SANITIZE_ADDRESS__)  // LeakSanitizer attaches to its own process
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
  rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

std::stop_token StopOnSignals() {
  static auto* source = new std::stop_source;  // the thread below outlives main's locals
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // nohup's wish is respected.
    struct sigaction current {};
    if (::sigaction(signal, nullptr, &current) == 0 && current.sa_handler == SIG_IGN) continue;
    sigaddset(&signals, signal);
  }
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) return;
    WriteToStderr("\nstopping in an orderly way; once more stops at once\n");
    source->request_stop();
    if (::sigwait(&signals, &signal) != 0) return;
    ::_exit(kInterruptedCode);
  }).detach();
  return source->get_token();
}

}  // namespace nilus::cli
