// Messages of the output plugin pgoutput, protocol versions 1 to 4 (docs: "Logical Replication Message Formats"; the
// server's proto.c). Bytes in, fields out: no I/O, no state. Integers are big-endian, texts end in a NUL.
//
// Hostile bytes are kData: every length is checked before it is believed, and nothing may follow a message's end.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/layout_source.h"

namespace nilus::postgres {

// One message. Only the fields of its type mean something; views point into the bytes it was parsed from. Meant to be
// used again and again: its vectors keep their memory. The description that it is made of is Relation's; `relation` is
// also of rows, and `schema` and `name` of Type.
struct PgoutputMessage : LogRelation {
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
