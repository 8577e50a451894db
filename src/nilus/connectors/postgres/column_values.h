// One value as it travels, in binary or in text, into a column of a batch. Every append returns false when the bytes
// are no value of the format: the builder is then of no more use. A valid value that the column's type cannot hold goes
// to the variant column as PostgreSQL's own text, the same from either form.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#include "nilus/connectors/postgres/types.h"
#include "nilus/connectors/postgres/wire_values.h"
#include "nilus/data/builder.h"

namespace nilus::postgres {

// What the hot loop needs of a column.
struct WireField {
  Wire wire = Wire::kText;
  uint8_t precision = 0;
  uint8_t scale = 0;
  bool with_zone = false;
};
inline WireField MakeWireField(Wire wire, const Type& type) {
  return {wire, static_cast<uint8_t>(type.precision), static_cast<uint8_t>(type.scale), type.id == TypeId::kTimestamp};
}

// The longest text that is kept in hex when it is no UTF-8: columns have 32-bit offsets, and a batch ends at half a
// GiB of what came over the wire (reader.cc).
inline constexpr uint32_t kMaxHexedBytes = 512 << 20;
inline constexpr int64_t kDayMicros = 86'400'000'000;

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
bool AppendNonAscii(BatchBuilder* builder, int index, std::string_view text);

inline bool AppendUtf8(BatchBuilder* builder, int index, const uint8_t* bytes, uint32_t length) {
  std::string_view text(reinterpret_cast<const char*>(bytes), length);
  if (!IsAscii(bytes, length)) return AppendNonAscii(builder, index, text);
  builder->column(index).AppendBytes(text);
  return true;
}

// What PostgreSQL's json takes and RFC 8259's readers do not, a string with half a surrogate pair, is kept as text.
bool AppendJson(BatchBuilder* builder, int index, std::string_view text);

// Binary form. Always inline: this is the inner loop of every decoder, and stays in its caller's registers.
[[gnu::always_inline]] inline bool AppendBinaryValue(WireField field, int index, const uint8_t* bytes, uint32_t length,
                                                     BatchBuilder* builder) {
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
      return AppendUtf8(builder, index, bytes, length);
    case Wire::kJson:
      return AppendJson(builder, index, {reinterpret_cast<const char*>(bytes), length});
    case Wire::kJsonb:
      if (length < 1 || bytes[0] != 1) return false;  // the only version there is
      return AppendUtf8(builder, index, bytes + 1, length - 1);
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

// Text form: what the type's output function says under the session settings of connection.h.
bool AppendTextValue(WireField field, int index, std::string_view text, BatchBuilder* builder);

}  // namespace nilus::postgres
