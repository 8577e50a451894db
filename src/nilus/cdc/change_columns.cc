#include "nilus/cdc/change_columns.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/base/clock.h"
#include "nilus/cdc/row_json.h"

namespace nilus {
namespace {

struct ChangeField {
  std::string_view name;
  TypeId type;
};

constexpr ChangeField kFlatten[] = {
    {"_op", TypeId::kText},      {"_deleted", TypeId::kBool}, {"_source_ts", TypeId::kTimestamp},
    {"_ts", TypeId::kTimestamp}, {"_lsn", TypeId::kInt64},    {"_tx_id", TypeId::kInt64},
    {"_seq", TypeId::kInt64}};
constexpr ChangeField kChangelog[] = {{"operation", TypeId::kText},
                                      {"before", TypeId::kJson},
                                      {"after", TypeId::kJson},
                                      {"source", TypeId::kJson},
                                      {"ts_ms", TypeId::kInt64}};

Field ToField(const ChangeField& field) {
  return Field{.name = std::string(field.name), .type = MakeType(field.type), .nullable = true, .variant_of = {}};
}

// A 64-bit column by a function of the line; `known` false: NULL.
template <typename ValueOf, typename IsKnown>
Column Numbers(TypeId type, int64_t count, const ValueOf& value_of, const IsKnown& is_known) {
  ColumnBuilder column(MakeType(type));
  for (int64_t line = 0; line < count; ++line)
    is_known(line) ? column.Append<int64_t>(value_of(line)) : column.AppendNull();
  return column.Finish();
}

Column Operations(const ChangeBatch& batch, const ChangeLines& lines) {
  ColumnBuilder column(MakeType(TypeId::kText));
  for (int64_t line = 0; line < lines.size(); ++line) {
    const char op = static_cast<char>(lines.op(batch, line));
    column.AppendBytes(std::string_view(&op, 1));
  }
  return column.Finish();
}

// The part of `source` that all changes of a batch share; the rest is appended to it.
std::string SourceHead(const ChangelogSource& source) {
  nlohmann::ordered_json head = {{"connector", "nilus"},
                                 {"name", source.prefix},
                                 {"db", source.database},
                                 {"schema", source.table->schema},
                                 {"table", source.table->name}};
  std::string text = head.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  text.pop_back();
  return text;
}

Column Sources(const ChangelogSource& source, const ChangeBatch& batch, const ChangeLines& lines) {
  const std::string head = SourceHead(source);
  ColumnBuilder column(MakeType(TypeId::kJson));
  std::string text;
  for (int64_t line = 0; line < lines.size(); ++line) {
    const auto change = static_cast<size_t>(lines.change(line));
    const bool is_snapshot = batch.ops[change] == ChangeOp::kRead;
    text = head;
    fmt::format_to(std::back_inserter(text), R"(,"lsn":{},"seq":{},"ts_ms":{},"snapshot":{})",
                   batch.positions[change].major, batch.sequence[change], batch.committed_at[change] / 1000,
                   is_snapshot);
    if (!is_snapshot) fmt::format_to(std::back_inserter(text), R"(,"txId":{})", batch.transactions[change]);
    text += '}';
    column.AppendBytes(text);
  }
  return column.Finish();
}

}  // namespace

bool IsChangeColumn(std::string_view name, bool changelog) {
  const auto is_named = [&](const ChangeField& field) { return field.name == name; };
  if (changelog) return std::any_of(std::begin(kChangelog), std::end(kChangelog), is_named);
  return name == kUnchangedMark || std::any_of(std::begin(kFlatten), std::end(kFlatten), is_named);
}

void AddChangeFields(bool changelog, Schema* schema) {
  if (changelog) {
    for (const ChangeField& field : kChangelog) schema->fields.push_back(ToField(field));
  } else {
    for (const ChangeField& field : kFlatten) schema->fields.push_back(ToField(field));
  }
}

void AddChangeColumns(const ChangeBatch& batch, const ChangeLines& lines, Schema* schema,
                      std::vector<Column>* columns) {
  AddChangeFields(false, schema);
  const int64_t count = lines.size();
  const auto of = [&](int64_t line) { return static_cast<size_t>(lines.change(line)); };
  const auto always = [](int64_t) { return true; };
  columns->push_back(Operations(batch, lines));
  ColumnBuilder deleted(MakeType(TypeId::kBool));
  for (int64_t line = 0; line < count; ++line) deleted.AppendBool(lines.op(batch, line) == ChangeOp::kDelete);
  columns->push_back(deleted.Finish());
  columns->push_back(Numbers(
      TypeId::kTimestamp, count, [&](int64_t line) { return batch.committed_at[of(line)]; }, always));
  const int64_t now = Now().time_since_epoch().count();
  columns->push_back(Numbers(
      TypeId::kTimestamp, count, [&](int64_t) { return now; }, always));
  columns->push_back(Numbers(
      TypeId::kInt64, count, [&](int64_t line) { return static_cast<int64_t>(batch.positions[of(line)].major); },
      always));
  columns->push_back(Numbers(
      TypeId::kInt64, count, [&](int64_t line) { return batch.transactions[of(line)]; },
      [&](int64_t line) { return batch.ops[of(line)] != ChangeOp::kRead; }));
  columns->push_back(Numbers(
      TypeId::kInt64, count, [&](int64_t line) { return batch.sequence[of(line)]; }, always));
}

void AddChangelogColumns(const ChangelogSource& source, const ChangeBatch& batch, const ChangeLines& lines,
                         const RecordBatch& rows, const std::optional<RecordBatch>& old, Schema* schema,
                         std::vector<Column>* columns) {
  AddChangeFields(true, schema);
  const std::vector<int32_t> old_of = OldRowOf(batch);
  RowJson rows_json(rows);
  std::optional<RowJson> old_json;
  if (old) old_json.emplace(*old);
  ColumnBuilder before(MakeType(TypeId::kJson));
  ColumnBuilder after(MakeType(TypeId::kJson));
  std::string text;
  const std::vector<const std::vector<uint8_t>*> left_out = rows_json.LeftOut(batch.unchanged);
  const auto append_row = [&](int64_t line, bool with_marks, ColumnBuilder* to) {
    text.clear();
    rows_json.Append(line, with_marks ? lines.change(line) : -1, left_out, &text);
    to->AppendBytes(text);
  };
  for (int64_t line = 0; line < lines.size(); ++line) {
    const ChangeOp op = lines.op(batch, line);
    const auto change = static_cast<size_t>(lines.change(line));
    if (op == ChangeOp::kDelete) {
      append_row(line, false, &before);
    } else if (op == ChangeOp::kUpdate && old_of[change] >= 0) {
      text.clear();
      old_json->Append(old_of[change], -1, {}, &text);
      before.AppendBytes(text);
    } else {
      before.AppendNull();
    }
    op == ChangeOp::kDelete || op == ChangeOp::kTruncate ? after.AppendNull() : append_row(line, true, &after);
  }
  columns->push_back(Operations(batch, lines));
  columns->push_back(before.Finish());
  columns->push_back(after.Finish());
  columns->push_back(Sources(source, batch, lines));
  const int64_t now = Now().time_since_epoch().count() / 1000;
  columns->push_back(Numbers(
      TypeId::kInt64, lines.size(), [&](int64_t) { return now; }, [](int64_t) { return true; }));
}

}  // namespace nilus
