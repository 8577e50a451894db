// Runs pipelines one after another, as their dependencies allow, and tells how it went: shared by `run` and `ingest`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nilus/cli/command.h"
#include "nilus/cli/manifests.h"
#include "nilus/cli/progress_view.h"
#include "nilus/engine/report.h"
#include "nilus/engine/run.h"

namespace nilus::cli {

struct RunSettings {
  bool dry_run = false;  // plans, and runs nothing
  bool json = false;     // one object on out at the end
  bool quiet = false;    // nothing but errors
  bool debug = false;    // the log's level, whatever the manifest says
  ProgressMode progress = ProgressMode::kPlain;
};

// What such a run may make on the local disk.
inline LocalFiles FilesOf(const RunSettings& settings) {
  return settings.dry_run ? LocalFiles::kSecrets : LocalFiles::kSecretsAndVolumes;
}

// The mode that fits where err goes.
ProgressMode ChooseProgress(const Context& context, bool quiet);

// Problems first (exit code 2, nothing runs), then every pipeline. A pipeline that depends on one that failed is
// skipped; others still run. Returns the first exit code that is not kDone.
int RunPipelines(Context& context, ReadyManifests manifests, const RunSettings& settings);

// What the engine is told about a pipeline beside its manifest: variables, the stop request, and
// $NILUS_RETRY_ATTEMPTS (1 to 100 attempts of a run, the first included; kInvalidInput when it is none).
Result<RunOptions> MakeRunOptions(const Context& context, const ReadyPipeline& ready);

// Only batch and cdc pipelines run yet: says so about the others.
std::optional<Error> RefuseToRun(const Pipeline& pipeline);
// A capture runs until it is stopped: what stands behind it in one run would never begin.
std::optional<Error> RefuseBehind(const Pipeline& first, const Pipeline& next);

}  // namespace nilus::cli
