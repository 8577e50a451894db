// A Delta table made by hand, as the protocol's document describes it, on the local disk. Only for tests.
#pragma once

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "nilus/delta/snapshot.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"
#include "nilus/storage/open_store.h"

namespace nilus::delta {

inline constexpr const char* kPlainProtocol = R"({"protocol":{"minReaderVersion":1,"minWriterVersion":2}})";

class TableFixture : public testing::Test {
 protected:
  static std::string Escaped(std::string_view text) {
    std::string escaped;
    for (char c : text) escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return escaped;
  }

  // `fields`: the JSON of the schema's fields.
  static std::string MetadataLine(const std::string& fields, const std::string& partition_columns = "[]",
                                  const std::string& configuration = "{}") {
    return fmt::format(
        R"({{"metaData":{{"id":"t","format":{{"provider":"parquet","options":{{}}}},"schemaString":"{}",)"
        R"("partitionColumns":{},"configuration":{},"createdTime":1}}}})",
        Escaped(R"({"type":"struct","fields":[)" + fields + "]}"), partition_columns, configuration);
  }
  static std::string FieldJson(const std::string& name, const std::string& type, const std::string& metadata = "{}") {
    const std::string quoted = type.starts_with('{') ? type : "\"" + type + "\"";
    return fmt::format(R"({{"name":"{}","type":{},"nullable":true,"metadata":{}}})", name, quoted, metadata);
  }
  static std::string AddLine(const std::string& path, const std::string& more = "") {
    return fmt::format(
        R"({{"add":{{"path":"{}","partitionValues":{{}},"size":1,"modificationTime":1,"dataChange":true{}}}}})", path,
        more);
  }
  static std::string RemoveLine(const std::string& path, const std::string& more = "") {
    return fmt::format(R"({{"remove":{{"path":"{}","dataChange":true{}}}}})", path, more);
  }

  std::string Path(const std::string& name) const { return folder_ / name; }

  void WriteFile(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    std::ofstream(Path(name), std::ios::binary) << text;
  }
  void Commit(int version, const std::vector<std::string>& lines) const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    WriteFile(fmt::format("_delta_log/{:020}.json", version), text);
  }
  void WriteParquet(const std::string& name, const std::string& select, const std::string& options = "") {
    std::filesystem::create_directories(std::filesystem::path(Path(name)).parent_path());
    const auto written = connection_.Execute(
        fmt::format("COPY ({}) TO {} (FORMAT parquet{})", select, duck::QuoteLiteral(Path(name)), options));
    ASSERT_TRUE(written) << written.error().ToString();
  }

  Result<Snapshot> Read(const VersionWish& wish = {}) { return ReadSnapshot(*store_, "", wish, connection_, {}); }
  static std::vector<std::string> Keys(const Snapshot& snapshot) {
    std::vector<std::string> keys;
    for (const DataFile& file : snapshot.files) keys.push_back(file.key);
    return keys;
  }

  duck::TempFolder folder_;
  std::shared_ptr<duck::Database> database_ = duck::Database::Open({}).value();
  duck::Connection connection_ = duck::Connection::Open(database_).value();
  std::shared_ptr<storage::ObjectStore> store_ = storage::OpenStore(folder_.path()).value();
};

}  // namespace nilus::delta
