#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

// postgresql:// and postgres://
extern const Connector kPostgresConnector;

}  // namespace nilus
