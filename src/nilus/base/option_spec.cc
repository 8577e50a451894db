#include "nilus/base/option_spec.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "nilus/base/redact.h"
#include "nilus/base/text.h"

namespace nilus {
namespace {

bool IsChoice(std::string_view choices, std::string_view text) {
  while (!choices.empty()) {
    size_t bar = choices.find('|');
    if (choices.substr(0, bar) == text) return true;
    if (bar == std::string_view::npos) return false;
    choices.remove_prefix(bar + 1);
  }
  return false;
}

std::string WithCommas(std::string_view choices) {
  std::string text(choices);
  for (size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2)) text.replace(at, 1, ", ");
  return text;
}

}  // namespace

std::string_view OptionTypeName(OptionType type) {
  switch (type) {
    case OptionType::kText:
      return "text";
    case OptionType::kInteger:
      return "integer";
    case OptionType::kBoolean:
      return "boolean";
    case OptionType::kTextList:
      return "list";
    case OptionType::kTextMap:
      return "map";
    case OptionType::kChoice:
      return "choice";
  }
  return "text";
}

bool OptionValues::Has(std::string_view name) const {
  return values_.contains(name) || lists_.contains(name) || maps_.contains(name);
}

std::string OptionValues::Text(std::string_view name, std::string_view fallback) const {
  auto found = values_.find(name);
  return found == values_.end() ? std::string(fallback) : found->second;
}

int64_t OptionValues::Integer(std::string_view name, int64_t fallback) const {
  auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  return ParseInteger(found->second).value_or(fallback);
}

bool OptionValues::Boolean(std::string_view name, bool fallback) const {
  auto found = values_.find(name);
  if (found == values_.end()) return fallback;
  return ParseBoolean(found->second).value_or(fallback);
}

std::vector<std::string> OptionValues::List(std::string_view name) const {
  if (auto found = lists_.find(name); found != lists_.end()) return found->second;
  if (auto found = values_.find(name); found != values_.end()) return SplitCommaList(found->second);
  return {};
}

TextMap OptionValues::Map(std::string_view name) const {
  auto found = maps_.find(name);
  return found == maps_.end() ? TextMap{} : found->second;
}

Status SetOption(const OptionSpec& spec, std::string_view text, OptionValues& values) {
  if (spec.secret) RegisterSecret(text);
  std::string shown = spec.secret ? "the value" : fmt::format("'{}'", text);
  switch (spec.type) {
    case OptionType::kText:
      values.Set(std::string(spec.name), std::string(text));
      return {};
    case OptionType::kInteger: {
      auto number = ParseInteger(TrimSpaces(text));
      if (!number) return Fail(ErrorKind::kInvalidInput, "{} is not a whole number", shown);
      values.Set(std::string(spec.name), std::to_string(*number));
      return {};
    }
    case OptionType::kBoolean: {
      auto flag = ParseBoolean(TrimSpaces(text));
      if (!flag) return FailWithFix(ErrorKind::kInvalidInput, "write true or false", "{} is not true or false", shown);
      values.Set(std::string(spec.name), *flag ? "true" : "false");
      return {};
    }
    case OptionType::kChoice: {
      if (!IsChoice(spec.choices, text)) {
        return FailWithFix(ErrorKind::kInvalidInput, "write one of " + WithCommas(spec.choices), "{} is not known here",
                           shown);
      }
      values.Set(std::string(spec.name), std::string(text));
      return {};
    }
    case OptionType::kTextList:
      values.SetList(std::string(spec.name), SplitCommaList(text));
      return {};
    case OptionType::kTextMap: {
      TextMap map;
      for (const std::string& pair : SplitCommaList(text)) {
        size_t colon = pair.find_first_of(":=");
        if (colon == std::string::npos) {
          return FailWithFix(ErrorKind::kInvalidInput, "write key:value, comma-separated", "{} is not a map", shown);
        }
        map.emplace_back(TrimSpaces(std::string_view(pair).substr(0, colon)),
                         TrimSpaces(std::string_view(pair).substr(colon + 1)));
      }
      values.SetMap(std::string(spec.name), std::move(map));
      return {};
    }
  }
  return {};
}

std::vector<std::string> SplitCommaList(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    size_t comma = text.find(',');
    std::string_view part = TrimSpaces(text.substr(0, comma));
    if (!part.empty()) parts.emplace_back(part);
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::optional<bool> ParseBoolean(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "true" || lower == "yes" || lower == "on" || lower == "1") return true;
  if (lower == "false" || lower == "no" || lower == "off" || lower == "0") return false;
  return std::nullopt;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace nilus
