#include "nilus/storage/google_credentials.h"

#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"
#include "nilus/storage/crypto.h"
#include "nilus/storage/small_file.h"

namespace nilus::storage {
namespace {

constexpr std::chrono::minutes kRefreshBefore{5};
constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";
constexpr std::string_view kTokenUri = "https://oauth2.googleapis.com/token";
constexpr int64_t kLargestAnswerBytes = 64 << 10;

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<http::Response> Ask(const http::Client& client, http::Request request, const std::stop_token& stop) {
  request.largest_response_bytes = kLargestAnswerBytes;
  auto response = client.Send(request, stop);
  if (!response && response.error().kind == ErrorKind::kUnknownOutcome)
    return Fail(ErrorKind::kTransient, "{}", response.error().message);
  if (response && (response->status / 100 == 5 || response->status == 429))
    return Fail(ErrorKind::kTransient, "Google's token service answered {}", response->status);
  return response;
}

}  // namespace

Result<GoogleKey> ReadGoogleKey(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object())
    return FailWithFix(ErrorKind::kAuth, "give the file that Google made for the key",
                       "the Google credentials are no JSON object");
  GoogleKey key{.is_service_account = TextOf(json, "type") == "service_account",
                .client_email = TextOf(json, "client_email"),
                .private_key = TextOf(json, "private_key"),
                .private_key_id = TextOf(json, "private_key_id"),
                .client_id = TextOf(json, "client_id"),
                .client_secret = TextOf(json, "client_secret"),
                .refresh_token = TextOf(json, "refresh_token"),
                .token_uri = TextOf(json, "token_uri")};
  if (key.token_uri.empty()) key.token_uri = kTokenUri;
  RegisterSecret(key.private_key);
  RegisterSecret(key.client_secret);
  RegisterSecret(key.refresh_token);
  if (key.is_service_account ? key.client_email.empty() || key.private_key.empty() : key.refresh_token.empty()) {
    return FailWithFix(ErrorKind::kAuth, "give the file that Google made for the key",
                       "the Google credentials are neither a service account's key nor a user's refresh token");
  }
  return key;
}

Result<std::string> GoogleAssertion(const GoogleKey& key, WallTime now) {
  const int64_t seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  nlohmann::json header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!key.private_key_id.empty()) header["kid"] = key.private_key_id;
  const nlohmann::json claims = {
      {"iss", key.client_email}, {"scope", kScope}, {"aud", key.token_uri}, {"iat", seconds}, {"exp", seconds + 3600}};
  const auto kReplace = nlohmann::json::error_handler_t::replace;
  const std::string text =
      Base64Url(header.dump(-1, ' ', false, kReplace)) + "." + Base64Url(claims.dump(-1, ' ', false, kReplace));
  NILUS_ASSIGN(std::string signature, SignRs256(key.private_key, text));
  return text + "." + Base64Url(signature);
}

Result<GoogleToken> ReadGoogleToken(std::string_view text, WallTime now) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  GoogleToken token;
  if (json.is_object()) {
    token.token = TextOf(json, "access_token");
    if (const auto seconds = json.find("expires_in"); seconds != json.end() && seconds->is_number_unsigned())
      token.expires = now + std::chrono::seconds(std::min<uint64_t>(seconds->get<uint64_t>(), 86'400));
  }
  if (token.token.empty()) return Fail(ErrorKind::kAuth, "the answer of a token service holds no token");
  RegisterSecret(token.token);
  return token;
}

Result<std::string> GoogleCredentialSource::Token(const std::stop_token& stop) {
  if (!given_.token.empty()) return given_.token;
  std::lock_guard lock(mutex_);
  if (current_ && (!current_->expires || *current_->expires - kRefreshBefore > Now())) return current_->token;
  auto fetched = Fetch(stop);
  if (!fetched && current_ && current_->expires && *current_->expires > Now()) return current_->token;
  if (!fetched) return Failure(fetched.error());
  current_ = *std::move(fetched);
  return current_->token;
}

bool GoogleCredentialSource::Forget() {
  std::lock_guard lock(mutex_);
  const bool may_change = given_.token.empty() && current_.has_value();
  current_.reset();
  return may_change;
}

Result<std::optional<GoogleKey>> GoogleCredentialSource::FindKey() const {
  std::string text = given_.key_json;
  if (text.empty()) {
    std::string path = given_.key_path;
    if (path.empty()) path = environment_("GOOGLE_APPLICATION_CREDENTIALS").value_or("");
    if (path.empty()) {
      path = environment_("HOME").value_or("") + "/.config/gcloud/application_default_credentials.json";
      auto found = ReadSmallFile(path);
      if (!found) return std::nullopt;
      text = *std::move(found);
    } else {
      NILUS_ASSIGN(text, ReadSmallFile(path));
    }
  }
  NILUS_ASSIGN(GoogleKey key, ReadGoogleKey(text));
  return key;
}

Result<GoogleToken> GoogleCredentialSource::Fetch(const std::stop_token& stop) const {
  NILUS_ASSIGN(auto key, FindKey());
  if (!key) return FromMetadataService(stop);
  const WallTime now = Now();
  std::string body;
  if (key->is_service_account) {
    NILUS_ASSIGN(std::string assertion, GoogleAssertion(*key, now));
    body = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + assertion;
  } else {
    body = fmt::format("grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={}",
                       PercentEncode(key->client_id), PercentEncode(key->client_secret),
                       PercentEncode(key->refresh_token));
  }
  NILUS_ASSIGN(auto response, Ask(client_,
                                  {.method = "POST",
                                   .url = key->token_uri,
                                   .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                   .body = body},
                                  stop));
  if (response.status != 200) {
    return FailWithFix(ErrorKind::kAuth, "check that the key still exists and the machine's clock is right",
                       "Google's token service answered {} to the credentials of {}", response.status,
                       key->is_service_account ? key->client_email : "a user");
  }
  return ReadGoogleToken(response.body, now);
}

Result<GoogleToken> GoogleCredentialSource::FromMetadataService(const std::stop_token& stop) const {
  const std::string host = environment_("GCE_METADATA_HOST").value_or("metadata.google.internal");
  const WallTime now = Now();
  auto response = Ask(metadata_client_,
                      {.url = fmt::format("http://{}/computeMetadata/v1/instance/service-accounts/default/token", host),
                       .headers = {{"Metadata-Flavor", "Google"}}},
                      stop);
  if (response && response->status == 200) return ReadGoogleToken(response->body, now);
  return FailWithFix(ErrorKind::kAuth,
                     "set credentials_path or credentials_base64 to a service account's key, HMAC keys, or "
                     "GOOGLE_APPLICATION_CREDENTIALS; anonymous=true for a public bucket",
                     "there are no Google credentials");
}

}  // namespace nilus::storage
