#include "nilus/connectors/postgres/cdc/key_bounds.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/connectors/postgres/connection.h"
#include "nilus/connectors/postgres/sql_text.h"
#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

using Json = nlohmann::json;

bool IsOrderedAlike(const PgType& type) {
  switch (type.oid) {
    case oid::kInt2:
    case oid::kInt4:
    case oid::kInt8:
    case oid::kOid:
    case oid::kDate:
    case oid::kTimestamp:
    case oid::kTimestampTz:
    case oid::kUuid:
      return true;
    default:
      return false;
  }
}

bool IsDateLike(const Type& type) {
  return type.id == TypeId::kDate || type.id == TypeId::kTimestamp || type.id == TypeId::kTimestampNtz;
}

}  // namespace

std::vector<KeyColumn> CuttableKey(const TableLayout& layout, const std::vector<std::string>& columns_in_byte_order) {
  std::vector<KeyColumn> key;
  for (const std::string& name : layout.table.key) {
    auto found = std::find_if(layout.catalog.begin(), layout.catalog.end(),
                              [&](const CatalogColumn& column) { return column.name == name; });
    if (found == layout.catalog.end()) return {};
    const bool is_text = found->type.oid == oid::kText || found->type.oid == oid::kVarchar;
    const bool is_in_byte_order = is_text && std::find(columns_in_byte_order.begin(), columns_in_byte_order.end(),
                                                       name) != columns_in_byte_order.end();
    if (!IsOrderedAlike(found->type) && !is_in_byte_order) return {};
    key.push_back({name, found->type, MapLogType(found->type).mapping.type});
  }
  return key;
}

Result<std::string> BoundCondition(const std::vector<KeyColumn>& key, const std::string& bound,
                                   const std::string& comparison) {
  const Json texts = Json::parse(bound, nullptr, false);
  if (!texts.is_array() || texts.size() != key.size() ||
      !std::all_of(texts.begin(), texts.end(), [](const Json& text) { return text.is_string(); })) {
    return Fail(ErrorKind::kInvalidInput, "the bound of a snapshot's chunk is no JSON array of {} texts", key.size());
  }
  std::string left;
  std::string right;
  for (size_t i = 0; i < key.size(); ++i) {
    const auto& text = texts[i].get_ref<const std::string&>();
    const char* comma = i > 0 ? ", " : "";
    left += comma + ("t." + QuoteIdentifier(key[i].name));
    right += comma + QuoteLiteral(IsDateLike(key[i].type) ? PostgresDateText(text) : text) +
             "::" + QuoteName(key[i].pg_type.schema, key[i].pg_type.name);
  }
  return "(" + left + ") " + comparison + " (" + right + ")";
}

std::string BoundOf(const RecordBatch& keys, int64_t row) {
  Json texts = Json::array();
  for (const Column& column : keys.columns()) {
    std::string text;
    AppendCellText(column, row, &text);
    texts.push_back(std::move(text));
  }
  return texts.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace nilus::postgres
