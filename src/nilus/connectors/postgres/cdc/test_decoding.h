// Messages of the output plugin test_decoding (contrib/test_decoding of the server), which are texts:
//
//   BEGIN 745
//   table public.t: INSERT: id[integer]:1 name[text]:'it''s' n[numeric]:null
//   table public.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 name[text]:unchanged-toast-datum
//   table public.t: DELETE: id[integer]:2
//   table public.t, public.u: TRUNCATE: cascade
//   COMMIT 745 (at 2026-11-26 18:13:40.123456+00)
//
// Names are quoted as SQL quotes them, values as SQL literals without escapes. Bytes in, fields out: no I/O, no state.
// Hostile bytes are kData.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/postgres/cdc/named_tables.h"

namespace nilus::postgres {

// One message. Views point into the bytes it was parsed from, or into `unquoted`. Meant to be used again and again.
struct TestDecodingMessage {
  enum class Type : uint8_t { kBegin, kCommit, kRow, kTruncate, kOther };
  Type type = Type::kOther;
  uint32_t xid = 0;                                                   // Begin and Commit
  int64_t time = 0;                                                   // Commit, microseconds since 1970
  NamedChange change;                                                 // Row
  std::vector<std::pair<std::string_view, std::string_view>> tables;  // Truncate: schema and name
  std::string unquoted;
};

Status ParseTestDecoding(std::string_view bytes, TestDecodingMessage* message);

}  // namespace nilus::postgres
