#include "nilus/lake/avro_container.h"

#include <algorithm>
#include <cstring>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/lake/avro_codec.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kMagic("Obj\1", 4);
constexpr size_t kSyncBytes = 16;
constexpr size_t kMostDecompressed = size_t{512} << 20;
constexpr size_t kBlockBytes = 256 << 10;
constexpr size_t kDeflateFrom = 8 << 10;  // below, compression saves less than its readers' trouble
constexpr int kDeepestValue = 64;

}  // namespace

int64_t AvroCursor::ReadLong() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) break;
    const auto byte = static_cast<uint8_t>(*at_++);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
  }
  SetFailed();
  return 0;
}

int32_t AvroCursor::ReadInt() {
  const int64_t value = ReadLong();
  if (value != static_cast<int32_t>(value)) SetFailed();
  return ok_ ? static_cast<int32_t>(value) : 0;
}

std::string_view AvroCursor::ReadFixed(int64_t size) {
  if (size < 0 || static_cast<uint64_t>(size) > remaining()) {
    SetFailed();
    return {};
  }
  const std::string_view bytes(at_, static_cast<size_t>(size));
  at_ += size;
  return bytes;
}

bool AvroCursor::ReadBool() {
  const std::string_view byte = ReadFixed(1);
  return !byte.empty() && byte[0] != 0;
}

