#include "nilus/rows/children_hash.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "nilus/data/builder.h"
#include "nilus/data/cell_bytes.h"
#include "nilus/rows/row_ids.h"
#include "nilus/rows/unnest.h"

namespace nilus {
namespace {

void AppendNumber(uint64_t number, std::string* out) {
  out->append(reinterpret_cast<const char*>(&number), sizeof number);  // little-endian machines only
}

void AppendText(std::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text);
}

// The columns that count, by name.
std::vector<std::pair<std::string_view, const Column*>> ContentOf(const RecordBatch& rows) {
  std::vector<std::pair<std::string_view, const Column*>> columns;
  for (int i = 0; i < rows.schema()->size(); ++i) {
    const std::string& name = rows.schema()->fields[static_cast<size_t>(i)].name;
    const bool is_ours =
        IsRowIdColumn(name) || name == kRootIdColumn || name == kParentIdColumn || name == kListIndexColumn;
    if (!is_ours) columns.emplace_back(name, &rows.column(i));
  }
  std::sort(columns.begin(), columns.end());
  return columns;
}

}  // namespace

Field ChildrenHashField() {
  return Field{
      .name = std::string(kChildrenHashColumn), .type = MakeType(TypeId::kText), .nullable = true, .variant_of = {}};
}

ChildrenHasher::ChildrenHasher(std::vector<std::string> tables) : by_rank_(tables.size()) {
  std::iota(by_rank_.begin(), by_rank_.end(), 0);
  std::sort(by_rank_.begin(), by_rank_.end(),
            [&](int a, int b) { return tables[static_cast<size_t>(a)] < tables[static_cast<size_t>(b)]; });
  for (std::string& name : tables) tables_.push_back(Table{.name = std::move(name)});
  for (size_t rank = 0; rank < by_rank_.size(); ++rank)
    tables_[static_cast<size_t>(by_rank_[rank])].rank = static_cast<int>(rank);
}

void ChildrenHasher::Add(int table, const RecordBatch& rows, const Column& positions,
                         const std::vector<int64_t>& roots) {
  Table& to = tables_[static_cast<size_t>(table)];
  const auto columns = ContentOf(rows);
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    const int64_t root = roots[static_cast<size_t>(row)];
    if (root != to.root) {
      End(&to);
      to.root = root;
    }
    scratch_.clear();
    AppendText(positions.BytesValue(row), &scratch_);
    const size_t count_at = scratch_.size();
    uint64_t count = 0;
    AppendNumber(count, &scratch_);
    for (const auto& [name, column] : columns) {
      if (column->IsNull(row)) continue;
      ++count;
      AppendText(name, &scratch_);
      AppendCellBytes(*column, row, &scratch_);
    }
    scratch_.replace(count_at, sizeof count, reinterpret_cast<const char*>(&count), sizeof count);
    to.hash.Add(scratch_);
  }
}

void ChildrenHasher::End(Table* table) {
  if (table->root < 0) return;
  parts_.push_back(Part{.root = table->root, .rank = table->rank, .digest = table->hash.Finish()});
  table->root = -1;
}

Column ChildrenHasher::Finish(int64_t rows) {
  for (Table& table : tables_) End(&table);
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return std::pair(a.root, a.rank) < std::pair(b.root, b.rank); });
  ColumnBuilder hashes(MakeType(TypeId::kText));
  auto part = parts_.begin();
  std::string id;
  for (int64_t row = 0; row < rows; ++row) {
    scratch_.clear();
    for (; part != parts_.end() && part->root == row; ++part) {
      AppendText(tables_[static_cast<size_t>(by_rank_[static_cast<size_t>(part->rank)])].name, &scratch_);
      scratch_.append(reinterpret_cast<const char*>(part->digest.data()), part->digest.size());
    }
    if (scratch_.empty()) {
      hashes.AppendNull();
      continue;
    }
    id.clear();
    AppendId(Sha256::Of(scratch_).data(), &id);
    hashes.AppendBytes(id);
  }
  parts_.clear();
  return hashes.Finish();
}

}  // namespace nilus
