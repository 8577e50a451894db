#include "nilus/connectors/postgres/cdc/log_receiver.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "nilus/base/clock.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

using std::chrono::steady_clock;

constexpr size_t kBlockBytes = 64 << 10;     // a block is handed over when it is as large, or nothing more is there
constexpr size_t kMostSpareBytes = 1 << 20;  // a block that grew beyond is not kept
constexpr size_t kMostSpares = 4;

}  // namespace

void MessageBlock::Add(std::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  bytes_.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes_.append(message);
}

std::optional<std::string_view> MessageBlock::Next() {
  if (empty()) return std::nullopt;
  uint32_t size = 0;
  std::memcpy(&size, bytes_.data() + read_, sizeof size);
  read_ += sizeof size + size;
  return std::string_view(bytes_).substr(read_ - size, size);
}

LogReceiver::LogReceiver(std::unique_ptr<Connection> connection, uint64_t confirmed, Limits limits)
    : limits_(limits),
      connection_(std::move(connection)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      confirmed_(confirmed),
      received_(confirmed),
      told_(confirmed),
      next_status_(steady_clock::now() + limits.status_interval),
      last_word_(steady_clock::now()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

LogReceiver::~LogReceiver() {
  thread_.request_stop();
  Wake();
  thread_.join();
}

void LogReceiver::Wake() const { static_cast<void>(eventfd_write(wake_.get(), 1)); }

void LogReceiver::Confirm(uint64_t lsn) {
  uint64_t before = confirmed_.load();
  while (before < lsn && !confirmed_.compare_exchange_weak(before, lsn)) {
  }
  if (before < lsn) Wake();
}

bool LogReceiver::HasBlock() const {
  std::lock_guard lock(mutex_);
  return !blocks_.empty();
}

Result<bool> LogReceiver::Next(MessageBlock* block, steady_clock::time_point deadline, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  filled_.wait_until(lock, stop, deadline, [this] { return !blocks_.empty() || ended_; });
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (blocks_.empty()) {
    if (ended_) return Failure(*ended_);
    return false;
  }
  if (block->size() <= kMostSpareBytes && spare_.size() < kMostSpares) {
    block->Clear();
    spare_.push_back(std::move(*block));
  }
  *block = std::move(blocks_.front());
  blocks_.pop_front();
  queued_bytes_ -= block->size();
  if (std::exchange(waits_for_room_, false)) Wake();
  return true;
}

void LogReceiver::Run(const std::stop_token& stop) {
  Status listened;
  try {
    listened = Listen(stop);
  } catch (const std::bad_alloc&) {
    listened = Fail(ErrorKind::kExhausted, "no memory is left for what the log brings");
  }
  if (listened) {
    // Stopped: the next session need not begin before the last confirmation.
    if (SendStatus(false)) static_cast<void>(PQflush(connection_->raw()));
    connection_.reset();
    return;
  }
  std::lock_guard lock(mutex_);
  if (!filling_.empty()) blocks_.push_back(std::move(filling_));
  ended_ = listened.error();
  filled_.notify_all();
}

Status LogReceiver::Listen(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool has_room = HasRoom();
    if (has_room) NILUS_TRY(TakeMessages());
    const auto now = steady_clock::now();
    if (has_room && now - last_word_ >= limits_.silence) {
      return Fail(ErrorKind::kTransient, "the connection that brings the log is lost: the server is silent");
    }
    const bool asks = has_room && !is_asked_ && now - last_word_ >= limits_.silence / 2;
    if (asks || wants_answer_ || confirmed_.load() != told_ || now >= next_status_) NILUS_TRY(SendStatus(asks));
    NILUS_TRY(Wait(has_room));
  }
  return {};
}

bool LogReceiver::HasRoom() {
  std::lock_guard lock(mutex_);
  waits_for_room_ = queued_bytes_ >= limits_.queue_bytes;
  return !waits_for_room_;
}

// All that libpq has; stops when the queue is full.
Status LogReceiver::TakeMessages() {
  while (true) {
    char* bytes = nullptr;
    const int size = PQgetCopyData(connection_->raw(), &bytes, 1);
    if (size > 0) {
      const std::string_view message(bytes, static_cast<size_t>(size));
      Note(message);
      filling_.Add(message);
      PQfreemem(bytes);
      if (filling_.size() < kBlockBytes) continue;
      Publish();
      if (!HasRoom()) return {};
      continue;
    }
    if (!filling_.empty()) Publish();
    if (size == 0) return {};
    if (size == -1) NILUS_TRY(connection_->EndCopy());
    if (size == -2) {
      return Fail(ErrorKind::kTransient, "the connection that brings the log is lost: {}",
                  PQerrorMessage(connection_->raw()));
    }
    return Fail(ErrorKind::kTransient, "the server has ended the stream of its log");
  }
}

void LogReceiver::Note(std::string_view message) {
  last_word_ = steady_clock::now();
  is_asked_ = false;
  LogHeader header;
  if (!ReadLogHeader(message, &header)) return;  // told to the consumer, who reads it again
  received_ = std::max(received_, header.wal_end);
  wants_answer_ |= header.wants_answer;
}

void LogReceiver::Publish() {
  std::lock_guard lock(mutex_);
  queued_bytes_ += filling_.size();
  blocks_.push_back(std::move(filling_));
  filling_ = {};
  if (!spare_.empty()) {
    filling_ = std::move(spare_.back());
    spare_.pop_back();
  }
  filled_.notify_all();
}

Status LogReceiver::SendStatus(bool asks_for_answer) {
  told_ = confirmed_.load();
  is_asked_ |= asks_for_answer;
  wants_answer_ = false;
  next_status_ = steady_clock::now() + limits_.status_interval;
  const std::string status = StatusMessage(std::max(received_, told_), told_, Now(), asks_for_answer);
  if (PQputCopyData(connection_->raw(), status.data(), static_cast<int>(status.size())) < 0) {
    return Fail(ErrorKind::kTransient, "the connection that brings the log is lost: {}",
                PQerrorMessage(connection_->raw()));
  }
  is_flush_due_ = true;
  return {};
}

Status LogReceiver::Wait(bool for_read) {
  PGconn* raw = connection_->raw();
  if (is_flush_due_) {
    const int left = PQflush(raw);
    if (left < 0) {
      return Fail(ErrorKind::kTransient, "the connection that brings the log is lost: {}", PQerrorMessage(raw));
    }
    is_flush_due_ = left > 0;
  }
  int events = for_read ? POLLIN : 0;
  if (is_flush_due_) events |= POLLOUT;
  std::array<pollfd, 2> fds = {
      {{events == 0 ? -1 : PQsocket(raw), static_cast<short>(events), 0}, {wake_.get(), POLLIN, 0}}};
  auto until = next_status_;
  if (for_read) until = std::min(until, last_word_ + (is_asked_ ? limits_.silence : limits_.silence / 2));
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now());
  const int ready = poll(fds.data(), fds.size(), static_cast<int>(std::max<int64_t>(left.count() + 1, 0)));
  if (ready < 0 && errno != EINTR) return Fail(ErrorKind::kInternal, "poll failed with error {}", errno);
  if (ready <= 0) return {};
  if (fds[1].revents != 0) {
    eventfd_t ignored = 0;
    static_cast<void>(eventfd_read(wake_.get(), &ignored));
  }
  if (fds[0].revents != 0 && for_read && PQconsumeInput(raw) == 0) {
    NILUS_TRY(TakeMessages());  // what came before the end
    return Fail(ErrorKind::kTransient, "the connection that brings the log is lost: {}", PQerrorMessage(raw));
  }
  return {};
}

}  // namespace nilus::postgres
