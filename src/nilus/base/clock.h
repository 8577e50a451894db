// Time and resource use of this process. Wall time is for people and records only: nothing is ordered, expired or
// deduplicated by it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace nilus {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

WallTime Now();                             // UTC
std::string FormatWallTime(WallTime time);  // 2026-11-21T20:15:03.123456Z
double MonotonicSeconds();                  // since an arbitrary start
double ThreadCpuSeconds();                  // CPU time of the calling thread
double ProcessCpuSeconds();                 // CPU time of the process, all threads
int64_t ProcessPeakBytes();                 // highest resident set size so far
int CpuCount();                             // processors this process may run on, at least 1

// A new identifier that sorts by creation time: UUID version 7 (RFC 9562), 36 characters.
std::string NewId();

}  // namespace nilus
