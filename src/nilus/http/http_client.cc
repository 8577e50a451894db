#include "nilus/http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <mutex>

#include "nilus/base/option_spec.h"
#include "nilus/base/text.h"

namespace nilus::http {
namespace {

constexpr size_t kMostHeaderBytes = 256 << 10;

struct HandleCloser {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, HandleCloser>;

struct ListCloser {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What one transfer's callbacks share.
struct Transfer {
  const Request& request;
  const std::stop_token& stop;
  Response response;
  size_t sent_bytes = 0;
  size_t header_bytes = 0;
  bool too_large = false;
  bool headers_ended = false;
  int times_issued = 0;
};

size_t OnBody(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t bytes = size * count;
  if (transfer.response.body.size() + bytes > static_cast<size_t>(transfer.request.largest_response_bytes)) {
    transfer.too_large = true;
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

size_t OnHeader(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t bytes = size * count;
  transfer.header_bytes += bytes;
  if (transfer.header_bytes > kMostHeaderBytes) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(data, bytes);
  if (line.starts_with("HTTP/")) {  // another answer begins: the one before was "100 Continue"
    transfer.response.headers.clear();
    transfer.headers_ended = false;
    return bytes;
  }
  if (line == "\r\n" || line == "\n") transfer.headers_ended = true;
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return bytes;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  transfer.response.headers.emplace_back(std::move(name), std::string(TrimSpaces(line.substr(colon + 1))));
  return bytes;
}

size_t OnRead(char* buffer, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view left = transfer.request.body.substr(transfer.sent_bytes);
  const size_t bytes = std::min(size * count, left.size());
  std::copy_n(left.data(), bytes, buffer);
  transfer.sent_bytes += bytes;
  return bytes;
}

int OnSeek(void* context, curl_off_t offset, int origin) {
  const auto& transfer = *static_cast<Transfer*>(context);
  return origin == SEEK_SET && offset == 0 && transfer.sent_bytes == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

// curl sends a request anew by itself when a connection that it had kept open breaks. What was sent may have been
// done, so that must not happen behind the caller's back, who would look first.
int OnIssue(void* context, char* /*remote_ip*/, char* /*local_ip*/, int /*remote_port*/, int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(context);
  const bool is_harmless = transfer.request.method == "GET" || transfer.request.method == "HEAD";
  return ++transfer.times_issued == 1 || is_harmless ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

int OnProgress(void* context, curl_off_t /*to_receive*/, curl_off_t /*received*/, curl_off_t /*to_send*/,
               curl_off_t /*sent*/) {
  return static_cast<Transfer*>(context)->stop.stop_requested() ? 1 : 0;
}

bool IsCertificateError(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
         code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_CACERT_BADFILE;
}

bool NothingWasSent(CURLcode code, CURL* handle, const Transfer& transfer) {
  if (transfer.times_issued == 0) return true;
  if (transfer.times_issued > 1) return false;
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
      code == CURLE_SSL_CONNECT_ERROR)
    return true;
  long request_bytes = 0;  // of the header: 0 when the connection was not made in time
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &request_bytes);
  return request_bytes == 0;
}

std::string HostForMessages(std::string_view url) { return HostOf(url).value_or("the server"); }

Failure FailureOf(CURLcode code, CURL* handle, const Transfer& transfer) {
  const Request& request = transfer.request;
  const std::string host = HostForMessages(request.url);
  const bool may_repeat = request.method == "GET" || request.method == "HEAD" || NothingWasSent(code, handle, transfer);
  if (transfer.stop.stop_requested()) {
    return Fail(may_repeat ? ErrorKind::kCancelled : ErrorKind::kUnknownOutcome,
                "a stop was requested before {} answered", host);
  }
  if (transfer.too_large) {
    return Fail(ErrorKind::kExhausted, "the answer of {} is larger than the {} bytes it may have", host,
                request.largest_response_bytes);
  }
  const std::string_view reason = curl_easy_strerror(code);
  if (IsCertificateError(code)) {
    return FailWithFix(ErrorKind::kAuth, "name the file with its certificate authority (ca_file)",
                       "the TLS certificate of {} does not verify: {}", host, reason);
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    return Fail(ErrorKind::kInvalidInput, "the URL of {} cannot be used: {}", host, reason);
  return Fail(may_repeat ? ErrorKind::kTransient : ErrorKind::kUnknownOutcome, "{} {}: {}",
              may_repeat ? "cannot reach" : "no answer came from", host, reason);
}

// The list of header lines that curl sends; grows at its end.
class HeaderLines {
 public:
  // False when there is no memory left.
  bool Add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) return false;
    static_cast<void>(list_.release());
    list_.reset(longer);
    return true;
  }
  curl_slist* get() const { return list_.get(); }

 private:
  std::unique_ptr<curl_slist, ListCloser> list_;
};

Status FillHeaders(const Headers& headers, HeaderLines& lines) {
  bool added = lines.Add("Expect:") && lines.Add("Accept:");  // curl's own ones are not wanted
  for (const auto& [name, value] : headers) {
    if (value.find_first_of("\r\n") != std::string::npos)
      return Fail(ErrorKind::kInvalidInput, "the value of the header {} holds a line end", name);
    added = added && lines.Add(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  if (!added) return Fail(ErrorKind::kExhausted, "no memory for a request");
  return {};
}

void SetLimits(CURL* curl, const ClientOptions& options) {
  const auto idle = std::chrono::ceil<std::chrono::seconds>(options.idle_timeout);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(idle.count()));
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.use_proxy) curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

void SetCallbacks(CURL* curl, Transfer& transfer) {
  const Request& request = transfer.request;
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, OnIssue);
  curl_easy_setopt(curl, CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return;
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.body.empty() && request.method != "PUT" && request.method != "POST") return;
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, OnRead);
  curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, OnSeek);
  curl_easy_setopt(curl, CURLOPT_SEEKDATA, &transfer);
}

}  // namespace

std::string_view Response::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

// Handles that are not in use; each keeps its connections.
class Client::Pool {
 public:
  explicit Pool(ClientOptions client_options) : options(std::move(client_options)) {
    static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, thread-safely
    static_cast<void>(started);
  }

