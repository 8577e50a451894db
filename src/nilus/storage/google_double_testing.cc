#include "nilus/storage/google_double_testing.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/storage/store_xml.h"

namespace nilus::storage {
namespace {

using http::Response;
using http::ServedRequest;

Response Problem(int status, std::string_view code) {
  return {.status = status,
          .headers = {{"content-type", "application/xml"}},
          .body = fmt::format("<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>of the "
                              "double</Message></Error>",
                              code)};
}

std::map<std::string, std::string> QueryOf(std::string_view target) {
  std::map<std::string, std::string> query;
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return query;
  target.remove_prefix(mark + 1);
  while (!target.empty()) {
    const size_t end = std::min(target.find('&'), target.size());
    const std::string_view pair = target.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    query[PercentDecode(pair.substr(0, equals))] = PercentDecode(pair.substr(std::min(equals + 1, pair.size())));
    target.remove_prefix(std::min(end + 1, target.size()));
  }
  return query;
}

std::string PemOf(EVP_PKEY* key, bool is_private) {
  BIO* out = BIO_new(BIO_s_mem());
  if (is_private) PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  if (!is_private) PEM_write_bio_PUBKEY(out, key);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(out);
  return pem;
}

std::string FromBase64Url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  return Base64Decode(text).value_or("");
}

bool Verifies(const std::string& public_key, std::string_view text, std::string_view signature) {
  BIO* in = BIO_new_mem_buf(public_key.data(), static_cast<int>(public_key.size()));
  EVP_PKEY* key = PEM_read_bio_PUBKEY(in, nullptr, nullptr, nullptr);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const bool good =
      EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, key) == 1 &&
      EVP_DigestVerify(context, reinterpret_cast<const unsigned char*>(signature.data()), signature.size(),
                       reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  BIO_free(in);
  return good;
}

}  // namespace

GoogleDouble::GoogleDouble() {
  EVP_PKEY* key = EVP_RSA_gen(2048);
  private_key_ = PemOf(key, true);
  public_key_ = PemOf(key, false);
  EVP_PKEY_free(key);
}

std::string GoogleDouble::KeyFile(const std::string& url) const {
  return nlohmann::json({{"type", "service_account"},
                         {"client_email", "nilus@project.iam.gserviceaccount.com"},
                         {"private_key_id", "key-1"},
                         {"private_key", private_key_},
                         {"token_uri", url + "/token"}})
      .dump();
}

size_t GoogleDouble::open_uploads() {
  std::lock_guard lock(mutex_);
  return uploads_.size();
}

Response GoogleDouble::GiveToken(const ServedRequest& request) {
  const auto form = QueryOf("?" + request.body);
  const auto assertion = form.find("assertion");
  if (assertion == form.end()) return Problem(400, "invalid_grant");
  const std::string& jwt = assertion->second;
  const size_t first = jwt.find('.');
  const size_t second = jwt.rfind('.');
  const auto header = nlohmann::json::parse(FromBase64Url(jwt.substr(0, first)), nullptr, false);
  const auto claims = nlohmann::json::parse(FromBase64Url(jwt.substr(first + 1, second - first - 1)), nullptr, false);
  const bool good = header.value("alg", "") == "RS256" && header.value("kid", "") == "key-1" &&
                    claims.value("iss", "") == "nilus@project.iam.gserviceaccount.com" &&
                    claims.value("scope", "") == "https://www.googleapis.com/auth/devstorage.read_write" &&
                    claims.value("exp", 0) - claims.value("iat", 0) == 3600 &&
                    claims.value("aud", "").ends_with("/token") &&
                    Verifies(public_key_, jwt.substr(0, second), FromBase64Url(jwt.substr(second + 1)));
  if (!good) return Problem(400, "invalid_grant");
  return {.status = 200,
          .body = fmt::format(R"({{"access_token":"token-{}","expires_in":3599,"token_type":"Bearer"}})", ++tokens_)};
}

bool GoogleDouble::IsAllowed(const ServedRequest& request) const {
  const std::string_view authorization = request.Header("authorization");
  if (authorization.starts_with("GOOG4-HMAC-SHA256 Credential=GOOGKEY/")) {
    const std::string_view date = request.Header("x-goog-date");
    return authorization.find(fmt::format("/{}/auto/storage/goog4_request, SignedHeaders=", date.substr(0, 8))) !=
               std::string_view::npos &&
           request.Header("x-goog-content-sha256") == Sha256Hex(request.body);
  }
  const auto number = ParseInteger(authorization.substr(std::min<size_t>(authorization.size(), 13)));
  return authorization.starts_with("Bearer token-") && number && *number > revoked_;
}

Response GoogleDouble::Handle(const ServedRequest& request) {
  std::lock_guard lock(mutex_);
  if (request.target == "/token") return GiveToken(request);
  if (!IsAllowed(request)) return Problem(401, "AuthenticationRequired");
  const auto query = QueryOf(request.target);
  const std::string path = PercentDecode(request.target.substr(0, request.target.find('?')));
  if (!path.starts_with("/lake/")) return Problem(404, "NoSuchBucket");
  const std::string name = path.substr(6);
  if (!name.empty()) {
    const bool is_upload = query.contains("uploads") || query.contains("uploadId");
    return is_upload ? HandleUpload(request, name) : HandleObject(request, name);
  }
  if (!query.contains("uploads")) return List(query);
  std::string body = "<ListMultipartUploadsResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>";
  for (const auto& [id, upload] : uploads_)
    body += fmt::format("<Upload><Key>{}</Key><UploadId>{}</UploadId></Upload>", EscapeXml(upload.object), id);
  return {.status = 200, .body = body + "</ListMultipartUploadsResult>"};
}

