#include "nilus/connectors/postgres/cdc/table_layout.h"

#include "nilus/base/encoding.h"
#include "nilus/connectors/postgres/cdc/array_json.h"

namespace nilus::postgres {
namespace {

constexpr uint32_t kFirstUserOid = 16384;  // FirstNormalObjectId of the server
constexpr uint32_t kInet = 869;

JsonElement ElementOf(uint32_t type) {
  switch (type) {
    case oid::kInt2:
    case oid::kInt4:
    case oid::kInt8:
    case oid::kFloat4:
    case oid::kFloat8:
    case oid::kNumeric:
      return JsonElement::kNumber;
    case oid::kBool:
      return JsonElement::kBool;
    case oid::kTimestamp:
      return JsonElement::kTimestamp;
    case oid::kTimestampTz:
      return JsonElement::kTimestampTz;
    case oid::kJson:
    case oid::kJsonb:
      return JsonElement::kJson;
    default:
      return JsonElement::kText;
  }
}

// Composites, domains and extensions' types have JSON forms of their own.
bool IsPlainElement(const PgType& type) {
  return type.element != 0 && (type.element_kind == 'e' || type.element_kind == 'r' || type.element_kind == 'm' ||
                               (type.element_kind == 'b' && type.element < kFirstUserOid));
}

bool AppendInet(std::string_view text, int index, BatchBuilder* builder) {
  std::string with_mask(text);
  if (text.find('/') == std::string_view::npos) with_mask += text.find(':') == std::string_view::npos ? "/32" : "/128";
  builder->column(index).AppendBytes(with_mask);
  return true;
}

}  // namespace

LogMapping MapLogType(const PgType& type) {
  LogMapping result;
  result.mapping = MapType(type, ReflectionLevel::kFull);
  const Mapping& mapping = result.mapping;
  if (mapping.select_before.empty() && mapping.select_after.empty()) return result;
  if (type.oid == kInet) {
    result.form = LogForm::kInet;
  } else if (mapping.select_before.empty() && mapping.select_after == "::pg_catalog.text") {
    result.form = LogForm::kText;
  } else if (mapping.wire == Wire::kBinary) {
    result.form = LogForm::kHexEwkb;
  } else if (IsPlainElement(type)) {
    result.form = LogForm::kArray;
    result.element = ElementOf(type.element);
  } else {
    result.form = LogForm::kServer;
  }
  return result;
}

TableLayout MakeLayout(CapturedTable table, const std::vector<CatalogColumn>& columns,
                       const std::vector<bool>& captured) {
  TableLayout layout;
  table.columns.fields.clear();
  Schema schema;
  for (size_t i = 0; i < columns.size(); ++i) {
    LayoutColumn column;
    if (captured[i]) {
      const LogMapping log = MapLogType(columns[i].type);
      column.target = schema.size();
      column.form = log.form;
      column.element = log.element;
      column.field = MakeWireField(log.mapping.wire, log.mapping.type);
      const bool is_key = std::find(table.key.begin(), table.key.end(), columns[i].name) != table.key.end();
      table.columns.fields.push_back({columns[i].name, log.mapping.type, !is_key, ""});
      Type type = log.mapping.type;
      if (log.form == LogForm::kServer) {
        type = MakeType(TypeId::kText);
        column.field = MakeWireField(Wire::kText, type);
        layout.has_server_columns = true;
      }
      schema.fields.push_back({columns[i].name, type, true, ""});
      if (log.form != LogForm::kDirect) layout.is_binary_safe = false;
      layout.catalog.push_back(columns[i]);
    }
    layout.columns.push_back(column);
  }
  layout.schema = std::make_shared<Schema>(std::move(schema));
  layout.table = std::move(table);
  return layout;
}

bool AppendLogText(const LayoutColumn& column, std::string_view text, BatchBuilder* builder) {
  switch (column.form) {
    case LogForm::kDirect:
    case LogForm::kText:
    case LogForm::kServer:
      return AppendTextValue(column.field, column.target, text, builder);
    case LogForm::kInet:
      return AppendInet(text, column.target, builder);
    case LogForm::kHexEwkb: {
      std::string prefixed = "\\x";
      prefixed += text;
      return AppendTextValue(column.field, column.target, prefixed, builder);
    }
    case LogForm::kArray: {
      std::string json;
      if (!AppendArrayJson(text, column.element, &json)) return false;
      return AppendTextValue(column.field, column.target, json, builder);
    }
  }
  return false;
}

bool AppendLogBinary(const LayoutColumn& column, std::string_view bytes, BatchBuilder* builder) {
  if (column.form != LogForm::kDirect) return false;
  return AppendBinaryValue(column.field, column.target, reinterpret_cast<const uint8_t*>(bytes.data()),
                           static_cast<uint32_t>(bytes.size()), builder);
}

}  // namespace nilus::postgres
