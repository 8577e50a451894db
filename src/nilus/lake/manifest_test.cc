#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/lake/avro_codec.h"
#include "nilus/lake/avro_container.h"
#include "nilus/lake/manifest_reader.h"
#include "nilus/lake/manifest_schemas.h"
#include "nilus/lake/manifest_writer.h"

namespace nilus::lake {
namespace {

IcebergSchema Orders() {
  return MakeIcebergSchema(nilus::Schema{{{"id", MakeType(TypeId::kInt64), true, {}},
                                          {"ts", MakeType(TypeId::kTimestamp), true, {}},
                                          {"price", MakeDecimal(20, 2), true, {}},
                                          {"name", MakeType(TypeId::kText), true, {}}}});
}

PartitionSpec DayAndPrice() {
  int32_t last = 999;
  auto spec = MakePartitionSpec({{"ts", "day", 0, ""}, {"price", "identity", 0, "a price"}}, Orders(), {}, &last);
  spec->spec_id = 3;
  return *spec;
}

DataFile File(const std::string& name, int64_t rows) {
  DataFile file;
  file.path = "file:///w/s/t/data/" + name;
  file.spec_id = 3;
  file.partition = {17486, Int128{-1420}};
  file.record_count = rows;
  file.file_size = rows * 10;
  file.column_sizes = {{1, 100}, {2, 200}};
  file.value_counts = {{1, rows}, {2, rows}};
  file.null_counts = {{1, 0}, {2, 1}};
  file.lower_bounds = {{1, ToBytes(int64_t{1}, MakeIcebergType(TypeKind::kLong))}};
  file.upper_bounds = {{1, ToBytes(rows, MakeIcebergType(TypeKind::kLong))}};
  file.split_offsets = {4, 4096};
  file.sort_order_id = 0;
  return file;
}

// What a commit with this sequence number makes of a written manifest.
ManifestFile Committed(const ManifestWriter::Output& output, int64_t sequence_number) {
  ManifestFile manifest = output.manifest;
  manifest.path = "file:///w/s/t/metadata/m0.avro";
  manifest.sequence_number = sequence_number;
  return manifest;
}

TEST(Manifests, ComeBackAsTheyWereWritten) {
  for (const AvroCodec codec : {AvroCodec::kNull, AvroCodec::kDeflate}) {
    ManifestWriter writer(2, Orders(), DayAndPrice(), ManifestContent::kData, 77, codec);
    writer.AddNew(File("a.parquet", 5));
    writer.AddNew(File("b.parquet", 6), 4);
    ManifestEntry old{EntryStatus::kExisting, 11, 2, 3, File("c.parquet", 7)};
    old.file.partition = {Literal(), Int128{99}};
    writer.AddExisting(old);
    writer.AddDeleted(ManifestEntry{EntryStatus::kExisting, 11, 2, 2, File("d.parquet", 8)});
    EXPECT_EQ(writer.count(), 4);
    const ManifestWriter::Output output = writer.Finish();
    EXPECT_EQ(output.manifest.added_files, 2);
    EXPECT_EQ(output.manifest.added_rows, 11);
    EXPECT_EQ(output.manifest.existing_rows, 7);
    EXPECT_EQ(output.manifest.deleted_rows, 8);
    EXPECT_EQ(output.manifest.min_sequence_number, 2);
    ASSERT_EQ(output.manifest.partitions.size(), 2U);
    EXPECT_TRUE(output.manifest.partitions[0].contains_null);
    EXPECT_FALSE(output.manifest.partitions[1].contains_null);
    EXPECT_EQ(output.manifest.partitions[1].lower_bound, ToBytes(Int128{-1420}, Orders().fields[2].type));
    EXPECT_EQ(output.manifest.partitions[1].upper_bound, ToBytes(Int128{99}, Orders().fields[2].type));

    const auto decoded = DecodeManifest(output.bytes, Committed(output, 9), true);
    ASSERT_TRUE(decoded) << decoded.error().ToString();
    EXPECT_EQ(decoded->spec, DayAndPrice());
    ASSERT_EQ(decoded->entries.size(), 4U);
    EXPECT_EQ(decoded->entries[0].file, File("a.parquet", 5));
    EXPECT_EQ(decoded->entries[0].sequence_number, 9);
    EXPECT_EQ(decoded->entries[0].file_sequence_number, 9);
    EXPECT_EQ(decoded->entries[0].snapshot_id, 77);
    EXPECT_EQ(decoded->entries[1].sequence_number, 4);
    EXPECT_EQ(decoded->entries[1].file_sequence_number, 9);
    EXPECT_EQ(decoded->entries[2].file, old.file);
    EXPECT_EQ(decoded->entries[2].snapshot_id, 11);
    EXPECT_EQ(decoded->entries[2].file_sequence_number, 3);
    EXPECT_EQ(decoded->entries[3].status, EntryStatus::kDeleted);
    EXPECT_EQ(decoded->entries[3].snapshot_id, 77);
    EXPECT_EQ(DecodeManifest(output.bytes, Committed(output, 9), false)->entries.size(), 3U);
  }
}

TEST(Manifests, LargeOnesAreDeflatedAndSpanBlocks) {
  ManifestWriter writer(2, Orders(), DayAndPrice(), ManifestContent::kData, 77);
  for (int i = 0; i < 5000; ++i) writer.AddNew(File(fmt::format("{:08}.parquet", i), i));
  const ManifestWriter::Output output = writer.Finish();
  EXPECT_LT(output.bytes.size(), 300'000U);
  const auto decoded = DecodeManifest(output.bytes, Committed(output, 1), false);
  ASSERT_TRUE(decoded) << decoded.error().ToString();
  ASSERT_EQ(decoded->entries.size(), 5000U);
  EXPECT_EQ(decoded->entries[4999].file, File("00004999.parquet", 4999));
}

TEST(Manifests, DeletionVectorsAndRowIdsOfV3) {
  ManifestWriter deletes(3, Orders(), DayAndPrice(), ManifestContent::kDeletes, 5);
  DataFile vector = File("dv.puffin", 2);
  vector.content = FileContent::kPositionDeletes;
  vector.format = "puffin";
  vector.referenced_data_file = "file:///w/s/t/data/a.parquet";
  vector.content_offset = 4;
  vector.content_size = 40;
  deletes.AddNew(vector);
  const ManifestWriter::Output output = deletes.Finish();
  const auto decoded = DecodeManifest(output.bytes, Committed(output, 1), false);
  ASSERT_TRUE(decoded) << decoded.error().ToString();
  EXPECT_EQ(decoded->entries[0].file, vector);
  EXPECT_TRUE(decoded->entries[0].file.is_deletion_vector());

  ManifestWriter data(3, Orders(), DayAndPrice(), ManifestContent::kData, 5);
  DataFile known = File("known.parquet", 25);
  known.first_row_id = 800;
  data.AddExisting(ManifestEntry{EntryStatus::kExisting, 1, 1, 1, known});
  data.AddNew(File("new1.parquet", 50));
  data.AddNew(File("new2.parquet", 50));
  const ManifestWriter::Output added = data.Finish();
  std::vector<ManifestFile> list{Committed(added, -1), Committed(output, 1)};
  int64_t next_row_id = 1000;
  const std::string bytes = WriteManifestList(3, 5, 4, 12, &list, &next_row_id);
  EXPECT_EQ(next_row_id, 1125) << "the spec's example: existing rows count as well";
  EXPECT_EQ(list[0].first_row_id, 1000);
  EXPECT_EQ(list[0].sequence_number, 12);
  EXPECT_EQ(list[1].first_row_id, std::nullopt);
  const auto read = DecodeManifestList(bytes);
  ASSERT_TRUE(read) << read.error().ToString();
  EXPECT_EQ(*read, list);
  const auto rows = DecodeManifest(added.bytes, (*read)[0], false);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->entries[0].file.first_row_id, 800);
  EXPECT_EQ(rows->entries[1].file.first_row_id, 1000);
  EXPECT_EQ(rows->entries[2].file.first_row_id, 1050);
}

// As another engine might write one: other field order and names, unions the other way round, longs for ints, fields
// nobody knows, all codecs.
std::string ForeignManifest(const std::string& codec) {
  const std::string schema = R"({"type":"record","name":"manifest_entry","fields":[
    {"name":"alien","type":{"type":"map","values":["null",{"type":"array","items":"string"}]},"field-id":9999},
    {"name":"data_file","field-id":2,"type":{"type":"record","name":"df","fields":[
      {"name":"PATH","type":"string","field-id":100},
      {"name":"fmt","type":"string","field-id":101},
      {"name":"part","field-id":102,"type":{"type":"record","name":"p","fields":[
        {"name":"b","type":[{"type":"bytes","logicalType":"decimal","precision":20,"scale":2},"null"],"field-id":1001},
        {"name":"a","type":["int","null"],"field-id":1000}]}},
      {"name":"rows","type":"int","field-id":103},
      {"name":"bytes","type":"long","field-id":104},
      {"name":"lower","field-id":125,"type":[{"type":"array","logicalType":"map","items":{"type":"record","name":"kv",
        "fields":[{"name":"key","type":"int"},{"name":"value","type":"bytes"}]}},"null"]},
      {"name":"x","type":["null",{"type":"enum","name":"E","symbols":["A","B"]}]}]}},
    {"name":"status","type":"long","field-id":0},
    {"name":"snapshot_id","type":["long","null"],"field-id":1}]})";
  std::string block;
  AppendAvroLong(-1, &block);  // one entry, its block's size given
  AppendAvroLong(7, &block);
  AppendAvroBytes("k", &block);
  AppendAvroLong(1, &block);
  AppendAvroLong(1, &block);
  AppendAvroBytes("v", &block);
  AppendAvroLong(0, &block);
  AppendAvroLong(0, &block);
  AppendAvroBytes("s3://b/f.parquet", &block);
  AppendAvroBytes("PARQUET", &block);
  AppendAvroLong(0, &block);
  AppendAvroBytes(std::string("\x0B\x0C", 2), &block);
  AppendAvroLong(0, &block);
  AppendAvroLong(7, &block);
  AppendAvroLong(42, &block);
  AppendAvroLong(4242, &block);
  AppendAvroLong(0, &block);
  AppendAvroLong(2, &block);
  AppendAvroLong(7, &block);
  AppendAvroBytes("z", &block);
  AppendAvroLong(3, &block);
  AppendAvroBytes("y", &block);
  AppendAvroLong(0, &block);
  AppendAvroLong(1, &block);
  AppendAvroLong(1, &block);
  AppendAvroLong(1, &block);
  AppendAvroLong(1, &block);  // snapshot_id: null
  std::string out("Obj\1", 4);
  const std::map<std::string, std::string> metadata{
      {"avro.codec", codec}, {"avro.schema", schema}, {"partition-spec", SpecFieldsToJson(DayAndPrice())}};
  AppendAvroLong(static_cast<int64_t>(metadata.size()), &out);
  for (const auto& [key, value] : metadata) {
    AppendAvroBytes(key, &out);
    AppendAvroBytes(value, &out);
  }
  AppendAvroLong(0, &out);
  const std::string sync(16, 's');
  out += sync;
  AppendAvroLong(1, &out);
  AppendAvroBytes(codec == "deflate" ? Deflate(block) : block, &out);
  return out + sync;
}

