// Signatures against the examples that AWS documents, and the digests beneath.
#include <gmock/gmock.h>

#include "nilus/base/encoding.h"
#include "nilus/storage/aws_signature.h"
#include "nilus/storage/crypto.h"
#include "nilus/storage/store_time.h"
#include "nilus/storage/url_text.h"

namespace nilus::storage {
namespace {

using testing::EndsWith;

// Keys, time and bucket of the examples in "Signature Calculations for the Authorization Header".
const AwsCredentials kKeys{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                           .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

std::string SignatureOf(http::Request request, const AwsCredentials& keys = kKeys) {
  SignAws(request, keys, {.region = "us-east-1"}, *ParseIsoTime("2013-05-24T00:00:00Z"));
  const std::string& authorization = request.headers.back().second;
  return authorization.substr(authorization.rfind('=') + 1);
}

TEST(AwsSignatureTest, GetObject) {
  http::Request request{
      .method = "GET", .url = "https://examplebucket.s3.amazonaws.com/test.txt", .headers = {{"Range", "bytes=0-9"}}};
  EXPECT_EQ(SignatureOf(request), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(AwsSignatureTest, PutObject) {
  http::Request request{
      .method = "PUT",
      .url = "https://examplebucket.s3.amazonaws.com/test%24file.text",
      .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
      .body = "Welcome to Amazon S3."};
  EXPECT_EQ(SignatureOf(request), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(AwsSignatureTest, GetBucketLifecycle) {
  EXPECT_EQ(SignatureOf({.method = "GET", .url = "https://examplebucket.s3.amazonaws.com/?lifecycle"}),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(AwsSignatureTest, ListObjects) {
  for (const char* query : {"max-keys=2&prefix=J", "prefix=J&max-keys=2"}) {
    EXPECT_EQ(SignatureOf({.method = "GET", .url = fmt::format("https://examplebucket.s3.amazonaws.com/?{}", query)}),
              "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  }
}

TEST(AwsSignatureTest, CanonicalRequest) {
  http::Request request{.method = "GET",
                        .url = "http://h.example:8080/a%20b/c?z=1&a-b=2&a=3&empty",
                        .headers = {{"X-Upper", "  value  "}, {"host-like", "x"}}};
  std::string signed_headers;
  EXPECT_EQ(AwsCanonicalRequest(request, "HASH", signed_headers),
            "GET\n/a%20b/c\na=3&a-b=2&empty=&z=1\nhost:h.example:8080\nhost-like:x\nx-upper:value\n\n"
            "host;host-like;x-upper\nHASH");
  EXPECT_EQ(signed_headers, "host;host-like;x-upper");
}

TEST(AwsSignatureTest, TheSessionTokenIsSigned) {
  AwsCredentials keys = kKeys;
  keys.session_token = "token";
  http::Request request{.method = "GET", .url = "https://h.example/"};
  SignAws(request, keys, {.region = "eu-west-1"}, *ParseIsoTime("2013-05-24T00:00:00Z"));
  EXPECT_THAT(request.headers.back().second, testing::HasSubstr("x-amz-security-token"));
  EXPECT_THAT(request.headers.back().second, testing::HasSubstr("/20130524/eu-west-1/s3/aws4_request"));
}

TEST(AwsSignatureTest, GoogleNames) {
  http::Request request{.method = "GET", .url = "https://storage.googleapis.com/b/o"};
  SignAws(request, kKeys, {.region = "auto", .service = "storage", .is_google = true},
          *ParseIsoTime("2013-05-24T00:00:00Z"));
  EXPECT_EQ(request.headers[0], std::pair(std::string("x-goog-date"), std::string("20130524T000000Z")));
  EXPECT_THAT(
      request.headers.back().second,
      testing::StartsWith("GOOG4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/auto/storage/goog4_request, "
                          "SignedHeaders=host;x-goog-content-sha256;x-goog-date, Signature="));
}

// RFC 4231, test case 2; RFC 1321; RFC 4648.
TEST(CryptoTest, Digests) {
  EXPECT_EQ(HexEncode(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(HexEncode(Md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Base64Url("\xfb\xff\xfe!"), "-__-IQ");
  EXPECT_FALSE(SignRs256("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "x"));
}

TEST(UrlTextTest, PathsAndQueries) {
  EXPECT_EQ(EncodePath("a b/ü+%/~x"), "a%20b/%C3%BC%2B%25/~x");
  EXPECT_EQ(EncodePath(""), "");
  EXPECT_EQ(EncodeQuery({}), "");
  EXPECT_EQ(EncodeQuery({{"prefix", "a/b c"}, {"uploads", ""}}), "?prefix=a%2Fb%20c&uploads=");
  EXPECT_EQ(SplitStoreUrl("S3://b/a%20b/c").path, "a%20b/c");
  EXPECT_EQ(SplitStoreUrl("S3://b").scheme, "s3");
  EXPECT_EQ(SplitStoreUrl("nothing").scheme, "");
}

}  // namespace
}  // namespace nilus::storage
