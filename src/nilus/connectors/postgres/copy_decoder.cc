#include "nilus/connectors/postgres/copy_decoder.h"

#include <bit>
#include <limits>

#include "nilus/base/encoding.h"
#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr size_t kHeaderBytes = 19;  // signature, flags, length of the extension
constexpr int64_t kDayMicros = 86'400'000'000;

// Almost all text is ASCII, and eight bytes at a time say so.
inline bool IsAscii(const uint8_t* p, size_t size) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  uint64_t seen = 0;
  uint64_t word;
  if (size >= 8) {
    const uint8_t* last = p + size - 8;
    for (; p < last; p += 8) {
      std::memcpy(&word, p, 8);
      seen |= word;
    }
    std::memcpy(&word, last, 8);
    return ((seen | word) & kHighBits) == 0;
  }
  for (size_t i = 0; i < size; ++i) seen |= p[i];
  return (seen & 0x80) == 0;
}

// Text of databases without encoding (SQL_ASCII) may be anything; what is not UTF-8 is kept in hex (spec 03).
// False: the hex would be too long for a column.
[[gnu::noinline]] bool AppendNonAscii(BatchBuilder* builder, int index, std::string_view text) {
  if (IsValidUtf8(text)) {
    builder->column(index).AppendBytes(text);
    return true;
  }
  if (text.size() > CopyDecoder::kMaxHexedBytes) return false;
  builder->AppendVariant(index, HexEncode(text));
  return true;
}

inline bool AppendText(BatchBuilder* builder, int index, const uint8_t* bytes, uint32_t length) {
  std::string_view text(reinterpret_cast<const char*>(bytes), length);
  if (!IsAscii(bytes, length)) return AppendNonAscii(builder, index, text);
  builder->column(index).AppendBytes(text);
  return true;
}

}  // namespace

CopyDecoder::CopyDecoder(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) {
    fields_.push_back({column.wire, static_cast<uint8_t>(column.type.precision),
                       static_cast<uint8_t>(column.type.scale), column.type.id == TypeId::kTimestamp});
  }
}

Status CopyDecoder::Feed(std::string_view bytes) {
  at_ = reinterpret_cast<const uint8_t*>(bytes.data());
  end_ = at_ + bytes.size();
  if (saw_header_) return {};
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kSignature)) {
    return Fail(ErrorKind::kData, "what the server sent does not begin with the header of binary COPY");
  }
  uint32_t flags = LoadBig32(at_ + kSignature.size());
  uint32_t extension = LoadBig32(at_ + kSignature.size() + 4);
  if (flags >> 16 != 0) return Fail(ErrorKind::kData, "the header of binary COPY has unknown flags {:#x}", flags);
  if (extension > bytes.size() - kHeaderBytes) return Fail(ErrorKind::kData, "the header of binary COPY is cut short");
  at_ += kHeaderBytes + extension;
  saw_header_ = true;
  return {};
}

Result<bool> CopyDecoder::DecodeRow(BatchBuilder* builder) {
  if (end_ - at_ < 2) return Fail(ErrorKind::kData, "a row of binary COPY is cut short");
  uint16_t count = LoadBig16(at_);
  at_ += 2;
  if (count == 0xFFFF) {
    if (at_ != end_) return Fail(ErrorKind::kData, "{} bytes follow the end of binary COPY", end_ - at_);
    saw_trailer_ = true;
    return false;
  }
  if (saw_trailer_) return Fail(ErrorKind::kData, "a row follows the end of binary COPY");
  if (count != columns_.size()) {
    return Fail(ErrorKind::kData, "a row of binary COPY has {} fields, where {} columns were asked for", count,
                columns_.size());
  }
  const uint8_t* at = at_;
  const uint8_t* const end = end_;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (end - at < 4) return CutShort(i);
    uint32_t length = LoadBig32(at);
    at += 4;
    if (length == 0xFFFFFFFF) {
      builder->column(static_cast<int>(i)).AppendNull();
      continue;
    }
    if (length > static_cast<size_t>(end - at)) return CutShort(i);
    if (!DecodeField(fields_[i], static_cast<int>(i), at, length, builder)) return BadValue(i, length);
    at += length;
  }
  at_ = at;
  builder->FinishRow();
  return true;
}

