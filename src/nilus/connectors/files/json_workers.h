// Threads that take the chunks of files in turn and hand over what they make of them in the chunks' order.
#pragma once

#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "nilus/connectors/files/json_chunks.h"
#include "nilus/connectors/files/ordered_outputs.h"

namespace nilus::files {

// Work: copyable to each thread as
//   bool operator()(const JsonChunk& chunk, const std::function<bool(Output)>& push)
// false ends the thread. Output has a member `std::optional<Error> error`: what went wrong while chunks were read.
// Thread: for tests, one that does not start.
template <typename Output, typename Work, typename Thread = std::jthread>
class JsonWorkers {
 public:
  // A thread for each work. When one cannot be started, Pop says so.
  JsonWorkers(JsonChunks* chunks, const std::vector<Work*>& work)
      : chunks_(chunks), outputs_(2 * static_cast<int64_t>(work.size())) {
    try {
      threads_.reserve(work.size());
      for (Work* each : work) threads_.emplace_back([this, each] { Run(each); });
    } catch (const std::exception& error) {
      start_error_ = Error{ErrorKind::kExhausted, fmt::format("no thread could be started: {}", error.what()),
                           "raise the limit of processes (ulimit -u, pids.max of the container)"};
      outputs_.Close();  // those that run would wait for their outputs to be taken
    }
  }
  ~JsonWorkers() { outputs_.Close(); }
  JsonWorkers(const JsonWorkers&) = delete;
  JsonWorkers& operator=(const JsonWorkers&) = delete;

  // The next output in order; nothing at the end or when a stop is requested.
  std::optional<Output> Pop(const std::stop_token& stop) {
    if (start_error_) return Output{.error = start_error_};
    return outputs_.Pop(stop);
  }

 private:
  void Run(Work* work) {
    JsonChunk chunk;
    while (RunChunk(work, &chunk)) {
    }
  }

  // False when there is nothing more to do for this thread.
  bool RunChunk(Work* work, JsonChunk* chunk) {
    std::unique_lock turn(turn_);
    if (ended_) return false;
    const int64_t number = next_++;
    if (!outputs_.Open(number)) return false;
    bool more = false;
    try {
      Result<bool> read = chunks_->Next(chunk);
      if (!read) {
        outputs_.Push(number, Output{.error = std::move(read).error()});
      } else if (*read) {
        // A large chunk has the memory of the others as well: it waits until they are done, and they for it.
        if (!chunk->is_large()) turn.unlock();
        if (chunk->is_large() && !outputs_.WaitForTurn(number)) return false;
        more = (*work)(*chunk, [&](Output output) { return outputs_.Push(number, std::move(output)); });
      }
    } catch (const std::bad_alloc&) {
      outputs_.Push(number, Output{.error = Error{ErrorKind::kExhausted, "out of memory while reading JSON files",
                                                  "raise resources.limits.memory"}});
    }
    outputs_.Finish(number);
    if (!turn.owns_lock()) {
      if (more) return true;
      turn.lock();
    }
    if (more) return outputs_.WaitForTurn(number + 1);
    if (!ended_) outputs_.End(next_);
    ended_ = true;
    return false;
  }

  JsonChunks* chunks_;  // guarded by turn_, as are next_ and ended_
  std::mutex turn_;
  int64_t next_ = 0;
  bool ended_ = false;
  OrderedOutputs<Output> outputs_;
  std::optional<Error> start_error_;  // set before anybody pops
  std::vector<Thread> threads_;
};

}  // namespace nilus::files
