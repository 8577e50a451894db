// Where S3's credentials come from, in the order of AWS's own tools: the address, the environment, a profile of
// ~/.aws/credentials and ~/.aws/config, a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE, through STS), the
// container's endpoint (AWS_CONTAINER_CREDENTIALS_*), the instance's metadata service (IMDSv2;
// AWS_EC2_METADATA_DISABLED turns it off).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/clock.h"
#include "nilus/http/http_client.h"
#include "nilus/storage/aws_signature.h"

namespace nilus::storage {

// One section of an ini file with AWS's spellings: "[name]" or "[profile name]". Bytes in, values out.
struct AwsProfile {
  AwsCredentials credentials;  // empty access_key_id: it holds none
  std::string region;
};
std::optional<AwsProfile> ReadAwsProfile(std::string_view ini, std::string_view profile);

struct ExpiringCredentials {
  AwsCredentials credentials;
  std::optional<WallTime> expires;
};
// The JSON of the container's and the instance's endpoints. kAuth when it holds no credentials.
Result<ExpiringCredentials> ReadAwsCredentialsJson(std::string_view json);
// The XML answer of STS AssumeRoleWithWebIdentity.
Result<ExpiringCredentials> ReadAwsCredentialsXml(std::string_view xml);

// Thread-safe. Credentials that expire are fetched anew five minutes before.
class AwsCredentialSource {
 public:
  struct Given {
    AwsCredentials credentials;  // of the address; empty: look elsewhere
    std::string profile;         // of the address
    std::string region;          // for STS
  };
  AwsCredentialSource(Given given, VariableLookup environment)
      : given_(std::move(given)), environment_(std::move(environment)) {}

  // kAuth when there are none anywhere; kTransient when a service that has them does not answer.
  Result<AwsCredentials> Get(const std::stop_token& stop);
  // They were refused as expired. False when there is nothing to fetch anew.
  bool Forget();
  // The region that the environment or the profile names; "" when none does.
  std::string Region() const;

 private:
  std::optional<AwsProfile> Profile(bool only_when_named) const;
  std::string Variable(std::string_view name) const { return environment_(name).value_or(""); }
  Result<ExpiringCredentials> Fetch(const std::stop_token& stop) const;
  Result<std::optional<ExpiringCredentials>> FromWebIdentity(const std::stop_token& stop) const;
  Result<std::optional<ExpiringCredentials>> FromContainer(const std::stop_token& stop) const;
  Result<std::optional<ExpiringCredentials>> FromInstance(const std::stop_token& stop) const;
  Result<http::Response> Ask(const http::Request& request, const std::stop_token& stop) const;

  Given given_;
  VariableLookup environment_;
  http::Client client_{{.connect_timeout = std::chrono::milliseconds(2000),
                        .idle_timeout = std::chrono::milliseconds(10'000),
                        .use_proxy = false}};
  std::mutex mutex_;
  std::optional<ExpiringCredentials> current_;
};

}  // namespace nilus::storage
