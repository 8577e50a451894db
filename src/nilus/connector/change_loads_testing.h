// Loads of changes as change data capture makes them, for benchmarks: one Sink, load after load.
#pragma once

#include <cstdint>
#include <string>

#include "nilus/connector/sink.h"

namespace nilus::conformance {

class ChangeWorkload {
 public:
  // Of a table of eight columns with `keys` keys in `schema`. `sink` outlives it.
  ChangeWorkload(Sink* sink, std::string schema, int64_t keys);

  // All keys, in loads of 100,000 rows.
  Status Fill();
  // One load of so many changes of random keys: six updates to three inserts and one removal.
  Status Load(int64_t changes);
  // `changes` of every hundred leave a value as it was.
  void SetUnknown(int64_t changes) { unknown_of_100_ = changes; }

 private:
  RecordBatch MakeChanges(int64_t first, int64_t count, bool is_random);
  Status Commit(const RecordBatch& batch);
  uint64_t Random();

  Sink* const sink_;
  const int64_t keys_;
  WriteRequest request_;
  SchemaPtr schema_;  // with the columns of changes
  int64_t version_ = 0;
  int64_t unknown_of_100_ = 0;
  uint64_t random_ = 0x2545F4914F6CDD1DU;
};

}  // namespace nilus::conformance
