#include "nilus/cli/row_output.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "nilus/cli/display.h"
#include "nilus/data/scalar.h"

namespace nilus::cli {
namespace {

// One cell: null, or canonical text of a type.
struct Cell {
  bool is_null = true;
  Type type;
  std::string text;
};

// Walks batches row by row, whatever order and variant columns they have.
class CellReader {
 public:
  explicit CellReader(const Schema& schema) {
    for (const Field& field : schema.fields) {
      if (field.variant_of.empty()) fields_.push_back(field);
    }
  }
  const std::vector<Field>& fields() const { return fields_; }

  // Calls visit(column index, cell) for each cell, then end_row().
  template <typename Visit, typename EndRow>
  void Read(const RecordBatch& batch, Visit visit, EndRow end_row) const {
    std::vector<const Column*> columns(fields_.size(), nullptr);
    std::vector<const Column*> variants(fields_.size(), nullptr);
    for (size_t i = 0; i < fields_.size(); ++i) {
      for (int j = 0; j < batch.schema()->size(); ++j) {
        const Field& field = batch.schema()->fields[static_cast<size_t>(j)];
        if (field.variant_of.empty() && field.name == fields_[i].name && columns[i] == nullptr)
          columns[i] = &batch.column(j);
        if (field.variant_of == fields_[i].name) variants[i] = &batch.column(j);
      }
    }
    Cell cell;
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      for (size_t i = 0; i < fields_.size(); ++i) {
        const Column* column = columns[i];
        if ((column == nullptr || column->IsNull(row)) && variants[i] != nullptr) column = variants[i];
        cell.is_null = column == nullptr || column->IsNull(row);
        cell.text.clear();
        if (!cell.is_null) {
          cell.type = column->type;
          AppendCellText(*column, row, &cell.text);
        }
        visit(i, cell);
      }
      end_row();
    }
  }

 private:
  std::vector<Field> fields_;
};

class CsvOutput final : public RowOutput {
 public:
  CsvOutput(SchemaPtr schema, bool to_terminal, TextOutput& out)
      : reader_(*schema), to_terminal_(to_terminal), out_(out) {
    std::string header;
    for (size_t i = 0; i < reader_.fields().size(); ++i) AppendField(i, reader_.fields()[i].name, header);
    out_.Write(header + "\n");
  }

  void Write(const RecordBatch& batch) override {
    reader_.Read(
        batch,
        [&](size_t i, const Cell& cell) {
          if (!cell.is_null) return AppendField(i, cell.text, line_);
          // A line of one NULL would be an empty line, which readers skip: it is the one place where "" cannot be kept
          // apart.
          if (i > 0) line_ += ',';
        },
        [&] {
          out_.Write(line_ += '\n');
          line_.clear();
        });
  }
  void Finish() override {}

 private:
  void AppendField(size_t index, std::string_view text, std::string& line) const {
    if (index > 0) line += ',';
    std::string safe;
    if (to_terminal_) text = safe = EscapeForTerminal(text, true);
    if (!text.empty() && text.find_first_of("\",\r\n") == std::string_view::npos) {
      line += text;
      return;
    }
    line += '"';
    for (char c : text) {
      if (c == '"') line += '"';
      line += c;
    }
    line += '"';
  }

