#include "nilus/connectors/postgres/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "nilus/connectors/postgres/options.h"
#include "nilus/connectors/postgres/server_testing.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

using testing::HasSubstr;
using testing::Not;

Address Parse(const std::string& uri) {
  return ParseAddress(uri, [](std::string_view) { return std::nullopt; }).value();
}

std::string Param(const std::string& uri, std::string_view name, size_t server = 0) {
  ConnectPlan plan = PlanConnection(Parse(uri)).value();
  for (const auto& [key, value] : plan.servers.at(server)) {
    if (key == name) return value;
  }
  return "none";
}

TEST(PlanConnection, TlsIsVerifiedButForLoopback) {
  for (std::string host : {"db.example.com", "10.0.0.1", "[2001:db8::1]", "127.example.com", "localhost.example.com"}) {
    EXPECT_EQ(Param("postgresql://u:p@" + host + "/d", "sslmode"), "verify-full") << host;
    EXPECT_THAT(Param("postgresql://u:p@" + host + "/d", "sslrootcert"), HasSubstr("cert"));
  }
  for (std::string uri : {"postgresql://u:p@localhost/d", "postgresql://u:p@127.0.0.1/d", "postgresql://u:p@[::1]/d",
                          "postgresql:///d?host=/tmp"}) {
    EXPECT_EQ(Param(uri, "sslmode"), "prefer") << uri;
  }
  EXPECT_EQ(Param("postgresql://u:p@localhost/d?hostaddr=10.0.0.1", "sslmode"), "verify-full");
  EXPECT_EQ(Param("postgresql://u:p@h/d?sslmode=require", "sslmode"), "require");
  EXPECT_EQ(Param("postgresql://u:p@h/d?sslmode=require", "sslrootcert"), "none");
  EXPECT_EQ(Param("postgresql://u:p@h/d?sslrootcert=/ca.pem", "sslrootcert"), "/ca.pem");
}

TEST(PlanConnection, PartsAndHosts) {
  EXPECT_EQ(Param("postgresql://u:p%40ss@h:6000/d", "password"), "p@ss");
  EXPECT_EQ(Param("postgresql://h/d?user=u&password=x", "user"), "u");
  EXPECT_EQ(Param("postgresql://u@h1:1,h2:2/d", "port", 1), "2");
  EXPECT_EQ(Param("postgresql://u@h1:1,h2:2/d", "host", 1), "h2");
  EXPECT_EQ(Param("postgresql://u@h1,h2/d?target_session_attrs=prefer-standby", "target_session_attrs", 3), "any");
  EXPECT_EQ(Param("postgresql://u@h/d", "application_name"), "nilus");
  EXPECT_EQ(Param("postgresql://u@h/d", "client_encoding"), "UTF8");
}

TEST(PlanConnection, UnknownAndDoubledParametersAreRefused) {
  auto unknown = PlanConnection(Parse("postgresql://u@h/d?ssl_mode=require"));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(unknown.error().fix, HasSubstr("sslmode"));
  EXPECT_FALSE(PlanConnection(Parse("postgresql://u@h/d?user=x")).has_value());
  EXPECT_FALSE(PlanConnection(Parse("postgresql://u@h/d?sslmode=maybe")).has_value());
  EXPECT_FALSE(PlanConnection(Parse("postgresql://u@h/d?service=x")).has_value());
  EXPECT_FALSE(PlanConnection(Parse("postgresql://u@h/d?client_encoding=LATIN1")).has_value());
}

// A variable of the environment for as long as this lives.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

TEST(PlanConnection, TheEnvironmentDoesNotSayWhereAnAddressLeads) {
  for (auto [variable, uri] : {std::pair{"PGHOST", "postgresql://u:p@/d"},
                               {"PGHOSTADDR", "postgresql://u:p@db.example.com/d"},
                               {"PGUSER", "postgresql://h/d"},
                               {"PGDATABASE", "postgresql://u:p@h"},
                               {"PGSERVICE", "postgresql://u:p@h/d"}}) {
    EXPECT_TRUE(PlanConnection(Parse(uri)).has_value()) << uri;
    Environment set(variable, "elsewhere");
    auto plan = PlanConnection(Parse(uri));
    ASSERT_FALSE(plan.has_value()) << variable;
    EXPECT_EQ(plan.error().kind, ErrorKind::kInvalidInput);
    EXPECT_THAT(plan.error().message, HasSubstr(variable));
    EXPECT_TRUE(variable == std::string("PGSERVICE") || variable == std::string("PGHOSTADDR") ||
                PlanConnection(Parse("postgresql://u:p@h/d")).has_value());
  }
  EXPECT_EQ(Param("postgresql://u:p@h/d", "port"), "5432");
  EXPECT_EQ(Param("postgresql://u:p@h/d", "options"), " ");
  EXPECT_EQ(Param("postgresql://u:p@h/d?options=-c%20work_mem%3D64MB", "options"), "-c work_mem=64MB");
}

