#include "nilus/cdc/inspect.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "nilus/base/nearest.h"
#include "nilus/base/redact.h"
#include "nilus/cdc/position.h"
#include "nilus/cdc/service_folder.h"
#include "nilus/cdc/signals.h"
#include "nilus/cdc/start_notices.h"
#include "nilus/cdc/targets.h"
#include "nilus/engine/job.h"

namespace nilus {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

ServiceFolder FolderOf(const CdcJob& job, const RunOptions& options) {
  return ServiceFolder::Of(job.pipeline.value, job.sink_display, options.variables);
}

Result<std::optional<CdcPosition>> CommittedPosition(const CdcJob& job, Sink& sink) {
  NILUS_ASSIGN(std::optional<CommittedState> state, sink.Committed(job.pipeline));
  if (!state || state->position.empty()) return std::optional<CdcPosition>();
  NILUS_ASSIGN(CdcPosition position, ParseCdcPosition(state->position));
  return std::optional<CdcPosition>(std::move(position));
}

// Whether the process that wrote a status.json is still there.
bool IsRunning(const Json& service) {
  if (!service.is_object() || !service.contains("pid") || !service["pid"].is_number_integer()) return false;
  std::string program;
  std::ifstream(fmt::format("/proc/{}/comm", service["pid"].get<int64_t>())) >> program;
  std::string own;
  std::ifstream("/proc/self/comm") >> own;
  return !program.empty() && program == own && service.value("state", "") != "stopped";
}

// What a running service says that it has committed; nothing: none runs.
std::optional<CdcPosition> PositionOfService(const std::string& status) {
  const Json json = Json::parse(status, nullptr, /*allow_exceptions=*/false);
  if (!IsRunning(json)) return std::nullopt;
  Result<CdcPosition> position = ParseCdcPosition(Position{json.value("committed", "")});
  return position ? std::optional(*std::move(position)) : std::nullopt;
}

// A running service is believed: a database that is a file is held by it, and would be waited for.
Result<std::optional<CdcPosition>> AskPosition(const CdcJob& job, const RunOptions& options,
                                               const std::string& service) {
  if (std::optional<CdcPosition> position = PositionOfService(service)) return position;
  NILUS_ASSIGN(const std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  return CommittedPosition(job, *sink);
}

// What a start hands its source, but for what may be read anew.
std::optional<CommittedLog> LogOf(const std::optional<CdcPosition>& position) {
  if (!position) return std::nullopt;
  return CommittedLog{
      .at = position->at, .identity = position->identity, .tables = position->Loaded(), .replaceable = {}};
}

std::string LostFix(const CdcJob& job) {
  if (job.properties.snapshot.when_lost) return "the next start reads what is lost anew";
  return "set snapshot.mode: when_needed, which reads what is lost anew, or forget the position with `nilus state "
         "reset`";
}

// What a start would refuse of the tables themselves: those that would meet in one, masks of no column, names.
Status CheckTables(const CdcJob& job, const std::vector<CapturedTable>& tables, Sink& sink) {
  CaptureTargets targets(job, &sink);
  NILUS_TRY(targets.Begin(tables));
  for (const CapturedTable& table : tables) NILUS_TRY(targets.TargetOf(table));
  return {};
}

std::string StepsOf(const CdcJob& job, const std::optional<CdcPosition>& position, const std::string& lost) {
  const SnapshotPolicy& policy = job.properties.snapshot;
  if (!lost.empty() && policy.when_lost) return "reads anew what is lost: " + lost;
  if (!lost.empty()) return "is refused: " + lost;
  if (!position) {
    if (policy.needs_position) return "nothing is committed, and snapshot.mode " + policy.mode + " needs a position";
    if (policy.reads_rows) {
      return fmt::format("first start: every captured table is read as a whole (snapshot.mode {})", policy.mode);
    }
    return fmt::format("first start: no rows are read (snapshot.mode {}), the stream begins where the log is then",
                       policy.mode);
  }
  if (!position->pending.empty()) {
    return fmt::format("goes on with the snapshot of {} of {} tables, then from {}", position->pending.size(),
                       position->tables.size(), position->shown);
  }
  if (policy.at_every_start) return "reads every table anew (snapshot.mode always), then streams";
  return "goes on from " + position->shown;
}

// One that nothing was committed of yet.
bool Captures(const CdcJob& job, const std::string& asked, const RunOptions& options) {
  const Result<std::unique_ptr<ChangeSource>> source = job.open_source(options.stop);
  if (!source) return false;
  const Result<std::vector<CapturedTable>> tables = (*source)->Tables(job.capture);
  return tables && std::any_of(tables->begin(), tables->end(),
                               [&](const CapturedTable& table) { return NamesTable(asked, NameOf(table)); });
}

Json ItemsJson(const std::vector<CheckItem>& items) {
  Json json = Json::array();
  for (const CheckItem& item : items)
    json.push_back({{"what", Redact(item.what)}, {"ok", item.ok}, {"detail", Redact(item.detail)}});
  return json;
}

}  // namespace

namespace {

void AddSource(const CdcJob& job, const ChangeSource& source, const std::optional<CdcPosition>& position,
               CdcStatus* status) {
  if (!status->source.lost.empty()) status->fix = LostFix(job);
  status->head = source.Format(status->source.head);
  if (status->source.confirmed != LogPosition{}) status->confirmed = source.Format(status->source.confirmed);
  if (!position || position->at.minor != 0 || status->source.head.minor != 0) return;
  status->behind_bytes = static_cast<int64_t>(
      status->source.head.major > position->at.major ? status->source.head.major - position->at.major : 0);
}

// What the service wrote of itself, and what became of it since.
void AddService(CdcStatus* status) {
  Json service = Json::parse(status->service, nullptr, /*allow_exceptions=*/false);
  if (!service.is_object()) {
    status->service.clear();
    return;
  }
  if (service.value("state", "") != "stopped" && !IsRunning(service)) {
    service["state"] = "not running (it ended without a word)";
    for (const char* past : {"behind_seconds", "behind_bytes", "rows_per_second", "source_bytes_per_second"})
      service.erase(past);
    status->service = Dump(service);
    return;
  }
  if (!status->source.bytes_until_lost || !service.contains("source_bytes_per_second") ||
      !service["source_bytes_per_second"].is_number())
    return;
  const double rate = service["source_bytes_per_second"].get<double>();
  if (rate > 0) status->seconds_until_lost = static_cast<double>(*status->source.bytes_until_lost) / rate;
}

}  // namespace

Result<CdcStatus> AskCdcStatus(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  CdcStatus status{.pipeline = job.pipeline.value, .destination = job.sink_display};
  status.service = FolderOf(job, options).ReadStatus().value_or("");
  NILUS_ASSIGN(const std::optional<CdcPosition> position, AskPosition(job, options, status.service));
  if (position) {
    status.position = position->shown;
    for (const PendingTable& table : position->pending) {
      std::string text = fmt::format("{} ({}", table.name(), SnapshotHowName(table.how));
      if (!table.up_to.empty()) text += ", up to key " + table.up_to;
      status.pending.push_back(text + ")");
    }
  }
  // What a running service says of itself may be a second old: beside it the slot seems to be ahead.
  const bool is_running = PositionOfService(status.service).has_value();
  NILUS_ASSIGN(const std::unique_ptr<ChangeSource> source, job.open_source(options.stop));
  Result<CaptureStatus> asked = source->AskStatus(job.capture, is_running ? std::nullopt : LogOf(position));
  if (asked) {
    status.source = *std::move(asked);
    AddSource(job, *source, position, &status);
  } else {
    status.source_error = asked.error().ToString();
  }
  AddService(&status);
  return status;
}

std::string ToJson(const CdcStatus& status) {
  Json json = {{"pipeline", Redact(status.pipeline)},
               {"destination", Redact(status.destination)},
               {"position", status.position},
               {"snapshot", status.pending},
               {"source",
                {{"state", Redact(status.source.state)},
                 {"head", status.head},
                 {"confirmed", status.confirmed},
                 {"retained_bytes", status.source.retained_bytes}}}};
  if (!status.source_error.empty()) json["source"] = {{"error", Redact(status.source_error)}};
  if (!status.source.lost.empty()) {
    json["source"]["lost"] = Redact(status.source.lost);
    json["fix"] = status.fix;
  }
  if (status.behind_bytes) json["behind_bytes"] = *status.behind_bytes;
  if (status.source.bytes_until_lost) json["source"]["bytes_until_lost"] = *status.source.bytes_until_lost;
  if (status.seconds_until_lost) json["seconds_until_lost"] = *status.seconds_until_lost;
  if (!status.service.empty()) json["service"] = Json::parse(status.service, nullptr, false);
  return Dump(json);
}

Status AskForSnapshot(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                      const std::vector<std::string>& tables, bool anew) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  ServiceFolder folder = FolderOf(job, options);
  NILUS_ASSIGN(const std::optional<CdcPosition> position, AskPosition(job, options, folder.ReadStatus().value_or("")));
  if (!position) {
    return FailWithFix(ErrorKind::kInvalidInput, "start it with `nilus run`: its first start reads all tables anyhow",
                       "pipeline {} has never run", job.pipeline.value);
  }
  for (const std::string& asked : tables) {
    const bool is_known = std::any_of(position->tables.begin(), position->tables.end(),
                                      [&](const std::string& table) { return NamesTable(asked, table); });
    if (is_known || Captures(job, asked, options)) continue;
    const std::vector<std::string_view> known(position->tables.begin(), position->tables.end());
    const std::string nearest = Nearest(asked, known);
    return FailWithFix(ErrorKind::kInvalidInput,
                       nearest.empty() ? "write schema.table, or a regular expression of such names"
                                       : fmt::format("did you mean `{}`?", nearest),
                       "pipeline {} captures no table `{}`", job.pipeline.value, asked);
  }
  return folder.Ask(tables, anew);
}

