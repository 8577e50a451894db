#include "nilus/connectors/postgres/target_table.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "nilus/base/option_spec.h"
#include "nilus/connectors/postgres/types.h"
#include "nilus/data/widening.h"

namespace nilus::postgres {
namespace {

// Domains are followed to their base type, whose receive function reads what domain_recv does. Types below 16384 are
// the server's own, and of no extension. {0}: whether a column is generated. Every load of changes asks this once and
// again: it is written to be planned quickly.
constexpr std::string_view kColumnsSql = R"sql(
WITH RECURSIVE down AS (
  SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, {0} AS generated, a.attidentity,
         t.oid AS type, a.atttypmod AS typmod, t.typtype, t.typbasetype, t.typtypmod, t.typcategory, t.typelem,
         false AS checked
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT d.attnum, d.attname, d.atttypid, d.atttypmod, d.attnotnull, d.generated, d.attidentity,
         t.oid, CASE WHEN d.typtypmod >= 0 THEN d.typtypmod ELSE d.typmod END, t.typtype, t.typbasetype, t.typtypmod,
         t.typcategory, t.typelem,
         d.checked OR EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.contypid = d.type AND c.contype = 'c')
    FROM down d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd')
SELECT attname, pg_catalog.format_type(atttypid, atttypmod), type, typmod, typtype, attnotnull, generated, attidentity,
       CASE WHEN type >= 16384 THEN (
         SELECT e.extname FROM pg_catalog.pg_depend x JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
          WHERE x.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND x.objid = down.type AND x.deptype = 'e'
            AND x.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) END,
       pg_catalog.format_type(type, -1), CASE WHEN typcategory = 'A' THEN typelem ELSE type END, checked,
       CASE WHEN typtype = 'e' THEN (
         SELECT pg_catalog.json_agg(l.enumlabel) FROM pg_catalog.pg_enum l WHERE l.enumtypid = down.type) END
  FROM down WHERE typtype <> 'd' ORDER BY attnum)sql";

constexpr std::string_view kTableSql = R"sql(
SELECT c.oid, c.relkind, pg_catalog.row_security_active(c.oid)
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = $2)sql";

// What DROP TABLE would take along, refuse over, or what a plain CREATE TABLE would not bring back. Each thing that the
// server records as depending on the table is in pg_depend; the table's row type and TOAST table always are. pg_attver
// is bookkeeping of the server's own (15.20 and later minor versions write it into every column's options).
constexpr std::string_view kAttachmentsSql = R"sql(
WITH t AS (SELECT c.*, pg_catalog.to_jsonb(c) AS j FROM pg_catalog.pg_class c WHERE c.oid = $1)
SELECT DISTINCT what FROM (
  SELECT CASE d.classid
           WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN
             CASE (SELECT CASE WHEN r.relname = $2 THEN 't' ELSE r.relkind END FROM pg_catalog.pg_class r
                    WHERE r.oid = d.objid)
               WHEN 'i' THEN 'an index' WHEN 'S' THEN 'a sequence' WHEN 't' THEN NULL ELSE 'another relation' END
           WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN CASE d.deptype WHEN 'i' THEN NULL ELSE 'a type' END
           WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN 'a view or rule'
           WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN 'a constraint'
           WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN 'a trigger'
           WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN 'a column default'
           WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN 'a policy'
           WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN 'a function'
           WHEN 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN 'a publication'
           ELSE 'another object' END AS what
    FROM pg_catalog.pg_depend d, t
   WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = t.oid
  UNION ALL
  SELECT 'something that uses its row type' FROM pg_catalog.pg_depend d, t
   WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid = t.reltype AND d.deptype <> 'i'
  UNION ALL
  SELECT 'an extension' FROM pg_catalog.pg_depend d, t
   WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
  UNION ALL SELECT 'a comment' FROM pg_catalog.pg_description s, t
   WHERE s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.objoid = t.oid
  UNION ALL SELECT 'a security label' FROM pg_catalog.pg_seclabel s, t
   WHERE s.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND s.objoid = t.oid
  UNION ALL SELECT 'inheritance' FROM pg_catalog.pg_inherits i, t WHERE i.inhrelid = t.oid OR i.inhparent = t.oid
  UNION ALL SELECT 'its kind' FROM t WHERE t.relkind <> 'r' OR t.relpersistence <> 'p'
  UNION ALL SELECT 'grants' FROM t WHERE t.relacl IS NOT NULL
  UNION ALL SELECT 'another owner' FROM t
   WHERE t.relowner <> (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
  UNION ALL SELECT 'storage options' FROM t WHERE t.reloptions IS NOT NULL OR t.reltablespace <> 0
     OR t.relreplident <> 'd' OR t.relrowsecurity OR t.relforcerowsecurity OR t.reloftype <> 0
     OR (t.j->>'relam' <> '0' AND (SELECT m.amname FROM pg_catalog.pg_am m WHERE m.oid = (t.j->>'relam')::pg_catalog.oid)
         <> coalesce(pg_catalog.current_setting('default_table_access_method', true), 'heap'))
  UNION ALL SELECT 'a column''s own settings' FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
     JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
   WHERE a.attnum > 0 AND NOT a.attisdropped
     AND (a.attnotnull OR a.atthasdef OR a.attacl IS NOT NULL OR a.attstorage <> y.typstorage
          OR a.attcollation <> y.typcollation OR coalesce((pg_catalog.to_jsonb(a)->>'attstattarget')::int, -1) <> -1
          OR coalesce(pg_catalog.to_jsonb(a)->>'attcompression', '') <> ''
          OR EXISTS (SELECT 1 FROM pg_catalog.unnest(a.attoptions) o WHERE o NOT LIKE 'pg\_attver=%'))
) AS found WHERE what IS NOT NULL ORDER BY what)sql";

