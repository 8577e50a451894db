#include "nilus/connectors/lakehouse/table_upkeep.h"

#include "nilus/base/log.h"

namespace nilus::lakehouse {
namespace {

// A load is not held up for longer than it takes to rewrite so much; the rest is done behind later ones.
constexpr int64_t kMostBytes = int64_t{2} << 30;

}  // namespace

void KeepUp(const Session& session, const lake::TablePtr& table, const std::stop_token& stop) {
  lake::CompactionOptions options;
  options.database = session.database;
  options.threads = session.threads;
  options.most_bytes = kMostBytes;
  const std::string name = table->identifier.ToString();
  const Result<lake::UpkeepReport> report = lake::Upkeep(table, session.upkeep, options, stop);
  if (!report) {
    if (report.error().kind != ErrorKind::kCancelled)
      LogWarning("table {} was loaded, but not tidied up behind it: {}", name, report.error().ToString());
    return;
  }
  if (report->compacted && report->compacted->groups > 0) {
    LogInfo("table {}: {} data files were put together into {}", name, report->compacted->files_before,
            report->compacted->files_after);
  }
  if (report->expired && !report->expired->snapshots.empty())
    LogInfo("table {}: {} snapshots expired", name, report->expired->snapshots.size());
}

}  // namespace nilus::lakehouse
