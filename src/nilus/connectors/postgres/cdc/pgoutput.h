// Messages of the output plugin pgoutput, protocol versions 1 to 4 (docs: "Logical Replication Message Formats"; the
// server's proto.c). Bytes in, fields out: no I/O, no state. Integers are big-endian, texts end in a NUL.
//
// Hostile bytes are kData: every length is checked before it is believed, and nothing may follow a message's end.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::postgres {

// A value of a row. `bytes` points into the message.
struct TupleValue {
  enum Kind : char { kNull = 'n', kUnchanged = 'u', kText = 't', kBinary = 'b' };
  Kind kind = kNull;
  std::string_view bytes;
};

struct RelationColumn {
  bool is_key = false;  // part of the replica identity; all columns under REPLICA IDENTITY FULL
  std::string_view name;
  uint32_t type = 0;  // pg_type.oid of the column, which may be a domain
  int32_t typmod = -1;
};

// One message. Only the fields of its type mean something; views point into the bytes it was parsed from. Meant to be
// used again and again: its vectors keep their memory.
struct PgoutputMessage {
  enum Type : char {
    kBegin = 'B',
    kMessage = 'M',
    kCommit = 'C',
    kOrigin = 'O',
    kRelation = 'R',
    kTypeName = 'Y',
    kInsert = 'I',
    kUpdate = 'U',
    kDelete = 'D',
    kTruncate = 'T',
    kStreamStart = 'S',
    kStreamStop = 'E',
    kStreamCommit = 'c',
    kStreamAbort = 'A',
    kBeginPrepare = 'b',
    kPrepare = 'P',
    kCommitPrepared = 'K',
    kRollbackPrepared = 'r',
    kStreamPrepare = 'p',
  };
  Type type = kBegin;
  uint32_t xid = 0;       // the transaction; of what stands in a streamed block, the (sub)transaction it belongs to
  uint32_t sub_xid = 0;   // StreamAbort: what is aborted; equal to xid when it is the whole transaction
  bool is_first = false;  // StreamStart: the transaction's first block
  uint64_t lsn = 0;       // where the commit (or prepare) record begins
  uint64_t end_lsn = 0;   // and where it ends
  int64_t time = 0;       // of the commit, microseconds since 1970
  std::string_view text;  // Origin's name, a prepared transaction's gid, Message's prefix
  // Relation and Type
  uint32_t relation = 0;  // pg_class.oid; also of rows
  std::string_view schema;
  std::string_view name;
  char identity = 'd';  // pg_class.relreplident: d default, n nothing, f full, i index
  std::vector<RelationColumn> columns;
  // Rows
  char old_kind = 0;  // 0: no old row; 'K': the identity's columns, others are NULL; 'O': the whole row
  std::vector<TupleValue> old_row;
  std::vector<TupleValue> new_row;
  // Truncate
  std::vector<uint32_t> relations;
};

// `in_stream`: between StreamStart and StreamStop, where messages carry their transaction's id.
Status ParsePgoutput(std::string_view bytes, bool in_stream, PgoutputMessage* message);

}  // namespace nilus::postgres
