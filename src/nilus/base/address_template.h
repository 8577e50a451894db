// `{NAME}` and `${NAME}` inside one part of an address. Internal to address.cc; address.h is the way in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/address.h"

namespace nilus {

// The next placeholder at or after `from`. Names are [A-Za-z_][A-Za-z0-9_.-]*, spaces inside the braces are dropped;
// any other brace is an ordinary character.
struct Placeholder {
  size_t begin = 0;  // of '{' or "${"
  size_t end = 0;    // behind '}'
  std::string_view name;
};
bool FindPlaceholder(std::string_view text, size_t from, Placeholder* found);
bool IsOnePlaceholder(std::string_view text, std::string_view* name);

// `{{ … }}` and `${{ … }}`: a template that somebody else should have filled. An error that shows it.
Status CheckForTemplates(std::string_view text);

Failure UnsetVariables(std::vector<std::string> names);

// Fills placeholders with opaque values and decodes the percent sequences of what stands between them, once.
// Unset variables are collected, so that all of them are named together by Check().
class PlaceholderFiller {
 public:
  // `lookup` null: the text is taken as it stands, braces included.
  explicit PlaceholderFiller(VariableLookup lookup) : lookup_(std::move(lookup)) {}

  std::string Fill(std::string_view text) { return Fill(text, false); }
  std::string FillSecret(std::string_view text) { return Fill(text, true); }
  Status Check() const;
  bool filled_secret_holds_percent() const { return filled_secret_holds_percent_; }

 private:
  std::string Fill(std::string_view text, bool is_secret);

  VariableLookup lookup_;
  std::vector<std::string> unset_;
  std::vector<std::string> with_nul_;
  bool filled_secret_holds_percent_ = false;
};

}  // namespace nilus
