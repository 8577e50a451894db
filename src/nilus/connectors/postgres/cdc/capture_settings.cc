#include "nilus/connectors/postgres/cdc/capture_settings.h"

#include <algorithm>

#include "nilus/base/encoding.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/text.h"

namespace nilus::postgres {
namespace {

constexpr size_t kLongestName = 63;  // NAMEDATALEN - 1

std::string Property(const CaptureRequest& request, const std::string& name, const std::string& fallback = {}) {
  auto found = request.properties.find(name);
  return found == request.properties.end() ? fallback : found->second;
}

bool IsTrue(const CaptureRequest& request, const std::string& name) {
  const std::string text = Property(request, name);
  return text == "true" || text == "True" || text == "yes" || text == "on" || text == "1";
}

// Slots have names of lower-case letters, digits and '_'. What has to be changed for that gets a mark of the original,
// so that two pipelines never meet.
std::string DefaultName(const std::string& pipeline) {
  std::string name = "nilus_";
  for (char c : pipeline) {
    const bool is_fit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    name += is_fit ? c : '_';
  }
  if (name.size() <= kLongestName && name.substr(6) == pipeline) return name;
  constexpr size_t kMarkChars = 8;
  name.resize(std::min(name.size(), kLongestName - kMarkChars - 1));
  return name + "_" + Sha256Hex(pipeline).substr(0, kMarkChars);
}

Status CheckSlotName(const std::string& slot) {
  const bool is_fit = !slot.empty() && slot.size() <= kLongestName &&
                      slot.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
  if (is_fit) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "use lower-case letters, digits and '_', at most 63",
                     "slot.name: PostgreSQL takes no replication slot named {}", slot);
}

// "streaming=on;two_phase=on"
Status ReadParameters(std::string_view text, CaptureSettings* settings) {
  for (size_t from = 0; from < text.size();) {
    const size_t end = std::min(text.find(';', from), text.size());
    const std::string_view parameter = TrimSpaces(text.substr(from, end - from));
    from = end + 1;
    if (parameter == "streaming=on" || parameter == "streaming=parallel") {
      settings->streams_in_progress = true;
    } else if (parameter == "two_phase=on" || parameter == "two_phase=true") {
      settings->is_two_phase = true;
    } else if (!parameter.empty() && parameter != "streaming=off" && parameter != "two_phase=off") {
      return FailWithFix(ErrorKind::kUnsupported,
                         "leave it out, or write streaming=on, two_phase=on or both with a ';'",
                         "slot.stream.params: the only parameters that can be set are streaming and two_phase");
    }
  }
  if ((settings->streams_in_progress || settings->is_two_phase) && !settings->plugin->has_parameters) {
    return FailWithFix(ErrorKind::kUnsupported, "leave it out, or use plugin.name: pgoutput with a slot of its own",
                       "slot.stream.params: {} knows none of these parameters", settings->plugin->name);
  }
  return {};
}

}  // namespace

Result<CaptureSettings> CaptureSettings::Read(const CaptureRequest& request) {
  CaptureSettings settings;
  struct List {
    const char* property;
    NamePatterns* patterns;
  };
  for (const char* property : {"collection.include.list", "collection.exclude.list", "field.exclude.list"}) {
    if (!request.properties.contains(property)) continue;
    const bool is_field = std::string_view(property).starts_with("field");
    return FailWithFix(ErrorKind::kInvalidInput,
                       is_field ? "write column.exclude.list: expressions over schema.table.column"
                                : "write table.include.list or table.exclude.list: expressions over schema.table",
                       "{} has no meaning for PostgreSQL, which has tables and columns", property);
  }
  for (const List& list : {List{"database.include.list", &settings.include_databases},
                           {"database.exclude.list", &settings.exclude_databases},
                           {"schema.include.list", &settings.include_schemas},
                           {"schema.exclude.list", &settings.exclude_schemas},
                           {"table.include.list", &settings.include_tables},
                           {"table.exclude.list", &settings.exclude_tables},
                           {"column.include.list", &settings.include_columns},
                           {"column.exclude.list", &settings.exclude_columns}}) {
    NILUS_ASSIGN(*list.patterns, NamePatterns::Parse(list.property, Property(request, list.property)));
  }
  settings.signal_table = Property(request, "signal.data.collection");
  const std::string plugin = Property(request, "plugin.name", std::string(settings.plugin->name));
  settings.plugin = FindPlugin(plugin);
  if (settings.plugin == nullptr) {
    return FailWithFix(ErrorKind::kUnsupported,
                       "leave it out (pgoutput is built into PostgreSQL 10 and later), or write wal2json or "
                       "test_decoding, with a slot that was made for it",
                       "plugin.name: {} is not read", plugin);
  }
  const std::string name = DefaultName(request.pipeline);
  settings.slot = Property(request, "slot.name", name);
  NILUS_TRY(CheckSlotName(settings.slot));
  settings.publication = Property(request, "publication.name", name);
  settings.owns_publication = settings.publication == name;
  const std::string autocreate = Property(request, "publication.autocreate.mode", "filtered");
  settings.autocreate = autocreate == "all_tables" ? Autocreate::kAllTables
                        : autocreate == "disabled" ? Autocreate::kDisabled
                                                   : Autocreate::kFiltered;
  settings.is_failover = IsTrue(request, "slot.failover");
  NILUS_TRY(ReadParameters(Property(request, "slot.stream.params"), &settings));
  const std::string mode = Property(request, "snapshot.mode");
  settings.replaces_lost = mode == "when_needed" || mode == "always";
  settings.needs_keys = request.needs_keys;
  settings.needs_deletes = request.needs_deletes;
  settings.heartbeat = std::chrono::milliseconds(
      std::max<int64_t>(ParseInteger(Property(request, "heartbeat.interval.ms")).value_or(0), 0));
  settings.heartbeat_query = Property(request, "heartbeat.action.query");
  return settings;
}

bool CaptureSettings::IsSignalTable(std::string_view schema, std::string_view table) const {
  return !signal_table.empty() && signal_table == std::string(schema) + "." + std::string(table);
}

bool CaptureSettings::Captures(std::string_view schema, std::string_view table) const {
  if (IsSignalTable(schema, table)) return true;
  if (schema == "pg_catalog" || schema == "information_schema" || schema.starts_with("pg_toast") ||
      schema.starts_with("pg_temp")) {
    return false;
  }
  const std::string name = std::string(schema) + "." + std::string(table);
  if (!include_schemas.empty() && !include_schemas.Match(schema)) return false;
  if (exclude_schemas.Match(schema)) return false;
  return (include_tables.empty() || include_tables.Match(name)) && !exclude_tables.Match(name);
}

bool CaptureSettings::CapturesColumn(std::string_view schema, std::string_view table, std::string_view column) const {
  const std::string name = std::string(schema) + "." + std::string(table) + "." + std::string(column);
  return (include_columns.empty() || include_columns.Match(name)) && !exclude_columns.Match(name);
}

}  // namespace nilus::postgres
