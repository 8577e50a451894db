#include "nilus/storage/aws_credentials.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>

#include "nilus/base/encoding.h"
#include "nilus/base/redact.h"
#include "nilus/base/text.h"
#include "nilus/storage/small_file.h"
#include "nilus/storage/store_time.h"

namespace nilus::storage {
namespace {

constexpr std::chrono::minutes kRefreshBefore{5};
constexpr int64_t kLargestAnswerBytes = 64 << 10;

std::string TextOf(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<ExpiringCredentials> Checked(ExpiringCredentials read) {
  if (read.credentials.access_key_id.empty() || read.credentials.secret_access_key.empty())
    return Fail(ErrorKind::kAuth, "the answer of a credential service holds no credentials");
  RegisterSecret(read.credentials.secret_access_key);
  RegisterSecret(read.credentials.session_token);
  return read;
}

}  // namespace

std::optional<AwsProfile> ReadAwsProfile(std::string_view ini, std::string_view profile) {
  std::optional<AwsProfile> found;
  bool inside = false;
  while (!ini.empty()) {
    const size_t end = std::min(ini.find('\n'), ini.size());
    const std::string_view raw = ini.substr(0, end);
    ini.remove_prefix(std::min(end + 1, ini.size()));
    const std::string_view line = TrimSpaces(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string_view name = TrimSpaces(line.substr(1, std::min(line.find(']'), line.size()) - 1));
      if (name.starts_with("profile ")) name = TrimSpaces(name.substr(8));
      inside = name == profile;
      if (inside && !found) found.emplace();
      continue;
    }
    const size_t equals = line.find('=');
    if (!inside || equals == std::string_view::npos || raw[0] == ' ' || raw[0] == '\t') continue;  // nested keys
    const std::string_view key = TrimSpaces(line.substr(0, equals));
    const std::string value(TrimSpaces(line.substr(equals + 1)));
    if (key == "aws_access_key_id") found->credentials.access_key_id = value;
    if (key == "aws_secret_access_key") found->credentials.secret_access_key = value;
    if (key == "aws_session_token") found->credentials.session_token = value;
    if (key == "region") found->region = value;
  }
  return found;
}

Result<ExpiringCredentials> ReadAwsCredentialsJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return Fail(ErrorKind::kAuth, "the answer of a credential service is no JSON object");
  return Checked({.credentials = {.access_key_id = TextOf(json, "AccessKeyId"),
                                  .secret_access_key = TextOf(json, "SecretAccessKey"),
                                  .session_token = TextOf(json, "Token")},
                  .expires = ParseIsoTime(TextOf(json, "Expiration"))});
}

Result<ExpiringCredentials> ReadAwsCredentialsXml(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8))
    return Fail(ErrorKind::kAuth, "the answer of STS is no XML");
  const pugi::xml_node credentials =
      document.child("AssumeRoleWithWebIdentityResponse").child("AssumeRoleWithWebIdentityResult").child("Credentials");
  return Checked({.credentials = {.access_key_id = credentials.child_value("AccessKeyId"),
                                  .secret_access_key = credentials.child_value("SecretAccessKey"),
                                  .session_token = credentials.child_value("SessionToken")},
                  .expires = ParseIsoTime(credentials.child_value("Expiration"))});
}

Result<AwsCredentials> AwsCredentialSource::Get(const std::stop_token& stop) {
  if (!given_.credentials.access_key_id.empty()) return given_.credentials;
  std::lock_guard lock(mutex_);
  if (current_ && (!current_->expires || *current_->expires - kRefreshBefore > Now())) return current_->credentials;
  auto fetched = Fetch(stop);
  if (!fetched && current_ && current_->expires && *current_->expires > Now()) return current_->credentials;
  if (!fetched) return Failure(fetched.error());
  current_ = *std::move(fetched);
  return current_->credentials;
}

bool AwsCredentialSource::Forget() {
  std::lock_guard lock(mutex_);
  const bool may_change = given_.credentials.access_key_id.empty() && current_.has_value();
  current_.reset();
  return may_change;
}

std::string AwsCredentialSource::Region() const {
  for (std::string_view name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
    if (std::string region = Variable(name); !region.empty()) return region;
  }
  const auto profile = Profile(false);
  return profile ? profile->region : std::string();
}

std::optional<AwsProfile> AwsCredentialSource::Profile(bool only_when_named) const {
  std::string name = given_.profile.empty() ? Variable("AWS_PROFILE") : given_.profile;
  if (name.empty() && only_when_named) return std::nullopt;
  if (name.empty()) name = "default";
  std::optional<AwsProfile> profile;
  const std::string home = Variable("HOME");
  for (const auto& [variable, file] :
       {std::pair("AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"), std::pair("AWS_CONFIG_FILE", "/.aws/config")}) {
    std::string path = Variable(variable);
    if (path.empty() && !home.empty()) path = home + file;
    if (path.empty()) continue;
    auto text = ReadSmallFile(path);
    auto read = text ? ReadAwsProfile(*text, name) : std::nullopt;
    if (!read) continue;
    if (!profile) profile.emplace();
    if (profile->credentials.access_key_id.empty()) profile->credentials = read->credentials;
    if (profile->region.empty()) profile->region = read->region;
  }
  if (profile) {
    RegisterSecret(profile->credentials.secret_access_key);
    RegisterSecret(profile->credentials.session_token);
  }
  return profile;
}

