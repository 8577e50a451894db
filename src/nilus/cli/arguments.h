// The flags and operands of one command, declared once: from the declaration come parsing (CLI11, in arguments.cc
// alone: it is slow to compile) and the help text. Not thread-safe; the bound variables must outlive Parse.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::cli {

class Arguments {
 public:
  // `name` as typed after `nilus`.
  explicit Arguments(std::string_view name) : name_(name) {}

  // Operands, in order. `name` in capitals, e.g. "FILE". At most one list, and it comes last.
  void Operand(std::string_view name, std::string* value, bool required, std::string_view help);
  void OperandList(std::string_view name, std::vector<std::string>* values, std::string_view help);

  // `flag` is "--dry-run" or "-y,--yes".
  void Flag(std::string_view flag, bool* value, std::string_view help);
  void Text(std::string_view flag, std::string_view value_name, std::optional<std::string>* value,
            std::string_view help);
  void TextList(std::string_view flag, std::string_view value_name, std::vector<std::string>* values,
                std::string_view help);
  void Choice(std::string_view flag, std::string_view choices, std::string* value, std::string_view help);  // "a|b"

  // Help was asked for (--help, -h): the bound variables are not to be used. Errors are kInvalidInput and name the
  // nearest known flag.
  enum class Outcome { kRun, kHelp };
  Result<Outcome> Parse(std::span<const std::string> arguments) const;

  // "FILE… [options]"
  std::string Usage() const;
  // The lists of operands and options, each ended by a newline.
  std::string HelpText() const;

 private:
  enum class Kind { kOperand, kOperandList, kFlag, kText, kTextList, kChoice };
  struct Entry {
    Kind kind;
    std::string name;        // "FILE" or "-y,--yes"
    std::string value_name;  // "PATH=VALUE", or the choices
    std::string help;
    bool required = false;
    bool* flag = nullptr;
    std::string* text = nullptr;
    std::optional<std::string>* optional_text = nullptr;
    std::vector<std::string>* list = nullptr;
  };

  std::string name_;
  std::vector<Entry> entries_;
};

}  // namespace nilus::cli
