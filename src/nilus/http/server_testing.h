// A small HTTP/1.1 server on loopback for tests: doubles of services, and a proxy that spoils a share of the calls.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "nilus/http/http_client.h"

namespace nilus::http {

struct ServedRequest {
  std::string method;
  std::string target;  // path and query as sent
  Headers headers;     // names in lower case
  std::string body;

  std::string_view Header(std::string_view name) const;
};

// What happens to one call.
enum class Fault {
  kNone,
  kUnavailable,  // 503 without asking the handler
  kServerError,  // 500, after the handler did it
  kReset,        // the connection is reset before the handler sees the request
  kAnswerLost,   // the handler did it, then the connection is reset
  kAnswerCut,    // the handler did it, and a part of the answer arrives
};
inline constexpr Fault kAllFaults[] = {Fault::kUnavailable, Fault::kServerError, Fault::kReset, Fault::kAnswerLost,
                                       Fault::kAnswerCut};

// Called by several threads at once. The returned headers are sent as they are, Content-Length is added.
using Handler = std::function<Response(const ServedRequest&)>;
// Called for each request before it is handled.
using FaultPlan = std::function<Fault(const ServedRequest&)>;

class TestServer {
 public:
  // `raw`: bytes that are sent instead of the handler's answer, after which the connection is closed.
  explicit TestServer(Handler handler, FaultPlan faults = {}, std::function<std::string()> raw = {});
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  ~TestServer();

  int port() const { return port_; }
  std::string url() const;  // http://127.0.0.1:port
  int64_t requests() const { return requests_; }
  int64_t faults() const { return faulted_; }

 private:
  void Accept(const std::stop_token& stop);
  void Serve(int connection);
  bool ServeOne(int connection, std::string& unread);

  Handler handler_;
  FaultPlan plan_;
  std::function<std::string()> raw_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int64_t> requests_ = 0;
  std::atomic<int64_t> faulted_ = 0;
  std::mutex mutex_;
  std::vector<int> connections_;  // open ones, to be shut at the end
  std::vector<std::jthread> threads_;
  std::jthread acceptor_;
};

// Passes every request on to `upstream` (http://host:port), the Host header as it came.
Handler ForwardTo(std::string upstream);

// Each call fails with that chance, in one of `kinds`; the same seed gives the same sequence.
FaultPlan RandomFaults(unsigned seed, int percent,
                       std::vector<Fault> kinds = {std::begin(kAllFaults), std::end(kAllFaults)});

}  // namespace nilus::http
