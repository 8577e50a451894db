#include "nilus/rows/unnest.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/take.h"
#include "nilus/json/column.h"
#include "nilus/rows/unnest_plan.h"

namespace nilus {

// One thread's builders. Columns are filled up with NULL only where a value or a row's end needs it.
class Unnester::Impl {
 public:
  explicit Impl(std::shared_ptr<const UnnestPlan> plan) : plan_(std::move(plan)) {
    for (size_t i = 0; i < plan_->tables_.size(); ++i) {
      Table table;
      if (i > 0) {
        auto schema = std::make_shared<Schema>(plan_->tables_[i].schema);
        if (plan_->options_.with_positions) {
          schema->fields.push_back(Field{.name = std::string(kPositionColumn), .type = MakeType(TypeId::kBinary)});
        }
        for (const Field& field : schema->fields) table.columns.emplace_back(field.type);
        table.schema = std::move(schema);
      }
      tables_.push_back(std::move(table));
    }
    const std::vector<Field>& fields = plan_->tables_[0].schema.fields;
    for (int index : plan_->built_) tables_[0].columns.emplace_back(fields[static_cast<size_t>(index)].type);
  }

  Status Unnest(const RecordBatch& batch, const Emit& emit) {
    NILUS_TRY(Prepare(batch));
    emit_ = &emit;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      NILUS_TRY(UnnestRow(batch, row));
      if (IsFull(tables_[0])) NILUS_TRY(EmitParent(batch, row + 1));
    }
    NILUS_TRY(EmitParent(batch, batch.num_rows()));
    for (size_t i = 1; i < tables_.size(); ++i) NILUS_TRY(EmitChildren(static_cast<int>(i)));
    return {};
  }

  const std::vector<int32_t>& source_rows() const { return emitted_; }

 private:
  using Node = UnnestPlan::Node;

  struct Table {
    SchemaPtr schema;  // of a child table
    std::vector<ColumnBuilder> columns;
    std::vector<int32_t> source_rows;  // of a child table: the batch's row that each belongs to
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  // The row that values at hand belong to.
  struct Row {
    int table = 0;
    std::string_view id;
    std::string_view position;  // with_positions: the indexes on the way to it
  };
  struct Source {
    const Node* node = nullptr;
    int index = 0;  // of the batch's column
  };

  // Which columns of the batch are taken apart, and the schema of what comes out.
  Status Prepare(const RecordBatch& batch) {
    if (batch.schema() == prepared_for_) return {};
    sources_.clear();
    auto schema = std::make_shared<Schema>();
    for (int i = 0; i < batch.schema()->size(); ++i) {
      const Field& field = batch.schema()->fields[static_cast<size_t>(i)];
      const auto known = plan_->columns_.find(field.name);
      if (known == plan_->columns_.end()) {
        schema->fields.push_back(field);
        continue;
      }
      const Node& node = *known->second;
      if (field.type.id != TypeId::kJson)
        return Fail(ErrorKind::kInternal, "{} was surveyed as json, and is {}", node.place, field.type.ToString());
      sources_.push_back({&node, i});
      for (int column = node.first_column; column < node.end_column; ++column) {
        const auto index = static_cast<size_t>(plan_->built_[static_cast<size_t>(column)]);
        schema->fields.push_back(plan_->tables_[0].schema.fields[index]);
      }
    }
    id_ = batch.schema()->Find(kRowIdColumn).value_or(-1);
    if (plan_->tables_.size() > 1 &&
        (id_ < 0 || batch.schema()->fields[static_cast<size_t>(id_)].type.id != TypeId::kText)) {
      return Fail(ErrorKind::kInternal, "{} has nested arrays, but no column {} of text", plan_->tables_[0].name,
                  kRowIdColumn);
    }
    parent_schema_ = std::move(schema);
    prepared_for_ = batch.schema();
    return {};
  }

  Status UnnestRow(const RecordBatch& batch, int64_t row) {
    Row parent;
    source_row_ = static_cast<int32_t>(row);
    if (plan_->tables_.size() > 1) {
      if (batch.column(id_).IsNull(row))
        return Fail(ErrorKind::kInternal, "a row of {} has no {}", plan_->tables_[0].name, kRowIdColumn);
      parent.id = root_id_ = batch.column(id_).BytesValue(row);
    }
    for (const Source& source : sources_) {
      const Column& column = batch.column(source.index);
      if (column.IsNull(row)) continue;
      json::Scanner scanner(column.BytesValue(row));
      scanner.SkipSpace();
      if (!Visit(*source.node, &scanner, parent)) return TakeError(*source.node);
    }
    FinishRow(&tables_[0]);
    return {};
  }

  Status TakeError(const Node& node) {
    if (error_) return Failure(*std::exchange(error_, std::nullopt));
    return Fail(ErrorKind::kInternal, "{} is no JSON any more, though it was when it was surveyed", node.place);
  }

  // The value that the scanner stands at, into where the plan puts it. False: an error, in error_ or the scanner's.
  bool Visit(const Node& node, json::Scanner* scanner, const Row& row) {
    const char first = scanner->Peek();
    if (first == '[' && node.takes_arrays) return VisitArray(node, scanner, row);
    if (first == '{' && node.takes_objects && !(node.checks_keys && json::RepeatsKey(*scanner)))
      return VisitObject(node, scanner, row);
    json::Value value;
    if (!scanner->ReadValue(&value)) return false;
    if (value.kind == json::Kind::kNull) return true;
    return (node.column >= 0 && Append(node, value, row)) || Misfit(node);
  }

