// Threads that run DuckDB's statements beside their callers, each kept for the next statement. DuckDB's allocator
// (jemalloc) gives memory back to the thread that it is freed by: with a new thread a statement, each of a load's files
// would be written into pages that are fresh from the kernel.
#pragma once

#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

namespace nilus::duck {

// Thread-safe. There are as many threads as tasks ran at once.
class StatementThreads {
 public:
  StatementThreads() = default;
  ~StatementThreads();  // waits for the tasks
  StatementThreads(const StatementThreads&) = delete;
  StatementThreads& operator=(const StatementThreads&) = delete;

  // Starts at once: on a thread that has nothing to do, or on a new one. `run` does not throw; Start throws
  // std::system_error where the system gives no thread. The future's destructor does not wait.
  std::future<void> Start(std::function<void()> run);

 private:
  struct Task {
    std::function<void()> run;
    std::promise<void> done;
  };
  void Work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::queue<Task> waiting_;  // each has its thread
  size_t idle_ = 0;           // threads that no waiting task is meant for
  bool ended_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace nilus::duck
