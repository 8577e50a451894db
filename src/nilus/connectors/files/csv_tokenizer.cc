// CSV after RFC 4180, read strictly: nothing is guessed row by row and nothing is skipped but empty lines, which hold
// no value. Beyond the RFC: LF and CR end a line too, a byte order mark is passed over, a quote inside an unquoted
// value is an ordinary character.
#include <algorithm>
#include <array>
#include <set>

#include "nilus/base/encoding.h"
#include "nilus/connectors/files/byte_window.h"
#include "nilus/connectors/files/row_block.h"

namespace nilus::files {
namespace {

constexpr int64_t kBomBytes = 3;

class CsvTokenizer final : public RowTokenizer {
 public:
  CsvTokenizer(std::unique_ptr<ByteStream> bytes, const CsvOptions& options, std::string name, size_t largest_row)
      : window_(std::move(bytes)), options_(options), name_(std::move(name)), largest_row_(largest_row) {}

  const std::vector<std::string>& columns() const override { return columns_; }

  Status Next(RowBlock* block) override {
    block->Clear();
    if (!started_) NILUS_TRY(Start(block));
    while (!block->IsFull()) {
      NILUS_ASSIGN(bool found, ReadRecord(block));
      if (!found) break;
    }
    return {};
  }

 private:
  Status Start(RowBlock* block) {
    started_ = true;
    while (window_.size() < kHeadBytes) {
      NILUS_ASSIGN(bool more, window_.More());
      if (!more) break;
    }
    std::string_view head(window_.begin(), window_.size());
    if (head.starts_with("\xEF\xBB\xBF")) window_.Consume(kBomBytes);
    NILUS_TRY(CheckNotCompressed(head, name_));
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
      return FailWithFix(ErrorKind::kData, "convert it: iconv -f UTF-16 -t UTF-8", "{} is UTF-16, not UTF-8", name_);
    }
    NILUS_TRY(ChooseDelimiter());
    MarkSpecialBytes();
    // The first record says how many columns there are, whether it names them or not.
    NILUS_ASSIGN(bool found, ReadRecord(block));
    if (!found) return {};
    if (options_.has_header) {
      NILUS_TRY(TakeHeader(*block));
      block->Clear();
    } else {
      for (size_t i = 0; i < width_; ++i) columns_.push_back(fmt::format("column{}", i + 1));
    }
    return {};
  }

  // The most frequent candidate outside quotes in the first record; the earlier of equals.
  Status ChooseDelimiter() {
    if (options_.delimiter != 0) return {};
    constexpr std::string_view kCandidates = ",;\t|";
    std::array<int, kCandidates.size()> counts{};
    bool quoted = false;
    for (size_t i = 0;; ++i) {
      if (i >= window_.size()) {
        constexpr size_t kLongestFirstRecord = 16 << 20;
        NILUS_ASSIGN(bool more, window_.More());
        if (!more || window_.size() > kLongestFirstRecord) break;
      }
      char c = window_.begin()[i];
      if (options_.quote != 0 && c == options_.quote) quoted = !quoted;
      if (quoted) continue;
      if (c == '\n' || c == '\r') break;
      if (size_t candidate = kCandidates.find(c); candidate != std::string_view::npos) ++counts[candidate];
    }
    options_.delimiter =
        kCandidates[static_cast<size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin())];
    return {};
  }

  void MarkSpecialBytes() {
    is_special_[static_cast<unsigned char>(options_.delimiter)] = true;
    is_special_[static_cast<unsigned char>('\n')] = true;
    is_special_[static_cast<unsigned char>('\r')] = true;
  }