  bool VisitObject(const Node& node, json::Scanner* scanner, const Row& row) {
    return json::ReadFields(scanner, [&](const json::Value& key) {
      const auto field = node.fields.find(json::Meaning(key, &scratch_));
      return field == node.fields.end() ? Misfit(node) : Visit(field->second, scanner, row);
    });
  }

  bool VisitArray(const Node& node, json::Scanner* scanner, const Row& row) {
    int64_t index = 0;
    std::string position;
    if (plan_->options_.with_positions) position = std::string(row.position) + std::string(sizeof index, '\0');
    return json::ReadElements(scanner, [&] {
      if (node.table < 0) return Misfit(node);
      Table& table = tables_[static_cast<size_t>(node.table)];
      const ChildIds::Id id = ids_.Make(row.id, node.id_path, index);
      const std::string_view id_text(id.data(), id.size());
      table.columns[0].AppendBytes(id_text);
      table.columns[1].AppendBytes(row.id);
      table.columns[2].AppendBytes(root_id_);
      table.columns[3].Append(index);
      table.source_rows.push_back(source_row_);
      if (plan_->options_.with_positions) {
        std::memcpy(position.data() + row.position.size(), &index, sizeof index);  // little-endian machines only
        table.columns.back().AppendBytes(position);
        table.bytes += static_cast<int64_t>(position.size());
      }
      ++index;
      table.bytes += static_cast<int64_t>(id_text.size() + row.id.size() + root_id_.size());
      if (!Visit(*node.element, scanner, {.table = node.table, .id = id_text, .position = position})) return false;
      FinishRow(&table);
      return !IsFull(table) || Keep(EmitChildren(node.table));
    });
  }

  bool Append(const Node& node, const json::Value& value, const Row& row) {
    Table& table = tables_[static_cast<size_t>(row.table)];
    ColumnBuilder& column = table.columns[static_cast<size_t>(node.column)];
    FillUp(&column, table.rows);
    if (column.length() > table.rows) return false;  // the place was filled before
    table.bytes += static_cast<int64_t>(value.text.size());
    return json::AppendValue(value, &column);
  }

  bool Misfit(const Node& node) {
    if (!error_) {
      error_ = Error{
          ErrorKind::kInternal,
          fmt::format("{} is not what it was when it was surveyed: the rows are others, or the survey did not see "
                      "all of them",
                      node.place),
          {}};
    }
    return false;
  }
  bool Keep(Status status) {
    if (status) return true;
    error_ = std::move(status).error();
    return false;
  }

  static void FillUp(ColumnBuilder* column, int64_t rows) {
    while (column->length() < rows) column->AppendNull();
  }
  static void FinishRow(Table* table) {
    ++table->rows;
    table->bytes += 8 * static_cast<int64_t>(table->columns.size());
  }
  bool IsFull(const Table& table) const {
    return table.rows >= plan_->options_.page_rows || table.bytes >= plan_->options_.batch_bytes;
  }
  static std::vector<Column> TakeColumns(Table* table) {
    std::vector<Column> columns;
    columns.reserve(table->columns.size());
    for (ColumnBuilder& column : table->columns) {
      FillUp(&column, table->rows);
      columns.push_back(column.Finish());
    }
    table->rows = table->bytes = 0;
    return columns;
  }

  Status EmitChildren(int index) {
    Table& table = tables_[static_cast<size_t>(index)];
    if (table.rows == 0) return {};
    const int64_t rows = table.rows;
    emitted_.swap(table.source_rows);
    table.source_rows.clear();
    return (*emit_)(index, RecordBatch(table.schema, TakeColumns(&table), rows));
  }

  // The parent's rows up to `end` that have not been given yet.
  Status EmitParent(const RecordBatch& batch, int64_t end) {
    const int64_t rows = tables_[0].rows;
    if (rows == 0) return {};
    emitted_.resize(static_cast<size_t>(rows));
    std::iota(emitted_.begin(), emitted_.end(), static_cast<int32_t>(end - rows));
    const RecordBatch part = rows == batch.num_rows() ? batch : TakeRows(batch, emitted_);
    std::vector<Column> built = TakeColumns(&tables_[0]);
    std::vector<Column> columns;
    auto source = sources_.begin();
    for (int i = 0; i < batch.schema()->size(); ++i) {
      if (source == sources_.end() || source->index != i) {
        columns.push_back(part.column(i));
        continue;
      }
      std::move(built.begin() + source->node->first_column, built.begin() + source->node->end_column,
                std::back_inserter(columns));
      ++source;
    }
    return (*emit_)(0, RecordBatch(parent_schema_, std::move(columns), rows));
  }

  std::shared_ptr<const UnnestPlan> plan_;
  std::vector<Table> tables_;
  ChildIds ids_;
  const Emit* emit_ = nullptr;
  std::string_view root_id_;
  int32_t source_row_ = 0;
  std::vector<int32_t> emitted_;  // source_rows()
  std::string scratch_;
  std::optional<Error> error_;

  SchemaPtr prepared_for_;  // the last batch's schema, and what follows from it
  SchemaPtr parent_schema_;
  std::vector<Source> sources_;
  int id_ = -1;
};

Unnester::Unnester(std::shared_ptr<const UnnestPlan> plan) : impl_(std::make_unique<Impl>(std::move(plan))) {}
Unnester::~Unnester() = default;

Status Unnester::Unnest(const RecordBatch& batch, const Emit& emit) { return impl_->Unnest(batch, emit); }
const std::vector<int32_t>& Unnester::source_rows() const { return impl_->source_rows(); }

}  // namespace nilus
