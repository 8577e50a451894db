#include "nilus/duck/error.h"

#include <string>

namespace nilus::duck {
namespace {

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What DuckDB's Parquet reader says of a file that ends too early, or whose pages were changed.
bool IsDamage(std::string_view text) {
  return Contains(text, "Could not read enough bytes") || Contains(text, "TProtocolException") ||
         Contains(text, "Out of buffer");
}

// Everything that is wrong with a file or disk arrives as one type; only the text tells them apart.
ErrorKind KindOfIo(std::string_view text) {
  if (Contains(text, "Could not set lock") || Contains(text, "Conflicting lock")) return ErrorKind::kTransient;
  if (Contains(text, "No space left") || Contains(text, "Disk quota") || Contains(text, "File too large")) {
    return ErrorKind::kExhausted;
  }
  if (Contains(text, "Permission denied") || Contains(text, "Read-only file system")) return ErrorKind::kAuth;
  if (Contains(text, "No files found") || Contains(text, "No such file") || Contains(text, "does not exist")) {
    return ErrorKind::kNotFound;
  }
  if (Contains(text, "not a valid DuckDB database") || Contains(text, "Is a directory"))
    return ErrorKind::kInvalidInput;
  return ErrorKind::kTransient;
}

ErrorKind KindOf(duckdb_error_type type, std::string_view text) {
  switch (type) {
    case DUCKDB_ERROR_IO:
      return KindOfIo(text);
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return ErrorKind::kExhausted;
    case DUCKDB_ERROR_INTERRUPT:
      return ErrorKind::kCancelled;
    case DUCKDB_ERROR_CATALOG:
      return Contains(text, "does not exist") ? ErrorKind::kNotFound : ErrorKind::kInvalidInput;
    case DUCKDB_ERROR_TRANSACTION:
      return ErrorKind::kTransient;
    case DUCKDB_ERROR_PERMISSION:
      return ErrorKind::kAuth;
    case DUCKDB_ERROR_MISSING_EXTENSION:
    case DUCKDB_ERROR_AUTOLOAD:
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return ErrorKind::kUnsupported;
    case DUCKDB_ERROR_CONSTRAINT:
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_DECIMAL:
    case DUCKDB_ERROR_DIVIDE_BY_ZERO:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_INVALID_TYPE:
    case DUCKDB_ERROR_OBJECT_SIZE:
    case DUCKDB_ERROR_SEQUENCE:
      return ErrorKind::kData;
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
    case DUCKDB_ERROR_BINDER:
    case DUCKDB_ERROR_PLANNER:
    case DUCKDB_ERROR_EXPRESSION:
    case DUCKDB_ERROR_SETTINGS:
    case DUCKDB_ERROR_DEPENDENCY:
    case DUCKDB_ERROR_UNKNOWN_TYPE:
    case DUCKDB_ERROR_PARAMETER_NOT_RESOLVED:
    case DUCKDB_ERROR_PARAMETER_NOT_ALLOWED:
    case DUCKDB_INVALID_CONFIGURATION:
      return ErrorKind::kInvalidInput;
    // Bad values and bad text of files being read arrive here ("Invalid Input Error: CSV Error on Line: 7 …").
    case DUCKDB_ERROR_INVALID_INPUT:
      return Contains(text, "multiple statements") ? ErrorKind::kInvalidInput : ErrorKind::kData;
    case DUCKDB_ERROR_NETWORK:
    case DUCKDB_ERROR_HTTP:
    case DUCKDB_ERROR_CONNECTION:
      return ErrorKind::kTransient;
    case DUCKDB_ERROR_FATAL:
      return Contains(text, "No space left") ? ErrorKind::kExhausted : ErrorKind::kTransient;
    default:
      return ErrorKind::kInternal;
  }
}

// duckdb_open, preparing and pending results say only a text, which begins with the type's name.
duckdb_error_type TypeByPrefix(std::string_view text) {
  static constexpr std::pair<std::string_view, duckdb_error_type> kPrefixes[] = {
      {"IO Error", DUCKDB_ERROR_IO},
      {"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
      {"Catalog Error", DUCKDB_ERROR_CATALOG},
      {"Parser Error", DUCKDB_ERROR_PARSER},
      {"Syntax Error", DUCKDB_ERROR_SYNTAX},
      {"Binder Error", DUCKDB_ERROR_BINDER},
      {"Conversion Error", DUCKDB_ERROR_CONVERSION},
      {"Constraint Error", DUCKDB_ERROR_CONSTRAINT},
      {"Out of Range Error", DUCKDB_ERROR_OUT_OF_RANGE},
      {"Invalid Input Error", DUCKDB_ERROR_INVALID_INPUT},
      {"Invalid Configuration Error", DUCKDB_INVALID_CONFIGURATION},
      {"Invalid type Error", DUCKDB_ERROR_INVALID_TYPE},
      {"Mismatch Type Error", DUCKDB_ERROR_MISMATCH_TYPE},
      {"TransactionContext Error", DUCKDB_ERROR_TRANSACTION},
      {"Permission Error", DUCKDB_ERROR_PERMISSION},
      {"Not implemented Error", DUCKDB_ERROR_NOT_IMPLEMENTED},
      {"Missing Extension Error", DUCKDB_ERROR_MISSING_EXTENSION},
      {"Extension Autoloading Error", DUCKDB_ERROR_AUTOLOAD},
      {"Serialization Error", DUCKDB_ERROR_IO},
      {"Connection Error", DUCKDB_ERROR_CONNECTION},
      {"Dependency Error", DUCKDB_ERROR_DEPENDENCY},
      {"Parameter Not Allowed Error", DUCKDB_ERROR_PARAMETER_NOT_ALLOWED},
      {"INTERRUPT Error", DUCKDB_ERROR_INTERRUPT},
      {"FATAL Error", DUCKDB_ERROR_FATAL}};
  for (auto [prefix, type] : kPrefixes) {
    if (text.starts_with(prefix)) return type;
  }
  return DUCKDB_ERROR_INVALID;
}

// Errors about a value show it, and a value of a row may be a secret.
bool ShowsValues(duckdb_error_type type) {
  switch (type) {
    case DUCKDB_ERROR_CONSTRAINT:
    case DUCKDB_ERROR_CONVERSION:
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_DECIMAL:
    case DUCKDB_ERROR_MISMATCH_TYPE:
    case DUCKDB_ERROR_INVALID_TYPE:
    case DUCKDB_ERROR_INVALID_INPUT:
    case DUCKDB_ERROR_OBJECT_SIZE:
      return true;
    default:
      return false;
  }
}

// `text` with "…" for what stands between the first `open` behind `from` and the last `close`. Where the next search
// begins; npos: nothing was found.
size_t HideBetween(std::string* text, size_t from, std::string_view open, std::string_view close) {
  size_t begin = text->find(open, from);
  if (begin == std::string::npos) return begin;
  begin += open.size();
  size_t end = text->rfind(close);
  if (end == std::string::npos || end < begin) return std::string::npos;
  constexpr std::string_view kHidden = "…";
  text->replace(begin, end - begin, kHidden);
  return begin + kHidden.size() + close.size();
}

// Behind the name of a file whose opening quote stands at `quote`: file "/data/a.parquet". npos: it is none.
size_t EndOfFileName(std::string_view text, size_t quote) {
  constexpr std::string_view kFile = "ile ";  // "file ", "File "
  if (!text.substr(0, quote).ends_with(kFile) || !text.substr(quote + 1).starts_with('/')) return std::string::npos;
  const size_t end = text.find(text[quote], quote + 1);
  return end == std::string::npos ? end : end + 1;
}

// What DuckDB says without the values it says it about: quoted text but names of files (values may hold quotes and line
// ends themselves, so up to the last quote), numbers, and all lines but the first. The part of the statement that it
// shows stays.
std::string WithoutValues(std::string_view message) {
  size_t statement = message.rfind("\n\nLINE ");
  std::string text(message.substr(0, statement));
  for (size_t at = 0; at != std::string::npos;) {
    size_t quote = text.find_first_of("'\"", at);
    if (quote == std::string::npos) break;
    if (size_t end = EndOfFileName(text, quote); end != std::string::npos) {
      at = end;
      continue;
    }
    std::string_view mark = text[quote] == '"' ? "\"" : "'";
    size_t next = HideBetween(&text, quote, mark, mark);
    at = next == std::string::npos ? quote + 1 : next;
  }
  HideBetween(&text, 0, " with value ", " can't be cast");
  if (Contains(text, "Overflow in")) HideBetween(&text, 0, "(", ")");
  text = text.substr(0, text.find('\n'));
  if (statement != std::string_view::npos) text += message.substr(statement);
  return text;
}

std::string FixFor(ErrorKind kind, duckdb_error_type type, std::string_view text) {
  if (type == DUCKDB_ERROR_OUT_OF_MEMORY) return "raise spec.resources.limits.memory, or lower page_size";
  if (kind == ErrorKind::kExhausted)
    return "free disk space there, or point TMPDIR to a larger disk if it is the temporary folder";
  if (IsDamage(text)) return "the file is damaged: write it anew, or take it out of what is read";
  if (Contains(text, " lock"))
    return kind == ErrorKind::kTransient ? "end the process that holds the file, or wait for it" : "";
  return {};
}

}  // namespace

Error MapError(duckdb_error_type type, std::string_view message) {
  // A worker that failed before its result was asked for: the reason stands behind this, with a type of its own.
  constexpr std::string_view kClosed = "closed pending query result\nError: ";
  if (size_t at = message.find(kClosed); at != std::string_view::npos) {
    message.remove_prefix(at + kClosed.size());
    type = DUCKDB_ERROR_INVALID;
  }
  if (type == DUCKDB_ERROR_INVALID) type = TypeByPrefix(message);
  // Memory that runs out while a transaction commits is reported as an error of the transaction.
  if (Contains(message, "could not allocate block")) type = DUCKDB_ERROR_OUT_OF_MEMORY;
  // A full disk is a full disk under any type: a failed checkpoint or spill is reported as a transaction or fatal
  // error.
  ErrorKind kind = Contains(message, "No space left on device") || Contains(message, "max_temp_directory_size")
                       ? ErrorKind::kExhausted
                   : IsDamage(message) ? ErrorKind::kData
                                       : KindOf(type, message);
  message = message.substr(0, message.find("\n\nPossible solutions"));  // DuckDB's settings, not ours
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) message.remove_suffix(1);
  std::string shown = ShowsValues(type) ? WithoutValues(message) : std::string(message);
  return Error{kind, "DuckDB: " + shown, FixFor(kind, type, message)};
}

}  // namespace nilus::duck