TEST(Connection, PgoptionsAndPgportAreNotTaken) {
  Environment options("PGOPTIONS", "-c search_path=elsewhere");
  Environment port("PGPORT", "1");
  Address address = TestServer::Shared()->DatabaseAddress("postgres");
  EXPECT_EQ(Param("postgresql://u@h/d", "port"), "5432");
  EXPECT_NE(MustSelect(address, "SHOW search_path"), "elsewhere");
}

TEST(PostgresErrors, StandOnOneLine) {
  EXPECT_EQ(OnOneLine("connection to server at \"x\" failed: refused\n\tIs the server running?"),
            "connection to server at \"x\" failed: refused Is the server running?");
  EXPECT_EQ(OnOneLine("a b"), "a b");
}

TEST(SqlState, KindsSayWhatToDoNext) {
  for (auto [code, kind] : {std::pair{"28P01", ErrorKind::kAuth},
                            {"3D000", ErrorKind::kNotFound},
                            {"42P01", ErrorKind::kNotFound},
                            {"42703", ErrorKind::kNotFound},
                            {"08006", ErrorKind::kTransient},
                            {"57P01", ErrorKind::kTransient},
                            {"57P03", ErrorKind::kTransient},
                            {"40001", ErrorKind::kTransient},
                            {"40P01", ErrorKind::kTransient},
                            {"53300", ErrorKind::kTransient},
                            {"55P03", ErrorKind::kTransient},
                            {"53100", ErrorKind::kExhausted},
                            {"42501", ErrorKind::kAuth},
                            {"22P02", ErrorKind::kData},
                            {"23505", ErrorKind::kData},
                            {"42601", ErrorKind::kInvalidInput},
                            {"0A000", ErrorKind::kUnsupported},
                            {"XX000", ErrorKind::kInternal}}) {
    EXPECT_EQ(KindOfSqlState(code), kind) << code;
  }
  EXPECT_EQ(SqlStateInMessage("connection to server at \"h\" (::1), port 1 failed: FATAL:  28P01: password "
                              "…\nLOCATION:  auth_failed, auth.c:338\n"),
            "28P01");
  EXPECT_EQ(WithoutVerbosity("FATAL:  28P01: password failed\nLOCATION:  auth_failed, auth.c:338\n"),
            "password failed");
  EXPECT_EQ(SqlStateInMessage("could not connect: Connection refused\n"), "");
}

Error Refused(const Address& address) {
  auto connection = Connection::Open(address, {});
  EXPECT_FALSE(connection.has_value());
  return connection ? Error{} : connection.error();
}

TEST(Connection, LoginsThatFail) {
  TestServer* server = TestServer::Shared();
  Address address = server->NewDatabase();
  std::string rules = server->folder() + "/data/pg_hba.conf";
  std::ifstream in(rules);
  std::string old((std::istreambuf_iterator<char>(in)), {});
  std::ofstream(rules) << "host all locked_out 127.0.0.1/32 scram-sha-256\n" << old;
  MustExecute(address, "CREATE ROLE locked_out LOGIN PASSWORD 'right@:/?#&=+;%\\'; SELECT pg_reload_conf()");
  Address user = address;
  user.user = "locked_out";
  user.password = "right@:/?#&=+;%\\";
  EXPECT_TRUE(Connection::Open(user, {}).has_value());
  user.password = "canary-wrong%40";
  user.had_percent_sequences = true;
  Error error = Refused(user);
  EXPECT_EQ(error.kind, ErrorKind::kAuth);
  EXPECT_THAT(error.fix, HasSubstr("urldecode"));
  EXPECT_THAT(error.message + error.fix, Not(HasSubstr("canary")));
  user.password = "";
  EXPECT_EQ(Refused(user).kind, ErrorKind::kAuth);
  user = address;
  user.user = "nobody_at_all";
  EXPECT_EQ(Refused(user).kind, ErrorKind::kAuth);
  Address database = address;
  database.path = "no_such_database";
  EXPECT_EQ(Refused(database).kind, ErrorKind::kNotFound);
  Address port = address;
  port.port = 1;
  EXPECT_EQ(Refused(port).kind, ErrorKind::kTransient);
  Address host = address;
  host.host = "no-such-host.invalid";
  ErrorKind kind = Refused(host).kind;
  EXPECT_TRUE(kind == ErrorKind::kNotFound || kind == ErrorKind::kTransient);
  Address two = address;
  two.host = "127.0.0.1:1,127.0.0.1:" + std::to_string(address.port);
  two.port = 0;
  EXPECT_TRUE(Connection::Open(two, {}).has_value());
  two.params["target_session_attrs"] = "prefer-standby";
  EXPECT_TRUE(Connection::Open(two, {}).has_value());
  two.params["target_session_attrs"] = "standby";
  EXPECT_FALSE(Connection::Open(two, {}).has_value());
}

