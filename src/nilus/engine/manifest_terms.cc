#include "nilus/engine/manifest_terms.h"

#include <algorithm>
#include <cmath>

#include "nilus/base/clock.h"
#include "nilus/base/memory_plan.h"

namespace nilus {
namespace {

std::string_view TransformName(PartitionTransform transform) {
  switch (transform) {
    case PartitionTransform::kIdentity:
      return "identity";
    case PartitionTransform::kBucket:
      return "bucket";
    case PartitionTransform::kTruncate:
      return "truncate";
    case PartitionTransform::kYear:
      return "year";
    case PartitionTransform::kMonth:
      return "month";
    case PartitionTransform::kDay:
      return "day";
    case PartitionTransform::kHour:
      return "hour";
  }
  return "identity";
}

}  // namespace

WriteStrategy ToWriteStrategy(IncrementalStrategy strategy) {
  switch (strategy) {
    case IncrementalStrategy::kReplace:
      return WriteStrategy::kReplace;
    case IncrementalStrategy::kAppend:
      return WriteStrategy::kAppend;
    case IncrementalStrategy::kMerge:
      return WriteStrategy::kMerge;
    case IncrementalStrategy::kDeleteInsert:
      return WriteStrategy::kDeleteInsert;
    case IncrementalStrategy::kScd2:
      return WriteStrategy::kScd2;
  }
  return WriteStrategy::kReplace;
}

ReflectionLevel ToReflection(SqlReflectionLevel level) {
  switch (level) {
    case SqlReflectionLevel::kFullWithPrecision:
      return ReflectionLevel::kFullWithPrecision;
    case SqlReflectionLevel::kFull:
      return ReflectionLevel::kFull;
    case SqlReflectionLevel::kMinimal:
    case SqlReflectionLevel::kNone:
    case SqlReflectionLevel::kFast:
      return ReflectionLevel::kMinimal;
  }
  return ReflectionLevel::kFull;
}

Contract ToContract(SchemaContract contract) {
  switch (contract) {
    case SchemaContract::kEvolve:
      return Contract::kEvolve;
    case SchemaContract::kFreeze:
      return Contract::kFreeze;
    case SchemaContract::kDiscardRow:
      return Contract::kDiscardRow;
    case SchemaContract::kDiscardValue:
      return Contract::kDiscardValue;
  }
  return Contract::kEvolve;
}

Misfits MisfitsUnder(Contract contract) {
  switch (contract) {
    case Contract::kEvolve:
      return Misfits::kVariant;
    case Contract::kDiscardValue:
      return Misfits::kNull;
    case Contract::kFreeze:
    case Contract::kDiscardRow:
      return Misfits::kError;
  }
  return Misfits::kVariant;
}

std::string_view FileFormatName(LoaderFileFormat format) {
  switch (format) {
    case LoaderFileFormat::kParquet:
      return "parquet";
    case LoaderFileFormat::kCsv:
      return "csv";
    case LoaderFileFormat::kJsonLines:
      return "jsonl";
    case LoaderFileFormat::kInsertValues:
      return "insert_values";
  }
  return "";
}

VariableLookup VariablesOf(const Pipeline& pipeline, const VariableLookup& variables) {
  return [&pipeline, &variables](std::string_view name) -> std::optional<std::string> {
    for (const auto& [key, value] : pipeline.envs) {
      if (key == name) return value;
    }
    return variables ? variables(name) : ProcessEnvironment()(name);
  };
}

OptionValues SinkValuesOf(const SinkOptions& options) {
  OptionValues values = options.connector;
  if (!options.iceberg_metadata_compression.empty())
    values.Set("iceberg_metadata_compression", options.iceberg_metadata_compression);
  return values;
}

bool HasStrategy(const Connector& sink, WriteStrategy strategy) {
  return std::find(sink.strategies.begin(), sink.strategies.end(), strategy) != sink.strategies.end();
}

std::function<Result<std::unique_ptr<Source>>(std::stop_token)> ReaderOfSink(const Connector& sink, Address address,
                                                                             OpenContext context) {
  if (sink.open_source == nullptr) return nullptr;
  return [open = sink.open_source, address = std::move(address),
          context = std::move(context)](std::stop_token stop) mutable {
    context.stop = std::move(stop);
    return open(address, context);
  };
}

std::string MemoryWarning(int64_t limit, const Connector& source, const Connector& sink) {
  const Connector& end = source.least_memory_bytes > sink.least_memory_bytes ? source : sink;
  if (limit >= end.least_memory_bytes) return "";
  return fmt::format(
      "the memory limit of {} MiB is too small for {}, which takes more than that: from {} MiB on the limit is kept. "
      "Raise spec.resources.limits.memory to {}Mi",
      limit / kMiB, end.title, end.least_memory_bytes / kMiB, end.least_memory_bytes / kMiB);
}

std::vector<PartitionField> PartitionFieldsOf(const SinkOptions& options, NamingStyle naming, int identifier_limit) {
  std::vector<PartitionSpec> partitions = options.partition_by;
  std::stable_sort(partitions.begin(), partitions.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  std::vector<PartitionField> fields;
  for (const PartitionSpec& partition : partitions) {
    fields.push_back(PartitionField{.column = NormalizeName(partition.column, naming, identifier_limit),
                                    .transform = std::string(TransformName(partition.transform)),
                                    .name = partition.name,
                                    .parameter = partition.bucket_count});
  }
  return fields;
}

Result<std::vector<PinnedType>> PinnedTypesOf(const SourceOptions& options) {
  std::vector<PinnedType> hints;
  for (const TypeHint& hint : options.type_hints) {
    NILUS_ASSIGN(Type type, ParseType(hint.type));
    hints.push_back(PinnedType{.column = hint.column, .type = type});
  }
  return hints;
}

int ThreadsOf(const Pipeline& pipeline, int wanted) {
  int threads = wanted > 0           ? wanted
                : pipeline.cpu_limit ? static_cast<int>(std::ceil(*pipeline.cpu_limit))
                                     : CpuCount();
  return std::clamp(threads, 1, 64);
}

}  // namespace nilus
