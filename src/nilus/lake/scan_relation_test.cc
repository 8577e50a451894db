#include "nilus/lake/scan_relation.h"

#include <algorithm>
#include <filesystem>

#include "nilus/duck/parquet_writer.h"
#include "nilus/lake/data_fixture_test.h"
#include "nilus/lake/deletes_file.h"

namespace nilus::lake {
namespace {

class ScanRelationTest : public DataFixture {
 protected:
  ScanRelationTest() { schema_.fields = {MakeField(1, "id", TypeKind::kLong), MakeField(2, "t", TypeKind::kString)}; }

  DeleteWriterOptions DeleteOptions() {
    return {.database = database_,
            .store = store_,
            .new_url = [this](std::string_view,
                              std::string_view name) { return store_->Url(fmt::format("data/{}", name)); },
            .name_prefix = fmt::format("d{}", ++writers_),
            .partition_path = [](int32_t, const std::vector<Literal>&) { return std::string(); }};
  }

  // Rows id = first … first + count - 1, t = "r<id>".
  DataFile WriteRows(int64_t first, int64_t count) {
    std::vector<std::vector<Cell>> rows;
    for (int64_t id = first; id < first + count; ++id) rows.push_back({std::to_string(id), "r" + std::to_string(id)});
    return Write(Options(schema_), {MakeBatch(ToNilusSchema(schema_), rows)}).at(0);
  }

  // A file of other columns, as an engine without field ids might write it.
  DataFile WriteForeign(const std::string& select, const std::string& options = "") {
    DataFile file;
    std::filesystem::create_directories(folder_ / "data");
    file.path = store_->Url(fmt::format("data/foreign-{}.parquet", ++writers_));
    Query(fmt::format("COPY ({}) TO {} (FORMAT parquet{})", select, duck::QuoteLiteral(PathOf(file)), options));
    file.record_count = ReadParquetFooterRows(file);
    return file;
  }
  int64_t ReadParquetFooterRows(const DataFile& file) {
    return std::stoll(*Query("SELECT count(*) FROM read_parquet(" + duck::QuoteLiteral(PathOf(file)) + ")")[0][0]);
  }

  static ScanFile Scanned(DataFile file, int64_t sequence_number = 1) {
    ScanFile scan;
    scan.entry.file = std::move(file);
    scan.entry.sequence_number = sequence_number;
    return scan;
  }

  std::vector<duck::TextRow> Read(const ScanPlan& plan, std::vector<int32_t> columns, const std::string& order = "1") {
    ScanRelation::Request request{.plan = &plan, .columns = std::move(columns)};
    for (size_t i = 0; i < plan.files.size(); ++i) request.files.push_back(i);
    auto relation = ScanRelation::Open(connection_, std::move(request));
    EXPECT_TRUE(relation) << (relation ? "" : relation.error().ToString());
    if (!relation) return {};
    return Query(fmt::format("SELECT * FROM ({}) ORDER BY {}", relation->sql(), order));
  }

