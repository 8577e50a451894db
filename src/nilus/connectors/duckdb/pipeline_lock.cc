#include "nilus/connectors/duckdb/pipeline_lock.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

namespace nilus::duckdb {
namespace {

constexpr std::chrono::seconds kPatience{2};

struct Held {
  std::mutex mutex;
  std::condition_variable_any released;
  std::set<std::string, std::less<>> keys;
};
Held& TheHeld() {
  static Held held;
  return held;
}

}  // namespace

Result<std::unique_ptr<PipelineLock>> PipelineLock::Take(const std::string& path, const PipelineId& pipeline,
                                                         const std::stop_token& stop) {
  std::string key = fmt::format("{}\n{}\n{}", path, pipeline.state_schema, pipeline.value);
  Held& held = TheHeld();
  std::unique_lock lock(held.mutex);
  if (!held.released.wait_for(lock, stop, kPatience, [&] { return !held.keys.contains(key); })) {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped while waiting for another load");
    return FailWithFix(ErrorKind::kConflict,
                       "wait until it ends, or stop it: two loads of one pipeline would overwrite each other",
                       "pipeline {} is being loaded into {} by another session of this process", pipeline.value, path);
  }
  held.keys.insert(key);
  return std::unique_ptr<PipelineLock>(new PipelineLock(std::move(key)));
}

PipelineLock::~PipelineLock() {
  Held& held = TheHeld();
  std::lock_guard lock(held.mutex);
  held.keys.erase(key_);
  held.released.notify_all();
}

}  // namespace nilus::duckdb
