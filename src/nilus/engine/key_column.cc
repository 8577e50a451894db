#include "nilus/engine/key_column.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "nilus/base/encoding.h"
#include "nilus/base/sha256.h"
#include "nilus/data/cell_bytes.h"
#include "nilus/data/finite.h"

namespace nilus {
namespace {

// Calls visit(values) with the column's values as an array-like of a comparable C++ type.
template <typename Visit>
void VisitKeys(const Column& keys, Visit visit) {
  switch (keys.type.id) {
    case TypeId::kInt16:
      visit([v = keys.values.as<int16_t>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kInt32:
    case TypeId::kDate:
      visit([v = keys.values.as<int32_t>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kInt64:
    case TypeId::kTime:
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      visit([v = keys.values.as<int64_t>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kFloat32:
      visit([v = keys.values.as<float>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kFloat64:
      visit([v = keys.values.as<double>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kDecimal:
      visit([v = keys.values.as<Int128>()](int64_t i) { return v[i]; });
      return;
    case TypeId::kText:
    case TypeId::kBinary:
      visit([&keys](int64_t i) { return keys.BytesValue(i); });
      return;
    case TypeId::kBool:
    case TypeId::kJson:
      return;  // refused by CheckKeyType
  }
}

template <typename Keep>
void KeepWhere(const Column& keys, const Column& bound, std::vector<uint8_t>* keep, Keep passes) {
  VisitKeys(keys, [&](auto value_at) {
    using Value = decltype(value_at(0));
    Value limit{};
    if constexpr (std::is_same_v<Value, std::string_view>) {
      limit = bound.BytesValue(0);
    } else {
      limit = bound.Value<Value>(0);
    }
    for (int64_t row = 0; row < keys.length; ++row) {
      if (!keys.IsNull(row) && !passes(value_at(row), limit)) (*keep)[static_cast<size_t>(row)] = 0;
    }
  });
}

template <typename T>
void AppendRaw(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

Status CheckKeyType(const Type& type, std::string_view column) {
  if (type.id != TypeId::kBool && type.id != TypeId::kJson) return {};
  return FailWithFix(ErrorKind::kUnsupported, "choose a column of integers, decimals, dates, timestamps or text",
                     "incremental_key `{}` is of type {}, which cannot tell newer rows from older ones", column,
                     type.ToString());
}

Result<Column> ParseKey(const Scalar& scalar, const Type& type) {
  ColumnBuilder builder(type);
  if (Status parsed = AppendParsed(scalar.text, &builder); !parsed) {
    if (type.id != TypeId::kDate && type.id != TypeId::kTimestampNtz) {
      return Fail(ErrorKind::kInvalidInput, "{}", parsed.error().message);
    }
    // A bound with a time of day or an offset, for a column without: read in UTC.
    int64_t micros = 0;
    bool has_zone = false;
    constexpr int64_t kMicrosPerDay = 86'400'000'000;
    if (!ParseTimestamp(scalar.text, &micros, &has_zone) || (type.id == TypeId::kDate && micros % kMicrosPerDay != 0)) {
      return Fail(ErrorKind::kInvalidInput, "{}", parsed.error().message);
    }
    if (type.id == TypeId::kDate) {
      builder.Append<int32_t>(static_cast<int32_t>(micros / kMicrosPerDay));
    } else {
      builder.Append<int64_t>(micros);
    }
  }
  return builder.Finish();
}

void KeepAtOrAbove(const Column& keys, const Column& bound, std::vector<uint8_t>* keep) {
  KeepWhere(keys, bound, keep, [](const auto& value, const auto& limit) { return value >= limit; });
}

void KeepBelow(const Column& keys, const Column& bound, bool inclusive, std::vector<uint8_t>* keep) {
  if (inclusive) {
    KeepWhere(keys, bound, keep, [](const auto& value, const auto& limit) { return value <= limit; });
  } else {
    KeepWhere(keys, bound, keep, [](const auto& value, const auto& limit) { return value < limit; });
  }
}

int64_t HighestKey(const Column& keys, const std::vector<uint8_t>& keep) {
  int64_t highest = -1;
  VisitKeys(keys, [&](auto value_at) {
    for (int64_t row = 0; row < keys.length; ++row) {
      if (keep[static_cast<size_t>(row)] == 0 || keys.IsNull(row)) continue;
      if (highest < 0 || value_at(row) > value_at(highest)) highest = row;
    }
  });
  return highest;
}

bool IsAscending(const Column& keys, const std::vector<uint8_t>& keep, const std::optional<Column>& after) {
  bool ascending = true;
  VisitKeys(keys, [&](auto value_at) {
    int64_t previous = -1;
    for (int64_t row = 0; row < keys.length; ++row) {
      if (keep[static_cast<size_t>(row)] == 0 || keys.IsNull(row)) continue;
      if (previous >= 0 && value_at(row) < value_at(previous)) ascending = false;
      if (previous < 0 && after && CompareCells(keys, row, *after, 0) < 0) ascending = false;
      previous = row;
    }
  });
  return ascending;
}

bool IsKeyBelow(const std::string& a, const std::string& b, const Type& type) {
  Result<Column> left = ParseKey(Scalar{type, a}, type);
  Result<Column> right = ParseKey(Scalar{type, b}, type);
  return left && right && CompareCells(*left, 0, *right, 0) < 0;
}

int64_t FirstNotFinite(const Column& keys, const std::vector<uint8_t>& keep) {
  if (keys.type.id != TypeId::kFloat32 && keys.type.id != TypeId::kFloat64) return -1;
  for (int64_t row = 0; row < keys.length; ++row) {
    if (keep[static_cast<size_t>(row)] == 0 || keys.IsNull(row)) continue;
    if (!IsFinite(keys, row)) return row;
  }
  return -1;
}

bool IsFinite(const Scalar& key) {
  Result<Column> value = ParseKey(key, key.type);
  return !value || FirstNotFinite(*value, {1}) < 0;
}

std::string ToHex(const RowHash& hash) {
  return HexEncode({reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size()});
}

std::optional<RowHash> RowHashFromHex(std::string_view hex) {
  RowHash hash;
  if (hex.size() != 2 * hash.bytes.size()) return std::nullopt;
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < hash.bytes.size(); ++i) {
    int high = digit(hex[2 * i]);
    int low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    hash.bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return hash;
}

char HashKind(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return 'b';
    case TypeId::kInt16:
    case TypeId::kInt32:
      return 'i';
    case TypeId::kInt64:
      return 'l';
    case TypeId::kFloat32:
    case TypeId::kFloat64:
      return 'f';
    case TypeId::kDecimal:
      return 'm';
    case TypeId::kDate:
      return 'd';
    case TypeId::kTime:
      return 'c';
    case TypeId::kTimestamp:
      return 'z';
    case TypeId::kTimestampNtz:
      return 'n';
    case TypeId::kText:
    case TypeId::kJson:
      return 't';
    case TypeId::kBinary:
      return 'x';
  }
  return '?';
}

bool IsComparableKind(char before, char now) {
  if (before == now) return true;
  bool is_whole = before == 'i' || before == 'l';
  if (is_whole && (now == 'i' || now == 'l' || now == 'm')) return true;
  return before == 'i' && now == 'f';  // a bigint may be rounded there
}

Result<RowHasher> RowHasher::Create(const Schema& schema, const std::vector<std::string>& columns) {
  RowHasher hasher;
  if (columns.empty()) {
    for (int i = 0; i < schema.size(); ++i) hasher.indexes_.push_back(i);
  }
  for (const std::string& column : columns) {
    std::optional<int> at = schema.Find(column);
    if (!at) return Fail(ErrorKind::kNotFound, "column `{}` is missing from the rows that were read", column);
    hasher.indexes_.push_back(*at);
  }
  auto name = [&](int index) -> const std::string& { return schema.fields[static_cast<size_t>(index)].name; };
  std::sort(hasher.indexes_.begin(), hasher.indexes_.end(), [&](int a, int b) { return name(a) < name(b); });
  for (int index : hasher.indexes_) hasher.names_.push_back(name(index));
  return hasher;
}

RowHash RowHasher::Hash(const RecordBatch& batch, int64_t row) {
  buffer_.clear();
  for (size_t i = 0; i < indexes_.size(); ++i) {
    const Column& column = batch.column(indexes_[i]);
    if (column.IsNull(row)) continue;
    AppendRaw<uint32_t>(static_cast<uint32_t>(names_[i].size()), &buffer_);
    buffer_.append(names_[i]);
    AppendCellBytes(column, row, &buffer_);
  }
  const Sha256::Digest digest = Sha256::Of(buffer_);
  RowHash hash;
  std::memcpy(hash.bytes.data(), digest.data(), hash.bytes.size());
  return hash;
}

}  // namespace nilus
