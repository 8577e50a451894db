// Columns and batches from texts, for tests of rows/.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {

using Cell = std::optional<std::string>;  // canonical text; nothing: NULL

inline Column ColumnOf(const Type& type, const std::vector<Cell>& texts) {
  ColumnBuilder builder(type);
  for (const Cell& text : texts) {
    if (!text) {
      builder.AppendNull();
    } else {
      EXPECT_TRUE(AppendParsed(*text, &builder)) << *text;
    }
  }
  return builder.Finish();
}

inline RecordBatch BatchOf(std::vector<std::pair<Field, std::vector<Cell>>> columns) {
  auto schema = std::make_shared<Schema>();
  std::vector<Column> built;
  int64_t rows = 0;
  for (auto& [field, texts] : columns) {
    built.push_back(ColumnOf(field.type, texts));
    rows = built.back().length;
    schema->fields.push_back(std::move(field));
  }
  return RecordBatch(std::move(schema), std::move(built), rows);
}

inline RecordBatch OneColumn(const std::string& name, const Type& type, const std::vector<Cell>& texts) {
  return BatchOf({{Field{.name = name, .type = type}, texts}});
}

inline std::vector<Cell> CellsOf(const Column& column) {
  std::vector<Cell> cells;
  for (int64_t row = 0; row < column.length; ++row) {
    cells.push_back(column.IsNull(row) ? Cell() : Cell(ScalarAt(column, row).text));
  }
  return cells;
}

// Of a column by its name; empty: there is no such column.
inline std::vector<Cell> CellsOf(const RecordBatch& batch, std::string_view name) {
  std::optional<int> at = batch.schema()->Find(name);
  return at ? CellsOf(batch.column(*at)) : std::vector<Cell>();
}

}  // namespace nilus
