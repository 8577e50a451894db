// Calls to a remote store: signed, retried, and their refusals as errors. Internal to storage/.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/retry.h"
#include "nilus/storage/remote_dialect.h"
#include "nilus/storage/remote_store.h"

namespace nilus::storage {

// One attempt's end.
struct Attempt {
  Result<http::Response>
      response;           // an error: no answer came (see http::Client::Send), or the call could not be signed
  RemoteProblem problem;  // of an answer that is no success
  bool is_success() const { return response && response->status / 100 == 2; }
  // Sending it again may help: no answer, 429, 5xx, a conflict that the store asks to retry.
  bool is_transient = false;
  // It may have been done although there is no success: no answer, or a 5xx.
  bool is_uncertain = false;
};

// Thread-safe.
class RemoteCalls {
 public:
  RemoteCalls(std::unique_ptr<RemoteDialect> dialect, RemoteOptions options)
      : dialect_(std::move(dialect)), options_(std::move(options)), client_(options_.client) {}

  const RemoteDialect& dialect() const { return *dialect_; }
  const RemoteOptions& options() const { return options_; }

  // One attempt, or a few when the dialect learns from a refusal.
  Attempt Once(const Call& call, const std::stop_token& stop) const;

  // Of a call that does no harm when it is sent twice: until it succeeds, is refused, or the budget is spent. Statuses
  // that are no success come back as a response only when they are `expected`.
  Result<http::Response> Repeat(const Call& call, std::string_view doing, std::initializer_list<int> expected,
                                const std::stop_token& stop, bool* was_uncertain = nullptr) const;
  // The same with a smaller budget: for cleaning up.
  Result<http::Response> RepeatBriefly(const Call& call, std::string_view doing,
                                       std::initializer_list<int> expected) const;

  // Waits before the next attempt; false when the budget is spent or a stop is requested.
  static bool Wait(Retry& retry, const Attempt& attempt, const std::stop_token& stop);

  // An attempt without success as an error: "cannot <doing>: …".
  static Error ErrorOf(const Attempt& attempt, std::string_view doing);

 private:
  Result<http::Response> RepeatWith(const RetryPolicy& policy, const Call& call, std::string_view doing,
                                    std::initializer_list<int> expected, const std::stop_token& stop,
                                    bool* was_uncertain) const;

  std::unique_ptr<RemoteDialect> dialect_;
  RemoteOptions options_;
  http::Client client_;
};

}  // namespace nilus::storage
