// Where credentials come from: files and services of AWS, and what Google's endpoints answer.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "nilus/base/private_folder.h"
#include "nilus/http/server_testing.h"
#include "nilus/storage/aws_credentials.h"
#include "nilus/storage/google_credentials.h"
#include "nilus/storage/matchers_testing.h"
#include "nilus/storage/store_time.h"

namespace nilus::storage {
namespace {

using testing::HasSubstr;

VariableLookup Environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](std::string_view name) -> std::optional<std::string> {
    auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

constexpr std::string_view kIni =
    "# a comment\n[default]\naws_access_key_id = AK1\naws_secret_access_key=SK1\n\n[profile work]\n"
    "region = eu-west-1\ns3 =\n  aws_access_key_id = nested\n[temporary]\r\naws_access_key_id=AK2\r\n"
    "aws_secret_access_key=SK2==\r\naws_session_token=T2\r\n";

TEST(AwsCredentialsTest, Profiles) {
  auto profile = ReadAwsProfile(kIni, "default");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->credentials.access_key_id, "AK1");
  EXPECT_EQ(profile->credentials.secret_access_key, "SK1");
  profile = ReadAwsProfile(kIni, "work");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->region, "eu-west-1");
  EXPECT_EQ(profile->credentials.access_key_id, "");
  profile = ReadAwsProfile(kIni, "temporary");
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->credentials.secret_access_key, "SK2==");
  EXPECT_EQ(profile->credentials.session_token, "T2");
  EXPECT_FALSE(ReadAwsProfile(kIni, "none"));
  EXPECT_FALSE(ReadAwsProfile("[", "default"));
}

TEST(AwsCredentialsTest, TheAddressComesFirstThenTheEnvironmentThenTheProfile) {
  const PrivateFolder folder = PrivateFolder::Make(TemporaryParent(), "nilus-aws-test-").value();
  const std::string path = folder.path() + "/credentials";
  std::ofstream(path) << kIni;
  std::map<std::string, std::string> variables = {{"AWS_SHARED_CREDENTIALS_FILE", path},
                                                  {"AWS_CONFIG_FILE", path},
                                                  {"AWS_ACCESS_KEY_ID", "AKE"},
                                                  {"AWS_SECRET_ACCESS_KEY", "SKE"},
                                                  {"AWS_SESSION_TOKEN", "TE"}};
  AwsCredentialSource address({.credentials = {.access_key_id = "AKA", .secret_access_key = "SKA"}},
                              Environment(variables));
  EXPECT_EQ(address.Get({})->access_key_id, "AKA");
  AwsCredentialSource environment({}, Environment(variables));
  EXPECT_EQ(environment.Get({})->session_token, "TE");
  AwsCredentialSource named({.profile = "temporary"}, Environment(variables));
  EXPECT_EQ(named.Get({})->access_key_id, "AK2");
  variables.erase("AWS_ACCESS_KEY_ID");
  AwsCredentialSource profile({}, Environment(variables));
  EXPECT_EQ(profile.Get({})->access_key_id, "AK1");
  variables["AWS_PROFILE"] = "work";
  EXPECT_EQ(AwsCredentialSource({}, Environment(variables)).Region(), "eu-west-1");
  AwsCredentialSource unknown({.profile = "nobody"}, Environment(variables));
  auto refused = unknown.Get({});
  EXPECT_FAILS(refused, ErrorKind::kAuth);
  EXPECT_THAT(refused.error().message, HasSubstr("nobody"));
}

TEST(AwsCredentialsTest, ContainerEndpointAndItsExpiry) {
  int asked = 0;
  http::TestServer server([&](const http::ServedRequest& request) {
    if (request.Header("authorization") != "the token") return http::Response{.status = 403};
    const WallTime expires = Now() + (++asked == 1 ? std::chrono::minutes(1) : std::chrono::minutes(60));
    return http::Response{.status = 200,
                          .body = fmt::format(R"({{"AccessKeyId":"AK{}","SecretAccessKey":"SK-secret","Token":"T",)"
                                              R"("Expiration":"{}Z"}})",
                                              asked, FormatWallTime(expires).substr(0, 19))};
  });
  AwsCredentialSource source({}, Environment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url() + "/creds"},
                                              {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "the token"}}));
  EXPECT_EQ(source.Get({})->access_key_id, "AK1");
  EXPECT_EQ(source.Get({})->access_key_id, "AK2");  // the first ones would expire in a minute
  EXPECT_EQ(source.Get({})->access_key_id, "AK2");
  EXPECT_TRUE(source.Forget());
  EXPECT_EQ(source.Get({})->access_key_id, "AK3");
}