Result<ExpiringCredentials> AwsCredentialSource::Fetch(const std::stop_token& stop) const {
  if (given_.profile.empty() && !Variable("AWS_ACCESS_KEY_ID").empty()) {
    return Checked({.credentials = {.access_key_id = Variable("AWS_ACCESS_KEY_ID"),
                                    .secret_access_key = Variable("AWS_SECRET_ACCESS_KEY"),
                                    .session_token = Variable("AWS_SESSION_TOKEN")}});
  }
  const auto profile = Profile(false);
  if (profile && !profile->credentials.access_key_id.empty()) return Checked({.credentials = profile->credentials});
  if (!given_.profile.empty()) {
    return FailWithFix(ErrorKind::kAuth, "check the name, or add aws_access_key_id and aws_secret_access_key to it",
                       "there are no keys in the profile '{}' of the AWS credentials file", given_.profile);
  }
  NILUS_ASSIGN(auto web_identity, FromWebIdentity(stop));
  if (web_identity) return *std::move(web_identity);
  NILUS_ASSIGN(auto container, FromContainer(stop));
  if (container) return *std::move(container);
  NILUS_ASSIGN(auto instance, FromInstance(stop));
  if (instance) return *std::move(instance);
  return FailWithFix(ErrorKind::kAuth,
                     "set access_key_id and secret_access_key in the depot or address, AWS_ACCESS_KEY_ID and "
                     "AWS_SECRET_ACCESS_KEY, or a profile; anonymous=true for a public bucket",
                     "there are no S3 credentials");
}

Result<http::Response> AwsCredentialSource::Ask(const http::Request& request, const std::stop_token& stop) const {
  http::Request bounded = request;
  bounded.largest_response_bytes = kLargestAnswerBytes;
  auto response = client_.Send(bounded, stop);
  if (!response && response.error().kind == ErrorKind::kUnknownOutcome)
    return Fail(ErrorKind::kTransient, "{}", response.error().message);
  if (response && response->status / 100 == 5)
    return Fail(ErrorKind::kTransient, "a credential service answered {}", response->status);
  return response;
}

Result<std::optional<ExpiringCredentials>> AwsCredentialSource::FromWebIdentity(const std::stop_token& stop) const {
  const std::string path = Variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  const std::string role = Variable("AWS_ROLE_ARN");
  if (path.empty() || role.empty()) return std::nullopt;
  NILUS_ASSIGN(std::string token, ReadSmallFile(path));
  RegisterSecret(token);
  std::string endpoint = Variable("AWS_ENDPOINT_URL_STS");
  const std::string region = given_.region.empty() ? Region() : given_.region;
  if (endpoint.empty())
    endpoint = region.empty() ? "https://sts.amazonaws.com" : fmt::format("https://sts.{}.amazonaws.com", region);
  std::string session = Variable("AWS_ROLE_SESSION_NAME");
  if (session.empty()) session = "nilus";
  const std::string body = fmt::format(
      "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken={}",
      PercentEncode(role), PercentEncode(session), PercentEncode(TrimSpaces(token)));
  NILUS_ASSIGN(auto response, Ask({.method = "POST",
                                   .url = endpoint + "/",
                                   .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                   .body = body},
                                  stop));
  if (response.status != 200)
    return Fail(ErrorKind::kAuth, "STS answered {} to the web identity of role {}", response.status, role);
  NILUS_ASSIGN(auto read, ReadAwsCredentialsXml(response.body));
  return read;
}

Result<std::optional<ExpiringCredentials>> AwsCredentialSource::FromContainer(const std::stop_token& stop) const {
  std::string url = Variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (const std::string relative = Variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); !relative.empty())
    url = "http://169.254.170.2" + relative;
  if (url.empty()) return std::nullopt;
  http::Request request{.url = url};
  std::string token = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string path = Variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); !path.empty()) {
    NILUS_ASSIGN(token, ReadSmallFile(path));
  }
  if (!token.empty()) {
    RegisterSecret(token);
    request.headers.emplace_back("Authorization", std::string(TrimSpaces(token)));
  }
  NILUS_ASSIGN(auto response, Ask(request, stop));
  if (response.status != 200)
    return Fail(ErrorKind::kAuth, "the container's credential service answered {}", response.status);
  NILUS_ASSIGN(auto read, ReadAwsCredentialsJson(response.body));
  return read;
}

Result<std::optional<ExpiringCredentials>> AwsCredentialSource::FromInstance(const std::stop_token& stop) const {
  if (Variable("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  std::string endpoint = Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (endpoint.empty()) endpoint = "http://169.254.169.254";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  auto token = Ask({.method = "PUT",
                    .url = endpoint + "/latest/api/token",
                    .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}}},
                   stop);
  if (!token || token->status != 200) return std::nullopt;  // this is no such machine
  const http::Headers with_token = {{"X-aws-ec2-metadata-token", token->body}};
  const std::string folder = endpoint + "/latest/meta-data/iam/security-credentials/";
  NILUS_ASSIGN(auto role, Ask({.url = folder, .headers = with_token}, stop));
  if (role.status == 404) return std::nullopt;  // a machine without a role
  const std::string name(TrimSpaces(std::string_view(role.body).substr(0, role.body.find('\n'))));
  if (role.status != 200 || name.empty())
    return Fail(ErrorKind::kAuth, "the instance's metadata service answered {}", role.status);
  NILUS_ASSIGN(auto response, Ask({.url = folder + PercentEncode(name), .headers = with_token}, stop));
  if (response.status != 200)
    return Fail(ErrorKind::kAuth, "the instance's metadata service answered {}", response.status);
  NILUS_ASSIGN(auto read, ReadAwsCredentialsJson(response.body));
  return read;
}

}  // namespace nilus::storage
