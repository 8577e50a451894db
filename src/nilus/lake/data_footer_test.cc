#include "nilus/lake/data_footer.h"

#include <fstream>
#include <sstream>

#include "nilus/lake/data_fixture_test.h"

namespace nilus::lake {
namespace {

class DataFooterTest : public DataFixture {
 protected:
  std::string Copy(const std::string& select, const std::string& options = "") {
    const std::string path = folder_ / fmt::format("f{}.parquet", ++writers_);
    Query(fmt::format("COPY ({}) TO {} (FORMAT parquet{})", select, duck::QuoteLiteral(path), options));
    return path;
  }
};

TEST_F(DataFooterTest, SaysWhatDuckdbSays) {
  const std::string path =
      Copy("SELECT i AS a, {'x': i, 'y': [i]} AS s, CASE WHEN i % 2 = 0 THEN 't' || i END AS t FROM range(5000) r(i)",
           ", FIELD_IDS {a: 3}, ROW_GROUP_SIZE 2048");
  auto footer = ReadParquetFooter(path);
  ASSERT_TRUE(footer) << footer.error().ToString();
  EXPECT_EQ(footer->rows, 5'000);
  ASSERT_EQ(footer->top_columns.size(), 3U);
  EXPECT_EQ(footer->top_columns[0].field_id, 3);
  EXPECT_EQ(footer->top_columns[1].name, "s");
  EXPECT_FALSE(footer->top_columns[1].type);
  EXPECT_TRUE(footer->has_field_ids);
  auto rows = Query(
      "SELECT row_group_id, column_id, num_values, total_compressed_size, stats_null_count, "
      "least(data_page_offset, coalesce(dictionary_page_offset, data_page_offset)) FROM parquet_metadata(" +
      duck::QuoteLiteral(path) + ")");
  ASSERT_GT(footer->row_groups.size(), 1U);
  ASSERT_EQ(rows.size(), footer->row_groups.size() * footer->columns.size());
  for (const duck::TextRow& row : rows) {
    const ParquetChunk& chunk = footer->row_groups.at(std::stoul(*row[0])).chunks.at(std::stoul(*row[1]));
    EXPECT_EQ(std::to_string(chunk.values), row[2]);
    EXPECT_EQ(std::to_string(chunk.compressed_bytes), row[3]);
    if (row[4]) {
      EXPECT_EQ(std::to_string(*chunk.nulls), row[4]);
    }
    EXPECT_EQ(std::to_string(chunk.offset), row[5]);
  }
  EXPECT_NE(footer->schema_bytes, ReadParquetFooter(Copy("SELECT 1 AS a"))->schema_bytes);
  EXPECT_EQ(ReadParquetFooter(Copy("SELECT 2 AS a"))->schema_bytes,
            ReadParquetFooter(Copy("SELECT 1 AS a"))->schema_bytes);
}

TEST_F(DataFooterTest, DamageIsTold) {
  std::ifstream file(Copy("SELECT i AS a, 'x' || i AS t FROM range(100) r(i)"), std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  const std::string bytes = all.str();
  auto size = ParquetFooterSize(bytes);
  ASSERT_TRUE(size);
  const std::string footer = bytes.substr(bytes.size() - static_cast<size_t>(*size));
  ASSERT_TRUE(ParseParquetFooter(footer));
  for (size_t at = 0; at + 8 < footer.size(); ++at) {
    std::string bad = footer;
    bad[at] = static_cast<char>(bad[at] ^ 0x55);
    static_cast<void>(ParseParquetFooter(bad));  // an error or another reading, but no crash
    std::string cut = footer.substr(at);
    EXPECT_EQ(at == 0, ParseParquetFooter(cut).has_value());
  }
  EXPECT_EQ(ParquetFooterSize("xxxxPARE").error().kind, ErrorKind::kUnsupported);
  EXPECT_EQ(ReadParquetFooter(folder_ / "absent").error().kind, ErrorKind::kData);
}

}  // namespace
}  // namespace nilus::lake
