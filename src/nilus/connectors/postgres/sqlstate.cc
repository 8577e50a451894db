#include "nilus/connectors/postgres/sqlstate.h"

#include <cctype>

namespace nilus::postgres {
namespace {

struct Rule {
  std::string_view prefix;  // a whole code, or a class
  ErrorKind kind;
  std::string_view fix;
};

// The first rule whose prefix fits decides, so codes stand before their class.
constexpr Rule kRules[] = {
    {"08", ErrorKind::kTransient, ""},
    {"0A", ErrorKind::kUnsupported, ""},
    {"21", ErrorKind::kData, ""},
    {"22", ErrorKind::kData, ""},
    {"23", ErrorKind::kData, ""},
    {"25006", ErrorKind::kInvalidInput, "use the primary's address: this is a read-only session or a standby"},
    {"25P03", ErrorKind::kTransient, ""},  // idle in transaction timeout
    {"28", ErrorKind::kAuth, "check user, password and pg_hba.conf"},
    {"2BP01", ErrorKind::kConflict, ""},
    {"3D000", ErrorKind::kNotFound, "check the database's name in the address"},
    {"3F000", ErrorKind::kNotFound, ""},
    {"40", ErrorKind::kTransient, ""},
    {"42501", ErrorKind::kAuth,
     "grant the right to the role: GRANT USAGE ON SCHEMA …, GRANT SELECT (or INSERT, …) ON …, GRANT CREATE ON DATABASE "
     "…"},
    {"42P01", ErrorKind::kNotFound, ""},
    {"42703", ErrorKind::kNotFound, ""},
    {"42704", ErrorKind::kNotFound, ""},
    {"42883", ErrorKind::kNotFound, ""},
    {"42P07", ErrorKind::kConflict, ""},  // made by somebody else meanwhile
    {"42P06", ErrorKind::kConflict, ""},
    {"42710", ErrorKind::kConflict, ""},
    {"42", ErrorKind::kInvalidInput, ""},
    {"53100", ErrorKind::kExhausted, "free disk space at the server"},
    {"53200", ErrorKind::kExhausted, "the server has run out of memory"},
    {"53300", ErrorKind::kTransient,
     "the server has no connection left: lower extract_parallelism or raise max_connections"},
    {"53400", ErrorKind::kExhausted, ""},
    {"53", ErrorKind::kExhausted, ""},
    {"54", ErrorKind::kUnsupported, ""},
    {"55P03", ErrorKind::kTransient,
     "another session holds or waits for a lock on the table (DROP, ALTER, TRUNCATE …): run again when it is done"},
    {"55006", ErrorKind::kTransient, ""},
    {"55000", ErrorKind::kInvalidInput, ""},
    {"57014", ErrorKind::kTransient, "a statement timeout or an administrator cancelled the statement"},
    {"57P01", ErrorKind::kTransient, ""},
    {"57P02", ErrorKind::kTransient, ""},
    {"57P03", ErrorKind::kTransient, ""},
    {"57P04", ErrorKind::kNotFound, ""},
    {"57P05", ErrorKind::kTransient, ""},
    {"58030", ErrorKind::kExhausted, "the server could not read or write its files: see its log"},
    {"58", ErrorKind::kTransient, ""},
    {"72000", ErrorKind::kTransient, ""},  // snapshot too old
    {"XX001", ErrorKind::kData, "the server reports corrupted data: see its log"},
    {"XX002", ErrorKind::kData, "the server reports a corrupted index: see its log"},
    {"P0", ErrorKind::kData, ""},  // raised by a function or trigger
};

const Rule* FindRule(std::string_view sqlstate) {
  for (const Rule& rule : kRules) {
    if (sqlstate.starts_with(rule.prefix)) return &rule;
  }
  return nullptr;
}

bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Where "28P01: " starts in "FATAL:  28P01: …"; npos when there is no code.
size_t FindCode(std::string_view message) {
  for (size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
    std::string_view code = message.substr(at + 3, 6);
    if (code.size() < 6 || code[5] != ':') continue;
    bool is_code = true;
    for (char c : code.substr(0, 5)) is_code &= std::isdigit(static_cast<unsigned char>(c)) || (c >= 'A' && c <= 'Z');
    if (is_code) return at + 3;
  }
  return std::string_view::npos;
}

constexpr std::string_view kTlsFix =
    "for a server with its own CA add ?sslrootcert=/path/ca.pem to the address; to accept less say so there: "
    "sslmode=verify-ca (any host name), sslmode=require (any certificate) or sslmode=disable (no encryption)";

}  // namespace

ErrorKind KindOfSqlState(std::string_view sqlstate) {
  const Rule* rule = FindRule(sqlstate);
  return rule != nullptr ? rule->kind : ErrorKind::kInternal;
}

std::string_view FixOfSqlState(std::string_view sqlstate) {
  const Rule* rule = FindRule(sqlstate);
  return rule != nullptr ? rule->fix : std::string_view();
}

std::string_view SqlStateInMessage(std::string_view verbose_message) {
  size_t at = FindCode(verbose_message);
  return at == std::string_view::npos ? std::string_view() : verbose_message.substr(at, 5);
}

std::string_view WithoutVerbosity(std::string_view message) {
  if (size_t at = FindCode(message); at != std::string_view::npos) message.remove_prefix(at + 7);
  message = message.substr(0, message.find("\nLOCATION:"));
  while (message.ends_with('\n') || message.ends_with(' ')) message.remove_suffix(1);
  return message;
}

std::string WithoutQuotedValues(std::string_view message) {
  // Quotes that are not ASCII, and what follows them: where the value ends cannot be told.
  size_t foreign = 0;
  while (foreign < message.size() && static_cast<unsigned char>(message[foreign]) < 0x80) ++foreign;
  const size_t first = message.find('"');
  if (first == std::string_view::npos || foreign < first) {
    if (foreign == message.size()) return std::string(message);
    return std::string(message.substr(0, foreign)) + "…";
  }
  const size_t last = message.rfind('"');  // the value may hold quotes itself
  if (last == first) return std::string(message.substr(0, first)) + "…";
  return fmt::format("{}\"…\"{}", message.substr(0, first), message.substr(last + 1));
}

std::string ColumnInCopyContext(std::string_view context) {
  if (!context.starts_with("COPY ")) return {};
  context = context.substr(0, context.find('\n'));
  constexpr std::string_view kColumn = ", column ";
  size_t at = context.find(kColumn);
  if (at == std::string_view::npos) return {};
  std::string_view name = context.substr(at + kColumn.size());
  return std::string(name.substr(0, name.find(':')));  // the text format's context goes on with the value
}

Error AsReadError(Error error) {
  if (Has(error.message, "[SQLSTATE 25006]")) error.fix = kOnlyReadsFix;
  return error;
}

std::string OnOneLine(std::string_view message) {
  std::string line;
  bool is_gap = false;
  for (char c : message) {
    if (c == '\n' || c == '\t' || c == '\r') {
      is_gap = true;
    } else if (!is_gap || c != ' ') {
      if (is_gap && !line.empty()) line += ' ';
      is_gap = false;
      line += c;
    }
  }
  return line;
}

Error ConnectError(std::string_view display, std::string_view verbose, bool had_percent_sequences) {
  std::string_view code = SqlStateInMessage(verbose);
  std::string message = OnOneLine(WithoutVerbosity(verbose));
  Error error{ErrorKind::kTransient, fmt::format("cannot connect to {}: {}", display, message), {}};
  if (!code.empty()) {
    error.kind = KindOfSqlState(code);
    error.fix = FixOfSqlState(code);
    // A login that fails because the server wants (or refuses) TLS is not about the password.
    if (code == "28000" && Has(message, "no encryption"))
      error.fix = "the server wants TLS: add ?sslmode=require or verify-full";
    if (error.kind == ErrorKind::kAuth && had_percent_sequences) {
      error.fix +=
          "; a value filled into the address holds %XX sequences, which are taken as they stand: use the filter "
          "urldecode if the secret is percent-encoded";
    }
  } else if (Has(message, "server does not support SSL") || Has(message, "certificate") || Has(message, "SSL error") ||
             Has(message, "root certificate")) {
    error.kind = ErrorKind::kInvalidInput;
    error.fix = kTlsFix;
  } else if (Has(message, "no password supplied")) {
    error.kind = ErrorKind::kAuth;
    error.fix = "put user and password into the address";
  } else if (Has(message, "could not translate host name")) {
    error.kind = Has(message, "Temporary failure") ? ErrorKind::kTransient : ErrorKind::kNotFound;
    error.fix = "check the host in the address";
  } else if (Has(message, "invalid connection option") || Has(message, "invalid value for") ||
             Has(message, "invalid port") || (Has(message, "invalid ") && Has(message, " value:"))) {
    error.kind = ErrorKind::kInvalidInput;
  } else if (Has(message, "Connection refused") || Has(message, "No such file or directory")) {
    error.fix = "check host and port, and that the server runs";
  }
  return error;
}

}  // namespace nilus::postgres
