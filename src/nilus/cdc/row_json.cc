#include "nilus/cdc/row_json.h"

#include <nlohmann/json.hpp>

#include "nilus/data/scalar.h"

namespace nilus {
namespace {

using Json = nlohmann::json;

std::string Quoted(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

bool IsPlain(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F || c == '"' || c == '\\') return false;
  }
  return true;
}

void AppendQuoted(std::string_view text, std::string* out) {
  if (!IsPlain(text)) {
    out->append(Quoted(text));
    return;
  }
  out->push_back('"');
  out->append(text);
  out->push_back('"');
}

bool IsBare(TypeId id) {
  switch (id) {
    case TypeId::kBool:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kFloat32:
    case TypeId::kFloat64:
    case TypeId::kDecimal:
      return true;
    default:
      return false;
  }
}

void AppendCell(const Column& column, int64_t row, std::string* out) {
  if (column.IsNull(row)) {
    out->append("null");
    return;
  }
  if (column.type.id == TypeId::kText) return AppendQuoted(column.BytesValue(row), out);
  if (column.type.id == TypeId::kJson) {
    const std::string_view text = column.BytesValue(row);
    return Json::accept(text) ? static_cast<void>(out->append(text)) : AppendQuoted(text, out);
  }
  const size_t begin = out->size();
  AppendCellText(column, row, out);
  const char last = out->back();
  const bool is_finite = column.type.id == TypeId::kBool || (last >= '0' && last <= '9');
  if (IsBare(column.type.id) && is_finite) return;
  out->insert(begin, 1, '"');
  out->push_back('"');
}

}  // namespace

RowJson::RowJson(const RecordBatch& rows) : rows_(&rows) {
  for (const Field& field : rows.schema()->fields) names_.push_back(Quoted(field.name) + ":");
}

std::vector<const std::vector<uint8_t>*> RowJson::LeftOut(const std::map<int, std::vector<uint8_t>>& unchanged) const {
  std::vector<const std::vector<uint8_t>*> flags(names_.size(), nullptr);
  for (const auto& [column, of] : unchanged) flags[static_cast<size_t>(column)] = &of;
  return flags;
}

void RowJson::Append(int64_t row, int32_t change, const std::vector<const std::vector<uint8_t>*>& left_out,
                     std::string* out) const {
  out->push_back('{');
  bool is_first = true;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (change >= 0 && left_out[i] != nullptr && (*left_out[i])[static_cast<size_t>(change)] != 0) continue;
    const Column& column = rows_->column(static_cast<int>(i));
    const bool is_variant = !rows_->schema()->fields[i].variant_of.empty();
    if (is_variant && column.IsNull(row)) continue;
    if (!is_first) out->push_back(',');
    is_first = false;
    out->append(names_[i]);
    AppendCell(column, row, out);
  }
  out->push_back('}');
}

}  // namespace nilus
