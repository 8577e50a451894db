#include "nilus/duck/vector_reader.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/json_floats.h"

namespace nilus::duck {
namespace {

using Uint128 = unsigned __int128;

constexpr Int128 kDecimal38Limit = PowerOfTen(38);  // first value that decimal(38,0) cannot hold

bool IsValid(const uint64_t* validity, int64_t row) {
  return validity == nullptr || (validity[row >> 6] >> (row & 63) & 1) != 0;
}

// Calls append(value) for each value that is there, and appends NULL for the others.
template <typename From, typename Append>
void EachValue(duckdb_vector vector, int64_t from, int64_t to, ColumnBuilder* column, Append append) {
  const auto* values = static_cast<const From*>(duckdb_vector_get_data(vector));
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity == nullptr) {
    for (int64_t row = from; row < to; ++row) append(values[row]);
    return;
  }
  for (int64_t row = from; row < to; ++row) IsValid(validity, row) ? append(values[row]) : column->AppendNull();
}

template <typename To, typename From>
void CopyAs(duckdb_vector vector, int64_t from, int64_t to, ColumnBuilder* column) {
  EachValue<From>(vector, from, to, column, [column](From value) { column->Append<To>(static_cast<To>(value)); });
}

template <typename From>
void CopyInteger(duckdb_vector vector, int64_t from, int64_t to, ColumnBuilder* column) {
  switch (column->type().id) {
    case TypeId::kInt16:
      return CopyAs<int16_t, From>(vector, from, to, column);
    case TypeId::kInt32:
      return CopyAs<int32_t, From>(vector, from, to, column);
    default:
      return CopyAs<int64_t, From>(vector, from, to, column);
  }
}

template <typename From>
void CopyEnum(duckdb_vector vector, int64_t from, int64_t to, const std::vector<std::string>& labels,
              ColumnBuilder* column) {
  EachValue<From>(vector, from, to, column, [&](From code) { column->AppendBytes(labels[code]); });
}

std::string_view BytesOf(const duckdb_string_t& value) {
  uint32_t length = value.value.inlined.length;
  return {length <= sizeof(value.value.inlined.inlined) ? value.value.inlined.inlined : value.value.pointer.ptr,
          length};
}

void CopyJson(duckdb_vector vector, int64_t from, int64_t to, ColumnBuilder* column) {
  EachValue<duckdb_string_t>(vector, from, to, column, [column](const duckdb_string_t& value) {
    const std::string_view json = BytesOf(value);
    if (HoldsFloatWords(json)) return column->AppendBytes(WithQuotedFloatWords(json));
    column->AppendBytes(json);
  });
}

std::string Uhugeint(Uint128 value) {
  std::string text;
  do {
    text.insert(text.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
    value /= 10;
  } while (value != 0);
  return text;
}

// infinity is the greatest value of the type, -infinity its negative.
template <typename T>
const char* InfinityText(T value) {
  if (value == std::numeric_limits<T>::max()) return "infinity";
  if (value == -std::numeric_limits<T>::max()) return "-infinity";
  return nullptr;
}

// "2024-03-15T10:20:30.123456789"
std::string NanosText(int64_t nanos) {
  int64_t seconds = nanos / 1'000'000'000 - (nanos % 1'000'000'000 < 0 ? 1 : 0);
  std::string text;
  AppendTimestamp(seconds * 1'000'000, /*with_zone=*/false, &text);
  return text + fmt::format(".{:09}", nanos - seconds * 1'000'000'000);
}

// Stored with the first bit flipped, so that signed order is the order of the text.
void AppendUuid(Int128 stored, ColumnBuilder* column) {
  static constexpr char kDigits[] = "0123456789abcdef";
  Uint128 bits = static_cast<Uint128>(stored) ^ (Uint128{1} << 127);
  char* out = column->StartBytes(36);
  int shift = 124;
  for (int i = 0; i < 36; ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      out[i] = '-';
      continue;
    }
    out[i] = kDigits[static_cast<int>(bits >> shift) & 15];
    shift -= 4;
  }
  column->FinishBytes(36);
}

}  // namespace

