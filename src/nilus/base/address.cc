#include "nilus/base/address.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <utility>

#include "nilus/base/address_split.h"
#include "nilus/base/address_template.h"
#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/redact.h"
#include "nilus/base/text.h"

namespace nilus {
namespace {

constexpr size_t kLongestAddressBytes = 64 * 1024;

constexpr std::array<std::string_view, 7> kFileSchemes = {"file",    "csv",       "jsonl", "json",
                                                          "parquet", "lakehouse", "delta"};
constexpr std::array<std::string_view, 2> kEmbeddedSchemes = {"sqlite",
                                                              "duckdb"};  // scheme:///relative, scheme:////absolute
constexpr std::array<std::string_view, 9> kObjectSchemes = {"s3",   "s3a",   "gs",    "gcs", "az",
                                                            "abfs", "abfss", "wasbs", "sftp"};
constexpr std::array<std::string_view, 4> kTokenSchemes = {"databricks", "motherduck", "nats", "nats+jetstream"};
// SQLAlchemy's "dialect+driver": the driver means nothing here.
constexpr std::array<std::string_view, 8> kPythonDrivers = {"psycopg2", "psycopg",        "asyncpg", "pymysql",
                                                            "mysqldb",  "mysqlconnector", "pyodbc",  "pymssql"};
// Names so common that hiding them would garble every message and hide nothing.
constexpr std::array<std::string_view, 8> kCommonUsers = {"postgres", "root", "admin",   "user",
                                                          "app",      "test", "default", "nilus"};

template <size_t N>
bool IsOneOf(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

bool IsScheme(std::string_view text) {
  if (text.empty() || !std::isalpha(static_cast<unsigned char>(text[0]))) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '-' || c == '.' || c == '_'; });
}

std::string CanonicalScheme(std::string_view text) {
  std::string scheme = LowerCase(text);
  size_t plus = scheme.find('+');
  if (plus != std::string::npos && IsOneOf(std::string_view(scheme).substr(plus + 1), kPythonDrivers))
    scheme.resize(plus);
  return scheme;
}

// Parses one address; `fill_` holds what placeholders became.
class Parser {
 public:
  Parser(std::string_view text, const VariableLookup& lookup) : text_(text), fill_(lookup) {}

  Result<Address> Parse() {
    size_t colons = text_.find("://");
    NILUS_TRY(ParseScheme(colons));
    std::string_view rest = text_.substr(colons + 3);
    bool is_file = IsOneOf(address_.scheme, kFileSchemes);
    bool is_embedded = IsOneOf(address_.scheme, kEmbeddedSchemes);
    bool is_object = IsOneOf(address_.scheme, kObjectSchemes);
    if (is_file || is_embedded) {
      NILUS_TRY(ParsePathAndQuery(PathOf(rest, is_embedded), true));
    } else if (address_.scheme == "dataos") {
      NILUS_TRY(ParseDepot(rest));
    } else {
      bool path_may_hold_at = is_object || address_.scheme == "http" || address_.scheme == "https";
      NILUS_ASSIGN(Authority authority, SplitAuthority(rest, path_may_hold_at));
      if (authority.userinfo) ParseUserinfo(*authority.userinfo);
      NILUS_TRY(ParseHosts(authority.hosts));
      if (authority.rest.starts_with('/')) authority.rest.remove_prefix(1);
      NILUS_TRY(ParsePathAndQuery(authority.rest, is_object));
    }
    NILUS_TRY(fill_.Check());
    NILUS_TRY(CheckPorts());
    Register();
    return std::move(address_);
  }

 private:
  Status ParseScheme(size_t colons) {
    std::string_view scheme = text_.substr(0, colons == std::string_view::npos ? 0 : colons);
    if (!IsScheme(scheme)) {
      return FailWithFix(ErrorKind::kInvalidInput, "write scheme://host:port/database or dataos://depot",
                         "the address has no scheme");
    }
    address_.scheme = CanonicalScheme(scheme);
    return {};
  }

  static std::string_view PathOf(std::string_view rest, bool is_embedded) {
    if (is_embedded) {
      if (rest.starts_with('/')) rest.remove_prefix(1);
    } else if (rest.starts_with("localhost/")) {  // file://localhost/dir is file:///dir (RFC 8089)
      rest.remove_prefix(9);
    }
    return rest;
  }

