// source and sink: addresses, options, CDC properties.
#include <algorithm>

#include "nilus/base/address.h"
#include "nilus/manifest/depot.h"
#include "nilus/manifest/forms.h"
#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

bool IsOnePlaceholder(std::string_view text) {
  auto names = PlaceholderNames(text);
  return names.size() == 1 && text.find("://") == std::string_view::npos && text.find('{') <= 1 && text.ends_with('}');
}

// Syntax only: every variable is taken to be set. What a variable holds is checked when addresses are resolved.
Result<Address> ParseSyntax(std::string_view text) {
  return ParseAddress(text, [](std::string_view) { return std::optional<std::string>("1"); });
}

// The scheme of the connector behind an address, empty when it is not known (yet, or for a reason that was reported).
std::string ReadAddress(MapReader& section, const FormContext& context, Endpoint& endpoint) {
  endpoint.place = section.PlaceOf("address");
  endpoint.path = section.path() + ".address";
  auto text = section.Text("address");
  if (!text || text->empty()) {
    if (!text && section.Take("address") != nullptr) return {};  // of the wrong kind: reported
    section.Missing("address", "write scheme://host:port/database or dataos://depot");
    return {};
  }
  endpoint.address_text = *text;
  if (IsOnePlaceholder(*text)) return {};
  auto address = ParseSyntax(*text);
  if (!address) {
    section.Add("address", address.error().message, address.error().fix);
    return {};
  }
  std::string scheme = address->scheme;
  if (scheme == "dataos") {
    if (!PlaceholderNames(*text).empty() && address->host == "1") return {};  // the depot's name is a variable
    const DepotResource* depot = context.resources.FindDepot(address->host);
    if (depot == nullptr) {
      std::vector<std::string_view> names;
      for (const DepotResource& other : context.resources.depots) names.push_back(other.name);
      std::string_view nearest = NearestName(address->host, names);
      section.Add("address", "the depot " + Shown(address->host) + " is not known",
                  nearest.empty() ? "put its resource into the resource folder (--resources DIR)"
                                  : "write dataos://" + std::string(nearest));
      return {};
    }
    scheme = DepotScheme(*depot);
    endpoint.names_dataset = TakeDataset(*depot, &*address).has_value();
  }
  return scheme;
}

// What the connector of `scheme` declares; nothing when the scheme is not known.
std::optional<std::span<const OptionSpec>> ConnectorOptionsOf(MapReader& section, const FormContext& context,
                                                              const std::string& scheme, bool is_sink) {
  if (!context.options.connector_options) return std::span<const OptionSpec>();
  if (scheme.empty()) return std::nullopt;
  auto options = context.options.connector_options(scheme, is_sink);
  if (options) return options;
  const std::vector<std::string>& known = context.options.known_schemes;
  std::vector<std::string_view> names(known.begin(), known.end());
  std::string_view nearest = NearestName(scheme, names);
  bool other_way = context.options.connector_options(scheme, !is_sink).has_value();
  std::string message = "no connector serves " + scheme + ":// as a " + (is_sink ? "sink" : "source");
  std::string fix = other_way ? "it can only be a " + std::string(is_sink ? "source" : "sink") : "see nilus connectors";
  if (!other_way && !nearest.empty()) fix = "write " + std::string(nearest) + "://";
  section.Add("address", std::move(message), std::move(fix));
  return std::nullopt;
}

// The names of the closed list that `read` asks for.
template <typename Read>
std::vector<std::string> ClosedNames(Read read, PipelineType type) {
  YamlNode empty = YamlNode::Map({});
  Findings findings;
  MapReader options(empty, {}, findings);
  read(options, SectionContext{type, std::nullopt, false});
  return options.known();
}

// The older service form: options.engine says what it is.
void DecideType(MapReader& options, Pipeline& pipeline) {
  if (options.Choice("engine", {"debezium"})) {
    pipeline.type = PipelineType::kCdc;
  } else if (options.Take("engine") != nullptr) {
    pipeline.type = PipelineType::kCdc;  // misspelt: reported
  } else {
    pipeline.type = PipelineType::kStream;
  }
}

void ReadCdc(MapReader& source, MapReader& options, TypeRule rule, Pipeline& pipeline) {
  if (pipeline.type != PipelineType::kCdc) {
    source.Refuse("cdc", "CDC properties are for type: cdc only", "remove them, or write type: cdc");
    if (rule == TypeRule::kEngineDecides) options.Finish();
    return;
  }
  if (rule == TypeRule::kEngineDecides) {
    pipeline.cdc = ReadCdcProperties(options);
    return;
  }
  MapReader properties = source.Child("cdc");
  pipeline.cdc = ReadCdcProperties(properties);
}

}  // namespace

void ReadEnds(MapReader& owner, const FormContext& context, TypeRule rule, Pipeline& pipeline) {
  MapReader source = owner.Child("source");
  MapReader source_options = source.Child("options");
  std::string source_scheme;
  if (owner.Take("source") == nullptr) {
    owner.Missing("source", "write source: with an address below it");
  } else {
    source_scheme = ReadAddress(source, context, pipeline.source);
  }
  auto source_specs = ConnectorOptionsOf(source, context, source_scheme, false);
  if (rule == TypeRule::kEngineDecides) DecideType(source_options, pipeline);
  source_options.KnownElsewhere("sink.options", ClosedNames(ReadSinkOptions, pipeline.type));
  pipeline.source_options =
      ReadSourceOptions(source_options, {pipeline.type, source_specs, rule == TypeRule::kEngineDecides});
  ReadCdc(source, source_options, rule, pipeline);
  source.Finish();

  MapReader sink = owner.Child("sink");
  MapReader sink_options = sink.Child("options");
  std::string sink_scheme;
  if (pipeline.type == PipelineType::kMetadata) {
    owner.Refuse("sink", "a metadata pipeline has no sink: what it finds goes to the catalog", "remove it");
  } else if (owner.Take("sink") == nullptr) {
    owner.Missing("sink", "write sink: with an address and options.dest_table below it");
  } else {
    pipeline.sink.emplace();
    sink_scheme = ReadAddress(sink, context, *pipeline.sink);
    auto sink_specs = ConnectorOptionsOf(sink, context, sink_scheme, true);
    sink_options.KnownElsewhere("source.options", ClosedNames(ReadSourceOptions, pipeline.type));
    pipeline.sink_options = ReadSinkOptions(sink_options, {pipeline.type, sink_specs, false});
    sink.Finish();
  }
  EndReaders readers{owner, source, source_options, sink, sink_options};
  CheckAcrossKeys(readers, source_scheme, sink_scheme, pipeline);
}

}  // namespace nilus
