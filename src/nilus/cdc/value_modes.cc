#include "nilus/cdc/value_modes.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "nilus/base/encoding.h"
#include "nilus/data/builder.h"
#include "nilus/data/decimal.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/coerce.h"

namespace nilus {
namespace {

constexpr int kMostExactTens = 22;  // 10^22 is the last power of ten that a double is

// The double nearest to unscaled / 10^scale.
double NearestDouble(Int128 unscaled, int scale) {
  constexpr Int128 kMostExact = Int128{1} << std::numeric_limits<double>::digits;
  if (unscaled <= kMostExact && unscaled >= -kMostExact && scale <= kMostExactTens) {
    // Both are exact, so that one division rounds once.
    return static_cast<double>(unscaled) / static_cast<double>(PowerOfTen(scale));
  }
  const std::string text = FormatDecimal(unscaled, scale);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "NaN", "Infinity", "-Infinity", or digits. Nothing: beyond what a double holds.
std::optional<double> ParseDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Column DoublesOf(const Column& decimals) {
  ColumnBuilder doubles(MakeType(TypeId::kFloat64));
  for (int64_t row = 0; row < decimals.length; ++row) {
    decimals.IsNull(row) ? doubles.AppendNull()
                         : doubles.Append(NearestDouble(decimals.Value<Int128>(row), decimals.type.scale));
  }
  return doubles.Finish();
}

// Takes what is a double out of the texts.
Column TakeDoubles(Column* texts) {
  ColumnBuilder doubles(MakeType(TypeId::kFloat64));
  std::vector<uint8_t> is_taken(static_cast<size_t>(texts->length));
  for (int64_t row = 0; row < texts->length; ++row) {
    const std::optional<double> value = texts->IsNull(row) ? std::nullopt : ParseDouble(texts->BytesValue(row));
    value ? doubles.Append(*value) : doubles.AppendNull();
    is_taken[static_cast<size_t>(row)] = value ? 1 : 0;
  }
  *texts = KeepRows(*texts, is_taken, /*keep_flagged=*/false);
  return doubles.Finish();
}

std::string Spelled(std::string_view bytes, BinaryMode mode) {
  if (mode == BinaryMode::kHex) return HexEncode(bytes);
  std::string text = Base64Encode(bytes);
  if (mode == BinaryMode::kBase64UrlSafe) {
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
  }
  return text;
}

Result<Column> TextsOf(const Column& binaries, BinaryMode mode, const std::string& name) {
  ColumnBuilder texts(MakeType(TypeId::kText));
  for (int64_t row = 0; row < binaries.length; ++row) {
    if (binaries.IsNull(row)) {
      texts.AppendNull();
      continue;
    }
    const std::string text = Spelled(binaries.BytesValue(row), mode);
    if (texts.WouldOverflow(text.size())) {
      return FailWithFix(ErrorKind::kExhausted, "use binary.handling.mode: bytes, or leave the column out",
                         "column `{}`: a value of {} bytes is too large as text", name,
                         binaries.BytesValue(row).size());
    }
    texts.AppendBytes(text);
  }
  return texts.Finish();
}

}  // namespace

Type ValueModes::TypeFor(const Type& type) const {
  if (type.id == TypeId::kDecimal && decimals == DecimalMode::kDouble) return MakeType(TypeId::kFloat64);
  if (type.id == TypeId::kDecimal && decimals == DecimalMode::kString) return MakeType(TypeId::kText);
  if (type.id == TypeId::kBinary && binaries != BinaryMode::kBytes) return MakeType(TypeId::kText);
  return type;
}

Schema ValueModes::Apply(Schema schema, const IsKept& is_kept) const {
  for (Field& field : schema.fields) {
    const Type type = TypeFor(field.type);
    if (field.variant_of.empty() && !(type == field.type) && !is_kept(field.name)) field.type = type;
  }
  return schema;
}

Result<RecordBatch> ValueModes::Apply(const RecordBatch& batch, const IsKept& is_kept) const {
  const Schema schema = Apply(*batch.schema(), is_kept);
  if (schema == *batch.schema()) return batch;
  std::vector<Column> columns = batch.columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    const Field& field = schema.fields[i];
    if (field.type == columns[i].type) continue;
    if (columns[i].type.id == TypeId::kBinary) {
      NILUS_ASSIGN(columns[i], TextsOf(columns[i], binaries, field.name));
      continue;
    }
    const bool is_double = field.type.id == TypeId::kFloat64;
    columns[i] = is_double ? DoublesOf(columns[i]) : Coerce(columns[i], field.type, CoerceRule::kLenient).column;
    for (size_t j = 0; j < columns.size(); ++j) {
      if (schema.fields[j].variant_of != field.name || columns[j].type.id != TypeId::kText) continue;
      if (columns[j].null_count == columns[j].length) continue;
      if (is_double) {
        columns[i] = Overlay(columns[i], TakeDoubles(&columns[j]));
      } else {
        columns[i] = Overlay(columns[i], columns[j]);
        columns[j] = KeepRows(columns[j], std::vector<uint8_t>(static_cast<size_t>(columns[j].length)), true);
      }
    }
  }
  return RecordBatch(std::make_shared<Schema>(schema), std::move(columns), batch.num_rows());
}

}  // namespace nilus
