// `type: nilus`, version v1alpha.
#include "nilus/base/address.h"
#include "nilus/manifest/forms.h"

namespace nilus {
namespace {

constexpr std::string_view kTypes[] = {"batch", "cdc", "stream", "metadata"};

void ReadType(MapReader& spec, Pipeline& pipeline) {
  auto type = spec.Choice("type", {kTypes[0], kTypes[1], kTypes[2], kTypes[3]});
  if (type) {
    pipeline.type = static_cast<PipelineType>(*type);
    return;
  }
  if (spec.Take("type") == nullptr) return spec.Missing("type", "write batch, cdc, stream or metadata");
  // Already reported. What was probably meant keeps the other keys from being reported for the wrong reason.
  const YamlNode* written = spec.Take("type");
  std::string_view nearest = NearestName(written->text, kTypes);
  for (size_t i = 0; i < std::size(kTypes); ++i) {
    if (kTypes[i] == nearest) pipeline.type = static_cast<PipelineType>(i);
  }
}

void ReadSchedule(MapReader& spec, Pipeline& pipeline) {
  if (spec.Take("schedule") == nullptr) return;
  if (pipeline.type != PipelineType::kBatch && pipeline.type != PipelineType::kMetadata) {
    spec.Refuse("schedule", "a schedule is for batch and metadata only: cdc and stream stay up", "remove it");
    return;
  }
  MapReader reader = spec.Child("schedule");
  Schedule schedule;
  schedule.crons = ReadCrons(reader, "crons");
  ReadScheduleRest(reader, schedule);
  pipeline.schedule = std::move(schedule);
}

// Calls `read` for every map of the list at `name`.
void ForEachMap(MapReader& owner, std::string_view name, const std::function<void(MapReader&)>& read) {
  const YamlNode* list = owner.Take(name);
  if (list == nullptr) return;
  if (list->kind != YamlKind::kSequence) {
    return owner.Add(name, "a list is expected here, but this is " + std::string(YamlKindName(list->kind)),
                     "begin each entry with '- '");
  }
  for (size_t i = 0; i < list->items.size(); ++i) {
    MapReader reader(list->items[i], owner.PathOf(name) + "[" + std::to_string(i) + "]", owner.findings());
    if (list->items[i].kind == YamlKind::kMap) read(reader);
  }
}

void ReadUse(MapReader& spec, Pipeline& pipeline) {
  MapReader use = spec.Child("use");
  MapReader projection = use.Child("projection");
  ForEachMap(projection, "secrets", [&](MapReader& reader) {
    SecretProjection secret{reader.TextOr("id"), reader.TextOr("contextAlias"), reader.place()};
    if (secret.id.empty()) reader.Missing("id", "write workspace:name of a secret");
    if (secret.alias.empty()) reader.Missing("contextAlias", "write the name that templates use: secrets['name']");
    reader.Finish();
    for (const SecretProjection& other : pipeline.secrets) {
      if (other.alias == secret.alias && !secret.alias.empty())
        reader.Add("contextAlias", Shown(secret.alias) + " stands twice", "use another name");
    }
    pipeline.secrets.push_back(std::move(secret));
  });
  MapReader projections = projection.Child("projections");
  ForEachMap(projections, "envVars", [&](MapReader& reader) {
    EnvProjection variable{reader.TextOr("key"), reader.TextOr("template"), reader.PlaceOf("template")};
    if (variable.key.empty()) reader.Missing("key", "write the name of a variable");
    if (!reader.Has("template")) reader.Missing("template", "write {{ secrets['alias'].key }}");
    reader.Finish();
    for (const EnvProjection& other : pipeline.projections) {
      if (other.key == variable.key && !variable.key.empty())
        reader.Add("key", Shown(variable.key) + " is set twice", "keep one of them");
    }
    pipeline.projections.push_back(std::move(variable));
  });
  projections.Finish();
  projection.Finish();
  ForEachMap(use, "volumes", [&](MapReader& reader) {
    VolumeUse volume;
    volume.id = reader.TextOr("id");
    volume.directory = reader.TextOr("directory");
    volume.read_only = reader.Boolean("readOnly").value_or(false);
    if (volume.directory.empty()) reader.Missing("directory", "write where the volume stands");
    reader.Finish();
    pipeline.volumes.push_back(std::move(volume));
  });
  use.Finish();
}

}  // namespace

void ReadNilusForm(MapReader& document, const FormContext& context, std::vector<Pipeline>& pipelines) {
  DocumentHead head = ReadHead(document, {"v1alpha"});
  if (document.Take("spec") == nullptr) {
    document.Missing("spec", "write spec: with type, source and sink below it");
    document.Finish();
    return;
  }
  Pipeline pipeline = PipelineOf(head, document.place());
  MapReader spec = document.Child("spec");
  ReadType(spec, pipeline);
  if (pipeline.type == PipelineType::kMetadata) {
    if (auto mode = spec.Choice("mode", {"shallow", "deep"})) {
      pipeline.mode = static_cast<MetadataMode>(*mode);
    } else if (spec.Take("mode") == nullptr) {
      spec.Missing("mode", "write shallow or deep");
    }
  } else {
    spec.Refuse("mode", "the key is for type: metadata only", "remove it");
  }
  ReadRunSettings(spec, pipeline);
  ReadSchedule(spec, pipeline);
  ReadUse(spec, pipeline);
  ReadRepo(spec, pipeline);
  ReadEnds(spec, context, TypeRule::kGiven, pipeline);
  spec.Finish();
  document.Finish();
  pipelines.push_back(std::move(pipeline));
}

}  // namespace nilus
