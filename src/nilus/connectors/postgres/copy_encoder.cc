#include "nilus/connectors/postgres/copy_encoder.h"

#include <bit>
#include <cassert>

#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

constexpr uint32_t kNullLength = 0xFFFFFFFFU;
constexpr uint8_t kJsonbVersion = 1;

inline uint16_t BigEndian(uint16_t value) { return __builtin_bswap16(value); }
inline uint32_t BigEndian(uint32_t value) { return __builtin_bswap32(value); }
inline uint64_t BigEndian(uint64_t value) { return __builtin_bswap64(value); }

template <typename U>
inline void Store(uint8_t* at, U value) {
  value = BigEndian(value);
  std::memcpy(at, &value, sizeof(U));
}

// Writes one field of each row. `write` puts the length and the value of a row that is not NULL, and returns their end.
template <typename Write>
void WriteFields(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors, Write write) {
  if (column.validity.empty()) {
    for (int64_t i = 0; i < rows; ++i) cursors[i] = write(cursors[i], i);
    return;
  }
  for (int64_t i = 0; i < rows; ++i) {
    if (column.IsNull(begin + i)) {
      Store<uint32_t>(cursors[i], kNullLength);
      cursors[i] += 4;
    } else {
      cursors[i] = write(cursors[i], i);
    }
  }
}

// Fixed-width values: T in the column, U on the wire.
template <typename T, typename U, typename Transform>
void WriteFixed(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors, Transform transform) {
  const T* values = column.values.as<T>() + begin;
  WriteFields(column, begin, rows, cursors, [&](uint8_t* at, int64_t i) {
    Store<uint32_t>(at, sizeof(U));
    Store<U>(at + 4, transform(values[i]));
    return at + 4 + sizeof(U);
  });
}

void WriteBool(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors) {
  WriteFields(column, begin, rows, cursors, [&](uint8_t* at, int64_t i) {
    Store<uint32_t>(at, 1);
    at[4] = column.BoolValue(begin + i) ? 1 : 0;
    return at + 5;
  });
}

// Most values are short: a call to memcpy, or the `rep movs` that compilers put in its place, costs more than the
// bytes.
inline void CopyBytes(uint8_t* to, const uint8_t* from, size_t size) {
  // A first and a last piece that overlap where they must.
  auto both_ends = [&]<typename Piece>(Piece) {
    Piece first;
    Piece last;
    std::memcpy(&first, from, sizeof(Piece));
    std::memcpy(&last, from + size - sizeof(Piece), sizeof(Piece));
    std::memcpy(to, &first, sizeof(Piece));
    std::memcpy(to + size - sizeof(Piece), &last, sizeof(Piece));
  };
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    both_ends(Int128());
  } else if (size >= 8) {
    both_ends(uint64_t());
  } else if (size >= 4) {
    both_ends(uint32_t());
  } else if (size >= 2) {
    both_ends(uint16_t());
  } else if (size == 1) {
    *to = *from;
  }
}

void WriteBytes(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors, bool is_jsonb) {
  const uint8_t* bytes = column.values.data();
  const int32_t* offsets = column.offsets.as<int32_t>() + begin;
  WriteFields(column, begin, rows, cursors, [&](uint8_t* at, int64_t i) {
    auto size = static_cast<size_t>(offsets[i + 1] - offsets[i]);
    Store<uint32_t>(at, static_cast<uint32_t>(size) + (is_jsonb ? 1 : 0));
    at += 4;
    if (is_jsonb) *at++ = kJsonbVersion;
    CopyBytes(at, bytes + offsets[i], size);
    return at + size;
  });
}

uint8_t HexDigit(char c) {
  if (c <= '9') return static_cast<uint8_t>(c - '0');
  return static_cast<uint8_t>((c | 0x20) - 'a' + 10);
}

