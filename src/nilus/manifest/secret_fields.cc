#include "nilus/manifest/secret_fields.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/address.h"
#include "nilus/base/redact.h"

namespace nilus {
namespace {

constexpr std::string_view kPlainFields[] = {
    "host",    "hostname", "port",    "database", "dbname", "db",  "region", "schema",  "warehouse", "role",
    "account", "driver",   "sslmode", "endpoint", "bucket", "acl", "type",   "project", "projectid"};
constexpr std::string_view kPlainValues[] = {"true", "false",   "postgres", "root", "admin",
                                             "user", "default", "test",     "app",  "nilus"};

}  // namespace

std::string FoldedKey(std::string_view key) {
  std::string folded;
  for (unsigned char c : key) {
    if (std::isalnum(c)) folded.push_back(static_cast<char>(std::tolower(c)));
  }
  return folded;
}

void RegisterSecretField(std::string_view key, std::string_view value) {
  if (!IsSecretName(key)) {
    constexpr size_t kShortNumber = 5;
    bool is_short_number = value.size() <= kShortNumber &&
                           std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c); });
    std::string folded = FoldedKey(key);  // PG_HOST is a host too
    bool is_plain = std::any_of(std::begin(kPlainFields), std::end(kPlainFields),
                                [&](std::string_view field) { return folded.ends_with(field); });
    if (is_short_number || is_plain ||
        std::find(std::begin(kPlainValues), std::end(kPlainValues), value) != std::end(kPlainValues))
      return;
  }
  RegisterSecret(value);
}

std::string FieldOf(const TextMap& values, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) {
    for (const auto& [key, value] : values) {
      if (FoldedKey(key) == name) return value;
    }
  }
  return {};
}

}  // namespace nilus