// Columns of usable whole-table indexes; what is an expression there has no name.
// {0}: how many columns are the index's key, INCLUDE's follow.
constexpr std::string_view kIndexColumnsSql = R"sql(
SELECT i.indexrelid, k.place,
       (SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = k.attnum), {0},
       i.indisunique AND i.indimmediate AND t.relkind = 'r' AND NOT t.relhasrules AND NOT t.relhassubclass
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_index d WHERE d.indrelid = t.oid AND NOT d.indimmediate)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c')
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class t ON t.oid = i.indrelid
 CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
 WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND k.place <= {0}
   AND (SELECT m.amname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am m ON m.oid = c.relam
         WHERE c.oid = i.indexrelid) = 'btree'
 ORDER BY i.indexrelid, k.place)sql";

struct BinaryForm {
  uint32_t oid;
  CopyForm form;
  TypeId id;
};

constexpr auto kForms = std::to_array<BinaryForm>({
    {oid::kBool, CopyForm::kBool, TypeId::kBool},
    {oid::kInt2, CopyForm::kInt2, TypeId::kInt16},
    {oid::kInt4, CopyForm::kInt4, TypeId::kInt32},
    {oid::kInt8, CopyForm::kInt8, TypeId::kInt64},
    {oid::kFloat4, CopyForm::kFloat4, TypeId::kFloat32},
    {oid::kFloat8, CopyForm::kFloat8, TypeId::kFloat64},
    {oid::kNumeric, CopyForm::kNumeric, TypeId::kDecimal},
    {oid::kText, CopyForm::kText, TypeId::kText},
    {oid::kVarchar, CopyForm::kText, TypeId::kText},
    {oid::kBpchar, CopyForm::kText, TypeId::kText},
    {oid::kBytea, CopyForm::kBytea, TypeId::kBinary},
    {oid::kJson, CopyForm::kText, TypeId::kJson},
    {oid::kJsonb, CopyForm::kJsonb, TypeId::kJson},
    {oid::kUuid, CopyForm::kUuid, TypeId::kText},
    {oid::kDate, CopyForm::kDate, TypeId::kDate},
    {oid::kTime, CopyForm::kTime, TypeId::kTime},
    {oid::kTimestamp, CopyForm::kTimestamp, TypeId::kTimestampNtz},
    {oid::kTimestampTz, CopyForm::kTimestamp, TypeId::kTimestamp},
});

constexpr int32_t kVarHeader = 4;  // VARHDRSZ, which length typmods include

// What a base type's cast from text has to be watched for; `element` is the type itself, or an array's element.
CastCheck CheckOf(uint32_t base, uint32_t element, int32_t typmod) {
  constexpr uint32_t kFirstOfUsers = 16384;
  if (typmod >= 0) return base < kFirstOfUsers ? CastCheck::kLimits : CastCheck::kTextLimits;
  if (base == oid::kMoney) return CastCheck::kMoney;
  constexpr std::array kCut = {oid::kName, oid::kChar, oid::kOid, oid::kXid, oid::kCid, oid::kMoney};
  const bool is_cut = std::find(kCut.begin(), kCut.end(), element) != kCut.end();
  return is_cut ? CastCheck::kText : CastCheck::kNone;
}

