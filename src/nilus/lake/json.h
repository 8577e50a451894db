// Reading hostile JSON: every access is checked, every error says where in the document it is.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

using Json = nlohmann::json;

// kData: not JSON, or nested deeper than 100 levels.
Result<Json> ParseJson(std::string_view text, std::string_view what);
// On one line; bytes that are not UTF-8 are replaced.
std::string DumpJson(const Json& json);

// A value with the path to it ("table metadata.schemas[2]"). Borrowed: the document outlives it.
class JsonView {
 public:
  JsonView(const Json& value, std::string where) : value_(&value), where_(std::move(where)) {}

  const Json& value() const { return *value_; }
  const std::string& where() const { return where_; }
  // A member that is there and not null.
  bool Has(const char* key) const;
  Result<JsonView> Get(const char* key) const;  // kData: missing, null, or this is no object

  Result<int64_t> AsInt64() const;
  Result<int32_t> AsInt32() const;
  Result<bool> AsBool() const;
  Result<std::string> AsString() const;

  Result<int64_t> Int64(const char* key) const;
  Result<int32_t> Int32(const char* key) const;
  Result<bool> Bool(const char* key) const;
  Result<std::string> String(const char* key) const;
  Result<std::optional<int64_t>> MaybeInt64(const char* key) const;
  Result<std::optional<int32_t>> MaybeInt32(const char* key) const;
  Result<std::string> StringOr(const char* key, std::string otherwise) const;

  // The elements of an array, at most `limit`.
  Result<std::vector<JsonView>> Items(size_t limit = 1'000'000) const;
  Result<std::vector<JsonView>> Items(const char* key, size_t limit = 1'000'000) const;
  // The members of an object of texts (numbers and booleans become their texts: some writers are careless).
  Result<std::vector<std::pair<std::string, std::string>>> Texts(const char* key) const;

  [[nodiscard]] Failure Wrong(std::string_view expected) const;

 private:
  const Json* value_;
  std::string where_;
};

}  // namespace nilus::lake
