#include "nilus/storage/servers_testing.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "nilus/base/encoding.h"
#include "nilus/base/private_folder.h"
#include "nilus/base/text.h"
#include "nilus/storage/aws_signature.h"
#include "nilus/storage/azure_dialect.h"
#include "nilus/storage/crypto.h"
#include "nilus/storage/store_time.h"

namespace nilus::storage {
namespace {

constexpr const char* kAccount = "devstoreaccount1";
constexpr const char* kAccountKey =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";  // well-known

[[noreturn]] void Give(std::string_view why) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
  std::abort();
}

// Standard output's last line of a script; ends the program when it fails.
std::string Run(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) Give("cannot run " + command);
  std::string output;
  std::array<char, 4096> block;
  while (fgets(block.data(), block.size(), pipe) != nullptr) output += block.data();
  if (pclose(pipe) != 0) Give("failed: " + command + " (scripts/setup test installs what it needs)");
  const std::string_view lines = TrimSpaces(output);
  return std::string(lines.substr(lines.rfind('\n') + 1));
}

// Stopped with its script, its folder removed, when the program ends.
class Server {
 public:
  explicit Server(const std::string& script)
      : folder_(PrivateFolder::Make(TemporaryParent(), "nilus-server-").value()),
        script_(fmt::format("{}/tests/servers/{}", NILUS_SOURCE_DIR, script)) {
    last_line_ = Run(fmt::format("{} start {}", script_, folder_.path()));
  }
  ~Server() { Run(fmt::format("{} stop {}", script_, folder_.path())); }
  const std::string& last_line() const { return last_line_; }

 private:
  PrivateFolder folder_;
  std::string script_;
  std::string last_line_;
};

void MustBe(const Result<http::Response>& response, int status) {
  if (!response) Give(response.error().message);
  if (response->status != status) Give(fmt::format("{}: {}", response->status, response->body));
}

}  // namespace

const S3Server& TheS3Server() {
  static const Server process("ceph-rgw");
  static const S3Server server = [] {
    S3Server s3{.url = process.last_line().substr(0, process.last_line().find(' '))};
    s3.params = {{"endpoint", s3.url}, {"access_key_id", "AKTEST"}, {"secret_access_key", "SKTEST"}};
    http::Request request{.method = "PUT", .url = s3.url + "/lake"};
    SignAws(request, {.access_key_id = "AKTEST", .secret_access_key = "SKTEST"}, {.region = "us-east-1"}, Now());
    MustBe(http::Client().Send(request, {}), 200);
    return s3;
  }();
  return server;
}

const AzureServer& TheAzureServer() {
  static const Server process("azurite");
  static const AzureServer server = [] {
    AzureServer azure{.url = process.last_line(), .account = kAccount};
    azure.params = {{"endpoint", azure.url}, {"account_key", kAccountKey}};
    http::Request request{.method = "PUT", .url = azure.url + "/lake?restype=container"};
    request.headers = {{"x-ms-version", "2021-12-02"}, {"x-ms-date", FormatHttpTime(Now())}};
    const std::string signature =
        Base64Encode(HmacSha256(Base64Decode(kAccountKey).value(), AzureStringToSign(request, kAccount)));
    request.headers.emplace_back("Authorization", fmt::format("SharedKey {}:{}", kAccount, signature));
    MustBe(http::Client().Send(request, {}), 201);
    return azure;
  }();
  return server;
}

std::string NewTestName() {
  static std::atomic<int> count = 0;
  return fmt::format("test-{}", ++count);
}

}  // namespace nilus::storage
