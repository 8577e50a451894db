// What a connector declares, and the list of all of them. A program fills the registry once at start (src/nilus/cli/
// connectors.cc is the one place that names every connector); afterwards it is read-only and thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"
#include "nilus/connector/change_source.h"
#include "nilus/connector/sink.h"
#include "nilus/connector/source.h"

namespace nilus {

// What a source or sink is opened with, beside its address.
struct OpenContext {
  OptionValues options;              // validated against the connector's declaration
  int64_t memory_bytes = 64 << 20;   // for the connector's own buffers
  int64_t duckdb_bytes = 256 << 20;  // DuckDB's share of the process's memory limit
  int threads = 2;
  std::stop_token stop;
};

struct Connector {
  std::string_view name;                       // "postgresql": `nilus connectors postgresql`
  std::span<const std::string_view> schemes;   // address schemes it answers to, the canonical one first
  std::string_view title;                      // "PostgreSQL"
  std::string_view summary;                    // one sentence
  std::string_view address_example;            // "postgresql://user:password@host:5432/db?sslmode=verify-full"
  std::span<const OptionSpec> address_params;  // ?key=value of the address; others are refused
  std::span<const OptionSpec> source_options;  // further keys of source.options
  std::span<const OptionSpec> sink_options;    // further keys of sink.options
  // Which of sink.options' closed list that only some sinks have a use for (partition_by, cluster_by, loader_file_size,
  // loader_file_format, staging_bucket, aws_region, aws_endpoint, iceberg_metadata_compression) this one honours: a
  // notice says of the others that they are ignored.
  std::span<const std::string_view> honoured_sink_options;
  std::span<const WriteStrategy> strategies;  // empty: no sink
  int identifier_limit = 0;                   // longest name of the sink, in bytes; 0: none
  int64_t least_memory_bytes = 0;             // a run keeps to memory limits from here on; below, a warning says so
  bool runs_duckdb = false;                   // in this process: two such ends share its part of the memory
  bool ordered_splits = false;                // the order of a source's splits means something: read one by one
  // A service commits to the sink at most so often, unless poll.interval.ms says otherwise: where each commit leaves
  // files behind. 0: as soon as there is something, and nothing more has come.
  int commit_interval_ms = 0;
  Result<std::unique_ptr<Source>> (*open_source)(const Address&, const OpenContext&) = nullptr;
  Result<std::unique_ptr<Sink>> (*open_sink)(const Address&, const OpenContext&) = nullptr;
  Result<std::unique_ptr<ChangeSource>> (*open_changes)(const Address&, const OpenContext&) = nullptr;  // null: no cdc
};

class ConnectorRegistry {
 public:
  void Add(const Connector& connector) { connectors_.push_back(&connector); }  // static storage
  // kUnsupported with the nearest scheme when no connector answers to it.
  Result<const Connector*> Find(std::string_view scheme) const;
  std::span<const Connector* const> all() const { return connectors_; }

 private:
  std::vector<const Connector*> connectors_;
};

}  // namespace nilus
