// What fuzzers of the log's decoders require: whatever bytes come, what is accepted is sound: chunks whose parts fit
// each other, positions that do not go backwards.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "nilus/connectors/postgres/cdc/pgoutput_fixture.h"

namespace nilus::postgres {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

inline void RequireColumns(const RecordBatch& rows) {
  Require(rows.schema()->size() == static_cast<int>(rows.columns().size()));
  for (int i = 0; i < rows.schema()->size(); ++i) {
    const Column& column = rows.column(i);
    Require(column.length == rows.num_rows() && column.type == rows.schema()->fields[static_cast<size_t>(i)].type);
    if (!HasOffsets(column.type.id)) continue;
    const auto* offsets = column.offsets.as<int32_t>();
    for (int64_t row = 0; row < column.length; ++row) Require(offsets[row] <= offsets[row + 1]);
    Require(static_cast<size_t>(offsets[column.length]) == column.values.size());
  }
}

inline void RequireSound(const ChangeChunk& chunk, LogPosition* complete) {
  Require(chunk.complete >= *complete);
  for (const ChangeBatch& batch : chunk.batches) {
    const size_t count = batch.ops.size();
    Require(count > 0 && static_cast<size_t>(batch.rows.num_rows()) == count && batch.positions.size() == count);
    Require(batch.change_lsns.size() == count && batch.transactions.size() == count);
    Require(batch.committed_at.size() == count && batch.sequence.size() == count);
    RequireColumns(batch.rows);
    Require(batch.old_rows.has_value() == !batch.old_of.empty());
    if (batch.old_rows) {
      Require(static_cast<size_t>(batch.old_rows->num_rows()) == batch.old_of.size());
      RequireColumns(*batch.old_rows);
    }
    for (size_t i = 0; i < count; ++i) {
      Require(batch.positions[i] > *complete && (chunk.ends_inside || batch.positions[i] <= chunk.complete));
      if (i > 0) Require(batch.positions[i] >= batch.positions[i - 1]);
    }
    for (const auto& [column, flags] : batch.unchanged) {
      Require(flags.size() == count && column < batch.rows.schema()->size());
      for (size_t i = 0; i < count; ++i)
        Require(flags[i] == 0 || batch.rows.column(column).IsNull(static_cast<int64_t>(i)));
    }
  }
  *complete = chunk.complete;
}

// `data` as a sequence of messages, as corpus/ keeps captures.
inline void DecodeAny(const uint8_t* data, size_t size, LogDecoder* decoder, ChangeBuilder* builder) {
  LogPosition complete;
  int count = 0;
  for (const CapturedMessage& message : SplitCapture({reinterpret_cast<const char*>(data), size})) {
    if (!decoder->Decode(message.bytes, message.lsn)) return;  // of no more use
    while (decoder->is_replaying()) {
      if (!decoder->Replay()) return;
    }
    if (++count % 7 == 0) RequireSound(FinishChunk(builder->Take()), &complete);
  }
  RequireSound(FinishChunk(builder->Take()), &complete);
}

}  // namespace nilus::postgres
