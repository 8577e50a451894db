// S3's protocol, and the XML API of Google Cloud Storage, which is the same but for names, preconditions (generations
// instead of etags) and credentials.
#pragma once

#include <memory>
#include <string>

#include "nilus/base/result.h"
#include "nilus/storage/aws_credentials.h"
#include "nilus/storage/google_credentials.h"
#include "nilus/storage/remote_dialect.h"

namespace nilus::storage {

struct S3Options {
  std::string bucket;
  std::string endpoint;  // http://host:port; empty: AWS's own of the region
  bool path_style = false;
  std::string region = "us-east-1";
  bool anonymous = false;
  std::shared_ptr<AwsCredentialSource> credentials;
};
std::unique_ptr<RemoteDialect> MakeS3Dialect(S3Options options);

struct GoogleOptions {
  std::string bucket;
  std::string endpoint;  // empty: https://storage.googleapis.com
  bool anonymous = false;
  AwsCredentials hmac_key;  // empty: a token of `credentials`
  std::shared_ptr<GoogleCredentialSource> credentials;
};
std::unique_ptr<RemoteDialect> MakeGoogleDialect(GoogleOptions options);

}  // namespace nilus::storage
