// The properties of change data capture in a manifest: those in the table (cdc_property_list.h) are checked, everything
// else is an error with the nearest name.
#include <algorithm>

#include "nilus/base/redact.h"
#include "nilus/manifest/cdc_property_list.h"
#include "nilus/manifest/cdc_transforms.h"
#include "nilus/manifest/option_readers.h"

namespace nilus {
namespace {

constexpr size_t kMostUnknown = 50;  // reported one by one; the rest are counted

bool IsTopicPrefix(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
}

// True: it has an effect.
bool CheckProperty(MapReader& properties, const std::string& key, const CdcProperty& property,
                   const std::string& text) {
  if (property.effect == CdcEffect::kRefused) {
    properties.findings().Add(properties.KeyPlaceOf(key), properties.PathOf(key),
                              "the property is not supported, and what it is meant to keep out would be loaded",
                              std::string(property.text));
    return false;
  }
  CheckCdcValue(properties, key, property, text);
  if (key == "topic.prefix" && !IsTopicPrefix(text)) {
    properties.Add(key, Shown(text) + " is not a prefix", "use letters, digits, '.', '-' and '_' only");
  }
  return property.effect == CdcEffect::kActs;
}

}  // namespace

void CheckCdcValue(MapReader& properties, std::string_view key, const CdcProperty& property, const std::string& text) {
  OptionSpec spec;
  spec.name = key;
  spec.type = property.type;
  spec.choices = property.choices;
  OptionValues ignored;
  if (auto status = SetOption(spec, text, ignored); !status)
    properties.Add(key, status.error().message, status.error().fix);
  if (property.type == OptionType::kInteger) {
    if (auto number = ParseInteger(text); number && *number < 0)
      properties.Add(key, text + " is out of range", "write 0 or more");
  }
  if (property.effect != CdcEffect::kNoted) return;
  const bool is_connection = key.starts_with("database.") || key.starts_with("mongodb.");
  properties.findings().Notice(
      properties.KeyPlaceOf(key), properties.PathOf(key),
      "the property has no effect here" + (property.text.empty() ? "" : ": " + std::string(property.text)),
      is_connection ? "the connection is what source.address says" : "remove it");
}

std::map<std::string, std::string> ReadCdcProperties(MapReader& properties) {
  std::map<std::string, std::string> values;
  size_t unknown = 0;
  for (const std::string& key : properties.Unread()) {
    const CdcProperty* known = FindCdcProperty(key);
    // A list may be written as one.
    std::vector<std::string> list = properties.TextList(key);
    std::string text;
    for (const std::string& item : list) text += (text.empty() ? "" : ",") + item;
    if (IsSecretName(key)) RegisterSecret(text);
    if (known != nullptr) {
      if (CheckProperty(properties, key, *known, text)) values.emplace(key, std::move(text));
    } else if (++unknown <= kMostUnknown) {
      const std::vector<std::string_view> names = CdcPropertyNames();
      std::string_view nearest = NearestName(key, names);
      properties.findings().Add(properties.KeyPlaceOf(key), properties.PathOf(key).substr(0, 300),
                                "the property is not known", nearest.empty() ? "" : "write " + std::string(nearest));
    }
  }
  if (unknown > kMostUnknown) {
    properties.findings().Add(properties.place(), properties.path(),
                              std::to_string(unknown - kMostUnknown) + " more properties are not known");
  }
  CheckTransforms(values, properties);
  if (!properties.Has("topic.prefix")) {
    properties.Missing("topic.prefix", "write a name for the captured tables' prefix: topic.prefix: shop");
  } else if (values["topic.prefix"].empty()) {
    properties.Missing("topic.prefix", "write a name: topic.prefix: shop");
    values.erase("topic.prefix");
  }
  return values;
}

}  // namespace nilus
