#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/lake/avro_codec.h"
#include "nilus/lake/json.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/table_update.h"

namespace nilus::lake {
namespace {

// Made by hand after the spec's tables of fields, as writers of each version leave them.
constexpr std::string_view kV1 = R"({"format-version":1,"table-uuid":"d20125c8-7284-442c-9aea-15fee620737c",
  "location":"s3://bucket/test/location/","last-updated-ms":1602638573874,"last-column-id":3,
  "schema":{"type":"struct","fields":[{"id":1,"name":"x","required":true,"type":"long"},
    {"id":2,"name":"y","required":true,"type":"long","doc":"comment"},{"id":3,"name":"z","required":true,"type":"long"}]},
  "partition-spec":[{"name":"x","transform":"identity","source-id":1,"field-id":1000}],
  "properties":{"a":"b"},"current-snapshot-id":-1,
  "snapshots":[{"snapshot-id":1925,"timestamp-ms":1602638573822,"manifests":["s3://b/m1.avro","s3://b/m2.avro"]}]})";

constexpr std::string_view kV2 = R"({"format-version":2,"table-uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1",
  "location":"s3://bucket/test/location","last-sequence-number":34,"last-updated-ms":1602638573590,"last-column-id":3,
  "current-schema-id":1,"schemas":[
    {"type":"struct","schema-id":0,"fields":[{"id":1,"name":"x","required":true,"type":"long"}]},
    {"type":"struct","schema-id":1,"identifier-field-ids":[1,2],"fields":[
      {"id":1,"name":"x","required":true,"type":"long"},{"id":2,"name":"y","required":true,"type":"long"},
      {"id":3,"name":"z","required":true,"type":"long"}]}],
  "default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[
    {"name":"x","transform":"identity","source-id":1,"field-id":1000}]}],"last-partition-id":1000,
  "default-sort-order-id":3,"sort-orders":[{"order-id":3,"fields":[
    {"transform":"identity","source-id":2,"direction":"asc","null-order":"nulls-first"},
    {"transform":"bucket[4]","source-id":3,"direction":"desc","null-order":"nulls-last"}]}],
  "properties":{"read.split.target.size":134217728},"current-snapshot-id":3055729675574597004,
  "snapshots":[
    {"snapshot-id":3051729675574597004,"timestamp-ms":1515100955770,"sequence-number":0,
     "summary":{"operation":"append"},"manifest-list":"s3://a/b/1.avro"},
    {"snapshot-id":3055729675574597004,"parent-snapshot-id":3051729675574597004,"timestamp-ms":1555100955770,
     "sequence-number":1,"summary":{"operation":"append"},"manifest-list":"s3://a/b/2.avro","schema-id":1}],
  "snapshot-log":[{"snapshot-id":3051729675574597004,"timestamp-ms":1515100955770},
                  {"snapshot-id":3055729675574597004,"timestamp-ms":1555100955770}],
  "metadata-log":[{"metadata-file":"s3://bucket/m/v1.json","timestamp-ms":1515100}],
  "refs":{"test":{"snapshot-id":3051729675574597004,"type":"tag","max-ref-age-ms":10000000}},
  "statistics":[{"snapshot-id":3055729675574597004,"statistics-path":"s3://a/b/stats.puffin","file-size-in-bytes":413,
    "file-footer-size-in-bytes":42,"blob-metadata":[]}]})";

constexpr std::string_view kV3 = R"({"format-version":3,"table-uuid":"9c12d441-03fe-4693-9a96-a0705ddf69c1",
  "location":"file:///w/t","last-sequence-number":1,"last-updated-ms":1602638573590,"last-column-id":2,
  "current-schema-id":0,"schemas":[{"type":"struct","schema-id":0,"fields":[
    {"id":1,"name":"x","required":false,"type":"timestamp_ns","initial-default":"2017-11-16T22:31:08.123456789"},
    {"id":2,"name":"v","required":false,"type":"variant"}]}],
  "default-spec-id":0,"partition-specs":[{"spec-id":0,"fields":[
    {"name":"xy","transform":"zorder[2]","source-ids":[1,2],"field-id":1000}]}],"last-partition-id":1000,
  "default-sort-order-id":0,"sort-orders":[{"order-id":0,"fields":[]}],"current-snapshot-id":7,"next-row-id":100,
  "snapshots":[{"snapshot-id":7,"timestamp-ms":1,"sequence-number":1,"summary":{"operation":"append"},
    "manifest-list":"file:///w/t/metadata/s.avro","first-row-id":0,"added-rows":100,"key-id":"k"}],
  "encryption-keys":[{"key-id":"k","encrypted-key-metadata":"AAA="}]})";

