#include "nilus/connectors/lakehouse/place.h"

#include <algorithm>

#include "nilus/connectors/lakehouse/key_finder.h"
#include "nilus/lake/open_catalog.h"

namespace nilus::lakehouse {
namespace {

// Nothing: not said.
Result<std::optional<int64_t>> CountOf(const OptionValues& options, std::string_view name) {
  if (!options.Has(name)) return std::nullopt;
  const int64_t number = options.Integer(name, 1);
  if (number >= 1) return number;
  return FailWithFix(ErrorKind::kInvalidInput, "take 1 or more; `upkeep: false` is for none", "{} is {}", name, number);
}

Result<lake::UpkeepPolicy> UpkeepOf(const OptionValues& options) {
  lake::UpkeepPolicy policy;
  if (options.Has("upkeep")) policy.enabled = options.Boolean("upkeep", true);
  NILUS_ASSIGN(policy.every_commits, CountOf(options, "upkeep_every_commits"));
  NILUS_ASSIGN(policy.keep_snapshots, CountOf(options, "upkeep_keep_snapshots"));
  NILUS_ASSIGN(policy.small_files, CountOf(options, "upkeep_small_files"));
  return policy;
}

}  // namespace

Result<std::shared_ptr<const Session>> OpenSession(const Address& address, const OpenContext& context) {
  auto session = std::make_shared<Session>();
  NILUS_ASSIGN(session->catalog, lake::OpenCatalog(address, context.stop));
  session->key_finders = std::make_shared<KeyFinders>(context.memory_bytes / 2);
  session->writing_room = std::make_shared<WritingRoom>(WritingRoom{.limit_bytes = context.duckdb_bytes / 2});
  session->change_row_group_bytes = std::clamp<int64_t>(context.memory_bytes / 8, 1 << 20, 8 << 20);
  session->threads = std::max(context.threads, 1);
  NILUS_ASSIGN(session->database,
               duck::Database::Open({.memory_bytes = context.duckdb_bytes, .threads = session->threads}));
  session->format_version = context.options.Text("format_version", "2") == "3" ? 3 : 2;
  session->metadata_codec = context.options.Text("iceberg_metadata_compression");
  NILUS_ASSIGN(session->upkeep, UpkeepOf(context.options));
  session->collection = address.Param("collection");
  constexpr int64_t kFileBytes = 512 << 20;
  session->file_bytes = context.options.Integer("file_bytes", kFileBytes);
  return session;
}

}  // namespace nilus::lakehouse
