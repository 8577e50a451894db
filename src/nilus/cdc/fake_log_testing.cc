// The log of fakes_testing.h.
#include "nilus/cdc/fakes_testing.h"

namespace nilus {
namespace {

constexpr const char* kSchema = "public";

FakeRow KeyOnly(const FakeRow& row) {
  FakeRow key(row.size());
  key[0] = row[0];
  return key;
}

}  // namespace

void FakeLog::AddTable(const std::string& name, Schema columns, std::set<int> toasted) {
  const std::lock_guard lock(mutex_);
  CapturedTable shape{.schema = kSchema, .name = name, .columns = std::move(columns)};
  shape.key = {shape.columns.fields[0].name};
  shape.id = 100 * (tables_.size() + 1);
  tables_[name] = Table{.shapes = {{0, std::move(shape)}}, .toasted = std::move(toasted), .rows = {}};
}

void FakeLog::Log(FakeChange change) {
  change.is_hidden = unpublished.contains(change.table) || lacking_.contains(change.table);
  open_.changes.push_back(std::move(change));
}

void FakeLog::Begin() {
  mutex_.lock();
  open_ = FakeTransaction{.position = end_ + 10};
}

void FakeLog::Insert(const std::string& table, FakeRow row) {
  row.resize(tables_[table].shapes.back().second.columns.fields.size());
  const std::string key = *row[0];
  if (!tables_[table].rows.emplace(key, row).second) return;
  Log(FakeChange{.table = table, .op = ChangeOp::kCreate, .row = std::move(row)});
}

void FakeLog::Update(const std::string& table, const std::string& key, const std::function<void(FakeRow&)>& change) {
  Table& of = tables_[table];
  auto found = of.rows.find(key);
  if (found == of.rows.end()) return;
  const FakeRow before = found->second;
  FakeRow after = before;
  after.resize(of.shapes.back().second.columns.fields.size());
  change(after);
  if (*after[0] != key && of.rows.contains(*after[0])) return;
  FakeChange logged{.table = table, .op = ChangeOp::kUpdate, .row = after};
  for (int column : of.toasted) {
    const auto at = static_cast<size_t>(column);
    if (after[at] != before[at] || !after[at]) continue;
    logged.unchanged.insert(column);
    logged.row[at].reset();
  }
  if (*after[0] != key) logged.old_key = KeyOnly(before);
  of.rows.erase(found);
  of.rows[*after[0]] = std::move(after);
  Log(std::move(logged));
}

void FakeLog::Delete(const std::string& table, const std::string& key) {
  Table& of = tables_[table];
  auto found = of.rows.find(key);
  if (found == of.rows.end()) return;
  Log(FakeChange{.table = table, .op = ChangeOp::kDelete, .row = KeyOnly(found->second)});
  of.rows.erase(found);
}

void FakeLog::Truncate(const std::string& table) {
  tables_[table].rows.clear();
  const size_t columns = tables_[table].shapes.back().second.columns.fields.size();
  Log(FakeChange{.table = table, .op = ChangeOp::kTruncate, .row = FakeRow(columns)});
}

void FakeLog::AddColumn(const std::string& table, const Field& field) {
  CapturedTable shape = tables_[table].shapes.back().second;
  shape.columns.fields.push_back(field);
  tables_[table].shapes.emplace_back(open_.position, shape);
  for (auto& [key, row] : tables_[table].rows) row.resize(shape.columns.fields.size());
}

void FakeLog::AddFilledColumn(const std::string& table, const Field& field, const std::string& value) {
  AddColumn(table, field);
  tables_[table].shapes.back().second.filled.insert(field.name);
  for (auto& [key, row] : tables_[table].rows) {
    row.back() = value;
    Log(FakeChange{.table = table, .op = ChangeOp::kUpdate, .row = row, .old_key = {}, .unchanged = {}});
    open_.changes.back().is_hidden = true;
  }
}

void FakeLog::ReplaceTable(const std::string& table) {
  CapturedTable shape = tables_[table].shapes.back().second;
  ++shape.id;
  tables_[table].shapes.emplace_back(open_.position, std::move(shape));
  Truncate(table);
  open_.changes.back().is_hidden = true;
}

void FakeLog::Lacks(const std::string& table, Lack lack) {
  open_.changes.push_back(FakeChange{.table = table, .row = {}, .old_key = {}, .unchanged = {}, .lacks = lack});
  lacking_.insert(table);
}

void FakeLog::DropTable(const std::string& table) { dropped_.insert(table); }

void FakeLog::Commit() {
  lacking_.clear();
  end_ = open_.position;
  log_.push_back(std::move(open_));
  mutex_.unlock();
}

std::map<std::string, FakeLog::Rows> FakeLog::StateAt(std::optional<uint64_t> position) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Rows> state;
  for (const FakeTransaction& transaction : log_) {
    if (position && transaction.position > *position) break;
    for (const FakeChange& change : transaction.changes) {
      if (change.lacks != Lack::kNothing) continue;
      Rows& rows = state[change.table];
      if (change.op == ChangeOp::kTruncate) rows.clear();
      if (change.op == ChangeOp::kTruncate) continue;
      const std::string key = *change.row[0];
      if (change.op == ChangeOp::kDelete) {
        rows.erase(key);
        continue;
      }
      FakeRow row = change.row;
      const std::string before = change.old_key ? *(*change.old_key)[0] : key;
      for (int column : change.unchanged) row[static_cast<size_t>(column)] = rows[before][static_cast<size_t>(column)];
      rows.erase(before);
      rows[key] = std::move(row);
    }
  }
  for (auto& [table, rows] : state) {
    const size_t columns = ShapeAt(table, position.value_or(end_)).columns.fields.size();
    for (auto& [key, row] : rows) row.resize(columns);
  }
  return state;
}

uint64_t FakeLog::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

std::vector<CapturedTable> FakeLog::tables() const {
  const std::lock_guard lock(mutex_);
  std::vector<CapturedTable> tables;
  for (const auto& [name, table] : tables_) {
    if (dropped_.contains(name)) continue;
    const size_t back = hides_latest_shape && table.shapes.size() > 1 ? 2 : 1;
    tables.push_back(table.shapes[table.shapes.size() - back].second);
  }
  return tables;
}

std::vector<FakeTransaction> FakeLog::Behind(uint64_t position) const {
  const std::lock_guard lock(mutex_);
  std::vector<FakeTransaction> behind;
  for (const FakeTransaction& transaction : log_) {
    if (transaction.position > position) behind.push_back(transaction);
  }
  return behind;
}

CapturedTable FakeLog::ShapeAt(const std::string& table, uint64_t position) const {
  const std::lock_guard lock(mutex_);
  CapturedTable shape;
  for (const auto& [from, known] : tables_.at(table).shapes) {
    if (from <= position) shape = known;
  }
  return shape;
}

}  // namespace nilus
