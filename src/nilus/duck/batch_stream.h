// Batches pushed by one thread, read by a DuckDB statement that runs on others: INSERT INTO t SELECT … FROM <relation>,
// COPY (SELECT … FROM <relation>) TO …. Values cross without a copy but for fixed-width vectors.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/connection.h"

namespace nilus::duck {

struct BatchStreamOptions {
  SchemaPtr schema;               // of the relation; batches are matched to it by name, a missing column is NULL
  int64_t queue_bytes = 8 << 20;  // batches waiting; Push blocks beyond
  bool single_thread = false;     // rows reach the statement in arrival order (one scan thread)
  std::stop_token stop;           // ends statement and Push with kCancelled
};

// Push, Finish and destruction on one thread. The connection is the stream's alone until it is finished or destroyed.
class BatchStream {
 public:
  // The statement for a relation, given as the text that stands in FROM.
  using StatementFor = std::function<std::string(const std::string& relation)>;

  // Starts the statement on a thread of the database's (statement_threads.h). A transaction open on the connection
  // holds for it as usual.
  static Result<std::unique_ptr<BatchStream>> Start(Connection& connection, const StatementFor& statement_for,
                                                    BatchStreamOptions options);
  // Without Finish: the statement fails (and its effects are undone by DuckDB), then it is waited for.
  ~BatchStream();

  // True when every column of `schema` is one of the relation's, so that Push can take such batches.
  bool Accepts(const Schema& schema) const;
  // Waits for room. When the statement has failed: its error, at once.
  Status Push(RecordBatch batch);
  // The same for `count` rows from `first_row` on, without copying them.
  Status PushRows(RecordBatch batch, int64_t first_row, int64_t count);
  // No more rows, without waiting: the statement can end by itself.
  void CloseInput();
  // No more rows: waits for the statement to end; its result as text (COPY … RETURN_STATS gives a row per file,
  // INSERT one with the count).
  Result<std::vector<TextRow>> Finish();

 private:
  struct State;
  explicit BatchStream(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace nilus::duck
