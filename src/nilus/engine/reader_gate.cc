#include "nilus/engine/reader_gate.h"

namespace nilus {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kBatchesALook = 4;
constexpr int kLeastShare = 4;  // starved: waiting for more than a quarter of the time that writing takes
// Nothing for so long: rows that pass a filter, perhaps, and the source finds them slowly.
constexpr milliseconds kLongWait{50};
constexpr milliseconds kLookInterval{10};

}  // namespace

void ReaderGate::WriterWaits() {
  std::lock_guard lock(mutex_);
  waits_since_ = steady_clock::now();
}

void ReaderGate::WriterWrote(Duration waited, Duration worked) {
  std::lock_guard lock(mutex_);
  waits_since_.reset();
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
  while (!closed_ && !stop.stop_requested()) {
    if (IsWanted()) {
      Forget();  // the next one is judged by what this one brings
      return true;
    }
    changed_.wait_for(lock, stop, kLookInterval, [this] { return closed_ || is_starved_; });
  }
  return false;
}

void ReaderGate::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool ReaderGate::IsWanted() const {
  return is_starved_ || (waits_since_ && steady_clock::now() - *waits_since_ >= kLongWait);
}

void ReaderGate::Forget() {
  is_starved_ = false;
  batches_ = 0;
  waited_ = worked_ = Duration{};
  if (waits_since_) waits_since_ = steady_clock::now();
}

}  // namespace nilus
