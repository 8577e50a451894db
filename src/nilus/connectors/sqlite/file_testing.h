// A SQLite file of its own for each test, written with plain SQLite and read back the same way.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nilus/base/clock.h"
#include "nilus/connectors/sqlite/connector.h"

namespace nilus::sqlite {

// Another program's connection.
class Peer {
 public:
  explicit Peer(const std::string& path) { EXPECT_EQ(sqlite3_open(path.c_str(), &db_), SQLITE_OK); }
  ~Peer() { sqlite3_close(db_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // All cells of all rows, row by row; NULL reads "NULL".
  std::vector<std::string> Run(const std::string& sql) {
    std::vector<std::string> cells;
    char* message = nullptr;
    sqlite3_exec(
        db_, sql.c_str(),
        [](void* out, int count, char** values, char**) {
          for (int i = 0; i < count; ++i) {
            static_cast<std::vector<std::string>*>(out)->emplace_back(values[i] == nullptr ? "NULL" : values[i]);
          }
          return 0;
        },
        &cells, &message);
    EXPECT_EQ(message, nullptr) << message << " in " << sql;
    sqlite3_free(message);
    return cells;
  }

 private:
  sqlite3* db_ = nullptr;
};

class FileTest : public testing::Test {
 protected:
  FileTest() : folder_(std::filesystem::temp_directory_path() / ("nilus-sqlite-" + NewId())) {
    std::filesystem::create_directory(folder_);
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string path() const { return (folder_ / "test.db").string(); }
  const std::filesystem::path& folder() const { return folder_; }
  std::vector<std::string> Run(const std::string& sql) { return Peer(path()).Run(sql); }

  Address MakeAddress(int busy_timeout = 20) const {
    Address address;
    address.scheme = "sqlite";
    address.path = path();
    address.params["busy_timeout"] = std::to_string(busy_timeout);
    return address;
  }
  Result<std::unique_ptr<Source>> OpenSource() const {
    return kSqliteConnector.open_source(MakeAddress(), OpenContext{});
  }
  std::unique_ptr<Sink> OpenSink() const { return kSqliteConnector.open_sink(MakeAddress(), OpenContext{}).value(); }

 private:
  std::filesystem::path folder_;
};

template <typename T>
std::string KindOf(const Result<T>& result) {
  return result.has_value() ? "ok" : std::string(ErrorKindName(result.error().kind));
}

}  // namespace nilus::sqlite
