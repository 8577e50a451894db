// A table's files by their URLs, as metadata names them. Metadata is hostile input: a URL outside the table's store is
// refused (ObjectStore::KeyOf), so nothing beyond the warehouse is ever touched.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::storage {
class ObjectStore;
}

namespace nilus::lake {

using StorePtr = std::shared_ptr<storage::ObjectStore>;

// Errors name the URL.
Result<std::string> ReadFile(storage::ObjectStore& store, const std::string& url, std::stop_token stop);
Result<std::string> ReadFileRange(storage::ObjectStore& store, const std::string& url, int64_t offset, int64_t length,
                                  std::stop_token stop);
// Durable when it returns. Files of a table are written once and never changed.
Status WriteFile(storage::ObjectStore& store, const std::string& url, std::string_view bytes, std::stop_token stop);

// "base/rest" with one slash in between.
std::string JoinUrl(std::string_view base, std::string_view rest);

}  // namespace nilus::lake
