// A source and a sink in memory, for the engine's tests: every call can fail, be cut off, or lose its answer, and known
// bugs can be seeded to prove that a test catches them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nilus/connector/sink.h"
#include "nilus/connector/source.h"
#include "nilus/engine/job.h"

namespace nilus {

using FakeRow = std::vector<std::optional<std::string>>;  // canonical texts, in the schema's order

// What happens at the n-th call of a run, counted over all calls of source and sink.
enum class FakeFault {
  kNone,
  kTransient,        // the call fails, nothing was done
  kFatal,            // the same, for good
  kUnknownApplied,   // Commit: done, but no answer came
  kUnknownLost,      // Commit: not done, and no answer came
  kConflict,         // Commit: somebody else committed meanwhile
  kDead,             // this call and all later ones of the run fail for good: the process is as good as killed
  kUnknownThenDead,  // Commit: done, no answer, and nothing can be asked any more
};

class FakeFaults {
 public:
  void Arm(int64_t nth, FakeFault fault);
  void Disarm() { Arm(-1, FakeFault::kNone); }
  // The fault due at this call; also records the call's name.
  FakeFault Pass(std::string_view call);
  Status Check(std::string_view call);  // for calls that only know how to fail
  int64_t calls() const;
  std::vector<std::string> trace() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> trace_;
  int64_t nth_ = -1;
  FakeFault fault_ = FakeFault::kNone;
  bool dead_ = false;
};

struct FakeTable {
  Schema schema;
  std::vector<std::string> primary_key;  // enforced by the source
  std::vector<FakeRow> rows;
  std::vector<std::string> null_columns;
};

struct FakeSource {
  FakeTable table;
  int splits = 1;
  bool pushes_down = true;   // ranges and limits, in key order; else every row is delivered as it lies there
  bool knows_schema = true;  // else Describe gives an empty one
  bool knows_upper = true;
  int64_t batch_rows = 3;
  Position end;
  std::vector<ReadRequest> requests;  // of each Plan
};

struct FakeDestination {
  struct Table {
    Schema schema;
    std::vector<FakeRow> rows;
  };
  std::map<std::string, Table> tables;
  std::map<std::string, CommittedState> states;
  std::map<std::string, std::string> loads;  // load id → pipeline
  int open_writers = 0;
  int64_t writes = 0;
  std::map<std::string, int64_t> misfits;  // each receipt says that the sink found these
};

struct SeededBugs {
  bool position_before_rows = false;  // the position becomes visible when the last writer finishes, before the rows
  bool unknown_is_failed = false;     // a commit without an answer is called failed, and nobody looks
};

struct FakeWorld {
  FakeFaults faults;
  FakeSource source;
  FakeDestination destination;
  SeededBugs bugs;
  int unanswered_looks = 0;            // so many WasCommitted fail before one answers
  std::function<void()> on_committed;  // called by Commit when it has taken place
  std::function<void()> on_read;       // called by each Next, on its thread
  std::function<void()> on_write;      // called by each Write

  // A job between the two; strategy and keys are the caller's to set.
  BatchJob MakeJob();
  // The rows of the job's table, sorted, each as one text; columns in the order given.
  std::vector<std::string> Rows(const std::vector<std::string>& columns) const;
  std::vector<std::string> SourceRows(const std::vector<std::string>& columns) const;
};

// Options without waiting: retries follow each other at once.
RunOptions QuickOptions(int max_attempts = 3);

std::unique_ptr<Source> OpenFakeSource(FakeWorld* world);
std::unique_ptr<Sink> OpenFakeSink(FakeWorld* world);

}  // namespace nilus