  Handle Take() {
    std::lock_guard lock(mutex_);
    if (handles_.empty()) return Handle(curl_easy_init());
    Handle handle = std::move(handles_.back());
    handles_.pop_back();
    return handle;
  }

  void Give(Handle handle) {
    std::lock_guard lock(mutex_);
    if (handles_.size() < options.kept_connections) handles_.push_back(std::move(handle));
  }

  const ClientOptions options;

 private:
  std::mutex mutex_;
  std::vector<Handle> handles_;
};

Client::Client(ClientOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {}
Client::~Client() = default;

Result<Response> Client::Send(const Request& request, const std::stop_token& stop) const {
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "a stop was requested");
  HeaderLines lines;
  NILUS_TRY(FillHeaders(request.headers, lines));
  Handle handle = pool_->Take();
  if (handle == nullptr) return Fail(ErrorKind::kExhausted, "no memory for a connection");
  CURL* curl = handle.get();
  Transfer transfer{.request = request, .stop = stop};
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  SetLimits(curl, pool_->options);
  SetCallbacks(curl, transfer);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines.get());
  CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK && !transfer.headers_ended) code = CURLE_GOT_NOTHING;  // cut off inside the headers
  if (code != CURLE_OK) return FailureOf(code, curl, transfer);  // its connections are closed with the handle
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  pool_->Give(std::move(handle));
  return std::move(transfer.response);
}

std::optional<std::chrono::milliseconds> RetryAfter(const Response& response) {
  constexpr int64_t kLongestSeconds = 60;
  const auto seconds = ParseInteger(response.Header("retry-after"));
  if (!seconds || *seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(*seconds, kLongestSeconds));
}

Result<std::string> HostOf(std::string_view url) {
  const size_t colons = url.find("://");
  if (colons == std::string_view::npos) return Fail(ErrorKind::kInvalidInput, "a URL begins with http:// or https://");
  const std::string_view scheme = url.substr(0, colons);
  std::string_view host = url.substr(colons + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  const std::string_view own_port = scheme == "https" ? ":443" : ":80";
  if (host.ends_with(own_port)) host.remove_suffix(own_port.size());
  if (host.empty()) return Fail(ErrorKind::kInvalidInput, "the URL names no host");
  return std::string(host);
}

}  // namespace nilus::http
