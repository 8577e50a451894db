#include "nilus/cli/text_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

namespace nilus::cli {
namespace {

TEST(TextOutput, AFullDiskIsAnError) {
  int fd = ::open("/dev/full", O_WRONLY);
  ASSERT_GE(fd, 0);
  FdOutput output(fd, "standard output", true);
  output.Write("x");
  EXPECT_TRUE(output.status()) << "still in the buffer";
  output.Flush();
  ASSERT_FALSE(output.status());
  EXPECT_EQ(output.status().error().kind, ErrorKind::kExhausted);
  ::close(fd);
}

TEST(TextOutput, AClosedPipeIsACancellation) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  FdOutput output(ends[1], "standard output", false);
  output.Write("x");
  ASSERT_FALSE(output.status());
  EXPECT_EQ(output.status().error().kind, ErrorKind::kCancelled);
  output.Write("y");  // no further attempt
  ::close(ends[1]);
}

TEST(TextOutput, AFullNonBlockingPipeIsWaitedFor) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const std::string text(1'000'000, 'x');  // more than a pipe holds
  size_t got = 0;
  std::thread reader([&] {
    char buffer[4096];
    pollfd waiting{.fd = ends[0], .events = POLLIN, .revents = 0};
    while (::poll(&waiting, 1, -1) > 0) {
      const ssize_t count = ::read(ends[0], buffer, sizeof buffer);
      if (count == 0) break;
      if (count > 0) got += static_cast<size_t>(count);
    }
  });
  {
    FdOutput output(ends[1], "pipe", true);
    output.Write(text);
    EXPECT_TRUE(output.status()) << output.status().error().message;
  }
  ::close(ends[1]);
  reader.join();
  ::close(ends[0]);
  EXPECT_EQ(got, text.size());
}

TEST(TextOutput, AReaderThatGoesAwayEndsTheWait) {
  ::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  std::thread reader([&] {
    pollfd waiting{.fd = ends[0], .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, -1);
    ::close(ends[0]);
  });
  FdOutput output(ends[1], "pipe", true);
  output.Write(std::string(1'000'000, 'x'));
  ASSERT_FALSE(output.status());
  EXPECT_EQ(output.status().error().kind, ErrorKind::kCancelled);
  reader.join();
  ::close(ends[1]);
}

TEST(TextOutput, LongTextsPassTheBufferInOrder) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_GE(::fcntl(ends[1], F_SETPIPE_SZ, 1 << 18), 1 << 18);
  std::string expected;
  {
    FdOutput output(ends[1], "pipe", true);
    for (const std::string& text :
         {std::string(10, 'a'), std::string(70'000, 'b'), std::string(60'000, 'c'), std::string(10'000, 'd')}) {
      output.Write(text);
      expected += text;
    }
  }
  ::close(ends[1]);
  std::string got(expected.size() + 1, '\0');
  size_t size = 0;
  for (ssize_t count; (count = ::read(ends[0], &got[size], got.size() - size)) > 0;) size += static_cast<size_t>(count);
  got.resize(size);
  EXPECT_EQ(got, expected);
  ::close(ends[0]);
}

}  // namespace
}  // namespace nilus::cli