VectorReader VectorReader::For(duckdb_logical_type type, bool keep_narrow) {
  VectorReader reader;
  auto set = [&reader](Kind kind, Type ours) {
    reader.kind_ = kind;
    reader.type_ = ours;
  };
  auto integer = [&](Kind kind, TypeId narrow) { set(kind, MakeType(keep_narrow ? narrow : TypeId::kInt64)); };
  reader.type_ = MakeType(TypeId::kText);
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      set(Kind::kBool, MakeType(TypeId::kBool));
      break;
    case DUCKDB_TYPE_TINYINT:
      integer(Kind::kInt8, TypeId::kInt16);
      break;
    case DUCKDB_TYPE_SMALLINT:
      integer(Kind::kInt16, TypeId::kInt16);
      break;
    case DUCKDB_TYPE_INTEGER:
      integer(Kind::kInt32, TypeId::kInt32);
      break;
    case DUCKDB_TYPE_BIGINT:
      integer(Kind::kInt64, TypeId::kInt64);
      break;
    case DUCKDB_TYPE_UTINYINT:
      integer(Kind::kUint8, TypeId::kInt16);
      break;
    case DUCKDB_TYPE_USMALLINT:
      integer(Kind::kUint16, TypeId::kInt32);
      break;
    case DUCKDB_TYPE_UINTEGER:
      integer(Kind::kUint32, TypeId::kInt64);
      break;
    case DUCKDB_TYPE_UBIGINT:
      set(Kind::kUint64, MakeDecimal(20, 0));
      break;
    case DUCKDB_TYPE_HUGEINT:
      set(Kind::kHugeint, MakeDecimal(38, 0));
      break;
    case DUCKDB_TYPE_UHUGEINT:
      set(Kind::kUhugeint, MakeDecimal(38, 0));
      break;
    case DUCKDB_TYPE_FLOAT:
      set(Kind::kFloat, MakeType(keep_narrow ? TypeId::kFloat32 : TypeId::kFloat64));
      break;
    case DUCKDB_TYPE_DOUBLE:
      set(Kind::kDouble, MakeType(TypeId::kFloat64));
      break;
    case DUCKDB_TYPE_DECIMAL: {
      Type decimal = MakeDecimal(duckdb_decimal_width(type), duckdb_decimal_scale(type));
      switch (duckdb_decimal_internal_type(type)) {
        case DUCKDB_TYPE_SMALLINT:
          set(Kind::kDecimal16, decimal);
          break;
        case DUCKDB_TYPE_INTEGER:
          set(Kind::kDecimal32, decimal);
          break;
        case DUCKDB_TYPE_BIGINT:
          set(Kind::kDecimal64, decimal);
          break;
        default:
          set(Kind::kDecimal128, decimal);
          break;
      }
      break;
    }
    case DUCKDB_TYPE_VARCHAR: {
      char* alias = duckdb_logical_type_get_alias(type);
      bool json = alias != nullptr && std::string_view(alias) == "JSON";
      duckdb_free(alias);
      set(Kind::kBytes, MakeType(json ? TypeId::kJson : TypeId::kText));
      break;
    }
    case DUCKDB_TYPE_BLOB:
      set(Kind::kBytes, MakeType(TypeId::kBinary));
      break;
    case DUCKDB_TYPE_DATE:
      set(Kind::kDate, MakeType(TypeId::kDate));
      break;
    case DUCKDB_TYPE_TIME:
      set(Kind::kTime, MakeType(TypeId::kTime));
      break;
    case DUCKDB_TYPE_TIMESTAMP:
      set(Kind::kTimestamp, MakeType(TypeId::kTimestampNtz));
      break;
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      set(Kind::kTimestamp, MakeType(TypeId::kTimestamp));
      break;
    case DUCKDB_TYPE_TIMESTAMP_S:
      set(Kind::kSeconds, MakeType(TypeId::kTimestampNtz));
      break;
    case DUCKDB_TYPE_TIMESTAMP_MS:
      set(Kind::kMillis, MakeType(TypeId::kTimestampNtz));
      break;
    case DUCKDB_TYPE_TIMESTAMP_NS:
      set(Kind::kNanos, MakeType(TypeId::kTimestampNtz));
      break;
    case DUCKDB_TYPE_UUID:
      set(Kind::kUuid, MakeType(TypeId::kText));
      break;
    case DUCKDB_TYPE_ENUM: {
      switch (duckdb_enum_internal_type(type)) {
        case DUCKDB_TYPE_UTINYINT:
          reader.kind_ = Kind::kEnum8;
          break;
        case DUCKDB_TYPE_USMALLINT:
          reader.kind_ = Kind::kEnum16;
          break;
        default:
          reader.kind_ = Kind::kEnum32;
          break;
      }
      for (uint32_t i = 0; i < duckdb_enum_dictionary_size(type); ++i) {
        char* label = duckdb_enum_dictionary_value(type, i);
        reader.labels_.emplace_back(label);
        duckdb_free(label);
      }
      break;
    }
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP:
    case DUCKDB_TYPE_UNION:
      reader.type_ = MakeType(TypeId::kJson);
      reader.cast_ = "to_json";
      break;
    case DUCKDB_TYPE_SQLNULL:
      break;
    default:
      reader.cast_ = "CAST";
      break;  // INTERVAL, BIT, TIMETZ, BIGNUM, and what later versions bring
  }
  return reader;
}