TEST(Connection, ServersWithoutTlsAreRefusedWhenItIsAskedFor) {
  Address address = TestServer::Shared()->DatabaseAddress("postgres");
  address.params["sslmode"] = "verify-full";
  Error error = Refused(address);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput);
  EXPECT_THAT(error.fix, HasSubstr("sslrootcert="));
  EXPECT_THAT(error.fix, HasSubstr("sslmode=require"));
}

TEST(Connection, CertificatesAreVerified) {
  auto started = TestServer::Start();
  ASSERT_TRUE(started.has_value()) << started.error().ToString();
  TestServer& server = **started;
  std::string folder = server.folder();
  std::string make =
      "cd " + folder +
      " && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=DNS:localhost "
      "-keyout key.pem -out cert.pem >openssl.log 2>&1 && chmod 600 key.pem && if [ $(id -u) = 0 ]; then chown nobody "
      "key.pem; fi";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no openssl program";
  Address address = server.DatabaseAddress("postgres");
  MustExecute(address, "ALTER SYSTEM SET ssl_cert_file = '" + folder + "/cert.pem'");
  MustExecute(address, "ALTER SYSTEM SET ssl_key_file = '" + folder + "/key.pem'");
  MustExecute(address, "ALTER SYSTEM SET ssl = on");
  MustExecute(address, "SELECT pg_reload_conf()");
  address.host = "localhost";
  address.params["sslmode"] = "require";
  while (!Connection::Open(address, {}).has_value()) {  // until the server has read its settings anew
  }
  address.params["sslmode"] = "verify-full";
  Error error = Refused(address);  // the system does not know this CA
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput) << error.ToString();
  EXPECT_THAT(error.fix, HasSubstr("sslrootcert="));
  address.params["sslrootcert"] = folder + "/cert.pem";
  auto verified = Connection::Open(address, {});
  ASSERT_TRUE(verified.has_value()) << verified.error().ToString();
  EXPECT_EQ(PQsslInUse((*verified)->raw()), 1);
  address.host = "127.0.0.1";  // not the certificate's name
  error = Refused(address);
  EXPECT_EQ(error.kind, ErrorKind::kInvalidInput) << error.ToString();
  address.params["sslmode"] = "verify-ca";
  EXPECT_TRUE(Connection::Open(address, {}).has_value());
}

TEST(Connection, ErrorsNameNoRowValuesOfConstraints) {
  Address address = TestServer::Shared()->NewDatabase();
  MustExecute(address, "CREATE TABLE t (secret text PRIMARY KEY); INSERT INTO t VALUES ('canary-value')");
  auto connection = Connection::Open(address, {}).value();
  auto failed = connection->Execute("INSERT INTO t VALUES ('canary-value')");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind, ErrorKind::kData);
  EXPECT_THAT(failed.error().message, HasSubstr("public.t"));
  EXPECT_THAT(failed.error().ToString(), Not(HasSubstr("canary")));
  EXPECT_TRUE(connection->is_usable());
}

TEST(SqlState, QuotedValuesAreLeftOut) {
  EXPECT_EQ(WithoutQuotedValues("invalid input syntax for type integer: \"canary\""),
            "invalid input syntax for type integer: \"…\"");
  EXPECT_EQ(WithoutQuotedValues("value \"can\"ary\" is out of range for type integer"),
            "value \"…\" is out of range for type integer");
  EXPECT_EQ(WithoutQuotedValues("malformed array literal: \"canary"), "malformed array literal: …");
  EXPECT_EQ(WithoutQuotedValues("numeric field overflow"), "numeric field overflow");
  for (std::string_view foreign : {"syntaxe en entrée invalide : « canary »", "неверный синтаксис: \"canary\"",
                                   "ungültige Eingabesyntax für Typ integer: »canary«"}) {
    EXPECT_THAT(WithoutQuotedValues(foreign), Not(HasSubstr("canary")));
  }
  EXPECT_EQ(ColumnInCopyContext("COPY t, line 3, column a"), "a");
  EXPECT_EQ(ColumnInCopyContext("COPY t, line 3, column a: \"canary\"\nSQL function"), "a");
  EXPECT_EQ(ColumnInCopyContext("COPY t, line 3"), "");
  EXPECT_EQ(ColumnInCopyContext("SQL function f, column a"), "");
}