TableMetadata Parsed(std::string_view json) {
  auto metadata = MetadataFromJson(json);
  EXPECT_TRUE(metadata) << metadata.error().ToString();
  return metadata ? *metadata : TableMetadata{};
}

TEST(MetadataJson, Version1) {
  const TableMetadata metadata = Parsed(kV1);
  EXPECT_EQ(metadata.format_version, 1);
  EXPECT_EQ(metadata.location, "s3://bucket/test/location");
  EXPECT_EQ(metadata.schema().fields[1].doc, "comment");
  EXPECT_EQ(metadata.spec().fields[0].field_id, 1000);
  EXPECT_EQ(metadata.current_snapshot(), nullptr) << "-1 is Java's way to say none";
  ASSERT_EQ(metadata.snapshots.size(), 1U);
  EXPECT_THAT(metadata.snapshots[0]->manifests, testing::ElementsAre("s3://b/m1.avro", "s3://b/m2.avro"));
  EXPECT_EQ(metadata.last_partition_id, 1000);
}

TEST(MetadataJson, Version2) {
  const TableMetadata metadata = Parsed(kV2);
  EXPECT_EQ(metadata.last_sequence_number, 34);
  EXPECT_EQ(metadata.schema().schema_id, 1);
  EXPECT_EQ(metadata.sort_order().fields[1].transform.ToString(), "bucket[4]");
  EXPECT_EQ(metadata.current_snapshot()->parent_id, 3051729675574597004);
  EXPECT_EQ(metadata.SnapshotOf("test")->id, 3051729675574597004);
  EXPECT_EQ(metadata.SnapshotOf("main")->id, 3055729675574597004) << "main is there even when refs do not say so";
  EXPECT_EQ(metadata.SnapshotOf("nope"), nullptr);
  EXPECT_EQ(metadata.Property("read.split.target.size"), "134217728");
  EXPECT_EQ((*metadata.SnapshotAsOf(1515100955770))->id, 3051729675574597004);
  EXPECT_EQ((*metadata.SnapshotAsOf(1600000000000))->id, 3055729675574597004);
  EXPECT_EQ(metadata.SnapshotAsOf(1).error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(metadata.IsAncestor(3051729675574597004, 3055729675574597004));
  EXPECT_FALSE(metadata.IsAncestor(3055729675574597004, 3051729675574597004));
}

TEST(MetadataJson, Version3) {
  const TableMetadata metadata = Parsed(kV3);
  EXPECT_EQ(metadata.next_row_id, 100);
  EXPECT_EQ(metadata.spec().fields[0].transform.kind, Transform::Kind::kUnknown);
  EXPECT_EQ(metadata.current_snapshot()->added_rows, 100);
  EXPECT_THAT(metadata.schema().fields[0].initial_default_json, testing::HasSubstr("22:31:08"));
}

TEST(MetadataJson, ComesBack) {
  for (const std::string_view json : {kV2, kV3}) {
    const TableMetadata metadata = Parsed(json);
    const std::string text = MetadataToJson(metadata);
    const TableMetadata again = Parsed(text);
    EXPECT_EQ(MetadataToJson(again), text);
    EXPECT_EQ(again.refs, metadata.refs);
    EXPECT_EQ(again.properties, metadata.properties);
    EXPECT_EQ(again.snapshot_log, metadata.snapshot_log);
    EXPECT_EQ(again.metadata_log, metadata.metadata_log);
    EXPECT_EQ(again.schema(), metadata.schema());
    EXPECT_EQ(again.statistics_json, metadata.statistics_json);
    EXPECT_EQ(MetadataToJson(Parsed(Gzip(text))), text);
  }
}

TEST(MetadataJson, HostileTextsAreErrors) {
  const auto with = [](std::string_view from, std::string_view to) {
    std::string text(kV2);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  const auto error = [](const std::string& text) {
    const auto metadata = MetadataFromJson(text);
    EXPECT_FALSE(metadata) << text;
    return metadata ? Error{} : metadata.error();
  };
  EXPECT_EQ(error(with("\"format-version\":2", "\"format-version\":4")).kind, ErrorKind::kUnsupported);
  EXPECT_THAT(error(with("\"current-schema-id\":1", "\"current-schema-id\":7")).message,
              testing::HasSubstr("no schema 7"));
  EXPECT_THAT(error(with("\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":5")).message,
              testing::HasSubstr("no snapshot 5"));
  EXPECT_THAT(error(with("\"default-spec-id\":0", "\"default-spec-id\":1")).message,
              testing::HasSubstr("no partition spec 1"));
  EXPECT_THAT(error(with("\"last-sequence-number\":34", "\"last-sequence-number\":3.5")).message,
              testing::HasSubstr("not an integer"));
  EXPECT_THAT(error(with("\"location\":", "\"place\":")).message, testing::HasSubstr("lacks `location`"));
  EXPECT_THAT(error(with("\"table-uuid\"", "\"x\"")).message, testing::HasSubstr("table-uuid"));
  error(with("\"snapshot-id\":3051729675574597004,\"type\":\"tag\"", "\"snapshot-id\":1,\"type\":\"tag\""));
  error("");
  error("[1]");
  error(Gzip("[1]"));
  for (size_t size = 1; size < kV2.size(); size += 7) error(std::string(kV2.substr(0, size)));
}

TableMetadata Fresh(int format_version = 2) {
  NewTable table;
  table.location = "file:///w/s/t/";
  table.format_version = format_version;
  table.schema = MakeIcebergSchema(nilus::Schema{{{"id", MakeType(TypeId::kInt64), true, {}}}});
  auto metadata = MakeTableMetadata(table);
  EXPECT_TRUE(metadata);
  return *metadata;
}

SnapshotPtr SnapshotNumber(int64_t id, std::optional<int64_t> parent) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->id = id;
  snapshot->parent_id = parent;
  snapshot->sequence_number = id;
  snapshot->manifest_list = fmt::format("file:///w/s/t/metadata/{}.avro", id);
  snapshot->summary["operation"] = "append";
  return snapshot;
}

TEST(TableUpdates, BuildAHistory) {
  TableMetadata metadata = Fresh();
  EXPECT_EQ(metadata.location, "file:///w/s/t");
  for (int64_t id = 1; id <= 4; ++id) {
    ASSERT_TRUE(
        ApplyUpdate(AddSnapshot{SnapshotNumber(id, id > 1 ? std::optional(id - 1) : std::nullopt)}, 0, &metadata));
    ASSERT_TRUE(ApplyUpdate(SetSnapshotRef{"main", SnapshotRef{id}}, id * 10, &metadata));
  }
  EXPECT_EQ(metadata.current_snapshot_id, 4);
  EXPECT_EQ(metadata.last_sequence_number, 4);
  EXPECT_EQ(metadata.snapshot_log.size(), 4U);
  ASSERT_TRUE(ApplyUpdate(SetSnapshotRef{"old", SnapshotRef{2, true}}, 50, &metadata));
  EXPECT_FALSE(ApplyUpdate(RemoveSnapshots{{2}}, 60, &metadata)) << "a tag holds it";
  ASSERT_TRUE(ApplyUpdate(RemoveSnapshots{{3, 1}}, 60, &metadata));
  EXPECT_THAT(metadata.snapshot_log, testing::ElementsAre(SnapshotLogEntry{40, 4}))
      << "time travel must not skip what is gone";
  EXPECT_FALSE(ApplyUpdate(SetSnapshotRef{"main", SnapshotRef{3}}, 70, &metadata));
  ASSERT_TRUE(ApplyUpdate(SetSnapshotRef{"main", SnapshotRef{2}}, 70, &metadata));
  EXPECT_EQ(metadata.current_snapshot_id, 2);
  ASSERT_TRUE(ApplyUpdate(RemoveSnapshotRef{"old"}, 80, &metadata));
  EXPECT_EQ(metadata.SnapshotOf("old"), nullptr);
  EXPECT_EQ(MetadataToJson(Parsed(MetadataToJson(metadata))), MetadataToJson(metadata));
}

TEST(TableUpdates, RefuseNonsense) {
  TableMetadata metadata = Fresh();
  EXPECT_FALSE(ApplyUpdate(SetCurrentSchema{9}, 0, &metadata));
  EXPECT_FALSE(ApplyUpdate(SetDefaultSpec{9}, 0, &metadata));
  EXPECT_FALSE(ApplyUpdate(SetDefaultSortOrder{9}, 0, &metadata));
  EXPECT_FALSE(ApplyUpdate(UpgradeFormatVersion{1}, 0, &metadata));
  EXPECT_FALSE(ApplyUpdate(UpgradeFormatVersion{4}, 0, &metadata));
  ASSERT_TRUE(ApplyUpdate(AddSnapshot{SnapshotNumber(1, std::nullopt)}, 0, &metadata));
  EXPECT_FALSE(ApplyUpdate(AddSnapshot{SnapshotNumber(1, std::nullopt)}, 0, &metadata));
  EXPECT_EQ(ApplyUpdate(AddSnapshot{SnapshotNumber(0, 1)}, 0, &metadata).error().kind, ErrorKind::kConflict);
}

TEST(TableUpdates, RowIdsOfV3OnlyGrow) {
  TableMetadata metadata = Fresh(3);
  auto snapshot = std::make_shared<Snapshot>(*SnapshotNumber(1, std::nullopt));
  snapshot->first_row_id = 0;
  snapshot->added_rows = 100;
  ASSERT_TRUE(ApplyUpdate(AddSnapshot{snapshot}, 0, &metadata));
  EXPECT_EQ(metadata.next_row_id, 100);
  auto stale = std::make_shared<Snapshot>(*SnapshotNumber(2, 1));
  stale->first_row_id = 50;
  stale->added_rows = 10;
  EXPECT_EQ(ApplyUpdate(AddSnapshot{stale}, 0, &metadata).error().kind, ErrorKind::kConflict);
}

TEST(TableUpdates, TheUpdatesOfANewTableMakeIt) {
  const TableMetadata metadata = Fresh();
  TableMetadata made;
  made.last_updated_ms = metadata.last_updated_ms;
  for (const TableUpdate& update : UpdatesOfNewTable(metadata)) {
    const Status applied = ApplyUpdate(update, 0, &made);
    ASSERT_TRUE(applied) << applied.error().ToString();
  }
  EXPECT_EQ(MetadataToJson(made), MetadataToJson(metadata));
}

TEST(TableUpdates, AreObjectsInJson) {
  TableMetadata metadata = Fresh();
  auto updates = UpdatesOfNewTable(metadata);
  updates.emplace_back(AddSnapshot{SnapshotNumber(1, std::nullopt)});
  updates.emplace_back(SetSnapshotRef{"main", SnapshotRef{1}});
  updates.emplace_back(RemoveSnapshotRef{"b"});
  updates.emplace_back(RemoveSnapshots{{1}});
  updates.emplace_back(SetProperties{{{"a", "b"}}});
  updates.emplace_back(RemoveProperties{{"a"}});
  for (const TableUpdate& update : updates) {
    const auto json = ParseJson(UpdateToJson(update), "update");
    ASSERT_TRUE(json);
    EXPECT_TRUE(json->is_object() && json->contains("action")) << *json;
  }
  for (const TableRequirement& requirement :
       std::vector<TableRequirement>{AssertCreate{}, AssertUuid{"u"}, AssertRefSnapshot{"main", std::nullopt},
                                     AssertRefSnapshot{"main", 1}, AssertLastColumnId{1}, AssertCurrentSchema{1},
                                     AssertLastPartitionId{1}, AssertDefaultSpec{1}, AssertDefaultSortOrder{1}}) {
    const auto json = ParseJson(RequirementToJson(requirement), "requirement");
    ASSERT_TRUE(json);
    EXPECT_TRUE(json->is_object() && json->contains("type")) << *json;
  }
  EXPECT_EQ(UpdateToJson(SetSnapshotRef{"main", SnapshotRef{1}}),
            R"({"action":"set-snapshot-ref","ref-name":"main","snapshot-id":1,"type":"branch"})");
}

TEST(TableUpdates, RequirementsSayWhatChanged) {
  const TableMetadata metadata = Fresh();
  EXPECT_TRUE(CheckRequirement(AssertCreate{}, nullptr));
  EXPECT_EQ(CheckRequirement(AssertCreate{}, &metadata).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(CheckRequirement(AssertUuid{"x"}, &metadata).error().kind, ErrorKind::kConflict);
  EXPECT_EQ(CheckRequirement(AssertUuid{"x"}, nullptr).error().kind, ErrorKind::kConflict);
  EXPECT_TRUE(CheckRequirement(AssertRefSnapshot{"main", std::nullopt}, &metadata));
  EXPECT_THAT(CheckRequirement(AssertRefSnapshot{"main", 3}, &metadata).error().message,
              testing::HasSubstr("branch main has another snapshot"));
  EXPECT_FALSE(CheckRequirement(AssertLastColumnId{9}, &metadata));
  EXPECT_TRUE(CheckRequirement(AssertLastColumnId{1}, &metadata));
}

}  // namespace
}  // namespace nilus::lake
