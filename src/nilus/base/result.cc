#include "nilus/base/result.h"

#include "nilus/base/redact.h"

namespace nilus {

std::string_view ErrorKindName(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalidInput:
      return "invalid_input";
    case ErrorKind::kAuth:
      return "auth";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kData:
      return "data";
    case ErrorKind::kTransient:
      return "transient";
    case ErrorKind::kConflict:
      return "conflict";
    case ErrorKind::kUnknownOutcome:
      return "unknown_outcome";
    case ErrorKind::kExhausted:
      return "exhausted";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "internal";
}

std::string Error::ToString() const {
  if (fix.empty()) return Redact(message);
  return Redact(fmt::format("{}\n  fix: {}", message, fix));
}

Error InContext(std::string_view doing, Error error) {
  error.message = fmt::format("{}: {}", doing, error.message);
  return error;
}

}  // namespace nilus
