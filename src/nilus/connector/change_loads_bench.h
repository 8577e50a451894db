// The benchmark that every sink that merges has: changes a second, in loads of 1 to 50,000 changes of a table of a
// million keys, and the time of a load. A connector's *_changes_bench.cc gives it the sink.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

#include "nilus/base/address.h"
#include "nilus/base/clock.h"
#include "nilus/connector/change_loads_testing.h"
#include "nilus/connector/connector.h"

namespace nilus::conformance {

// A folder for one benchmark's files, removed with it.
class BenchFolder {
 public:
  BenchFolder() : path_(std::filesystem::temp_directory_path() / ("nilus-bench-" + NewId())) {
    std::filesystem::create_directory(path_);
  }
  ~BenchFolder() { std::filesystem::remove_all(path_); }
  BenchFolder(const BenchFolder&) = delete;
  BenchFolder& operator=(const BenchFolder&) = delete;

  // Of a sink whose address is a path: `file` in the folder; empty: the folder itself.
  Address AddressOf(std::string scheme, const std::string& file) const {
    Address address;
    address.scheme = std::move(scheme);
    address.path = file.empty() ? path_ : path_ + "/" + file;
    return address;
  }

 private:
  const std::string path_;
};

// Arguments: changes a load, and of how many in a hundred a value is not known (ChangeWorkload::SetUnknown).
inline void RunChangeLoads(benchmark::State& state, const Connector& connector, const Address& address,
                           const std::string& schema) {
  constexpr int64_t kKeys = 1'000'000;
  OpenContext context;
  auto sink = connector.open_sink(address, context).value();
  ChangeWorkload workload(sink.get(), schema, kKeys);
  workload.SetUnknown(state.range(1));
  if (Status filled = workload.Fill(); !filled) return state.SkipWithError(filled.error().ToString().c_str());
  for (auto _ : state) {
    if (Status loaded = workload.Load(state.range(0)); !loaded)
      return state.SkipWithError(loaded.error().ToString().c_str());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

inline void ChangeLoadArguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"changes", "unknown"})
      ->Args({1, 0})
      ->Args({1'000, 0})
      ->Args({50'000, 0})
      ->Args({50'000, 10})
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

}  // namespace nilus::conformance
