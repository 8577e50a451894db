// The bytes of one input file, decompressed. At the end it makes sure that the file is still the one that was listed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connectors/files/input_files.h"

namespace nilus::files {

// kData: the file changed, was replaced or cut since it was listed. What was read of it must not be used.
Failure FileChanged(const std::string& path);
// The file at `path` still has this stamp.
Status CheckUnchanged(const std::string& path, const FileStamp& stamp);

// What zstd itself writes at levels up to 19. Larger windows (--long, --ultra) would take up to 2 GiB outside of the
// memory limit.
inline constexpr int kZstdWindowLog = 23;
inline constexpr int64_t kLargestZstdWindowBytes = int64_t{1} << kZstdWindowLog;

// One thread at a time. Holds a few hundred KiB whatever the file, and of zstd the window of a frame besides.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Up to `size` bytes; 0 at the end. gzip: any number of members; zstd: any number of frames. A file that ends inside
  // one or before the first, has trailing garbage, or whose zstd window is too large, is kData.
  virtual Result<size_t> Read(char* to, size_t size) = 0;
};

Result<std::unique_ptr<ByteStream>> OpenBytes(const InputFile& file);

// kData, with the way to read it, when a text's first bytes are those of gzip or zstd data.
inline constexpr size_t kHeadBytes = 4;  // as many tell that, and a byte order mark
Status CheckNotCompressed(std::string_view head, const std::string& path);

// Bytes in memory, for tests and fuzzers. `chunk`: at most so many a Read.
std::unique_ptr<ByteStream> BytesFromMemory(std::string bytes, size_t chunk);

}  // namespace nilus::files
