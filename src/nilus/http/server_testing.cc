#include "nilus/http/server_testing.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "nilus/base/option_spec.h"
#include "nilus/base/text.h"

namespace nilus::http {
namespace {

bool SendAll(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool ReceiveMore(int connection, std::string& bytes) {
  char block[64 << 10];
  const ssize_t got = recv(connection, block, sizeof(block), 0);
  if (got <= 0) return false;
  bytes.append(block, static_cast<size_t>(got));
  return true;
}

// The peer sees a reset instead of an end.
void Reset(int connection) {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  setsockopt(connection, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

ServedRequest ParseHead(std::string_view head) {
  ServedRequest request;
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  for (size_t at = line.size() + 2; at < head.size();) {
    const size_t end = std::min(head.find("\r\n", at), head.size());
    const std::string_view header = head.substr(at, end - at);
    const size_t colon = header.find(':');
    if (colon != std::string_view::npos)
      request.headers.emplace_back(LowerCase(header.substr(0, colon)), TrimSpaces(header.substr(colon + 1)));
    at = end + 2;
  }
  return request;
}

std::string Format(const ServedRequest& request, const Response& response) {
  std::string text = fmt::format("HTTP/1.1 {} Status\r\n", response.status);
  for (const auto& [name, value] : response.headers) text += fmt::format("{}: {}\r\n", name, value);
  if (response.Header("content-length").empty()) text += fmt::format("content-length: {}\r\n", response.body.size());
  text += "\r\n";
  if (request.method != "HEAD") text += response.body;
  return text;
}

}  // namespace

std::string_view ServedRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

TestServer::TestServer(Handler handler, FaultPlan faults, std::function<std::string()> raw)
    : handler_(std::move(handler)), plan_(std::move(faults)), raw_(std::move(raw)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::jthread([this](const std::stop_token& stop) { Accept(stop); });
}

TestServer::~TestServer() {
  acceptor_.request_stop();
  shutdown(listener_, SHUT_RDWR);  // wakes accept
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (int connection : connections_) shutdown(connection, SHUT_RDWR);
  }
  threads_.clear();
  close(listener_);
}

std::string TestServer::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void TestServer::Accept(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    const int on = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    std::lock_guard lock(mutex_);
    connections_.push_back(connection);
    threads_.emplace_back([this, connection] { Serve(connection); });
  }
}

void TestServer::Serve(int connection) {
  std::string unread;
  while (ServeOne(connection, unread)) {
  }
  std::lock_guard lock(mutex_);
  connections_.erase(std::find(connections_.begin(), connections_.end(), connection));
  close(connection);
}

// False when the connection is to be closed.
bool TestServer::ServeOne(int connection, std::string& unread) {
  size_t end = 0;
  while ((end = unread.find("\r\n\r\n")) == std::string::npos) {
    if (!ReceiveMore(connection, unread)) return false;
  }
  ServedRequest request = ParseHead(std::string_view(unread).substr(0, end + 2));
  unread.erase(0, end + 4);
  const auto length = static_cast<size_t>(ParseInteger(request.Header("content-length")).value_or(0));
  while (unread.size() < length) {
    if (!ReceiveMore(connection, unread)) return false;
  }
  request.body = unread.substr(0, length);
  unread.erase(0, length);
  ++requests_;
  if (raw_) {
    SendAll(connection, raw_());
    return false;
  }
  const Fault fault = plan_ ? plan_(request) : Fault::kNone;
  if (fault != Fault::kNone) ++faulted_;
  if (fault == Fault::kReset) {
    Reset(connection);
    return false;
  }
  if (fault == Fault::kUnavailable) return SendAll(connection, Format(request, {.status = 503, .body = "try later"}));
  const std::string answer = Format(request, handler_(request));
  switch (fault) {
    case Fault::kServerError:
      return SendAll(connection, Format(request, {.status = 500, .body = "it broke"}));
    case Fault::kAnswerLost:
      Reset(connection);
      return false;
    case Fault::kAnswerCut:
      SendAll(connection, std::string_view(answer).substr(0, answer.size() * 2 / 3));
      return false;
    default:
      return SendAll(connection, answer);
  }
}

Handler ForwardTo(std::string upstream) {
  auto client = std::make_shared<Client>();
  return [client, upstream = std::move(upstream)](const ServedRequest& request) {
    Request forwarded{.method = request.method, .url = upstream + request.target, .body = request.body};
    for (const auto& [name, value] : request.headers) {
      if (name != "content-length" && name != "connection") forwarded.headers.emplace_back(name, value);
    }
    auto response = client->Send(forwarded, {});
    if (!response) return Response{.status = 502, .body = response.error().message};
    std::erase_if(response->headers, [&](const auto& header) {
      return header.first == "transfer-encoding" || header.first == "connection" ||
             (header.first == "content-length" && request.method != "HEAD");
    });
    return *std::move(response);
  };
}

FaultPlan RandomFaults(unsigned seed, int percent, std::vector<Fault> kinds) {
  struct State {
    std::mutex mutex;
    std::mt19937 random;
  };
  auto state = std::make_shared<State>();
  state->random.seed(seed);
  return [state, percent, kinds = std::move(kinds)](const ServedRequest&) {
    std::lock_guard lock(state->mutex);
    if (static_cast<int>(state->random() % 100) >= percent) return Fault::kNone;
    return kinds[state->random() % kinds.size()];
  };
}

}  // namespace nilus::http
