// What the program knows of its connectors, as reference: generated from their declarations.
#pragma once

#include <string>

#include "nilus/connector/connector.h"

namespace nilus::cli {

// One line per connector.
std::string RenderConnectorList(const ConnectorRegistry& registry);
// One connector's address, parameters, options and strategies.
std::string RenderConnectorText(const Connector& connector);
// The same as Markdown, without a top heading of its own: docs/connectors/*.md hold these tables.
std::string RenderConnectorMarkdown(const Connector& connector);
// The table of all connectors as Markdown.
std::string RenderListMarkdown(const ConnectorRegistry& registry);
std::string RenderConnectorJson(const Connector& connector);
std::string RenderListJson(const ConnectorRegistry& registry);

}  // namespace nilus::cli
