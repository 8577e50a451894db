// The HTTP client against a server that answers, lies, breaks off and keeps silent.
#include "nilus/http/http_client.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>

#include "nilus/base/private_folder.h"
#include "nilus/http/server_testing.h"

namespace nilus::http {
namespace {

using testing::HasSubstr;
using testing::Not;

Response Echo(const ServedRequest& request) {
  std::string text = request.method + " " + request.target + "\n";
  for (const auto& [name, value] : request.headers) text += name + "=" + value + "\n";
  return {.status = 200, .headers = {{"X-Echo", "yes"}}, .body = text + "\n" + request.body};
}

TEST(HttpClientTest, SendsMethodTargetHeadersAndBody) {
  TestServer server(Echo);
  Client client;
  auto response = client.Send({.method = "PUT",
                               .url = server.url() + "/a/../b%20c?x=1",
                               .headers = {{"X-One", "1"}, {"X-Empty", ""}},
                               .body = "bytes"},
                              {});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->Header("x-echo"), "yes");
  EXPECT_THAT(response->body, HasSubstr("PUT /a/../b%20c?x=1\n"));
  EXPECT_THAT(response->body, HasSubstr("x-one=1\n"));
  EXPECT_THAT(response->body, HasSubstr("x-empty=\n"));
  EXPECT_THAT(response->body, HasSubstr("content-length=5\n"));
  EXPECT_THAT(response->body, HasSubstr("\nbytes"));
  EXPECT_THAT(response->body, Not(HasSubstr("expect=")));
}

TEST(HttpClientTest, EmptyPutAndHead) {
  TestServer server(Echo);
  Client client;
  auto put = client.Send({.method = "PUT", .url = server.url() + "/x"}, {});
  ASSERT_TRUE(put);
  EXPECT_THAT(put->body, HasSubstr("content-length=0\n"));
  auto head = client.Send({.method = "HEAD", .url = server.url() + "/x"}, {});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->body, "");
  EXPECT_NE(head->Header("content-length"), "0");
}

TEST(HttpClientTest, RedirectsAreNotFollowed) {
  TestServer server([](const ServedRequest&) {
    return Response{.status = 307, .headers = {{"location", "http://127.0.0.1:1/elsewhere"}}};
  });
  auto response = Client().Send({.url = server.url() + "/x"}, {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 307);
}

TEST(HttpClientTest, KindsSayWhetherItMayHaveBeenDone) {
  std::atomic<Fault> fault = Fault::kNone;
  TestServer server(Echo, [&](const ServedRequest&) { return fault.load(); });
  Client client;
  for (Fault each : {Fault::kReset, Fault::kAnswerLost, Fault::kAnswerCut}) {
    fault = each;
    auto get = client.Send({.url = server.url()}, {});
    ASSERT_FALSE(get);
    EXPECT_EQ(get.error().kind, ErrorKind::kTransient) << get.error().message;
    auto put = client.Send({.method = "PUT", .url = server.url() + "/secret-path?sig=abc", .body = "x"}, {});
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().kind, ErrorKind::kUnknownOutcome) << put.error().message;
    EXPECT_THAT(put.error().message, HasSubstr("127.0.0.1"));
    EXPECT_THAT(put.error().message, Not(HasSubstr("secret-path")));
    EXPECT_THAT(put.error().message, Not(HasSubstr("sig")));
  }
  std::string nowhere;
  {
    TestServer gone(Echo);
    nowhere = gone.url();
  }
  auto refused = client.Send({.method = "PUT", .url = nowhere, .body = "x"}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kTransient) << refused.error().message;
}

// A connection that was kept open and breaks under a PUT: it must not be sent twice behind the caller's back.
TEST(HttpClientTest, NothingIsSentTwice) {
  std::atomic<int> puts = 0;
  std::atomic<bool> lose = false;
  TestServer server(
      [&](const ServedRequest& request) {
        if (request.method == "PUT") ++puts;
        return Response{.status = 200};
      },
      [&](const ServedRequest&) { return lose ? Fault::kAnswerLost : Fault::kNone; });
  Client client;
  ASSERT_TRUE(client.Send({.url = server.url()}, {}));
  lose = true;
  auto put = client.Send({.method = "PUT", .url = server.url(), .body = "x"}, {});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kUnknownOutcome);
  EXPECT_EQ(puts, 1);
  lose = false;
  ASSERT_TRUE(client.Send({.url = server.url()}, {}));
  lose = true;
  put = client.Send({.method = "PUT", .url = server.url()}, {});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kUnknownOutcome);
  EXPECT_EQ(puts, 2);
}

// Wherever the answer is cut, what came is not taken for a whole one.
TEST(HttpClientTest, ACutAnswerIsNoAnswer) {
  const std::string answer = "HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 10\r\n\r\n0123456789";
  std::atomic<size_t> cut = 0;
  TestServer server([&](const ServedRequest&) { return Response{.status = 200}; }, {},
                    [&] { return answer.substr(0, cut); });
  for (; cut < answer.size(); ++cut) {
    auto response = Client().Send({.url = server.url()}, {});
    EXPECT_FALSE(response) << cut;
  }
  auto whole = Client().Send({.url = server.url()}, {});
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->body, "0123456789");
}