  Status TakeHeader(const RowBlock& block) {
    std::vector<std::string> names(width_);
    for (const Cell& cell : block.cells) names[cell.column] = block.Text(cell);
    std::set<std::string_view> seen;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) names[i] = fmt::format("column{}", i + 1);
    }
    for (const std::string& name : names) {
      if (!seen.insert(name).second) {
        return FailWithFix(ErrorKind::kData, "rename one of them in the file's first line",
                           "{} has two columns called '{}'", name_, name);
      }
    }
    columns_ = std::move(names);
    return {};
  }

  // The next byte without taking it; -1 at the end.
  Result<int> Peek() {
    if (window_.size() == 0) {
      NILUS_ASSIGN(bool more, window_.More());
      if (!more) return -1;
    }
    return static_cast<unsigned char>(*window_.begin());
  }

  // One record that has values; false at the end.
  Result<bool> ReadRecord(RowBlock* block) {
    while (true) {
      record_line_ = line_;
      NILUS_ASSIGN(int first, Peek());
      if (first < 0) return false;
      if ((first == '\n' || first == '\r') && width_ != 1) {  // an empty line; with one column it is a NULL
        NILUS_TRY(TakeLineEnd());
        continue;
      }
      NILUS_TRY(ReadFields(block));
      return true;
    }
  }

  Status ReadFields(RowBlock* block) {
    const size_t first_cell = block->cells.size();
    row_offset_ = block->bytes.size();
    uint32_t column = 0;
    while (true) {
      NILUS_TRY(ReadField(block, column));
      NILUS_TRY(CheckSize(*block, column));
      ++column;
      NILUS_ASSIGN(int next, Peek());
      if (next >= 0 && static_cast<char>(next) == options_.delimiter) {
        window_.Consume(1);
        if (column >= kMostColumns) return Malformed(record_line_, "has more than {} values", kMostColumns);
        continue;
      }
      if (next >= 0) NILUS_TRY(TakeLineEnd());
      break;
    }
    if (width_ == 0) width_ = column;
    if (column != width_) {
      block->cells.resize(first_cell);
      return Malformed(record_line_, "has {} values, but the first line has {}", column, width_);
    }
    block->row_ends.push_back(block->cells.size());
    return {};
  }

  Status ReadField(RowBlock* block, uint32_t column) {
    const size_t offset = block->bytes.size();
    field_line_ = line_;
    NILUS_ASSIGN(int first, Peek());
    bool quoted = first >= 0 && options_.quote != 0 && static_cast<char>(first) == options_.quote;
    if (quoted) {
      window_.Consume(1);
      NILUS_TRY(ReadQuoted(block, column));
    } else {
      NILUS_TRY(ReadPlain(block, column));
    }
    std::string_view text = std::string_view(block->bytes).substr(offset);
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }) &&
        !IsValidUtf8(text)) {
      return FailWithFix(ErrorKind::kData, "convert the file: iconv -f WINDOWS-1252 -t UTF-8 (or whatever it is in)",
                         "{}, line {}, column {}{}: the value is not valid UTF-8", name_, field_line_, column + 1,
                         ColumnName(column));
    }
    if (!quoted && (text.empty() || text == options_.null_string)) {
      block->bytes.resize(offset);
      return {};
    }
    block->cells.push_back({offset, text.size(), column, quoted ? CellKind::kQuoted : CellKind::kPlain});
    return {};
  }

  Status ReadPlain(RowBlock* block, uint32_t column) {
    while (true) {
      const char* at = window_.begin();
      const char* end = window_.end();
      while (at != end && !is_special_[static_cast<unsigned char>(*at)]) ++at;
      block->bytes.append(window_.begin(), at);
      bool stopped = at != end;
      window_.Consume(static_cast<size_t>(at - window_.begin()));
      if (stopped) return {};
      NILUS_TRY(CheckSize(*block, column));
      NILUS_ASSIGN(bool more, window_.More());
      if (!more) return {};
    }
  }

  Status ReadQuoted(RowBlock* block, uint32_t column) {
    while (true) {
      const char* from = window_.begin();
      auto* quote = static_cast<const char*>(std::memchr(from, options_.quote, window_.size()));
      const char* to = quote != nullptr ? quote : window_.end();
      CountLines(from, to);
      block->bytes.append(from, to);
      window_.Consume(static_cast<size_t>(to - from) + (quote != nullptr ? 1 : 0));
      if (quote == nullptr) {
        NILUS_TRY(CheckSize(*block, column));
        NILUS_ASSIGN(bool more, window_.More());
        if (more) continue;
        return FailWithFix(ErrorKind::kData,
                           fmt::format("close it, or double it where it is part of the value ({0}{0})", options_.quote),
                           "{}, line {}, column {}{}: the quote that opens here is never closed", name_, field_line_,
                           column + 1, ColumnName(column));
      }
      NILUS_ASSIGN(int next, Peek());
      if (next >= 0 && static_cast<char>(next) == options_.quote) {  // a doubled quote is one of the value's own
        block->bytes.push_back(options_.quote);
        window_.Consume(1);
        continue;
      }
      if (next >= 0 && !is_special_[static_cast<size_t>(next)]) {
        return FailWithFix(
            ErrorKind::kData, fmt::format("double the quote where it is part of the value ({0}{0})", options_.quote),
            "{}, line {}, column {}{}: text follows the closing quote", name_, line_, column + 1, ColumnName(column));
      }
      return {};
    }
  }

  void CountLines(const char* from, const char* to) {
    for (const char* at = from; at != to; ++at) {
      if (*at == '\n' || (*at == '\r' && !(at + 1 != window_.end() && at[1] == '\n'))) ++line_;
    }
  }

  Status TakeLineEnd() {
    bool is_return = *window_.begin() == '\r';
    window_.Consume(1);
    ++line_;
    if (!is_return) return {};
    NILUS_ASSIGN(int next, Peek());
    if (next == '\n') window_.Consume(1);
    return {};
  }

  Status CheckSize(const RowBlock& block, uint32_t column) const {
    if (block.bytes.size() - row_offset_ <= largest_row_) return {};
    return FailWithFix(ErrorKind::kData, "look for a quote that is never closed, or raise the memory limit",
                       "{}, line {}, column {}{}: the row that begins in line {} has more than {} bytes by this value",
                       name_, field_line_, column + 1, ColumnName(column), record_line_, largest_row_);
  }

  std::string ColumnName(uint32_t column) const {
    return column < columns_.size() ? fmt::format(" ({})", columns_[column]) : std::string();
  }

  template <typename... Args>
  Failure Malformed(int64_t line, fmt::format_string<Args...> format, Args&&... args) {
    return FailWithFix(
        ErrorKind::kData,
        fmt::format("correct the line, or say what separates values (delimiter, now '{}') and quotes them (quote)",
                    options_.delimiter == '\t' ? "tab" : std::string(1, options_.delimiter)),
        "{}, line {}: the row {}", name_, line, fmt::format(format, std::forward<Args>(args)...));
  }

  ByteWindow window_;
  CsvOptions options_;
  std::string name_;
  std::array<bool, 256> is_special_{};  // bytes that end an unquoted value
  std::vector<std::string> columns_;
  size_t largest_row_;
  size_t row_offset_ = 0;  // of the row at hand, in the block
  size_t width_ = 0;       // values a record has; 0: not known yet
  int64_t line_ = 1;
  int64_t record_line_ = 1;
  int64_t field_line_ = 1;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<RowTokenizer> MakeCsvTokenizer(std::unique_ptr<ByteStream> bytes, const CsvOptions& options,
                                               std::string name, size_t largest_row) {
  return std::make_unique<CsvTokenizer>(std::move(bytes), options, std::move(name), largest_row);
}

}  // namespace nilus::files
