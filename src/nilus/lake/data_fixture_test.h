// A table's folder on the local disk, and batches for it.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/quote.h"
#include "nilus/duck/temp_folder_testing.h"
#include "nilus/lake/catalog.h"
#include "nilus/lake/data_writer.h"
#include "nilus/storage/open_store.h"

namespace nilus::lake {

using Cell = std::optional<std::string>;

class DataFixture : public testing::Test {
 protected:
  static IcebergField MakeField(int32_t id, std::string name, TypeKind kind) {
    return IcebergField{.id = id, .name = std::move(name), .type = MakeIcebergType(kind)};
  }

  // Cells as canonical texts.
  static RecordBatch MakeBatch(const Schema& schema, const std::vector<std::vector<Cell>>& rows) {
    BatchBuilder builder(std::make_shared<Schema>(schema));
    for (const std::vector<Cell>& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        ColumnBuilder& column = builder.column(static_cast<int>(i));
        if (row[i]) {
          EXPECT_TRUE(AppendParsed(*row[i], &column)) << *row[i];
        } else {
          column.AppendNull();
        }
      }
      builder.FinishRow();
    }
    return builder.Finish();
  }

  DataWriterOptions Options(IcebergSchema schema, PartitionSpec spec = {}) {
    DataWriterOptions options;
    options.database = database_;
    options.store = store_;
    options.new_url = [this](std::string_view path, std::string_view name) {
      return store_->Url(path.empty() ? fmt::format("data/{}", name) : fmt::format("data/{}/{}", path, name));
    };
    options.name_prefix = fmt::format("w{}", ++writers_);
    options.table = "s.t";
    options.schema = std::move(schema);
    options.spec = std::move(spec);
    return options;
  }

  std::vector<DataFile> Write(DataWriterOptions options, const std::vector<RecordBatch>& batches) {
    auto writer = DataWriter::Open(std::move(options));
    EXPECT_TRUE(writer) << (writer ? "" : writer.error().ToString());
    for (const RecordBatch& batch : batches) {
      Status written = (*writer)->Write(batch);
      EXPECT_TRUE(written) << (written ? "" : written.error().ToString());
    }
    auto files = (*writer)->Finish();
    EXPECT_TRUE(files) << (files ? "" : files.error().ToString());
    return files ? *std::move(files) : std::vector<DataFile>();
  }

  std::string PathOf(const DataFile& file) { return *store_->LocalPath(*store_->KeyOf(file.path)); }

  std::vector<duck::TextRow> Query(const std::string& sql) {
    auto rows = connection_.Query(sql);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().ToString()) << "\n" << sql;
    return rows ? *std::move(rows) : std::vector<duck::TextRow>();
  }

  // A table that has these files in mind; its manifests are never read.
  TablePtr MakeTable(IcebergSchema schema, PartitionSpec spec = {}, Properties properties = {}) {
    auto metadata = MakeTableMetadata({.location = store_->Url("t"),
                                       .schema = std::move(schema),
                                       .spec = std::move(spec),
                                       .properties = std::move(properties)});
    EXPECT_TRUE(metadata) << (metadata ? "" : metadata.error().ToString());
    auto table = std::make_shared<Table>();
    table->identifier = {"s", "t"};
    table->metadata = *std::move(metadata);
    table->store = store_;
    return table;
  }

  duck::TempFolder folder_;
  StorePtr store_ = *storage::OpenStore(folder_.path());
  std::shared_ptr<duck::Database> database_ = *duck::Database::Open({});
  duck::Connection connection_ = *duck::Connection::Open(database_);
  int writers_ = 0;
};

}  // namespace nilus::lake
