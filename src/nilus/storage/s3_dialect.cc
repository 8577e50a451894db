#include "nilus/storage/s3_dialect.h"

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>

#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/storage/crypto.h"
#include "nilus/storage/store_time.h"
#include "nilus/storage/store_xml.h"
#include "nilus/storage/url_text.h"

namespace nilus::storage {
namespace {

constexpr std::string_view kGoogleEndpoint = "https://storage.googleapis.com";

// What both flavours of the protocol share. `header_prefix`: "x-amz" or "x-goog".
class BucketDialect : public RemoteDialect {
 public:
  BucketDialect(std::string bucket, std::string_view header_prefix)
      : bucket_(std::move(bucket)), marker_header_(fmt::format("{}-meta-nilus-put", header_prefix)) {}

  RemoteProblem ReadProblem(const http::Response& response) const override { return ReadProblemXml(response.body); }

  Call Head(std::string_view object) const override { return Make("HEAD", object, {}); }

  Result<RemoteObject> ReadHead(std::string_view object, const http::Response& response) const override {
    const auto size = ParseInteger(response.Header("content-length"));
    if (!size || *size < 0) return Fail(ErrorKind::kTransient, "the store does not tell the size of {}", Url(object));
    return RemoteObject{.info = {.key = std::string(object),
                                 .size = *size,
                                 .etag = EtagOf(response),
                                 .modified = ParseHttpTime(response.Header("last-modified")).value_or(WallTime())},
                        .marker = std::string(response.Header(marker_header_))};
  }

  Call Get(std::string_view object, const std::optional<Range>& range, std::string_view etag) const override {
    Call call = Make("GET", object, {});
    if (range) {
      call.request.headers.emplace_back("Range",
                                        fmt::format("bytes={}-{}", range->offset, range->offset + range->length - 1));
    }
    if (!etag.empty()) AddCondition(call, PutCondition::IfMatch(std::string(etag)));
    return call;
  }

  Call Put(std::string_view object, std::string_view bytes, const PutCondition& condition,
           std::string_view marker) const override {
    Call call = Make("PUT", object, {});
    call.request.body = bytes;
    AddCondition(call, condition);
    call.request.headers.emplace_back(marker_header_, marker);
    return call;
  }

  ObjectInfo ReadPut(std::string_view object, int64_t size, const http::Response& response) const override {
    return {.key = std::string(object),
            .size = size,
            .etag = EtagOf(response),
            .modified = ParseHttpTime(response.Header("date")).value_or(WallTime())};
  }

  Call List(std::string_view prefix, bool one_level, std::string_view from) const override {
    std::vector<std::pair<std::string_view, std::string>> query;
    if (!from.empty()) query.emplace_back("continuation-token", from);
    if (one_level) query.emplace_back("delimiter", "/");
    query.emplace_back("list-type", "2");
    query.emplace_back("prefix", prefix);
    return Make("GET", {}, query);
  }

  std::optional<Call> StartUpload(std::string_view object, std::string_view marker) const override {
    Call call = Make("POST", object, {{"uploads", ""}});
    call.request.headers.emplace_back(marker_header_, marker);
    return call;
  }
  Result<std::string> ReadStart(const http::Response& response) const override { return ReadUploadId(response.body); }

  Call UploadPart(std::string_view object, std::string_view upload, int number, std::string_view bytes) const override {
    Call call = Make("PUT", object, {{"partNumber", std::to_string(number)}, {"uploadId", std::string(upload)}});
    call.request.body = bytes;
    return call;
  }
  std::string ReadPart(std::string_view /*upload*/, int /*number*/, const http::Response& response) const override {
    return std::string(response.Header("etag"));
  }

  Call FinishUpload(std::string_view object, std::string_view upload, std::span<const UploadedPart> parts,
                    std::string_view /*marker*/) const override {
    Call call = Make("POST", object, {{"uploadId", std::string(upload)}});
    call.body = "<CompleteMultipartUpload>";
    for (const UploadedPart& part : parts) {
      call.body +=
          fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", part.number, EscapeXml(part.etag));
    }
    call.body += "</CompleteMultipartUpload>";
    return call;
  }

  // S3 begins its answer before it is done, so a failure comes with status 200.
  Status ReadFinish(const http::Response& response) const override {
    const RemoteProblem problem = ReadProblem(response);
    if (problem.code.empty()) return {};
    return Fail(ErrorKind::kTransient, "the store answered {} ({})", problem.code, problem.message);
  }

