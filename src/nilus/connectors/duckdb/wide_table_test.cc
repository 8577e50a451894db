// Tables of more columns than DuckDB's share of the memory has room for.
#include <gtest/gtest.h>

#include "nilus/connectors/duckdb/connector.h"
#include "nilus/data/builder.h"
#include "nilus/duck/connection.h"
#include "nilus/duck/temp_folder_testing.h"

namespace nilus::duckdb {
namespace {

// DuckDB takes half a MiB a column and thread, and as much again at the end, whatever the rows.
class DuckdbWideTableTest : public testing::Test {
 protected:
  // Appends rows in batches of 2,500; what the commit gives, or the first error.
  Result<CommitResult> Append(Sink* sink, int columns, int batches, int64_t version) {
    auto schema = std::make_shared<Schema>();
    for (int i = 0; i < columns; ++i)
      schema->fields.push_back(Field{.name = fmt::format("c{}", i), .type = MakeType(TypeId::kInt64)});
    WriteRequest request{.pipeline = {"p", "main"},
                         .load_id = fmt::format("load-{}", version),
                         .table = {"shop", "orders"},
                         .schema = schema,
                         .strategy = WriteStrategy::kAppend};
    NILUS_ASSIGN(std::unique_ptr<Writer> writer, sink->Open(request));
    for (int batch = 0; batch < batches; ++batch) {
      BatchBuilder builder(schema);
      for (int64_t row = 0; row < 2'500; ++row) {
        for (int i = 0; i < columns; ++i) builder.column(i).Append<int64_t>(row * i);
        builder.FinishRow();
      }
      NILUS_TRY(writer->Write(builder.Finish()));
    }
    NILUS_TRY(writer->Finish());
    return sink->Commit(
        {.pipeline = request.pipeline, .load_id = request.load_id, .expected_version = version, .position = {"{}"}});
  }
  std::unique_ptr<Sink> OpenWith(int64_t duckdb_bytes) {
    OpenContext context;
    context.duckdb_bytes = duckdb_bytes;
    context.threads = 2;
    return *kDuckdbConnector.open_sink(*ParseAddress("duckdb:///" + path_, ProcessEnvironment()), context);
  }
  duck::TextRow QueryRow(const std::string& sql) {
    return (*duck::Connection::Open(*duck::Database::Open({.path = path_}))->Query(sql))[0];
  }

  duck::TempFolder folder_;
  std::string path_ = folder_ / "t.duckdb";
};

TEST_F(DuckdbWideTableTest, OneThreadInsertsWhereThereIsNoRoomForTwo) {
  auto result = Append(OpenWith(64 << 20).get(), /*columns=*/40, /*batches=*/20, 0);
  ASSERT_TRUE(result) << result.error().ToString();
  EXPECT_EQ(QueryRow("SELECT count(*), sum(c39) FROM shop.orders"), (duck::TextRow{"50000", "2436525000"}));
}

TEST_F(DuckdbWideTableTest, WhereThereIsNoRoomForOneTheFixSaysWhatWouldBeEnough) {
  auto sink = OpenWith(64 << 20);
  auto first = Append(sink.get(), /*columns=*/300, /*batches=*/0, 0);
  ASSERT_TRUE(first) << first.error().ToString();
  auto second = Append(sink.get(), /*columns=*/300, /*batches=*/8, 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::kExhausted) << second.error().ToString();
  EXPECT_NE(second.error().fix.find("664 MiB"), std::string::npos) << second.error().ToString();
  sink.reset();
  EXPECT_EQ(QueryRow("SELECT count(*) FROM shop.orders")[0], "0");
}

}  // namespace
}  // namespace nilus::duckdb
