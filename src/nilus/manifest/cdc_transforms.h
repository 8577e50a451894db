// `transforms` of a capture and the keys `transforms.<name>.…` of each, as Kafka Connect and Debezium have them. By its
// `type` a transform is one of those in the table (cdc_transforms.cc); everything else about it is an error.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "nilus/manifest/map_reader.h"

namespace nilus {

// `values`: every property as text. Findings name the key.
void CheckTransforms(const std::map<std::string, std::string>& values, MapReader& properties);

// Checks one value of a property by its type and choices, and notes it where it has no effect (cdc_properties.cc).
struct CdcProperty;
void CheckCdcValue(MapReader& properties, std::string_view key, const CdcProperty& property, const std::string& text);

}  // namespace nilus