  std::optional<Call> AbortUpload(std::string_view object, std::string_view upload) const override {
    return Make("DELETE", object, {{"uploadId", std::string(upload)}});
  }

  std::optional<Call> ListUploads(std::string_view object) const override {
    return Make("GET", {}, {{"prefix", std::string(object)}, {"uploads", ""}});
  }
  std::vector<std::string> ReadUploads(std::string_view object, const http::Response& response) const override {
    return ReadUploadIds(response.body, object);
  }

 protected:
  virtual void AddCondition(Call& call, const PutCondition& condition) const = 0;
  virtual std::string EtagOf(const http::Response& response) const = 0;

  Call Make(std::string_view method, std::string_view object,
            const std::vector<std::pair<std::string_view, std::string>>& query) const {
    Call call;
    call.request.method = method;
    call.request.url = fmt::format("/{}{}", EncodePath(object), EncodeQuery(query));
    return call;
  }

  // Answers to conditional requests; 404 is what S3 says to If-Match when there is nothing.
  static bool IsRefusedCondition(const http::Response& response, const PutCondition& condition, std::string_view code) {
    if (condition.kind == PutCondition::Kind::kAlways) return false;
    if (response.status == 412 || response.status == 409) return true;
    return response.status == 404 && condition.kind == PutCondition::Kind::kIfMatch && code != "NoSuchBucket";
  }

  const std::string bucket_;

 private:
  const std::string marker_header_;
};

class S3Dialect final : public BucketDialect {
 public:
  explicit S3Dialect(S3Options options) : BucketDialect(options.bucket, "x-amz"), options_(std::move(options)) {}

  std::string Url(std::string_view object) const override {
    return object.empty() ? "s3://" + bucket_ : fmt::format("s3://{}/{}", bucket_, object);
  }

  std::optional<std::string> ObjectOf(std::string_view url) const override {
    StoreUrlParts parts = SplitStoreUrl(url);
    const bool is_s3 = parts.scheme == "s3" || parts.scheme == "s3a" || parts.scheme == "s3n";
    if (!is_s3 || parts.authority != bucket_) return std::nullopt;
    return std::move(parts.path);
  }

  Status Authorize(http::Request& request, const std::stop_token& stop) override {
    request.url = BucketUrl() + request.url;
    if (options_.anonymous) return {};
    NILUS_ASSIGN(AwsCredentials credentials, options_.credentials->Get(stop));
    SignAws(request, credentials, {.region = Region()}, Now() + std::chrono::seconds(skew_seconds_.load()));
    return {};
  }

  bool Adapt(const http::Response& response, const RemoteProblem& problem) override {
    if (options_.anonymous) return false;
    if (AdaptRegion(response)) return true;
    if (response.status == 403 && AdaptClock(response)) return true;
    const bool expired = problem.code == "ExpiredToken" || problem.code == "TokenRefreshRequired" ||
                         (response.status == 401 || (response.status == 403 && problem.code == "InvalidAccessKeyId"));
    return expired && options_.credentials->Forget();
  }

  bool IsConflict(const http::Response& response, const RemoteProblem& problem,
                  const PutCondition& condition) const override {
    return IsRefusedCondition(response, condition, problem.code);
  }

  size_t DeleteBatch() const override { return 1000; }

  Call Delete(std::span<const std::string> objects) const override {
    Call call = Make("POST", {}, {{"delete", ""}});
    call.body = "<Delete><Quiet>true</Quiet>";
    for (const std::string& object : objects)
      call.body += fmt::format("<Object><Key>{}</Key></Object>", EscapeXml(object));
    call.body += "</Delete>";
    call.request.headers.emplace_back("Content-MD5", Base64Encode(Md5(call.body)));
    return call;
  }
  Status ReadDelete(const http::Response& response) const override { return ReadDeleteResult(response.body); }

  Result<ListPage> ReadList(const http::Response& response) const override {
    return ReadBucketListing(response.body, false);
  }

 private:
  std::string BucketUrl() const {
    std::string endpoint = options_.endpoint;
    if (endpoint.empty()) endpoint = fmt::format("https://s3.{}.amazonaws.com", Region());
    if (options_.path_style) return fmt::format("{}/{}", endpoint, EncodePath(bucket_));
    const size_t colons = endpoint.find("://") + 3;
    return fmt::format("{}{}.{}", endpoint.substr(0, colons), bucket_, endpoint.substr(colons));
  }

  void AddCondition(Call& call, const PutCondition& condition) const override {
    if (condition.kind == PutCondition::Kind::kIfAbsent) call.request.headers.emplace_back("If-None-Match", "*");
    if (condition.kind == PutCondition::Kind::kIfMatch) call.request.headers.emplace_back("If-Match", condition.etag);
  }

