#include "nilus/duck/stream_feed.h"

#include <utility>

namespace nilus::duck {

bool StreamFeed::Push(FedBatch batch) {
  int64_t bytes = batch.batch.ByteSize();
  return queue_.Push(std::move(batch), bytes, aborted_.get_token());
}

void StreamFeed::Abort(Error reason) {
  {
    std::lock_guard lock(mutex_);
    if (reason_) return;
    reason_ = std::move(reason);
  }
  aborted_.request_stop();
}

std::optional<Error> StreamFeed::abort_reason() const {
  std::lock_guard lock(mutex_);
  return reason_;
}

int64_t StreamRegistry::Add(std::shared_ptr<StreamFeed> feed) {
  std::lock_guard lock(mutex_);
  feeds_[++last_id_] = std::move(feed);
  return last_id_;
}

void StreamRegistry::Remove(int64_t id) {
  std::lock_guard lock(mutex_);
  feeds_.erase(id);
}

bool StreamRegistry::empty() const {
  std::lock_guard lock(mutex_);
  return feeds_.empty();
}

std::shared_ptr<StreamFeed> StreamRegistry::Find(int64_t id) const {
  std::lock_guard lock(mutex_);
  auto found = feeds_.find(id);
  return found == feeds_.end() ? nullptr : found->second;
}

}  // namespace nilus::duck
