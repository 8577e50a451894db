// Replaying logs that are made by hand after the protocol's document.
#include "nilus/delta/snapshot.h"

#include <gmock/gmock.h>

#include "nilus/delta/table_fixture_testing.h"

namespace nilus::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SnapshotTest : public TableFixture {
 protected:
  const std::string metadata_ = MetadataLine(FieldJson("id", "long"));

  // Two files, one replaced, one with deleted rows twice over.
  void WriteCommits() {
    Commit(0, {R"({"commitInfo":{"operation":"WRITE"}})", kPlainProtocol, metadata_, AddLine("a"), AddLine("b")});
    Commit(1, {RemoveLine("a"), AddLine("c"), R"({"txn":{"appId":"x","version":1}})"});
    const std::string first =
        R"(,"deletionVector":{"storageType":"i","pathOrInlineDv":"x","sizeInBytes":1,"cardinality":1})";
    const std::string second =
        R"(,"deletionVector":{"storageType":"i","pathOrInlineDv":"y","sizeInBytes":1,"cardinality":2})";
    Commit(2, {RemoveLine("b"), AddLine("b", first)});
    Commit(3, {RemoveLine("b", first), AddLine("b", second)});
  }

  void ExpectLatest(const Snapshot& snapshot) {
    EXPECT_EQ(snapshot.version, 3);
    EXPECT_THAT(Keys(snapshot), ElementsAre("b", "c"));
    ASSERT_EQ(snapshot.files.size(), 2u);
    ASSERT_TRUE(snapshot.files[0].deletion_vector);
    EXPECT_EQ(snapshot.files[0].deletion_vector->cardinality, 2);
    EXPECT_FALSE(snapshot.files[1].deletion_vector);
  }

  // What a checkpoint at version 1 holds, in the form of its Parquet rows.
  static std::string CheckpointRows() {
    return "SELECT NULL::STRUCT(\"minReaderVersion\" INTEGER, \"readerFeatures\" VARCHAR[]) AS protocol, "
           "NULL::STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), \"schemaString\" "
           "VARCHAR, \"partitionColumns\" VARCHAR[], configuration MAP(VARCHAR, VARCHAR)) AS \"metaData\", "
           "NULL::STRUCT(path VARCHAR, \"partitionValues\" MAP(VARCHAR, VARCHAR), size BIGINT, stats VARCHAR) AS "
           "\"add\" "
           "WHERE false";
  }
  std::string ProtocolRow() const {
    return CheckpointRows() +
           " UNION ALL BY NAME SELECT {'minReaderVersion': 1, 'readerFeatures': NULL::VARCHAR[]} AS protocol";
  }
  std::string MetadataRow() const {
    const std::string schema = R"({"type":"struct","fields":[)" + FieldJson("id", "long") + "]}";
    return fmt::format(
        " UNION ALL BY NAME SELECT {{'id': 't', 'format': {{'provider': 'parquet', 'options': MAP {{}}}}, "
        "'schemaString': {}, 'partitionColumns': []::VARCHAR[], 'configuration': MAP {{'k': 'v'}}}} AS "
        "\"metaData\"",
        duck::QuoteLiteral(schema));
  }
  static std::string AddRow(const std::string& path) {
    return fmt::format(
        " UNION ALL BY NAME SELECT {{'path': '{}', 'partitionValues': MAP {{'p': NULL, 'q': '1'}}, 'size': 5, "
        "'stats': '{{\"numRecords\":9}}'}} AS \"add\"",
        path);
  }
};

TEST_F(SnapshotTest, Commits) {
  WriteCommits();
  auto snapshot = Read();
  ASSERT_TRUE(snapshot) << snapshot.error().ToString();
  ExpectLatest(*snapshot);
  EXPECT_EQ(snapshot->schema.fields.size(), 1u);
}

TEST_F(SnapshotTest, EarlierVersions) {
  WriteCommits();
  auto first = Read({.version = 0});
  ASSERT_TRUE(first);
  EXPECT_THAT(Keys(*first), ElementsAre("a", "b"));
  EXPECT_FALSE(first->files[1].deletion_vector);
  auto second = Read({.version = 1});
  ASSERT_TRUE(second);
  EXPECT_THAT(Keys(*second), ElementsAre("b", "c"));
  auto none = Read({.version = 4});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("the latest is 3"));
}

TEST_F(SnapshotTest, InCommitTimestamps) {
  const auto at = [](int64_t millis) { return WallTime(std::chrono::milliseconds(millis)); };
  Commit(0, {R"({"commitInfo":{"inCommitTimestamp":1000}})", kPlainProtocol, metadata_, AddLine("a")});
  Commit(1, {R"({"commitInfo":{"inCommitTimestamp":2000}})", AddLine("b")});
  Commit(2, {R"({"commitInfo":{"inCommitTimestamp":3000}})", AddLine("c")});
  for (const auto& [millis, version] :
       {std::pair(1000, 0), std::pair(1999, 0), std::pair(2000, 1), std::pair(9000, 2)}) {
    auto snapshot = Read({.time = at(millis)});
    ASSERT_TRUE(snapshot) << snapshot.error().ToString();
    EXPECT_EQ(snapshot->version, version) << millis;
  }
  auto before = Read({.time = at(999)});
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().kind, ErrorKind::kNotFound);
}

