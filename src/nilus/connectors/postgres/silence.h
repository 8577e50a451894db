// What to make of a server that says nothing for long while a statement runs. A statement may take hours, so that time
// alone tells nothing; but a connection may be lost without a sign: a proxy that forgot it, a server that hangs. So
// from time to time a second session asks the server about the first one. (A peer that is gone altogether is found by
// TCP: keepalives and tcp_user_timeout, which addresses of ours set.)
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace nilus::postgres {

// What the server says of the session that is silent.
enum class ServerWord {
  kWorks,       // it runs our statement, or there is no telling: waiting goes on
  kWaitsForUs,  // as we wait for it: what was sent has been lost
  kHasGone,     // it knows no such session
  kNoAnswer,    // it does not answer a second session either
};

// From a row of pg_stat_activity: `state` and `wait_event_type`, empty where they are not shown.
ServerWord WordOf(std::string_view state, std::string_view wait_event_type);

// One wait. Not thread-safe.
class SilenceWatch {
 public:
  using Time = std::optional<std::chrono::steady_clock::time_point>;

  // `seconds` before the first question and between questions; 0: none is ever asked.
  explicit SilenceWatch(int seconds);
  const Time& next_question() const { return next_; }
  // Takes an answer and sets the time of the next question. What to tell the user when the session has to be given up;
  // nothing: waiting goes on. A single bad answer may be chance (bytes on their way, a server that is being restarted),
  // but for a session that the server does not know.
  std::optional<std::string> Judge(ServerWord word);

 private:
  static constexpr int kMostWaits = 2;    // in a row
  static constexpr int kMostUnheard = 3;  // in a row
  const std::chrono::seconds interval_;
  Time next_;
  int waits_ = 0;
  int unheard_ = 0;
};

}  // namespace nilus::postgres
