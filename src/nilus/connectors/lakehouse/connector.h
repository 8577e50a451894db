// Iceberg tables on the local disk and in object stores.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kLakehouseConnector;

}  // namespace nilus
