#include "nilus/cdc/letters.h"

#include <functional>
#include <map>

#include "nilus/cdc/position.h"
#include "nilus/engine/job.h"

namespace nilus {
namespace {

// The parts of a batch job that the functions for its letters need.
BatchJob LetterJob(const CdcJob& job, TableName table) {
  BatchJob letters;
  letters.pipeline = job.pipeline;
  letters.name = job.name;
  letters.sink_display = job.sink_display;
  letters.table = std::move(table);
  letters.identifier_limit = job.identifier_limit;
  letters.deletes_ranges = job.deletes_ranges;
  letters.memory = job.memory;
  letters.threads = job.threads;
  letters.open_sink = job.open_sink;
  letters.open_written = job.open_written;
  return letters;
}

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

Result<std::vector<DeadLettersReport>> OfEachTable(const CdcJob& job, const RunOptions& options, const Work& work) {
  NILUS_ASSIGN(const auto tables, LoadedTables(job, options));
  std::vector<DeadLettersReport> reports;
  for (const auto& [name, table] : tables) {
    NILUS_ASSIGN(DeadLettersReport report, work(LetterJob(job, table)));
    if (report.letters > 0) reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace

Result<std::vector<DeadLettersReport>> ListCaptureLetters(const CdcJob& job, const RunOptions& options, int64_t most) {
  return OfEachTable(job, options, [&](const BatchJob& letters) -> Result<DeadLettersReport> {
    NILUS_ASSIGN(DeadLettersReport report, ListJobDeadLetters(letters, options, most));
    most -= static_cast<int64_t>(report.shown.size());
    return report;
  });
}

Result<std::vector<DeadLettersReport>> DropCaptureLetters(const CdcJob& job, const RunOptions& options) {
  return OfEachTable(job, options, [&](const BatchJob& letters) -> Result<DeadLettersReport> {
    return DropJobDeadLetters(letters, options);
  });
}

Result<std::vector<DeadLettersReport>> ListCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                                          const RunOptions& options, int64_t most) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return ListCaptureLetters(job, options, most);
}

Result<std::vector<DeadLettersReport>> DropCaptureLetters(const Pipeline& pipeline, const ConnectorRegistry& registry,
                                                          const RunOptions& options) {
  NILUS_ASSIGN(const CdcJob job, MakeCdcJob(pipeline, registry, options));
  return DropCaptureLetters(job, options);
}

}  // namespace nilus