Response GoogleDouble::HandleObject(const ServedRequest& request, const std::string& name) {
  if (request.method == "PUT") return PutObject(request, name);
  if (!objects_.contains(name)) return Problem(404, "NoSuchKey");
  if (request.method == "DELETE") {
    objects_.erase(name);
    return {.status = 204};
  }
  return GetObject(request, name);
}

Response GoogleDouble::PutObject(const ServedRequest& request, const std::string& name) {
  const auto found = objects_.find(name);
  const int64_t generation = found == objects_.end() ? 0 : found->second.generation;
  const std::string_view expected = request.Header("x-goog-if-generation-match");
  if (!expected.empty() && ParseInteger(expected) != generation) return Problem(412, "PreconditionFailed");
  objects_[name] = {.bytes = request.body,
                    .generation = ++last_generation_,
                    .marker = std::string(request.Header("x-goog-meta-nilus-put"))};
  return {.status = 200, .headers = {{"x-goog-generation", std::to_string(last_generation_)}}};
}

Response GoogleDouble::GetObject(const ServedRequest& request, const std::string& name) const {
  const Object& object = objects_.at(name);
  const std::string_view expected = request.Header("x-goog-if-generation-match");
  if (!expected.empty() && ParseInteger(expected) != object.generation) return Problem(412, "PreconditionFailed");
  Response response{.status = 200,
                    .headers = {{"x-goog-generation", std::to_string(object.generation)},
                                {"last-modified", "Wed, 21 Oct 2015 07:28:00 GMT"}},
                    .body = object.bytes};
  if (!object.marker.empty()) response.headers.emplace_back("x-goog-meta-nilus-put", object.marker);
  if (request.method == "HEAD") response.headers.emplace_back("content-length", std::to_string(object.bytes.size()));
  const std::string_view range = request.Header("range");
  if (range.empty()) return response;
  const size_t dash = range.find('-');
  const auto from = static_cast<size_t>(ParseInteger(range.substr(6, dash - 6)).value_or(0));
  const auto to = static_cast<size_t>(ParseInteger(range.substr(dash + 1)).value_or(0));
  if (from >= object.bytes.size()) return Problem(416, "InvalidRange");
  response.status = 206;
  response.body = object.bytes.substr(from, to - from + 1);
  return response;
}

Response GoogleDouble::HandleUpload(const ServedRequest& request, const std::string& name) {
  const auto query = QueryOf(request.target);
  if (query.contains("uploads")) {
    const std::string id = fmt::format("upload-{}", ++last_generation_);
    uploads_[id] = {.object = name, .marker = std::string(request.Header("x-goog-meta-nilus-put"))};
    return {.status = 200,
            .body = fmt::format(
                "<InitiateMultipartUploadResult><UploadId>{}</UploadId></InitiateMultipartUploadResult>", id)};
  }
  const auto upload = uploads_.find(query.at("uploadId"));
  if (upload == uploads_.end() || upload->second.object != name) return Problem(404, "NoSuchUpload");
  if (request.method == "DELETE") {
    uploads_.erase(upload);
    return {.status = 204};
  }
  if (request.method == "PUT") {
    const auto number = static_cast<int>(ParseInteger(query.at("partNumber")).value_or(0));
    upload->second.parts[number] = request.body;
    return {.status = 200, .headers = {{"etag", fmt::format("\"{}\"", Sha256Hex(request.body).substr(0, 32))}}};
  }
  Object object{.generation = ++last_generation_, .marker = upload->second.marker};
  for (const auto& [number, bytes] : upload->second.parts) {
    const std::string part =
        fmt::format("<PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag>", number, Sha256Hex(bytes).substr(0, 32));
    if (request.body.find(part) == std::string::npos) return Problem(400, "InvalidPart");
    object.bytes += bytes;
  }
  objects_[name] = std::move(object);
  uploads_.erase(upload);
  return {.status = 200, .body = "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"};
}

Response GoogleDouble::List(const std::map<std::string, std::string>& query) const {
  constexpr size_t kPage = 3;
  const std::string prefix = query.contains("prefix") ? query.at("prefix") : "";
  const std::string after = query.contains("continuation-token") ? query.at("continuation-token") : "";
  std::string body = "<ListBucketResult xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>";
  std::string last;
  size_t entries = 0;
  for (const auto& [name, object] : objects_) {
    if (!name.starts_with(prefix)) continue;
    const size_t slash = query.contains("delimiter") ? name.find('/', prefix.size()) : std::string::npos;
    const std::string entry = name.substr(0, slash == std::string::npos ? slash : slash + 1);
    if (entry <= after || entry == last) continue;
    if (++entries > kPage) {
      body += fmt::format("<IsTruncated>true</IsTruncated><NextContinuationToken>{}</NextContinuationToken>",
                          EscapeXml(last));
      break;
    }
    last = entry;
    body += slash != std::string::npos
                ? fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", EscapeXml(entry))
                : fmt::format(
                      "<Contents><Key>{}</Key><Generation>{}</Generation><LastModified>2015-10-21T07:28:00Z"
                      "</LastModified><Size>{}</Size></Contents>",
                      EscapeXml(name), object.generation, object.bytes.size());
  }
  return {.status = 200, .body = body + "</ListBucketResult>"};
}

}  // namespace nilus::storage
