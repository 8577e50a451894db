#include "nilus/connectors/postgres/cdc/catalog_layouts.h"

#include <algorithm>
#include <array>
#include <set>

#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/cdc/capture_tables.h"

namespace nilus::postgres {
namespace {

// A type that was dropped since: its values are texts, and only the server knew what their binary form means.
PgType UnknownType() {
  PgType type;
  type.category = 'S';
  type.schema = "pg_catalog";
  type.name = "text";
  return type;
}

bool IsSameShape(const CapturedTable& a, const CapturedTable& b) {
  return a.id == b.id && a.columns == b.columns && a.key == b.key && a.has_full_old_rows == b.has_full_old_rows;
}

// A number of a type by its name, as the log has it; 0: it was dropped or renamed since.
Result<uint32_t> TypeNamed(Connection& session, const std::string& name, const std::stop_token& stop) {
  std::array<Connection::Parameter, 1> parameters = {name};
  auto result = session.Query("SELECT coalesce(pg_catalog.to_regtype($1)::pg_catalog.oid, 0)", parameters, stop);
  if (!result) {
    if (!session.is_usable() || result.error().kind == ErrorKind::kCancelled) return Failure(result.error());
    return 0;  // no name of a type at all
  }
  return static_cast<uint32_t>(ParseInteger(FieldText(*result, 0, 0)).value_or(0));
}

}  // namespace

Result<Connection*> CatalogLayouts::Session() {
  if (connection_ == nullptr || !connection_->is_usable()) {
    NILUS_ASSIGN(connection_, Connection::Open(address_, stop_));
    connection_->HideRowValues();
  }
  return connection_.get();
}

Result<std::vector<CatalogColumn>> CatalogLayouts::TypesOf(const LogRelation& relation) {
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

Result<std::optional<std::vector<std::string>>> CatalogLayouts::KeyNow(uint32_t relation) {
  NILUS_ASSIGN(Connection * session, Session());
  std::array<Connection::Parameter, 1> parameters = {std::to_string(relation)};
  NILUS_ASSIGN(
      PgResult result,
      session->Query("SELECT relreplident FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.oid", parameters, stop_));
  std::optional<std::vector<std::string>> key;
  if (PQntuples(result.get()) == 0) return key;
  const std::string_view identity = FieldText(result, 0, 0);
  NILUS_ASSIGN(key, ReadLogKey(*session, relation, identity.empty() ? 'd' : identity[0], stop_));
  return key;
}

// The catalog may be ahead of the log: the table had no key for a while, had columns of other names in it, or is gone.
Result<SchemaEvent> CatalogLayouts::WithoutKey(CapturedTable table, Error refused) {
  NILUS_ASSIGN(const std::optional<std::vector<std::string>> now, KeyNow(static_cast<uint32_t>(table.id)));
  if (now && now->empty()) return Failure(std::move(refused));
  SchemaEvent lack{.at = {}, .table = std::move(table)};
  lack.lacks = now ? Lack::kChanges : Lack::kForGood;
  lack.why = now ? "the log does not say which rows some of its changes are about: it had another key then, or none"
                 : "it is not there any more, and nothing says which rows its last changes are about";
  return lack;
}

Result<bool> CatalogLayouts::HasName(uint32_t relation, const std::string& schema, const std::string& name) {
  NILUS_ASSIGN(Connection * session, Session());
  std::array<Connection::Parameter, 3> parameters = {std::to_string(relation), schema, name};
  NILUS_ASSIGN(PgResult result,
               session->Query("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                              "c.relnamespace WHERE c.oid = $1::pg_catalog.oid AND n.nspname = $2 AND c.relname = $3",
                              parameters, stop_));
  return PQntuples(result.get()) > 0;
}

// A rename is no change, and the log does not tell it: the name may be another one for a few changes only.
Result<std::vector<SchemaEvent>> CatalogLayouts::LeaveName(const LogRelation& relation) {
  std::vector<SchemaEvent> left;
  for (auto known = known_.begin(); known != known_.end();) {
    const CapturedTable& table = known->second;
    if (relation.relation == 0 || table.id != relation.relation ||
        (table.schema == relation.schema && table.name == relation.name)) {
      ++known;
      continue;
    }
    NILUS_ASSIGN(const bool is_back, HasName(relation.relation, table.schema, table.name));
    SchemaEvent event{.at = {}, .table = table};
    event.lacks = is_back ? Lack::kWasAway : Lack::kMoved;
    event.why = fmt::format("changes of it come under another name, {}.{}", relation.schema, relation.name);
    left.push_back(std::move(event));
    known = known_.erase(known);
  }
  return left;
}

// The log flags the columns of the replica identity (under FULL: all of them), in the table's order; an index has an
// order of its own, which is asked for.
Result<std::vector<std::string>> CatalogLayouts::KeyOf(const LogRelation& relation, const CapturedTable* known) {
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
    if (!key.empty() && is_there(key)) return key;
    if (known == nullptr || known->id != relation.relation || !is_there(known->key)) return std::vector<std::string>();
    if (!key.empty()) return known->key;
    // A table that has lost its key may have any rows since; one that is gone has none to be told apart any more.
    NILUS_ASSIGN(const std::optional<std::vector<std::string>> now, KeyNow(relation.relation));
    return now ? std::vector<std::string>() : known->key;
  }
  if (known != nullptr && std::set(flagged.begin(), flagged.end()) == std::set(known->key.begin(), known->key.end())) {
    return known->key;
  }
  if (flagged.size() < 2) return flagged;
  NILUS_ASSIGN(Connection * session, Session());
  NILUS_ASSIGN(std::vector<std::string> key, ReadLogKey(*session, relation.relation, relation.identity, stop_));
  return std::set(flagged.begin(), flagged.end()) == std::set(key.begin(), key.end()) ? key : flagged;
}

Result<std::set<std::string>> CatalogLayouts::FilledColumns(const CapturedTable& before, const CapturedTable& table) {
  std::set<std::string> added;
  for (const Field& field : table.columns.fields) {
    if (field.variant_of.empty() && !before.columns.Find(field.name)) added.insert(field.name);
  }
  if (added.empty() || table.id == 0) return added;
  NILUS_ASSIGN(Connection * session, Session());
  NILUS_ASSIGN(const ColumnTraits traits, ReadColumnTraits(*session, static_cast<uint32_t>(table.id), stop_));
  // One that is not there any more may have had a DEFAULT.
  std::erase_if(added,
                [&](const std::string& name) { return traits.names.contains(name) && !traits.filled.contains(name); });
  return added;
}

Result<LayoutSource::Answer> CatalogLayouts::LayoutOf(const LogRelation& relation) {
  const TableRef ref = {std::string(relation.schema), std::string(relation.name)};
  Answer answer;
  NILUS_ASSIGN(answer.lacks, LeaveName(relation));
  if (!settings_->Captures(ref.schema, ref.name)) return answer;
  const std::string name = QuoteName(ref.schema, ref.name);
  auto known = known_.find(name);
  CapturedTable table;
  table.schema = ref.schema;
  table.name = ref.name;
  table.has_full_old_rows = relation.identity == 'f';
  table.id = relation.relation;
  if (table.id == 0 && known != known_.end()) table.id = known->second.id;  // the log does not tell
  NILUS_ASSIGN(table.key, KeyOf(relation, known == known_.end() ? nullptr : &known->second));
  FoundTable found;
  found.ref = ref;
  found.identity = relation.identity;
  found.key = table.key;
  Status fits = CheckIdentity(*settings_, found);
  NILUS_ASSIGN(std::vector<CatalogColumn> columns, TypesOf(relation));
  std::vector<bool> captured;
  for (size_t i = 0; i < columns.size(); ++i) {
    captured.push_back(!relation.columns[i].is_left_out && IsCaptured(*settings_, ref, table.key, columns[i].name));
  }
  if (known != known_.end()) table.estimated_rows = known->second.estimated_rows;
  auto layout = std::make_shared<TableLayout>(MakeLayout(std::move(table), columns, captured));
  if (!fits) {
    NILUS_ASSIGN(SchemaEvent lack, WithoutKey(layout->table, fits.error()));
    answer.lacks.push_back(std::move(lack));
    return answer;
  }
  answer.is_news = known == known_.end() || !IsSameShape(known->second, layout->table);
  if (wants_text_ != nullptr && !layout->is_binary_safe) {
    *wants_text_ = true;
    return Fail(ErrorKind::kTransient,
                "table {} has got a column whose values have to be sent as text: the stream is started anew",
                ref.ToString());
  }
  if (known != known_.end() && answer.is_news) {
    NILUS_ASSIGN(layout->table.filled, FilledColumns(known->second, layout->table));
  }
  known_[name] = layout->table;
  answer.layout = std::move(layout);
  return answer;
}

Result<CatalogLayouts::TableNow> CatalogLayouts::AskTable(const std::string& schema, const std::string& name) {
  NILUS_ASSIGN(Connection * session, Session());
  const std::string generated = session->server_version() >= 120000 ? "a.attgenerated <> ''" : "false";
  std::array<Connection::Parameter, 2> parameters = {schema, name};
  NILUS_ASSIGN(PgResult result,
               session->Query("SELECT c.oid, c.relreplident, a.attname, a.atttypid, a.atttypmod, "
                              "pg_catalog.format_type(a.atttypid, NULL), a.attlen = -1, " +
                                  generated +
                                  " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                                  "c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE n.nspname "
                                  "= $1 AND c.relname = $2 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
                                  "ORDER BY a.attnum",
                              parameters, stop_));
  TableNow table;
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    table.oid = static_cast<uint32_t>(ParseInteger(FieldText(result, row, 0)).value_or(0));
    table.identity = FieldText(result, row, 1).empty() ? 'd' : FieldText(result, row, 1)[0];
    NamedColumn column;
    column.name = FieldText(result, row, 2);
    column.type_oid = static_cast<uint32_t>(ParseInteger(FieldText(result, row, 3)).value_or(0));
    column.type = FieldText(result, row, 5);
    column.can_be_external = FieldText(result, row, 6) == "t";
    table.columns.push_back(std::move(column));
    table.typmods.push_back(static_cast<int32_t>(ParseInteger(FieldText(result, row, 4)).value_or(-1)));
    table.generated.push_back(FieldText(result, row, 7) == "t");
  }
  return table;
}

