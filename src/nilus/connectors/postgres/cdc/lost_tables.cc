#include "nilus/connectors/postgres/cdc/lost_tables.h"

namespace nilus::postgres {
namespace {

std::string IsUnpublished(const CaptureSettings& settings) {
  const std::string name = QuoteLiteral(settings.publication);
  return "(t.s, t.n) NOT IN (SELECT p.schemaname::pg_catalog.text, p.tablename::pg_catalog.text FROM "
         "pg_catalog.pg_publication_tables p WHERE p.pubname = " +
         name + ") OR NOT EXISTS (SELECT FROM pg_catalog.pg_publication p WHERE p.pubname = " + name +
         " AND p.pubinsert AND p.pubupdate" + (settings.needs_deletes ? " AND p.pubdelete" : "") + ")";
}

constexpr const char* kHasNoIdentity =
    "c.relreplident <> 'f' AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid "
    "AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END)";

}  // namespace

std::string LostTableQuery(const CaptureSettings& settings, const std::vector<WatchedTable>& tables) {
  std::string values;
  for (const WatchedTable& table : tables) {
    values += fmt::format("{}({}, {}, {}::pg_catalog.int8)", values.empty() ? "" : ", ", QuoteLiteral(table.ref.schema),
                          QuoteLiteral(table.ref.name), table.id);
  }
  return "SELECT t.s || '.' || t.n, t.o <> 0 AND t.o <> c.oid::pg_catalog.int8 FROM (VALUES " + values +
         ") AS t(s, n, o) JOIN pg_catalog.pg_namespace ns ON ns.nspname = t.s JOIN pg_catalog.pg_class c ON "
         "c.relnamespace = ns.oid AND c.relname = t.n WHERE " +
         (settings.plugin->has_publication ? IsUnpublished(settings) : kHasNoIdentity) + " LIMIT 1";
}

Error LostTableError(const CaptureSettings& settings, const LostTable& lost) {
  const std::string& table = lost.name;
  if (lost.is_other) {
    return {ErrorKind::kTransient,
            fmt::format("another table has taken the name of table {}, and its changes do not come: the capture starts "
                        "anew",
                        table),
            {}};
  }
  if (settings.plugin->has_publication) {
    return {
        ErrorKind::kData,
        fmt::format("publication {} does not send all changes of table {} any more (ALTER or DROP PUBLICATION): "
                    "those made since are missing",
                    settings.publication, table),
        fmt::format("ask for the table, then start again: `nilus cdc snapshot FILE --table {} --anew` (the start adds "
                    "it to the publication, where publication.autocreate.mode is filtered; what the publication "
                    "sends of it, insert, update and delete, is yours to mend)",
                    table)};
  }
  return {
      ErrorKind::kData,
      fmt::format("table {} has lost its replica identity: {} does not say which rows its updates and deletes since "
                  "are about, and they are missing",
                  table, settings.plugin->name),
      fmt::format(
          "give the table its primary key again (or REPLICA IDENTITY FULL), then ask for it: `nilus cdc snapshot "
          "FILE --table {} --anew`, and start again",
          table)};
}

}  // namespace nilus::postgres
