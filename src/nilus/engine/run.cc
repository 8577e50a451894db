#include "nilus/engine/run.h"

#include <algorithm>

#include "nilus/base/log.h"
#include "nilus/engine/attempt.h"
#include "nilus/engine/job.h"

namespace nilus {
namespace {

void StartReport(const RunOptions& options, RunReport* report) {
  report->run_id = options.run_id.empty() ? NewId() : options.run_id;
  report->started_at = Now();
}

class RunClock {
 public:
  void Stop(RunReport* report) const {
    report->finished_at = Now();
    report->seconds = MonotonicSeconds() - start_;
    report->cpu_seconds = ProcessCpuSeconds() - cpu_;
    report->peak_bytes = ProcessPeakBytes();
  }

 private:
  double start_ = MonotonicSeconds();
  double cpu_ = ProcessCpuSeconds();
};

// Runs an attempt on the caller's own thread, where no thread top catches what a library throws.
Status RunGuarded(Attempt* attempt, const std::vector<std::string>& earlier_loads) {
  auto unless_sent = [&](ErrorKind kind, std::string message, std::string fix) {
    if (!attempt->commit_was_sent()) return Failure(Error{kind, std::move(message), std::move(fix)});
    return FailWithFix(ErrorKind::kUnknownOutcome, "run it again: the next run goes on from what is committed",
                       "{} after the commit was sent: whether it took place is not known", message);
  };
  try {
    return attempt->Run(earlier_loads);
  } catch (const std::bad_alloc&) {
    return unless_sent(ErrorKind::kExhausted, "memory ran out", "raise resources.limits.memory, or lower page_size");
  } catch (const std::exception& error) {
    return unless_sent(ErrorKind::kInternal, fmt::format("unexpected exception: {}", error.what()), "");
  }
}

bool IsWorthAnotherAttempt(ErrorKind kind) { return kind == ErrorKind::kTransient || kind == ErrorKind::kConflict; }

}  // namespace

int ExitCode(const RunReport& report) {
  if (report.is_success) return 0;
  if (!report.error) return 1;
  if (report.error->kind == ErrorKind::kCancelled) return 130;
  bool is_input = report.error->kind == ErrorKind::kInvalidInput || report.error->kind == ErrorKind::kUnsupported;
  return is_input && report.tables.empty() ? 2 : 1;  // tables are reported once something was read
}

RunReport RunJob(const BatchJob& job, const RunOptions& options) {
  RunReport report;
  RunClock clock;
  StartReport(options, &report);
  report.pipeline = job.pipeline.value;
  report.name = job.name;
  report.source = job.source_display;
  report.destination = job.sink_display;
  report.strategy = WriteStrategyName(job.strategy);

  Progress unwatched;
  Progress* progress = options.progress != nullptr ? options.progress : &unwatched;
  Retry retry(options.retry);
  std::vector<std::string> earlier_loads;
  bool got_through = false;
  for (;;) {
    report.attempts = retry.attempts();
    report.warnings.clear();  // of an attempt before: what it found, this one finds again
    if (!job.memory_warning.empty()) report.warnings.push_back(job.memory_warning);
    if (!job.table_warning.empty()) report.warnings.push_back(job.table_warning);
    progress->StartAttempt(report.attempts);
    std::string load_id = NewId();
    Attempt attempt(job, options, load_id, &report, progress);
    Status status = RunGuarded(&attempt, earlier_loads);
    if (status) {
      report.is_success = true;
      report.error.reset();
      break;
    }
    const Error& error = status.error();
    if (!report.error) report.error = RunError{.kind = error.kind, .message = error.message, .fix = error.fix};
    if (options.stop.stop_requested() && error.kind != ErrorKind::kUnknownOutcome) {
      report.error->kind = ErrorKind::kCancelled;
      report.error->message = "stopped before the commit; the destination is as it was";
      report.error->fix.clear();
      break;
    }
    if (!IsWorthAnotherAttempt(error.kind)) break;
    earlier_loads.push_back(std::move(load_id));
    got_through = got_through || attempt.got_through() || error.kind == ErrorKind::kConflict;
    std::optional<std::chrono::milliseconds> delay = retry.NextDelay();
    if (!delay || (!got_through && report.attempts >= options.attempts_to_get_through)) {
      report.error->message = fmt::format("gave up after {} attempts: {}", report.attempts, error.message);
      break;
    }
    LogWarning("{}: attempt {} failed ({}); trying again in {} ms", job.name, report.attempts, error.message,
               delay->count());
    report.retries.push_back(fmt::format("attempt {} failed: {}", report.attempts, error.message));
    progress->SetPhase(RunPhase::kWaitingToRetry);
    SleepUnlessStopped(*delay, options.stop);
  }
  progress->SetPhase(RunPhase::kDone);
  clock.Stop(&report);
  return report;
}

RunReport RunPipeline(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  Result<BatchJob> job = MakeBatchJob(pipeline, registry, options);
  if (job) return RunJob(*job, options);
  RunReport report;
  RunClock clock;
  StartReport(options, &report);
  report.pipeline = PipelineStateKey(pipeline);
  report.name = pipeline.node.empty() ? pipeline.name : pipeline.name + "/" + pipeline.node;
  report.source = pipeline.source.address.ToDisplay();
  if (pipeline.sink) report.destination = pipeline.sink->address.ToDisplay();
  report.strategy = IncrementalStrategyName(pipeline.sink_options.incremental_strategy);
  const Error& error = job.error();
  report.error = RunError{.kind = error.kind,
                          .message = error.message,
                          .fix = error.fix,
                          .phase = "plan",
                          .table = pipeline.sink_options.dest_table};
  if (options.progress != nullptr) options.progress->SetPhase(RunPhase::kDone);
  clock.Stop(&report);
  return report;
}

}  // namespace nilus