// False: these bytes are no value of the format.
[[gnu::always_inline]] inline bool CopyDecoder::DecodeField(Field field, int index, const uint8_t* bytes,
                                                            uint32_t length, BatchBuilder* builder) {
  ColumnBuilder& out = builder->column(index);
  switch (field.wire) {
    case Wire::kBool:
      if (length != 1) return false;
      out.AppendBool(bytes[0] != 0);
      return true;
    case Wire::kInt16:
      if (length != 2) return false;
      out.Append(static_cast<int16_t>(LoadBig16(bytes)));
      return true;
    case Wire::kInt16Wide:
      if (length != 2) return false;
      out.Append<int64_t>(static_cast<int16_t>(LoadBig16(bytes)));
      return true;
    case Wire::kInt32:
      if (length != 4) return false;
      out.Append(static_cast<int32_t>(LoadBig32(bytes)));
      return true;
    case Wire::kInt32Wide:
      if (length != 4) return false;
      out.Append<int64_t>(static_cast<int32_t>(LoadBig32(bytes)));
      return true;
    case Wire::kUint32Wide:
      if (length != 4) return false;
      out.Append<int64_t>(LoadBig32(bytes));
      return true;
    case Wire::kInt64:
      if (length != 8) return false;
      out.Append(static_cast<int64_t>(LoadBig64(bytes)));
      return true;
    case Wire::kFloat32:
      if (length != 4) return false;
      out.Append(std::bit_cast<float>(LoadBig32(bytes)));
      return true;
    case Wire::kFloat32Wide:
      if (length != 4) return false;
      out.Append<double>(std::bit_cast<float>(LoadBig32(bytes)));
      return true;
    case Wire::kFloat64:
      if (length != 8) return false;
      out.Append(std::bit_cast<double>(LoadBig64(bytes)));
      return true;
    case Wire::kNumeric: {
      Int128 value;
      Decoded decoded = DecodeNumeric(bytes, length, field.precision, field.scale, &value);
      if (decoded == Decoded::kFits) {
        out.Append(value);
      } else if (decoded == Decoded::kMisfit) {
        builder->AppendVariant(index, NumericText(bytes, length));
      } else {
        return false;
      }
      return true;
    }
    case Wire::kText:
      return AppendText(builder, index, bytes, length);
    case Wire::kJsonb:
      if (length < 1 || bytes[0] != 1) return false;  // the only version there is
      return AppendText(builder, index, bytes + 1, length - 1);
    case Wire::kBinary:
      out.AppendBytes({reinterpret_cast<const char*>(bytes), length});
      return true;
    case Wire::kDate: {
      if (length != 4) return false;
      auto days = static_cast<int32_t>(LoadBig32(bytes));
      if (days <= std::numeric_limits<int32_t>::max() - kEpochDays && days != std::numeric_limits<int32_t>::min()) {
        out.Append<int32_t>(days + kEpochDays);
      } else if (days == std::numeric_limits<int32_t>::max() || days == std::numeric_limits<int32_t>::min()) {
        builder->AppendVariant(index, days > 0 ? "infinity" : "-infinity");
      } else {
        return false;
      }
      return true;
    }
    case Wire::kTime: {
      if (length != 8) return false;
      uint64_t micros = LoadBig64(bytes);
      if (micros > static_cast<uint64_t>(kDayMicros)) return false;
      out.Append(static_cast<int64_t>(micros));
      return true;
    }
    case Wire::kTimestamp: {
      if (length != 8) return false;
      auto micros = static_cast<int64_t>(LoadBig64(bytes));
      int64_t shifted;
      if (!__builtin_add_overflow(micros, kEpochMicros, &shifted) && micros != std::numeric_limits<int64_t>::min()) {
        out.Append(shifted);
      } else {
        builder->AppendVariant(index, TimestampText(micros, field.with_zone));
      }
      return true;
    }
    case Wire::kUuid:
      if (length != 16) return false;
      FormatUuid(bytes, out.StartBytes(36));
      out.FinishBytes(36);
      return true;
  }
  return true;
}

[[gnu::cold]] Failure CopyDecoder::CutShort(size_t column) const {
  return Fail(ErrorKind::kData, "a row of binary COPY is cut short at column {}", columns_[column].name);
}

[[gnu::cold]] Failure CopyDecoder::BadValue(size_t column, uint32_t length) const {
  const bool is_text = columns_[column].wire == Wire::kText || columns_[column].wire == Wire::kJsonb;
  if (is_text && length > kMaxHexedBytes) {
    return FailWithFix(ErrorKind::kData, "mend the value, or exclude the column (sql_exclude_columns)",
                       "column {}: a text of {} bytes is no UTF-8, and too long to be kept in hex",
                       columns_[column].name, length);
  }
  return Fail(ErrorKind::kData, "column {}: {} bytes of binary COPY are no {} value", columns_[column].name, length,
              columns_[column].type.ToString());
}

}  // namespace nilus::postgres
