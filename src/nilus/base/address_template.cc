#include "nilus/base/address_template.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

bool IsName(std::string_view text) {
  if (text.empty() || !(std::isalpha(static_cast<unsigned char>(text[0])) || text[0] == '_')) return false;
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.' || c == '-'; });
}

// "%41": what a person who percent-encodes secrets would have written.
bool HoldsPercentSequence(std::string_view text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] == '%' && std::isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        std::isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool FindPlaceholder(std::string_view text, size_t from, Placeholder* found) {
  for (size_t open = text.find('{', from); open != std::string_view::npos; open = text.find('{', open + 1)) {
    size_t close = text.find('}', open);
    if (close == std::string_view::npos) return false;
    std::string_view name = text.substr(open + 1, close - open - 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!IsName(name)) continue;
    size_t begin = open > from && text[open - 1] == '$' ? open - 1 : open;
    *found = {begin, close + 1, name};
    return true;
  }
  return false;
}

bool IsOnePlaceholder(std::string_view text, std::string_view* name) {
  Placeholder placeholder;
  if (!FindPlaceholder(text, 0, &placeholder) || placeholder.begin != 0 || placeholder.end != text.size()) return false;
  *name = placeholder.name;
  return true;
}

Status CheckForTemplates(std::string_view text) {
  size_t open = text.find("{{");
  if (open == std::string_view::npos) return {};
  size_t close = text.find("}}", open);
  if (close == std::string_view::npos) return {};
  size_t begin = open > 0 && text[open - 1] == '$' ? open - 1 : open;
  std::string_view shown = text.substr(begin, close + 2 - begin);
  if (shown.find('@') != std::string_view::npos || shown.size() > 200) shown = "${{ … }}";  // may hold more than a name
  return FailWithFix(ErrorKind::kInvalidInput,
                     "use {NAME} with a variable, or fill the template before this file is run",
                     "the template placeholder {} was never filled", shown);
}

Failure UnsetVariables(std::vector<std::string> names) {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  bool several = names.size() > 1;
  return FailWithFix(ErrorKind::kInvalidInput,
                     fmt::format("set {} in the environment, or project {} from a secret (spec.use.projection)",
                                 several ? "them" : "it", several ? "them" : "it"),
                     "the {} {} {} not set", several ? "variables" : "variable", list, several ? "are" : "is");
}

std::vector<std::string> PlaceholderNames(std::string_view text) {
  std::vector<std::string> names;
  Placeholder placeholder;
  for (size_t from = 0; FindPlaceholder(text, from, &placeholder); from = placeholder.end)
    names.emplace_back(placeholder.name);
  return names;
}

Result<std::string> FillPlaceholders(std::string_view text, const VariableLookup& lookup) {
  std::string filled;
  std::vector<std::string> unset;
  size_t from = 0;
  Placeholder placeholder;
  while (FindPlaceholder(text, from, &placeholder)) {
    filled += text.substr(from, placeholder.begin - from);
    from = placeholder.end;
    auto value = lookup(placeholder.name);
    if (value) {
      filled += *value;
    } else {
      unset.emplace_back(placeholder.name);
    }
  }
  if (!unset.empty()) return UnsetVariables(std::move(unset));
  return filled + std::string(text.substr(from));
}

std::string PlaceholderFiller::Fill(std::string_view text, bool is_secret) {
  if (!lookup_) return PercentDecode(text);
  std::string filled;
  size_t from = 0;
  Placeholder placeholder;
  while (FindPlaceholder(text, from, &placeholder)) {
    filled += PercentDecode(text.substr(from, placeholder.begin - from));
    from = placeholder.end;
    std::string name(placeholder.name);
    auto value = lookup_(name);
    if (!value) {
      if (std::find(unset_.begin(), unset_.end(), name) == unset_.end()) unset_.push_back(std::move(name));
    } else if (value->find('\0') != std::string::npos) {
      with_nul_.push_back(std::move(name));
    } else {
      if (is_secret && HoldsPercentSequence(*value)) filled_secret_holds_percent_ = true;
      filled += *value;
    }
  }
  return filled + PercentDecode(text.substr(from));
}

Status PlaceholderFiller::Check() const {
  if (!unset_.empty()) return UnsetVariables(unset_);
  if (!with_nul_.empty()) return Fail(ErrorKind::kInvalidInput, "the variable {} holds a NUL byte", with_nul_.front());
  return {};
}

}  // namespace nilus