void VectorReader::Append(duckdb_vector vector, int64_t from, int64_t to, int index, BatchBuilder* builder) const {
  ColumnBuilder* column = &builder->column(index);
  switch (kind_) {
    case Kind::kBool:
      return EachValue<bool>(vector, from, to, column, [column](bool value) { column->AppendBool(value); });
    case Kind::kInt8:
      return CopyInteger<int8_t>(vector, from, to, column);
    case Kind::kInt16:
      return CopyInteger<int16_t>(vector, from, to, column);
    case Kind::kInt32:
      return CopyInteger<int32_t>(vector, from, to, column);
    case Kind::kUint8:
      return CopyInteger<uint8_t>(vector, from, to, column);
    case Kind::kUint16:
      return CopyInteger<uint16_t>(vector, from, to, column);
    case Kind::kInt64:
    case Kind::kTime:
      return CopyAs<int64_t, int64_t>(vector, from, to, column);
    case Kind::kUint32:
      return CopyAs<int64_t, uint32_t>(vector, from, to, column);
    case Kind::kUint64:
      return CopyAs<Int128, uint64_t>(vector, from, to, column);
    case Kind::kDecimal16:
      return CopyAs<Int128, int16_t>(vector, from, to, column);
    case Kind::kDecimal32:
      return CopyAs<Int128, int32_t>(vector, from, to, column);
    case Kind::kDecimal64:
      return CopyAs<Int128, int64_t>(vector, from, to, column);
    case Kind::kDecimal128:
      return CopyAs<Int128, Int128>(vector, from, to, column);
    case Kind::kDouble:
      return CopyAs<double, double>(vector, from, to, column);
    case Kind::kFloat:
      if (column->type().id == TypeId::kFloat32) return CopyAs<float, float>(vector, from, to, column);
      return CopyAs<double, float>(vector, from, to, column);
    case Kind::kHugeint:
      return EachValue<Int128>(vector, from, to, column, [&](Int128 value) {
        bool fits = value < kDecimal38Limit && value > -kDecimal38Limit;
        fits ? column->Append(value) : builder->AppendVariant(index, FormatDecimal(value, 0));
      });
    case Kind::kUhugeint:
      return EachValue<Uint128>(vector, from, to, column, [&](Uint128 value) {
        bool fits = value < static_cast<Uint128>(kDecimal38Limit);
        fits ? column->Append(static_cast<Int128>(value)) : builder->AppendVariant(index, Uhugeint(value));
      });
    case Kind::kBytes:
      if (column->type().id == TypeId::kJson) return CopyJson(vector, from, to, column);
      return EachValue<duckdb_string_t>(
          vector, from, to, column, [column](const duckdb_string_t& value) { column->AppendBytes(BytesOf(value)); });
    case Kind::kDate:
      return EachValue<int32_t>(vector, from, to, column, [&](int32_t days) {
        const char* infinity = InfinityText(days);
        infinity == nullptr ? column->Append(days) : builder->AppendVariant(index, infinity);
      });
    case Kind::kTimestamp:
      return EachValue<int64_t>(vector, from, to, column, [&](int64_t micros) {
        const char* infinity = InfinityText(micros);
        infinity == nullptr ? column->Append(micros) : builder->AppendVariant(index, infinity);
      });
    case Kind::kSeconds:
    case Kind::kMillis:
      return EachValue<int64_t>(vector, from, to, column, [&](int64_t value) {
        int64_t micros = 0;
        const char* infinity = InfinityText(value);
        int64_t unit = kind_ == Kind::kSeconds ? 1'000'000 : 1'000;
        if (infinity == nullptr && !__builtin_mul_overflow(value, unit, &micros)) return column->Append(micros);
        builder->AppendVariant(index,
                               infinity != nullptr ? infinity : fmt::format("{}{}", value, unit == 1'000 ? "ms" : "s"));
      });
    case Kind::kNanos:
      return EachValue<int64_t>(vector, from, to, column, [&](int64_t nanos) {
        if (const char* infinity = InfinityText(nanos)) return builder->AppendVariant(index, infinity);
        nanos % 1'000 == 0 ? column->Append(nanos / 1'000) : builder->AppendVariant(index, NanosText(nanos));
      });
    case Kind::kUuid:
      return EachValue<Int128>(vector, from, to, column, [column](Int128 value) { AppendUuid(value, column); });
    case Kind::kEnum8:
      return CopyEnum<uint8_t>(vector, from, to, labels_, column);
    case Kind::kEnum16:
      return CopyEnum<uint16_t>(vector, from, to, labels_, column);
    case Kind::kEnum32:
      return CopyEnum<uint32_t>(vector, from, to, labels_, column);
    case Kind::kNulls:
      for (int64_t row = from; row < to; ++row) column->AppendNull();
      return;
  }
}

void VectorReader::AddByteSizes(duckdb_vector vector, int64_t from, int64_t to, int64_t* bytes) const {
  if (kind_ != Kind::kBytes) return;
  const auto* values = static_cast<const duckdb_string_t*>(duckdb_vector_get_data(vector));
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  for (int64_t row = from; row < to; ++row) {
    if (IsValid(validity, row)) bytes[row] += values[row].value.inlined.length;
  }
}

}  // namespace nilus::duck
