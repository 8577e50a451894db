#include "nilus/manifest/cdc_transforms.h"

#include <algorithm>
#include <span>
#include <vector>

#include "nilus/base/option_spec.h"
#include "nilus/manifest/cdc_property_list.h"

namespace nilus {
namespace {

constexpr std::string_view kFamily = "transforms.";
constexpr size_t kMostUnlisted = 50;  // reported one by one; the rest are counted

constexpr OptionType kText = OptionType::kText;
constexpr OptionType kBoolean = OptionType::kBoolean;
constexpr OptionType kChoice = OptionType::kChoice;
constexpr CdcEffect kActs = CdcEffect::kActs;
constexpr CdcEffect kNoted = CdcEffect::kNoted;
// By this name manifests have ExtractNewRecordState without listing it, or naming its type.
constexpr std::string_view kUnwrapName = "unwrap";
constexpr std::string_view kColumnsInstead = "every row has the columns of changes (_op, _lsn, …)";
constexpr std::string_view kArraysInstead = "arrays land as json";
constexpr std::string_view kKeysInstead = "rows keep the keys of their tables";

// Of every transform.
constexpr CdcProperty kCommon[] = {
    {"type", kText, "", kActs, ""},
    {"predicate", kText, "", kNoted, "the transform is of all tables"},
    {"negate", kBoolean, "", kNoted, "the transform is of all tables"},
};
constexpr CdcProperty kUnwrap[] = {
    {"delete.handling.mode", kChoice, "drop|none|rewrite", kActs, ""},
    {"delete.tombstone.handling.mode", kChoice, "drop|tombstone|rewrite|rewrite-with-tombstone|delete-to-tombstone",
     kActs, ""},
    {"array.encoding", kChoice, "array|document", kNoted, kArraysInstead},
    {"drop.tombstones", kBoolean, "", kNoted, "a delete is one change: there are no tombstones"},
    {"drop.fields.header.name", kText, "", kNoted, ""},
    {"drop.fields.from.key", kBoolean, "", kNoted, ""},
    {"drop.fields.keep.schema.compatible", kBoolean, "", kNoted, ""},
    {"add.fields", kText, "", kNoted, kColumnsInstead},
    {"add.fields.prefix", kText, "", kNoted, kColumnsInstead},
    {"add.headers", kText, "", kNoted, kColumnsInstead},
    {"add.headers.prefix", kText, "", kNoted, kColumnsInstead},
    {"route.by.field", kText, "", kNoted, "rows go where their table goes"},
    {"replace.null.with.default", kBoolean, "", kNoted, "NULL stays NULL"},
    {"flatten.struct", kBoolean, "", kNoted, "json columns stay json"},
    {"flatten.struct.delimiter", kText, "", kNoted, "json columns stay json"},
    {"sanitize.field.names", kBoolean, "", kNoted, "names are normalized (SCHEMA_NAMING)"},
};
constexpr CdcProperty kRouter[] = {
    {"topic.regex", kText, "", kActs, ""},
    {"topic.replacement", kText, "", kActs, ""},
    {"key.enforce.uniqueness", kBoolean, "", kActs, ""},
    {"key.field.name", kText, "", kNoted, kKeysInstead},
    {"key.field.regex", kText, "", kNoted, kKeysInstead},
    {"key.field.replacement", kText, "", kNoted, kKeysInstead},
    {"schema.name.adjustment.mode", kText, "", kNoted, "names are normalized (SCHEMA_NAMING)"},
    {"logical.table.cache.size", OptionType::kInteger, "", kNoted, ""},
};

struct Transform {
  std::string_view type;    // the class's full name
  std::string_view simple;  // by which it is known
  std::span<const CdcProperty> keys;
};
constexpr Transform kTransforms[] = {
    {"io.debezium.transforms.ExtractNewRecordState", "ExtractNewRecordState", kUnwrap},
    {"io.debezium.connector.mongodb.transforms.ExtractNewDocumentState", "ExtractNewDocumentState", kUnwrap},
    {"io.debezium.transforms.ByLogicalTableRouter", "ByLogicalTableRouter", kRouter},
};

const Transform* FindTransform(std::string_view type) {
  const std::string_view simple = type.substr(type.rfind('.') + 1);
  const auto* found = std::find_if(std::begin(kTransforms), std::end(kTransforms),
                                   [&](const Transform& transform) { return transform.simple == simple; });
  return found == std::end(kTransforms) ? nullptr : found;
}

const CdcProperty* FindKey(std::span<const CdcProperty> keys, std::string_view name) {
  for (std::span<const CdcProperty> list : {std::span<const CdcProperty>(kCommon), keys}) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const CdcProperty& property) { return property.name == name; });
    if (found != list.end()) return &*found;
  }
  return nullptr;
}