  Status ParseDepot(std::string_view rest) {
    size_t query = std::min(rest.find('?'), rest.size());
    std::string_view name = rest.substr(0, query);
    size_t end = name.find_first_of(":/");
    address_.host = fill_.Fill(name.substr(0, end));
    if (address_.host.empty())
      return FailWithFix(ErrorKind::kInvalidInput, "write dataos://<depot>", "the depot's name is missing");
    std::string_view path = end == std::string_view::npos ? std::string_view() : name.substr(end + 1);
    address_.path = fill_.Fill(path);
    return ParseQuery(rest.substr(query));
  }

  void ParseUserinfo(std::string_view userinfo) {
    size_t colon = userinfo.find(':');
    std::string_view user = userinfo.substr(0, colon);
    address_.user = fill_.FillSecret(user);
    user_was_filled_ = !PlaceholderNames(user).empty();
    if (colon != std::string_view::npos) address_.password = fill_.FillSecret(userinfo.substr(colon + 1));
  }

  Status ParseHosts(std::string_view hosts) {
    if (hosts.find(',') == std::string_view::npos) {
      NILUS_ASSIGN(HostPortText parts, SplitHostPort(hosts));
      address_.host = fill_.Fill(parts.host);
      if (address_.host.find_first_of("@<>\" ") != std::string::npos) {
        return FailWithFix(ErrorKind::kInvalidInput,
                           "put a password with special characters in a variable: {DB_PASSWORD}",
                           "the host holds a character that no host has");
      }
      if (parts.port && !parts.port->empty()) {
        port_text_ = fill_.Fill(*parts.port);
      } else if (!PlaceholderNames(parts.host).empty() && address_.host.find(':') == address_.host.rfind(':')) {
        size_t colon = address_.host.find(':');  // {DB_HOST} that holds "db:5432"
        if (colon != std::string::npos && IsDigits(std::string_view(address_.host).substr(colon + 1))) {
          port_text_ = address_.host.substr(colon + 1);
          address_.host.resize(colon);
        }
      }
      return {};
    }
    address_.host = fill_.Fill(hosts);
    return {};
  }

  Status CheckPorts() {
    if (!port_text_.empty()) {
      NILUS_ASSIGN(address_.port, ParsePort(port_text_));
    }
    if (address_.host.find(',') == std::string::npos) return {};
    for (const std::string& part : SplitCommaList(address_.host)) {
      NILUS_ASSIGN(HostPortText parts, SplitHostPort(part));
      if (parts.port && !parts.port->empty()) NILUS_TRY(ParsePort(*parts.port));
    }
    return {};
  }

  Status ParsePathAndQuery(std::string_view rest, bool may_be_glob) {
    size_t query = std::min(FindQuery(rest, may_be_glob), rest.size());
    address_.path = fill_.Fill(rest.substr(0, query));
    return ParseQuery(rest.substr(query));
  }

  Status ParseQuery(std::string_view query) {
    if (query.empty()) return {};
    query.remove_prefix(1);  // the '?'
    while (!query.empty()) {
      size_t end = std::min(query.find('&'), query.size());
      std::string_view pair = query.substr(0, end);
      query.remove_prefix(std::min(end + 1, query.size()));
      if (pair.empty()) continue;
      size_t equals = pair.find('=');
      std::string key = fill_.Fill(pair.substr(0, equals));
      if (key.empty())
        return Fail(ErrorKind::kInvalidInput, "a query parameter of the address has no name before its '='");
      std::string_view written = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
      std::string value = IsSecretName(key) ? fill_.FillSecret(written) : fill_.Fill(written);
      if (!address_.params.emplace(key, std::move(value)).second) {
        return FailWithFix(ErrorKind::kInvalidInput, "write it once",
                           "the query parameter '{}' stands in the address twice", key);
      }
    }
    return {};
  }

  void Register() {
    address_.had_percent_sequences = fill_.filled_secret_holds_percent();
    RegisterSecret(address_.password);
    bool is_token = address_.password.empty() && IsOneOf(address_.scheme, kTokenSchemes);
    bool is_common = IsOneOf(LowerCase(address_.user), kCommonUsers) ||
                     address_.scheme.find(LowerCase(address_.user)) != std::string::npos;
    if (is_token || (user_was_filled_ && !is_common)) RegisterSecret(address_.user);
    for (const auto& [key, value] : address_.params) {
      if (IsSecretName(key)) RegisterSecret(value);
    }
  }