TEST(Connection, HiddenRowValuesAreNotInErrorsAndOthersAre) {
  Address address = TestServer::Shared()->NewDatabase();
  MustExecute(address, "CREATE TABLE t (n int)");
  auto connection = Connection::Open(address, {}).value();
  const std::string sql = "SELECT 'canary'::text::int";
  EXPECT_THAT(connection->Execute(sql).error().message, HasSubstr("canary"));
  connection->HideRowValues();
  Error error = connection->Execute(sql).error();
  EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_THAT(error.ToString(), Not(HasSubstr("canary")));
  EXPECT_THAT(error.message, HasSubstr("22P02"));
  ASSERT_TRUE(connection->StartCopyIn("COPY t (n) FROM STDIN (FORMAT binary)").has_value());
  ASSERT_TRUE(connection->PutCopyData(std::string_view("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\1\0\0\0\5abcde", 30)));
  error = connection->EndCopyIn().error();
  EXPECT_EQ(error.kind, ErrorKind::kData);
  EXPECT_THAT(error.message, HasSubstr("(column n)"));
}

// A statement that would run for an hour, and a reader that is dropped: the server's process is free at once.
TEST(Connection, AStopCancelsTheStatementAtTheServer) {
  Address address = TestServer::Shared()->NewDatabase();
  auto watcher = Connection::Open(address, {}).value();
  const std::string running =
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(3600)%' AND "
      "pid <> pg_backend_pid()";
  auto count = [&] { return std::string(FieldText(watcher->Execute(running).value(), 0, 0)); };
  std::stop_source stop;
  auto connection = Connection::Open(address, {}).value();
  std::jthread stopper([&] {
    while (count() != "1") {
    }
    stop.request_stop();
  });
  auto slept = connection->Execute("SELECT pg_sleep(3600)", stop.get_token());
  ASSERT_FALSE(slept.has_value());
  EXPECT_EQ(slept.error().kind, ErrorKind::kCancelled);
  EXPECT_FALSE(connection->is_usable());
  stopper.join();
  const std::string active = running + " AND state = 'active'";
  while (FieldText(watcher->Execute(active).value(), 0, 0) != "0") {  // with the connection still open
  }
}

TEST(Connection, CopyInRoundTripAndItsErrors) {
  Address address = TestServer::Shared()->NewDatabase();
  MustExecute(address, "CREATE TABLE t (id int PRIMARY KEY, v text)");
  auto connection = Connection::Open(address, {}).value();
  ASSERT_TRUE(connection->StartCopyIn("COPY t FROM STDIN").has_value());
  std::string rows;
  for (int i = 0; i < 100'000; ++i) rows += std::to_string(i) + "\tvalue\n";
  for (size_t at = 0; at < rows.size(); at += 7919)
    ASSERT_TRUE(connection->PutCopyData(std::string_view(rows).substr(at, 7919)).has_value());
  EXPECT_EQ(connection->EndCopyIn().value(), 100'000);
  ASSERT_TRUE(connection->StartCopyIn("COPY t FROM STDIN").has_value());
  ASSERT_TRUE(connection->PutCopyData("1\tagain\n").has_value());
  auto ended = connection->EndCopyIn();
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().kind, ErrorKind::kData);
  ASSERT_TRUE(connection->StartCopyIn("COPY t FROM STDIN").has_value());
  ASSERT_TRUE(connection->PutCopyData("200000\tgone\n").has_value());
  EXPECT_TRUE(connection->AbortCopyIn("not wanted").has_value());
  EXPECT_TRUE(connection->is_usable());
  EXPECT_EQ(MustSelect(address, "SELECT count(*) FROM t"), "100000");
}

TEST(Connection, ParametersAreBound) {
  Address address = TestServer::Shared()->DatabaseAddress("postgres");
  auto connection = Connection::Open(address, {}).value();
  std::vector<Connection::Parameter> parameters = {"x'; DROP TABLE t; --", std::nullopt};
  PgResult result = connection->Query("SELECT $1::text, $2::text", parameters).value();
  EXPECT_EQ(FieldText(result, 0, 0), "x'; DROP TABLE t; --");
  EXPECT_TRUE(FieldIsNull(result, 0, 1));
  EXPECT_FALSE(connection->Execute(std::string("SELECT 1\0", 9)).has_value());
  EXPECT_EQ(MustSelect(address, "SELECT " + QuoteLiteral("a'b\\c")), "a'b\\c");
}

}  // namespace
}  // namespace nilus::postgres
