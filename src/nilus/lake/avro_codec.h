// Compression of the blocks of Avro container files: null, deflate (raw, RFC 1951), snappy (with its checksum),
// zstandard; and gzip of metadata files. Hostile input: what comes out is limited. No I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::lake {

// kUnsupported for a codec of another name, kData for damaged bytes, kExhausted when more than `limit` bytes come out.
Result<std::string> DecompressBlock(std::string_view codec, std::string_view bytes, size_t limit);

std::string Deflate(std::string_view bytes);  // raw

bool IsGzip(std::string_view bytes);  // by its first two bytes
std::string Gzip(std::string_view bytes);
Result<std::string> Gunzip(std::string_view bytes, size_t limit);

}  // namespace nilus::lake
