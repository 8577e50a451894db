// A folder of the local disk as an object store.
//
// A put writes a temporary file in <root>/.nilus-tmp, syncs it, and renames it: renameat2 RENAME_NOREPLACE for
// kIfAbsent, under a lock of the root folder (flock) for kIfMatch. Then the folder is synced. Temporary files of a
// killed process are removed at the first write of a later one. What the folder holds may be read, written and listed
// by other programs; kIfMatch is atomic among users of this class only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "nilus/storage/object_store.h"

namespace nilus::storage {

// Below the root; no key leads into it.
inline constexpr std::string_view kLocalTemporaryFolder = ".nilus-tmp";

// `root`: a path, relative to the current folder or absolute; it need not exist yet, and is made by the first write.
Result<std::shared_ptr<ObjectStore>> OpenLocalStore(std::string_view root);

}  // namespace nilus::storage
