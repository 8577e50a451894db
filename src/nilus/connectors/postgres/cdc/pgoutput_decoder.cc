#include "nilus/connectors/postgres/cdc/pgoutput_decoder.h"

#include <utility>

namespace nilus::postgres {

Status PgoutputDecoder::Decode(std::string_view bytes, uint64_t lsn) {
  if (is_replaying_) return Fail(ErrorKind::kInternal, "the log goes on before a transaction was replayed");
  NILUS_TRY(ParsePgoutput(bytes, in_stream_, &message_));
  if (spool_ == nullptr) return Apply(bytes, lsn);
  switch (message_.type) {
    case PgoutputMessage::kStreamStart:
      if (in_stream_ || builder_->is_inside()) {
        return Fail(ErrorKind::kData, "the log opens a transaction's block inside another");
      }
      in_stream_ = true;
      streamed_ = message_.xid;
      return {};
    case PgoutputMessage::kStreamStop:
      if (!in_stream_) return Fail(ErrorKind::kData, "the log ends a transaction's block that it did not open");
      in_stream_ = false;
      return {};
    case PgoutputMessage::kStreamAbort:
      if (in_stream_) break;
      spool_->Abort(message_.xid, message_.sub_xid);
      return {};
    case PgoutputMessage::kStreamCommit:
      if (in_stream_) break;
      return CommitSpooled();
    default: {
      if (in_stream_) return Stream(bytes, lsn);
      NILUS_ASSIGN(bool is_done, TwoPhase());
      if (is_done) return {};
      return is_preparing_ ? Spool(bytes, lsn) : Apply(bytes, lsn);
    }
  }
  return Fail(ErrorKind::kData, "the log ends a transaction inside one of its blocks");
}

// Messages of prepared transactions. False: it is another one.
Result<bool> PgoutputDecoder::TwoPhase() {
  if (prepared_ == nullptr) return false;
  switch (message_.type) {
    case PgoutputMessage::kBeginPrepare:
      if (is_preparing_ || builder_->is_inside()) {
        return Fail(ErrorKind::kData, "the log prepares a transaction inside another");
      }
      is_preparing_ = true;
      preparing_ = message_.xid;
      return true;
    case PgoutputMessage::kPrepare:
      if (!is_preparing_ || message_.xid != preparing_) break;
      is_preparing_ = false;
      prepared_->Prepare(message_.xid, message_.lsn);
      return true;
    case PgoutputMessage::kStreamPrepare:
      prepared_->Prepare(message_.xid, message_.lsn);
      return true;
    case PgoutputMessage::kRollbackPrepared:
      static_cast<void>(prepared_->End(message_.xid, message_.end_lsn - 1));
      spool_->Abort(message_.xid, message_.xid);
      return true;
    case PgoutputMessage::kCommitPrepared:
      if (is_preparing_) break;
      if (!prepared_->End(message_.xid, message_.lsn) && !IsPassed(message_.lsn)) {
        return FailWithFix(ErrorKind::kData,
                           "set snapshot.mode: when_needed, and drop the slot: the tables are read anew",
                           "transaction {} was prepared before the place that the slot was confirmed up to, and is "
                           "committed now: its changes are not told again",
                           message_.xid);
      }
      NILUS_TRY(CommitSpooled());
      return true;
    default:
      return false;
  }
  return Fail(ErrorKind::kData, "the log ends a prepared transaction that it did not open");
}

// What stands between BeginPrepare and Prepare.
Status PgoutputDecoder::Spool(std::string_view bytes, uint64_t lsn) {
  switch (message_.type) {
    case PgoutputMessage::kRelation:
      // Told once for all transactions, and it holds for those that come before this one is committed.
      Relation(bytes);
      return spool_->Append(preparing_, preparing_, lsn, bytes);
    case PgoutputMessage::kInsert:
    case PgoutputMessage::kUpdate:
    case PgoutputMessage::kDelete:
    case PgoutputMessage::kTruncate:
      return spool_->Append(preparing_, preparing_, lsn, bytes);
    case PgoutputMessage::kOrigin:
    case PgoutputMessage::kTypeName:
    case PgoutputMessage::kMessage:
      return {};
    default:
      return Fail(ErrorKind::kData, "the log brings a message {} of pgoutput inside a prepared transaction",
                  static_cast<char>(message_.type));
  }
}

Status PgoutputDecoder::CommitSpooled() {
  is_passing_over_ = IsPassed(message_.lsn);
  if (is_passing_over_ && message_.type == PgoutputMessage::kCommitPrepared) {
    is_passing_over_ = false;
    spool_->Abort(message_.xid, message_.xid);
    return {};
  }
  // One that was streamed is gone through even when it is passed over: the tables that it describes are not described
  // again. (Those of a prepared one are, or were taken in when it came; and those of one that is aborted are.)
  if (!is_passing_over_) NILUS_TRY(builder_->Begin(message_.lsn, message_.time, message_.xid));
  replayed_lsn_ = message_.lsn;
  replayed_end_ = message_.end_lsn;
  is_replaying_ = true;
  return spool_->StartReplay(message_.xid);
}

Status PgoutputDecoder::Stream(std::string_view bytes, uint64_t lsn) {
  switch (message_.type) {
    case PgoutputMessage::kRelation:
    case PgoutputMessage::kInsert:
    case PgoutputMessage::kUpdate:
    case PgoutputMessage::kDelete:
    case PgoutputMessage::kTruncate:
      stripped_ = bytes[0];
      stripped_ += bytes.substr(1 + sizeof(uint32_t));
      // The server describes a table once a transaction, under the subtransaction that met it first: the description
      // holds for the others too, and must outlive an abort of that one.
      return spool_->Append(streamed_, message_.type == PgoutputMessage::kRelation ? streamed_ : message_.xid, lsn,
                            stripped_);
    case PgoutputMessage::kOrigin:
    case PgoutputMessage::kTypeName:
    case PgoutputMessage::kMessage:
      return {};
    default:
      return Fail(ErrorKind::kData, "the log brings a message {} of pgoutput inside a transaction's block",
                  static_cast<char>(message_.type));
  }
}

Status PgoutputDecoder::Replay() {
  NILUS_ASSIGN(std::optional<SpooledMessage> next, spool_->Next());
  if (!next) {
    is_replaying_ = false;
    if (std::exchange(is_passing_over_, false)) return {};
    return builder_->Commit(replayed_lsn_, replayed_end_);
  }
  NILUS_TRY(ParsePgoutput(next->bytes, false, &message_));
  return Apply(next->bytes, next->lsn);
}

Status PgoutputDecoder::Apply(std::string_view bytes, uint64_t lsn) {
  switch (message_.type) {
    case PgoutputMessage::kBegin:
      is_passing_over_ = IsPassed(message_.lsn);
      if (is_passing_over_) return {};
      return builder_->Begin(message_.lsn, message_.time, message_.xid);
    case PgoutputMessage::kCommit:
      if (std::exchange(is_passing_over_, false)) return {};
      return builder_->Commit(message_.lsn, message_.end_lsn);
    case PgoutputMessage::kRelation:
      Relation(bytes);
      return {};
    case PgoutputMessage::kInsert:
      return Row(ChangeOp::kCreate, lsn);
    case PgoutputMessage::kUpdate:
      return Row(ChangeOp::kUpdate, lsn);
    case PgoutputMessage::kDelete:
      return Row(ChangeOp::kDelete, lsn);
    case PgoutputMessage::kTruncate:
      return Truncate(lsn);
    case PgoutputMessage::kOrigin:
    case PgoutputMessage::kTypeName:  // the catalog is asked instead
    case PgoutputMessage::kMessage:
      return {};
    default:
      return Fail(ErrorKind::kData, "the log brings a message {} of pgoutput that was not asked for",
                  static_cast<char>(message_.type));
  }
}

void PgoutputDecoder::Relation(std::string_view bytes) {
  Known& known = relations_[message_.relation];
  if (known.bytes != bytes) known = {.bytes = std::string(bytes), .is_asked_for = false, .layout = nullptr};
}

Result<LayoutPtr> PgoutputDecoder::LayoutOf(uint32_t relation) {
  auto found = relations_.find(relation);
  if (found == relations_.end())
    return Fail(ErrorKind::kData, "the log brings a row of relation {} before it describes it", relation);
  if (!found->second.is_asked_for) NILUS_TRY(Ask(&found->second));
  return found->second.layout;
}

Status PgoutputDecoder::Ask(Known* known) {
  NILUS_TRY(ParsePgoutput(known->bytes, false, &described_));
  NILUS_ASSIGN(LayoutSource::Answer answer, layouts_->LayoutOf(described_));
  if (answer.layout != nullptr && answer.layout->columns.size() != described_.columns.size()) {
    return Fail(ErrorKind::kInternal, "table {}.{} has {} columns in the log, and its layout {}", described_.schema,
                described_.name, described_.columns.size(), answer.layout->columns.size());
  }
  for (SchemaEvent& lack : answer.lacks) builder_->Tell(std::move(lack));
  if (answer.layout != nullptr && answer.is_news) builder_->Schema(answer.layout->table);
  known->layout = std::move(answer.layout);
  known->is_asked_for = true;
  return {};
}

Status PgoutputDecoder::Row(ChangeOp op, uint64_t lsn) {
  if (is_passing_over_) return {};
  NILUS_ASSIGN(LayoutPtr layout, LayoutOf(message_.relation));
  if (layout == nullptr) {
    builder_->Skip();
    return {};
  }
  return builder_->Row(layout, op, message_.old_kind, message_.old_row, message_.new_row, lsn);
}

Status PgoutputDecoder::Truncate(uint64_t lsn) {
  if (is_passing_over_) return {};
  for (uint32_t relation : message_.relations) {
    NILUS_ASSIGN(LayoutPtr layout, LayoutOf(relation));
    if (layout == nullptr) {
      builder_->Skip();
      continue;
    }
    NILUS_TRY(builder_->Truncate(layout, lsn));
  }
  return {};
}

}  // namespace nilus::postgres
