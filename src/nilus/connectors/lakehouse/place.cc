#include "nilus/connectors/lakehouse/place.h"

#include <algorithm>

#include "nilus/lake/open_catalog.h"

namespace nilus::lakehouse {
Result<std::shared_ptr<const Session>> OpenSession(const Address& address, const OpenContext& context) {
  auto session = std::make_shared<Session>();
  NILUS_ASSIGN(session->catalog, lake::OpenCatalog(address, context.stop));
  session->threads = std::max(context.threads, 1);
  NILUS_ASSIGN(session->database,
               duck::Database::Open({.memory_bytes = context.duckdb_bytes, .threads = session->threads}));
  session->format_version = context.options.Text("format_version", "2") == "3" ? 3 : 2;
  session->compress_metadata = context.options.Text("iceberg_metadata_compression") == "gzip";
  session->collection = address.Param("collection");
  constexpr int64_t kFileBytes = 512 << 20;
  session->file_bytes = context.options.Integer("file_bytes", kFileBytes);
  return session;
}

}  // namespace nilus::lakehouse
