// YAML documents → pipelines and resources. Internal to manifest/; load.h is the way in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nilus/manifest/load.h"
#include "nilus/manifest/map_reader.h"

namespace nilus {

struct FormContext {
  Findings& findings;
  const LoadOptions& options;
  const ResourceSet& resources;
};

// What every kind of document begins with.
struct DocumentHead {
  std::string name;
  std::string version;
  std::string type;
  std::string workspace;
  std::string description;
  std::string owner;
  std::vector<std::string> tags;
};
// `versions`: those that this type of document may have; the first is named as the fix.
DocumentHead ReadHead(MapReader& document, std::initializer_list<std::string_view> versions);

void ReadNilusForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines);
void ReadWorkflowForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines);
void ReadServiceForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines);

void ReadDepot(MapReader& document, Findings& findings, ResourceSet& resources);
void ReadSecret(MapReader& document, Findings& findings, ResourceSet& resources);
void ReadVolume(MapReader& document, Findings& findings, ResourceSet& resources);

// Parts that the forms share.
Pipeline PipelineOf(const DocumentHead& head, const SourcePlace& place);
void ReadRunSettings(MapReader& owner, Pipeline& pipeline);  // logLevel, runAsUser, compute, resources
void ReadRepo(MapReader& owner, Pipeline& pipeline);
void ReadOlderEnvironment(MapReader& owner, Pipeline& pipeline);  // envs, dataosSecrets
// A list of expressions (and one in the older form), checked.
std::vector<std::string> ReadCrons(MapReader& schedule, std::string_view name);
void ReadScheduleRest(MapReader& schedule, Schedule& result);  // timezone, endOn, concurrencyPolicy
// source and sink of `owner` (spec or stackSpec), their options, and every rule that spans several keys.
// `engine_decides_type`: the older service form, where options.engine tells cdc from stream.
enum class TypeRule { kGiven, kEngineDecides };
void ReadEnds(MapReader& owner, const FormContext& context, TypeRule rule, Pipeline& pipeline);

// The rules that span several keys of one pipeline.
struct EndReaders {
  MapReader& owner;
  MapReader& source;
  MapReader& source_options;
  MapReader& sink;
  MapReader& sink_options;
};
void CheckAcrossKeys(EndReaders& readers, std::string_view source_scheme, std::string_view sink_scheme,
                     Pipeline& pipeline);

}  // namespace nilus
