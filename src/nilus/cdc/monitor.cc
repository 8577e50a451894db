#include "nilus/cdc/monitor.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/base/log.h"
#include "nilus/base/redact.h"

namespace nilus {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kStatusEvery = std::chrono::seconds(1);
constexpr size_t kMostWarnings = 100;
constexpr size_t kMostChanges = 1000;

}  // namespace

void CaptureMonitor::StartAttempt(int attempt) {
  report_->attempts = attempt;
  tables_.clear();
  progress_->StartAttempt(attempt);
  progress_->SetPhase(RunPhase::kMoving);
  WriteStatus("starting");
}

void CaptureMonitor::SetFirstRun(bool is_first) {
  if (!saw_first_run_) report_->first_run = is_first;
  saw_first_run_ = true;
}

void CaptureMonitor::Warn(std::string text) {
  std::vector<std::string>& warnings = report_->warnings;
  if (std::find(warnings.begin(), warnings.end(), text) != warnings.end()) return;
  LogWarning("{}: {}", name_, text);
  if (warnings.size() < kMostWarnings) warnings.push_back(std::move(text));
}

void CaptureMonitor::Failed(const Error& error) {
  last_error_ = error.ToString();
  WriteStatus("waiting to try again");
}

void CaptureMonitor::SchemaSeen(const std::string& at, const CapturedTable& table) {
  LogInfo("{}: at {} the log shows {}.{} with {} columns", name_, at, table.schema, table.name,
          table.columns.fields.size());
  KeepShape(at, table);
}

void CaptureMonitor::KeepShape(const std::string& at, const CapturedTable& table) {
  Json shape = {{"table", {table.schema, table.name}}, {"columns", Json::array()}, {"key", table.key}};
  for (const Field& field : table.columns.fields) {
    if (field.variant_of.empty()) shape["columns"].push_back({{"name", field.name}, {"type", field.type.ToString()}});
  }
  const auto text = [](const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); };
  std::string& last = shapes_[table.schema + "." + table.name];
  if (last == text(shape)) return;
  last = text(shape);
  Json line = {{"at", at}, {"seen", FormatWallTime(Now())}};
  line.update(shape);
  folder_.AddSchema(text(line));
}

CaptureMonitor::TableState& CaptureMonitor::Of(const TableName& table) {
  const std::string name = table.ToString();
  auto known = tables_.find(name);
  if (known != tables_.end()) return known->second;
  auto reported = std::find_if(report_->tables.begin(), report_->tables.end(),
                               [&](const TableReport& r) { return r.name == name; });
  if (reported == report_->tables.end()) {
    report_->tables.push_back(TableReport{.name = name});
    reported = report_->tables.end() - 1;
  }
  TableState state{.report = static_cast<size_t>(reported - report_->tables.begin()),
                   .progress = &progress_->AddTable(name)};
  return tables_.emplace(name, state).first->second;
}

void CaptureMonitor::Read(const TableName& table, int64_t rows, int64_t bytes) {
  TableState& state = Of(table);
  report_->tables[state.report].rows_in += rows;
  state.progress->rows_read += rows;
  state.progress->bytes_read += bytes;
  report_->extract.rows += rows;
  report_->extract.bytes += bytes;
}

void CaptureMonitor::Committed(const ChangeLoad& load, const std::vector<Receipt>& receipts, const CommitResult& result,
                               const Position& position, const CaptureTargets& targets) {
  ++commits_;
  rows_ += load.rows();
  last_error_.clear();
  report_->load_id = load.load_id();
  report_->position = position.json;
  for (const Receipt& receipt : receipts) {
    if (load.tables().at(receipt.table.ToString()).letters_of) continue;
    TableReport& table = report_->tables[Of(receipt.table).report];
    table.files += receipt.files;
    table.bytes += receipt.bytes;
    report_->load.files += receipt.files;
  }
  for (const auto& [key, written] : load.tables()) {
    TableState& state = Of(written.letters_of.value_or(written.name));
    TableReport& table = report_->tables[state.report];
    if (written.letters_of) {
      table.rows_dead += written.rows;
      table.dead_letters = key;
      Warn(fmt::format("{}: rows that did not fit are kept in {}", table.name, key));
      continue;
    }
    table.rows_out += written.rows;
    state.progress->rows_loaded += written.rows;
    const auto counted = result.tables.find(key);
    if (counted == result.tables.end()) continue;
    table.rows_inserted += counted->second.rows_inserted;
    table.rows_updated += counted->second.rows_updated;
    table.rows_deleted += counted->second.rows_deleted;
  }
  report_->load.rows += load.rows();
  report_->load.bytes += load.bytes();
  targets.ForEachTarget([&](TableTarget& target) {
    for (const Field& field : target.TakeNewColumns()) {
      if (report_->schema_changes.size() >= kMostChanges) return;
      report_->schema_changes.push_back(SchemaChange{.table = target.name().ToString(),
                                                     .column = field.name,
                                                     .change = "column added",
                                                     .before = {},
                                                     .after = field.type.ToString()});
    }
    TellUnknown(target, result);
  });
}

