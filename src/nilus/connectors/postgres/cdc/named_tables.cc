#include "nilus/connectors/postgres/cdc/named_tables.h"

#include <algorithm>

#include "nilus/base/log.h"

namespace nilus::postgres {
namespace {

bool IsSameType(const NamedValue& value, const NamedColumn& column) {
  return value.type_oid != 0 ? value.type_oid == column.type_oid : value.type == column.type;
}

// Places the values by their columns; `row` gets one value a column, what is not told as kUnchanged. False: they are
// not columns of the table in its order.
bool Place(const std::vector<NamedColumn>& columns, const std::vector<NamedValue>& values,
           std::vector<TupleValue>* row) {
  row->clear();
  size_t next = 0;
  for (const NamedColumn& column : columns) {
    if (next < values.size() && values[next].name == column.name) {
      if (!IsSameType(values[next], column)) return false;
      row->push_back(values[next++].value);
    } else {
      row->push_back({TupleValue::kUnchanged, {}});
    }
  }
  return next == values.size();
}

// Of a new row only large values are left out.
bool IsWhole(const std::vector<NamedColumn>& columns, const std::vector<TupleValue>& row, const NamedChange& change) {
  if (change.new_row.size() == columns.size()) return true;
  if (change.op != ChangeOp::kUpdate || change.told == NamedChange::NewRow::kWhole) return false;
  size_t left_out = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (row[i].kind == TupleValue::kUnchanged && columns[i].can_be_external) ++left_out;
  }
  return change.new_row.size() + left_out >= columns.size();
}

// Columns as a row tells them; what the catalog knows of them, too.
std::vector<NamedColumn> ColumnsOf(const std::vector<NamedValue>& values, const std::vector<NamedColumn>& now) {
  std::vector<NamedColumn> columns;
  for (const NamedValue& value : values) {
    auto same = std::find_if(now.begin(), now.end(), [&](const NamedColumn& column) {
      return column.name == value.name && IsSameType(value, column);
    });
    columns.push_back(
        same != now.end() ? *same : NamedColumn{std::string(value.name), std::string(value.type), value.type_oid});
  }
  return columns;
}

enum class Added : uint8_t { kAll, kThatMayBeLeftOut };

// Adds columns of `more` that `columns` lacks, each behind the one it stands behind there.
void Merge(const std::vector<NamedColumn>& more, Added added, std::vector<NamedColumn>* columns) {
  auto at = columns->begin();
  for (const NamedColumn& column : more) {
    auto found = std::find_if(columns->begin(), columns->end(),
                              [&](const NamedColumn& other) { return other.name == column.name; });
    if (found == columns->end() && added == Added::kThatMayBeLeftOut && !column.can_be_external) continue;
    at = (found != columns->end() ? found : columns->insert(at, column)) + 1;
  }
}

bool NamesTwice(const std::vector<NamedColumn>& columns) {
  std::vector<std::string_view> names;
  for (const NamedColumn& column : columns) names.push_back(column.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

// An update whose key stays comes in wal2json with the key's columns as its old row.
bool SaysNothingNew(const std::vector<TupleValue>& old_row, const std::vector<TupleValue>& new_row) {
  for (size_t i = 0; i < old_row.size(); ++i) {
    if (old_row[i].kind == TupleValue::kUnchanged || new_row[i].kind == TupleValue::kUnchanged) continue;
    if (old_row[i].kind != new_row[i].kind || old_row[i].bytes != new_row[i].bytes) return false;
  }
  return true;
}

// The old row of a table without a full identity tells its key.
bool TellsKey(const TableLayout& layout, const std::vector<NamedValue>& old_row) {
  const std::vector<std::string>& key = layout.table.key;
  return old_row.size() == key.size() && std::all_of(old_row.begin(), old_row.end(), [&](const NamedValue& value) {
           return std::find(key.begin(), key.end(), value.name) != key.end();
         });
}

}  // namespace

void NamedChange::Clear() {
  op = ChangeOp::kCreate;
  schema = table = {};
  told = NewRow::kWhole;
  has_old = false;
  old_row.clear();
  new_row.clear();
}

NamedTables::Table& NamedTables::Find(std::string_view schema, std::string_view table) {
  if (last_ != nullptr && last_->relation.name == table && last_->relation.schema == schema) return *last_;
  const std::pair<std::string, std::string> name(schema, table);
  auto found = tables_.find(name);
  if (found == tables_.end()) {
    Table made;
    made.is_captured = layouts_->Captures(schema, table);
    made.relation.schema = schema;
    made.relation.name = table;
    found = tables_.emplace(name, std::move(made)).first;
  }
  last_ = &found->second;
  return *last_;
}

// The table has a shape that was not seen before.
Status NamedTables::Describe(Table& table, const NamedChange& change) {
  NILUS_ASSIGN(std::vector<NamedColumn> now, layouts_->ColumnsNow(table.relation.schema, table.relation.name));
  std::vector<NamedColumn> columns = ColumnsOf(change.new_row, now);
  std::vector<NamedColumn> old = ColumnsOf(change.old_row, now);
  if (NamesTwice(columns) || NamesTwice(old)) {
    return Fail(ErrorKind::kData, "table {}.{}: the log names a column twice in a row", table.relation.schema,
                table.relation.name);
  }
  Merge(old, Added::kAll, &columns);
  const std::vector<NamedColumn>& others = now.empty() ? table.relation.columns : now;
  if (change.op == ChangeOp::kDelete) {
    Merge(others, Added::kAll, &columns);
  } else if (change.op == ChangeOp::kUpdate && change.told == NamedChange::NewRow::kAllButUnchanged) {
    Merge(others, Added::kThatMayBeLeftOut, &columns);
  }
  return Take(table, std::move(columns));
}

// An old row tells another key than the one that is known: of a table that has got another primary key since. Asks once
// for each: the catalog may be ahead of the log.
bool NamedTables::IsKeyNews(Table& table, const NamedChange& change) {
  if (!change.has_old || table.layout->table.has_full_old_rows || TellsKey(*table.layout, change.old_row)) return false;
  std::string told;
  for (const NamedValue& value : change.old_row) told.append(value.name).push_back('\0');
  if (told == table.told_key) return false;
  table.told_key = std::move(told);
  return true;
}

Status NamedTables::Take(Table& table, std::vector<NamedColumn> columns) {
  table.relation.columns = std::move(columns);
  NILUS_ASSIGN(LayoutSource::Answer answer, layouts_->LayoutOf(table.relation));
  if (answer.layout != nullptr && answer.layout->columns.size() != table.relation.columns.size()) {
    return Fail(ErrorKind::kInternal, "table {}.{} has {} columns in the log, and its layout {}", table.relation.schema,
                table.relation.name, table.relation.columns.size(), answer.layout->columns.size());
  }
  const Lack before = std::exchange(table.lacks, Lack::kNothing);
  for (SchemaEvent& lack : answer.lacks) {
    table.lacks = lack.lacks;
    if (lack.lacks != before) builder_->Tell(std::move(lack));
  }
  if (answer.layout != nullptr && answer.is_news) builder_->Schema(answer.layout->table);
  table.layout = std::move(answer.layout);
  table.is_captured = table.layout != nullptr || table.lacks != Lack::kNothing;
  return {};
}

Status NamedTables::Row(const NamedChange& change, uint64_t lsn) {
  Table& table = Find(change.schema, change.table);
  if (!table.is_captured) {
    builder_->Skip();
    return {};
  }
  if (change.op == ChangeOp::kDelete && (!change.has_old || change.old_row.empty())) {
    return FailWithFix(ErrorKind::kData,
                       fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL; (or give it a primary key), then have it "
                                   "read anew: nilus cdc snapshot",
                                   QuoteName(table.relation.schema, table.relation.name)),
                       "table {}.{}: the log does not say which row was deleted, as the table has no replica identity",
                       table.relation.schema, table.relation.name);
  }
  auto place = [&] {
    const std::vector<NamedColumn>& columns = table.relation.columns;
    if (!Place(columns, change.old_row, &old_row_)) return false;
    if (change.op == ChangeOp::kDelete) return !columns.empty();
    return Place(columns, change.new_row, &new_row_) && IsWhole(columns, new_row_, change);
  };
  // Rows of this shape are left out until the table is read anew, and the stream begins again behind that. (Where there
  // was no table, each row may be the first of a new one.)
  if (table.lacks == Lack::kChanges && place()) {
    builder_->Skip();
    return {};
  }
  // Twice at most: a shape that was made of the change fits it.
  if (table.layout == nullptr || !place() || IsKeyNews(table, change)) {
    NILUS_TRY(Describe(table, change));
    if (table.layout == nullptr) {
      builder_->Skip();
      return {};
    }
    if (!place()) {
      return Fail(ErrorKind::kData, "table {}.{}: the columns of a row of the log have no order", table.relation.schema,
                  table.relation.name);
    }
  }
  const bool has_old = change.has_old && (change.op == ChangeOp::kDelete || table.layout->table.has_full_old_rows ||
                                          !SaysNothingNew(old_row_, new_row_));
  return builder_->Row(table.layout, change.op, has_old ? 'O' : '\0', old_row_, new_row_, lsn);
}

Status NamedTables::Truncate(std::string_view schema, std::string_view name, uint64_t lsn) {
  Table& table = Find(schema, name);
  if (table.is_captured && table.layout == nullptr) {
    NILUS_ASSIGN(std::vector<NamedColumn> now, layouts_->ColumnsNow(table.relation.schema, table.relation.name));
    if (now.empty()) {
      LogWarning("table {}.{} was truncated and is not there any more: nothing says what it was", schema, name);
      builder_->Skip();
      return {};
    }
    NILUS_TRY(Take(table, std::move(now)));
  }
  if (table.layout == nullptr) {
    builder_->Skip();
    return {};
  }
  return builder_->Truncate(table.layout, lsn);
}

}  // namespace nilus::postgres
