#include "nilus/connectors/postgres/reader.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/connectors/postgres/sqlstate.h"

namespace nilus::postgres {
namespace {

constexpr int64_t kReceiveBufferBytes = 256 << 10;
// Columns have 32-bit offsets; one row (at most 1 GiB a value) always fits behind this much.
constexpr int64_t kMostBatchBytes = 512 << 20;

class CopyReader : public Reader {
 public:
  CopyReader(std::shared_ptr<Sessions> snapshot, std::shared_ptr<const ReaderSettings> settings, std::string copy_sql)
      : snapshot_(std::move(snapshot)),
        settings_(std::move(settings)),
        copy_sql_(std::move(copy_sql)),
        decoder_(settings_->columns),
        builder_(settings_->schema),
        page_rows_(std::max<int64_t>(settings_->page_rows, 1)),
        batch_bytes_(std::clamp<int64_t>(settings_->batch_bytes, 1, kMostBatchBytes)) {
    for (const CopyDecoder::Column& column : settings_->columns) {
      fixed_row_bytes_ +=
          HasOffsets(column.type.id) ? static_cast<int64_t>(sizeof(int32_t)) : FixedWidth(column.type.id);
    }
  }

  // A reader that is dropped before its end closes its session: the rest of a COPY cannot be skipped.
  ~CopyReader() override {
    if (connection_ != nullptr && !is_done_) connection_->Cancel();
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    if (is_done_) return std::nullopt;
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    auto batch = Read(stop);
    if (!batch) {
      connection_.reset();
      is_done_ = true;
      if (batch.error().kind != ErrorKind::kCancelled)
        return Failure(InContext("reading " + settings_->table, AsReadError(batch.error())));
    }
    return batch;
  }

 private:
  Result<std::optional<Batch>> Read(const std::stop_token& stop) {
    if (connection_ == nullptr) NILUS_TRY(Start(stop));
    int64_t wire_bytes = 0;
    int64_t built_bytes = 0;  // a numeric of 10 bytes may become a text of 131,072; adding up is not for every row
    while (builder_.num_rows() < page_rows_ &&
           std::max({wire_bytes, builder_.num_rows() * fixed_row_bytes_, built_bytes}) < batch_bytes_) {
      if ((builder_.num_rows() & 63) == 63) built_bytes = builder_.ByteSize();
      if (!decoder_.HasRow()) {
        NILUS_ASSIGN(bool has_more, connection_->NextCopyData(&data_, stop));
        if (!has_more) {
          NILUS_TRY(Finish(stop));
          break;
        }
        wire_bytes += static_cast<int64_t>(data_.bytes().size());
        NILUS_TRY(decoder_.Feed(data_.bytes()));
      }
      NILUS_TRY(decoder_.DecodeRow(&builder_));
    }
    if (!decoder_.HasRow()) data_.Clear();  // not kept while the batch is written
    if (builder_.num_rows() == 0) return std::nullopt;
    return Batch{builder_.Finish(), "", {}};
  }

  Status Start(const std::stop_token& stop) {
    NILUS_FAULT_POINT("postgres.source.open_split");
    NILUS_ASSIGN(connection_, snapshot_->Take(stop));
    if (settings_->is_large) NILUS_TRY(connection_->GrowReceiveBuffer(kReceiveBufferBytes, stop));
    NILUS_TRY(connection_->StartCopyOut(copy_sql_, stop));
    NILUS_FAULT_POINT("postgres.source.copy_started");
    return {};
  }

  Status Finish(const std::stop_token& stop) {
    is_done_ = true;
    NILUS_FAULT_POINT("postgres.source.copy_ended");
    if (!decoder_.saw_trailer()) return Fail(ErrorKind::kData, "the server ended binary COPY without its trailer");
    snapshot_->GiveBack(std::move(connection_), copy_sql_, stop);
    return {};
  }

  const std::shared_ptr<Sessions> snapshot_;
  const std::shared_ptr<const ReaderSettings> settings_;
  const std::string copy_sql_;
  CopyDecoder decoder_;
  BatchBuilder builder_;
  const int64_t page_rows_;
  const int64_t batch_bytes_;
  int64_t fixed_row_bytes_ = 0;
  std::unique_ptr<Connection> connection_;
  CopyData data_;
  bool is_done_ = false;
};

}  // namespace

std::unique_ptr<Reader> MakeReader(std::shared_ptr<Sessions> snapshot, std::shared_ptr<const ReaderSettings> settings,
                                   std::string copy_sql) {
  return std::make_unique<CopyReader>(std::move(snapshot), std::move(settings), std::move(copy_sql));
}

}  // namespace nilus::postgres
