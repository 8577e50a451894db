// One load of a pipeline at a time. DuckDB's file lock keeps other processes out, so this holds within the process
// only.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "nilus/base/result.h"
#include "nilus/connector/sink.h"

namespace nilus::duckdb {

class PipelineLock {
 public:
  // Waits a moment for another load of this pipeline into this file; then kConflict.
  static Result<std::unique_ptr<PipelineLock>> Take(const std::string& path, const PipelineId& pipeline,
                                                    const std::stop_token& stop);
  ~PipelineLock();
  PipelineLock(const PipelineLock&) = delete;
  PipelineLock& operator=(const PipelineLock&) = delete;

 private:
  explicit PipelineLock(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace nilus::duckdb
