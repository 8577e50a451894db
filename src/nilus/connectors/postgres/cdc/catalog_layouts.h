// Layouts of the log's relations by asking the catalog. The log's descriptions name types by OID; what those are is
// looked up once each, over a session of this object's own. Where the log has names only, the catalog says the rest, as
// it is now. One thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "nilus/base/address.h"
#include "nilus/connectors/postgres/cdc/capture_settings.h"
#include "nilus/connectors/postgres/cdc/layout_source.h"
#include "nilus/connectors/postgres/connection.h"

namespace nilus::postgres {

// The shapes of tables as the source last told them: by Start, or by the log since. By "schema"."table".
using KnownTables = std::map<std::string, CapturedTable>;

class CatalogLayouts : public LayoutSource {
 public:
  // `session` is taken over. `wants_text`, when there is one, is set when a table cannot be read in binary: the stream
  // then ends with kTransient, and the next one is to be in text.
  CatalogLayouts(Address address, std::shared_ptr<const CaptureSettings> settings, KnownTables known,
                 std::unique_ptr<Connection> session, std::shared_ptr<std::atomic<bool>> wants_text,
                 std::stop_token stop)
      : address_(std::move(address)),
        settings_(std::move(settings)),
        known_(std::move(known)),
        connection_(std::move(session)),
        wants_text_(std::move(wants_text)),
        stop_(std::move(stop)) {}

  Result<Answer> LayoutOf(const LogRelation& relation) override;
  Result<Answer> LayoutOf(const NamedRelation& relation) override;
  bool Captures(std::string_view schema, std::string_view name) const override {
    return settings_->Captures(schema, name);
  }
  Result<std::vector<NamedColumn>> ColumnsNow(const std::string& schema, const std::string& name) override;
  // A session for questions; opened anew when it was lost.
  Result<Connection*> Session();

 private:
  struct TableNow {
    uint32_t oid = 0;  // 0: there is no such table
    char identity = 'd';
    std::vector<NamedColumn> columns;
    std::vector<int32_t> typmods;
    std::vector<bool> generated;
  };
  Result<TableNow> AskTable(const std::string& schema, const std::string& name);
  Result<std::vector<CatalogColumn>> TypesOf(const LogRelation& relation);
  // Of the columns that the table has and did not have before, those that older rows may have values in.
  Result<std::set<std::string>> FilledColumns(const CapturedTable& before, const CapturedTable& table);
  Result<std::vector<std::string>> KeyOf(const LogRelation& relation, const CapturedTable* known);
  // What identifies the table's rows now; nothing: there is no table of that number any more.
  Result<std::optional<std::vector<std::string>>> KeyNow(uint32_t relation);
  // The captured table of this number, when it is known under another name, is known no more.
  Result<bool> HasName(uint32_t relation, const std::string& schema, const std::string& name);  // now
  Result<std::vector<SchemaEvent>> LeaveName(const LogRelation& relation);
  // Of a relation that cannot be captured without a key. `refused` says what is wrong with it.
  Result<SchemaEvent> WithoutKey(CapturedTable table, Error refused);

  const Address address_;
  const std::shared_ptr<const CaptureSettings> settings_;
  KnownTables known_;
  std::unique_ptr<Connection> connection_;
  const std::shared_ptr<std::atomic<bool>> wants_text_;
  const std::stop_token stop_;
  std::map<std::pair<uint32_t, int32_t>, PgType> types_;
};

}  // namespace nilus::postgres
