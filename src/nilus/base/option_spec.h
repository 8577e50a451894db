// Options, declared once: from these come validation, `nilus connectors NAME` and the reference pages.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/result.h"

namespace nilus {

enum class OptionType { kText, kInteger, kBoolean, kTextList, kTextMap, kChoice };

struct OptionSpec {
  std::string_view name;  // snake_case, as in the manifest
  OptionType type = OptionType::kText;
  std::string_view default_value;  // as it would be written; empty: none
  std::string_view help;           // one line, no full stop
  std::string_view choices;        // kChoice: "a|b|c"
  bool secret = false;             // its value is registered with RegisterSecret
};

std::string_view OptionTypeName(OptionType type);  // text, integer, boolean, list, map, choice

using TextMap = std::vector<std::pair<std::string, std::string>>;  // in the order written

// Options of one address or manifest section after validation, read by type.
class OptionValues {
 public:
  void Set(std::string name, std::string value) { values_[std::move(name)] = std::move(value); }
  void SetList(std::string name, std::vector<std::string> value) { lists_[std::move(name)] = std::move(value); }
  void SetMap(std::string name, TextMap value) { maps_[std::move(name)] = std::move(value); }

  // True when the option was written, whatever its type.
  bool Has(std::string_view name) const;
  std::string Text(std::string_view name, std::string_view fallback = {}) const;
  int64_t Integer(std::string_view name, int64_t fallback) const;
  bool Boolean(std::string_view name, bool fallback) const;
  // Empty when absent. A single text stands for a comma-separated list.
  std::vector<std::string> List(std::string_view name) const;
  TextMap Map(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, std::vector<std::string>, std::less<>> lists_;
  std::map<std::string, TextMap, std::less<>> maps_;
};

// Checks one value in text form against its declaration and stores it in canonical form (integers in digits, booleans
// as true or false). kInvalidInput says what was expected; the value itself is named only when the option is no secret.
Status SetOption(const OptionSpec& spec, std::string_view text, OptionValues& values);

// The elements of a comma-separated list, trimmed, empty ones left out.
std::vector<std::string> SplitCommaList(std::string_view text);

// true/false, yes/no, on/off, 1/0 in any case; nothing for anything else.
std::optional<bool> ParseBoolean(std::string_view text);
// Decimal digits with an optional sign and nothing else, within 64 bits.
std::optional<int64_t> ParseInteger(std::string_view text);

}  // namespace nilus
