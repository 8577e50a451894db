// Delta Lake tables as a source; README.md says what it does.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kDeltaConnector;

}  // namespace nilus
