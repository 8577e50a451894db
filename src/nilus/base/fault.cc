#include "nilus/base/fault.h"

#if NILUS_FAULT_POINTS

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <string>

namespace nilus {
namespace {

struct Plan {
  std::string point;
  std::string action;
  int nth = 1;
  std::atomic<int> passed{0};
  int trace_fd = -1;
  std::mutex random_mutex;
  std::mt19937_64 random;
  int kill_per_mille = 0;

  Plan() {
    if (const char* text = std::getenv("NILUS_FAULT")) Parse(text);
    if (const char* file = std::getenv("NILUS_FAULT_TRACE")) {
      trace_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (const char* text = std::getenv("NILUS_FAULT_RANDOM_KILL")) {
      char* end = nullptr;
      random.seed(std::strtoull(text, &end, 10));
      if (*end == ':') kill_per_mille = static_cast<int>(std::strtol(end + 1, nullptr, 10));
    }
  }

  void Parse(std::string_view text) {
    size_t first = text.find(':');
    point = text.substr(0, first);
    if (first == std::string_view::npos) {
      action = "kill";
      return;
    }
    std::string_view rest = text.substr(first + 1);
    size_t second = rest.find(':');
    action = rest.substr(0, second);
    if (second != std::string_view::npos) {
      std::from_chars(rest.data() + second + 1, rest.data() + rest.size(), nth);
    }
  }

  bool IsDue(const char* name, const char* kind) {
    if (trace_fd >= 0) {
      std::string line = std::string(name) + " " + kind + "\n";
      [[maybe_unused]] ssize_t written = write(trace_fd, line.data(), line.size());
    }
    if (kill_per_mille > 0) {
      std::lock_guard lock(random_mutex);
      if (static_cast<int>(random() % 1000) < kill_per_mille) kill(getpid(), SIGKILL);
    }
    return point == name && ++passed == nth;
  }
};

Plan& ThePlan() {
  static Plan* plan = new Plan;
  return *plan;
}

}  // namespace

Status PassFaultPoint(const char* name) {
  Plan& plan = ThePlan();
  if (!plan.IsDue(name, "point")) return {};
  if (plan.action == "kill") kill(getpid(), SIGKILL);
  if (plan.action == "pause") raise(SIGSTOP);
  if (plan.action == "error") return Fail(ErrorKind::kTransient, "fault injected at {}", name);
  if (plan.action == "fatal") return Fail(ErrorKind::kData, "fault injected at {}", name);
  return {};
}

Status PassAckFaultPoint(const char* name) {
  Plan& plan = ThePlan();
  if (!plan.IsDue(name, "ack")) return {};
  if (plan.action == "kill") kill(getpid(), SIGKILL);
  if (plan.action == "pause") raise(SIGSTOP);
  if (plan.action == "lost") return Fail(ErrorKind::kUnknownOutcome, "acknowledgement lost at {} (injected)", name);
  return {};
}

}  // namespace nilus

#endif
