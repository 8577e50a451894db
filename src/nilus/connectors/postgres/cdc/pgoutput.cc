#include "nilus/connectors/postgres/cdc/pgoutput.h"

#include <cstring>

#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

// Reads from the front of a message. After a read behind the end everything is zero, and `failed` says so: callers
// check once.
class Fields {
 public:
  explicit Fields(std::string_view bytes)
      : at_(reinterpret_cast<const uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  bool failed() const { return failed_; }
  bool at_end() const { return at_ == end_; }
  size_t left() const { return static_cast<size_t>(end_ - at_); }

  uint8_t Byte() {
    if (!Has(1)) return 0;
    return *at_++;
  }
  uint16_t Int16() {
    if (!Has(2)) return 0;
    at_ += 2;
    return LoadBig16(at_ - 2);
  }
  uint32_t Int32() {
    if (!Has(4)) return 0;
    at_ += 4;
    return LoadBig32(at_ - 4);
  }
  uint64_t Int64() {
    if (!Has(8)) return 0;
    at_ += 8;
    return LoadBig64(at_ - 8);
  }
  // A time since 2000, as one since 1970. What would not fit is a time that no server sends.
  int64_t Time() {
    int64_t micros = 0;
    if (__builtin_add_overflow(static_cast<int64_t>(Int64()), kEpochMicros, &micros)) failed_ = true;
    return micros;
  }
  std::string_view Bytes(size_t size) {
    if (!Has(size)) return {};
    at_ += size;
    return {reinterpret_cast<const char*>(at_ - size), size};
  }
  std::string_view Text() {
    const void* nul = left() == 0 ? nullptr : std::memchr(at_, 0, left());
    if (nul == nullptr) {
      failed_ = true;
      return {};
    }
    const auto size = static_cast<size_t>(static_cast<const uint8_t*>(nul) - at_);
    at_ += size + 1;
    return {reinterpret_cast<const char*>(at_ - size - 1), size};
  }
  void Fail() { failed_ = true; }

 private:
  bool Has(size_t size) {
    if (left() >= size) return true;
    failed_ = true;
    at_ = end_;
    return false;
  }
  const uint8_t* at_;
  const uint8_t* end_;
  bool failed_ = false;
};

void ReadTuple(Fields& fields, std::vector<TupleValue>* row) {
  const uint16_t count = fields.Int16();
  row->clear();
  for (uint16_t i = 0; i < count && !fields.failed(); ++i) {
    const char kind = static_cast<char>(fields.Byte());
    switch (kind) {
      case TupleValue::kNull:
      case TupleValue::kUnchanged:
        row->push_back({static_cast<TupleValue::Kind>(kind), {}});
        break;
      case TupleValue::kText:
      case TupleValue::kBinary: {
        const uint32_t size = fields.Int32();
        row->push_back({static_cast<TupleValue::Kind>(kind), fields.Bytes(size)});
        break;
      }
      default:
        fields.Fail();
    }
  }
}

void ReadRelation(Fields& fields, PgoutputMessage* message) {
  message->relation = fields.Int32();
  message->schema = fields.Text();
  if (message->schema.empty()) message->schema = "pg_catalog";  // logicalrep_write_namespace leaves it out
  message->name = fields.Text();
  message->identity = static_cast<char>(fields.Byte());
  message->columns.clear();
  const uint16_t count = fields.Int16();
  for (uint16_t i = 0; i < count && !fields.failed(); ++i) {
    RelationColumn column;
    column.is_key = (fields.Byte() & 1) != 0;
    column.name = fields.Text();
    column.type = fields.Int32();
    column.typmod = static_cast<int32_t>(fields.Int32());
    message->columns.push_back(column);
  }
}

void ReadUpdate(Fields& fields, PgoutputMessage* message) {
  message->relation = fields.Int32();
  auto kind = static_cast<char>(fields.Byte());
  if (kind == 'K' || kind == 'O') {
    message->old_kind = kind;
    ReadTuple(fields, &message->old_row);
    kind = static_cast<char>(fields.Byte());
  }
  if (kind != 'N') fields.Fail();
  ReadTuple(fields, &message->new_row);
}

void ReadDelete(Fields& fields, PgoutputMessage* message) {
  message->relation = fields.Int32();
  message->old_kind = static_cast<char>(fields.Byte());
  if (message->old_kind != 'K' && message->old_kind != 'O') fields.Fail();
  ReadTuple(fields, &message->old_row);
}

void ReadTruncate(Fields& fields, PgoutputMessage* message) {
  const uint32_t count = fields.Int32();
  fields.Byte();  // CASCADE and RESTART IDENTITY: all tables are named anyway, and sequences are not captured
  message->relations.clear();
  if (fields.left() != static_cast<size_t>(count) * 4) return fields.Fail();
  for (uint32_t i = 0; i < count; ++i) message->relations.push_back(fields.Int32());
}

// Flags, two positions, a time, and for prepared transactions which one.
void ReadEnd(Fields& fields, bool is_prepared, PgoutputMessage* message) {
  fields.Byte();
  message->lsn = fields.Int64();
  message->end_lsn = fields.Int64();
  message->time = fields.Time();
  if (!is_prepared) return;
  message->xid = fields.Int32();
  message->text = fields.Text();
}

// What stands in a streamed block says first to which transaction it belongs.
bool CarriesXid(PgoutputMessage::Type type) {
  switch (type) {
    case PgoutputMessage::kMessage:
    case PgoutputMessage::kRelation:
    case PgoutputMessage::kTypeName:
    case PgoutputMessage::kInsert:
    case PgoutputMessage::kUpdate:
    case PgoutputMessage::kDelete:
    case PgoutputMessage::kTruncate:
      return true;
    default:
      return false;
  }
}

void ReadFields(Fields& fields, PgoutputMessage* message) {
  switch (message->type) {
    case PgoutputMessage::kBegin:
      message->lsn = fields.Int64();
      message->time = fields.Time();
      message->xid = fields.Int32();
      break;
    case PgoutputMessage::kMessage: {
      fields.Byte();
      message->lsn = fields.Int64();
      message->text = fields.Text();
      fields.Bytes(fields.Int32());
      break;
    }
    case PgoutputMessage::kCommit:
      ReadEnd(fields, false, message);
      break;
    case PgoutputMessage::kOrigin:
      message->lsn = fields.Int64();
      message->text = fields.Text();
      break;
    case PgoutputMessage::kRelation:
      ReadRelation(fields, message);
      break;
    case PgoutputMessage::kTypeName:
      message->relation = fields.Int32();
      message->schema = fields.Text();
      message->name = fields.Text();
      break;
    case PgoutputMessage::kInsert:
      message->relation = fields.Int32();
      if (fields.Byte() != 'N') fields.Fail();
      ReadTuple(fields, &message->new_row);
      break;
    case PgoutputMessage::kUpdate:
      ReadUpdate(fields, message);
      break;
    case PgoutputMessage::kDelete:
      ReadDelete(fields, message);
      break;
    case PgoutputMessage::kTruncate:
      ReadTruncate(fields, message);
      break;
    case PgoutputMessage::kStreamStart:
      message->xid = fields.Int32();
      message->is_first = fields.Byte() == 1;
      break;
    case PgoutputMessage::kStreamStop:
      break;
    case PgoutputMessage::kStreamCommit:
      message->xid = fields.Int32();
      ReadEnd(fields, false, message);
      break;
    case PgoutputMessage::kStreamAbort:
      message->xid = fields.Int32();
      message->sub_xid = fields.Int32();
      if (fields.left() == 16) fields.Bytes(16);  // with streaming=parallel: place and time of the abort
      break;
    case PgoutputMessage::kBeginPrepare:
      message->lsn = fields.Int64();
      message->end_lsn = fields.Int64();
      message->time = fields.Time();
      message->xid = fields.Int32();
      message->text = fields.Text();
      break;
    case PgoutputMessage::kPrepare:
    case PgoutputMessage::kCommitPrepared:
    case PgoutputMessage::kStreamPrepare:
      ReadEnd(fields, true, message);
      break;
    case PgoutputMessage::kRollbackPrepared:
      fields.Byte();
      message->lsn = fields.Int64();
      message->end_lsn = fields.Int64();
      fields.Time();  // of the prepare
      message->time = fields.Time();
      message->xid = fields.Int32();
      message->text = fields.Text();
      break;
    default:
      fields.Fail();
  }
}

std::string ShownType(char type) {
  return type >= ' ' && type <= '~' ? std::string(1, type) : fmt::format("{:#04x}", static_cast<uint8_t>(type));
}

}  // namespace

Status ParsePgoutput(std::string_view bytes, bool in_stream, PgoutputMessage* message) {
  if (bytes.empty()) return Fail(ErrorKind::kData, "a message of pgoutput is empty");
  message->type = static_cast<PgoutputMessage::Type>(bytes[0]);
  message->old_kind = 0;
  Fields fields(bytes.substr(1));
  if (in_stream && CarriesXid(message->type)) message->xid = fields.Int32();
  ReadFields(fields, message);
  if (fields.failed() || !fields.at_end()) {
    return Fail(ErrorKind::kData, "a message {} of pgoutput, {} bytes long, is not of the format", ShownType(bytes[0]),
                bytes.size());
  }
  return {};
}

}  // namespace nilus::postgres
