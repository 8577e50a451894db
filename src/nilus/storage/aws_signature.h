// AWS Signature Version 4 of one request, as documented under "Authenticating Requests: Using the Authorization
// Header". Google Cloud Storage takes the same signature with its HMAC keys under other names ("V4 signing process with
// HMAC keys").
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/clock.h"
#include "nilus/http/http_client.h"

namespace nilus::storage {

struct AwsCredentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for keys that do not expire
};

struct AwsScope {
  std::string region;
  std::string service = "s3";
  bool is_google = false;  // GOOG4-HMAC-SHA256 with x-goog- headers
};

// Adds x-amz-date, x-amz-content-sha256, x-amz-security-token and Authorization. All headers that are there are signed.
// The URL's path and query are percent-encoded as they are sent.
void SignAws(http::Request& request, const AwsCredentials& credentials, const AwsScope& scope, WallTime now);

// The text whose hash is signed; `signed_headers` becomes "host;x-amz-date;…".
std::string AwsCanonicalRequest(const http::Request& request, std::string_view body_sha256,
                                std::string& signed_headers);

}  // namespace nilus::storage
