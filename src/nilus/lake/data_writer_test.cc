#include "nilus/lake/data_writer.h"

#include <cmath>
#include <filesystem>
#include <map>

#include "nilus/lake/data_fixture_test.h"
#include "nilus/lake/data_footer.h"

namespace nilus::lake {
namespace {

class DataWriterTest : public DataFixture {
 protected:
  static std::string Bound(const ById<std::string>& bounds, const IcebergField& field) {
    const std::string* bytes = FindId(bounds, field.id);
    return bytes == nullptr ? "none" : LiteralToText(*FromBytes(*bytes, field.type), field.type);
  }
  size_t FilesOnDisk() {
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
      files += entry.is_regular_file() && entry.path().extension() == ".parquet" ? 1 : 0;
    return files;
  }
};

TEST_F(DataWriterTest, FilesHaveFieldIdsAndMetrics) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "id", TypeKind::kLong),        MakeField(7, "d", TypeKind::kDouble),
                   MakeField(3, "t", TypeKind::kString),       MakeField(4, "day", TypeKind::kDate),
                   MakeField(5, "at", TypeKind::kTimestamptz), MakeField(6, "flag", TypeKind::kBoolean)};
  schema.fields.push_back(MakeField(8, "amount", TypeKind::kDecimal));
  schema.fields.back().type.precision = 24;
  schema.fields.back().type.scale = 2;
  const Schema columns = ToNilusSchema(schema);
  const std::string long_text = "0123456789abcdefghij";
  std::vector<DataFile> files =
      Write(Options(schema),
            {MakeBatch(columns, {{"5", "0", long_text, "2024-03-15", "2024-03-15T00:00:00Z", "true", "-1.50"},
                                 {"-7", "1.5", std::nullopt, "1969-12-31", "2024-01-01T00:00:00Z", "false", "3.25"},
                                 {std::nullopt, "2.5", "b", std::nullopt, std::nullopt, std::nullopt, "0.00"}})});
  ASSERT_EQ(files.size(), 1U);
  const DataFile& file = files[0];
  EXPECT_EQ(file.record_count, 3);
  EXPECT_EQ(file.file_size, static_cast<int64_t>(std::filesystem::file_size(PathOf(file))));
  EXPECT_EQ(file.split_offsets, std::vector<int64_t>{4});
  EXPECT_EQ(*FindId(file.value_counts, 1), 3);
  EXPECT_EQ(*FindId(file.null_counts, 1), 1);
  EXPECT_EQ(*FindId(file.null_counts, 7), 0);
  EXPECT_EQ(*FindId(file.nan_counts, 7), 0);
  EXPECT_GT(*FindId(file.column_sizes, 3), 0);
  EXPECT_EQ(Bound(file.lower_bounds, schema.fields[0]), "-7");
  EXPECT_EQ(Bound(file.upper_bounds, schema.fields[0]), "5");
  EXPECT_TRUE(std::signbit(std::get<double>(*FromBytes(*FindId(file.lower_bounds, 7), schema.fields[1].type))));
  EXPECT_EQ(Bound(file.lower_bounds, schema.fields[2]), "0123456789abcdef");
  EXPECT_EQ(Bound(file.upper_bounds, schema.fields[2]), "b");
  EXPECT_EQ(Bound(file.lower_bounds, schema.fields[3]), "1969-12-31");
  EXPECT_EQ(Bound(file.upper_bounds, schema.fields[6]), "3.25");
  EXPECT_EQ(Bound(file.lower_bounds, schema.fields[6]), "-1.50");
  auto footer = ReadParquetFooter(PathOf(file));
  ASSERT_TRUE(footer) << footer.error().ToString();
  ASSERT_EQ(footer->top_columns.size(), 7U);
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(footer->top_columns[i].field_id, schema.fields[i].id);
}

// Readers give rows of files without such a column the initial default, which is older rows' alone.
TEST_F(DataWriterTest, ColumnsThatALoadLeavesOutHaveTheWriteDefault) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "id", TypeKind::kLong), MakeField(2, "plain", TypeKind::kLong),
                   MakeField(3, "older", TypeKind::kInt), MakeField(4, "both", TypeKind::kString),
                   MakeField(5, "given", TypeKind::kDate)};
  schema.fields[2].initial_default_json = "7";
  schema.fields[3].initial_default_json = R"("old")";
  schema.fields[3].write_default_json = R"("it's new")";
  schema.fields[4].write_default_json = R"("2024-01-01")";
  const Schema loaded{{{"given", MakeType(TypeId::kDate)}, {"id", MakeType(TypeId::kInt64)}}};
  std::vector<DataFile> files = Write(Options(schema), {MakeBatch(loaded, {{"2020-02-02", "1"}, {std::nullopt, "2"}})});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(Query("SELECT given, id, older, \"both\" FROM read_parquet(" + duck::QuoteLiteral(PathOf(files[0])) + ")"),
            (std::vector<duck::TextRow>{{"2020-02-02", "1", std::nullopt, "it's new"},
                                        {std::nullopt, "2", std::nullopt, "it's new"}}));
  EXPECT_EQ(*FindId(files[0].null_counts, 3), 2);
  schema.fields[1] = MakeField(2, "plain", TypeKind::kUuid);
  schema.fields[1].initial_default_json = R"("f79c3e09-677c-4bbd-a479-3f349cb785e7")";
  auto writer = DataWriter::Open(Options(schema));
  ASSERT_TRUE(writer);
  Status written = (*writer)->Write(MakeBatch(loaded, {{"2020-02-02", "1"}}));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::kUnsupported);
}

