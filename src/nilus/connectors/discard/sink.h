// The sink that keeps nothing but the position, and that only as long as the process lives.
#pragma once

#include <memory>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/connector/connector.h"
#include "nilus/connector/sink.h"

namespace nilus::discard {

Result<std::unique_ptr<Sink>> OpenSink(const Address& address, const OpenContext& context);

}  // namespace nilus::discard
