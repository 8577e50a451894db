// Any bytes as a manifest: loading and resolving end, leak nothing, and report a problem unless every pipeline is
// usable.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nilus/base/redact.h"
#include "nilus/manifest/load.h"
#include "nilus/manifest/resolve.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static nilus::LoadOptions options = [] {
    setenv("NILUS_RESOURCES", "/proc/self/fdinfo", 1);  // a folder that holds no YAML
    return nilus::LoadOptions{};
  }();
  std::string_view text(reinterpret_cast<const char*>(data), size);
  nilus::LoadedManifests loaded = nilus::LoadManifestText(text, "fuzz.yaml", options);
  nilus::ResolveOptions resolve;
  resolve.write_files = false;
  resolve.process_environment = [](std::string_view name) -> std::optional<std::string> {
    if (name.size() % 2 == 0) return std::nullopt;
    return std::string("fuzz-secret@:/?");
  };
  for (nilus::Pipeline& pipeline : loaded.pipelines) {
    size_t before = loaded.problems.size();
    nilus::ResolvePipeline(pipeline, loaded.resources, resolve, loaded.problems);
    if (before == 0 && loaded.problems.empty() && pipeline.source.address.scheme.empty()) abort();
  }
  if (loaded.pipelines.empty() && loaded.problems.empty() && loaded.resources.depots.empty() &&
      loaded.resources.secrets.empty() && loaded.resources.volumes.empty()) {
    abort();  // nothing silent
  }
  nilus::RenderProblems(loaded.problems);
  nilus::RenderProblemsJson(loaded.notices);
  nilus::ForgetSecretsForTesting();
  return 0;
}
