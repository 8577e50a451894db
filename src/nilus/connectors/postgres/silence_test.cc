#include "nilus/connectors/postgres/silence.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "nilus/connectors/postgres/server_testing.h"

namespace nilus::postgres {
namespace {

using testing::HasSubstr;

// Between a client and the server: passes bytes on until it is told to swallow those of the server, of the first
// connection or of all. One thread.
class Proxy {
 public:
  explicit Proxy(int server_port) : server_port_(server_port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = Loopback(0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  ~Proxy() {
    thread_.request_stop();
    thread_.join();
    for (const Pair& pair : pairs_) {
      close(pair.client);
      close(pair.server);
    }
    close(listener_);
  }
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }
  void SwallowFirst() { swallows_first_ = true; }
  void SwallowAll() { swallows_all_ = true; }

 private:
  struct Pair {
    int client;
    int server;
  };
  static sockaddr_in Loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  void Run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::vector<pollfd> fds = {{listener_, POLLIN, 0}};
      for (const Pair& pair : pairs_) {
        fds.push_back({pair.client, POLLIN, 0});
        fds.push_back({pair.server, POLLIN, 0});
      }
      poll(fds.data(), fds.size(), 10);
      for (size_t i = 0; i < pairs_.size(); ++i) {
        const bool swallows = swallows_all_ || (i == 0 && swallows_first_);
        if (fds[2 * i + 1].revents != 0) Pass(&pairs_[i].client, pairs_[i].server, false);
        if (fds[2 * i + 2].revents != 0) Pass(&pairs_[i].server, pairs_[i].client, swallows);
      }
      if (fds[0].revents == 0) continue;
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const sockaddr_in address = Loopback(server_port_);
      EXPECT_EQ(connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
      pairs_.push_back({client, server});
    }
  }
  static void Pass(int* from, int to, bool swallows) {
    std::array<char, 65536> bytes;
    const ssize_t size = read(*from, bytes.data(), bytes.size());
    if (size <= 0) {
      if (!swallows) shutdown(to, SHUT_WR);
      close(*from);
      *from = -1;  // poll passes over it
      return;
    }
    if (swallows) return;
    for (ssize_t at = 0; at < size;) {
      const ssize_t sent = send(to, bytes.data() + at, static_cast<size_t>(size - at), MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += sent;
    }
  }

  const int server_port_;
  int port_ = 0;
  int listener_ = -1;
  std::vector<Pair> pairs_;
  std::atomic<bool> swallows_first_ = false;
  std::atomic<bool> swallows_all_ = false;
  std::jthread thread_;
};

TEST(SilenceWatch, OneBadAnswerMayBeChance) {
  EXPECT_FALSE(SilenceWatch(0).next_question().has_value());
  SilenceWatch watch(1);
  EXPECT_TRUE(watch.next_question().has_value());
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(watch.Judge(ServerWord::kWaitsForUs).has_value());
    EXPECT_FALSE(watch.Judge(ServerWord::kNoAnswer).has_value());
    EXPECT_FALSE(watch.Judge(ServerWord::kNoAnswer).has_value());
    EXPECT_FALSE(watch.Judge(ServerWord::kWorks).has_value());
  }
  EXPECT_FALSE(watch.Judge(ServerWord::kWaitsForUs).has_value());
  EXPECT_THAT(watch.Judge(ServerWord::kWaitsForUs).value_or(""), HasSubstr("waits for us"));
  EXPECT_TRUE(SilenceWatch(1).Judge(ServerWord::kHasGone).has_value());
}

TEST(SilenceWatch, WordsOfPgStatActivity) {
  EXPECT_EQ(WordOf("active", ""), ServerWord::kWorks);
  EXPECT_EQ(WordOf("active", "Lock"), ServerWord::kWorks);
  EXPECT_EQ(WordOf("active", "Client"), ServerWord::kWaitsForUs);
  EXPECT_EQ(WordOf("idle in transaction", "Client"), ServerWord::kWaitsForUs);
  EXPECT_EQ(WordOf("idle", ""), ServerWord::kWaitsForUs);
  EXPECT_EQ(WordOf("", ""), ServerWord::kWorks);  // track_activities is off
}

Address Through(const Proxy& proxy) {
  Address address = TestServer::Shared()->DatabaseAddress("postgres");
  address.port = proxy.port();
  address.params["silence_timeout"] = "1";
  address.params["connect_timeout"] = "1";
  return address;
}

TEST(Silence, ALongStatementIsWaitedFor) {
  Address address = TestServer::Shared()->DatabaseAddress("postgres");
  address.params["silence_timeout"] = "1";
  auto connection = Connection::Open(address, {}).value();
  auto slept = connection->Execute("SELECT pg_sleep(3.5)");
  EXPECT_TRUE(slept.has_value()) << slept.error().ToString();
  EXPECT_TRUE(connection->is_usable());
}

TEST(Silence, AnAnswerThatNeverArrivesIsNotWaitedForForEver) {
  Proxy proxy(TestServer::Shared()->port());
  auto connection = Connection::Open(Through(proxy), {}).value();
  proxy.SwallowFirst();
  auto lost = connection->Execute("SELECT 1");
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(lost.error().message, HasSubstr("the server waits for us"));
  EXPECT_FALSE(connection->is_usable());
}

TEST(Silence, AServerThatAnswersNobodyIsGivenUp) {
  Proxy proxy(TestServer::Shared()->port());
  auto connection = Connection::Open(Through(proxy), {}).value();
  proxy.SwallowAll();
  auto lost = connection->Execute("SELECT 1");
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().kind, ErrorKind::kTransient);
  EXPECT_THAT(lost.error().message, HasSubstr("does not answer a second connection"));
}

TEST(Silence, ASessionThatTheServerEndedIsGivenUp) {
  Proxy proxy(TestServer::Shared()->port());
  auto connection = Connection::Open(Through(proxy), {}).value();
  proxy.SwallowFirst();
  const std::string pid = std::to_string(PQbackendPID(connection->raw()));
  std::jthread killer([&] {
    MustExecute(TestServer::Shared()->DatabaseAddress("postgres"), "SELECT pg_terminate_backend(" + pid + ")");
  });
  auto lost = connection->Execute("SELECT pg_sleep(3600)");
  ASSERT_FALSE(lost.has_value());
  EXPECT_THAT(lost.error().message, HasSubstr("ended this session"));
}

}  // namespace
}  // namespace nilus::postgres
