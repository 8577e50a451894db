#include "nilus/cli/starter_manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/encoding.h"
#include "nilus/base/nearest.h"
#include "nilus/base/redact.h"

namespace nilus::cli {
namespace {

// What a manifest begins with for one end.
struct Starter {
  std::string address;
  std::string table;
  std::string comment;  // what to change or to set; may be empty
};

struct KnownStarter {
  std::string_view connector;
  Starter source;
  Starter sink;
};

// Connectors not named here start from the address in their declaration.
const std::vector<KnownStarter>& KnownStarters() {
  static const std::vector<KnownStarter> starters = {
      {"duckdb",
       {"duckdb:///:memory:",
        "query:SELECT i AS id, 'customer ' || i AS name, DATE '2024-01-01' + i::INTEGER AS created_at "
        "FROM range(1, 101) AS t(i)",
        "a query is a table too; for a file: duckdb:///shop.duckdb with source_table main.customers"},
       {"duckdb:///nilus-demo.duckdb", "raw.customers", "the file is created when it is not there"}},
      {"sqlite",
       {"sqlite:///:memory:",
        "query:WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 100) "
        "SELECT id, 'customer ' || id AS name FROM n",
        "a query is a table too; for a file: sqlite:///shop.db with source_table main.customers"},
       {"sqlite:///nilus-demo.db", "main.customers", "the file is created when it is not there"}},
      {"postgresql",
       {"postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:5432/{PGDATABASE}", "public.customers",
        "{NAME} is filled from the environment: export PGUSER, PGPASSWORD, PGHOST, PGDATABASE"},
       {"postgresql://{PGUSER}:{PGPASSWORD}@{PGHOST}:5432/{PGDATABASE}", "raw.customers",
        "{NAME} is filled from the environment: export PGUSER, PGPASSWORD, PGHOST, PGDATABASE"}},
      {"file",
       {"file://{PWD}/data/*.csv", "raw.customers",
        "csv, jsonl, json or parquet, also .gz and .zst; source_table names the rows"},
       {"file://{PWD}/nilus-demo?format=parquet", "raw.customers",
        "a folder per table; format is parquet, csv or jsonl"}},
  };
  return starters;
}

// The address without its password: `scheme://user:{NAME}@…`.
std::string WithoutPassword(const std::string& address, std::string_view variable, bool* had_password) {
  size_t start = address.find("://");
  if (start == std::string::npos) return address;
  start += 3;
  size_t at = address.rfind('@');
  size_t colon = address.find(':', start);
  if (at == std::string::npos || colon == std::string::npos || colon > at) return address;
  std::string password = address.substr(colon + 1, at - colon - 1);
  if (password.empty() || password.front() == '{' || password.starts_with("${")) return address;
  *had_password = true;
  return address.substr(0, colon + 1) + fmt::format("{{{}}}", variable) + address.substr(at);
}

// The address with `{NAME}` in place of the value of every parameter that is a secret, by the connector's declaration
// or by its name. The names of the variables are added.
std::string WithoutSecretParams(const std::string& address, const Connector& connector, std::string_view prefix,
                                std::vector<std::string>* variables) {
  std::string text;
  size_t copied = 0;
  for (size_t at = address.find_first_of("?&"); at != std::string::npos; at = address.find_first_of("?&", at + 1)) {
    const size_t equals = address.find_first_of("=?&#", at + 1);
    if (equals == std::string::npos || address[equals] != '=') continue;
    const std::string key = PercentDecode(std::string_view(address).substr(at + 1, equals - at - 1));
    const bool is_declared = std::any_of(connector.address_params.begin(), connector.address_params.end(),
                                         [&](const OptionSpec& spec) { return spec.secret && spec.name == key; });
    if (!is_declared && !IsSecretName(key)) continue;
    const size_t end = std::min(address.find_first_of("&#", equals), address.size());
    const std::string_view value = std::string_view(address).substr(equals + 1, end - equals - 1);
    if (value.empty() || value.front() == '{' || value.starts_with("${")) continue;
    std::string variable = std::string(prefix) + '_';
    for (char c : key) {
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      variable += is_letter ? static_cast<char>(c & ~0x20) : c >= '0' && c <= '9' ? c : '_';
    }
    text += address.substr(copied, equals + 1 - copied) + '{' + variable + '}';
    copied = end;
    at = end - 1;
    variables->push_back(std::move(variable));
  }
  return text + address.substr(copied);
}

Result<Starter> FindStarter(const ConnectorRegistry& registry, const std::string& text, bool is_sink) {
  bool is_address = text.find("://") != std::string::npos;
  std::string name = is_address ? AddressScheme(text).value_or("") : text;
  std::vector<std::string_view> known;
  for (const Connector* connector : registry.all()) {
    known.push_back(connector->name);
    known.insert(known.end(), connector->schemes.begin(), connector->schemes.end());
    if (connector->name != name &&
        std::find(connector->schemes.begin(), connector->schemes.end(), name) == connector->schemes.end()) {
      continue;
    }
    Starter starter{std::string(connector->address_example), is_sink ? "raw.customers" : "public.customers", {}};
    for (const KnownStarter& candidate : KnownStarters()) {
      if (std::find(connector->schemes.begin(), connector->schemes.end(), candidate.connector) !=
          connector->schemes.end()) {
        starter = is_sink ? candidate.sink : candidate.source;
      }
    }
    const std::string_view prefix = is_sink ? "DEST" : "SOURCE";
    const std::string variable = fmt::format("{}_PASSWORD", prefix);
    bool had_password = false;
    if (is_address) {
      if (!is_sink && starter.table.starts_with("query:")) starter.table = "main.customers";
      starter.address = text;
      starter.comment.clear();
    }
    starter.address = WithoutPassword(starter.address, variable, &had_password);
    std::vector<std::string> variables;
    if (had_password) variables.push_back(variable);
    starter.address = WithoutSecretParams(starter.address, *connector, prefix, &variables);
    if (!variables.empty()) {
      starter.comment =
          fmt::format("{} from the environment: export {}",
                      variables.size() == 1 && had_password ? "the password comes" : "what is secret comes",
                      fmt::join(variables, ", "));
    }
    if (is_address && variables.empty() && Redact(starter.address) != starter.address) {
      starter.address = Redact(starter.address);
      starter.comment = "secrets do not belong here: replace *** by {NAME} and export NAME";
    }
    return starter;
  }
  std::string nearest = Nearest(name, known);
  return FailWithFix(ErrorKind::kInvalidInput,
                     nearest.empty() ? "see `nilus connectors`" : fmt::format("did you mean `{}`?", nearest),
                     "there is no connector for `{}`", name);
}

// A YAML double-quoted scalar: JSON's text is one.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<std::string> StarterManifest(const ConnectorRegistry& registry, const std::string& source,
                                    const std::string& destination, const std::string& file_name) {
  NILUS_ASSIGN(Starter from, FindStarter(registry, source.empty() ? "duckdb" : source, false));
  NILUS_ASSIGN(Starter to, FindStarter(registry, destination.empty() ? "duckdb" : destination, true));
  auto comment = [](const std::string& text) { return text.empty() ? std::string() : "    # " + text + "\n"; };
  std::string text;
  text += "# A Nilus pipeline. Check it, see what it would do, run it:\n";
  text += fmt::format("#   nilus validate {0}\n#   nilus plan {0}\n#   nilus run {0}\n", file_name);
  text +=
      "name: customers\n"
      "version: v1alpha\n"
      "type: nilus\n"
      "description: Copies customers.\n"
      "spec:\n"
      "  type: batch\n"
      "  source:\n";
  text += comment(from.comment);
  text += "    address: " + Quoted(from.address) + "\n";
  text += "    options:\n";
  text += "      source_table: " + Quoted(from.table) + "\n";
  text +=
      "      # Read only what is new, by a column that grows; give the sink merge (with a key) or append:\n"
      "      # incremental_key: updated_at\n"
      "      # primary_key: id\n"
      "      # Try it with a few rows first:\n"
      "      # sql_limit: 100\n"
      "  sink:\n";
  text += comment(to.comment);
  text += "    address: " + Quoted(to.address) + "\n";
  text += "    options:\n";
  text += "      dest_table: " + Quoted(to.table) + "\n";
  text +=
      "      # replace: the table holds exactly this run's rows. Others: append, merge, delete+insert, scd2\n"
      "      incremental_strategy: replace\n";
  return text;
}

}  // namespace nilus::cli
