#include "nilus/engine/reader_gate.h"

namespace nilus {
namespace {

constexpr int kBatchesALook = 4;
constexpr int kLeastShare = 4;  // starved: waiting for more than a quarter of the time that writing takes

}  // namespace

void ReaderGate::WriterWaitsLong() {
  std::lock_guard lock(mutex_);
  is_starved_ = true;
  changed_.notify_one();
}

void ReaderGate::WriterWrote(Duration waited, Duration worked) {
  std::lock_guard lock(mutex_);
  if (has_written_) waited_ += waited;  // the first batch is always waited for
  has_written_ = true;
  worked_ += worked;
  if (++batches_ < kBatchesALook) return;
  const bool is_starved = waited_ * kLeastShare > worked_;
  Forget();
  is_starved_ = is_starved;
  if (is_starved) changed_.notify_one();
}

bool ReaderGate::Enter(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return closed_ || is_starved_; });
  if (closed_ || stop.stop_requested()) return false;
  Forget();  // the next one is judged by what this one brings
  return true;
}

void ReaderGate::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void ReaderGate::Forget() {
  is_starved_ = false;
  batches_ = 0;
  waited_ = worked_ = Duration{};
}

}  // namespace nilus
