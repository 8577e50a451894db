// Named fault points: the places where a commit can be cut. In test builds (NILUS_FAULT_POINTS) the environment makes
// one of them fail, kill the process or lose an acknowledgement; elsewhere the macros are nothing.
//
//   NILUS_FAULT=<point>:<action>[:<n>]   act at the n-th passage (1 when absent)
//        error   the point returns a transient error        (NILUS_FAULT_POINT only)
//        fatal   the point returns a permanent error
//        kill    the process dies by SIGKILL
//        lost    the step is done, but its caller sees "unknown outcome" (NILUS_FAULT_ACK points only)
//        pause   the process stops itself (SIGSTOP) until the test continues it
//   NILUS_FAULT_TRACE=<file>             append "<name> point|ack" for each passage: how the suite finds them all
//   NILUS_FAULT_RANDOM_KILL=<seed>:<per mille>   die at any passage with that chance
#pragma once

#include "nilus/base/result.h"

namespace nilus {

#if NILUS_FAULT_POINTS
Status PassFaultPoint(const char* name);
Status PassAckFaultPoint(const char* name);
// Before or between steps: may return an error to the caller.
#define NILUS_FAULT_POINT(name) NILUS_TRY(::nilus::PassFaultPoint(name))
// Right after a remote system has confirmed something: may pretend that the confirmation never came.
#define NILUS_FAULT_ACK(name) NILUS_TRY(::nilus::PassAckFaultPoint(name))
#else
#define NILUS_FAULT_POINT(name) static_cast<void>(0)
#define NILUS_FAULT_ACK(name) static_cast<void>(0)
#endif

}  // namespace nilus