  std::string_view text_;
  PlaceholderFiller fill_;
  Address address_;
  std::string port_text_;
  bool user_was_filled_ = false;
};

}  // namespace

std::string Address::Param(std::string_view key, std::string_view fallback) const {
  auto found = params.find(key);
  return found == params.end() ? std::string(fallback) : found->second;
}

std::vector<HostPort> Address::Hosts() const {
  if (host.empty()) return {};
  if (host.find(',') == std::string::npos) return {{host, port}};
  std::vector<HostPort> hosts;
  for (const std::string& part : SplitCommaList(host)) {
    auto parts = SplitHostPort(part);
    if (!parts) continue;  // ParseAddress refused such a list already
    int number = parts->port && !parts->port->empty() ? static_cast<int>(ParseInteger(*parts->port).value_or(0)) : 0;
    hosts.push_back({std::string(parts->host), number});
  }
  return hosts;
}

std::string Address::ToDisplay() const {
  std::string text = scheme + "://";
  bool user_is_token = password.empty() && IsOneOf(scheme, kTokenSchemes);
  if (!user.empty() && !user_is_token) text += user + "@";
  bool is_ipv6 = host.find(':') != std::string::npos && host.find(',') == std::string::npos;
  text += is_ipv6 ? "[" + host + "]" : host;
  if (port != 0) text += ":" + std::to_string(port);
  if (path.empty()) return text;
  if (scheme == "dataos") return text + ":" + path;
  if (!IsOneOf(scheme, kFileSchemes)) text += "/";
  return text + path;
}

VariableLookup ProcessEnvironment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

Result<Address> ParseAddress(std::string_view text, const VariableLookup& lookup) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) {
    return FailWithFix(ErrorKind::kInvalidInput, "write scheme://host:port/database or dataos://depot",
                       "the address is empty");
  }
  text = text.substr(start, text.find_last_not_of(kSpace) - start + 1);
  if (text.size() > kLongestAddressBytes)
    return Fail(ErrorKind::kInvalidInput, "the address is longer than {} bytes", kLongestAddressBytes);
  if (text.find('\0') != std::string_view::npos) return Fail(ErrorKind::kInvalidInput, "the address holds a NUL byte");
  NILUS_TRY(CheckForTemplates(text));
  std::string_view whole;
  if (IsOnePlaceholder(text, &whole)) {
    auto value = lookup ? lookup(whole) : std::nullopt;
    if (!value) return UnsetVariables({std::string(whole)});
    if (value->find("://") == std::string::npos) {
      return FailWithFix(ErrorKind::kInvalidInput, "set it to scheme://host:port/database",
                         "the variable {} stands for the whole address, but does not hold one", whole);
    }
    if (value->size() > kLongestAddressBytes || value->find('\0') != std::string::npos) {
      return Fail(ErrorKind::kInvalidInput, "the variable {} does not hold an address", whole);
    }
    return Parser(*value, nullptr).Parse();
  }
  return Parser(
             text, lookup ? lookup : [](std::string_view) { return std::optional<std::string>(); })
      .Parse();
}

std::optional<std::string> AddressScheme(std::string_view text) {
  size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(start);
  size_t colons = text.find("://");
  if (colons == std::string_view::npos || !IsScheme(text.substr(0, colons))) return std::nullopt;
  return CanonicalScheme(text.substr(0, colons));
}

bool IsSecretName(std::string_view name) {
  std::string plain;
  for (char c : LowerCase(name)) {
    if (std::isalnum(static_cast<unsigned char>(c))) plain.push_back(c);
  }
  for (std::string_view ending :
       {"url", "uri", "endpoint", "path", "file", "location", "type", "name", "expiry", "mode"}) {
    if (plain.ends_with(ending)) return false;
  }
  for (std::string_view part :
       {"password", "passwd", "pwd", "secret", "token", "apikey", "accesskey", "accountkey", "sharedkey", "privatekey",
        "passphrase", "credentialsbase64", "credentialsjson", "signature", "nkeyseed", "connectionstring"}) {
    if (plain.find(part) != std::string::npos) return true;
  }
  return plain == "seed" || plain == "sig" || plain == "pass";
}

}  // namespace nilus
