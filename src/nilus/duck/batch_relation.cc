#include "nilus/duck/batch_relation.h"

#include <algorithm>
#include <utility>

#include "nilus/duck/stream_feed.h"
#include "nilus/duck/stream_function.h"

namespace nilus::duck {

Result<BatchRelation> BatchRelation::Make(std::shared_ptr<Database> database, SchemaPtr schema,
                                          std::vector<RecordBatch> batches) {
  int64_t bytes = 1;
  for (const RecordBatch& batch : batches) bytes += batch.ByteSize();
  auto feed = std::make_shared<StreamFeed>(schema, bytes, std::max(database->config().threads, 1));
  for (RecordBatch& batch : batches) {
    const int64_t rows = batch.num_rows();
    auto columns = std::make_shared<std::vector<int>>();
    for (const Field& field : schema->fields) columns->push_back(batch.schema()->Find(field.name).value_or(-1));
    if (rows > 0) feed->Push(FedBatch{std::move(batch), 0, rows, std::move(columns)});
  }
  feed->Close();
  const int64_t id = database->streams().Add(std::move(feed));
  return BatchRelation(std::move(database), id);
}

BatchRelation::BatchRelation(BatchRelation&& other) noexcept
    : database_(std::move(other.database_)), id_(std::exchange(other.id_, 0)) {}

BatchRelation& BatchRelation::operator=(BatchRelation&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(id_, other.id_);
  return *this;
}

BatchRelation::~BatchRelation() {
  if (database_ != nullptr) database_->streams().Remove(id_);
}

std::string BatchRelation::sql() const { return StreamRelation(id_); }

}  // namespace nilus::duck