Result<std::vector<NamedColumn>> CatalogLayouts::ColumnsNow(const std::string& schema, const std::string& name) {
  NILUS_ASSIGN(TableNow table, AskTable(schema, name));
  return std::move(table.columns);
}

Result<LayoutSource::Answer> CatalogLayouts::LayoutOf(const NamedRelation& relation) {
  NILUS_ASSIGN(TableNow now, AskTable(relation.schema, relation.name));
  std::vector<std::string> key;
  if (now.oid != 0) {
    NILUS_ASSIGN(Connection * session, Session());
    NILUS_ASSIGN(key, ReadLogKey(*session, now.oid, now.identity, stop_));
  } else if (auto known = known_.find(QuoteName(relation.schema, relation.name)); known != known_.end()) {
    key = known->second.key;
  }
  // A part of it would take many rows for one.
  const bool is_told = std::all_of(key.begin(), key.end(), [&](const std::string& name) {
    return std::any_of(relation.columns.begin(), relation.columns.end(),
                       [&](const NamedColumn& column) { return column.name == name; });
  });
  if (!is_told) key.clear();
  LogRelation described;
  described.relation = now.oid;
  described.schema = relation.schema;
  described.name = relation.name;
  described.identity = now.identity;
  for (const NamedColumn& column : relation.columns) {
    RelationColumn told;
    told.name = column.name;
    told.is_key = std::find(key.begin(), key.end(), column.name) != key.end();
    told.type = column.type_oid;
    if (told.type == 0) {
      NILUS_ASSIGN(Connection * session, Session());
      NILUS_ASSIGN(told.type, TypeNamed(*session, column.type, stop_));
    }
    // What the log does not say, as the catalog has it now; values that this narrows too much stay as texts.
    for (size_t i = 0; i < now.columns.size(); ++i) {
      if (now.columns[i].name != column.name) continue;
      told.is_left_out = now.generated[i];
      if (now.columns[i].type_oid == told.type) told.typmod = now.typmods[i];
    }
    described.columns.push_back(told);
  }
  return LayoutOf(described);
}

}  // namespace nilus::postgres
