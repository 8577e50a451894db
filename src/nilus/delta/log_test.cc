// The log's parts by themselves: actions, schemas, names of files.
#include <gmock/gmock.h>

#include "nilus/delta/action.h"
#include "nilus/delta/log_listing.h"
#include "nilus/delta/table_schema.h"

namespace nilus::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ActionTest, Add) {
  auto action = ParseAction(
      R"({"add":{"path":"p=a%20b/part-1.parquet","partitionValues":{"p":"a b","q":null,"r":""},"size":12,)"
      R"("modificationTime":1,"dataChange":true,"stats":"{\"numRecords\":7}","deletionVector":{"storageType":"u",)"
      R"("pathOrInlineDv":"ab^-aqEH.-t@S}K{vb[*k^","offset":4,"sizeInBytes":40,"cardinality":6}}})");
  ASSERT_TRUE(action) << action.error().message;
  const auto& add = std::get<AddFile>(*action);
  EXPECT_EQ(add.path, "p=a b/part-1.parquet");
  EXPECT_EQ(add.partition_values.at("p"), "a b");
  EXPECT_EQ(add.partition_values.at("q"), std::nullopt);
  EXPECT_EQ(add.partition_values.at("r"), std::nullopt);
  EXPECT_EQ(add.rows, 7);
  ASSERT_TRUE(add.deletion_vector);
  EXPECT_EQ(add.deletion_vector->UniqueId(), "uab^-aqEH.-t@S}K{vb[*k^@4");
}

TEST(ActionTest, Others) {
  EXPECT_EQ(std::get<RemoveFile>(*ParseAction(R"({"remove":{"path":"x"}})")).path, "x");
  const auto protocol =
      std::get<Protocol>(*ParseAction(R"({"protocol":{"minReaderVersion":3,"readerFeatures":["a","b"]}})"));
  EXPECT_EQ(protocol.min_reader_version, 3);
  EXPECT_THAT(protocol.reader_features, ElementsAre("a", "b"));
  EXPECT_EQ(std::get<CommitInfo>(*ParseAction(R"({"commitInfo":{"inCommitTimestamp":5}})")).in_commit_timestamp, 5);
  EXPECT_EQ(std::get<Sidecar>(*ParseAction(R"({"sidecar":{"path":"s.parquet","sizeInBytes":1}})")).path, "s.parquet");
  for (const char* text : {R"({"txn":{"appId":"a","version":1}})", R"({"add":null})", "{}"})
    EXPECT_TRUE(std::holds_alternative<std::monostate>(*ParseAction(text))) << text;
}

TEST(ActionTest, DamagedOnes) {
  for (
      const char* text :
      {"", "[]", "nonsense", R"({"add":1})", R"({"add":{}})", R"({"add":{"path":"x","partitionValues":{},"size":-1}})",
       R"({"add":{"path":"x","partitionValues":{"p":1},"size":1}})", R"({"add":{"path":"x","size":1}})",
       R"({"metaData":{"format":{"provider":"parquet"}}})", R"({"protocol":{"readerFeatures":[]}})",
       R"({"remove":{"path":"x","deletionVector":{"storageType":"p","pathOrInlineDv":"x","sizeInBytes":-8,"cardinality":1}}})",
       R"({"remove":{"path":"x","deletionVector":{"storageType":"z","pathOrInlineDv":"","sizeInBytes":1,"cardinality":1}}})",
       R"({"add":{"path":"x","partitionValues":{},"size":18446744073709551615}})"}) {
    auto action = ParseAction(text);
    ASSERT_FALSE(action) << text;
    EXPECT_EQ(action.error().kind, ErrorKind::kData);
  }
}

Metadata WithSchema(const std::string& fields, std::map<std::string, std::string> configuration = {}) {
  return {.provider = "parquet",
          .schema_string = R"({"type":"struct","fields":[)" + fields + "]}",
          .partition_columns = {},
          .configuration = std::move(configuration)};
}

TEST(TableSchemaTest, Types) {
  auto schema = ParseTableSchema(WithSchema(
      R"json({"name":"a","type":"long","nullable":false,"metadata":{}},{"name":"b","type":"decimal(10,2)"},)json"
      R"json({"name":"c","type":{"type":"array","elementType":"string","containsNull":true},"nullable":true},)json"
      R"json({"name":"d","type":{"type":"map","keyType":"string","valueType":{"type":"struct","fields":[]}}},)json"
      R"json({"name":"e","type":"timestamp_ntz"},{"name":"f","type":"byte"},{"name":"g","type":"timestamp"})json"));
  ASSERT_TRUE(schema) << schema.error().message;
  auto columns = ToNilusSchema(*schema);
  ASSERT_TRUE(columns) << columns.error().message;
  std::vector<std::string> types;
  for (const Field& field : columns->fields) types.push_back(field.type.ToString());
  EXPECT_THAT(types, ElementsAre("bigint", "decimal(10,2)", "json", "json", "timestamp_ntz", "int16", "timestamp"));
  EXPECT_FALSE(columns->fields[0].nullable);
  EXPECT_TRUE(columns->fields[1].nullable);
}

TEST(TableSchemaTest, ColumnMapping) {
  const std::string field =
      R"({"name":"a","type":"long","metadata":{"delta.columnMapping.id":4,"delta.columnMapping.physicalName":"col-x"}})";
  auto plain = ParseTableSchema(WithSchema(field));
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->fields[0].physical_name, "a");
  auto mapped = ParseTableSchema(WithSchema(field, {{"delta.columnMapping.mode", "id"}}));
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->mapping, ColumnMapping::kId);
  EXPECT_EQ(mapped->fields[0].physical_name, "col-x");
  EXPECT_EQ(mapped->fields[0].id, 4);
  EXPECT_FALSE(ParseTableSchema(
      WithSchema(R"({"name":"a","type":"long","metadata":{}})", {{"delta.columnMapping.mode", "name"}})));
  EXPECT_EQ(ParseTableSchema(WithSchema(field, {{"delta.columnMapping.mode", "other"}})).error().kind,
            ErrorKind::kUnsupported);
}