std::string TypeFix(std::string_view type) {
  std::vector<std::string_view> types;
  for (const Transform& transform : kTransforms) types.push_back(transform.type);
  const std::string_view nearest = NearestName(type, types);
  if (!nearest.empty()) return "write " + std::string(nearest);
  return "known are ExtractNewRecordState and ByLogicalTableRouter: remove the transform. Columns are masked with "
         "source.options.mask, typed with type_hints, and left out with column.exclude.list";
}

void CheckKey(const Transform& transform, const std::string& key, std::string_view name, const std::string& text,
              MapReader& properties) {
  const CdcProperty* known = FindKey(transform.keys, name);
  if (known == nullptr) {
    std::vector<std::string_view> names;
    for (const CdcProperty& property : kCommon) names.push_back(property.name);
    for (const CdcProperty& property : transform.keys) names.push_back(property.name);
    const std::string_view nearest = NearestName(name, names);
    properties.findings().Add(
        properties.KeyPlaceOf(key), properties.PathOf(key).substr(0, 300),
        "the key is not known of " + std::string(transform.simple),
        nearest.empty() ? "" : "write " + key.substr(0, key.size() - name.size()) + std::string(nearest));
    return;
  }
  CheckCdcValue(properties, key, *known, text);
}

}  // namespace

void CheckTransforms(const std::map<std::string, std::string>& values, MapReader& properties) {
  const auto listed = values.find("transforms");
  std::vector<std::string> names = listed == values.end() ? std::vector<std::string>() : SplitCommaList(listed->second);
  if (std::find(names.begin(), names.end(), kUnwrapName) == names.end()) names.emplace_back(kUnwrapName);
  std::map<std::string, const Transform*, std::less<>> by_name;
  for (const std::string& name : names) {
    const std::string type_key = std::string(kFamily) + name + ".type";
    const auto type = values.find(type_key);
    if (type == values.end() && name == kUnwrapName) {
      by_name.emplace(name, &kTransforms[0]);
      continue;
    }
    if (type == values.end() || type->second.empty()) {
      properties.Add("transforms", "the transform " + Shown(name) + " has no type",
                     "add " + type_key + ": io.debezium.transforms.ExtractNewRecordState, or ByLogicalTableRouter");
      by_name.emplace(name, nullptr);
      continue;
    }
    const Transform* transform = FindTransform(type->second);
    if (transform == nullptr) {
      properties.Add(type_key, Shown(type->second) + " is no transform that is known here", TypeFix(type->second));
    }
    by_name.emplace(name, transform);
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  size_t unlisted = 0;
  for (auto it = values.lower_bound(std::string(kFamily)); it != values.end() && it->first.starts_with(kFamily); ++it) {
    const std::string& key = it->first;
    const std::string_view rest = std::string_view(key).substr(kFamily.size());
    // Names may hold dots: the longest one that is listed.
    std::string_view name;
    for (size_t dot = rest.rfind('.'); dot != std::string_view::npos && name.empty() && dot > 0;
         dot = rest.rfind('.', dot - 1)) {
      if (by_name.contains(rest.substr(0, dot))) name = rest.substr(0, dot);
    }
    if (name.empty()) {
      if (++unlisted > kMostUnlisted) continue;
      const std::string_view written = rest.substr(0, rest.find('.'));
      const std::string_view nearest = NearestName(written, known);
      properties.findings().Add(properties.KeyPlaceOf(key), properties.PathOf(key).substr(0, 300),
                                "`transforms` does not list " + Shown(written),
                                nearest.empty() ? "add the name to transforms, or remove the key"
                                                : "write " + std::string(kFamily) + std::string(nearest) +
                                                      std::string(rest.substr(written.size())));
      continue;
    }
    const auto found = by_name.find(name);
    if (found->second != nullptr) CheckKey(*found->second, key, rest.substr(name.size() + 1), it->second, properties);
  }
  if (unlisted > kMostUnlisted) {
    properties.Add("transforms",
                   std::to_string(unlisted - kMostUnlisted) + " more keys are of transforms that are not listed");
  }
}

}  // namespace nilus
