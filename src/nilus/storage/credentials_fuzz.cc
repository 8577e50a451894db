// Credentials files and the answers of credential services, URLs and times: whatever the bytes, no crash.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nilus/base/redact.h"
#include "nilus/storage/aws_credentials.h"
#include "nilus/storage/google_credentials.h"
#include "nilus/storage/object_store.h"
#include "nilus/storage/store_time.h"
#include "nilus/storage/url_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(nilus::storage::ReadAwsProfile(bytes, "default"));
  static_cast<void>(nilus::storage::ReadAwsCredentialsJson(bytes));
  static_cast<void>(nilus::storage::ReadAwsCredentialsXml(bytes));
  static_cast<void>(nilus::storage::ReadGoogleKey(bytes));
  static_cast<void>(nilus::storage::ReadGoogleToken(bytes, nilus::WallTime()));
  static_cast<void>(nilus::storage::ParseIsoTime(bytes));
  static_cast<void>(nilus::storage::ParseHttpTime(bytes));
  static_cast<void>(nilus::storage::CheckKey(bytes));
  static_cast<void>(nilus::storage::CheckPrefix(bytes));
  static_cast<void>(nilus::storage::SplitStoreUrl(bytes));
  nilus::ForgetSecretsForTesting();
  return 0;
}
