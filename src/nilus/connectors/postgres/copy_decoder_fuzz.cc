// Any bytes as a binary COPY stream: never undefined behaviour, and what is accepted is a sound batch. The first byte
// says how many columns there are, the next ones which formats they have; the rest is the stream, cut into messages by
// a 16-bit length before each (0xFFFF: all that is left).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

#include "nilus/base/encoding.h"
#include "nilus/connectors/postgres/copy_decoder.h"
#include "nilus/connectors/postgres/wire_values.h"

namespace {

using namespace nilus;            // NOLINT
using namespace nilus::postgres;  // NOLINT

Type TypeOf(Wire wire, uint8_t salt) {
  switch (wire) {
    case Wire::kBool:
      return MakeType(TypeId::kBool);
    case Wire::kInt16:
      return MakeType(TypeId::kInt16);
    case Wire::kInt32:
      return MakeType(TypeId::kInt32);
    case Wire::kInt64:
    case Wire::kInt16Wide:
    case Wire::kInt32Wide:
    case Wire::kUint32Wide:
      return MakeType(TypeId::kInt64);
    case Wire::kFloat32:
      return MakeType(TypeId::kFloat32);
    case Wire::kFloat32Wide:
    case Wire::kFloat64:
      return MakeType(TypeId::kFloat64);
    case Wire::kNumeric:
      return MakeDecimal(1 + salt % 38, (salt * 7) % (2 + salt % 38));
    case Wire::kText:
    case Wire::kUuid:
      return MakeType(TypeId::kText);
    case Wire::kJson:
    case Wire::kJsonb:
      return MakeType(TypeId::kJson);
    case Wire::kBinary:
      return MakeType(TypeId::kBinary);
    case Wire::kDate:
      return MakeType(TypeId::kDate);
    case Wire::kTime:
      return MakeType(TypeId::kTime);
    case Wire::kTimestamp:
      return MakeType(salt % 2 == 0 ? TypeId::kTimestamp : TypeId::kTimestampNtz);
  }
  return MakeType(TypeId::kText);
}

void Require(bool holds) {
  if (!holds) std::abort();
}

void CheckBatch(const RecordBatch& batch) {
  Require(batch.schema()->size() == static_cast<int>(batch.columns().size()));
  for (const Column& column : batch.columns()) {
    Require(column.length == batch.num_rows());
    int64_t nulls = 0;
    for (int64_t row = 0; row < column.length; ++row) {
      if (column.IsNull(row)) {
        ++nulls;
      } else if (column.type.id == TypeId::kText || column.type.id == TypeId::kJson) {
        Require(IsValidUtf8(column.BytesValue(row)));
      } else if (column.type.id == TypeId::kDecimal) {
        Int128 limit = 1;
        for (int i = 0; i < column.type.precision; ++i) limit *= 10;
        Require(column.Value<Int128>(row) < limit && column.Value<Int128>(row) > -limit);
      }
    }
    Require(nulls == column.null_count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kWires = static_cast<int>(Wire::kUuid) + 1;
  if (size < 1) return 0;
  size_t count = data[0] % 9;
  if (size < 1 + count) return 0;
  std::vector<CopyDecoder::Column> columns;
  auto schema = std::make_shared<Schema>();
  for (size_t i = 0; i < count; ++i) {
    uint8_t byte = data[1 + i];
    auto wire = static_cast<Wire>(byte % kWires);
    columns.push_back({"c" + std::to_string(i), TypeOf(wire, static_cast<uint8_t>(byte / kWires * 3)), wire});
    schema->fields.push_back({columns.back().name, columns.back().type, true, ""});
  }
  CopyDecoder decoder(columns);
  BatchBuilder builder(schema);
  data += 1 + count;
  size -= 1 + count;
  while (size >= 2) {
    size_t length = LoadBig16(data);
    data += 2;
    size -= 2;
    length = length == 0xFFFF ? size : std::min(length, size);
    auto copy = std::make_unique<uint8_t[]>(length);  // its own allocation: reading past its end is seen
    std::copy_n(data, length, copy.get());
    data += length;
    size -= length;
    if (!decoder.Feed({reinterpret_cast<const char*>(copy.get()), length})) return 0;
    while (decoder.HasRow()) {
      auto row = decoder.DecodeRow(&builder);
      if (!row) return 0;
    }
    if (builder.num_rows() % 3 == 2) CheckBatch(builder.Finish());
  }
  CheckBatch(builder.Finish());
  return 0;
}
