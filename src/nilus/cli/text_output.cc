#include "nilus/cli/text_output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace nilus::cli {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;

// Until a non-blocking descriptor takes more, or its reader goes away. What fails here fails in the next write too.
void AwaitRoom(int fd) {
  pollfd waiting{.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&waiting, 1, -1);
}

}  // namespace

FdOutput::FdOutput(int fd, std::string name, bool buffered) : fd_(fd), name_(std::move(name)), buffered_(buffered) {}

void FdOutput::Write(std::string_view text) {
  if (!buffered_) return WriteAll(text);
  if (buffer_.size() + text.size() > kBufferBytes) Flush();
  if (text.size() > kBufferBytes) return WriteAll(text);
  buffer_.append(text);
}

void FdOutput::Flush() {
  WriteAll(buffer_);
  buffer_.clear();
}

void FdOutput::WriteAll(std::string_view text) {
  while (!text.empty() && status_.has_value()) {
    ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      status_ = Fail(ErrorKind::kCancelled, "{} was closed by its reader", name_);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      AwaitRoom(fd_);  // whoever shares the pipe or terminal may have made it non-blocking
    } else if (errno != EINTR) {
      status_ = Fail(ErrorKind::kExhausted, "cannot write to {}: {}", name_, std::strerror(errno));
    }
  }
}

}  // namespace nilus::cli
