// Partition transforms over whole columns (Iceberg spec, "Partition Transforms" and appendix B).
#include <cstring>

#include "nilus/lake/json.h"
#include "nilus/lake/partition.h"

namespace nilus::lake {
namespace {

constexpr int64_t kMicrosPerHour = 3'600'000'000;
constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;

constexpr uint32_t RotateLeft(uint32_t value, int by) { return value << by | value >> (32 - by); }

constexpr uint32_t MixBlock(uint32_t hash, uint32_t block) {
  block *= 0xCC9E2D51U;
  block = RotateLeft(block, 15) * 0x1B873593U;
  return RotateLeft(hash ^ block, 13) * 5 + 0xE6546B64U;
}

constexpr uint32_t FinishHash(uint32_t hash, uint32_t size) {
  hash ^= size;
  hash = (hash ^ hash >> 16) * 0x85EBCA6BU;
  hash = (hash ^ hash >> 13) * 0xC2B2AE35U;
  return hash ^ hash >> 16;
}

// Of the eight little-endian bytes of a long: what all whole numbers, dates and times are hashed as.
constexpr uint32_t HashLong(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  const uint32_t hash = MixBlock(0, static_cast<uint32_t>(bits));
  return FinishHash(MixBlock(hash, static_cast<uint32_t>(bits >> 32)), 8);
}

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

struct YearMonth {
  int64_t year;  // astronomical
  int month;     // 1 … 12
};

// Of days since 1970-01-01, proleptic Gregorian. Howard Hinnant's civil_from_days.
YearMonth CivilMonth(int64_t days) {
  days += 719'468;
  const int64_t era = FloorDivide(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted = (5 * day_of_year + 2) / 153;  // 0: March
  const int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month};
}

bool IsTimestamp(TypeKind kind) {
  return kind == TypeKind::kTimestamp || kind == TypeKind::kTimestamptz || kind == TypeKind::kTimestampNs ||
         kind == TypeKind::kTimestamptzNs;
}

// Whole numbers of any width at a row. Values of NULL rows are whatever lies there.
int64_t WholeAt(const Column& column, int64_t row) {
  switch (FixedWidth(column.type.id)) {
    case 2:
      return column.Value<int16_t>(row);
    case 4:
      return column.Value<int32_t>(row);
    default:
      return column.Value<int64_t>(row);
  }
}

Int128 DecimalAt(const Column& column, int64_t row) {
  Int128 value;  // foreign buffers need not be aligned
  std::memcpy(&value, column.values.data() + row * 16, sizeof(value));
  return value;
}

// `source` with other values: its NULLs stay.
Column WithValues(const Column& source, TypeId id, BufferBuilder* values) {
  Column column;
  column.type = MakeType(id);
  column.length = source.length;
  column.null_count = source.null_count;
  column.validity = source.validity;
  column.values = values->Finish();
  return column;
}

template <typename Out, typename Function>
Column MapRows(const Column& source, TypeId id, Function function) {
  BufferBuilder values;
  values.Resize(static_cast<size_t>(source.length) * sizeof(Out));
  Out* out = reinterpret_cast<Out*>(values.data());
  for (int64_t row = 0; row < source.length; ++row) out[row] = function(row);
  return WithValues(source, id, &values);
}

Column Nulls(const Type& type, int64_t length) {
  ColumnBuilder builder(type);
  for (int64_t row = 0; row < length; ++row) builder.AppendNull();
  return builder.Finish();
}

// The column in the layout that its Iceberg type reads back as: narrower numbers are widened.
Column Identity(const IcebergType& type, const Column& source) {
  const Type wanted = ToNilusType(type);
  if (FixedWidth(wanted.id) == FixedWidth(source.type.id)) return source;
  if (wanted.id == TypeId::kInt32) {
    return MapRows<int32_t>(source, wanted.id, [&](int64_t row) { return static_cast<int32_t>(WholeAt(source, row)); });
  }
  if (wanted.id == TypeId::kInt64) {
    return MapRows<int64_t>(source, wanted.id, [&](int64_t row) { return WholeAt(source, row); });
  }
  if (wanted.id == TypeId::kFloat64) {
    return MapRows<double>(source, wanted.id,
                           [&](int64_t row) { return static_cast<double>(source.Value<float>(row)); });
  }
  return source;
}

uint32_t HashDecimal(Int128 value) {
  const std::string bytes = ToBytes(value, MakeIcebergType(TypeKind::kDecimal));
  return Murmur3(bytes.data(), bytes.size());
}

Result<Column> Bucket(int32_t buckets, const IcebergType& type, const Column& source) {
  const auto bucket = [buckets](uint32_t hash) { return static_cast<int32_t>((hash & 0x7FFFFFFFU) % buckets); };
  if (type.kind == TypeKind::kUuid) {
    return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
      const Literal uuid = LiteralAt(source, row, type);
      const auto* bytes = std::get_if<std::string>(&uuid);
      return bytes == nullptr ? 0 : bucket(Murmur3(bytes->data(), bytes->size()));
    });
  }
  if (HasOffsets(source.type.id)) {
    return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
      const std::string_view bytes = source.BytesValue(row);
      return bucket(Murmur3(bytes.data(), bytes.size()));
    });
  }
  if (source.type.id == TypeId::kDecimal) {
    return MapRows<int32_t>(source, TypeId::kInt32,
                            [&](int64_t row) { return bucket(HashDecimal(DecimalAt(source, row))); });
  }
  return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) { return bucket(HashLong(WholeAt(source, row))); });
}

