// Rows of Delta tables as DuckDB reads them through the scan.
#include "nilus/delta/scan.h"

#include <gmock/gmock.h>

#include "nilus/delta/deletion_vector.h"
#include "nilus/delta/table_fixture_testing.h"

namespace nilus::delta {
namespace {

using testing::ElementsAre;

// The examples of the protocol's document.
constexpr const char* kInline = "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L";
constexpr const char* kUuid = "ab^-aqEH.-t@S}K{vb[*k^";

class ScanTest : public TableFixture {
 protected:
  // All rows, their values as text, joined by '|'; sorted by `order`.
  std::vector<std::string> Rows(const std::string& order = "1") {
    auto snapshot = Read();
    if (!snapshot) return {snapshot.error().ToString()};
    auto columns = ToNilusSchema(snapshot->schema);
    if (!columns) return {columns.error().ToString()};
    auto relation = ScanRelation::Open(
        connection_, {.store = store_.get(), .snapshot = &*snapshot, .files = snapshot->files, .columns = *columns});
    if (!relation) return {relation.error().ToString()};
    auto rows = connection_.Query(fmt::format("SELECT * FROM ({}) ORDER BY {}", relation->sql(), order));
    if (!rows) return {rows.error().ToString() + "\n" + relation->sql()};
    std::vector<std::string> texts;
    for (const duck::TextRow& row : *rows) {
      std::string text;
      for (const duck::TextValue& value : row) text += (text.empty() ? "" : "|") + value.value_or("NULL");
      texts.push_back(text);
    }
    return texts;
  }
};

TEST_F(ScanTest, PartitionsAndColumnsAddedLater) {
  WriteParquet("p=1/a.parquet", "SELECT 1::BIGINT AS id");
  WriteParquet("p=2/b.parquet", "SELECT 2::BIGINT AS id, 'x' AS name");
  WriteParquet("p=__HIVE_DEFAULT_PARTITION__/c.parquet", "SELECT 3::BIGINT AS id, NULL::VARCHAR AS name");
  const auto add = [](const std::string& path, const std::string& value) {
    return fmt::format(R"({{"add":{{"path":"{}","partitionValues":{{"p":{},"d":"2024-03-15"}},"size":1}}}})", path,
                       value);
  };
  Commit(0, {kPlainProtocol,
             MetadataLine(FieldJson("id", "long") + "," + FieldJson("p", "integer") + "," + FieldJson("d", "date") +
                              "," + FieldJson("name", "string"),
                          R"(["p","d"])"),
             add("p=1/a.parquet", "\"1\""), add("p=2/b.parquet", "\"2\""),
             add("p=__HIVE_DEFAULT_PARTITION__/c.parquet", "null")});
  EXPECT_THAT(Rows(), ElementsAre("1|1|2024-03-15|NULL", "2|2|2024-03-15|x", "3|NULL|2024-03-15|NULL"));
}

TEST_F(ScanTest, DeletedRows) {
  EXPECT_EQ(DecodeBase85(std::string_view(kUuid).substr(2)).value().size(), 16u);
  const DeletionVector file_vector{.storage = 'u', .path_or_inline = kUuid};
  EXPECT_EQ(VectorKey(file_vector, "t", *store_).value(),
            "t/ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin");
  WriteParquet("a.parquet", "SELECT range AS id FROM range(32)");
  WriteParquet("b.parquet", "SELECT range + 100 AS id FROM range(3)");
  const std::string vector = fmt::format(
      R"(,"deletionVector":{{"storageType":"i","pathOrInlineDv":"{}","sizeInBytes":40,"cardinality":6}})", kInline);
  Commit(0, {R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors"]}})",
             MetadataLine(FieldJson("id", "long")), AddLine("a.parquet", vector), AddLine("b.parquet")});
  const auto rows = Rows();
  EXPECT_EQ(rows.size(), 32u - 6 + 3) << rows[0];
  for (const char* deleted : {"3", "4", "7", "11", "18", "29"})
    EXPECT_THAT(rows, testing::Not(testing::Contains(std::string(deleted))));
}

// The portable form, as writers use it: little-endian magic number, then the bitmap.
std::string PortableVector(const lake::RowBitmap& rows) { return std::string("\xD1\xD3\x39\x64") + rows.Serialize(); }

// Length and checksum around it, both big-endian.
std::string Framed(const std::string& content) {
  uint32_t checksum = 0xFFFFFFFF;
  for (unsigned char byte : content) {
    checksum ^= byte;
    for (int bit = 0; bit < 8; ++bit) checksum = checksum >> 1 ^ ((checksum & 1) != 0 ? 0xEDB88320U : 0);
  }
  checksum = ~checksum;
  std::string framed;
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(content.size() >> shift & 0xFF));
  framed += content;
  for (int shift = 24; shift >= 0; shift -= 8) framed.push_back(static_cast<char>(checksum >> shift & 0xFF));
  return framed;
}

TEST_F(ScanTest, DeletedRowsInAFile) {
  lake::RowBitmap expected;
  for (uint64_t row : {uint64_t{3}, uint64_t{29}, uint64_t{70'000}, uint64_t{1} << 33}) expected.Add(row);
  const std::string content = PortableVector(expected);
  const std::string name = "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin";
  WriteFile(name, "\x01" + Framed(content));
  DeletionVector vector{.storage = 'u',
                        .path_or_inline = kUuid,
                        .offset = 1,
                        .size_in_bytes = static_cast<int64_t>(content.size()),
                        .cardinality = 4};
  auto rows = ReadVector(vector, "", *store_, {});
  ASSERT_TRUE(rows) << rows.error().ToString();
  EXPECT_EQ(*rows, expected);
  vector.storage = 'p';
  vector.path_or_inline = "file://" + Path(name);
  EXPECT_TRUE(ReadVector(vector, "", *store_, {}));
  vector.cardinality = 3;
  EXPECT_EQ(ReadVector(vector, "", *store_, {}).error().kind, ErrorKind::kData);
  vector.cardinality = 4;
  vector.offset = 0;
  EXPECT_EQ(ReadVector(vector, "", *store_, {}).error().kind, ErrorKind::kData);
  std::string damaged = Framed(content);
  EXPECT_TRUE(DecodeFramedVector(damaged, vector));
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  EXPECT_FALSE(DecodeFramedVector(damaged, vector));
  for (const char* text : {"abcd", "abcd~", "#####"}) EXPECT_FALSE(DecodeBase85(text)) << text;
}

TEST_F(ScanTest, LinksAreNotFollowed) {
  const duck::TempFolder outside;
  WriteParquet("a.parquet", "SELECT 1::BIGINT AS id");
  std::filesystem::rename(Path("a.parquet"), outside / "a.parquet");
  std::filesystem::create_symlink(outside / "a.parquet", Path("a.parquet"));
  Commit(0, {kPlainProtocol, MetadataLine(FieldJson("id", "long")), AddLine("a.parquet")});
  EXPECT_THAT(Rows(), ElementsAre(testing::HasSubstr("is a symbolic link")));
}

TEST_F(ScanTest, ColumnMappingByNameAndId) {
  const auto mapped = [](const std::string& name, const std::string& type, int id, const std::string& physical) {
    return FieldJson(
        name, type,
        fmt::format(R"({{"delta.columnMapping.id":{},"delta.columnMapping.physicalName":"{}"}})", id, physical));
  };
  const std::string inner = R"({"type":"struct","fields":[)" + mapped("inner name", "long", 3, "col-3") + "]}";
  const std::string fields = mapped("an id", "long", 1, "col-1") + "," + mapped("s", inner, 2, "col-2") + "," +
                             mapped("p", "string", 4, "col-4");
  WriteParquet("a.parquet", "SELECT 7::BIGINT AS \"col-1\", {'col-3': 9::BIGINT} AS \"col-2\"",
               ", FIELD_IDS {'col-1': 1, 'col-2': {__duckdb_field_id: 2, 'col-3': 3}}");
  const std::string add = R"({"add":{"path":"a.parquet","partitionValues":{"col-4":"x"},"size":1}})";
  for (const char* mode : {"name", "id"}) {
    Commit(0, {R"({"protocol":{"minReaderVersion":2,"minWriterVersion":5}})",
               MetadataLine(fields, R"(["p"])", fmt::format(R"({{"delta.columnMapping.mode":"{}"}})", mode)), add});
    EXPECT_THAT(Rows(), ElementsAre(R"(7|{"inner name":9}|x)")) << mode;
  }
  // By id, the name in the file does not matter.
  WriteParquet("a.parquet", "SELECT 8::BIGINT AS other", ", FIELD_IDS {'other': 1}");
  EXPECT_THAT(Rows(), ElementsAre("8|NULL|x"));
}

TEST_F(ScanTest, TypesAreThoseOfTheTable) {
  WriteParquet(
      "a.parquet",
      "SELECT 1::INTEGER AS wide, TIMESTAMP '2024-03-15 10:20:30' AS t, TIMESTAMPTZ '2024-03-15 10:20:30+02' AS n, "
      "1.5::DECIMAL(5,2) AS d, [1, 2] AS l, MAP {'k': 1} AS m, '\\x01'::BLOB AS b, true AS f");
  Commit(
      0,
      {R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["typeWidening","timestampNtz"]}})",
       MetadataLine(FieldJson("wide", "long") + "," + FieldJson("t", "timestamp") + "," +
                    FieldJson("n", "timestamp_ntz") + "," + FieldJson("d", "decimal(12,4)") + "," +
                    FieldJson("l", R"({"type":"array","elementType":"integer","containsNull":true})") + "," +
                    FieldJson("m", R"({"type":"map","keyType":"string","valueType":"integer"})") + "," +
                    FieldJson("b", "binary") + "," + FieldJson("f", "boolean")),
       AddLine("a.parquet")});
  EXPECT_THAT(Rows(), ElementsAre("1|2024-03-15T10:20:30Z|2024-03-15T08:20:30|1.5000|[1,2]|{\"k\":1}|01|true"));
}

}  // namespace
}  // namespace nilus::delta
