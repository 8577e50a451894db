// The `file://` connector: CSV, JSON lines, JSON and Parquet files as a source, folders of such files as a sink.
// Formats, rules of inference and the commit protocol: README.md beside this file.
#pragma once

#include "nilus/connector/connector.h"

namespace nilus {

extern const Connector kFilesConnector;

}  // namespace nilus
