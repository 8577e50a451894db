#include "nilus/base/redact.h"
#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

void ReadOne(MapReader& options, const OptionSpec& spec, OptionValues& values) {
  if (spec.type == OptionType::kTextMap) {
    TextMap map = options.TextMap(spec.name);
    if (!map.empty()) values.SetMap(std::string(spec.name), std::move(map));
    return;
  }
  if (spec.type == OptionType::kTextList) {
    std::vector<std::string> list = options.TextList(spec.name, true);
    if (spec.secret) {
      for (const std::string& item : list) RegisterSecret(item);
    }
    if (!list.empty()) values.SetList(std::string(spec.name), std::move(list));
    return;
  }
  auto text = options.Text(spec.name);
  if (!text) return;
  if (auto status = SetOption(spec, *text, values); !status)
    options.Add(spec.name, status.error().message, status.error().fix);
}

}  // namespace

OptionValues ReadConnectorOptions(MapReader& options, const SectionContext& context) {
  OptionValues values;
  if (context.connector_options) {
    for (const OptionSpec& spec : *context.connector_options) ReadOne(options, spec, values);
    if (!context.rest_is_cdc) options.Finish();
    return values;
  }
  for (const std::string& key : options.Unread()) {
    OptionSpec spec;
    spec.name = key;
    spec.secret = IsSecretName(key);
    options.findings().Notice(options.KeyPlaceOf(key), options.PathOf(key),
                              "the option cannot be checked, because the address is not known yet");
    ReadOne(options, spec, values);
  }
  return values;
}

}  // namespace nilus