// The type as the catalog shows it: base type, its modifier, pg_type.typtype, and the extension it belongs to.
void SetForm(uint32_t base, int32_t typmod, char typtype, std::string_view extension, TargetColumn* column) {
  const auto* known =
      std::find_if(kForms.begin(), kForms.end(), [&](const BinaryForm& form) { return form.oid == base; });
  if (known == kForms.end()) {
    column->type = MakeType(TypeId::kText);
    column->form = CopyForm::kText;
    column->needs_cast = typtype != 'e' && extension != "citext";  // enum_recv and citextrecv read text
    return;
  }
  column->type = MakeType(known->id);
  column->form = known->form;
  column->is_json_text = base == oid::kJson;
  if (base == oid::kVarchar || base == oid::kBpchar) {
    column->type.length = typmod >= kVarHeader ? typmod - kVarHeader : 0;
  } else if (base == oid::kTime || base == oid::kTimestamp || base == oid::kTimestampTz) {
    for (int digits = typmod < 0 ? 6 : typmod; digits < 6; ++digits) column->time_unit *= 10;
  } else if (base == oid::kNumeric) {
    int precision = kMaxDecimalPrecision;
    int scale = 9;  // as the source reads numeric without limits; decimals of any scale are taken
    if (typmod >= kVarHeader) {
      precision = (typmod - kVarHeader) >> 16 & 0xFFFF;
      scale = (((typmod - kVarHeader) & 0x7FF) ^ 0x400) - 0x400;  // 11 bits with a sign since 15, never negative before
      column->is_bounded = true;
    }
    if (precision > kMaxDecimalPrecision || scale < 0 || scale > precision) {
      // Wider than our decimals, or of a kind they have no words for: the server judges texts.
      column->is_bounded = false;
      column->type = MakeType(TypeId::kText);
      column->form = CopyForm::kText;
      column->needs_cast = true;
      return;
    }
    column->type = MakeDecimal(precision, scale);
  }
}

// Of the JSON array that the catalog gives; null: the type is no enum.
std::shared_ptr<const std::set<std::string, std::less<>>> LabelsOf(std::string_view json) {
  const nlohmann::json labels = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!labels.is_array()) return nullptr;
  auto known = std::make_shared<std::set<std::string, std::less<>>>();
  for (const nlohmann::json& label : labels) {
    if (label.is_string()) known->insert(label.get<std::string>());
  }
  return known;
}

bool IsTrue(const PgResult& result, int row, int column) { return FieldText(result, row, column) == "t"; }

Result<std::vector<TargetColumn>> FindColumns(Connection* connection, const std::string& oid_text,
                                              const std::stop_token& stop) {
  const Connection::Parameter parameters[] = {oid_text};
  const std::string sql =
      fmt::format(kColumnsSql, connection->server_version() >= 120000 ? "a.attgenerated <> ''" : "false");
  NILUS_ASSIGN(PgResult found, connection->Query(sql, parameters, stop));
  std::vector<TargetColumn> columns;
  for (int row = 0; row < PQntuples(found.get()); ++row) {
    TargetColumn column;
    column.name = FieldText(found, row, 0);
    column.sql_type = FieldText(found, row, 1);
    auto base = static_cast<uint32_t>(ParseInteger(FieldText(found, row, 2)).value_or(0));
    auto typmod = static_cast<int32_t>(ParseInteger(FieldText(found, row, 3)).value_or(-1));
    SetForm(base, typmod, FieldText(found, row, 4).front(), FieldText(found, row, 8), &column);
    column.unlimited_type = FieldText(found, row, 9);
    const auto element = static_cast<uint32_t>(ParseInteger(FieldText(found, row, 10)).value_or(0));
    column.cast_check = CheckOf(base, element, typmod);
    column.has_checks = IsTrue(found, row, 11) && column.form != CopyForm::kBytea;  // whose text is no hex of ours
    column.labels = LabelsOf(FieldText(found, row, 12));
    column.not_null = IsTrue(found, row, 5);
    column.is_generated = IsTrue(found, row, 6);
    column.is_always_identity = FieldText(found, row, 7) == "a";
    columns.push_back(std::move(column));
  }
  return columns;
}

std::string_view KindName(char kind) {
  switch (kind) {
    case 'v':
      return "a view";
    case 'm':
      return "a materialized view";
    case 'S':
      return "a sequence";
    case 'c':
      return "a composite type";
    case 'i':
    case 'I':
      return "an index";
    default:
      return "no table";
  }
}

}  // namespace