TEST(Manifests, OfOtherWritersAreRead) {
  for (const char* codec : {"null", "deflate"}) {
    ManifestFile manifest;
    manifest.path = "s3://b/m.avro";
    manifest.spec_id = 3;
    manifest.added_snapshot_id = 5;
    manifest.sequence_number = 8;
    const auto decoded = DecodeManifest(ForeignManifest(codec), manifest, false);
    ASSERT_TRUE(decoded) << decoded.error().ToString();
    ASSERT_EQ(decoded->entries.size(), 1U);
    const ManifestEntry& entry = decoded->entries[0];
    EXPECT_EQ(entry.status, EntryStatus::kAdded);
    EXPECT_EQ(entry.snapshot_id, 5);
    EXPECT_EQ(entry.sequence_number, 0) << "a manifest without sequence numbers is of v1";
    EXPECT_EQ(entry.file.path, "s3://b/f.parquet");
    EXPECT_EQ(entry.file.format, "parquet");
    EXPECT_EQ(entry.file.record_count, 42);
    ASSERT_EQ(entry.file.partition.size(), 2U);
    EXPECT_EQ(entry.file.partition[0], Literal(7));
    EXPECT_EQ(entry.file.partition[1], Literal(Int128{0x0B0C}));
    EXPECT_EQ(entry.file.lower_bounds, (ById<std::string>{{3, "y"}, {7, "z"}}));
  }
}

