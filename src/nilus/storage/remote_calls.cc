#include "nilus/storage/remote_calls.h"

#include <algorithm>
#include <array>

#include "nilus/base/log.h"

namespace nilus::storage {
namespace {

constexpr std::array<int, 6> kTransientStatuses = {408, 429, 500, 502, 503, 504};
// Codes of answers with another status that all the same ask for another try.
constexpr std::array<std::string_view, 6> kTransientCodes = {
    "RequestTimeout", "SlowDown", "InternalError", "OperationAborted", "ServerBusy", "ConditionalRequestConflict"};
constexpr int kMostAdaptations = 3;
constexpr RetryPolicy kBriefPolicy{
    .max_attempts = 5, .max_delay = std::chrono::milliseconds(2000), .total_budget = std::chrono::milliseconds(10'000)};

// A body that just ends with the connection may be half of one.
bool IsFramed(const http::Response& response) {
  return !response.Header("content-length").empty() || !response.Header("transfer-encoding").empty();
}

ErrorKind KindOf(int status, std::string_view code) {
  if (code == "QuotaExceeded" || code == "EntityTooLarge" || code == "ServiceQuotaExceeded" || status == 413 ||
      status == 507)
    return ErrorKind::kExhausted;
  switch (status) {
    case 401:
    case 403:
      return ErrorKind::kAuth;
    case 404:
    case 410:
      return ErrorKind::kNotFound;
    case 409:
    case 412:
      return ErrorKind::kConflict;
    case 416:
      return ErrorKind::kData;
    case 501:
      return ErrorKind::kUnsupported;
    default:
      return ErrorKind::kInvalidInput;
  }
}

std::string FixOf(ErrorKind kind, std::string_view code) {
  if (code == "NoSuchBucket" || code == "ContainerNotFound") return "create it, or check its name in the address";
  if (kind == ErrorKind::kAuth) return "check the credentials and what they may do there";
  if (kind == ErrorKind::kInvalidInput) return "check the address, its region and its endpoint";
  return {};
}

}  // namespace

Attempt RemoteCalls::Once(const Call& call, const std::stop_token& stop) const {
  for (int adaptations = 0;; ++adaptations) {
    http::Request request = call.request;
    if (request.body.empty()) request.body = call.body;
    Attempt attempt;
    if (Status authorized = dialect_->Authorize(request, stop); !authorized) {
      attempt.is_transient = authorized.error().kind == ErrorKind::kTransient;
      attempt.response = Failure(authorized.error());
      return attempt;
    }
    attempt.response = client_.Send(request, stop);
    if (!attempt.response) {
      const ErrorKind kind = attempt.response.error().kind;
      attempt.is_uncertain = kind == ErrorKind::kUnknownOutcome;
      attempt.is_transient = attempt.is_uncertain || kind == ErrorKind::kTransient;
      return attempt;
    }
    if (attempt.is_success() && request.method == "GET" && !IsFramed(*attempt.response)) {
      attempt.response = Fail(ErrorKind::kTransient, "an answer came whose end cannot be told");
      attempt.is_transient = true;
      return attempt;
    }
    if (attempt.is_success()) return attempt;
    const http::Response& response = *attempt.response;
    attempt.problem = dialect_->ReadProblem(response);
    attempt.is_transient = std::count(kTransientStatuses.begin(), kTransientStatuses.end(), response.status) > 0 ||
                           std::count(kTransientCodes.begin(), kTransientCodes.end(), attempt.problem.code) > 0;
    attempt.is_uncertain = response.status >= 500 || response.status == 408;
    if (attempt.is_transient || adaptations == kMostAdaptations || !dialect_->Adapt(response, attempt.problem))
      return attempt;
  }
}

bool RemoteCalls::Wait(Retry& retry, const Attempt& attempt, const std::stop_token& stop) {
  auto delay = retry.NextDelay();
  if (!delay) return false;
  if (attempt.response) {
    if (auto asked = http::RetryAfter(*attempt.response)) delay = std::max(*delay, *asked);
  }
  return SleepUnlessStopped(*delay, stop);
}

Error RemoteCalls::ErrorOf(const Attempt& attempt, std::string_view doing) {
  if (!attempt.response) {
    Error error = attempt.response.error();
    error.message = fmt::format("cannot {}: {}", doing, error.message);
    return error;
  }
  const int status = attempt.response->status;
  const ErrorKind kind = attempt.is_transient ? ErrorKind::kTransient : KindOf(status, attempt.problem.code);
  std::string message = fmt::format("cannot {}: the store answered {}", doing, status);
  if (!attempt.problem.code.empty()) message += " " + attempt.problem.code;
  if (!attempt.problem.message.empty()) message += fmt::format(" ({})", attempt.problem.message);
  return Error{kind, std::move(message), FixOf(kind, attempt.problem.code)};
}

Result<http::Response> RemoteCalls::RepeatWith(const RetryPolicy& policy, const Call& call, std::string_view doing,
                                               std::initializer_list<int> expected, const std::stop_token& stop,
                                               bool* was_uncertain) const {
  Retry retry(policy);
  while (true) {
    Attempt attempt = Once(call, stop);
    if (attempt.is_success()) return std::move(attempt.response);
    if (attempt.is_uncertain && was_uncertain != nullptr) *was_uncertain = true;
    if (attempt.response && std::count(expected.begin(), expected.end(), attempt.response->status) > 0)
      return std::move(attempt.response);
    Error error = ErrorOf(attempt, doing);
    if (!attempt.is_transient) return Failure(std::move(error));
    LogDebug("{}", error.message);
    if (!Wait(retry, attempt, stop)) {
      if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "a stop was requested");
      error.kind = ErrorKind::kTransient;
      error.message += fmt::format(" ({} attempts)", retry.attempts());
      return Failure(std::move(error));
    }
  }
}

Result<http::Response> RemoteCalls::Repeat(const Call& call, std::string_view doing,
                                           std::initializer_list<int> expected, const std::stop_token& stop,
                                           bool* was_uncertain) const {
  return RepeatWith(options_.retry, call, doing, expected, stop, was_uncertain);
}

Result<http::Response> RemoteCalls::RepeatBriefly(const Call& call, std::string_view doing,
                                                  std::initializer_list<int> expected) const {
  return RepeatWith(kBriefPolicy, call, doing, expected, {}, nullptr);
}

}  // namespace nilus::storage
