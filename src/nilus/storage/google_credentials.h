// OAuth 2 access tokens for Google Cloud Storage: from a service account's key (a JWT signed with RS256 and exchanged,
// RFC 7523), a user's refresh token (what `gcloud auth application-default login` writes), or the metadata service of
// the machine.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/clock.h"
#include "nilus/http/http_client.h"

namespace nilus::storage {

// A credentials file: "type": service_account or authorized_user.
struct GoogleKey {
  bool is_service_account = false;
  std::string client_email;  // service account
  std::string private_key;
  std::string private_key_id;
  std::string client_id;  // user
  std::string client_secret;
  std::string refresh_token;
  std::string token_uri;
};
// kAuth when the JSON is neither.
Result<GoogleKey> ReadGoogleKey(std::string_view json);

// The signed assertion that is exchanged for a token of an hour.
Result<std::string> GoogleAssertion(const GoogleKey& key, WallTime now);

struct GoogleToken {
  std::string token;
  std::optional<WallTime> expires;
};
// The answer of a token endpoint; `now`: when it was asked.
Result<GoogleToken> ReadGoogleToken(std::string_view json, WallTime now);

// Thread-safe. Tokens are fetched anew five minutes before they expire.
class GoogleCredentialSource {
 public:
  struct Given {
    std::string token;     // an access token; used as it is
    std::string key_json;  // contents of a credentials file
    std::string key_path;  // where one lies; empty: GOOGLE_APPLICATION_CREDENTIALS, gcloud's own, the metadata service
  };
  GoogleCredentialSource(Given given, VariableLookup environment)
      : given_(std::move(given)), environment_(std::move(environment)) {}

  Result<std::string> Token(const std::stop_token& stop);
  bool Forget();

 private:
  Result<std::optional<GoogleKey>> FindKey() const;
  Result<GoogleToken> Fetch(const std::stop_token& stop) const;
  Result<GoogleToken> FromMetadataService(const std::stop_token& stop) const;

  Given given_;
  VariableLookup environment_;
  http::Client client_{
      {.connect_timeout = std::chrono::milliseconds(5000), .idle_timeout = std::chrono::milliseconds(20'000)}};
  http::Client metadata_client_{{.connect_timeout = std::chrono::milliseconds(2000),
                                 .idle_timeout = std::chrono::milliseconds(10'000),
                                 .use_proxy = false}};
  std::mutex mutex_;
  std::optional<GoogleToken> current_;
};

}  // namespace nilus::storage
