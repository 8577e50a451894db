#include "nilus/connectors/postgres/silence.h"

#include "nilus/base/log.h"
#include "nilus/connectors/postgres/connection.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

SilenceWatch::Time After(std::chrono::seconds interval) {
  if (interval.count() == 0) return std::nullopt;
  return std::chrono::steady_clock::now() + interval;
}

}  // namespace

ServerWord WordOf(std::string_view state, std::string_view wait_event_type) {
  if (wait_event_type == "Client") return ServerWord::kWaitsForUs;
  return state.starts_with("idle") ? ServerWord::kWaitsForUs : ServerWord::kWorks;
}

SilenceWatch::SilenceWatch(int seconds) : interval_(seconds), next_(After(interval_)) {}

std::optional<std::string> SilenceWatch::Judge(ServerWord word) {
  next_ = After(interval_);
  waits_ = word == ServerWord::kWaitsForUs ? waits_ + 1 : 0;
  unheard_ = word == ServerWord::kNoAnswer ? unheard_ + 1 : 0;
  if (word == ServerWord::kHasGone) return "the server has ended this session, and its word of that was lost";
  if (waits_ >= kMostWaits) return "what was sent over this connection has been lost: the server waits for us";
  if (unheard_ >= kMostUnheard) return "the server is silent, and does not answer a second connection either";
  return std::nullopt;
}

ServerWord Connection::AskServer(const std::stop_token& stop) {
  Connection messenger(display_, had_percent_sequences_);
  if (!messenger.ConnectBeside(*this, connect_seconds_, stop)) {
    // A refusal (too many sessions) is an answer too.
    return SqlStateInMessage(PQerrorMessage(messenger.connection_)).empty() ? ServerWord::kNoAnswer
                                                                            : ServerWord::kWorks;
  }
  auto asked = messenger.Execute(
      fmt::format(
          "SELECT pg_catalog.pg_postmaster_start_time() = {}::timestamptz, (SELECT coalesce(state, '') || ' ' || "
          "coalesce(wait_event_type, '') FROM pg_catalog.pg_stat_activity WHERE pid = {})",
          QuoteLiteral(server_start_), server_pid_),
      stop);
  if (!asked) return messenger.is_usable() ? ServerWord::kWorks : ServerWord::kNoAnswer;
  const bool is_pooled =
      server_pid_ != std::to_string(PQbackendPID(connection_));  // and may use another process by now
  if (is_pooled || FieldText(*asked, 0, 0) != "t") return ServerWord::kWorks;
  if (FieldIsNull(*asked, 0, 1)) return ServerWord::kHasGone;
  const std::string_view row = FieldText(*asked, 0, 1);
  const size_t blank = row.rfind(' ');
  return WordOf(row.substr(0, blank), row.substr(blank + 1));
}

Status Connection::CheckSilence(SilenceWatch* silence, const std::stop_token& stop) {
  const ServerWord word = AskServer(stop);
  if (stop.stop_requested()) return {};  // whoever waits sees to it
  const std::optional<std::string> lost = silence->Judge(word);
  if (!lost) return {};
  Cancel();
  return FailWithFix(ErrorKind::kTransient,
                     "if the server was only slow to answer, raise silence_timeout in the address",
                     "the connection to {} is lost: {}", display_, *lost);
}

}  // namespace nilus::postgres