const TargetColumn* TargetTable::Find(std::string_view name) const {
  for (const TargetColumn& column : columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

Schema TargetTable::ToSchema() const {
  Schema schema;
  for (const TargetColumn& column : columns) {
    schema.fields.push_back(Field{.name = column.name, .type = column.type, .nullable = !column.not_null});
  }
  return schema;
}

Result<std::optional<TargetTable>> FindTable(Connection* connection, const TableName& name,
                                             const std::stop_token& stop) {
  const Connection::Parameter names[] = {name.schema, name.name};
  NILUS_ASSIGN(PgResult found, connection->Query(std::string(kTableSql), names, stop));
  if (PQntuples(found.get()) == 0) return std::optional<TargetTable>();
  TargetTable table;
  const std::string oid_text(FieldText(found, 0, 0));
  table.oid = static_cast<uint32_t>(ParseInteger(oid_text).value_or(0));
  table.kind = FieldText(found, 0, 1).front();
  table.row_security_applies = IsTrue(found, 0, 2);
  table.own_index = DerivedName("key", "", name);
  if (table.kind != 'r' && table.kind != 'p' && table.kind != 'f') {
    return FailWithFix(ErrorKind::kUnsupported, "name another dest_table", "{} is {}: rows cannot be loaded into it",
                       name.ToString(), KindName(table.kind));
  }
  NILUS_ASSIGN(table.columns, FindColumns(connection, oid_text, stop));
  return std::optional<TargetTable>(std::move(table));
}

Result<std::vector<std::string>> FindAttachments(Connection* connection, const TargetTable& table,
                                                 const std::stop_token& stop) {
  const Connection::Parameter parameters[] = {std::to_string(table.oid), table.own_index};
  NILUS_ASSIGN(PgResult found, connection->Query(std::string(kAttachmentsSql), parameters, stop));
  std::vector<std::string> attachments;
  for (int row = 0; row < PQntuples(found.get()); ++row) attachments.emplace_back(FieldText(found, row, 0));
  return attachments;
}

Result<KeyIndex> FindKeyIndex(Connection* connection, const TargetTable& table, const std::vector<std::string>& key,
                              const std::stop_token& stop) {
  const Connection::Parameter parameters[] = {std::to_string(table.oid)};
  const std::string sql =
      fmt::format(kIndexColumnsSql, connection->server_version() >= 110000 ? "i.indnkeyatts" : "i.indnatts");
  NILUS_ASSIGN(PgResult found, connection->Query(sql, parameters, stop));
  KeyIndex best = KeyIndex::kNone;
  size_t matched = 0;
  std::string_view index;
  for (int row = 0; row < PQntuples(found.get()); ++row) {
    if (FieldText(found, row, 0) != index) matched = 0;
    index = FieldText(found, row, 0);
    const bool is_next = ParseInteger(FieldText(found, row, 1)) == static_cast<int64_t>(matched) + 1 &&
                         std::find(key.begin(), key.end(), FieldText(found, row, 2)) != key.end();
    if (!is_next || ++matched != key.size()) continue;
    const bool is_whole = ParseInteger(FieldText(found, row, 3)) == static_cast<int64_t>(key.size());
    if (is_whole && FieldText(found, row, 4) == "t") return KeyIndex::kUnique;
    best = KeyIndex::kPlain;
  }
  return best;
}

Result<bool> CanWidenColumn(Connection* connection, const TargetTable& table, const Field& to,
                            const std::stop_token& stop) {
  // What does not stand in the way of another type: the server takes it along.
  constexpr std::array kMoves = {
      "an index",         "a constraint",  "a sequence",       "a comment",       "grants",
      "a column default", "a publication", "a security label", "storage options", "a column\'s own settings"};
  const TargetColumn* column = table.Find(to.name);
  const bool is_plain = column != nullptr && !column->is_generated && column->sql_type == SqlTypeName(column->type);
  if (!is_plain || table.kind != 'r' || !IsWidening(column->type, to.type)) return false;
  NILUS_ASSIGN(std::vector<std::string> attachments, FindAttachments(connection, table, stop));
  return std::all_of(attachments.begin(), attachments.end(), [&](const std::string& what) {
    return std::find(kMoves.begin(), kMoves.end(), what) != kMoves.end();
  });
}

TargetColumn CreatedColumn(const Field& field) {
  TargetColumn column;
  column.name = field.name;
  column.sql_type = SqlTypeName(field.type);
  column.type = field.type;
  column.is_bounded = true;
  switch (field.type.id) {
    case TypeId::kBool:
      column.form = CopyForm::kBool;
      break;
    case TypeId::kInt16:
      column.form = CopyForm::kInt2;
      break;
    case TypeId::kInt32:
      column.form = CopyForm::kInt4;
      break;
    case TypeId::kInt64:
      column.form = CopyForm::kInt8;
      break;
    case TypeId::kFloat32:
      column.form = CopyForm::kFloat4;
      break;
    case TypeId::kFloat64:
      column.form = CopyForm::kFloat8;
      break;
    case TypeId::kDecimal:
      column.form = CopyForm::kNumeric;
      break;
    case TypeId::kText:
      column.form = CopyForm::kText;
      break;
    case TypeId::kBinary:
      column.form = CopyForm::kBytea;
      break;
    case TypeId::kJson:
      column.form = CopyForm::kJsonb;
      break;
    case TypeId::kDate:
      column.form = CopyForm::kDate;
      break;
    case TypeId::kTime:
      column.form = CopyForm::kTime;
      break;
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      column.form = CopyForm::kTimestamp;
      break;
  }
  return column;
}

}  // namespace nilus::postgres
