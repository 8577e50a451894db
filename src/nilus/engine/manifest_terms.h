// The manifest's words in the boundary's terms: what jobs of all modes share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/connector/connector.h"
#include "nilus/manifest/pipeline.h"
#include "nilus/rows/naming.h"
#include "nilus/rows/table_shape.h"

namespace nilus {

WriteStrategy ToWriteStrategy(IncrementalStrategy strategy);
ReflectionLevel ToReflection(SqlReflectionLevel level);
Contract ToContract(SchemaContract contract);
// What a sink does with values that its own type cannot hold.
Misfits MisfitsUnder(Contract contract);
std::string_view FileFormatName(LoaderFileFormat format);

// The pipeline's own plain variables, then `variables` (null: the process environment). Valid as long as both are.
VariableLookup VariablesOf(const Pipeline& pipeline, const VariableLookup& variables);
// What a sink is opened with: its own options, and those of the closed list that say nothing of one table.
OptionValues SinkValuesOf(const SinkOptions& options);
bool HasStrategy(const Connector& sink, WriteStrategy strategy);
// Opens the destination as a source, without options; null: it cannot be read.
std::function<Result<std::unique_ptr<Source>>(std::stop_token)> ReaderOfSink(const Connector& sink, Address address,
                                                                             OpenContext context);
// The limit is below what an end keeps to; empty: it is not.
std::string MemoryWarning(int64_t limit, const Connector& source, const Connector& sink);
std::vector<PartitionField> PartitionFieldsOf(const SinkOptions& options, NamingStyle naming, int identifier_limit);
Result<std::vector<PinnedType>> PinnedTypesOf(const SourceOptions& options);
// `wanted`, else the manifest's cpu limit, else the processors of the machine; 1 to 64.
int ThreadsOf(const Pipeline& pipeline, int wanted);

}  // namespace nilus