TEST_F(SnapshotTest, TimesOfFiles) {
  WriteCommits();
  using std::filesystem::file_time_type;
  const auto start = std::filesystem::last_write_time(Path("_delta_log/00000000000000000000.json"));
  for (int version = 0; version < 4; ++version) {
    std::filesystem::last_write_time(Path(fmt::format("_delta_log/{:020}.json", version)),
                                     start - std::chrono::hours(10 - version));
  }
  auto snapshot = Read({.time = Now() - std::chrono::minutes(8 * 60 + 30)});
  ASSERT_TRUE(snapshot) << snapshot.error().ToString();
  EXPECT_EQ(snapshot->version, 1);
}

TEST_F(SnapshotTest, ClassicCheckpoint) {
  WriteCommits();
  WriteParquet("_delta_log/00000000000000000001.checkpoint.parquet",
               ProtocolRow() + MetadataRow() + AddRow("b") + AddRow("c"));
  std::filesystem::remove(Path("_delta_log/00000000000000000000.json"));
  auto snapshot = Read();
  ASSERT_TRUE(snapshot) << snapshot.error().ToString();
  ExpectLatest(*snapshot);
  EXPECT_EQ(snapshot->files[1].rows, 9);
  EXPECT_EQ(snapshot->files[1].size, 5);
  EXPECT_EQ(snapshot->files[1].partition_values.at("q"), "1");
  EXPECT_EQ(snapshot->files[1].partition_values.at("p"), std::nullopt);
  auto cleaned = Read({.version = 0});
  ASSERT_FALSE(cleaned);
  EXPECT_EQ(cleaned.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(cleaned.error().message, HasSubstr("cleaned up"));
}

TEST_F(SnapshotTest, CheckpointInParts) {
  WriteCommits();
  std::filesystem::remove(Path("_delta_log/00000000000000000000.json"));
  std::filesystem::remove(Path("_delta_log/00000000000000000001.json"));
  WriteParquet("_delta_log/00000000000000000001.checkpoint.0000000001.0000000002.parquet",
               ProtocolRow() + MetadataRow() + AddRow("b"));
  EXPECT_FALSE(Read());
  WriteParquet("_delta_log/00000000000000000001.checkpoint.0000000002.0000000002.parquet",
               CheckpointRows() + AddRow("c"));
  auto snapshot = Read();
  ASSERT_TRUE(snapshot) << snapshot.error().ToString();
  ExpectLatest(*snapshot);
}

TEST_F(SnapshotTest, V2CheckpointWithSidecars) {
  WriteCommits();
  std::filesystem::remove(Path("_delta_log/00000000000000000000.json"));
  WriteFile("_delta_log/00000000000000000001.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
            R"({"checkpointMetadata":{"version":1}})"
            "\n" +
                std::string(kPlainProtocol) + "\n" + metadata_ + "\n" +
                R"({"sidecar":{"path":"one.parquet","sizeInBytes":1,"modificationTime":1}})"
                "\n"
                R"({"sidecar":{"path":"two.parquet","sizeInBytes":1,"modificationTime":1}})"
                "\n");
  WriteParquet("_delta_log/_sidecars/one.parquet", CheckpointRows() + AddRow("b"));
  WriteParquet("_delta_log/_sidecars/two.parquet", CheckpointRows() + AddRow("c"));
  auto snapshot = Read();
  ASSERT_TRUE(snapshot) << snapshot.error().ToString();
  ExpectLatest(*snapshot);
}

TEST_F(SnapshotTest, GapsAndDamageAreNamed) {
  WriteCommits();
  std::filesystem::remove(Path("_delta_log/00000000000000000002.json"));
  auto gap = Read();
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().kind, ErrorKind::kData);
  EXPECT_THAT(gap.error().message, HasSubstr("lacks version 2"));
  Commit(2, {"{\"add\":{}}"});
  auto damaged = Read();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().kind, ErrorKind::kData);
  EXPECT_THAT(damaged.error().message, HasSubstr("00000000000000000002.json"));
  WriteFile("_delta_log/00000000000000000002.checkpoint.parquet", "no parquet");
  auto checkpoint = Read();
  ASSERT_FALSE(checkpoint);
  EXPECT_THAT(checkpoint.error().message, HasSubstr("checkpoint.parquet"));
}

TEST_F(SnapshotTest, WhatIsNoTable) {
  auto none = Read();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, ErrorKind::kNotFound);
  Commit(0, {AddLine("a")});
  auto empty = Read();
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().kind, ErrorKind::kData);
}

TEST_F(SnapshotTest, FeaturesThatAreNotKnownAreNamed) {
  Commit(
      0,
      {R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,"readerFeatures":["deletionVectors","variantType"],)"
       R"("writerFeatures":["deletionVectors"]}})",
       metadata_, AddLine("a")});
  auto snapshot = Read();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(snapshot.error().message, HasSubstr("not read here: variantType"));
  Commit(1, {R"({"protocol":{"minReaderVersion":4,"minWriterVersion":7}})"});
  EXPECT_EQ(Read().error().kind, ErrorKind::kUnsupported);
}

TEST_F(SnapshotTest, FilesDoNotLeadOut) {
  for (const char* path : {"../outside", "/etc/passwd", "a/../../x", "file:///etc/passwd", "%2e%2e/x", "s3://b/x"}) {
    Commit(0, {kPlainProtocol, metadata_, AddLine(path)});
    auto snapshot = Read();
    ASSERT_FALSE(snapshot) << path;
    EXPECT_EQ(snapshot.error().kind, ErrorKind::kData) << path;
  }
  Commit(0, {kPlainProtocol, metadata_, AddLine("file://" + Path("inside"))});
  auto inside = Read();
  ASSERT_TRUE(inside) << inside.error().ToString();
  EXPECT_THAT(Keys(*inside), ElementsAre("inside"));
}

}  // namespace
}  // namespace nilus::delta