TEST(AwsCredentialsTest, InstanceMetadata) {
  http::TestServer server([](const http::ServedRequest& request) {
    if (request.method == "PUT" && request.target == "/latest/api/token")
      return http::Response{.status = 200, .body = "session"};
    if (request.Header("x-aws-ec2-metadata-token") != "session") return http::Response{.status = 401};
    if (request.target == "/latest/meta-data/iam/security-credentials/")
      return http::Response{.status = 200, .body = "a-role\n"};
    if (request.target != "/latest/meta-data/iam/security-credentials/a-role") return http::Response{.status = 404};
    return http::Response{.status = 200, .body = R"({"AccessKeyId":"AKI","SecretAccessKey":"SKI","Token":"TI"})"};
  });
  AwsCredentialSource source({}, Environment({{"AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url() + "/"}}));
  EXPECT_EQ(source.Get({})->session_token, "TI");
  AwsCredentialSource none({}, Environment({{"AWS_EC2_METADATA_DISABLED", "true"}}));
  EXPECT_FAILS(none.Get({}), ErrorKind::kAuth);
}

TEST(AwsCredentialsTest, WebIdentity) {
  const PrivateFolder folder = PrivateFolder::Make(TemporaryParent(), "nilus-aws-test-").value();
  const std::string path = folder.path() + "/token";
  std::ofstream(path) << "eyJ.web.identity\n";
  http::TestServer server([](const http::ServedRequest& request) {
    if (request.body.find("WebIdentityToken=eyJ.web.identity") == std::string::npos ||
        request.body.find("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx") == std::string::npos)
      return http::Response{.status = 400};
    return http::Response{.status = 200,
                          .body =
                              "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
                              "<AccessKeyId>AKW</AccessKeyId><SecretAccessKey>SKW</SecretAccessKey><SessionToken>"
                              "TW</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
                              "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"};
  });
  AwsCredentialSource source({}, Environment({{"AWS_WEB_IDENTITY_TOKEN_FILE", path},
                                              {"AWS_ROLE_ARN", "arn:aws:iam::1:role/x"},
                                              {"AWS_ENDPOINT_URL_STS", server.url()}}));
  EXPECT_EQ(source.Get({})->access_key_id, "AKW");
}

TEST(AwsCredentialsTest, AnswersThatAreNone) {
  for (const char* text : {"", "[]", "{}", R"({"AccessKeyId":1,"SecretAccessKey":"x"})", "{\"AccessKeyId\":\"a\"}"})
    EXPECT_FAILS(ReadAwsCredentialsJson(text), ErrorKind::kAuth);
  for (const char* text : {"", "<a/>", "<AssumeRoleWithWebIdentityResponse/>"})
    EXPECT_FAILS(ReadAwsCredentialsXml(text), ErrorKind::kAuth);
}

TEST(GoogleCredentialsTest, KeysAndTokens) {
  EXPECT_FAILS(ReadGoogleKey("not json"), ErrorKind::kAuth);
  EXPECT_FAILS(ReadGoogleKey("{}"), ErrorKind::kAuth);
  EXPECT_FAILS(ReadGoogleKey(R"({"type":"service_account","client_email":"a@b"})"), ErrorKind::kAuth);
  ASSERT_OK_AND_ASSIGN(GoogleKey user, ReadGoogleKey(R"({"type":"authorized_user","client_id":"c","client_secret":"se",
                                                         "refresh_token":"refresh"})"));
  EXPECT_EQ(user.token_uri, "https://oauth2.googleapis.com/token");
  EXPECT_FALSE(user.is_service_account);
  EXPECT_FAILS(GoogleAssertion({.is_service_account = true, .client_email = "a", .private_key = "no key"}, Now()),
               ErrorKind::kAuth);
  const WallTime now = Now();
  ASSERT_OK_AND_ASSIGN(GoogleToken token, ReadGoogleToken(R"({"access_token":"ya29","expires_in":3600})", now));
  EXPECT_EQ(*token.expires, now + std::chrono::hours(1));
  EXPECT_FAILS(ReadGoogleToken(R"({"error":"invalid_grant"})", now), ErrorKind::kAuth);
}

TEST(GoogleCredentialsTest, MetadataService) {
  http::TestServer server([](const http::ServedRequest& request) {
    if (request.Header("metadata-flavor") != "Google") return http::Response{.status = 403};
    return http::Response{.status = 200, .body = R"({"access_token":"of the machine","expires_in":100})"};
  });
  const PrivateFolder home = PrivateFolder::Make(TemporaryParent(), "nilus-google-test-").value();
  GoogleCredentialSource source({},
                                Environment({{"GCE_METADATA_HOST", server.url().substr(7)}, {"HOME", home.path()}}));
  EXPECT_OK_AND_EQ(source.Token({}), "of the machine");
  GoogleCredentialSource given({.token = "given"}, Environment({}));
  EXPECT_OK_AND_EQ(given.Token({}), "given");
  EXPECT_FALSE(given.Forget());
}

TEST(StoreTimeTest, BothSpellings) {
  const auto time = ParseIsoTime("2009-10-12T17:50:30.125Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(FormatWallTime(*time), "2009-10-12T17:50:30.125000Z");
  const auto http = ParseHttpTime("Wed, 21 Oct 2015 07:28:00 GMT");
  ASSERT_TRUE(http);
  EXPECT_EQ(FormatWallTime(*http), "2015-10-21T07:28:00.000000Z");
  EXPECT_EQ(FormatHttpTime(*http), "Wed, 21 Oct 2015 07:28:00 GMT");
  for (const char* text : {"", "2009-10-12T17:50:30", "2009-13-12T17:50:30Z", "2009-10-12T25:50:30Z",
                           "2009-10-12 17:50:30Z", "2009-10-12T17:50:30.1234567890123Zx"})
    EXPECT_FALSE(ParseIsoTime(text)) << text;
  for (const char* text :
       {"", "Wed, 21 Oct 2015 07:28:00 CET", "Wed, 21 Foo 2015 07:28:00 GMT", "Wed, 32 Oct 2015 07:28:00 GMT"})
    EXPECT_FALSE(ParseHttpTime(text)) << text;
}

}  // namespace
}  // namespace nilus::storage
