#include "nilus/duck/statement_threads.h"

#include <utility>

namespace nilus::duck {

StatementThreads::~StatementThreads() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  wake_.notify_all();
  threads_.clear();  // joins
}

std::future<void> StatementThreads::Start(std::function<void()> run) {
  Task task{.run = std::move(run), .done = {}};
  std::future<void> done = task.done.get_future();
  std::lock_guard lock(mutex_);
  if (idle_ == 0) {
    threads_.emplace_back([this] { Work(); });  // waits for the lock, then finds the task
  } else {
    --idle_;
  }
  waiting_.push(std::move(task));
  wake_.notify_one();
  return done;
}

void StatementThreads::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Task task = std::move(waiting_.front());
    waiting_.pop();
    lock.unlock();
    task.run();
    task.run = {};
    lock.lock();
    ++idle_;  // before anybody knows: whoever waited may start the next one at once
    task.done.set_value();
  }
}

}  // namespace nilus::duck
