// Writes a warehouse for readers that are not ours (tests/e2e/test_lake_formats.py) to the folder NILUS_LAKE_SAMPLE.
#include <gtest/gtest.h>

#include <cstdlib>

#include "nilus/lake/lake_fixture_testing.h"

namespace nilus::lake {
namespace {

TablePtr Commit(Transaction change) {
  auto outcome = change.Commit({});
  EXPECT_OK(outcome);
  return outcome ? outcome->table : nullptr;
}

TablePtr Create(const CatalogPtr& catalog, const std::string& name, NewTable table) {
  auto change = Transaction::Create(catalog, {"s", name}, std::move(table), {});
  EXPECT_OK(change);
  return change ? Commit(*std::move(change)) : nullptr;
}

DataFile File(const Table& table, const std::string& name, int64_t rows) {
  DataFile file = MadeUpFile(table.metadata.location + "/data/" + name, rows);
  file.spec_id = table.metadata.default_spec_id;
  file.lower_bounds = {{1, ToBytes(int64_t{1}, MakeIcebergType(TypeKind::kLong))}, {3, "aaa"}};
  file.upper_bounds = {{1, ToBytes(rows, MakeIcebergType(TypeKind::kLong))}, {3, "zzz"}};
  file.split_offsets = {4};
  return file;
}

void WritePlain(const CatalogPtr& catalog) {
  TablePtr table = Create(catalog, "plain", EventsTable());
  for (int i = 0; i < 20; ++i) {
    Transaction change(table);
    change.AddDataFile(File(*table, fmt::format("{:02}.parquet", i), 10 + i));
    change.SetPipelineState("w/p:s.plain", PipelineState{i + 1, fmt::format("load-{}", i), R"({"cursor":"1"})"}, i);
    table = Commit(std::move(change));
  }
  Transaction replace(table);
  replace.RemoveAllFiles();
  replace.AddDataFile(File(*table, "replaced.parquet", 7));
  Commit(std::move(replace));
}

void WriteByDay(const CatalogPtr& catalog) {
  TablePtr table = Create(catalog, "days", EventsTable(/*partitioned=*/true));
  Transaction change(table);
  for (int i = 0; i < 3; ++i) {
    DataFile file = File(*table, fmt::format("{}.parquet", i), i + 1);
    file.partition = {17'486 + i};
    change.AddDataFile(file);
  }
  Commit(std::move(change));
}

// One column of each type that partitions are made of, and each transform.
void WritePartitioned(const CatalogPtr& catalog, const std::string& name, int format_version) {
  nilus::Schema columns{{{"flag", MakeType(TypeId::kBool), true, {}},
                         {"small", MakeType(TypeId::kInt32), true, {}},
                         {"big", MakeType(TypeId::kInt64), true, {}},
                         {"real", MakeType(TypeId::kFloat32), true, {}},
                         {"wide", MakeType(TypeId::kFloat64), true, {}},
                         {"price", MakeDecimal(20, 2), true, {}},
                         {"day", MakeType(TypeId::kDate), true, {}},
                         {"clock", MakeType(TypeId::kTime), true, {}},
                         {"at", MakeType(TypeId::kTimestamp), true, {}},
                         {"wall", MakeType(TypeId::kTimestampNtz), true, {}},
                         {"text", MakeType(TypeId::kText), true, {}},
                         {"bytes", MakeType(TypeId::kBinary), true, {}}}};
  NewTable table;
  table.format_version = format_version;
  table.schema = MakeIcebergSchema(columns);
  std::vector<PartitionWish> wishes;
  for (const Field& field : columns.fields)
    wishes.push_back({field.name, "identity", 0, field.name == "text" ? "" : field.name});
  for (const char* transform : {"year", "month", "day", "hour"}) wishes.push_back({"at", transform, 0, ""});
  wishes.push_back({"big", "bucket", 16, "a-b \u00e4"});
  wishes.push_back({"price", "truncate", 50, ""});
  wishes.push_back({"text", "truncate", 2, ""});
  int32_t last = kFirstPartitionFieldId - 1;
  auto spec = MakePartitionSpec(wishes, table.schema, {}, &last);
  ASSERT_OK(spec);
  table.spec = *spec;
  table.sort_order = *MakeSortOrder({"big"}, table.schema, {});
  TablePtr made = Create(catalog, name, table);
  Transaction change(made);
  DataFile full = File(*made, "full.parquet", 5);
  full.partition = {true,
                    7,
                    int64_t{8},
                    1.5F,
                    2.5,
                    Int128{-142000},
                    17'486,
                    int64_t{1'000'000},
                    int64_t{1'510'871'468'000'000},
                    int64_t{1'510'871'468'000'001},
                    std::string("iceberg"),
                    std::string("\0\xFF", 2),
                    47,
                    574,
                    17'486,
                    419'686,
                    3,
                    Int128{-142500},
                    std::string("ic")};
  DataFile empty = File(*made, "nulls.parquet", 6);
  empty.partition.resize(full.partition.size());
  change.AddDataFile(full);
  change.AddDataFile(empty);
  if (format_version >= 3) {
    DataFile vector = MadeUpFile(made->metadata.location + "/data/dv.puffin", 2);
    vector.content = FileContent::kPositionDeletes;
    vector.format = "puffin";
    vector.spec_id = full.spec_id;
    vector.partition = full.partition;
    vector.referenced_data_file = full.path;
    vector.content_offset = 4;
    vector.content_size = 44;
    change.AddDeleteFile(vector);
  }
  Commit(std::move(change));
}

void WriteLarge(const CatalogPtr& catalog) {
  NewTable wanted = EventsTable();
  wanted.properties["write.metadata.compression-codec"] = "gzip";
  TablePtr table = Create(catalog, "large", wanted);
  Transaction change(table);
  for (int i = 0; i < 2000; ++i) change.AddDataFile(File(*table, fmt::format("{:05}.parquet", i), 1));
  table = Commit(std::move(change));
  Transaction deletes(table);
  DataFile positions = File(*table, "deletes.parquet", 3);
  positions.content = FileContent::kPositionDeletes;
  deletes.AddDeleteFile(positions);
  Commit(std::move(deletes));
}

TEST(Sample, ForOtherReaders) {
  const char* folder = std::getenv("NILUS_LAKE_SAMPLE");
  if (folder == nullptr) GTEST_SKIP() << "NILUS_LAKE_SAMPLE is not set";
  const CatalogPtr catalog = OpenFilesystemCatalog(*storage::OpenLocalStore(folder));
  WritePlain(catalog);
  WriteByDay(catalog);
  WritePartitioned(catalog, "parts", 2);
  WritePartitioned(catalog, "parts3", 3);
  WriteLarge(catalog);
}

}  // namespace
}  // namespace nilus::lake
