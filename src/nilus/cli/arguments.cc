#include "nilus/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "nilus/base/nearest.h"

namespace nilus::cli {
namespace {

std::vector<std::string> SplitAt(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void Arguments::Operand(std::string_view name, std::string* value, bool required, std::string_view help) {
  Entry entry{Kind::kOperand, std::string(name), {}, std::string(help), required};
  entry.text = value;
  entries_.push_back(std::move(entry));
}

void Arguments::OperandList(std::string_view name, std::vector<std::string>* values, std::string_view help) {
  Entry entry{Kind::kOperandList, std::string(name), {}, std::string(help), true};
  entry.list = values;
  entries_.push_back(std::move(entry));
}

void Arguments::Flag(std::string_view flag, bool* value, std::string_view help) {
  Entry entry{Kind::kFlag, std::string(flag), {}, std::string(help)};
  entry.flag = value;
  entries_.push_back(std::move(entry));
}

void Arguments::Text(std::string_view flag, std::string_view value_name, std::optional<std::string>* value,
                     std::string_view help) {
  Entry entry{Kind::kText, std::string(flag), std::string(value_name), std::string(help)};
  entry.optional_text = value;
  entries_.push_back(std::move(entry));
}

void Arguments::TextList(std::string_view flag, std::string_view value_name, std::vector<std::string>* values,
                         std::string_view help) {
  Entry entry{Kind::kTextList, std::string(flag), std::string(value_name), std::string(help)};
  entry.list = values;
  entries_.push_back(std::move(entry));
}

void Arguments::Choice(std::string_view flag, std::string_view choices, std::string* value, std::string_view help) {
  Entry entry{Kind::kChoice, std::string(flag), std::string(choices), std::string(help)};
  entry.text = value;
  entries_.push_back(std::move(entry));
}

Result<Arguments::Outcome> Arguments::Parse(std::span<const std::string> arguments) const {
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (argument == "--help" || argument == "-h") return Outcome::kHelp;
  }
  std::string fix = fmt::format("see `nilus {} --help`", name_);
  try {
    CLI::App app("", std::string(name_));
    app.set_help_flag();
    app.allow_extras();  // told apart below, to name the nearest flag
    std::vector<std::string> flags;
    for (const Entry& entry : entries_) {
      CLI::Option* option = nullptr;
      switch (entry.kind) {
        case Kind::kOperand:
          option = app.add_option(entry.name, *entry.text);
          break;
        case Kind::kOperandList:
          option = app.add_option(entry.name, *entry.list);
          break;
        case Kind::kFlag:
          option = app.add_flag(entry.name, *entry.flag);
          break;
        case Kind::kText:
          option = app.add_option_function<std::string>(
              entry.name, [value = entry.optional_text](const std::string& text) { *value = text; });
          break;
        case Kind::kTextList:
          option = app.add_option(entry.name, *entry.list);
          option->expected(1)
              ->take_all()
              ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
              ->allow_extra_args(false);
          break;
        case Kind::kChoice:
          option = app.add_option(entry.name, *entry.text);
          break;
      }
      if (entry.required) option->required();
      if (entry.name.starts_with('-')) {
        for (std::string& flag : SplitAt(entry.name, ',')) flags.push_back(std::move(flag));
      }
    }
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());  // CLI11 takes them so
    app.parse(reversed);
    std::vector<std::string> extras = app.remaining();
    std::erase(extras, "--");  // CLI11 lists the marker itself
    if (!extras.empty()) {
      const std::string& extra = extras.front();
      if (!extra.starts_with('-') || extra == "-") {
        return FailWithFix(ErrorKind::kInvalidInput, fix, "`{}` is one argument too many for `nilus {}`", extra, name_);
      }
      std::string flag = extra.substr(0, extra.find('='));  // what follows may be a secret
      std::vector<std::string_view> known(flags.begin(), flags.end());
      std::string nearest = Nearest(flag, known);
      if (!nearest.empty()) fix = fmt::format("did you mean `{}`?", nearest);
      return FailWithFix(ErrorKind::kInvalidInput, fix, "`nilus {}` has no flag `{}`", name_, flag);
    }
  } catch (const CLI::ParseError& error) {
    return FailWithFix(ErrorKind::kInvalidInput, fix, "`nilus {}`: {}", name_, error.what());
  } catch (const CLI::Error& error) {
    return Fail(ErrorKind::kInternal, "`nilus {}` declares its flags wrongly: {}", name_, error.what());
  }
  for (const Entry& entry : entries_) {
    if (entry.kind != Kind::kChoice) continue;
    std::vector<std::string> choices = SplitAt(entry.value_name, '|');
    if (std::find(choices.begin(), choices.end(), *entry.text) == choices.end()) {
      return FailWithFix(ErrorKind::kInvalidInput, fix, "`{}` takes {}, not `{}`", entry.name, entry.value_name,
                         *entry.text);
    }
  }
  return Outcome::kRun;
}

std::string Arguments::Usage() const {
  std::string usage;
  for (const Entry& entry : entries_) {
    if (entry.kind == Kind::kOperand) usage += entry.required ? entry.name + " " : "[" + entry.name + "] ";
    if (entry.kind == Kind::kOperandList) usage += entry.name + "… ";
  }
  return usage + "[options]";
}

std::string Arguments::HelpText() const {
  std::string operands;
  std::string options;
  auto add = [](std::string& text, const std::string& left, const std::string& help) {
    constexpr size_t kColumn = 34;
    // "…" is three bytes and one column.
    size_t width = left.size() - (left.ends_with("…") ? 2 : 0);
    text += "  " + left;
    if (width + 2 > kColumn - 2) {
      text += "\n" + std::string(kColumn, ' ');
    } else {
      text.append(kColumn - 2 - width, ' ');
    }
    text += help + "\n";
  };
  for (const Entry& entry : entries_) {
    std::string left = entry.name;
    std::string help = entry.help;
    if (size_t comma = left.find(','); comma != std::string::npos) left.insert(comma + 1, " ");
    switch (entry.kind) {
      case Kind::kOperand:
        add(operands, left, help);
        break;
      case Kind::kOperandList:
        add(operands, left + "…", help);
        break;
      case Kind::kFlag:
        add(options, left, help);
        break;
      case Kind::kTextList:
        help += " (repeatable)";
        [[fallthrough]];
      case Kind::kText:
        add(options, left + " " + entry.value_name, help);
        break;
      case Kind::kChoice:
        add(options, left + " " + entry.value_name, help + " (default " + *entry.text + ")");
        break;
    }
  }
  add(options, "-h, --help", "shows this text");
  return (operands.empty() ? "" : "Arguments:\n" + operands + "\n") + "Options:\n" + options;
}

}  // namespace nilus::cli
