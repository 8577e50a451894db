#include "nilus/connectors/postgres/options.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "nilus/connector/address_params.h"

namespace nilus::postgres {
namespace {

constexpr std::string_view kSystemCertificates[] = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
    "/etc/ssl/cert.pem",                   // macOS, BSD
};

// Every parameter of libpq 15 that makes sense for moving data; the rest is decided here (client_encoding, replication)
// or names files with further settings (service), which would hide from the address what is connected to.
constexpr OptionSpec kAddressParams[] = {
    {"sslmode", OptionType::kChoice, "", "TLS: verify-full is the default but for loopback and sockets (prefer)",
     "disable|allow|prefer|require|verify-ca|verify-full"},
    {"sslrootcert", OptionType::kText, "", "file with the certificates of the CAs to trust, in place of the system's"},
    {"sslcert", OptionType::kText, "", "file with the client's certificate"},
    {"sslkey", OptionType::kText, "", "file with the client's private key"},
    {"sslpassword", OptionType::kText, "", "passphrase of the private key", "", true},
    {"sslcrl", OptionType::kText, "", "file with a certificate revocation list"},
    {"sslcrldir", OptionType::kText, "", "folder with certificate revocation lists"},
    {"sslcompression", OptionType::kBoolean, "false", "compression inside TLS"},
    {"sslsni", OptionType::kBoolean, "true", "send the host's name in the TLS handshake"},
    {"ssl_min_protocol_version", OptionType::kChoice, "TLSv1.2", "lowest TLS version", "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3"},
    {"ssl_max_protocol_version", OptionType::kChoice, "", "highest TLS version", "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3"},
    {"channel_binding", OptionType::kChoice, "prefer", "bind SCRAM logins to the TLS channel",
     "disable|prefer|require"},
    {"gssencmode", OptionType::kChoice, "prefer", "Kerberos encryption", "disable|prefer|require"},
    {"krbsrvname", OptionType::kText, "postgres", "Kerberos service name"},
    {"gsslib", OptionType::kText, "", "GSS library"},
    {"requirepeer", OptionType::kText, "",
     "operating-system user that must own the server at the other end of a socket"},
    {"host", OptionType::kText, "", "host, or folder of the server's Unix socket, when the address has none"},
    {"hostaddr", OptionType::kText, "", "IP address to connect to, without looking the host's name up"},
    {"port", OptionType::kInteger, "5432", "port, when the address has none"},
    {"user", OptionType::kText, "", "user, when the address has none"},
    {"password", OptionType::kText, "", "password, when the address has none", "", true},
    {"dbname", OptionType::kText, "", "database, when the address has none"},
    {"passfile", OptionType::kText, "", "password file in place of ~/.pgpass"},
    {"connect_timeout", OptionType::kInteger, "15", "seconds to wait for each server while connecting"},
    {"silence_timeout", OptionType::kInteger, "60",
     "seconds without a word from the server before a second session asks it whether it still works on the statement; "
     "0: never"},
    {"keepalives", OptionType::kInteger, "1", "1: TCP keepalives, 0: none"},
    {"keepalives_idle", OptionType::kInteger, "30", "seconds of silence before the first keepalive"},
    {"keepalives_interval", OptionType::kInteger, "10", "seconds between keepalives"},
    {"keepalives_count", OptionType::kInteger, "3",
     "keepalives without an answer before the connection counts as lost"},
    {"tcp_user_timeout", OptionType::kInteger, "60000", "milliseconds that sent data may stay unacknowledged"},
    {"target_session_attrs", OptionType::kChoice, "any", "which of several servers to use",
     "any|read-write|read-only|primary|standby|prefer-standby"},
    {"options", OptionType::kText, "", "command-line options for the server's session, such as -c work_mem=64MB"},
    {"application_name", OptionType::kText, "nilus", "name shown in pg_stat_activity"},
};

constexpr int64_t kDefaultPort = 5432;

bool IsLoopback(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@') || host == "localhost" ||
         host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

std::string SystemCertificates() {
  for (std::string_view file : kSystemCertificates) {
    if (access(file.data(), R_OK) == 0) return std::string(file);
  }
  return std::string(kSystemCertificates[0]);  // libpq's error names the file it misses
}

struct NamedPart {
  std::string_view key;
  const std::string& from_address;
};

// libpq takes from its environment whatever it is not told. Where a manifest's address leads, and as whom, must not
// hang on that: so every parameter is told, and what cannot be told for the lack of a value is refused. What proves who
// one is (PGPASSWORD, PGPASSFILE, ~/.pgpass, PGSSLCERT, PGSSLKEY) is taken as psql takes it.
Status RefuseEnvironment(const char* variable, std::string_view what) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return {};
  return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write it into the address, or unset {}", variable),
                     "the address names no {}, and the environment variable {} would decide it", what, variable);
}

