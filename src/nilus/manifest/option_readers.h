// YAML → SourceOptions and SinkOptions. Internal to manifest/.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/options.h"
#include "nilus/manifest/pipeline.h"

namespace nilus {

// What decides which options are known in one section.
struct SectionContext {
  PipelineType type = PipelineType::kBatch;
  // The connector's own options. Nothing: not known before the address is (it is one placeholder), so keys that are not
  // in the closed list are accepted with a notice.
  std::optional<std::span<const OptionSpec>> connector_options;
  // The older service form: whatever is not an option is a CDC property and stays unread.
  bool rest_is_cdc = false;
};

SourceOptions ReadSourceOptions(MapReader& options, const SectionContext& context);
SinkOptions ReadSinkOptions(MapReader& options, const SectionContext& context);

// The connector's own options, then everything that is still unread is reported.
OptionValues ReadConnectorOptions(MapReader& options, const SectionContext& context);

// One entry of `mask`, or what is wrong with it.
Result<MaskSpec> ParseMask(const std::string& column, std::string_view text);

// The properties of a `cdc` map (or the keys of `properties` named in `keys`): name → text. Names and values are
// checked against the table of known properties (cdc_property_list.h); a property without a meaning here makes a
// notice.
std::map<std::string, std::string> ReadCdcProperties(MapReader& properties);

}  // namespace nilus
