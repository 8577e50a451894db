#include "nilus/cdc/feed.h"

#include <exception>

#include "nilus/cdc/changes.h"

namespace nilus {

constexpr auto kPatience = std::chrono::milliseconds(500);  // of an idle log: `complete` moves on at least so often

ChangeFeed::ChangeFeed(std::unique_ptr<ChangeReader> reader, FeedLimits limits)
    : reader_(std::move(reader)), limits_(limits), thread_([this](const std::stop_token& stop) { Read(stop); }) {}

ChangeFeed::~ChangeFeed() {
  thread_.request_stop();
  thread_.join();
}

void ChangeFeed::Read(const std::stop_token& stop) {
  const auto fail = [this](Error error) {
    std::lock_guard lock(mutex_);
    error_ = std::move(error);
    filled_.notify_all();
  };
  try {
    while (!stop.stop_requested()) {
      Result<ChangeChunk> chunk = reader_->Next(limits_.chunk_rows, limits_.chunk_bytes, kPatience, stop);
      if (!chunk) return fail(std::move(chunk).error());
      Push(*std::move(chunk), stop);
    }
  } catch (const std::bad_alloc&) {
    fail(Error{ErrorKind::kExhausted, "memory ran out while the log was read", "raise resources.limits.memory"});
  } catch (const std::exception& error) {
    fail(Error{ErrorKind::kInternal, fmt::format("unexpected exception while the log was read: {}", error.what()), {}});
  }
}

void ChangeFeed::Push(ChangeChunk chunk, const std::stop_token& stop) {
  int64_t bytes = 0;
  for (const ChangeBatch& batch : chunk.batches) bytes += ByteSize(batch);
  const bool is_news = !chunk.batches.empty() || !chunk.schemas.empty();
  std::unique_lock lock(mutex_);
  if (!is_news && !chunks_.empty()) {  // a sign of life: the last chunk tells it
    ChangeChunk& last = chunks_.back().first;
    last.head = chunk.head;
    last.head_at = chunk.head_at;
    if (last.ends_inside == chunk.ends_inside) last.complete = chunk.complete;
    return;
  }
  room_.wait(lock, stop, [&] { return chunks_.empty() || bytes_ + bytes <= limits_.queue_bytes; });
  if (stop.stop_requested()) return;
  bytes_ += bytes;
  chunks_.emplace_back(std::move(chunk), bytes);
  filled_.notify_all();
}

Result<std::optional<ChangeChunk>> ChangeFeed::Take(std::chrono::steady_clock::time_point deadline,
                                                    const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  filled_.wait_until(lock, stop, deadline, [&] { return !chunks_.empty() || error_.has_value(); });
  if (chunks_.empty()) {
    if (error_) return Failure(*error_);
    return std::optional<ChangeChunk>();
  }
  auto [chunk, bytes] = std::move(chunks_.front());
  chunks_.pop_front();
  bytes_ -= bytes;
  room_.notify_all();
  return std::optional<ChangeChunk>(std::move(chunk));
}

bool ChangeFeed::IsEmpty() const {
  std::lock_guard lock(mutex_);
  return chunks_.empty() && !error_;
}

}  // namespace nilus
