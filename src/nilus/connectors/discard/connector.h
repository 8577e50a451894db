// A destination that keeps nothing; README.md says what it is for.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kDiscardConnector;

}  // namespace nilus
