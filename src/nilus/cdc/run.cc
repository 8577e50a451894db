#include "nilus/cdc/run.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "nilus/base/log.h"
#include "nilus/cdc/capture.h"

namespace nilus {
namespace {

constexpr auto kTimeForTheLastFlush = std::chrono::seconds(60);

// The sink's own stop request: some time after the service's, so that the last flush can end.
class GraceTimer {
 public:
  explicit GraceTimer(const std::stop_token& stop)
      : wake_on_stop_(stop,
                      [this] {
                        std::lock_guard lock(mutex_);
                        is_asked_ = true;
                        wake_.notify_all();
                      }),
        thread_([this](const std::stop_token& end) {
          std::unique_lock lock(mutex_);
          if (!wake_.wait(lock, end, [this] { return is_asked_; })) return;
          lock.unlock();
          if (SleepUnlessStopped(kTimeForTheLastFlush, end)) stop_.request_stop();
        }) {}

  std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool is_asked_ = false;
  std::stop_callback<std::function<void()>> wake_on_stop_;
  std::jthread thread_;
};

Status RunGuarded(Capture* capture) {
  try {
    return capture->Run();
  } catch (const std::bad_alloc&) {
    return FailWithFix(ErrorKind::kExhausted, "raise resources.limits.memory, or lower max.batch.size",
                       "memory ran out");
  } catch (const std::exception& error) {
    return Fail(ErrorKind::kInternal, "unexpected exception: {}", error.what());
  }
}

bool IsWorthAnotherAttempt(ErrorKind kind) {
  return kind == ErrorKind::kTransient || kind == ErrorKind::kConflict || kind == ErrorKind::kUnknownOutcome;
}

// A service outlives a destination that is down for hours; what never worked is told after a few attempts.
RetryPolicy ServiceRetry(const RunOptions& options) {
  RetryPolicy policy = options.retry;
  const bool is_default = policy.max_attempts == RetryPolicy{}.max_attempts;
  constexpr int kNoLimit = 1'000'000;
  if (is_default) policy.max_attempts = kNoLimit;
  policy.max_delay = std::min(policy.max_delay * 3, std::chrono::milliseconds(30'000));
  return policy;
}

class AttemptLoop {
 public:
  AttemptLoop(const CdcJob& job, const RunOptions& options, RunReport* report, CaptureMonitor* monitor)
      : job_(&job), options_(&options), report_(report), monitor_(monitor) {}

  void Run() {
    GraceTimer grace(options_->stop);
    bool got_through = false;
    bool has_begun = false;  // something was committed: what was still to be read then is in the position
    int attempt = 0;
    std::optional<Retry> retry(ServiceRetry(*options_));
    for (;;) {
      monitor_->StartAttempt(++attempt);
      Status status;
      {
        Capture capture(*job_, *options_, grace.token(), monitor_, !has_begun);
        status = RunGuarded(&capture);
        got_through = got_through || capture.got_through();
        if (capture.made_progress()) {
          has_begun = true;
          retry.emplace(ServiceRetry(*options_));
        }
      }
      if (status || (options_->stop.stop_requested() && status.error().kind == ErrorKind::kCancelled)) {
        report_->is_success = true;
        report_->error.reset();
        return;
      }
      const Error& error = status.error();
      report_->error =
          RunError{.kind = error.kind, .message = error.message, .fix = error.fix, .phase = monitor_->phase()};
      if (!IsWorthAnotherAttempt(error.kind)) return;
      if (options_->stop.stop_requested()) return Stop();
      std::optional<std::chrono::milliseconds> delay = retry->NextDelay();
      if (!delay || (!got_through && attempt >= options_->attempts_to_get_through)) {
        report_->error->message = fmt::format("gave up after {} attempts: {}", attempt, error.message);
        return;
      }
      Wait(attempt, error, *delay);
      if (options_->stop.stop_requested()) return Stop();
    }
  }

 private:
  // Nothing was staged that is not read again, so that an end between two attempts is as good as any.
  void Stop() {
    report_->warnings.push_back(fmt::format("stopped while it waited to try again: {}", report_->error->message));
    report_->is_success = true;
    report_->error.reset();
  }

  void Wait(int attempt, const Error& error, std::chrono::milliseconds delay) {
    LogWarning("{}: {}; going on from what is committed in {} ms", job_->name, error.message, delay.count());
    constexpr size_t kMostKept = 100;
    if (report_->retries.size() < kMostKept)
      report_->retries.push_back(fmt::format("attempt {} failed: {}", attempt, error.message));
    monitor_->Failed(error);
    SleepUnlessStopped(delay, options_->stop);
  }

  const CdcJob* job_;
  const RunOptions* options_;
  RunReport* report_;
  CaptureMonitor* monitor_;
};

}  // namespace

RunReport RunCdcJob(const CdcJob& job, const RunOptions& options) {
  RunReport report;
  const double started = MonotonicSeconds();
  const double cpu = ProcessCpuSeconds();
  report.run_id = options.run_id.empty() ? NewId() : options.run_id;
  report.started_at = Now();
  report.pipeline = job.pipeline.value;
  report.name = job.name;
  report.source = job.source_display;
  report.destination = job.sink_display;
  report.strategy = job.merges ? "merge" : "append";
  report.warnings = job.notices;
  Progress unwatched;
  Progress* progress = options.progress != nullptr ? options.progress : &unwatched;
  CaptureMonitor monitor(job.name, ServiceFolder::Of(job.pipeline.value, job.sink_display, options.variables), &report,
                         progress);
  AttemptLoop(job, options, &report, &monitor).Run();
  std::optional<Error> ended_by;
  if (const auto& error = report.error) ended_by = Error{error->kind, error->message, error->fix};
  monitor.Stopped(ended_by ? &*ended_by : nullptr);
  progress->SetPhase(RunPhase::kDone);
  report.finished_at = Now();
  report.seconds = MonotonicSeconds() - started;
  report.cpu_seconds = ProcessCpuSeconds() - cpu;
  report.peak_bytes = ProcessPeakBytes();
  return report;
}

RunReport RunCdc(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  Result<CdcJob> job = MakeCdcJob(pipeline, registry, options);
  if (job) return RunCdcJob(*job, options);
  RunReport report;
  report.run_id = options.run_id.empty() ? NewId() : options.run_id;
  report.started_at = report.finished_at = Now();
  report.pipeline = PipelineStateKey(pipeline);
  report.name = pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
  report.source = pipeline.source.address.ToDisplay();
  if (pipeline.sink) report.destination = pipeline.sink->address.ToDisplay();
  report.error =
      RunError{.kind = job.error().kind, .message = job.error().message, .fix = job.error().fix, .phase = "plan"};
  return report;
}

}  // namespace nilus