// Rounds down to a multiple; wraps at the end of the range, as Java does.
template <typename Signed, typename Unsigned>
Signed RoundDown(Signed value, Signed width) {
  const Signed remainder = value % width;
  const Signed positive = remainder < 0 ? remainder + width : remainder;
  return static_cast<Signed>(static_cast<Unsigned>(value) - static_cast<Unsigned>(positive));
}

Column TruncateBytes(int32_t width, const IcebergType& type, const Column& source) {
  ColumnBuilder builder(ToNilusType(type));
  for (int64_t row = 0; row < source.length; ++row) {
    if (source.IsNull(row)) {
      builder.AppendNull();
    } else {
      builder.AppendBytes(TruncateLowerBound(source.BytesValue(row), type, width));
    }
  }
  return builder.Finish();
}

Column Truncate(int32_t width, const IcebergType& type, const Column& source) {
  if (HasOffsets(source.type.id)) return TruncateBytes(width, type, source);
  if (source.type.id == TypeId::kDecimal) {
    Column column = MapRows<Int128>(source, TypeId::kDecimal, [&](int64_t row) {
      return RoundDown<Int128, unsigned __int128>(DecimalAt(source, row), width);
    });
    column.type = source.type;
    return column;
  }
  if (type.kind == TypeKind::kInt) {
    return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
      return static_cast<int32_t>(RoundDown<int64_t, uint64_t>(WholeAt(source, row), width));
    });
  }
  return MapRows<int64_t>(source, TypeId::kInt64,
                          [&](int64_t row) { return RoundDown<int64_t, uint64_t>(WholeAt(source, row), width); });
}

int64_t DaysAt(const Column& source, int64_t row) {
  return source.type.id == TypeId::kDate ? source.Value<int32_t>(row)
                                         : FloorDivide(source.Value<int64_t>(row), kMicrosPerDay);
}

Result<Column> Hour(const Column& source) {
  for (int64_t row = 0; row < source.length; ++row) {
    const int64_t hour = FloorDivide(source.Value<int64_t>(row), kMicrosPerHour);
    if (hour != static_cast<int32_t>(hour) && !source.IsNull(row)) {
      return FailWithFix(ErrorKind::kData, "partition by day instead", "a timestamp lies too far off for its hour");
    }
  }
  return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
    return static_cast<int32_t>(FloorDivide(source.Value<int64_t>(row), kMicrosPerHour));
  });
}

}  // namespace

uint32_t Murmur3(const void* bytes, size_t size) {
  const auto* at = static_cast<const uint8_t*>(bytes);
  uint32_t hash = 0;
  for (size_t left = size / 4; left > 0; --left, at += 4) {
    uint32_t block;
    std::memcpy(&block, at, sizeof(block));
    hash = MixBlock(hash, block);
  }
  uint32_t tail = 0;
  for (size_t i = size & 3; i > 0; --i) tail = tail << 8 | at[i - 1];
  if ((size & 3) != 0) hash ^= RotateLeft(tail * 0xCC9E2D51U, 15) * 0x1B873593U;
  return FinishHash(hash, static_cast<uint32_t>(size));
}