TEST(HttpClientTest, LargeAnswersAreRefused) {
  TestServer server([](const ServedRequest&) { return Response{.status = 200, .body = std::string(5000, 'x')}; });
  auto response = Client().Send({.url = server.url(), .largest_response_bytes = 4999}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kExhausted);
}

TEST(HttpClientTest, SilenceEndsByTheIdleTimeout) {
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  TestServer server([&](const ServedRequest&) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return done; });
    return Response{.status = 200};
  });
  auto response = Client({.idle_timeout = std::chrono::seconds(1)}).Send({.url = server.url()}, {});
  {
    std::lock_guard lock(mutex);
    done = true;
  }
  wake.notify_all();
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kTransient);
}

TEST(HttpClientTest, AStopEndsIt) {
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false;
  std::stop_source stop;
  TestServer server([&](const ServedRequest&) {
    stop.request_stop();
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return done; });
    return Response{.status = 200};
  });
  auto get = Client().Send({.url = server.url()}, stop.get_token());
  {
    std::lock_guard lock(mutex);
    done = true;
  }
  wake.notify_all();
  ASSERT_FALSE(get);
  EXPECT_EQ(get.error().kind, ErrorKind::kCancelled);
}

// A TLS server with a certificate of its own, for `name` ("IP:127.0.0.1", "DNS:other.example").
class TlsServer {
 public:
  explicit TlsServer(const std::string& name) {
    const std::string key = folder_.path() + "/key.pem";
    Run({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate(), "-days",
         "2", "-subj", "/CN=nilus test", "-addext", "subjectAltName=" + name},
        true);
    {
      TestServer probe([](const ServedRequest&) { return Response{.status = 200}; });
      port_ = probe.port();  // free once the probe is gone
    }
    server_ = Run({"openssl", "s_server", "-quiet", "-www", "-accept", fmt::format("127.0.0.1:{}", port_), "-cert",
                   certificate(), "-key", key},
                  false);
    for (int attempt = 0; attempt < 500 && !Answers(); ++attempt) usleep(20'000);
  }
  ~TlsServer() {
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }
  std::string certificate() const { return folder_.path() + "/certificate.pem"; }
  std::string url() const { return fmt::format("https://127.0.0.1:{}/", port_); }

 private:
  static pid_t Run(const std::vector<std::string>& command, bool wait) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      const int nothing = open("/dev/null", O_RDWR);
      for (int fd : {0, 1, 2}) dup2(nothing, fd);
      execvp(arguments[0], arguments.data());
      _exit(127);
    }
    if (wait) waitpid(child, nullptr, 0);
    return child;
  }
  // A connection is taken, whatever becomes of it.
  bool Answers() const {
    auto response = Client({.ca_file = certificate()}).Send({.url = url()}, {});
    return response || response.error().kind == ErrorKind::kAuth;
  }

  PrivateFolder folder_ = PrivateFolder::Make(TemporaryParent(), "nilus-tls-test-").value();
  int port_ = 0;
  pid_t server_ = -1;
};

TEST(HttpClientTest, CertificatesAreVerified) {
  const TlsServer server("IP:127.0.0.1");
  auto unknown = Client().Send({.url = server.url()}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::kAuth) << unknown.error().message;
  EXPECT_THAT(unknown.error().fix, HasSubstr("ca_file"));
  auto known = Client({.ca_file = server.certificate()}).Send({.url = server.url()}, {});
  ASSERT_TRUE(known) << known.error().message;
  EXPECT_EQ(known->status, 200);
  const TlsServer other("DNS:other.example");
  auto wrong_name = Client({.ca_file = other.certificate()}).Send({.url = other.url()}, {});
  ASSERT_FALSE(wrong_name);
  EXPECT_EQ(wrong_name.error().kind, ErrorKind::kAuth) << wrong_name.error().message;
}

TEST(HttpClientTest, HeadersCannotSmuggle) {
  auto response = Client().Send({.url = "http://127.0.0.1:1/", .headers = {{"X", "a\r\nY: b"}}}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kInvalidInput);
  response = Client().Send({.url = "file:///etc/passwd"}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::kInvalidInput);
}

TEST(HttpClientTest, Hosts) {
  EXPECT_EQ(HostOf("https://h.example:443/x").value(), "h.example");
  EXPECT_EQ(HostOf("http://h.example:8080?x").value(), "h.example:8080");
  EXPECT_EQ(HostOf("http://u:p@[::1]:80/").value(), "[::1]");
  EXPECT_FALSE(HostOf("h.example"));
  EXPECT_FALSE(HostOf("http:///x"));
}

TEST(HttpClientTest, RetryAfterIsCapped) {
  EXPECT_FALSE(RetryAfter({.status = 503}));
  EXPECT_EQ(RetryAfter({.status = 503, .headers = {{"retry-after", "2"}}}), std::chrono::seconds(2));
  EXPECT_EQ(RetryAfter({.status = 503, .headers = {{"retry-after", "86400"}}}), std::chrono::seconds(60));
}

}  // namespace
}  // namespace nilus::http
