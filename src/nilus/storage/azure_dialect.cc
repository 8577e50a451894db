#include "nilus/storage/azure_dialect.h"

#include <algorithm>
#include <array>
#include <map>

#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/text.h"
#include "nilus/storage/crypto.h"
#include "nilus/storage/store_time.h"
#include "nilus/storage/store_xml.h"
#include "nilus/storage/url_text.h"

namespace nilus::storage {
namespace {

constexpr std::string_view kVersion = "2021-12-02";
constexpr std::string_view kMarkerHeader = "x-ms-meta-nilus_put";

// "\nname:value" of every query parameter, decoded, sorted by name.
std::string CanonicalQuery(std::string_view query) {
  std::map<std::string, std::string> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const size_t equals = std::min(pair.find('='), pair.size());
    if (!pair.empty())
      pairs[LowerCase(PercentDecode(pair.substr(0, equals)))] =
          PercentDecode(pair.substr(std::min(equals + 1, pair.size())));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  std::string text;
  for (const auto& [name, value] : pairs) text += fmt::format("\n{}:{}", name, value);
  return text;
}

bool IsAzureScheme(std::string_view scheme) {
  constexpr std::array<std::string_view, 5> kSchemes = {"abfss", "abfs", "wasbs", "wasb", "az"};
  return std::find(kSchemes.begin(), kSchemes.end(), scheme) != kSchemes.end();
}

std::string AccountOf(std::string_view host) { return std::string(host.substr(0, host.find('.'))); }

class AzureDialect final : public RemoteDialect {
 public:
  explicit AzureDialect(AzureOptions options) : options_(std::move(options)) {
    const std::string endpoint = options_.endpoint.empty()
                                     ? fmt::format("https://{}.blob.core.windows.net", options_.account)
                                     : options_.endpoint;
    container_url_ = fmt::format("{}/{}", endpoint, EncodePath(options_.container));
  }

  std::string Url(std::string_view object) const override {
    return object.empty() ? options_.url_root : fmt::format("{}/{}", options_.url_root, object);
  }

  // abfss://container@account…/object in any of the schemes, or https://account.blob…/container/object.
  std::optional<std::string> ObjectOf(std::string_view url) const override {
    StoreUrlParts parts = SplitStoreUrl(url);
    if (IsAzureScheme(parts.scheme)) {
      const size_t at = parts.authority.find('@');
      if (parts.authority.substr(0, at) != options_.container) return std::nullopt;
      const bool is_other = at != std::string::npos && AccountOf(parts.authority.substr(at + 1)) != options_.account;
      if (is_other) return std::nullopt;
      return std::move(parts.path);
    }
    const std::string folder = options_.container + "/";
    if (parts.scheme != "https" || AccountOf(parts.authority) != options_.account || !parts.path.starts_with(folder))
      return std::nullopt;
    return parts.path.substr(folder.size());
  }

  Status Authorize(http::Request& request, const std::stop_token& /*stop*/) override {
    request.url = container_url_ + request.url;
    request.headers.emplace_back("x-ms-version", kVersion);
    request.headers.emplace_back("x-ms-date", FormatHttpTime(Now()));
    if (!options_.sas_token.empty()) {
      request.url += (request.url.find('?') == std::string::npos ? "?" : "&") + options_.sas_token;
    } else if (!options_.account_key.empty()) {
      const std::string signature =
          Base64Encode(HmacSha256(options_.account_key, AzureStringToSign(request, options_.account)));
      request.headers.emplace_back("Authorization", fmt::format("SharedKey {}:{}", options_.account, signature));
    } else if (!options_.token.empty()) {
      request.headers.emplace_back("Authorization", "Bearer " + options_.token);
    }
    return {};
  }

  bool Adapt(const http::Response& /*response*/, const RemoteProblem& /*problem*/) override { return false; }

  RemoteProblem ReadProblem(const http::Response& response) const override {
    RemoteProblem problem = ReadProblemXml(response.body);
    if (problem.code.empty()) problem.code = response.Header("x-ms-error-code");
    return problem;
  }

  Call Head(std::string_view object) const override { return Make("HEAD", object, {}); }

  Result<RemoteObject> ReadHead(std::string_view object, const http::Response& response) const override {
    const auto size = ParseInteger(response.Header("content-length"));
    if (!size || *size < 0) return Fail(ErrorKind::kTransient, "the store does not tell the size of {}", Url(object));
    return RemoteObject{.info = {.key = std::string(object),
                                 .size = *size,
                                 .etag = std::string(BareEtag(response.Header("etag"))),
                                 .modified = ParseHttpTime(response.Header("last-modified")).value_or(WallTime())},
                        .marker = std::string(response.Header(kMarkerHeader))};
  }

  Call Get(std::string_view object, const std::optional<Range>& range, std::string_view etag) const override {
    Call call = Make("GET", object, {});
    if (range) {
      call.request.headers.emplace_back("x-ms-range",
                                        fmt::format("bytes={}-{}", range->offset, range->offset + range->length - 1));
    }
    if (!etag.empty()) AddCondition(call, PutCondition::IfMatch(std::string(etag)));
    return call;
  }

  Call Put(std::string_view object, std::string_view bytes, const PutCondition& condition,
           std::string_view marker) const override {
    Call call = Make("PUT", object, {});
    call.request.body = bytes;
    call.request.headers.emplace_back("x-ms-blob-type", "BlockBlob");
    call.request.headers.emplace_back(kMarkerHeader, marker);
    AddCondition(call, condition);
    return call;
  }

