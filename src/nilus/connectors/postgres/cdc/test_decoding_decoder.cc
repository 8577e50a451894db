#include "nilus/connectors/postgres/cdc/test_decoding_decoder.h"

namespace nilus::postgres {

Status TestDecodingDecoder::Decode(std::string_view bytes, uint64_t lsn) {
  if (is_replaying_) return Fail(ErrorKind::kInternal, "the log goes on before a transaction was replayed");
  // What a row says is looked at once: when its transaction is known.
  if (bytes.starts_with("table ")) {
    if (!is_inside_) return Fail(ErrorKind::kData, "the log brings a change outside a transaction");
    return spool_->Append(xid_, xid_, lsn, bytes);
  }
  NILUS_TRY(ParseTestDecoding(bytes, &message_));
  switch (message_.type) {
    case TestDecodingMessage::Type::kBegin:
      if (is_inside_) return Fail(ErrorKind::kData, "the log opens a transaction inside another");
      is_inside_ = true;
      xid_ = message_.xid;
      return {};
    case TestDecodingMessage::Type::kCommit:
      return Commit(bytes, lsn);
    default:
      return {};
  }
}

Status TestDecodingDecoder::Commit(std::string_view bytes, uint64_t end_lsn) {
  if (!is_inside_ || message_.xid != xid_ || end_lsn == 0) {
    return Fail(ErrorKind::kData, "the log ends a transaction that it did not open ({} bytes)", bytes.size());
  }
  is_inside_ = false;
  NILUS_TRY(builder_->Begin(end_lsn - 1, message_.time, xid_));
  end_lsn_ = end_lsn;
  is_replaying_ = true;
  return spool_->StartReplay(xid_);
}

Status TestDecodingDecoder::Replay() {
  NILUS_ASSIGN(std::optional<SpooledMessage> next, spool_->Next());
  if (!next) {
    is_replaying_ = false;
    return builder_->Commit(end_lsn_ - 1, end_lsn_);
  }
  NILUS_TRY(ParseTestDecoding(next->bytes, &message_));
  return Apply(next->lsn);
}

Status TestDecodingDecoder::Apply(uint64_t lsn) {
  if (message_.type == TestDecodingMessage::Type::kRow) return tables_.Row(message_.change, lsn);
  for (const auto& [schema, name] : message_.tables) NILUS_TRY(tables_.Truncate(schema, name, lsn));
  return {};
}

}  // namespace nilus::postgres
