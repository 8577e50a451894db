#include "nilus/connector/change_loads_testing.h"

#include <algorithm>

#include "nilus/data/builder.h"

namespace nilus::conformance {

ChangeWorkload::ChangeWorkload(Sink* sink, std::string schema, int64_t keys) : sink_(sink), keys_(keys) {
  auto columns = std::make_shared<Schema>();
  columns->fields = {{"id", MakeType(TypeId::kInt64)},   {"customer", MakeType(TypeId::kInt64)},
                     {"price", MakeDecimal(12, 2)},      {"status", MakeType(TypeId::kText)},
                     {"note", MakeType(TypeId::kText)},  {"updated", MakeType(TypeId::kTimestamp)},
                     {"_lsn", MakeType(TypeId::kInt64)}, {"_deleted", MakeType(TypeId::kBool)}};
  auto changes = std::make_shared<Schema>(*columns);
  changes->fields.push_back({std::string(kRemovedColumn), MakeType(TypeId::kBool)});
  changes->fields.push_back({std::string(kUnchangedColumn), MakeType(TypeId::kText)});
  schema_ = std::move(changes);
  request_.pipeline = {"bench", schema};
  request_.table = {std::move(schema), "changes"};
  request_.schema = std::move(columns);
  request_.strategy = WriteStrategy::kMerge;
  request_.primary_key = {"id"};
  request_.is_changes = true;
  request_.threads = 2;
}

uint64_t ChangeWorkload::Random() {  // xorshift
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_;
}

RecordBatch ChangeWorkload::MakeChanges(int64_t first, int64_t count, bool is_random) {
  BatchBuilder builder(schema_);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t kind = is_random ? static_cast<int64_t>(Random() % 10) : 0;
    int64_t key =
        is_random ? static_cast<int64_t>(Random() % static_cast<uint64_t>(kind < 7 ? keys_ : 2 * keys_)) : first + i;
    if (kind == 9) key |= 1;  // even ones below keys_ are always there
    builder.column(0).Append<int64_t>(key);
    builder.column(1).Append<int64_t>(static_cast<int64_t>(Random() % 100'000));
    builder.column(2).Append<Int128>(static_cast<Int128>(Random() % 1'000'000));
    builder.column(3).AppendBytes(Random() % 2 == 0 ? "shipped" : "open");
    const bool is_unknown =
        is_random && static_cast<int64_t>(Random() % 100) < unknown_of_100_ && kind < 7 && key % 2 == 0;
    if (is_unknown) {
      builder.column(4).AppendNull();
    } else {
      builder.column(4).AppendBytes("a text as notes of orders have it");
    }
    builder.column(5).Append<int64_t>(1'700'000'000'000'000 + i);
    builder.column(6).Append<int64_t>(version_ * 1'000'000 + i);
    builder.column(7).AppendBool(false);
    builder.column(8).AppendBool(kind == 9);
    if (is_unknown) {
      builder.column(9).AppendBytes("note");
    } else {
      builder.column(9).AppendNull();
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

Status ChangeWorkload::Commit(const RecordBatch& batch) {
  request_.load_id = NewId();
  NILUS_ASSIGN(auto writer, sink_->Open(request_));
  constexpr int64_t kBatchRows = 10'000;
  if (batch.num_rows() <= kBatchRows) {
    NILUS_TRY(writer->Write(batch));
  } else {
    std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()));
    for (int64_t from = 0; from < batch.num_rows(); from += kBatchRows) {
      std::fill(keep.begin(), keep.end(), 0);
      const int64_t to = std::min(from + kBatchRows, batch.num_rows());
      std::fill(keep.begin() + from, keep.begin() + to, 1);
      NILUS_TRY(writer->Write(batch.Filter(keep)));
    }
  }
  NILUS_TRY(writer->Finish());
  NILUS_ASSIGN(CommitResult result, sink_->Commit({.pipeline = request_.pipeline,
                                                   .load_id = request_.load_id,
                                                   .expected_version = version_,
                                                   .position = {R"({"lsn":"0/0"})"}}));
  version_ = result.version;
  return {};
}

Status ChangeWorkload::Fill() {
  constexpr int64_t kLoadRows = 100'000;
  for (int64_t first = 0; first < keys_; first += kLoadRows)
    NILUS_TRY(Commit(MakeChanges(first, std::min(kLoadRows, keys_ - first), false)));
  return {};
}

Status ChangeWorkload::Load(int64_t changes) { return Commit(MakeChanges(0, changes, true)); }

}  // namespace nilus::conformance
