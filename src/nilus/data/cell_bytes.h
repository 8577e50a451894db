// What a value says as bytes, however wide its type: the input of hashes that have to stay the same when a column's
// type is widened (boundary rows, row ids). The format is part of what is persisted (docs/formats.md, "Hashes of
// rows").
//
//   bool        'b', 0 or 1                       date           'D', days as 8 bytes
//   whole       'i', 8 bytes                      time           'T', microseconds as 8 bytes
//   other float 'f', double as 8 bytes            timestamp      'z', microseconds as 8 bytes
//   other       'd', scale as 1 byte, 16 bytes,   timestamp_ntz  'n', microseconds as 8 bytes
//   decimal          without trailing zeros       text, json     't', length as 8 bytes, the bytes
//                                                 binary         'x', length as 8 bytes, the bytes
//
// Whole numbers of any type within 64 bits (floats: within 2^53, and not -0) are 'i'. All little-endian.
#pragma once

#include <string>

#include "nilus/data/record_batch.h"

namespace nilus {

// Appends those of a value that is not NULL.
void AppendCellBytes(const Column& column, int64_t row, std::string* out);

}  // namespace nilus