  IcebergSchema schema_;
};

using Rows = std::vector<duck::TextRow>;

TEST_F(ScanRelationTest, ColumnsAreFoundByIdAndBecomeWider) {
  ScanPlan plan;
  plan.files = {Scanned(WriteRows(1, 2)), Scanned(WriteForeign("SELECT 7::INTEGER AS old_name, 'x' AS gone",
                                                               ", FIELD_IDS {old_name: 1, gone: 9}"))};
  plan.schema.fields = {MakeField(1, "renamed", TypeKind::kLong), MakeField(5, "added", TypeKind::kDate),
                        MakeField(2, "t", TypeKind::kString)};
  plan.schema.fields.push_back(MakeField(6, "defaulted", TypeKind::kLong));
  plan.schema.fields.back().initial_default_json = "42";
  plan.table = MakeTable(plan.schema);
  EXPECT_EQ(Read(plan, {1, 5, 2, 6}), (Rows{{"1", std::nullopt, "r1", "42"},
                                            {"2", std::nullopt, "r2", "42"},
                                            {"7", std::nullopt, std::nullopt, "42"}}));
  EXPECT_EQ(Read(plan, {2}, "1 NULLS LAST"), (Rows{{"r1"}, {"r2"}, {std::nullopt}}));
}

TEST_F(ScanRelationTest, FilesWithoutIdsAreReadByTheNameMapping) {
  ScanPlan plan;
  plan.files = {Scanned(WriteForeign("SELECT 3::BIGINT AS legacy_id, 'y' AS t"))};
  plan.schema = schema_;
  plan.table = MakeTable(plan.schema, {},
                         {{"schema.name-mapping.default",
                           R"([{"field-id": 1, "names": ["id", "legacy_id"]}, {"field-id": 2, "names": ["t"]}])"}});
  EXPECT_EQ(Read(plan, {1, 2}), (Rows{{"3", "y"}}));
  plan.table = MakeTable(plan.schema);  // by the current names
  EXPECT_EQ(Read(plan, {1, 2}), (Rows{{std::nullopt, "y"}}));
}

TEST_F(ScanRelationTest, IdentityPartitionsGiveColumnsThatFilesLack) {
  ScanPlan plan;
  plan.schema = schema_;
  PartitionSpec spec;
  spec.fields = {SpecField{.source_id = 2, .field_id = 1000, .name = "t", .transform = {Transform::Kind::kIdentity}}};
  plan.table = MakeTable(schema_, spec);
  DataFile file = WriteForeign("SELECT 3::BIGINT AS id", ", FIELD_IDS {id: 1}");
  file.spec_id = plan.table->metadata.default_spec_id;
  file.partition = {Literal(std::string("it's"))};
  plan.files = {Scanned(file)};
  EXPECT_EQ(Read(plan, {1, 2}), (Rows{{"3", "it's"}}));
}

TEST_F(ScanRelationTest, PositionDeletesAndVectorsTakeRowsAway) {
  ScanPlan plan;
  plan.schema = schema_;
  plan.table = MakeTable(schema_);
  plan.files = {Scanned(WriteRows(0, 10)), Scanned(WriteRows(10, 10)), Scanned(WriteRows(20, 2))};
  FileDeletes first{.file = &plan.files[0].file()};
  for (uint64_t row : {0, 3, 9}) first.rows.Add(row);
  FileDeletes second{.file = &plan.files[1].file()};
  for (uint64_t row = 1; row < 10; ++row) second.rows.Add(row);

  auto positions = WritePositionDeletes(DeleteOptions(), {second, first});
  ASSERT_TRUE(positions) << positions.error().ToString();
  ASSERT_EQ(positions->size(), 1U);
  EXPECT_EQ(positions->at(0).record_count, 12);
  EXPECT_EQ(positions->at(0).content, FileContent::kPositionDeletes);
  EXPECT_EQ(*FindId(positions->at(0).lower_bounds, kFilePathFieldId), std::min(first.file->path, second.file->path));
  auto vectors = WriteDeletionVectors(DeleteOptions(), {first, second});
  ASSERT_TRUE(vectors) << vectors.error().ToString();
  ASSERT_EQ(vectors->size(), 2U);
  EXPECT_EQ(vectors->at(0).path, vectors->at(1).path);
  EXPECT_EQ(vectors->at(1).referenced_data_file, second.file->path);

  const Rows expected = {{"1"}, {"2"}, {"4"}, {"5"}, {"6"}, {"7"}, {"8"}, {"10"}, {"20"}, {"21"}};
  plan.deletes = {ManifestEntry{.file = positions->at(0)}};
  plan.files[0].position_deletes = plan.files[1].position_deletes = plan.files[2].position_deletes = {0};
  EXPECT_EQ(Read(plan, {1}, "1"), expected);
  plan.deletes = {ManifestEntry{.file = vectors->at(0)}, ManifestEntry{.file = vectors->at(1)}};
  for (ScanFile& file : plan.files) file.position_deletes.clear();
  plan.files[0].vector = 0;
  plan.files[1].vector = 1;
  EXPECT_EQ(Read(plan, {1}, "1"), expected);
}

TEST_F(ScanRelationTest, EqualityDeletesOfOtherWritersTakeOlderRowsAway) {
  ScanPlan plan;
  plan.schema = schema_;
  plan.table = MakeTable(schema_);
  plan.files = {Scanned(WriteRows(0, 5)), Scanned(WriteRows(3, 3))};
  DataFile by_id = WriteForeign("SELECT unnest([3::BIGINT, 4])::BIGINT AS id", ", FIELD_IDS {id: 1}");
  by_id.content = FileContent::kEqualityDeletes;
  by_id.equality_ids = {1};
  DataFile by_text = WriteForeign("SELECT 'r0' AS t", ", FIELD_IDS {t: 2}");
  by_text.content = FileContent::kEqualityDeletes;
  by_text.equality_ids = {2};
  plan.deletes = {ManifestEntry{.file = by_id}, ManifestEntry{.file = by_text}};
  plan.files[0].equality_deletes = {0, 1};  // the second file is as new as they are
  EXPECT_EQ(Read(plan, {1}, "1"), (Rows{{"1"}, {"2"}, {"3"}, {"4"}, {"5"}}));
  EXPECT_EQ(Read(plan, {2}, "1"), (Rows{{"r1"}, {"r2"}, {"r3"}, {"r4"}, {"r5"}}));
}

TEST_F(ScanRelationTest, DamagedDeletesAreTold) {
  ScanPlan plan;
  plan.schema = schema_;
  plan.table = MakeTable(schema_);
  plan.files = {Scanned(WriteRows(0, 3))};
  FileDeletes beyond{.file = &plan.files[0].file()};
  beyond.rows.Add(3);
  for (bool as_vector : {false, true}) {
    auto files =
        as_vector ? WriteDeletionVectors(DeleteOptions(), {beyond}) : WritePositionDeletes(DeleteOptions(), {beyond});
    ASSERT_TRUE(files) << files.error().ToString();
    plan.deletes = {ManifestEntry{.file = files->at(0)}};
    plan.files[0].position_deletes.clear();
    plan.files[0].vector.reset();
    as_vector ? static_cast<void>(plan.files[0].vector = 0) : plan.files[0].position_deletes.push_back(0);
    auto relation = ScanRelation::Open(connection_, {.plan = &plan, .files = {0}, .columns = {1}});
    if (as_vector) continue;  // its count alone is checked: 1 of 3
    ASSERT_FALSE(relation);
    EXPECT_EQ(relation.error().kind, ErrorKind::kData);
  }
}

TEST_F(ScanRelationTest, LinksAndMissingFilesAreRefused) {
  ScanPlan plan;
  plan.schema = schema_;
  plan.table = MakeTable(schema_);
  plan.files = {Scanned(WriteRows(0, 3))};
  const std::string path = PathOf(plan.files[0].file());
  const duck::TempFolder outside;
  std::filesystem::rename(path, outside / "d.parquet");
  auto relation = ScanRelation::Open(connection_, {.plan = &plan, .files = {0}, .columns = {1}});
  ASSERT_FALSE(relation);
  EXPECT_EQ(relation.error().kind, ErrorKind::kData);
  EXPECT_THAT(relation.error().message, testing::HasSubstr("is missing"));
  std::filesystem::create_symlink(outside / "d.parquet", path);
  relation = ScanRelation::Open(connection_, {.plan = &plan, .files = {0}, .columns = {1}});
  ASSERT_FALSE(relation);
  EXPECT_THAT(relation.error().message, testing::HasSubstr("is a symbolic link"));
  plan.files[0].entry.file.path = "file://" + (outside / "d.parquet");
  relation = ScanRelation::Open(connection_, {.plan = &plan, .files = {0}, .columns = {1}});
  ASSERT_FALSE(relation);
  EXPECT_EQ(relation.error().kind, ErrorKind::kData) << "the table is damaged, the user's input is not wrong";
}

TEST_F(ScanRelationTest, RowsAreNamedByFileAndPosition) {
  ScanPlan plan;
  plan.schema = schema_;
  plan.table = MakeTable(schema_);
  plan.files = {Scanned(WriteForeign("SELECT 1::INTEGER AS id", ", FIELD_IDS {id: 1}")), Scanned(WriteRows(10, 3))};
  ScanRelation::Request request{.plan = &plan, .files = {0, 1}, .columns = {1}, .with_rows = true};
  auto relation = ScanRelation::Open(connection_, std::move(request));
  ASSERT_TRUE(relation) << relation.error().ToString();
  auto rows = Query(fmt::format("SELECT {0} >> {1}, {0} & ((1::BIGINT << {1}) - 1), id FROM ({2}) ORDER BY id",
                                kRowColumn, kRowBits, relation->sql()));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(relation->files()[std::stoul(*rows[0][0])], 0U);
  EXPECT_EQ(relation->files()[std::stoul(*rows[3][0])], 1U);
  EXPECT_EQ(rows[3][1], "2");
}

}  // namespace
}  // namespace nilus::lake
