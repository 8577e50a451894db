// For this folder's tests: a folder that goes away, files in it, and whole reads and loads in one call.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "nilus/connectors/files/connector.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus::files {

using Row = std::vector<std::optional<std::string>>;  // canonical texts; nothing: NULL

struct ReadBack {
  Schema schema;
  std::vector<Row> rows;
  ReadPlan plan;

  // "a:bigint b:text"
  std::string Columns() const {
    std::string text;
    for (const Field& field : schema.fields)
      text += (text.empty() ? "" : " ") + field.name + ":" + field.type.ToString();
    return text;
  }
};

class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = testing::TempDir() + "nilus-files-XXXXXX";
    ASSERT_NE(mkdtemp(root_.data()), nullptr);
    root_ = std::filesystem::canonical(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  const std::string& root() const { return root_; }
  std::string Path(const std::string& name) const { return root_ + "/" + name; }

  std::string Put(const std::string& name, const std::string& bytes) const {
    std::string path = Path(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::string Contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }

  static Result<std::unique_ptr<Source>> OpenSource(const std::string& path,
                                                    std::map<std::string, std::string, std::less<>> params = {}) {
    Address address;
    address.scheme = "file";
    address.path = path;
    address.params = std::move(params);
    return kFilesConnector.open_source(address, OpenContext{});
  }
  static Result<std::unique_ptr<Sink>> OpenSink(const std::string& path,
                                                std::map<std::string, std::string, std::less<>> params = {}) {
    Address address;
    address.scheme = "file";
    address.path = path;
    address.params = std::move(params);
    address.params.try_emplace("lock_wait_seconds", "0");
    return kFilesConnector.open_sink(address, OpenContext{});
  }

  static Result<ReadBack> ReadFrom(Source* source, const ReadRequest& request) {
    ReadBack back;
    NILUS_ASSIGN(back.plan, source->Plan(request));
    back.schema = back.plan.table.schema;
    for (const Split& split : back.plan.splits) {
      NILUS_ASSIGN(std::unique_ptr<Reader> reader, source->Open(split));
      while (true) {
        NILUS_ASSIGN(std::optional<Batch> batch, reader->Next({}));
        if (!batch) break;
        EXPECT_GT(batch->rows.num_rows(), 0);
        for (int64_t row = 0; row < batch->rows.num_rows(); ++row) {
          Row cells;
          for (const Column& column : batch->rows.columns()) {
            cells.push_back(column.IsNull(row) ? std::nullopt : std::optional(ScalarAt(column, row).text));
          }
          back.rows.push_back(std::move(cells));
        }
      }
    }
    return back;
  }
  static Result<ReadBack> ReadAll(const std::string& path, const std::string& table,
                                  std::map<std::string, std::string, std::less<>> params = {}) {
    NILUS_ASSIGN(std::unique_ptr<Source> source, OpenSource(path, std::move(params)));
    ReadRequest request;
    request.table = table;
    return ReadFrom(source.get(), request);
  }
  // The message of the error that reading gives; empty when it gives none.
  static std::string ReadError(const std::string& path, const std::string& table,
                               std::map<std::string, std::string, std::less<>> params = {}) {
    auto read = ReadAll(path, table, std::move(params));
    return read ? std::string() : std::string(ErrorKindName(read.error().kind)) + ": " + read.error().ToString();
  }

 private:
  std::string root_;
};

inline SchemaPtr MakeSchema(std::vector<Field> fields) { return std::make_shared<Schema>(Schema{std::move(fields)}); }

inline RecordBatch MakeBatch(const SchemaPtr& schema, const std::vector<Row>& rows) {
  BatchBuilder builder(schema);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      ColumnBuilder& column = builder.column(static_cast<int>(i));
      if (!row[i]) {
        column.AppendNull();
      } else {
        EXPECT_TRUE(AppendParsed(*row[i], &column)) << *row[i];
      }
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

#define ASSERT_OK(expression)                                                   \
  do {                                                                          \
    const auto& files_outcome = (expression);                                   \
    ASSERT_TRUE(files_outcome.has_value()) << files_outcome.error().ToString(); \
  } while (false)

}  // namespace nilus::files