// Values that the log left out, of rows that are not there by the capture's own properties.
void CaptureMonitor::TellUnknown(const TableTarget& target, const CommitResult& result) {
  const auto counted = result.tables.find(target.name().ToString());
  if (counted == result.tables.end()) return;
  const std::string table = NameOf(target.table());
  std::vector<std::string> columns;
  for (const std::string& column : counted->second.unknown_columns) {
    if (unknown_.emplace(table, column).second) columns.push_back(column);
  }
  if (columns.empty()) return;
  Warn(
      fmt::format("table {0}: NULL stands in `{1}` of rows at {2} whose change left it out of the log, as it stays "
                  "what it was (TOAST): "
                  "{3}, so that nothing had it. `nilus cdc snapshot FILE --table {0}` brings it",
                  table, fmt::join(columns, "`, `"), target.name().ToString(), target.lacks_rows_as()));
}

void CaptureMonitor::Show(const CdcPosition& position, const LogPosition& head, int64_t head_at) {
  const auto now = std::chrono::steady_clock::now();
  if (head != LogPosition{}) {
    head_ = head;
    head_at_ = head_at;
  }
  position_.at = position.at;
  position_.shown = position.shown;
  if (position_.at >= head_) caught_up_ = now;
  if (now - last_status_ < kStatusEvery) return;
  position_ = position;
  WriteStatus(position.pending.empty() ? "streaming" : "snapshot");
}

void CaptureMonitor::Stopped(const Error* error) {
  if (error != nullptr) last_error_ = error->ToString();
  WriteStatus("stopped");
}

void CaptureMonitor::WriteStatus(std::string_view state) {
  const auto now = std::chrono::steady_clock::now();
  const std::chrono::duration<double> since = now - last_status_;
  if (last_status_ != std::chrono::steady_clock::time_point{} && since.count() > 0)
    rows_per_second_ = static_cast<double>(rows_ - rows_at_status_) / since.count();
  if (head_at_status_ != LogPosition{} && head_.major > head_at_status_.major && since.count() > 0)
    source_bytes_per_second_ = static_cast<double>(head_.major - head_at_status_.major) / since.count();
  head_at_status_ = head_;
  rows_at_status_ = rows_;
  last_status_ = now;
  const std::chrono::duration<double> behind = now - caught_up_;
  Json json = {{"pipeline", report_->pipeline},
               {"state", state},
               {"pid", ::getpid()},
               {"started_at", FormatWallTime(report_->started_at)},
               {"updated_at", FormatWallTime(Now())},
               {"position", position_.shown},
               {"committed", report_->position},
               {"behind_seconds", position_.at >= head_ ? 0.0 : behind.count()},
               {"commits", commits_},
               {"rows", rows_},
               {"rows_per_second", rows_per_second_}};
  // Positions whose numbers count bytes of one log (PostgreSQL's).
  if (head_.minor == 0 && position_.at.minor == 0) {
    json["behind_bytes"] = head_.major > position_.at.major ? head_.major - position_.at.major : 0;
    json["source_bytes_per_second"] = source_bytes_per_second_;
  }
  Json& pending = json["snapshot"] = Json::array();
  for (const PendingTable& table : position_.pending)
    pending.push_back({{"table", table.name()}, {"how", SnapshotHowName(table.how)}, {"up_to_key", table.up_to}});
  Json& tables = json["tables"] = Json::array();
  for (const TableReport& table : report_->tables)
    tables.push_back({{"name", table.name}, {"rows_in", table.rows_in}, {"rows_out", table.rows_out}});
  if (!last_error_.empty()) json["last_error"] = Redact(last_error_);
  folder_.WriteStatus(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace nilus