  std::string EtagOf(const http::Response& response) const override {
    return std::string(BareEtag(response.Header("etag")));
  }

  std::string Region() const {
    std::lock_guard lock(mutex_);
    return options_.region;
  }

  // The bucket lies in another region than the one signed for.
  bool AdaptRegion(const http::Response& response) {
    const std::string_view region = response.Header("x-amz-bucket-region");
    const bool is_refusal = response.status == 301 || response.status == 307 || response.status == 400;
    std::lock_guard lock(mutex_);
    if (!is_refusal || region.empty() || region == options_.region || !options_.endpoint.empty()) return false;
    options_.region = region;
    return true;
  }

  // S3 refuses times that are off by 15 minutes, and says its own.
  bool AdaptClock(const http::Response& response) {
    constexpr int64_t kToleratedSeconds = 300;
    const auto theirs = ParseHttpTime(response.Header("date"));
    if (!theirs) return false;
    const int64_t skew = std::chrono::floor<std::chrono::seconds>(*theirs - Now()).count();
    const int64_t change = skew - skew_seconds_.load();
    if (change < kToleratedSeconds && change > -kToleratedSeconds) return false;
    skew_seconds_ = skew;
    return true;
  }

  mutable std::mutex mutex_;  // of options_.region
  S3Options options_;
  std::atomic<int64_t> skew_seconds_ = 0;
};

class GoogleDialect final : public BucketDialect {
 public:
  explicit GoogleDialect(GoogleOptions options)
      : BucketDialect(options.bucket, "x-goog"), options_(std::move(options)) {}

  std::string Url(std::string_view object) const override {
    return object.empty() ? "gs://" + bucket_ : fmt::format("gs://{}/{}", bucket_, object);
  }

  std::optional<std::string> ObjectOf(std::string_view url) const override {
    StoreUrlParts parts = SplitStoreUrl(url);
    if ((parts.scheme != "gs" && parts.scheme != "gcs") || parts.authority != bucket_) return std::nullopt;
    return std::move(parts.path);
  }

  Status Authorize(http::Request& request, const std::stop_token& stop) override {
    request.url = BucketUrl() + request.url;
    if (options_.anonymous) return {};
    if (!options_.hmac_key.access_key_id.empty()) {
      SignAws(request, options_.hmac_key, {.region = "auto", .service = "storage", .is_google = true}, Now());
      return {};
    }
    NILUS_ASSIGN(std::string token, options_.credentials->Token(stop));
    request.headers.emplace_back("Authorization", "Bearer " + token);
    return {};
  }

  bool Adapt(const http::Response& response, const RemoteProblem& /*problem*/) override {
    return response.status == 401 && !options_.anonymous && options_.hmac_key.access_key_id.empty() &&
           options_.credentials->Forget();
  }

  bool IsConflict(const http::Response& response, const RemoteProblem& problem,
                  const PutCondition& condition) const override {
    return IsRefusedCondition(response, condition, problem.code);
  }

  size_t DeleteBatch() const override { return 1; }
  Call Delete(std::span<const std::string> objects) const override { return Make("DELETE", objects[0], {}); }
  Status ReadDelete(const http::Response& /*response*/) const override { return {}; }

  Result<ListPage> ReadList(const http::Response& response) const override {
    return ReadBucketListing(response.body, true);
  }

 private:
  std::string BucketUrl() const {
    return fmt::format("{}/{}", options_.endpoint.empty() ? kGoogleEndpoint : std::string_view(options_.endpoint),
                       EncodePath(bucket_));
  }

  void AddCondition(Call& call, const PutCondition& condition) const override {
    if (condition.kind == PutCondition::Kind::kAlways) return;
    const bool if_absent = condition.kind == PutCondition::Kind::kIfAbsent;
    call.request.headers.emplace_back("x-goog-if-generation-match", if_absent ? "0" : condition.etag);
  }

  std::string EtagOf(const http::Response& response) const override {
    return std::string(response.Header("x-goog-generation"));
  }

  const GoogleOptions options_;
};

}  // namespace

std::unique_ptr<RemoteDialect> MakeS3Dialect(S3Options options) {
  return std::make_unique<S3Dialect>(std::move(options));
}

std::unique_ptr<RemoteDialect> MakeGoogleDialect(GoogleOptions options) {
  return std::make_unique<GoogleDialect>(std::move(options));
}

}  // namespace nilus::storage
