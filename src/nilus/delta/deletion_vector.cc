#include "nilus/delta/deletion_vector.h"

#include <zlib.h>

#include <array>
#include <cstring>

#include "nilus/base/encoding.h"
#include "nilus/lake/table_files.h"

namespace nilus::delta {
namespace {

constexpr std::string_view kAlphabet =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
constexpr uint32_t kMagic = 1681511377;      // little-endian before the bitmap
constexpr size_t kEncodedUuid = 20;          // characters of 16 bytes in base 85
constexpr int64_t kLargestVector = 1 << 30;  // bytes
constexpr int64_t kFrameBytes = 8;           // length and checksum

uint32_t BigEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

uint32_t LittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void AppendLittleEndian(uint64_t value, size_t bytes, std::string& out) {
  for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

// Delta's own framing of 32-bit bitmaps, as the document's inline example has it (all big-endian: another magic number,
// how many bitmaps, then the size of each before it), in Roaring's portable 64-bit form.
Result<std::string> FromOwnFraming(std::string_view bytes) {
  constexpr uint32_t kOwnMagic = 1681511376;
  const auto damaged = [] { return Fail(ErrorKind::kData, "a deletion vector is cut off"); };
  if (bytes.size() < 8 || BigEndian(bytes) != kOwnMagic)
    return Fail(ErrorKind::kData, "a deletion vector has another magic number");
  const uint32_t count = BigEndian(bytes.substr(4));
  bytes.remove_prefix(8);
  std::string portable;
  AppendLittleEndian(count, 8, portable);
  for (uint32_t key = 0; key < count; ++key) {
    if (bytes.size() < 4) return damaged();
    const size_t size = BigEndian(bytes);
    bytes.remove_prefix(4);
    if (bytes.size() < size) return damaged();
    AppendLittleEndian(key, 4, portable);
    portable += bytes.substr(0, size);
    bytes.remove_prefix(size);
  }
  return portable;
}

std::string UuidText(std::string_view bytes) {
  std::string text = HexEncode(bytes);
  for (size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

}  // namespace

Result<std::string> DecodeBase85(std::string_view text) {
  if (text.size() % 5 != 0) return Fail(ErrorKind::kData, "a base 85 text ends in the middle of a group");
  std::string bytes;
  bytes.reserve(text.size() / 5 * 4);
  for (size_t at = 0; at < text.size(); at += 5) {
    uint64_t value = 0;
    for (char c : text.substr(at, 5)) {
      const size_t digit = kAlphabet.find(c);
      if (digit == std::string_view::npos) return Fail(ErrorKind::kData, "a text is not base 85");
      value = value * 85 + digit;
    }
    if (value > UINT32_MAX) return Fail(ErrorKind::kData, "a text is not base 85");
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  }
  return bytes;
}

Result<std::string> VectorKey(const DeletionVector& vector, const std::string& folder,
                              const storage::ObjectStore& store) {
  if (vector.storage == 'p') return lake::KeyOfFile(store, PercentDecode(vector.path_or_inline));
  const std::string_view text = vector.path_or_inline;
  if (text.size() < kEncodedUuid) return Fail(ErrorKind::kData, "a deletion vector's file has no UUID");
  NILUS_ASSIGN(std::string uuid, DecodeBase85(text.substr(text.size() - kEncodedUuid)));
  const std::string_view prefix = text.substr(0, text.size() - kEncodedUuid);
  return fmt::format("{}{}{}{}deletion_vector_{}.bin", folder, folder.empty() ? "" : "/", prefix,
                     prefix.empty() ? "" : "/", UuidText(uuid));
}

Result<lake::RowBitmap> DecodeVector(std::string_view bytes, int64_t cardinality) {
  const bool is_portable = bytes.size() >= 4 && LittleEndian(bytes) == kMagic;
  std::string converted;
  if (!is_portable) {
    NILUS_ASSIGN(converted, FromOwnFraming(bytes));
  }
  const std::string_view bitmap = is_portable ? bytes.substr(4) : std::string_view(converted);
  NILUS_ASSIGN(lake::RowBitmap rows, lake::RowBitmap::Parse(bitmap, static_cast<uint64_t>(cardinality)));
  if (rows.count() == static_cast<uint64_t>(cardinality)) return rows;
  return Fail(ErrorKind::kData, "a deletion vector has {} rows, not the {} that the log says", rows.count(),
              cardinality);
}

Result<lake::RowBitmap> DecodeFramedVector(std::string_view bytes, const DeletionVector& vector) {
  const auto size = static_cast<size_t>(vector.size_in_bytes);
  if (vector.size_in_bytes < 0 || bytes.size() != size + kFrameBytes || BigEndian(bytes) != size)
    return Fail(ErrorKind::kData, "a deletion vector has another length than the log says");
  const std::string_view content = bytes.substr(4, size);
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  if (BigEndian(bytes.substr(4 + size)) != checksum)
    return Fail(ErrorKind::kData, "a deletion vector's checksum does not match");
  return DecodeVector(content, vector.cardinality);
}

Result<lake::RowBitmap> ReadVector(const DeletionVector& vector, const std::string& folder, storage::ObjectStore& store,
                                   std::stop_token stop) {
  if (vector.size_in_bytes > kLargestVector)
    return Fail(ErrorKind::kExhausted, "a deletion vector of {} bytes is too large", vector.size_in_bytes);
  if (vector.storage == 'i') {
    NILUS_ASSIGN(std::string bytes, DecodeBase85(vector.path_or_inline));
    if (bytes.size() < static_cast<size_t>(vector.size_in_bytes))
      return Fail(ErrorKind::kData, "a deletion vector in the log is shorter than it says");
    bytes.resize(static_cast<size_t>(vector.size_in_bytes));  // padded to a group of four
    return DecodeVector(bytes, vector.cardinality);
  }
  NILUS_ASSIGN(std::string key, VectorKey(vector, folder, store));
  NILUS_ASSIGN(std::string bytes,
               store.GetRange(key, vector.offset, vector.size_in_bytes + kFrameBytes, std::move(stop)));
  auto rows = DecodeFramedVector(bytes, vector);
  if (!rows) return Failure(InContext("reading " + store.Url(key), rows.error()));
  return rows;
}

}  // namespace nilus::delta
