#include "nilus/connectors/postgres/cdc/catalog_layouts.h"

#include <algorithm>
#include <set>

#include "nilus/connectors/postgres/cdc/capture_tables.h"

namespace nilus::postgres {
namespace {

// A type that was dropped since: its values are texts.
PgType UnknownType() {
  PgType type;
  type.oid = oid::kText;
  type.category = 'S';
  type.schema = "pg_catalog";
  type.name = "text";
  return type;
}

bool IsSameShape(const CapturedTable& a, const CapturedTable& b) {
  return a.columns == b.columns && a.key == b.key && a.has_full_old_rows == b.has_full_old_rows;
}

}  // namespace

Result<Connection*> CatalogLayouts::Session() {
  if (connection_ == nullptr || !connection_->is_usable()) {
    NILUS_ASSIGN(connection_, Connection::Open(address_, stop_));
    connection_->HideRowValues();
  }
  return connection_.get();
}

Result<std::vector<CatalogColumn>> CatalogLayouts::TypesOf(const PgoutputMessage& relation) {
  std::vector<std::pair<uint32_t, int32_t>> unknown;
  for (const RelationColumn& column : relation.columns) {
    if (!types_.contains({column.type, column.typmod})) unknown.emplace_back(column.type, column.typmod);
  }
  if (!unknown.empty()) {
    NILUS_ASSIGN(Connection * session, Session());
    NILUS_ASSIGN(std::vector<CatalogColumn> found, ReadTypes(*session, unknown, stop_));
    for (const auto& type : unknown) types_[type] = UnknownType();
    for (const CatalogColumn& column : found) types_[unknown[static_cast<size_t>(column.number - 1)]] = column.type;
  }
  std::vector<CatalogColumn> columns;
  for (const RelationColumn& column : relation.columns) {
    CatalogColumn catalog;
    catalog.name = column.name;
    catalog.type = types_[{column.type, column.typmod}];
    columns.push_back(std::move(catalog));
  }
  return columns;
}

// The log flags the columns of the replica identity (under FULL: all of them), in the table's order; an index has an
// order of its own, which is asked for.
Result<std::vector<std::string>> CatalogLayouts::KeyOf(const PgoutputMessage& relation, const CapturedTable* known) {
  std::set<std::string> names;
  std::vector<std::string> flagged;
  for (const RelationColumn& column : relation.columns) {
    names.emplace(column.name);
    if (column.is_key && relation.identity != 'f') flagged.emplace_back(column.name);
  }
  auto is_there = [&](const std::vector<std::string>& key) {
    return std::all_of(key.begin(), key.end(), [&](const std::string& name) { return names.contains(name); });
  };
  if (relation.identity == 'f') {
    NILUS_ASSIGN(Connection * session, Session());
    NILUS_ASSIGN(std::vector<std::string> key, ReadLogKey(*session, relation.relation, 'f', stop_));
    if (!is_there(key)) key.clear();
    return key;
  }
  if (known != nullptr && std::set(flagged.begin(), flagged.end()) == std::set(known->key.begin(), known->key.end())) {
    return known->key;
  }
  return flagged;
}

Result<LayoutSource::Answer> CatalogLayouts::LayoutOf(const PgoutputMessage& relation) {
  const TableRef ref = {std::string(relation.schema), std::string(relation.name)};
  if (!settings_->Captures(ref.schema, ref.name)) return Answer{};
  const std::string name = QuoteName(ref.schema, ref.name);
  auto known = known_.find(name);
  CapturedTable table;
  table.schema = ref.schema;
  table.name = ref.name;
  table.has_full_old_rows = relation.identity == 'f';
  NILUS_ASSIGN(table.key, KeyOf(relation, known == known_.end() ? nullptr : &known->second));
  if (settings_->needs_keys && !settings_->IsSignalTable(ref.schema, ref.name)) {
    FoundTable found;
    found.ref = ref;
    found.identity = relation.identity;
    found.key = table.key;
    NILUS_TRY(CheckIdentity(found));
  }
  NILUS_ASSIGN(std::vector<CatalogColumn> columns, TypesOf(relation));
  std::vector<bool> captured;
  for (const CatalogColumn& column : columns) captured.push_back(IsCaptured(*settings_, ref, table.key, column.name));
  if (known != known_.end()) table.estimated_rows = known->second.estimated_rows;
  auto layout = std::make_shared<TableLayout>(MakeLayout(std::move(table), columns, captured));
  const bool is_news = known == known_.end() || !IsSameShape(known->second, layout->table);
  if (wants_text_ != nullptr && !layout->is_binary_safe) {
    *wants_text_ = true;
    return Fail(ErrorKind::kTransient,
                "table {} has got a column whose values have to be sent as text: the stream is started anew",
                ref.ToString());
  }
  known_[name] = layout->table;
  return Answer{std::move(layout), is_news};
}

}  // namespace nilus::postgres
