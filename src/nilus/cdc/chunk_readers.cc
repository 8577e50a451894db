#include "nilus/cdc/chunk_readers.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

#include "nilus/base/bounded_queue.h"

namespace nilus {
namespace {

struct Shared {
  SnapshotView* view;
  const std::vector<SnapshotChunk>* chunks;
  BoundedQueue<std::pair<size_t, RecordBatch>> queue;
  std::stop_source stop;
  std::atomic<size_t> next{0};
  std::atomic<int> running{0};
  std::mutex mutex;
  std::optional<Error> error;  // guarded by mutex

  void Fail(Error failure) {
    std::lock_guard lock(mutex);
    if (!error) error = std::move(failure);
    stop.request_stop();
  }
};

Status ReadChunk(Shared* shared, size_t index) {
  NILUS_ASSIGN(std::unique_ptr<Reader> reader, shared->view->Open((*shared->chunks)[index]));
  const std::stop_token stop = shared->stop.get_token();
  for (;;) {
    NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(stop));
    if (!batch) return {};
    const int64_t bytes = batch->rows.ByteSize();
    if (!shared->queue.Push({index, std::move(batch->rows)}, bytes, stop))
      return Fail(ErrorKind::kCancelled, "stopped");
  }
}

void Work(Shared* shared) {
  try {
    while (!shared->stop.stop_requested()) {
      const size_t index = shared->next.fetch_add(1);
      if (index >= shared->chunks->size()) break;
      if (Status read = ReadChunk(shared, index); !read) {
        shared->Fail(std::move(read).error());
        break;
      }
    }
  } catch (const std::bad_alloc&) {
    shared->Fail(Error{ErrorKind::kExhausted, "memory ran out while a snapshot was read",
                       "raise resources.limits.memory, or lower snapshot.max.threads"});
  } catch (const std::exception& error) {
    shared->Fail(
        Error{ErrorKind::kInternal, fmt::format("unexpected exception in a snapshot's reader: {}", error.what()), {}});
  }
  if (shared->running.fetch_sub(1) == 1) shared->queue.Close();
}

}  // namespace

Status ReadChunks(SnapshotView& view, const std::vector<SnapshotChunk>& chunks, int threads, int64_t queue_bytes,
                  const std::stop_token& stop, const std::function<Status(size_t, RecordBatch)>& take) {
  if (chunks.empty()) return {};
  Shared shared{.view = &view, .chunks = &chunks, .queue = BoundedQueue<std::pair<size_t, RecordBatch>>(queue_bytes)};
  const std::stop_callback forward(stop, [&shared] { shared.stop.request_stop(); });
  const int count = std::clamp(threads, 1, static_cast<int>(std::min<size_t>(chunks.size(), 64)));
  shared.running = count;
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < count; ++i) workers.emplace_back([&shared] { Work(&shared); });
    while (std::optional<std::pair<size_t, RecordBatch>> item = shared.queue.Pop(shared.stop.get_token())) {
      if (Status taken = take(item->first, std::move(item->second)); !taken) shared.Fail(std::move(taken).error());
    }
    // Closed and empty, or stopped: the readers end by themselves.
  }
  std::lock_guard lock(shared.mutex);
  if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (shared.error) return Failure(*shared.error);
  return {};
}

}  // namespace nilus