float AvroCursor::ReadFloat() {
  const std::string_view bytes = ReadFixed(4);
  float value = 0;
  if (ok_) std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

double AvroCursor::ReadDouble() {
  const std::string_view bytes = ReadFixed(8);
  double value = 0;
  if (ok_) std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

std::string_view AvroCursor::ReadBytes() { return ReadFixed(ReadLong()); }

int64_t AvroCursor::ReadBlockCount() {
  int64_t count = ReadLong();
  if (count < 0) {  // its size in bytes follows
    ReadLong();
    count = count == std::numeric_limits<int64_t>::min() ? 0 : -count;
  }
  // Every item takes a byte at least: a count beyond what is left is a lie (or an array of nulls, which nobody writes).
  if (static_cast<uint64_t>(count) > remaining()) SetFailed();
  return ok_ ? count : 0;
}

const AvroType& AvroCursor::EnterUnion(const AvroType& type) {
  static const AvroType kNothing;
  if (type.kind != AvroType::Kind::kUnion) return type;
  const int64_t branch = ReadLong();
  if (!ok_ || branch < 0 || static_cast<size_t>(branch) >= type.parts.size()) {
    SetFailed();
    return kNothing;
  }
  return *type.parts[static_cast<size_t>(branch)];
}

int64_t AvroCursor::ReadWhole(const AvroType& type, bool* is_null) {
  const AvroType& actual = EnterUnion(type);
  *is_null = actual.kind == AvroType::Kind::kNull;
  if (*is_null) return 0;
  if (actual.kind == AvroType::Kind::kInt || actual.kind == AvroType::Kind::kLong) return ReadLong();
  SetFailed();
  return 0;
}

void AvroCursor::Skip(const AvroType& type, int depth) {
  if (!ok_) return;
  if (depth > kDeepestValue) {
    SetFailed();
    return;
  }
  switch (type.kind) {
    case AvroType::Kind::kNull:
      return;
    case AvroType::Kind::kBoolean:
      ReadFixed(1);
      return;
    case AvroType::Kind::kInt:
    case AvroType::Kind::kLong:
    case AvroType::Kind::kEnum:
      ReadLong();
      return;
    case AvroType::Kind::kFloat:
      ReadFixed(4);
      return;
    case AvroType::Kind::kDouble:
      ReadFixed(8);
      return;
    case AvroType::Kind::kBytes:
    case AvroType::Kind::kString:
      ReadBytes();
      return;
    case AvroType::Kind::kFixed:
      ReadFixed(type.size);
      return;
    case AvroType::Kind::kRecord:
      for (const AvroField& field : type.fields) Skip(*field.type, depth + 1);
      return;
    case AvroType::Kind::kArray:
    case AvroType::Kind::kMap:
      for (int64_t count = ReadBlockCount(); count > 0 && ok_; count = ReadBlockCount()) {
        for (int64_t i = 0; i < count && ok_; ++i) {
          if (type.kind == AvroType::Kind::kMap) ReadBytes();
          Skip(*type.parts[0], depth + 1);
        }
      }
      return;
    case AvroType::Kind::kUnion:
      Skip(EnterUnion(type), depth + 1);
      return;
  }
}

std::string_view AvroHeader::Metadata(std::string_view key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : std::string_view(found->second);
}

Result<AvroHeader> ReadAvroHeader(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return Fail(ErrorKind::kData, "this is not an Avro file");
  AvroCursor cursor(bytes.substr(kMagic.size()));
  AvroHeader header;
  for (int64_t count = cursor.ReadBlockCount(); count > 0; count = cursor.ReadBlockCount()) {
    for (int64_t i = 0; i < count && cursor.ok(); ++i) {
      std::string key(cursor.ReadBytes());
      header.metadata[std::move(key)] = cursor.ReadBytes();
    }
  }
  header.sync = cursor.ReadFixed(kSyncBytes);
  if (!cursor.ok()) return Fail(ErrorKind::kData, "the Avro file ends within its header");
  header.blocks_offset = bytes.size() - cursor.remaining();
  header.codec = header.Metadata("avro.codec");
  NILUS_ASSIGN(header.schema, AvroSchema::Parse(header.Metadata("avro.schema")));
  return header;
}

AvroBlocks::AvroBlocks(std::string_view bytes, const AvroHeader& header)
    : rest_(bytes.substr(header.blocks_offset)), header_(header), budget_(kMostDecompressed) {}

Result<int64_t> AvroBlocks::Next(std::string* data) {
  while (!rest_.empty()) {
    AvroCursor cursor(rest_);
    const int64_t count = cursor.ReadLong();
    const std::string_view block = cursor.ReadBytes();
    const std::string_view sync = cursor.ReadFixed(kSyncBytes);
    if (!cursor.ok() || count < 0) return Fail(ErrorKind::kData, "the Avro file is cut off within a block");
    if (sync != header_.sync) return Fail(ErrorKind::kData, "the Avro file is damaged: a block lacks its sync marker");
    rest_.remove_prefix(rest_.size() - cursor.remaining());
    if (count == 0) continue;
    NILUS_ASSIGN(*data, DecompressBlock(header_.codec, block, budget_));
    budget_ -= data->size();
    if (static_cast<uint64_t>(count) > data->size()) {
      return Fail(ErrorKind::kData, "the Avro file is damaged: a block of {} bytes cannot hold {} values", data->size(),
                  count);
    }
    return count;
  }
  return 0;
}

void AppendAvroLong(int64_t value, std::string* out) {
  uint64_t bits = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  while (bits >= 0x80) {
    out->push_back(static_cast<char>(bits | 0x80));
    bits >>= 7;
  }
  out->push_back(static_cast<char>(bits));
}

void AppendAvroBytes(std::string_view bytes, std::string* out) {
  AppendAvroLong(static_cast<int64_t>(bytes.size()), out);
  out->append(bytes);
}

AvroFileWriter::AvroFileWriter(std::map<std::string, std::string> metadata, std::string_view schema_json)
    : metadata_(std::move(metadata)) {
  metadata_["avro.schema"] = schema_json;
}

void AvroFileWriter::FinishValue() {
  ++block_count_;
  if (block_.size() >= kBlockBytes) CloseBlock();
}

void AvroFileWriter::CloseBlock() {
  if (block_count_ == 0) return;
  blocks_raw_ += block_.size();
  blocks_.push_back(Block{block_count_, std::move(block_)});
  block_.clear();
  block_count_ = 0;
}

std::string AvroFileWriter::Finish(bool deflate) {
  CloseBlock();
  const bool compress = deflate && blocks_raw_ >= kDeflateFrom;
  metadata_["avro.codec"] = compress ? "deflate" : "null";
  std::string out(kMagic);
  AppendAvroLong(static_cast<int64_t>(metadata_.size()), &out);
  for (const auto& [key, value] : metadata_) {
    AppendAvroBytes(key, &out);
    AppendAvroBytes(value, &out);
  }
  AppendAvroLong(0, &out);
  // Any 16 bytes that are unlikely within blocks will do; these make equal contents equal files.
  const std::string sync = Sha256Hex(out + (blocks_.empty() ? std::string() : blocks_.front().bytes));
  std::string marker;
  for (size_t i = 0; i < kSyncBytes; ++i) {
    marker.push_back(static_cast<char>(HexDigit(sync[2 * i]) << 4 | HexDigit(sync[2 * i + 1])));
  }
  out += marker;
  for (const Block& block : blocks_) {
    AppendAvroLong(block.count, &out);
    AppendAvroBytes(compress ? Deflate(block.bytes) : block.bytes, &out);
    out += marker;
  }
  return out;
}

std::string AvroName(std::string_view name) {
  std::string made;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (letter || (digit && i > 0)) {
      made += c;
    } else if (digit) {
      made += '_';
      made += c;
    } else {
      made += fmt::format("_x{:02X}", static_cast<uint8_t>(c));
    }
  }
  return made.empty() ? "_" : made;
}

}  // namespace nilus::lake
