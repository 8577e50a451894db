#include "nilus/lake/avro_codec.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <new>

namespace nilus::lake {
namespace {

constexpr int kRawWindow = -15;
constexpr int kGzipWindow = 15 + 16;

std::string Compress(std::string_view bytes, int window) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Failure TooLarge(size_t limit) {
  return Fail(ErrorKind::kExhausted, "compressed data holds more than {} bytes", limit);
}

Result<std::string> Inflate(std::string_view bytes, int window, size_t limit, std::string_view name) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  for (;;) {
    const size_t before = out.size();
    out.resize(before + std::max<size_t>(bytes.size() * 4, 16'384));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(out.size() - before);
    const int result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
    if (out.size() > limit) return TooLarge(limit);
    if (result == Z_STREAM_END) {
      // gzip files may have several members.
      if (window != kGzipWindow || stream.avail_in == 0) return out;
      if (inflateReset(&stream) != Z_OK) return Fail(ErrorKind::kData, "{} data is damaged", name);
      continue;
    }
    if (result != Z_OK || (stream.avail_in == 0 && stream.avail_out != 0)) {
      return Fail(ErrorKind::kData, "{} data is damaged or cut off", name);
    }
  }
}

Result<std::string> Unsnappy(std::string_view bytes, size_t limit) {
  if (bytes.size() < 4) return Fail(ErrorKind::kData, "snappy data is cut off");
  const std::string_view data = bytes.substr(0, bytes.size() - 4);
  size_t size = 0;
  if (!snappy::GetUncompressedLength(data.data(), data.size(), &size)) {
    return Fail(ErrorKind::kData, "snappy data is damaged");
  }
  if (size > limit) return TooLarge(limit);
  std::string out(size, '\0');
  if (!snappy::RawUncompress(data.data(), data.size(), out.data())) {
    return Fail(ErrorKind::kData, "snappy data is damaged");
  }
  uint32_t expected = 0;  // big-endian, of the uncompressed bytes
  for (const char c : bytes.substr(bytes.size() - 4)) expected = expected << 8 | static_cast<uint8_t>(c);
  if (crc32(0, reinterpret_cast<const Bytef*>(out.data()), static_cast<uInt>(out.size())) != expected) {
    return Fail(ErrorKind::kData, "snappy data does not have its checksum");
  }
  return out;
}

Result<std::string> Unzstd(std::string_view bytes, size_t limit) {
  const std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  if (context == nullptr) throw std::bad_alloc();
  std::string out;
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  size_t wanted = 1;
  while (input.pos < input.size || wanted != 0) {
    const size_t before = out.size();
    out.resize(before + std::max<size_t>(bytes.size() * 4, ZSTD_DStreamOutSize()));
    ZSTD_outBuffer output{out.data() + before, out.size() - before, 0};
    const size_t input_before = input.pos;
    wanted = ZSTD_decompressStream(context.get(), &output, &input);
    out.resize(before + output.pos);
    if (ZSTD_isError(wanted) != 0) return Fail(ErrorKind::kData, "zstandard data is damaged");
    if (out.size() > limit) return TooLarge(limit);
    if (wanted != 0 && output.pos == 0 && input.pos == input_before) {
      return Fail(ErrorKind::kData, "zstandard data is cut off");
    }
    if (wanted == 0 && input.pos == input.size) break;
  }
  return out;
}

}  // namespace

Result<std::string> DecompressBlock(std::string_view codec, std::string_view bytes, size_t limit) {
  if (codec.empty() || codec == "null") {
    if (bytes.size() > limit) return TooLarge(limit);
    return std::string(bytes);
  }
  if (codec == "deflate") return Inflate(bytes, kRawWindow, limit, "deflate");
  if (codec == "snappy") return Unsnappy(bytes, limit);
  if (codec == "zstandard") return Unzstd(bytes, limit);
  return FailWithFix(ErrorKind::kUnsupported, "have it rewritten with deflate, snappy or zstandard",
                     "Avro codec {} is not read", codec.substr(0, 100));
}

std::string Deflate(std::string_view bytes) { return Compress(bytes, kRawWindow); }

bool IsGzip(std::string_view bytes) { return bytes.size() >= 2 && bytes[0] == '\x1f' && bytes[1] == '\x8b'; }

std::string Gzip(std::string_view bytes) { return Compress(bytes, kGzipWindow); }

Result<std::string> Gunzip(std::string_view bytes, size_t limit) { return Inflate(bytes, kGzipWindow, limit, "gzip"); }

}  // namespace nilus::lake
