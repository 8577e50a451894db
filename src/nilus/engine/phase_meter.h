// Measures one phase over all of its threads. Thread-safe.
#pragma once

#include <algorithm>
#include <mutex>

#include "nilus/base/clock.h"
#include "nilus/engine/report.h"

namespace nilus {

class PhaseMeter {
 public:
  // A stretch of work on the calling thread, from construction to destruction.
  class Section {
   public:
    explicit Section(PhaseMeter& meter) : meter_(&meter), cpu_(ThreadCpuSeconds()) { meter.Begin(); }
    ~Section() { meter_->End(ThreadCpuSeconds() - cpu_); }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;

   private:
    PhaseMeter* meter_;
    double cpu_;
  };

  void Count(int64_t rows, int64_t bytes) {
    std::lock_guard lock(mutex_);
    report_.rows += rows;
    report_.bytes += bytes;
  }
  void SetFiles(int64_t files, int64_t bytes) {
    std::lock_guard lock(mutex_);
    report_.files = files;
    if (bytes > 0) report_.bytes = bytes;
  }
  PhaseReport Report() const {
    std::lock_guard lock(mutex_);
    PhaseReport report = report_;
    report.seconds = last_ - first_;
    report.cpu_percent = report.seconds > 0 ? 100 * report.cpu_seconds / report.seconds : 0;
    return report;
  }

 private:
  void Begin() {
    std::lock_guard lock(mutex_);
    if (started_) return;
    started_ = true;
    first_ = last_ = MonotonicSeconds();
    report_.started_at = report_.finished_at = Now();
  }
  void End(double cpu_seconds) {
    std::lock_guard lock(mutex_);
    last_ = MonotonicSeconds();
    report_.finished_at = Now();
    report_.cpu_seconds += cpu_seconds;
    report_.peak_bytes = ProcessPeakBytes();
  }

  mutable std::mutex mutex_;
  bool started_ = false;
  double first_ = 0;
  double last_ = 0;
  PhaseReport report_;
};

}  // namespace nilus
