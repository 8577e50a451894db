#include "nilus/cdc/letters.h"

#include <functional>
#include <map>

#include "nilus/cdc/position.h"

namespace nilus {
namespace {

// By their names: several of the source's tables may land in one.
Result<std::map<std::string, TableName>> LoadedTables(const CdcJob& job, const RunOptions& options) {
  NILUS_ASSIGN(const std::unique_ptr<Sink> sink, job.open_sink(options.stop));
  NILUS_ASSIGN(const std::optional<CommittedState> state, sink->Committed(job.pipeline));
  std::map<std::string, TableName> tables;
  if (!state || state->position.empty()) return tables;
  NILUS_ASSIGN(const CdcPosition position, ParseCdcPosition(state->position));
  for (const std::string& name : position.tables) {
    const size_t dot = name.find('.');  // where a schema's own name has one, the route is the same
    NILUS_ASSIGN(TableName table, RouteTable(job, name.substr(0, dot), name.substr(dot + 1)));
    std::string key = table.ToString();
    tables.emplace(std::move(key), std::move(table));
  }
  return tables;
}

using Work = std::function<Result<DeadLettersReport>(const BatchJob& job)>;

Result<CaptureLetters> OfEachTable(const CdcJob& job, const RunOptions& options, const Work& work) {
  NILUS_ASSIGN(const auto tables, LoadedTables(job, options));
  BatchJob letters = AsBatchJob(job);
  CaptureLetters done;
  for (const auto& [name, table] : tables) {
    letters.table = table;
    Result<DeadLettersReport> report = Fail(ErrorKind::kCancelled, "stopped before it was looked at");
    if (!options.stop.stop_requested()) report = work(letters);
    if (!report) {
      done.failures.push_back({.table = name, .error = std::move(report).error()});
    } else if (report->letters > 0) {
      done.tables.push_back(*std::move(report));
    }
  }
  return done;
}

}  // namespace

Result<CaptureLetters> ListCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options, int64_t most) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return OfEachTable(job, options, [&](const BatchJob& letters) -> Result<DeadLettersReport> {
    NILUS_ASSIGN(DeadLettersReport report, ListJobDeadLetters(letters, options, most));
    most -= static_cast<int64_t>(report.shown.size());
    return report;
  });
}

Result<CaptureLetters> DropCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                          const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return OfEachTable(job, options, [&](const BatchJob& letters) { return DropJobDeadLetters(letters, options); });
}

}  // namespace nilus
