#include "nilus/cli/connector_reference.h"

#include <nlohmann/json.hpp>

namespace nilus::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string JoinSchemes(const Connector& connector, std::string_view quote) {
  std::string text;
  for (std::string_view scheme : connector.schemes)
    text += fmt::format("{}{}{}://{}", text.empty() ? "" : ", ", quote, scheme, quote);
  return text;
}

std::string JoinStrategies(const Connector& connector) {
  std::string text;
  for (WriteStrategy strategy : connector.strategies) {
    if (!text.empty()) text += ", ";
    text += WriteStrategyName(strategy);
  }
  return text;
}

// "choice (a, b)" or "integer".
std::string TypeText(const OptionSpec& option) {
  if (option.type != OptionType::kChoice) return std::string(OptionTypeName(option.type));
  std::string choices;
  for (char c : option.choices) choices += c == '|' ? std::string(", ") : std::string(1, c);
  return "one of " + choices;
}

std::string Roles(const Connector& connector) {
  bool reads = connector.open_source != nullptr;
  bool writes = connector.open_sink != nullptr;
  return reads && writes ? "source, sink" : reads ? "source" : "sink";
}

void AppendOptions(std::string_view title, std::span<const OptionSpec> options, std::string& text) {
  if (options.empty()) return;
  text += fmt::format("\n{}:\n", title);
  size_t width = 0;
  for (const OptionSpec& option : options) width = std::max(width, option.name.size());
  for (const OptionSpec& option : options) {
    text += fmt::format("  {:<{}}  {} ({}{}{})\n", option.name, width, option.help, TypeText(option),
                        option.default_value.empty() ? "" : fmt::format(", default {}", option.default_value),
                        option.secret ? ", secret" : "");
  }
}

// A cell of a Markdown table: no pipe ends it.
std::string Cell(std::string_view text) {
  std::string cell;
  for (char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

void AppendMarkdownOptions(std::string_view title, std::span<const OptionSpec> options, std::string& text) {
  text += fmt::format("\n### {}\n\n", title);
  if (options.empty()) {
    text += "None of its own.\n";
    return;
  }
  text += "| name | type | default | meaning |\n|---|---|---|---|\n";
  for (const OptionSpec& option : options) {
    text += fmt::format("| `{}` | {} | {} | {}{} |\n", option.name, Cell(TypeText(option)),
                        option.default_value.empty() ? "" : fmt::format("`{}`", Cell(option.default_value)),
                        Cell(option.help), option.secret ? " (a secret)" : "");
  }
}

Json OptionsJson(std::span<const OptionSpec> options) {
  Json list = Json::array();
  for (const OptionSpec& option : options) {
    Json item{{"name", option.name}, {"type", OptionTypeName(option.type)}};
    if (!option.default_value.empty()) item["default"] = option.default_value;
    if (option.type == OptionType::kChoice) item["choices"] = option.choices;
    item["help"] = option.help;
    item["secret"] = option.secret;
    list.push_back(std::move(item));
  }
  return list;
}

Json ConnectorJson(const Connector& connector) {
  Json strategies = Json::array();
  for (WriteStrategy strategy : connector.strategies) strategies.push_back(WriteStrategyName(strategy));
  return {{"name", connector.name},
          {"title", connector.title},
          {"summary", connector.summary},
          {"schemes", connector.schemes},
          {"address_example", connector.address_example},
          {"is_source", connector.open_source != nullptr},
          {"is_sink", connector.open_sink != nullptr},
          {"strategies", std::move(strategies)},
          {"address_params", OptionsJson(connector.address_params)},
          {"source_options", OptionsJson(connector.source_options)},
          {"sink_options", OptionsJson(connector.sink_options)}};
}

}  // namespace

std::string RenderConnectorList(const ConnectorRegistry& registry) {
  std::string text;
  for (const Connector* connector : registry.all()) {
    text += fmt::format("{:<12} {:<14} {}\n", connector->name, Roles(*connector), connector->summary);
  }
  return text + "\nOne in detail: nilus connectors NAME\n";
}

std::string RenderConnectorText(const Connector& connector) {
  std::string text = fmt::format("{}: {}\n\n", connector.title, connector.summary);
  text += fmt::format("address     {}\n", connector.address_example);
  text += fmt::format("schemes     {}\n", JoinSchemes(connector, ""));
  text += fmt::format("usable as   {}\n", Roles(connector));
  if (!connector.strategies.empty()) text += fmt::format("strategies  {}\n", JoinStrategies(connector));
  AppendOptions("Parameters of the address (?name=value)", connector.address_params, text);
  AppendOptions("Options of its own under source.options", connector.source_options, text);
  AppendOptions("Options of its own under sink.options", connector.sink_options, text);
  return text;
}

std::string RenderConnectorMarkdown(const Connector& connector) {
  std::string text = fmt::format("{}\n\n", connector.summary);
  text += fmt::format("- **Address:** `{}`\n", connector.address_example);
  text += fmt::format("- **Schemes:** {}\n", JoinSchemes(connector, "`"));
  text += fmt::format("- **Usable as:** {}\n", Roles(connector));
  if (!connector.strategies.empty()) text += fmt::format("- **Write strategies:** {}\n", JoinStrategies(connector));
  if (connector.identifier_limit > 0) text += fmt::format("- **Longest name:** {} bytes\n", connector.identifier_limit);
  AppendMarkdownOptions("Address parameters", connector.address_params, text);
  if (connector.open_source != nullptr) AppendMarkdownOptions("Source options", connector.source_options, text);
  if (connector.open_sink != nullptr) AppendMarkdownOptions("Sink options", connector.sink_options, text);
  return text;
}

std::string RenderListMarkdown(const ConnectorRegistry& registry) {
  std::string text = "| connector | address | usable as | write strategies |\n|---|---|---|---|\n";
  for (const Connector* connector : registry.all()) {
    text += fmt::format("| {} | `{}` | {} | {} |\n", Cell(connector->title), Cell(connector->address_example),
                        Roles(*connector), JoinStrategies(*connector));
  }
  return text;
}

std::string RenderConnectorJson(const Connector& connector) { return ConnectorJson(connector).dump(2) + "\n"; }

std::string RenderListJson(const ConnectorRegistry& registry) {
  Json list = Json::array();
  for (const Connector* connector : registry.all()) list.push_back(ConnectorJson(*connector));
  return list.dump(2) + "\n";
}

}  // namespace nilus::cli