void WriteUuid(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors) {
  WriteFields(column, begin, rows, cursors, [&](uint8_t* at, int64_t i) {
    Store<uint32_t>(at, 16);
    at += 4;
    std::string_view text = column.BytesValue(begin + i);
    size_t from = 0;
    for (int byte = 0; byte < 16; ++byte) {
      if (text[from] == '-') ++from;
      at[byte] = static_cast<uint8_t>(HexDigit(text[from]) << 4 | HexDigit(text[from + 1]));
      from += 2;
    }
    return at + 16;
  });
}

void WriteNumeric(const Column& column, int64_t begin, int64_t rows, uint8_t** cursors, const uint8_t* lengths,
                  const uint8_t* slots) {
  WriteFields(column, begin, rows, cursors, [&](uint8_t* at, int64_t i) {
    uint32_t length = lengths[i];
    Store<uint32_t>(at, length);
    CopyBytes(at + 4, slots + (i + 1) * kMaxNumericBytes - length, length);
    return at + 4 + length;
  });
}

// Bytes of a value whose length does not depend on it; 0 for the others.
int FormWidth(CopyForm form) {
  switch (form) {
    case CopyForm::kBool:
      return 1;
    case CopyForm::kInt2:
      return 2;
    case CopyForm::kInt4:
    case CopyForm::kFloat4:
    case CopyForm::kDate:
      return 4;
    case CopyForm::kInt8:
    case CopyForm::kFloat8:
    case CopyForm::kTime:
    case CopyForm::kTimestamp:
      return 8;
    case CopyForm::kUuid:
      return 16;
    case CopyForm::kNumeric:
    case CopyForm::kText:
    case CopyForm::kBytea:
    case CopyForm::kJsonb:
      return 0;
  }
  return 0;
}

// The most that the values of these rows take on the wire, without their lengths.
uint64_t BytesOfValues(std::span<const CopyField> fields, int64_t begin, int64_t rows) {
  uint64_t bytes = 0;
  for (const CopyField& field : fields) {
    if (field.column == nullptr) continue;
    uint64_t width = field.form == CopyForm::kNumeric ? kMaxNumericBytes : static_cast<uint64_t>(FormWidth(field.form));
    if (width == 0) {
      const int32_t* offsets = field.column->offsets.as<int32_t>() + begin;
      bytes += static_cast<uint64_t>(offsets[rows] - offsets[0]);
      width = 1;  // the version before a jsonb
    }
    bytes += width * static_cast<uint64_t>(rows);
  }
  return bytes;
}

// Puts digits of base 10,000 before `*at`, least significant first. Zeros before the first other digit are left out.
struct DigitWriter {
  uint8_t* at;
  int written = 0;

  void Put(uint32_t digit) {
    if (digit == 0 && written == 0) return;
    at -= 2;
    Store<uint16_t>(at, static_cast<uint16_t>(digit));
    ++written;
  }
};

constexpr uint64_t kPowers[] = {1, 10, 100, 1000, 10'000};
constexpr uint64_t kTenTo16 = 10'000'000'000'000'000;

}  // namespace