// The name libpq logs in with where it is told none.
std::string SystemUser() {
  std::array<char, 4096> text{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, text.data(), text.size(), &found) != 0 || found == nullptr) return {};
  return entry.pw_name;
}

}  // namespace

std::span<const OptionSpec> AddressParams() { return kAddressParams; }

Result<ConnectPlan> PlanConnection(const Address& address) {
  NILUS_ASSIGN(OptionValues values, ReadAddressParams(address, kAddressParams, "PostgreSQL", "postgresql"));
  ConnectPlan plan;
  plan.timeout_seconds = static_cast<int>(std::clamp<int64_t>(values.Integer("connect_timeout", 15), 1, 3600));
  plan.silence_seconds = static_cast<int>(std::clamp<int64_t>(values.Integer("silence_timeout", 60), 0, 86'400));

  ConnectParams common;
  for (const NamedPart& part :
       {NamedPart{"user", address.user}, {"password", address.password}, {"dbname", address.path}}) {
    if (!part.from_address.empty() && values.Has(part.key)) {
      return FailWithFix(ErrorKind::kInvalidInput, "write it once", "the address gives the {} twice", part.key);
    }
    std::string value = part.from_address.empty() ? values.Text(part.key) : part.from_address;
    if (!value.empty()) {
      common.emplace_back(part.key, std::move(value));
      continue;
    }
    if (part.key == "user") {
      NILUS_TRY(RefuseEnvironment("PGUSER", "user"));
      if (std::string user = SystemUser(); !user.empty()) common.emplace_back("user", std::move(user));
    } else if (part.key == "dbname") {
      NILUS_TRY(RefuseEnvironment("PGDATABASE", "database"));  // libpq then takes the user's name
    }
  }
  NILUS_TRY(RefuseEnvironment("PGSERVICE", "service (there is no such parameter)"));
  for (const OptionSpec& spec : kAddressParams) {
    bool decided_here = spec.name == "user" || spec.name == "password" || spec.name == "dbname" ||
                        spec.name == "host" || spec.name == "hostaddr" || spec.name == "port" ||
                        spec.name == "connect_timeout" || spec.name == "silence_timeout" || spec.name == "sslmode" ||
                        spec.name == "target_session_attrs";
    if (decided_here) continue;
    // Choices without a default and empty texts are left to libpq.
    std::string value = values.Text(spec.name, spec.default_value);
    if (spec.type == OptionType::kBoolean) value = values.Boolean(spec.name, spec.default_value == "true") ? "1" : "0";
    if (value.empty() && spec.name == "options") value = " ";  // none: and none from PGOPTIONS
    if (!value.empty()) common.emplace_back(spec.name, std::move(value));
  }
  common.emplace_back("client_encoding", "UTF8");

  std::vector<HostPort> hosts = address.Hosts();
  if (!hosts.empty() && values.Has("host")) {
    return FailWithFix(ErrorKind::kInvalidInput, "write it once", "the address gives the host twice");
  }
  if (hosts.empty()) {
    const std::string host = values.Text("host");
    if (host.empty() && !values.Has("hostaddr")) NILUS_TRY(RefuseEnvironment("PGHOST", "host"));
    for (const std::string& part : SplitCommaList(host)) hosts.push_back({part, address.port});
    if (hosts.empty()) hosts.push_back({});
  }
  if (!values.Has("hostaddr")) NILUS_TRY(RefuseEnvironment("PGHOSTADDR", "hostaddr"));
  std::string attrs = values.Text("target_session_attrs", "any");
  // prefer-standby: all of them once more, whatever they are.
  for (int pass = 0; pass < (attrs == "prefer-standby" ? 2 : 1); ++pass) {
    for (const HostPort& host : hosts) {
      ConnectParams params = common;
      if (!host.host.empty()) params.emplace_back("host", host.host);
      if (values.Has("hostaddr")) params.emplace_back("hostaddr", values.Text("hostaddr"));
      int64_t port = host.port != 0 ? host.port : values.Integer("port", kDefaultPort);
      params.emplace_back("port", std::to_string(port));
      params.emplace_back("target_session_attrs", attrs != "prefer-standby" ? attrs : pass == 0 ? "standby" : "any");

      bool is_local = IsLoopback(host.host) && IsLoopback(values.Text("hostaddr"));
      std::string sslmode = values.Text("sslmode", is_local ? "prefer" : "verify-full");
      params.emplace_back("sslmode", sslmode);
      if (sslmode.starts_with("verify-") && !values.Has("sslrootcert"))
        params.emplace_back("sslrootcert", SystemCertificates());
      plan.servers.push_back(std::move(params));
    }
  }
  return plan;
}

}  // namespace nilus::postgres
