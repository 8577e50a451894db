// What a manifest says, typed: one Pipeline per `nilus` document, `service` document or node of a `workflow`'s DAG.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/log.h"
#include "nilus/manifest/options.h"
#include "nilus/manifest/problem.h"

namespace nilus {

enum class PipelineType { kBatch, kCdc, kStream, kMetadata };
enum class MetadataMode { kShallow, kDeep };
enum class ConcurrencyPolicy { kAllow, kForbid, kReplace };

std::string_view PipelineTypeName(PipelineType type);  // batch, cdc, stream, metadata

struct Schedule {
  std::vector<std::string> crons;  // five fields each, checked, single-spaced
  std::string timezone = "UTC";    // exists in the system's zone database
  std::string end_on;              // canonical timestamp; empty: never
  ConcurrencyPolicy concurrency_policy = ConcurrencyPolicy::kForbid;
};

struct SecretProjection {  // use.projection.secrets[]
  std::string id;          // "workspace:name" or "name"
  std::string alias;
  SourcePlace place;
};

struct EnvProjection {  // use.projection.projections.envVars[]
  std::string key;
  std::string template_text;
  SourcePlace place;
};

struct DataosSecret {  // the older form's dataosSecrets[]
  std::string name;
  bool all_keys = true;
  std::vector<std::string> keys;  // when not all_keys
  bool as_files = false;          // consumptionType: propFile
  SourcePlace place;
};

struct VolumeUse {
  std::string id;
  std::string directory;
  bool read_only = false;
};

struct RepoSpec {
  std::string url;
  std::string base_dir;
  std::string secret_id;
  std::vector<std::string> sync_flags;
};

// One end of a pipeline. `address` is empty (no scheme) until ResolvePipeline has filled it.
struct Endpoint {
  std::string address_text;  // as written, with placeholders
  Address address;
  bool names_dataset = false;  // dataos://depot:collection/dataset: the source_table where none is written
  SourcePlace place;           // of the address, for errors that come later
  std::string path;            // "spec.source.address"
};

struct Pipeline {
  std::string name;                     // of the document
  std::string workspace;                // "public" when absent
  std::string node;                     // name of the DAG's node; empty outside workflows
  std::vector<std::string> depends_on;  // nodes of the same document that must have succeeded
  std::string description;
  std::string owner;
  std::vector<std::string> tags;
  PipelineType type = PipelineType::kBatch;
  std::optional<MetadataMode> mode;
  std::optional<LogLevel> log_level;
  std::string run_as_user;
  std::string compute;
  std::optional<Schedule> schedule;
  std::optional<int64_t> memory_limit_bytes;  // resources.limits.memory
  std::optional<double> cpu_limit;            // processors: 0.2 for 200m
  std::vector<SecretProjection> secrets;
  std::vector<EnvProjection> projections;
  std::vector<std::pair<std::string, std::string>> envs;  // older form: plain variables
  std::vector<DataosSecret> dataos_secrets;
  std::vector<VolumeUse> volumes;
  std::optional<RepoSpec> repo;
  Endpoint source;
  SourceOptions source_options;
  std::map<std::string, std::string> cdc;  // Debezium properties, cdc only, in text form
  std::optional<Endpoint> sink;            // absent only for metadata
  SinkOptions sink_options;
  SourcePlace place;  // of the document or node

  // Stable key of state and bookkeeping: "workspace:name" or "workspace:name/node".
  std::string Id() const;
};

}  // namespace nilus
