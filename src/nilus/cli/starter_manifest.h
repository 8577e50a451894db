// The commented manifest that `nilus init` writes.
#pragma once

#include <string>

#include "nilus/base/result.h"
#include "nilus/connector/connector.h"

namespace nilus::cli {

// `source` and `destination` are connector names, schemes or addresses; empty ones are chosen so that the manifest runs
// as it is, with rows of its own. A password that stands in an address is replaced by a placeholder: manifests are kept
// in version control. kInvalidInput names the nearest connector.
Result<std::string> StarterManifest(const ConnectorRegistry& registry, const std::string& source,
                                    const std::string& destination, const std::string& file_name);

}  // namespace nilus::cli
