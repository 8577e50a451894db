#include "nilus/engine/report_json.h"

#include <nlohmann/json.hpp>

#include "nilus/base/redact.h"
#include "nilus/engine/checkpoint.h"

namespace nilus {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(std::string_view text) { return Redact(text); }

std::string Dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

Json Texts(const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(Text(text));
  return list;
}

void AddText(Json* json, const char* key, const std::string& text) {
  if (!text.empty()) (*json)[key] = Text(text);
}

// A position as an object; one that is damaged (and might be nested without end) as a text.
Json PositionJson(const std::string& text) {
  bool is_sound = ParseCheckpoint(Position{text}).has_value();
  return is_sound ? Json::parse(text, nullptr, /*allow_exceptions=*/false) : Json(text);
}

// The hashes of boundary rows may be megabytes: a run's report says how many there are (`nilus state show` has them).
Json PositionSummary(const std::string& position) {
  Json json = PositionJson(Text(position));
  if (!json.is_object()) return json;
  for (const char* part : {"boundary", "nulls"}) {
    if (!json.contains(part)) continue;
    size_t once = json[part].value("rows", std::string()).size() / (2 * sizeof(RowHash));
    size_t repeated = json[part].contains("repeated") ? json[part]["repeated"].size() : 0;
    json[part].erase("repeated");
    json[part]["rows"] = once + repeated;
  }
  return json;
}

Json PhaseJson(const PhaseReport& phase) {
  Json json = {{"seconds", phase.seconds},
               {"cpu_seconds", phase.cpu_seconds},
               {"cpu_percent", phase.cpu_percent},
               {"rows", phase.rows},
               {"bytes", phase.bytes},
               {"files", phase.files},
               {"peak_memory_bytes", phase.peak_bytes}};
  if (phase.started_at != WallTime{}) {
    json["started_at"] = FormatWallTime(phase.started_at);
    json["finished_at"] = FormatWallTime(phase.finished_at);
  }
  return json;
}

Json TableJson(const TableReport& table) {
  Json json = {{"name", Text(table.name)},
               {"source", Text(table.source)},
               {"rows_in", table.rows_in},
               {"rows_filtered", table.rows_filtered},
               {"rows_dead_lettered", table.rows_dead},
               {"rows_out", table.rows_out},
               {"rows_inserted", table.rows_inserted},
               {"rows_updated", table.rows_updated},
               {"rows_deleted", table.rows_deleted},
               {"boundary_rows_dropped", table.boundary_rows_dropped},
               {"null_keys_dropped", table.null_keys_dropped},
               {"bytes", table.bytes},
               {"files", table.files},
               {"variants", Json::array()}};
  for (const VariantCount& variant : table.variants) {
    json["variants"].push_back(
        {{"column", Text(variant.column)}, {"variant", Text(variant.variant)}, {"values", variant.values}});
  }
  AddText(&json, "dead_letters", table.dead_letters);
  json["discarded"] = Json::array();
  for (const DiscardedCount& discarded : table.discarded) {
    json["discarded"].push_back({{"column", Text(discarded.column)}, {"values", discarded.values}});
  }
  return json;
}

Json ErrorJson(const RunError& error) {
  Json json = {{"kind", ErrorKindName(error.kind)}, {"message", Text(error.message)}};
  AddText(&json, "fix", error.fix);
  AddText(&json, "phase", error.phase);
  AddText(&json, "table", error.table);
  return json;
}

}  // namespace

std::string PositionText(const std::string& position) {
  return ParseCheckpoint(Position{position}).has_value() ? position : Text(position);
}

std::string ToJson(const RunReport& report, int indent) {
  Json json = {{"run_id", report.run_id},
               {"load_id", report.load_id},
               {"pipeline", Text(report.pipeline)},
               {"name", Text(report.name)},
               {"source", Text(report.source)},
               {"destination", Text(report.destination)},
               {"strategy", report.strategy},
               {"started_at", FormatWallTime(report.started_at)},
               {"finished_at", FormatWallTime(report.finished_at)},
               {"seconds", report.seconds},
               {"first_run", report.first_run},
               {"is_success", report.is_success},
               {"error", report.error ? ErrorJson(*report.error) : Json(nullptr)},
               {"attempts", report.attempts}};
  AddText(&json, "cursor_before", report.cursor_before);
  AddText(&json, "cursor_after", report.cursor_after);
  if (!report.position.empty()) json["position"] = PositionSummary(report.position);
  json["tables"] = Json::array();
  for (const TableReport& table : report.tables) json["tables"].push_back(TableJson(table));
  json["phases"] = {{"extract", PhaseJson(report.extract)},
                    {"normalize", PhaseJson(report.normalize)},
                    {"load", PhaseJson(report.load)}};
  json["cpu_seconds"] = report.cpu_seconds;
  json["peak_memory_bytes"] = report.peak_bytes;
  json["schema_changes"] = Json::array();
  for (const SchemaChange& change : report.schema_changes) {
    Json item = {{"table", Text(change.table)}, {"change", change.change}};
    AddText(&item, "column", change.column);
    AddText(&item, "before", change.before);
    AddText(&item, "after", change.after);
    json["schema_changes"].push_back(std::move(item));
  }
  json["warnings"] = Texts(report.warnings);
  json["retries"] = Texts(report.retries);
  return Dump(json, indent);
}

std::string ToJson(const PlanReport& report, int indent) {
  Json json = {{"pipeline", Text(report.pipeline)},
               {"name", Text(report.name)},
               {"source", Text(report.source)},
               {"destination", Text(report.destination)},
               {"source_table", Text(report.source_table)},
               {"dest_table", Text(report.dest_table)},
               {"strategy", report.strategy},
               {"first_run", report.first_run},
               {"full_refresh", report.full_refresh},
               {"schema_contract", report.contract},
               {"table_exists", report.table_exists},
               {"columns", Json::array()},
               {"primary_key", Texts(report.primary_key)}};
  for (const PlannedColumn& column : report.columns) {
    Json item = {{"source_name", Text(column.source_name)},
                 {"name", Text(column.name)},
                 {"source_type", column.source_type.ToString()},
                 {"type", column.type.ToString()},
                 {"nullable", column.nullable}};
    AddText(&item, "note", column.note);
    json["columns"].push_back(std::move(item));
  }
  AddText(&json, "incremental_key", report.incremental_key);
  AddText(&json, "cursor", report.cursor);
  AddText(&json, "range", report.range);
  json["splits"] = report.splits;
  json["in_parallel"] = report.in_parallel;
  if (report.estimated_rows) json["estimated_rows"] = *report.estimated_rows;
  if (report.estimated_bytes) json["estimated_bytes"] = *report.estimated_bytes;
  json["statements"] = Texts(report.statements);
  json["warnings"] = Texts(report.warnings);
  return Dump(json, indent);
}

std::string ToJson(const StateReport& report, int indent) {
  Json json = {{"pipeline", Text(report.pipeline)},
               {"destination", Text(report.destination)},
               {"state_schema", Text(report.state_schema)},
               {"exists", report.exists}};
  if (!report.exists) return Dump(json, indent);
  json["version"] = report.version;
  json["load_id"] = report.load_id;
  AddText(&json, "cursor_column", report.cursor_column);
  AddText(&json, "cursor", report.cursor);
  json["boundary_rows"] = report.boundary_rows;
  if (!report.position.empty()) json["position"] = PositionJson(PositionText(report.position));
  return Dump(json, indent);
}

}  // namespace nilus
