// Depots as connector addresses. Internal to manifest/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/manifest/resources.h"

namespace nilus {

// The scheme of the connector that serves a depot: postgresql, mysql, lakehouse, s3, … Never empty.
std::string DepotScheme(const DepotResource& depot);

// The depot's tables are named schema.table, not by a path: dataos://depot:collection/dataset names one.
bool DepotHoldsTables(const DepotResource& depot);

// The table that the path of a dataos address names ("collection/dataset" → "collection.dataset"), taken out of the
// address; what stands before it ("database/collection/dataset") stays. Nothing, and nothing is changed, where the path
// names none.
std::optional<std::string> TakeDataset(const DepotResource& depot, Address* dataos_address);

// The canonical name of a depot's type ("postgres" → "postgresql", "PULSAR" → ""), empty when it is not known.
std::string_view CanonicalDepotType(std::string_view type);
std::vector<std::string_view> DepotTypes();

// The address that `dataos_address` (dataos://depot:collection/dataset?purpose=…) stands for: the depot's block,
// user, password and tokens from `credentials` (key → value, as the depot's secrets hold them), then the depot's
// params, then the query of the address. Values that are secrets are registered.
Result<Address> DepotAddress(const DepotResource& depot, const Address& dataos_address, const TextMap& credentials);

}  // namespace nilus