  ObjectInfo ReadPut(std::string_view object, int64_t size, const http::Response& response) const override {
    return {.key = std::string(object),
            .size = size,
            .etag = std::string(BareEtag(response.Header("etag"))),
            .modified = ParseHttpTime(response.Header("last-modified")).value_or(WallTime())};
  }

  bool IsConflict(const http::Response& response, const RemoteProblem& problem,
                  const PutCondition& condition) const override {
    if (condition.kind == PutCondition::Kind::kAlways) return false;
    return response.status == 412 || problem.code == "BlobAlreadyExists" || problem.code == "BlobNotFound";
  }

  size_t DeleteBatch() const override { return 1; }
  Call Delete(std::span<const std::string> objects) const override {
    Call call = Make("DELETE", objects[0], {});
    call.request.headers.emplace_back("x-ms-delete-snapshots", "include");
    return call;
  }
  Status ReadDelete(const http::Response& /*response*/) const override { return {}; }

  Call List(std::string_view prefix, bool one_level, std::string_view from) const override {
    std::vector<std::pair<std::string_view, std::string>> query = {
        {"restype", "container"}, {"comp", "list"}, {"include", "metadata"}};
    if (!prefix.empty()) query.emplace_back("prefix", prefix);
    if (one_level) query.emplace_back("delimiter", "/");
    if (!from.empty()) query.emplace_back("marker", from);
    Call call = Make("GET", {}, query);
    call.request.url.erase(0, 1);  // the container's own URL has no '/' at its end
    return call;
  }
  Result<ListPage> ReadList(const http::Response& response) const override {
    return ReadContainerListing(response.body);
  }

  // Blocks go up under ids of the writer's choice, and become the blob with the list of them.
  std::optional<Call> StartUpload(std::string_view /*object*/, std::string_view /*marker*/) const override {
    return std::nullopt;
  }
  Result<std::string> ReadStart(const http::Response& /*response*/) const override { return std::string(); }

  Call UploadPart(std::string_view object, std::string_view upload, int number, std::string_view bytes) const override {
    Call call = Make("PUT", object, {{"comp", "block"}, {"blockid", BlockId(upload, number)}});
    call.request.body = bytes;
    return call;
  }
  std::string ReadPart(std::string_view upload, int number, const http::Response& /*response*/) const override {
    return BlockId(upload, number);
  }

  Call FinishUpload(std::string_view object, std::string_view /*upload*/, std::span<const UploadedPart> parts,
                    std::string_view marker) const override {
    Call call = Make("PUT", object, {{"comp", "blocklist"}});
    call.request.headers.emplace_back(kMarkerHeader, marker);
    call.body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
    for (const UploadedPart& part : parts) call.body += fmt::format("<Latest>{}</Latest>", part.etag);
    call.body += "</BlockList>";
    return call;
  }
  Status ReadFinish(const http::Response& /*response*/) const override { return {}; }

  // Blocks that no list names vanish after a week.
  std::optional<Call> AbortUpload(std::string_view /*object*/, std::string_view /*upload*/) const override {
    return std::nullopt;
  }
  std::optional<Call> ListUploads(std::string_view /*object*/) const override { return std::nullopt; }
  std::vector<std::string> ReadUploads(std::string_view /*object*/, const http::Response& /*response*/) const override {
    return {};
  }

 private:
  static std::string BlockId(std::string_view upload, int number) {
    return Base64Encode(fmt::format("{}-{:05}", upload, number));
  }

  static void AddCondition(Call& call, const PutCondition& condition) {
    if (condition.kind == PutCondition::Kind::kIfAbsent) call.request.headers.emplace_back("If-None-Match", "*");
    if (condition.kind == PutCondition::Kind::kIfMatch)
      call.request.headers.emplace_back("If-Match", fmt::format("\"{}\"", condition.etag));
  }

  static Call Make(std::string_view method, std::string_view object,
                   const std::vector<std::pair<std::string_view, std::string>>& query) {
    Call call;
    call.request.method = method;
    call.request.url = fmt::format("/{}{}", EncodePath(object), EncodeQuery(query));
    return call;
  }

  const AzureOptions options_;
  std::string container_url_;
};

}  // namespace

std::string AzureStringToSign(const http::Request& request, std::string_view account) {
  std::map<std::string, std::string> headers;
  std::string own;  // "x-ms-…:value\n", sorted
  for (const auto& [name, value] : request.headers) headers[LowerCase(name)] = TrimSpaces(value);
  for (const auto& [name, value] : headers) {
    if (name.starts_with("x-ms-")) own += fmt::format("{}:{}\n", name, value);
  }
  const std::string length = request.body.empty() ? "" : std::to_string(request.body.size());
  std::string text =
      fmt::format("{}\n{}\n{}\n{}\n", request.method, headers["content-encoding"], headers["content-language"], length);
  for (const char* name : {"content-md5", "content-type", "date", "if-modified-since", "if-match", "if-none-match",
                           "if-unmodified-since", "range"})
    text += headers[name] + "\n";
  const std::string_view url = request.url;
  const size_t query = std::min(url.find('?'), url.size());
  const size_t path = std::min(url.find('/', url.find("://") + 3), query);
  return text + own + fmt::format("/{}{}", account, url.substr(path, query - path)) +
         CanonicalQuery(url.substr(std::min(query + 1, url.size())));
}

std::unique_ptr<RemoteDialect> MakeAzureDialect(AzureOptions options) {
  return std::make_unique<AzureDialect>(std::move(options));
}

}  // namespace nilus::storage
