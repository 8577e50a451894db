// What an attempt tells of itself: rows, values that did not fit, and what it changed about the table.
#include <algorithm>

#include "nilus/engine/attempt.h"
#include "nilus/engine/nesting.h"
#include "nilus/rows/row_ids.h"

namespace nilus {

void Attempt::ReportMove(const Load& load) {
  const Mover& mover = *load.mover;
  TableReport table{.name = job_->table.ToString(),
                    .source = job_->source_table,
                    .rows_in = mover.rows_in(),
                    .rows_filtered = mover.rows_filtered(),
                    .rows_out = load.tables->rows(0),
                    .bytes = load_.Report().bytes};
  if (const Incremental* incremental = load.prepared.incremental.get(); incremental != nullptr) {
    table.boundary_rows_dropped = incremental->boundary_rows_dropped();
    table.null_keys_dropped = incremental->null_keys_dropped();
  }
  if (load.dead_letters >= 0) {
    table.rows_dead = load.tables->rows(load.dead_letters);
    table.dead_letters = load.tables->request(load.dead_letters).table.ToString();
    if (table.rows_dead > 0) {
      Warn(fmt::format("{}: {} row{} did not fit and {} in {} (`nilus dead-letters list` shows why)", table.name,
                       table.rows_dead, table.rows_dead == 1 ? "" : "s", table.rows_dead == 1 ? "is" : "are",
                       table.dead_letters));
    }
  }
  report_->tables.push_back(std::move(table));
  if (load.nested != nullptr) {
    for (size_t i = 1; i < load.nested->tables().size(); ++i) {
      const NestedTable& child = load.nested->tables()[i];
      const int64_t rows = load.tables->rows(static_cast<int>(i));
      if (child.is_refused) continue;
      report_->tables.push_back(TableReport{.name = child.name.ToString(),
                                            .source = child.path,
                                            .rows_in = rows,
                                            .rows_out = rows,
                                            .bytes = load.tables->bytes(static_cast<int>(i))});
    }
  }
  for (const auto& [place, values] : mover.variant_values()) {
    const auto& [index, columns] = place;
    ReportVariant(FindReport(load.tables->request(index).table), columns.first, columns.second, values);
  }
  for (const auto& [place, values] : mover.discarded_values())
    ReportDiscarded(FindReport(load.tables->request(place.first).table), place.second, values);
}

void Attempt::ReportCounts(const CommitResult& committed) {
  for (TableReport& table : report_->tables) {
    auto counts = committed.tables.find(table.name);
    if (counts == committed.tables.end()) continue;
    table.rows_inserted = counts->second.rows_inserted;
    table.rows_updated = counts->second.rows_updated;
    table.rows_deleted = counts->second.rows_deleted;
  }
  if (!committed.tables.empty()) return;
  TableReport& table = report_->tables.front();
  table.rows_inserted = committed.rows_inserted;
  table.rows_updated = committed.rows_updated;
  table.rows_deleted = committed.rows_deleted;
}

TableReport* Attempt::FindReport(const TableName& table) {
  for (TableReport& report : report_->tables) {
    if (report.name == table.ToString()) return &report;
  }
  return nullptr;
}

void Attempt::ReportDiscarded(TableReport* table, const std::string& column, int64_t values) {
  table->discarded.push_back(DiscardedCount{.column = column, .values = values});
  Warn(fmt::format("{}: {} value{} of `{}` became NULL, as schema_contract is discard_value", table->name, values,
                   values == 1 ? "" : "s", column));
}

void Attempt::ReportVariant(TableReport* table, const std::string& column, std::string_view variant, int64_t values) {
  if (values == 0) return;
  const std::string name = FitToLimit(variant, job_->identifier_limit);
  auto there = std::find_if(table->variants.begin(), table->variants.end(),
                            [&](const VariantCount& known) { return known.column == column && known.variant == name; });
  if (there == table->variants.end()) {
    there = table->variants.insert(there, VariantCount{.column = column, .variant = name, .values = 0});
  }
  there->values += values;
  Warn(fmt::format("{}: {} value{} of `{}` {} not fit its type and {} kept in `{}`", table->name, values,
                   values == 1 ? "" : "s", column, values == 1 ? "does" : "do", values == 1 ? "is" : "are", name));
}

// What the load changed about its tables, as far as the engine can see.
void Attempt::ReportSchema(const Load& load) {
  if (load.nested != nullptr) {
    for (const NestedTable& table : load.nested->tables()) {
      if (table.shape == nullptr || table.is_refused) continue;
      Schema schema = WithRowIds(table.shape->schema());
      if (load.nested->hashes_children() && &table == &load.nested->tables().front())
        schema.fields.push_back(ChildrenHashField());
      ReportTableSchema(table.name, table.there, schema, table.shape->widened());
      ReportLoosened(load, table.name, table.there, schema);
    }
    return;
  }
  const Schema schema = load.prepared.shape->schema();
  if (schema.fields.empty()) return;  // nothing came, and nothing was made
  ReportTableSchema(job_->table, load.prepared.destination, WithRowIds(schema), load.prepared.shape->widened());
  ReportLoosened(load, job_->table, load.prepared.destination, WithRowIds(schema));
}

void Attempt::ReportTableSchema(const TableName& name, const std::optional<Schema>& before, const Schema& after,
                                const std::vector<std::string>& widened) {
  const std::string table = name.ToString();
  std::vector<SchemaChange>& changes = report_->schema_changes;
  if (!before) {
    changes.push_back(SchemaChange{.table = table, .column = "", .change = "table created", .before = "", .after = ""});
    return;
  }
  for (const Field& field : after.fields) {
    if (const std::optional<int> at = before->Find(field.name); at) {
      if (std::find(widened.begin(), widened.end(), field.name) == widened.end()) continue;
      const Type& type = before->fields[static_cast<size_t>(*at)].type;
      changes.push_back(SchemaChange{.table = table,
                                     .column = field.name,
                                     .change = "column widened",
                                     .before = type.ToString(),
                                     .after = field.type.ToString()});
      continue;
    }
    changes.push_back(SchemaChange{
        .table = table, .column = field.name, .change = "column added", .before = "", .after = field.type.ToString()});
  }
}

// Some sinks loosen a required column that the load may leave NULL, others keep it: only the table tells.
void Attempt::ReportLoosened(const Load& load, const TableName& name, const std::optional<Schema>& before,
                             const Schema& written) {
  if (!before || job_->contract != Contract::kEvolve) return;
  std::vector<std::string> required;
  for (const Field& field : before->fields) {
    const std::optional<int> at = written.Find(field.name);
    const bool may_be_null = !at || written.fields[static_cast<size_t>(*at)].nullable;
    if (!field.nullable && may_be_null) required.push_back(field.name);
  }
  if (required.empty()) return;
  const Result<std::optional<Schema>> after = load.prepared.sink->Describe(name);
  if (!after || !*after) return;
  for (const std::string& column : required) {
    const std::optional<int> at = (*after)->Find(column);
    if (!at || !(*after)->fields[static_cast<size_t>(*at)].nullable) continue;
    report_->schema_changes.push_back(SchemaChange{
        .table = name.ToString(), .column = column, .change = "column made optional", .before = "", .after = ""});
  }
}

// Before anything is opened. What cannot be asked is not reported.
void Attempt::LookAtReplaced(Load* load) {
  if (!MakesTableAnew()) return;
  for (int i = 0; i < load->tables->size(); ++i) {
    const TableName& table = load->tables->request(i).table;
    if (auto there = load->prepared.sink->Describe(table)) load->replaced.emplace(table.ToString(), *std::move(there));
  }
}

// Both as the sink has them, so that what it keeps otherwise than it was written is no change.
void Attempt::ReportReplaced(const Load& load) {
  for (int i = 0; i < load.tables->size(); ++i) {
    const TableName& table = load.tables->request(i).table;
    const auto before = load.replaced.find(table.ToString());
    if (before == load.replaced.end() || !load.tables->is_open(i)) continue;
    Result<std::optional<Schema>> after = load.prepared.sink->Describe(table);
    if (!after || !*after) continue;
    ReportTableSchema(table, before->second, **after, {});
    if (!before->second) continue;
    auto add = [&](const std::string& column, std::string change, const Type& was, std::string now) {
      report_->schema_changes.push_back(SchemaChange{.table = before->first,
                                                     .column = column,
                                                     .change = std::move(change),
                                                     .before = was.ToString(),
                                                     .after = std::move(now)});
    };
    for (const Field& field : before->second->fields) {
      const std::optional<int> at = (*after)->Find(field.name);
      if (!at) {
        add(field.name, "column removed", field.type, "");
      } else if (const Type& now = (*after)->fields[static_cast<size_t>(*at)].type; !(now == field.type)) {
        add(field.name, "column type changed", field.type, now.ToString());
      }
    }
  }
}

}  // namespace nilus