  CellReader reader_;
  bool to_terminal_;
  TextOutput& out_;
  std::string line_;
};

void AppendJsonText(std::string_view text, std::string& line) {
  line += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

class JsonLinesOutput final : public RowOutput {
 public:
  JsonLinesOutput(SchemaPtr schema, bool to_terminal, TextOutput& out)
      : reader_(*schema), to_terminal_(to_terminal), out_(out) {
    for (const Field& field : reader_.fields()) {
      std::string& key = keys_.emplace_back();
      AppendJsonText(field.name, key);
      key += ':';
    }
  }

  void Write(const RecordBatch& batch) override {
    reader_.Read(
        batch,
        [&](size_t i, const Cell& cell) {
          line_ += i == 0 ? '{' : ',';
          line_ += keys_[i];
          AppendValue(cell);
        },
        [&] {
          line_ += reader_.fields().empty() ? "{}" : "}";
          if (to_terminal_) line_ = EscapeForTerminal(line_);
          out_.Write(line_ += '\n');
          line_.clear();
        });
  }
  void Finish() override {}

 private:
  void AppendValue(const Cell& cell) {
    if (cell.is_null) {
      line_ += "null";
    } else if (cell.type.id == TypeId::kBool) {
      line_ += cell.text;
    } else if (IsNumber(cell.type.id) && IsJsonNumber(cell.text)) {
      line_ += cell.text;
    } else if (cell.type.id == TypeId::kJson && nlohmann::json::accept(cell.text)) {
      // A raw line break in valid JSON stands between tokens: a space says the same.
      for (char c : cell.text) line_ += c == '\n' || c == '\r' ? ' ' : c;
    } else {
      AppendJsonText(cell.text, line_);
    }
  }

  // NaN and Infinity have no number in JSON: they become text.
  static bool IsJsonNumber(std::string_view text) {
    if (text.starts_with('-')) text.remove_prefix(1);
    return !text.empty() && text[0] >= '0' && text[0] <= '9';
  }

  CellReader reader_;
  bool to_terminal_;
  TextOutput& out_;
  std::vector<std::string> keys_;
  std::string line_;
};

class TableOutput final : public RowOutput {
 public:
  TableOutput(SchemaPtr schema, int columns, TextOutput& out) : reader_(*schema), columns_(columns), out_(out) {}

  void Write(const RecordBatch& batch) override {
    std::vector<std::string> row(reader_.fields().size());
    reader_.Read(
        batch, [&](size_t i, const Cell& cell) { row[i] = Show(cell); },
        [&] {
          ++num_rows_;
          if (!widths_.empty() || reader_.fields().empty()) return WriteRow(row);
          for (const std::string& cell : row) held_bytes_ += cell.size();
          held_.push_back(row);
          if (held_.size() >= kHeldRows || held_bytes_ >= kHeldBytes) Release();
        });
  }

  void Finish() override {
    Release();
    out_.Write(fmt::format("({})\n", FormatRows(num_rows_)));
  }

 private:
  static constexpr size_t kHeldRows = 1000;          // enough to find good widths …
  static constexpr size_t kHeldBytes = 1024 * 1024;  // … and held in bounded memory
  static constexpr size_t kLongestCell = 1024;       // bytes of a value that are looked at
  static constexpr int kNarrowest = 8;

  // NULL is a word of its own: the text "NULL" is shown in quotes.
  static std::string Show(const Cell& cell) {
    if (cell.is_null) return "NULL";
    if (cell.text == "NULL") return "\"NULL\"";
    if (cell.text.size() <= kLongestCell) return EscapeForTerminal(cell.text);
    size_t end = kLongestCell;
    while (end > 0 && (static_cast<unsigned char>(cell.text[end]) & 0xC0) == 0x80) --end;
    return EscapeForTerminal(std::string_view(cell.text).substr(0, end)) + "…";
  }

  void Release() {
    if (!widths_.empty() || reader_.fields().empty()) return;
    for (size_t i = 0; i < reader_.fields().size(); ++i) {
      int width = DisplayWidth(EscapeForTerminal(reader_.fields()[i].name));
      for (const auto& row : held_) width = std::max(width, DisplayWidth(row[i]));
      widths_.push_back(std::max(width, 1));
    }
    // The widest columns give way until the table fits, or none is left that can.
    auto total = [&] {
      int64_t sum = 0;
      for (int width : widths_) sum += width + 3;
      return sum - 3;
    };
    for (int64_t over = total() - columns_; over > 0; over = total() - columns_) {
      int widest = *std::max_element(widths_.begin(), widths_.end());
      if (widest <= kNarrowest) break;
      int next = kNarrowest;  // the next narrower width, down to which the widest ones may shrink together
      int64_t count = 0;
      for (int width : widths_) {
        if (width == widest) ++count;
        if (width < widest) next = std::max(next, width);
      }
      int64_t each = std::max<int64_t>(1, (over + count - 1) / count);
      int narrowed = static_cast<int>(std::max<int64_t>(next, widest - each));
      for (int& width : widths_) {
        if (width == widest) width = narrowed;
      }
    }
    std::vector<std::string> names;
    std::string rule;
    for (size_t i = 0; i < reader_.fields().size(); ++i) {
      names.push_back(EscapeForTerminal(reader_.fields()[i].name));
      if (i > 0) rule += "-+-";
      rule.append(static_cast<size_t>(widths_[i]), '-');
    }
    WriteRow(names);
    out_.Write(rule + "\n");
    for (const auto& row : held_) WriteRow(row);
    held_ = {};
  }

  void WriteRow(const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += " | ";
      line += IsNumber(reader_.fields()[i].type.id) ? PadLeft(row[i], widths_[i]) : PadRight(row[i], widths_[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out_.Write(line + "\n");
  }

  CellReader reader_;
  int columns_;
  TextOutput& out_;
  int64_t num_rows_ = 0;
  std::vector<int> widths_;                     // empty until they are found
  std::vector<std::vector<std::string>> held_;  // the first rows
  size_t held_bytes_ = 0;
};

}  // namespace

std::unique_ptr<RowOutput> MakeRowOutput(SchemaPtr schema, const RowOutputOptions& options, TextOutput& out) {
  switch (options.format) {
    case RowFormat::kTable:
      return std::make_unique<TableOutput>(std::move(schema), options.columns, out);
    case RowFormat::kJsonLines:
      return std::make_unique<JsonLinesOutput>(std::move(schema), options.to_terminal, out);
    case RowFormat::kCsv:
      break;
  }
  return std::make_unique<CsvOutput>(std::move(schema), options.to_terminal, out);
}

}  // namespace nilus::cli