TEST(TableSchemaTest, DamagedOnes) {
  for (const char* fields : {"1", R"({"type":"long"})", R"({"name":"a"})", R"({"name":"a","type":{"type":"set"}})",
                             R"({"name":"a","type":{"type":"array"}})"}) {
    auto schema = ParseTableSchema(WithSchema(fields));
    ASSERT_FALSE(schema) << fields;
    EXPECT_EQ(schema.error().kind, ErrorKind::kData);
  }
  auto variant = ToNilusSchema(*ParseTableSchema(WithSchema(R"({"name":"v","type":"variant"})")));
  ASSERT_FALSE(variant);
  EXPECT_EQ(variant.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(variant.error().message, HasSubstr("column v"));
  Metadata other = WithSchema("");
  other.provider = "orc";
  EXPECT_EQ(ParseTableSchema(other).error().kind, ErrorKind::kUnsupported);
  other = WithSchema("");
  other.partition_columns = {"p"};
  EXPECT_EQ(ParseTableSchema(other).error().kind, ErrorKind::kData);
}

TEST(LogListingTest, CommitsAndWholeCheckpoints) {
  LogListing log;
  for (const char* name :
       {"00000000000000000003.json", "00000000000000000004.json", "00000000000000000004.crc", "_last_checkpoint",
        "00000000000000000002.checkpoint.parquet", "00000000000000000003.checkpoint.0000000001.0000000002.parquet",
        "00000000000000000001.checkpoint.0000000001.0000000002.parquet", "4.json",
        "00000000000000000001.checkpoint.0000000002.0000000002.parquet",
        "00000000000000000006.checkpoint.80a083e8-7026-4e79-81be-64bd76c43a11.json",
        "00000000000000000001.00000000000000000003.compacted.json"})
    log.Add({.key = std::string("t/_delta_log/") + name});
  EXPECT_EQ(log.commits().size(), 2u);
  EXPECT_EQ(log.latest(), 6);
  EXPECT_TRUE(log.CheckpointUpTo(6)->is_json);
  EXPECT_EQ(log.CheckpointUpTo(5)->version, 2);  // of the one at 3, a part is missing
  EXPECT_EQ(log.CheckpointUpTo(1)->keys.size(), 2u);
  EXPECT_FALSE(log.CheckpointUpTo(0));
  EXPECT_EQ(CommitVersion("00000000000000000003.json"), 3);
  EXPECT_FALSE(CommitVersion("0000000000000000000x.json"));
}

}  // namespace
}  // namespace nilus::delta
