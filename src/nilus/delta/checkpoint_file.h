// A checkpoint's file as the actions it holds.
#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "nilus/base/result.h"
#include "nilus/delta/action.h"
#include "nilus/duck/connection.h"

namespace nilus::delta {

using OnAction = std::function<Status(Action)>;

// Every add, metaData, protocol and sidecar of a Parquet file on the local disk. Streamed.
Status ReadCheckpointFile(duck::Connection& connection, const std::string& local_path, const OnAction& on_action,
                          std::stop_token stop);

// Every action of a text with one JSON object a line. kData names the line.
Status ReadActionLines(std::string_view text, const OnAction& on_action);

}  // namespace nilus::delta
