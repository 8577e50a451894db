// A connector address, split into parts. Splitting happens *before* `{NAME}` placeholders are filled in, so a secret
// may hold any character (spec 02): the parts carry decoded, final values.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus {

struct HostPort {
  std::string host;  // without brackets
  int port = 0;      // 0: not given
};

struct Address {
  std::string scheme;  // lower case: postgresql, sqlite, file, dataos, …
  std::string user;
  std::string password;  // registered with RegisterSecret when it is filled in
  std::string host;      // without brackets for one IPv6 address; several hosts stay "h1:1,[::1]:2" (see Hosts)
  int port = 0;          // 0: not given, or several hosts
  std::string
      path;  // as the scheme reads it: "db" for database URIs (no leading '/'), the whole path for file-like ones
  std::map<std::string, std::string, std::less<>> params;  // query parameters, decoded; repeated keys are an error
  bool had_percent_sequences = false;  // a filled-in secret holds %XX: a login failure hints at urldecode (spec 02)

  // The parameter's value, or `fallback`.
  std::string Param(std::string_view key, std::string_view fallback = {}) const;
  // One entry per host: those of `host`, each with its own port. Empty when no host was given.
  std::vector<HostPort> Hosts() const;
  // "postgresql://user@host:5432/db": never the password, a user that is a token, or any query parameter.
  std::string ToDisplay() const;
};

// Where `{NAME}` and `${NAME}` come from: the projected environment, then the process environment. Nothing: not set.
using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

// The process environment as a lookup.
VariableLookup ProcessEnvironment();

// Splits `text`, then fills placeholders. Errors (kInvalidInput) name the part and the way out, never another value.
// - Secrets are registered: the password, a filled-in user, a user that stands without a password where it is a token,
//   and every parameter whose name says that it is one (IsSecretName).
// - A text that is one placeholder and nothing else stands for a whole address, which is then split as written.
// - A raw '@' in a literal password: the last '@' of the authority ends it. A raw '/', '?' or '#' in it is understood
//   where no other reading is possible, and refused as ambiguous otherwise. An '@' in a parameter's value ends none.
// - File-like schemes (file, csv, jsonl, json, parquet, lakehouse, delta) keep everything after "://" as the path;
//   sqlite:///rel and sqlite:////abs (duckdb too) are read as in SQLAlchemy: what follows the third '/' is the path.
//   `?` starts their query only where `key=` follows, so that a glob may hold it.
// - dataos://depot:collection/dataset gives host "depot" and path "collection/dataset".
Result<Address> ParseAddress(std::string_view text, const VariableLookup& lookup);

// The scheme alone, lower case, without filling anything: for validation before variables are known. Nothing when the
// text has none, or is a single placeholder.
std::optional<std::string> AddressScheme(std::string_view text);

// The names of all placeholders in `text`, in order.
std::vector<std::string> PlaceholderNames(std::string_view text);

// `text` with its placeholders filled and nothing decoded. An error names all variables that are not set.
Result<std::string> FillPlaceholders(std::string_view text, const VariableLookup& lookup);

// True for names such as password, sasl_password, api_key, token, secretAccessKey: their values are secrets.
bool IsSecretName(std::string_view name);

}  // namespace nilus
