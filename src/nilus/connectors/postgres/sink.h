// The writing half of the PostgreSQL connector.
#pragma once

#include <memory>
#include <span>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"
#include "nilus/connector/connector.h"
#include "nilus/connector/sink.h"

namespace nilus::postgres {

std::span<const OptionSpec> SinkOptions();

// Connects with the first call that needs the server, so an unreachable one is that call's error.
Result<std::unique_ptr<Sink>> OpenPostgresSink(const Address& address, const OpenContext& context);

}  // namespace nilus::postgres
