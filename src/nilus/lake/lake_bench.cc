// What a commit costs as a table's history grows, and what planning a table of many files costs.
#include <benchmark/benchmark.h>

#include "nilus/lake/manifest_reader.h"
#include "nilus/lake/manifest_writer.h"
#include "nilus/lake/metadata_json.h"
#include "nilus/lake/warehouse_testing.h"

namespace nilus::lake {
namespace {

DataFile FileWithMetrics(int64_t number, int columns) {
  DataFile file = MadeUpFile(fmt::format("file:///warehouse/shop/events/data/{:08}.parquet", number), 100'000);
  file.value_counts.clear();
  file.null_counts.clear();
  for (int id = 1; id <= columns; ++id) {
    file.column_sizes.emplace_back(id, 123'456);
    file.value_counts.emplace_back(id, 100'000);
    file.null_counts.emplace_back(id, 17);
    file.lower_bounds.emplace_back(id, ToBytes(number * 100'000, MakeIcebergType(TypeKind::kLong)));
    file.upper_bounds.emplace_back(id, ToBytes(number * 100'000 + 99'999, MakeIcebergType(TypeKind::kLong)));
  }
  return file;
}

void ReadTenThousandFiles(benchmark::State& state) {
  ManifestWriter writer(2, IcebergSchema{}, PartitionSpec{}, ManifestContent::kData, 1);
  for (int64_t i = 0; i < 10'000; ++i) writer.AddNew(FileWithMetrics(i, static_cast<int>(state.range(0))));
  const ManifestWriter::Output output = writer.Finish();
  ManifestFile manifest = output.manifest;
  manifest.sequence_number = 1;
  for (auto _ : state) {
    auto decoded = DecodeManifest(output.bytes, manifest, false);
    if (!decoded || decoded->entries.size() != 10'000) state.SkipWithError("not read");
    benchmark::DoNotOptimize(decoded);
  }
  state.counters["bytes"] = static_cast<double>(output.bytes.size());
}
BENCHMARK(ReadTenThousandFiles)->Arg(10)->Arg(50)->Unit(benchmark::kMillisecond);

// Appends of one file onto a table that has `range` commits already.
void CommitOntoHistory(benchmark::State& state) {
  const TempWarehouse warehouse;
  const CatalogPtr catalog = warehouse.catalog();
  auto change = Transaction::Create(catalog, {"shop", "events"}, EventsTable(), {});
  TablePtr table = change->Commit({})->table;
  const auto append = [&](int64_t number) {
    Transaction next(table);
    next.AddDataFile(FileWithMetrics(number, 10));
    auto outcome = next.Commit({});
    if (outcome) table = outcome->table;
    return outcome.has_value();
  };
  for (int64_t i = 0; i < state.range(0); ++i) append(i);
  int64_t number = state.range(0);
  for (auto _ : state) {
    if (!append(number++)) state.SkipWithError("not committed");
  }
}
BENCHMARK(CommitOntoHistory)->Arg(0)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond)->Iterations(50);

void WriteMetadataOfHistory(benchmark::State& state) {
  NewTable wanted = EventsTable();
  wanted.location = "file:///w";
  TableMetadata metadata = *MakeTableMetadata(wanted);
  for (int64_t i = 1; i <= state.range(0); ++i) {
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->id = i;
    snapshot->manifest_list = fmt::format("file:///w/metadata/snap-{}.avro", i);
    for (int j = 0; j < 20; ++j) snapshot->summary[fmt::format("counter-{}", j)] = "123456";
    snapshot->json = SnapshotToJson(*snapshot);
    metadata.snapshots.push_back(snapshot);
  }
  for (auto _ : state) benchmark::DoNotOptimize(MetadataToJson(metadata));
  const std::string json = MetadataToJson(metadata);
  state.counters["bytes"] = static_cast<double>(json.size());
}
BENCHMARK(WriteMetadataOfHistory)->Arg(1000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace nilus::lake

BENCHMARK_MAIN();
