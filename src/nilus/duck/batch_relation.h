// Batches that are all there already, as a relation of one statement.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/data/record_batch.h"
#include "nilus/duck/database.h"

namespace nilus::duck {

// Lives until the statement has ended. Only one statement may run over it, and name it once: its rows are handed out
// once.
class BatchRelation {
 public:
  // All batches have the schema's columns (by name; absent ones are NULL).
  static Result<BatchRelation> Make(std::shared_ptr<Database> database, SchemaPtr schema,
                                    std::vector<RecordBatch> batches);
  BatchRelation(BatchRelation&& other) noexcept;
  BatchRelation& operator=(BatchRelation&& other) noexcept;
  ~BatchRelation();

  // What stands in FROM.
  std::string sql() const;

 private:
  BatchRelation(std::shared_ptr<Database> database, int64_t id) : database_(std::move(database)), id_(id) {}

  std::shared_ptr<Database> database_;
  int64_t id_ = 0;
};

}  // namespace nilus::duck
