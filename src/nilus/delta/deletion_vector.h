// Deleted rows of a data file ("Deletion Vector Format"): Roaring's portable 64-bit bitmap behind a magic number, in
// the log itself (base 85, as ZeroMQ's Z85 writes it) or in a file with length and checksum.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/delta/action.h"
#include "nilus/lake/deletes_bitmap.h"
#include "nilus/storage/object_store.h"

namespace nilus::delta {

// Z85: five characters for four bytes. kData: another character, or a length that is not a multiple of five.
Result<std::string> DecodeBase85(std::string_view text);

// The key of the vector's file, below `folder` ("" or "a/b") where it is named by a UUID; for storage u and p.
Result<std::string> VectorKey(const DeletionVector& vector, const std::string& folder,
                              const storage::ObjectStore& store);

// The magic number and the bitmap, or Delta's own older framing of it. Its rows are `cardinality`. kData otherwise.
Result<lake::RowBitmap> DecodeVector(std::string_view bytes, int64_t cardinality);
// As it stands in a file from the vector's offset on: length, DecodeVector's bytes, CRC-32.
Result<lake::RowBitmap> DecodeFramedVector(std::string_view bytes, const DeletionVector& vector);

Result<lake::RowBitmap> ReadVector(const DeletionVector& vector, const std::string& folder, storage::ObjectStore& store,
                                   std::stop_token stop);

}  // namespace nilus::delta