int EncodeNumeric(Int128 value, int scale, uint8_t* end) {
  bool is_negative = value < 0;
  unsigned __int128 rest = is_negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  DigitWriter digits{end};
  int places = 0;  // digits of base 10,000 so far, written or not: those behind the point come first
  if (int odd = scale & 3; odd != 0) {
    // The last group behind the point has fewer than four decimal digits: fill it up with zeros.
    uint64_t divisor = kPowers[odd];
    uint64_t digit = 0;
    if (rest >> 64 == 0) {
      uint64_t small = static_cast<uint64_t>(rest);
      // Division by a constant is several times faster than by a variable; two digits behind the point are the usual.
      uint64_t quotient = odd == 2 ? small / 100 : small / divisor;
      digit = small - quotient * divisor;
      rest = quotient;
    } else {
      digit = static_cast<uint64_t>(rest % divisor);
      rest /= divisor;
    }
    digits.Put(static_cast<uint32_t>(digit * kPowers[4 - odd]));
    ++places;
  }
  while (rest >> 64 != 0) {
    uint64_t low = static_cast<uint64_t>(rest % kTenTo16);
    rest /= kTenTo16;
    for (int i = 0; i < 4; ++i, ++places, low /= 10'000) digits.Put(static_cast<uint32_t>(low % 10'000));
  }
  for (uint64_t low = static_cast<uint64_t>(rest); low != 0; ++places) {
    uint64_t quotient = low / 10'000;
    digits.Put(static_cast<uint32_t>(low - quotient * 10'000));
    low = quotient;
  }
  int point = (scale + 3) / 4;  // digits behind the point
  int weight = digits.written == 0 ? 0 : places - point - 1;
  uint8_t* at = digits.at - 8;
  Store<uint16_t>(at, static_cast<uint16_t>(digits.written));
  Store<uint16_t>(at + 2, static_cast<uint16_t>(weight));
  Store<uint16_t>(at + 4, is_negative ? 0x4000 : 0);
  Store<uint16_t>(at + 6, static_cast<uint16_t>(scale));
  return static_cast<int>(end - at);
}

void AppendCopyHeader(BufferBuilder* out) {
  static constexpr char kHeader[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";  // signature, flags, length of the extension
  static_assert(sizeof(kHeader) == 20);
  out->Append(kHeader, sizeof(kHeader) - 1);
}

void AppendCopyTrailer(BufferBuilder* out) { out->AppendValue<uint16_t>(0xFFFF); }

void CopyEncoder::SizeNumeric(const Column& column, int64_t begin, int64_t rows) {
  size_t base = numeric_lengths_.size();
  numeric_lengths_.resize(base + kBlockRows);
  numeric_slots_.resize(numeric_lengths_.size() * kMaxNumericBytes);
  const Int128* values = column.values.as<Int128>() + begin;
  for (int64_t i = 0; i < rows; ++i) {
    size_t index = base + static_cast<size_t>(i);
    int length = 0;
    if (!column.IsNull(begin + i)) {
      Int128 value;
      std::memcpy(&value, values + i, sizeof(value));  // imported Arrow buffers are aligned to 8 bytes only
      length = EncodeNumeric(value, column.type.scale, numeric_slots_.data() + (index + 1) * kMaxNumericBytes);
    }
    numeric_lengths_[index] = static_cast<uint8_t>(length);
    row_bytes_[static_cast<size_t>(i)] += static_cast<uint32_t>(length);
  }
}

Status CopyEncoder::SizeRows(std::span<const CopyField> fields, int64_t begin, int64_t rows, bool has_sequence) {
  size_t constant = 2 + 4 * fields.size() + (has_sequence ? 12 : 0);
  // No row is larger than all of them: what fits when taken together needs no look at each.
  if (uint64_t most = constant + BytesOfValues(fields, begin, rows); most > kMaxRowBytes) {
    for (int64_t row = begin; row < begin + rows; ++row) {
      uint64_t bytes = constant + BytesOfValues(fields, row, 1);
      if (bytes <= kMaxRowBytes) continue;
      return FailWithFix(ErrorKind::kData, "leave the large columns out (sql_exclude_columns), or mend the row",
                         "a row of {} bytes is too large: PostgreSQL takes rows up to {} bytes", bytes, kMaxRowBytes);
    }
  }
  for (const CopyField& field : fields) {
    if (field.column != nullptr && field.column->validity.empty())
      constant += static_cast<size_t>(FormWidth(field.form));
  }
  row_bytes_.assign(static_cast<size_t>(rows), static_cast<uint32_t>(constant));
  numeric_lengths_.clear();
  for (const CopyField& field : fields) {
    if (field.column == nullptr) continue;
    const Column& column = *field.column;
    int width = FormWidth(field.form);
    if (width > 0) {
      if (column.validity.empty()) continue;
      for (int64_t i = 0; i < rows; ++i) {
        row_bytes_[static_cast<size_t>(i)] += column.IsNull(begin + i) ? 0 : static_cast<uint32_t>(width);
      }
    } else if (field.form == CopyForm::kNumeric) {
      SizeNumeric(column, begin, rows);
    } else {
      const int32_t* offsets = column.offsets.as<int32_t>() + begin;
      uint32_t extra = field.form == CopyForm::kJsonb ? 1 : 0;
      for (int64_t i = 0; i < rows; ++i) {
        if (column.IsNull(begin + i)) continue;
        row_bytes_[static_cast<size_t>(i)] += static_cast<uint32_t>(offsets[i + 1] - offsets[i]) + extra;
      }
    }
  }
  return {};
}

Status CopyEncoder::EncodeRows(std::span<const CopyField> fields, int64_t begin, int64_t end, int64_t first_sequence,
                               BufferBuilder* out) {
  int64_t rows = end - begin;
  assert(rows >= 0 && rows <= kBlockRows);
  bool has_sequence = first_sequence >= 0;
  NILUS_TRY(SizeRows(fields, begin, rows, has_sequence));

  size_t total = 0;
  for (uint32_t bytes : row_bytes_) total += bytes;
  size_t start = out->size();
  out->Resize(start + total);
  cursors_.resize(static_cast<size_t>(rows));
  uint8_t* at = out->data() + start;
  auto field_count = static_cast<uint16_t>(fields.size() + (has_sequence ? 1 : 0));
  for (size_t i = 0; i < cursors_.size(); ++i) {
    Store<uint16_t>(at, field_count);
    cursors_[i] = at + 2;
    at += row_bytes_[i];
  }

  uint8_t** cursors = cursors_.data();
  size_t numerics = 0;
  for (const CopyField& field : fields) {
    if (field.column == nullptr) {
      for (int64_t i = 0; i < rows; ++i, cursors[i - 1] += 4) Store<uint32_t>(cursors[i], kNullLength);
      continue;
    }
    const Column& column = *field.column;
    switch (field.form) {
      case CopyForm::kBool:
        WriteBool(column, begin, rows, cursors);
        break;
      case CopyForm::kInt2:
        WriteFixed<int16_t, uint16_t>(column, begin, rows, cursors, [](int16_t v) { return static_cast<uint16_t>(v); });
        break;
      case CopyForm::kInt4:
        WriteFixed<int32_t, uint32_t>(column, begin, rows, cursors, [](int32_t v) { return static_cast<uint32_t>(v); });
        break;
      case CopyForm::kInt8:
      case CopyForm::kTime:
        WriteFixed<int64_t, uint64_t>(column, begin, rows, cursors, [](int64_t v) { return static_cast<uint64_t>(v); });
        break;
      case CopyForm::kFloat4:
        WriteFixed<float, uint32_t>(column, begin, rows, cursors, [](float v) { return std::bit_cast<uint32_t>(v); });
        break;
      case CopyForm::kFloat8:
        WriteFixed<double, uint64_t>(column, begin, rows, cursors, [](double v) { return std::bit_cast<uint64_t>(v); });
        break;
      case CopyForm::kDate:
        WriteFixed<int32_t, uint32_t>(column, begin, rows, cursors, [](int32_t v) {
          return static_cast<uint32_t>(v) - static_cast<uint32_t>(kEpochDays);
        });
        break;
      case CopyForm::kTimestamp:
        WriteFixed<int64_t, uint64_t>(column, begin, rows, cursors, [](int64_t v) {
          return static_cast<uint64_t>(v) - static_cast<uint64_t>(kEpochMicros);
        });
        break;
      case CopyForm::kText:
      case CopyForm::kBytea:
        WriteBytes(column, begin, rows, cursors, false);
        break;
      case CopyForm::kJsonb:
        WriteBytes(column, begin, rows, cursors, true);
        break;
      case CopyForm::kUuid:
        WriteUuid(column, begin, rows, cursors);
        break;
      case CopyForm::kNumeric: {
        size_t base = numerics++ * kBlockRows;
        WriteNumeric(column, begin, rows, cursors, numeric_lengths_.data() + base,
                     numeric_slots_.data() + base * kMaxNumericBytes);
        break;
      }
    }
  }
  if (!has_sequence) return {};
  for (int64_t i = 0; i < rows; ++i) {
    Store<uint32_t>(cursors[i], 8);
    Store<uint64_t>(cursors[i] + 4, static_cast<uint64_t>(first_sequence + i));
  }
  return {};
}

}  // namespace nilus::postgres
