// Messages of the output plugin wal2json in its format version 2 (github.com/eulerto/wal2json): one JSON object for a
// transaction's begin (B) and commit (C), for a change (I, U, D), a truncated table (T) and a logical message (M):
//
//   {"action":"B","xid":745,"timestamp":"2026-11-26 18:13:40.1+00","lsn":"0/1949A80","nextlsn":"0/1949AB0"}
//   {"action":"U",…,"lsn":"0/19499E8","schema":"public","table":"t",
//    "columns":[{"name":"id","typeoid":23,"value":1},…],"identity":[{"name":"id","typeoid":23,"value":1}]}
//
// Bytes in, fields out: no I/O, no state. Hostile bytes are kData.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/named_tables.h"

namespace nilus::postgres {

// One message. Views point into the bytes it was parsed from, or into `unescaped`. Meant to be used again and again.
struct Wal2JsonMessage {
  enum class Type : char { kBegin = 'B', kCommit = 'C', kRow = 'R', kTruncate = 'T', kMessage = 'M' };
  Type type = Type::kMessage;
  uint32_t xid = 0;
  int64_t time = 0;      // of the commit, microseconds since 1970
  uint64_t lsn = 0;      // Begin, Commit: where the commit record begins
  uint64_t end_lsn = 0;  // and where it ends
  NamedChange change;    // Row; of Truncate the table's name
  std::string unescaped;
};

// `has_exact_numbers`: the stream was started with numeric-data-types-as-string (wal2json 2.6). Without, NaN and the
// infinities are told as null: a null among floating-point and numeric values is then kNullOrNan.
Status ParseWal2Json(std::string_view bytes, bool has_exact_numbers, Wal2JsonMessage* message);

// Do values of the type (pg_type.oid) come as NULL when they are no finite number?
bool IsLossyNumber(uint32_t type_oid);

}  // namespace nilus::postgres
