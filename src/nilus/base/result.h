// Errors are values. Every fallible function returns Result<T> or Status; exceptions of libraries are caught where
// they are called and turned into these. An ErrorKind names what the *caller does next*, not where the error arose.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace nilus {

enum class ErrorKind {
  kInvalidInput,  // the manifest, address, option or SQL is wrong: a person edits it. Exit code 2 before a run starts.
  kAuth,          // credentials or rights were refused: a person fixes them; never retried
  kNotFound,      // a table, file, column or host name does not exist: a person fixes the name
  kUnsupported,   // the system cannot do what was asked: a person chooses another way
  kData,          // a value or row breaks the rules of the run: a person mends the data or the contract
  kTransient,     // reset, timeout, deadlock, throttling: the engine retries under its budget
  kConflict,      // somebody else committed first: the engine reads the committed state anew, then retries
  kUnknownOutcome,  // a commit was sent and no answer came: the engine looks before it does anything else
  kExhausted,       // disk, memory or another limit: a person frees or raises it
  kCancelled,       // a stop was requested: unwind quietly
  kInternal,        // our own bug: report it
};

std::string_view ErrorKindName(ErrorKind kind);

// One problem, as a person will read it. `message` says what is wrong and where (table, column, line, value: never a
// secret); `fix` says what to do, empty when there is nothing better to say than the message.
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;
  std::string fix;

  // "message. Fix: fix" with secrets redacted; what logs, reports and terminals show.
  std::string ToString() const;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

using Failure = tl::unexpected<Error>;

// return Fail(ErrorKind::kNotFound, "table {} does not exist", name);
template <typename... Args>
[[nodiscard]] Failure Fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{kind, fmt::format(format, std::forward<Args>(args)...), {}});
}

// The same with a way out: return FailWithFix(kind, "create it first", "table {} does not exist", name);
template <typename... Args>
[[nodiscard]] Failure FailWithFix(ErrorKind kind, std::string fix, fmt::format_string<Args...> format, Args&&... args) {
  return Failure(Error{kind, fmt::format(format, std::forward<Args>(args)...), std::move(fix)});
}

// Puts "while …: " before the message; kind and fix stay.
[[nodiscard]] Error InContext(std::string_view doing, Error error);

}  // namespace nilus

#define NILUS_CONCAT_INNER(a, b) a##b
#define NILUS_CONCAT(a, b) NILUS_CONCAT_INNER(a, b)

// NILUS_TRY(expression): returns the error of a Status or Result to the caller; the value is dropped.
#define NILUS_TRY(expression)                                                            \
  do {                                                                                   \
    auto nilus_try_result = (expression);                                                \
    if (!nilus_try_result) return ::nilus::Failure(std::move(nilus_try_result).error()); \
  } while (false)

// NILUS_ASSIGN(auto x, expression): the value of a Result, or the error to the caller.
#define NILUS_ASSIGN(declaration, expression) \
  NILUS_ASSIGN_INNER(NILUS_CONCAT(nilus_result_, __LINE__), declaration, expression)
#define NILUS_ASSIGN_INNER(temporary, declaration, expression)           \
  auto temporary = (expression);                                         \
  if (!temporary) return ::nilus::Failure(std::move(temporary).error()); \
  declaration = *std::move(temporary)