TEST(Manifests, DamagedOnesAreErrors) {
  ManifestWriter writer(2, Orders(), DayAndPrice(), ManifestContent::kData, 77, AvroCodec::kNull);
  writer.AddNew(File("a.parquet", 5));
  const std::string bytes = writer.Finish().bytes;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeManifest(std::string_view(bytes).substr(0, size), {}, true) &&
                 size != ReadAvroHeader(bytes)->blocks_offset)
        << size;
  }
  std::string damaged = bytes;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  const auto decoded = DecodeManifest(damaged, {}, true);
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::kData);
  EXPECT_THAT(decoded.error().message, testing::HasSubstr("sync marker"));
  EXPECT_FALSE(DecodeManifest(ForeignManifest("lzma"), {}, true));
  EXPECT_FALSE(DecodeManifest(ForeignManifest("snappy"), {}, true));
  EXPECT_FALSE(DecodeManifest(ForeignManifest("zstandard"), {}, true));
}

TEST(AvroCodecs, LimitWhatComesOut) {
  const std::string zeros(10'000'000, '\0');
  const auto inflated = DecompressBlock("deflate", Deflate(zeros), 1'000'000);
  ASSERT_FALSE(inflated);
  EXPECT_EQ(inflated.error().kind, ErrorKind::kExhausted);
  EXPECT_EQ(*DecompressBlock("deflate", Deflate(zeros), 10'000'000), zeros);
  EXPECT_EQ(*Gunzip(Gzip("hello"), 100), "hello");
  EXPECT_EQ(*Gunzip(Gzip("hello") + Gzip(" world"), 100), "hello world");
  EXPECT_FALSE(Gunzip(Gzip("hello").substr(0, 15), 100));
}

TEST(AvroNames, AreMadeOfLettersAndDigits) {
  EXPECT_EQ(AvroName("ts_day"), "ts_day");
  EXPECT_EQ(AvroName("a-b"), "a_x2Db");
  EXPECT_EQ(AvroName("9a"), "_9a");
}

TEST(AvroDecimals, TakeTheFewestBytes) {
  EXPECT_EQ(DecimalFixedBytes(2), 1);
  EXPECT_EQ(DecimalFixedBytes(3), 2);
  EXPECT_EQ(DecimalFixedBytes(9), 4);
  EXPECT_EQ(DecimalFixedBytes(18), 8);
  EXPECT_EQ(DecimalFixedBytes(20), 9);
  EXPECT_EQ(DecimalFixedBytes(38), 16);
}

}  // namespace
}  // namespace nilus::lake
