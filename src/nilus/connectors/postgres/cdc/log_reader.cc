#include "nilus/connectors/postgres/cdc/log_reader.h"

#include <algorithm>
#include <condition_variable>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/private_folder.h"
#include "nilus/connectors/postgres/cdc/ask_server.h"
#include "nilus/connectors/postgres/cdc/heartbeat.h"
#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/cdc/lost_tables.h"
#include "nilus/connectors/postgres/cdc/slot.h"

namespace nilus::postgres {

// Tells the receiver what is confirmed, as long as it lives.
class ConfirmationLink {
 public:
  ConfirmationLink(std::shared_ptr<Confirmation> confirmation, LogReceiver* receiver)
      : confirmation_(std::move(confirmation)) {
    std::lock_guard lock(confirmation_->mutex_);
    confirmation_->receiver_ = receiver;
    receiver->Confirm(confirmation_->lsn());
  }
  ~ConfirmationLink() {
    std::lock_guard lock(confirmation_->mutex_);
    confirmation_->receiver_ = nullptr;
  }
  ConfirmationLink(const ConfirmationLink&) = delete;
  ConfirmationLink& operator=(const ConfirmationLink&) = delete;

 private:
  const std::shared_ptr<Confirmation> confirmation_;
};

void Confirmation::Confirm(uint64_t durable) {
  const uint64_t lsn = prepared_.Confirmable(durable);
  uint64_t before = lsn_.load();
  while (before < lsn && !lsn_.compare_exchange_weak(before, lsn)) {
  }
  std::lock_guard lock(mutex_);
  if (receiver_ != nullptr) receiver_->Confirm(lsn_.load());
}

namespace {

using std::chrono::steady_clock;

constexpr int64_t kReceiveBufferBytes = 256 << 10;
// Columns have 32-bit offsets; a message of a row and its old row (at most 1 GiB a value) fits behind this much.
constexpr int64_t kMostChunkBytes = 256 << 20;
constexpr std::chrono::milliseconds kAskForHeadEach{5'000};

PluginRequest AskedOf(const StreamRequest& request) {
  return {request.settings.get(), request.is_binary, request.has_exact_numbers,
          request.is_two_phase ? request.confirmation->prepared() : nullptr, request.from.major};
}

class LogReader : public ChangeReader {
 public:
  // `session`: for questions to the catalog.
  LogReader(StreamRequest request, std::unique_ptr<Connection> connection, std::unique_ptr<Connection> session,
            LogReceiver::Limits limits)
      : request_(std::move(request)),
        layouts_(request_.address, request_.settings, std::move(request_.known), std::move(session),
                 request_.is_binary ? request_.wants_text : nullptr, request_.stop),
        spool_(TemporaryParent()),
        decoder_(request_.settings->plugin->decoder(AskedOf(request_), &layouts_, &builder_, &spool_)),
        receiver_(std::move(connection), request_.confirmation->lsn(), limits),
        link_(request_.confirmation, &receiver_),
        heartbeat_(request_.address,
                   request_.settings->heartbeat.count() > 0 ? request_.settings->heartbeat : kAskForHeadEach,
                   request_.settings->heartbeat.count() > 0 ? request_.settings->heartbeat_query : std::string(),
                   LostTableQuery(*request_.settings, request_.watched)) {
    builder_.StartAt(request_.from);
  }

  Result<ChangeChunk> Next(int64_t max_rows, int64_t max_bytes, std::chrono::milliseconds patience,
                           std::stop_token stop) override {
    if (failed_) return Failure(*failed_);
    max_rows = std::max<int64_t>(max_rows, 1);
    max_bytes = std::clamp<int64_t>(max_bytes, 1, kMostChunkBytes);
    Status read = Read(max_rows, max_bytes, steady_clock::now() + patience, stop);
    if (!read) return Failure(read.error());
    return Finish(stop);
  }

 private:
  Status Read(int64_t max_rows, int64_t max_bytes, steady_clock::time_point deadline, const std::stop_token& stop) {
    while (true) {
      while (true) {
        if (decoder_->is_replaying()) {
          if (Status replayed = decoder_->Replay(); !replayed) {
            failed_ = replayed.error();
            return replayed;
          }
          if (IsFull(max_rows, max_bytes)) return {};
          if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
          continue;
        }
        const std::optional<std::string_view> message = block_.Next();
        if (!message) break;
        if (Status taken = Take(*message); !taken) {
          failed_ = taken.error();  // whatever it is: the message is gone
          return taken;
        }
        if (IsFull(max_rows, max_bytes)) return {};
      }
      // What is whole goes out as soon as nothing more is there.
      const bool is_whole = !builder_.is_empty() && !builder_.is_inside();
      if (is_whole && !receiver_.HasBlock()) return {};
      Result<bool> has_block = receiver_.Next(&block_, deadline, stop);
      if (!has_block) return Failure(has_block.error());
      if (!*has_block) return {};
    }
  }

  // A transaction is cut only when it alone is about as much again.
  bool IsFull(int64_t max_rows, int64_t max_bytes) const {
    const int64_t factor = builder_.is_inside() ? 2 : 1;
    return builder_.rows() >= factor * max_rows || builder_.bytes() >= factor * max_bytes;
  }

  Status Take(std::string_view message) {
    LogHeader header;
    if (!ReadLogHeader(message, &header)) {
      return Fail(ErrorKind::kData, "the server sent a message in its log that is none of the replication protocol");
    }
    builder_.Head(header.wal_end, header.sent_at);
    if (header.is_data) {
      NILUS_TRY(decoder_->Decode(header.payload, header.start));
    } else {
      builder_.Passed(header.wal_end);
    }
    return {};
  }

  Result<ChangeChunk> Finish(const std::stop_token& stop) {
    if (const std::optional<LostTable> lost = heartbeat_.lost_table()) {
      failed_ = LostTableError(*request_.settings, *lost);
      return Failure(*failed_);
    }
    BuiltChunk built = builder_.Take();
    for (const LayoutPtr& layout : built.layouts) {
      if (!layout->has_server_columns) continue;
      Status converted = [&]() -> Status {
        NILUS_ASSIGN(Connection * session, layouts_.Session());
        return ConvertByServer(*session, &built, stop);
      }();
      if (!converted) {
        failed_ = converted.error();  // what was taken is gone
        return Failure(*failed_);
      }
      break;
    }
    if (heartbeat_.head() > built.chunk.head.major) {
      built.chunk.head = {heartbeat_.head(), 0};
      built.chunk.head_at = heartbeat_.head_at();
    }
    return FinishChunk(std::move(built));
  }

  StreamRequest request_;
  ChangeBuilder builder_;
  CatalogLayouts layouts_;
  TransactionSpool spool_;
  std::unique_ptr<LogDecoder> decoder_;
  MessageBlock block_;
  std::optional<Error> failed_;
  LogReceiver receiver_;
  ConfirmationLink link_;
  Heartbeat heartbeat_;
};

std::string StartStatement(const StreamRequest& request) {
  const CaptureSettings& settings = *request.settings;
  // What is prepared and not committed yet comes again, and lies before what is confirmed.
  const uint64_t from = request.is_two_phase ? request.confirmation->lsn() : request.from.major;
  return "START_REPLICATION SLOT " + QuoteIdentifier(settings.slot) + " LOGICAL " + FormatLsn(from) + " (" +
         settings.plugin->options(AskedOf(request)) + ")";
}

// The server ends a stream when it has heard nothing for wal_sender_timeout; it is told something well before that.
Result<LogReceiver::Limits> ReceiverLimits(Connection& session, const std::stop_token& stop) {
  LogReceiver::Limits limits;
  NILUS_ASSIGN(PgResult result,
               session.Execute("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'", stop));
  const int64_t timeout_ms =
      PQntuples(result.get()) == 1 ? ParseInteger(FieldText(result, 0, 0)).value_or(0) : 0;  // 0: it waits without end
  if (timeout_ms > 0) {
    limits.status_interval =
        std::min(limits.status_interval, std::chrono::milliseconds(std::max<int64_t>(timeout_ms / 3, 1)));
  }
  return limits;
}

Error StreamError(const CaptureSettings& settings, Error error) {
  if (error.message.find("55006") != std::string::npos) {
    error.fix = "stop the other pipeline that reads this slot, or give this one a slot.name of its own";
  }
  return InContext("starting to read replication slot " + settings.slot, std::move(error));
}

}  // namespace

Result<std::unique_ptr<ChangeReader>> StartStream(StreamRequest request) {
  NILUS_FAULT_POINT("postgres.log.connect");
  const std::string& slot_name = request.settings->slot;
  NILUS_ASSIGN(std::unique_ptr<Connection> session, Connection::Open(request.address, request.stop));
  session->HideRowValues();
  // Our own last session may linger for a moment.
  NILUS_ASSIGN(std::optional<SlotState> slot, ReadSlot(*session, slot_name, request.stop));
  NILUS_TRY(WaitUntilFree(*session, slot_name, &slot, request.stop));
  if (slot && slot->confirmed > request.from.major) {
    // The server would skip what lies between without a word.
    return FailWithFix(ErrorKind::kData, "set snapshot.mode: when_needed to read the tables anew",
                       "replication slot {} was moved on to {}, beyond the position {} to continue from: the changes "
                       "between are lost",
                       slot_name, FormatLsn(slot->confirmed), FormatLsn(request.from.major));
  }
  NILUS_ASSIGN(LogReceiver::Limits limits, ReceiverLimits(*session, request.stop));
  NILUS_ASSIGN(std::unique_ptr<Connection> connection, Connection::OpenReplication(request.address, request.stop));
  connection->HideRowValues();
  NILUS_TRY(connection->GrowReceiveBuffer(kReceiveBufferBytes, request.stop));
  request.is_binary =
      request.is_binary && request.settings->plugin->sends_binary && connection->server_version() >= 140000;
  if (request.settings->streams_in_progress && connection->server_version() < 140000) {
    return FailWithFix(ErrorKind::kUnsupported, "leave slot.stream.params out",
                       "slot.stream.params: transactions in progress are sent since PostgreSQL 14");
  }
  if (request.is_two_phase && connection->server_version() < 150000) {
    return FailWithFix(ErrorKind::kUnsupported, "leave two_phase out of slot.stream.params, and use a new slot",
                       "replication slot {}: pgoutput tells prepared transactions since PostgreSQL 15", slot_name);
  }
  Status started = connection->StartCopyBoth(StartStatement(request), request.stop);
  if (!started) return Failure(StreamError(*request.settings, started.error()));
  return std::make_unique<LogReader>(std::move(request), std::move(connection), std::move(session), limits);
}

}  // namespace nilus::postgres
