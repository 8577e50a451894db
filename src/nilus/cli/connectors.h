// Every connector this program has. connectors.cc is the one file that names them.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus::cli {

const ConnectorRegistry& AllConnectors();

}  // namespace nilus::cli