Status DropCapture(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  NILUS_ASSIGN(const std::unique_ptr<ChangeSource> source, job.open_source(options.stop));
  return source->Drop(job.capture);
}

bool CdcPlan::IsUsable() const {
  const auto is_ok = [](const CheckItem& item) { return item.ok; };
  return std::all_of(source_checks.begin(), source_checks.end(), is_ok) &&
         std::all_of(sink_checks.begin(), sink_checks.end(), is_ok);
}

Result<CdcPlan> PlanCdc(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  CdcPlan plan{.pipeline = job.pipeline.value, .source = job.source_display, .destination = job.sink_display};
  plan.strategy = fmt::format("{}, {}{}", job.changelog ? "changelog" : "flatten", job.merges ? "merge" : "append",
                              job.properties.soft_deletes ? " with soft deletes" : "");
  plan.notices = job.notices;
  NILUS_ASSIGN(const std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  NILUS_ASSIGN(plan.sink_checks, sink->Check());
  NILUS_ASSIGN(const std::optional<CdcPosition> position, CommittedPosition(job, *sink));
  NILUS_ASSIGN(const std::unique_ptr<ChangeSource> source, job.open_source(options.stop));
  NILUS_ASSIGN(plan.source_checks, source->Check(job.capture));
  std::string lost;
  const bool is_reached = !plan.source_checks.empty() && plan.source_checks.front().ok;
  if (position && is_reached) {
    NILUS_ASSIGN(CaptureStatus status, source->AskStatus(job.capture, LogOf(position)));
    lost = std::move(status.lost);
    if (!lost.empty()) {
      plan.source_checks.push_back(
          CheckItem{"log", job.properties.snapshot.when_lost, lost + "\n  fix: " + LostFix(job)});
    }
  }
  if (plan.IsUsable()) {  // else more would be asked in vain
    Result<std::vector<CapturedTable>> tables = source->Tables(job.capture);
    const Status fits = tables ? CheckTables(job, *tables, *sink) : Status(Failure(tables.error()));
    if (!fits && fits.error().kind == ErrorKind::kCancelled) return Failure(fits.error());
    if (tables) {
      for (std::string& notice : StartNotices(job, *tables)) plan.notices.push_back(std::move(notice));
    }
    if (!fits) plan.source_checks.push_back(CheckItem{"tables' places", false, fits.error().ToString()});
  }
  plan.steps.push_back(StepsOf(job, position, lost));
  plan.steps.push_back(fmt::format("tables land in {} as {}_<schema>_<table>{}", job.schema,
                                   NormalizeName(job.properties.prefix, job.naming, job.identifier_limit),
                                   job.properties.routes.empty() ? "" : ", or where the router sends them"));
  plan.steps.push_back(
      job.commit_interval.count() > 0
          ? fmt::format("a commit every {} ms, or of about {} rows", job.commit_interval.count(), job.flush_rows)
          : fmt::format("a commit as soon as no more changes wait, or of about {} rows", job.flush_rows));
  return plan;
}

std::string ToJson(const CdcPlan& plan) {
  return Dump({{"pipeline", Redact(plan.pipeline)},
               {"source", Redact(plan.source)},
               {"destination", Redact(plan.destination)},
               {"strategy", plan.strategy},
               {"is_usable", plan.IsUsable()},
               {"steps", plan.steps},
               {"source_checks", ItemsJson(plan.source_checks)},
               {"sink_checks", ItemsJson(plan.sink_checks)},
               {"notices", plan.notices}});
}

Result<StateReport> ShowCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                 const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return ShowJobState(AsBatchJob(job), options);
}

Result<StateReport> SetCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry, const RunOptions& options,
                                std::string_view text) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  NILUS_ASSIGN(const CdcPosition position, ParseCdcPosition(Position{std::string(text)}));
  NILUS_ASSIGN(const std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  NILUS_ASSIGN(std::optional<CommittedState> state, sink->Committed(job.pipeline));
  NILUS_TRY(sink->Commit(CommitRequest{.pipeline = job.pipeline,
                                       .load_id = NewId(),
                                       .expected_version = state ? state->version : 0,
                                       .position = ToPosition(position),
                                       .interval = std::nullopt}));
  return ShowJobState(AsBatchJob(job), options);
}

Result<StateReport> ResetCdcState(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                  const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return ResetJobState(AsBatchJob(job), options);
}

}  // namespace nilus
