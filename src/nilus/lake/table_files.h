// A table's files by their URLs, as metadata names them. Metadata is hostile input: a URL outside the table's store is
// refused (ObjectStore::KeyOf), so nothing beyond the warehouse is ever touched.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::storage {
class ObjectStore;
}

namespace nilus::lake {

using StorePtr = std::shared_ptr<storage::ObjectStore>;

// The store's key of a file that the table names. One outside the store is damage to the table (kData) and no wrong
// input: nothing that the user wrote says so.
Result<std::string> KeyOfFile(const storage::ObjectStore& store, std::string_view url);
// Errors name the URL.
Result<std::string> ReadFile(storage::ObjectStore& store, const std::string& url, std::stop_token stop);
Result<std::string> ReadFileRange(storage::ObjectStore& store, const std::string& url, int64_t offset, int64_t length,
                                  std::stop_token stop);
// Durable when it returns. Files of a table are written once and never changed.
Status WriteFile(storage::ObjectStore& store, const std::string& url, std::string_view bytes, std::stop_token stop);

// What the keys of the files below a folder's URL begin with: "folder/", or "" where the folder is the store's root (a
// store that was opened for one table alone).
Result<std::string> PrefixBelow(const storage::ObjectStore& store, std::string_view url);

// By its name: "v3.metadata.json", "00003-<uuid>.gz.metadata.json", …
bool IsTableMetadata(std::string_view file);
// The keys of the metadata files of whatever table has this folder; none: the folder is free.
Result<std::vector<std::string>> TableMetadataIn(storage::ObjectStore& store, std::string_view folder_key,
                                                 std::stop_token stop);

// "base/rest" with one slash in between.
std::string JoinUrl(std::string_view base, std::string_view rest);

}  // namespace nilus::lake