IcebergType TransformedType(const Transform& transform, const IcebergType& source) {
  switch (transform.kind) {
    case Transform::Kind::kIdentity:
    case Transform::Kind::kTruncate:
    case Transform::Kind::kVoid:
      return source;
    case Transform::Kind::kDay:
      return MakeIcebergType(TypeKind::kDate);
    case Transform::Kind::kBucket:
    case Transform::Kind::kYear:
    case Transform::Kind::kMonth:
    case Transform::Kind::kHour:
      return MakeIcebergType(TypeKind::kInt);
    case Transform::Kind::kUnknown:
      return MakeIcebergType(TypeKind::kString);
  }
  return source;
}

Status CheckTransform(const Transform& transform, const IcebergType& source, std::string_view column) {
  bool fits = false;
  switch (transform.kind) {
    case Transform::Kind::kIdentity:
      fits = !source.is_nested() && source.kind != TypeKind::kVariant && source.kind != TypeKind::kGeometry &&
             source.kind != TypeKind::kGeography;
      break;
    case Transform::Kind::kBucket:
      fits = source.kind == TypeKind::kInt || source.kind == TypeKind::kLong || source.kind == TypeKind::kDecimal ||
             source.kind == TypeKind::kDate || source.kind == TypeKind::kTime || IsTimestamp(source.kind) ||
             source.kind == TypeKind::kString || source.kind == TypeKind::kUuid || source.kind == TypeKind::kFixed ||
             source.kind == TypeKind::kBinary;
      break;
    case Transform::Kind::kTruncate:
      fits = source.kind == TypeKind::kInt || source.kind == TypeKind::kLong || source.kind == TypeKind::kDecimal ||
             source.kind == TypeKind::kString || source.kind == TypeKind::kBinary;
      break;
    case Transform::Kind::kYear:
    case Transform::Kind::kMonth:
    case Transform::Kind::kDay:
      fits = source.kind == TypeKind::kDate || IsTimestamp(source.kind);
      break;
    case Transform::Kind::kHour:
      fits = IsTimestamp(source.kind);
      break;
    case Transform::Kind::kVoid:
      fits = true;
      break;
    case Transform::Kind::kUnknown:
      return Fail(ErrorKind::kUnsupported, "the partition transform {} of column {} is not known", transform.text,
                  column);
  }
  if (fits) return {};
  return FailWithFix(ErrorKind::kUnsupported, "take another transform, or another column",
                     "partition_by: {} does not take column {}, which is {}", transform.ToString(), column,
                     source.ToString());
}

Result<Column> ApplyTransform(const Transform& transform, const IcebergType& type, const Column& source) {
  switch (transform.kind) {
    case Transform::Kind::kIdentity:
      return Identity(type, source);
    case Transform::Kind::kBucket:
      return Bucket(transform.parameter, type, source);
    case Transform::Kind::kTruncate:
      return Truncate(transform.parameter, type, source);
    case Transform::Kind::kYear:
      return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
        return static_cast<int32_t>(CivilMonth(DaysAt(source, row)).year - 1970);
      });
    case Transform::Kind::kMonth:
      return MapRows<int32_t>(source, TypeId::kInt32, [&](int64_t row) {
        const YearMonth month = CivilMonth(DaysAt(source, row));
        return static_cast<int32_t>((month.year - 1970) * 12 + month.month - 1);
      });
    case Transform::Kind::kDay:
      return MapRows<int32_t>(source, TypeId::kDate,
                              [&](int64_t row) { return static_cast<int32_t>(DaysAt(source, row)); });
    case Transform::Kind::kHour:
      return Hour(source);
    case Transform::Kind::kVoid:
      return Nulls(ToNilusType(type), source.length);
    case Transform::Kind::kUnknown:
      break;
  }
  return Fail(ErrorKind::kUnsupported, "the partition transform {} is not known", transform.text);
}

Result<Literal> ApplyTransform(const Transform& transform, const IcebergType& type, const Literal& value) {
  if (IsNull(value) || transform.kind == Transform::Kind::kVoid) return Literal();
  if (transform.kind == Transform::Kind::kIdentity) return value;
  ColumnBuilder builder(ToNilusType(type));
  AppendLiteral(value, type, &builder);
  NILUS_ASSIGN(const Column column, ApplyTransform(transform, type, builder.Finish()));
  return LiteralAt(column, 0, TransformedType(transform, type));
}

}  // namespace nilus::lake
