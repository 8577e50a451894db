#include "nilus/cli/run_summary.h"

#include <algorithm>
#include <filesystem>

#include "nilus/base/redact.h"
#include "nilus/cli/display.h"
#include "nilus/cli/manifests.h"
#include "nilus/engine/report_json.h"

namespace nilus::cli {
namespace {

constexpr int kLongestSource = 60;  // columns of a query that are shown

std::string Safe(std::string_view text) { return EscapeForTerminal(Redact(text)); }

// The address as the manifest has it when that shows no secret, else as it may be shown. Placeholders are filled where
// the filled address shows all of it: the variable may be the manifest's own.
std::string DestinationForQuery(const RunReport& report, const Pipeline& pipeline) {
  if (!pipeline.sink) return report.destination;
  const std::string& written = pipeline.sink->address_text;
  const Address& address = pipeline.sink->address;
  bool shows_all =
      address.password.empty() && address.params.empty() && Redact(report.destination) == report.destination;
  if (written.find('{') != std::string::npos && shows_all && !report.destination.empty()) return report.destination;
  return !written.empty() && Redact(written) == written ? written : report.destination;
}

std::string QuoteIdentifier(std::string_view name) {
  bool is_plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (is_plain && (name[0] < '0' || name[0] > '9')) return std::string(name);
  std::string quoted = "\"";
  for (char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string QuoteTable(std::string_view table) {
  size_t dot = table.find('.');
  if (dot == std::string_view::npos) return QuoteIdentifier(table);
  return QuoteIdentifier(table.substr(0, dot)) + "." + QuoteIdentifier(table.substr(dot + 1));
}

// SQLite has no schemas but `main`: another one's name is part of the table's.
bool IsOneName(const Pipeline& pipeline, std::string_view table) {
  return pipeline.sink && pipeline.sink->address.scheme == "sqlite" && !table.starts_with("main.");
}

// DuckDB calls a database like its file: where a schema has that name too, only a name of three parts is clear. Empty:
// it is clear.
std::string AmbiguousDatabase(const Pipeline& pipeline, std::string_view table) {
  if (!pipeline.sink || pipeline.sink->address.scheme != "duckdb") return {};
  std::string database = std::filesystem::path(pipeline.sink->address.path).stem().string();
  return table.substr(0, table.find('.')) == database ? database : std::string();
}

// What became of the rows, when that is more than "all were inserted".
std::string Counts(const TableReport& table) {
  if (table.rows_inserted == table.rows_out && table.rows_updated + table.rows_deleted == 0 &&
      table.rows_in == table.rows_out)
    return {};
  std::string text;
  auto add = [&](int64_t count, std::string_view what) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", FormatCount(count), what);
  };
  add(table.rows_inserted, "inserted");
  add(table.rows_updated, "updated");
  add(table.rows_deleted, "deleted");
  add(table.boundary_rows_dropped, "already there");
  add(table.null_keys_dropped, "without a key left out");
  add(table.rows_dead, "to dead letters");
  return text;
}

}  // namespace

std::string ShellQuote(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string RenderRunSummary(const Context& context, const RunReport& report, const Pipeline& pipeline) {
  std::string text;
  for (const TableReport& table : report.tables) {
    text += fmt::format("{} {}: {} from {} to {} ({}) in {}\n", Styled(context, Style::kGreen, "done"),
                        Safe(DisplayName(pipeline)), FormatRows(table.rows_out),
                        FitWidth(Safe(table.source), kLongestSource), Styled(context, Style::kBold, Safe(table.name)),
                        report.strategy, FormatSeconds(report.seconds));
    if (std::string counts = Counts(table); !counts.empty()) text += "     " + counts + "\n";
    for (const VariantCount& variant : table.variants) {
      text += fmt::format("     {} of `{}` did not fit its type: kept in `{}`\n",
                          variant.values == 1 ? "1 value" : FormatCount(variant.values) + " values",
                          Safe(variant.column), Safe(variant.variant));
    }
    for (const DiscardedCount& discarded : table.discarded) {
      text += fmt::format("     {} of `{}` became NULL (schema_contract discard_value)\n",
                          discarded.values == 1 ? "1 value" : FormatCount(discarded.values) + " values",
                          Safe(discarded.column));
    }
  }
  if (report.tables.empty()) {
    text += fmt::format("{} {}: nothing new to load, in {}\n", Styled(context, Style::kGreen, "done"),
                        Safe(DisplayName(pipeline)), FormatSeconds(report.seconds));
  }
  for (const SchemaChange& change : report.schema_changes) {
    std::string what = change.column.empty() ? change.table : change.table + "." + change.column;
    text += fmt::format("     {}: {}", Safe(what), Safe(change.change));
    if (!change.before.empty()) text += fmt::format(" from {}", Safe(change.before));
    if (!change.after.empty()) text += fmt::format("{}{}", change.before.empty() ? " " : " to ", Safe(change.after));
    text += "\n";
  }
  if (!report.cursor_after.empty()) {
    text += report.cursor_before.empty() || report.cursor_before == report.cursor_after
                ? fmt::format("     cursor at {}\n", Safe(report.cursor_after))
                : fmt::format("     cursor from {} to {}\n", Safe(report.cursor_before), Safe(report.cursor_after));
  }
  text += fmt::format("     read {}, CPU {}, peak memory {}{}\n", FormatBytes(report.extract.bytes),
                      FormatSeconds(report.cpu_seconds), FormatBytes(report.peak_bytes),
                      report.attempts > 1 ? fmt::format(", {} attempts", report.attempts) : "");
  return text;
}

std::string RenderNextStep(const RunReport& report, const Pipeline& pipeline) {
  if (report.tables.empty()) return {};
  // Without rows there may be no table: an input without rows and columns makes none.
  const bool is_new = std::any_of(report.schema_changes.begin(), report.schema_changes.end(),
                                  [](const SchemaChange& change) { return change.change == "table created"; });
  if (report.tables.front().rows_out == 0 && !is_new) return {};
  const std::string& name = report.tables.front().name;
  std::string table = IsOneName(pipeline, name) ? QuoteIdentifier(name) : QuoteTable(name);
  if (std::string database = AmbiguousDatabase(pipeline, name); !database.empty())
    table = QuoteIdentifier(database) + "." + table;
  std::string query = "SELECT * FROM " + table + " LIMIT 10";
  return fmt::format("next: nilus query {} {}\n", ShellQuote(Safe(DestinationForQuery(report, pipeline))),
                     ShellQuote(Safe(query)));
}

std::string RenderPlan(const Context& context, const PlanReport& plan) {
  std::string text = Styled(context, Style::kBold, Safe(plan.name)) + "\n";
  auto line = [&](std::string_view label, std::string_view value) {
    if (!value.empty()) text += fmt::format("  {:<13}{}\n", label, value);
  };
  line("from", fmt::format("{} {}", Safe(plan.source), Safe(plan.source_table)));
  line("to", fmt::format("{} {} ({})", Safe(plan.destination), Safe(plan.dest_table),
                         plan.table_exists ? "exists" : "would be created"));
  line("strategy", plan.strategy + (plan.full_refresh ? ", full refresh" : ""));
  if (plan.contract != "evolve") line("contract", plan.contract);
  std::string keys;
  for (const std::string& key : plan.primary_key) keys += (keys.empty() ? "" : ", ") + Safe(key);
  line("primary key", keys);
  if (!plan.incremental_key.empty()) {
    line("cursor", fmt::format("{} {}", Safe(plan.incremental_key),
                               plan.cursor.empty() ? "not committed yet" : "committed at " + Safe(plan.cursor)));
  }
  line("reads", plan.range.empty() ? "all rows" : Safe(plan.range));
  std::string size;
  if (plan.estimated_rows) size = "about " + FormatRows(*plan.estimated_rows);
  if (plan.estimated_bytes) size += (size.empty() ? "about " : ", ") + FormatBytes(*plan.estimated_bytes);
  line("size", size);
  line("parts", fmt::format("{}{}", plan.splits, plan.in_parallel ? ", read in parallel under one snapshot" : ""));
  if (plan.columns.empty()) {
    text += "\n  The columns are known when the values are read.\n";
  } else {
    int source_width = 6;
    int name_width = 6;
    int type_width = 4;
    constexpr int kWidest = 40;
    for (const PlannedColumn& column : plan.columns) {
      source_width = std::clamp(DisplayWidth(Safe(column.source_name)), source_width, kWidest);
      name_width = std::clamp(DisplayWidth(Safe(column.name)), name_width, kWidest);
      type_width = std::clamp(DisplayWidth(column.type.ToString()), type_width, kWidest);
    }
    text += fmt::format("\n  {}  {}  {}\n", PadRight("source", source_width), PadRight("column", name_width), "type");
    for (const PlannedColumn& column : plan.columns) {
      std::string row = fmt::format("  {}  {}  {}  {}{}{}", PadRight(Safe(column.source_name), source_width),
                                    PadRight(Safe(column.name), name_width),
                                    PadRight(column.type.ToString(), type_width), column.nullable ? "" : "not null",
                                    column.nullable || column.note.empty() ? "" : ", ", Safe(column.note));
      row.erase(row.find_last_not_of(' ') + 1);
      text += row + "\n";
    }
  }
  if (!plan.statements.empty()) text += "\n  Would be made at the destination:\n";
  for (const std::string& statement : plan.statements) {
    text += "    " + EscapeForTerminal(Redact(statement), true) + "\n";
  }
  for (const std::string& warning : plan.warnings) {
    text += Styled(context, Style::kYellow, "  warning:") + " " + Safe(warning) + "\n";
  }
  return text;
}

std::string RenderState(const StateReport& state) {
  std::string text = fmt::format("{}\n  destination  {}, table {}._nilus_state\n", Safe(state.pipeline),
                                 Safe(state.destination), Safe(state.state_schema));
  if (!state.exists) return text + "  nothing is committed yet: the next run starts from the beginning\n";
  text += fmt::format("  version      {}\n  load_id      {}\n", state.version, Safe(state.load_id));
  if (!state.cursor.empty()) {
    text += fmt::format("  cursor       {} = {}", Safe(state.cursor_column), Safe(state.cursor));
    if (state.boundary_rows > 0) text += fmt::format(" ({} at this value)", FormatRows(state.boundary_rows));
    text += "\n";
  }
  text += fmt::format("  position     {}\n",
                      state.position.empty() ? "none" : EscapeForTerminal(PositionText(state.position)));
  return text;
}

std::string RenderCdcPlan(const CdcPlan& plan) {
  std::string text =
      fmt::format("{}: {} → {}, {}\n", Safe(plan.pipeline), Safe(plan.source), Safe(plan.destination), plan.strategy);
  for (const std::string& step : plan.steps) text += fmt::format("  {}\n", Safe(step));
  const auto checks = [&](std::string_view role, const std::vector<CheckItem>& items) {
    for (const CheckItem& item : items) {
      text += fmt::format("  {:<6} {}: {}{}{}\n", item.ok ? "ok" : "FAILED", role, Safe(item.what),
                          item.detail.empty() ? "" : ": ", Indented(EscapeForTerminal(Redact(item.detail), true), 9));
    }
  };
  checks("source", plan.source_checks);
  checks("sink", plan.sink_checks);
  for (const std::string& notice : plan.notices) text += fmt::format("  note: {}\n", Safe(notice));
  return text;
}

}  // namespace nilus::cli