TEST_F(DataWriterTest, NansAndLongUpperBoundsAreRight) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "d", TypeKind::kDouble), MakeField(2, "t", TypeKind::kString)};
  const std::string highest(20, 'z');
  std::vector<DataFile> files =
      Write(Options(schema), {MakeBatch(ToNilusSchema(schema), {{"NaN", highest}, {"1", "a"}})});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(*FindId(files[0].nan_counts, 1), 1);
  EXPECT_EQ(FindId(files[0].upper_bounds, 1), nullptr);
  // Nothing of the column may be above its bound.
  EXPECT_GT(*FindId(files[0].upper_bounds, 2), highest);
  EXPECT_LE(FindId(files[0].upper_bounds, 2)->size(), 16U);
}

TEST_F(DataWriterTest, NarrowerColumnsBecomeTheFields) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "i", TypeKind::kLong), MakeField(2, "f", TypeKind::kDouble),
                   MakeField(3, "j", TypeKind::kString)};
  const Schema columns{{Field{"j", MakeType(TypeId::kJson)}, Field{"i", MakeType(TypeId::kInt16)},
                        Field{"f", MakeType(TypeId::kFloat32)}}};
  std::vector<DataFile> files = Write(Options(schema), {MakeBatch(columns, {{"{}", "12", "1.5"}})});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(Query("SELECT i, typeof(i), f, typeof(f), typeof(j) FROM read_parquet(" +
                  duck::QuoteLiteral(PathOf(files[0])) + ")"),
            (std::vector<duck::TextRow>{{"12", "BIGINT", "1.5", "DOUBLE", "VARCHAR"}}));
  auto writer = *DataWriter::Open(Options(schema));
  Status bad = writer->Write(MakeBatch(Schema{{Field{"i", MakeType(TypeId::kText)}}}, {{"x"}}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::kData);
}

TEST_F(DataWriterTest, PartitionsBeyondTheOpenOnesWaitAndEachGetsItsFile) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "id", TypeKind::kLong), MakeField(2, "k", TypeKind::kLong)};
  PartitionSpec spec;
  spec.fields = {SpecField{.source_id = 2, .field_id = 1000, .name = "k", .transform = {Transform::Kind::kIdentity}}};
  DataWriterOptions options = Options(schema, spec);
  options.open_partitions = 3;
  std::vector<RecordBatch> batches;
  constexpr int kPartitions = 11;
  for (int batch = 0; batch < 4; ++batch) {
    std::vector<std::vector<Cell>> rows;
    for (int i = 0; i < 1'000; ++i)
      rows.push_back(
          {std::to_string(batch * 1'000 + i), i % kPartitions == 0 ? Cell() : Cell(std::to_string(i % kPartitions))});
    batches.push_back(MakeBatch(ToNilusSchema(schema), rows));
  }
  std::vector<DataFile> files = Write(options, batches);
  EXPECT_EQ(files.size(), static_cast<size_t>(kPartitions));
  int64_t rows = 0;
  for (const DataFile& file : files) {
    rows += file.record_count;
    const std::string value = LiteralToText(file.partition.at(0), schema.fields[1].type);
    EXPECT_NE(file.path.find("/data/k=" + value + "/"), std::string::npos) << file.path;
    EXPECT_EQ(Query(fmt::format("SELECT count(DISTINCT id), count(DISTINCT coalesce(k, -1)) FROM read_parquet({}, "
                                "hive_partitioning = false)",
                                duck::QuoteLiteral(PathOf(file)))),
              (std::vector<duck::TextRow>{{std::to_string(file.record_count), "1"}}));
  }
  EXPECT_EQ(rows, 4'000);
}

TEST_F(DataWriterTest, LateColumnsAreInLaterFiles) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "id", TypeKind::kLong)};
  auto writer = *DataWriter::Open(Options(schema));
  ASSERT_TRUE(writer->Write(MakeBatch(ToNilusSchema(schema), {{"1"}})));
  schema.fields.push_back(MakeField(2, "late", TypeKind::kString));
  writer->SetSchema(schema);
  ASSERT_TRUE(writer->Write(MakeBatch(ToNilusSchema(schema), {{"2", "x"}})));
  ASSERT_TRUE(writer->Write(MakeBatch(Schema{{Field{"id", MakeType(TypeId::kInt64)}}}, {{"3"}})));
  auto files = writer->Finish();
  ASSERT_TRUE(files) << files.error().ToString();
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(FindId((*files)[0].value_counts, 2), nullptr);
  EXPECT_EQ(*FindId((*files)[1].null_counts, 2), 1);
}

TEST_F(DataWriterTest, NothingStaysOfAWriterThatIsGivenUp) {
  IcebergSchema schema;
  schema.fields = {MakeField(1, "id", TypeKind::kLong)};
  DataWriterOptions options = Options(schema);
  options.file_rows = 2;
  options.parallel_files = 1;
  {
    auto writer = *DataWriter::Open(options);
    ASSERT_TRUE(writer->Write(MakeBatch(ToNilusSchema(schema), {{"1"}, {"2"}, {"3"}, {"4"}, {"5"}})));
    EXPECT_GT(FilesOnDisk(), 0U);
  }
  EXPECT_EQ(FilesOnDisk(), 0U);
}

}  // namespace
}  // namespace nilus::lake
