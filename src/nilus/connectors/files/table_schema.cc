#include "nilus/connectors/files/table_schema.h"

#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"

namespace nilus::files {
namespace {

using Json = nlohmann::ordered_json;

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kData, "remove it: the types are then read from the files", "{} is damaged: {}",
                     kTableSchemaFile, what);
}

}  // namespace

std::string FormatTableSchema(const TableSchema& table) {
  Json columns = Json::array();
  for (const Field& field : table.schema.fields) {
    Json column = {{"name", field.name}, {"type", field.type.ToString()}};
    if (!field.nullable) column["nullable"] = false;
    if (!field.variant_of.empty()) column["variant_of"] = field.variant_of;
    columns.push_back(std::move(column));
  }
  Json document = {{"format", FormatName(table.format)}, {"columns", std::move(columns)}};
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<TableSchema> ParseTableSchema(std::string_view text) {
  if (!IsValidUtf8(text)) return Damaged("it is not UTF-8");
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return Damaged("it is no JSON object");
  TableSchema table;
  auto format = document.find("format");
  if (format == document.end() || !format->is_string()) return Damaged("it has no \"format\"");
  auto name = format->get<std::string>();
  if (name == "csv") {
    table.format = FileFormat::kCsv;
  } else if (name == "jsonl") {
    table.format = FileFormat::kJsonLines;
  } else if (name == "parquet") {
    table.format = FileFormat::kParquet;
  } else {
    return Damaged("its \"format\" is not known");
  }
  auto columns = document.find("columns");
  if (columns == document.end() || !columns->is_array()) return Damaged("\"columns\" is no array");
  for (const Json& column : *columns) {
    if (!column.is_object() || !column.contains("name") || !column["name"].is_string() || !column.contains("type") ||
        !column["type"].is_string()) {
      return Damaged("a column has no name or type");
    }
    Field field;
    field.name = column["name"].get<std::string>();
    auto type = ParseType(column["type"].get<std::string>());
    if (!type) return Damaged(fmt::format("the type of column '{}' is not known", field.name));
    field.type = *type;
    if (auto nullable = column.find("nullable"); nullable != column.end() && nullable->is_boolean())
      field.nullable = nullable->get<bool>();
    if (auto variant = column.find("variant_of"); variant != column.end() && variant->is_string())
      field.variant_of = variant->get<std::string>();
    table.schema.fields.push_back(std::move(field));
  }
  return table;
}

void AddFields(const Schema& more, Schema* schema) {
  for (const Field& field : more.fields) {
    if (!schema->Find(field.name)) schema->fields.push_back(field);
  }
}

}  // namespace nilus::files
