#include "nilus/connectors/postgres/cdc/wal2json_decoder.h"

namespace nilus::postgres {

Status Wal2JsonDecoder::Decode(std::string_view bytes, uint64_t lsn) {
  NILUS_TRY(ParseWal2Json(bytes, has_exact_numbers_, &message_));
  const NamedChange& change = message_.change;
  switch (message_.type) {
    case Wal2JsonMessage::Type::kBegin:
      return builder_->Begin(message_.lsn, message_.time, message_.xid);
    case Wal2JsonMessage::Type::kCommit:
      return builder_->Commit(message_.lsn, message_.end_lsn);
    case Wal2JsonMessage::Type::kRow:
      return tables_.Row(change, lsn);
    case Wal2JsonMessage::Type::kTruncate:
      return tables_.Truncate(change.schema, change.table, lsn);
    case Wal2JsonMessage::Type::kMessage:
      return {};
  }
  return {};
}

}  // namespace nilus::postgres
