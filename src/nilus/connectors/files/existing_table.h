// A table folder as it is found: what it holds, and whether a sink may touch it.
#pragma once

#include <optional>
#include <string>

#include "nilus/connector/connector.h"
#include "nilus/connectors/files/format.h"
#include "nilus/data/schema.h"

namespace nilus::files {

// From its schema file; without one (a folder of somebody else's) from the files themselves. Nothing: no folder, or no
// files in it.
Result<std::optional<Schema>> DescribeExistingTable(const std::string& folder, const OpenContext& context);

// True when at least one file of rows is in the folder; false too when there is no folder.
Result<bool> HoldsDataFiles(const std::string& folder);

// kInvalidInput when a sink must leave the folder alone: replaced would be files that Nilus did not write, added would
// be files of another format than those there, or the way there is a symbolic link.
// The same for a table folder that is there and is to be replaced, without its way.
Status CheckReplaceable(const std::string& folder);
Status CheckTarget(const std::string& folder, bool replaces, FileFormat format);

}  // namespace nilus::files
