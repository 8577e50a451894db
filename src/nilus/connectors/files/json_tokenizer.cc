// JSON files as rows: an array of objects, one object, or objects one after another (JSON lines). A record is found by
// its brackets first, so memory holds one record at a time, then taken apart by JsonScanner.
#include <algorithm>
#include <unordered_map>

#include "nilus/connectors/files/byte_window.h"
#include "nilus/connectors/files/json_scan.h"
#include "nilus/connectors/files/row_block.h"

namespace nilus::files {
namespace {

constexpr std::string_view kRowFix =
    "write rows as objects, {\"column\": value, …}: one after another, or in one array";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

class JsonTokenizer final : public RowTokenizer {
 public:
  JsonTokenizer(std::unique_ptr<ByteStream> bytes, std::string name, size_t largest_row)
      : window_(std::move(bytes)), name_(std::move(name)), largest_row_(largest_row) {}

  const std::vector<std::string>& columns() const override { return columns_; }

  Status Next(RowBlock* block) override {
    block->Clear();
    if (!started_) NILUS_TRY(Start());
    while (!block->IsFull()) {
      NILUS_ASSIGN(size_t size, FindRecord());
      if (size == 0) break;
      NILUS_TRY(ReadRecord(std::string_view(window_.begin(), size), block));
      Consume(size);
    }
    return {};
  }

 private:
  Status Start() {
    started_ = true;
    while (window_.size() < kHeadBytes) {
      NILUS_ASSIGN(bool more, window_.More());
      if (!more) break;
    }
    std::string_view head(window_.begin(), window_.size());
    if (head.starts_with("\xEF\xBB\xBF")) window_.Consume(3);
    NILUS_TRY(CheckNotCompressed(head, name_));
    if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) {
      return FailWithFix(ErrorKind::kData, "convert it: iconv -f UTF-16 -t UTF-8", "{} is UTF-16, not UTF-8", name_);
    }
    NILUS_ASSIGN(int first, SkipSpace());
    if (first == '[') {
      in_array_ = true;
      Consume(1);
    }
    return {};
  }

  // The next byte that is no space, not taken; -1 at the end.
  Result<int> SkipSpace() {
    while (true) {
      const char* at = window_.begin();
      while (at != window_.end() && IsSpace(*at)) ++at;
      Consume(static_cast<size_t>(at - window_.begin()));
      if (window_.size() > 0) return static_cast<unsigned char>(*window_.begin());
      NILUS_ASSIGN(bool more, window_.More());
      if (!more) return -1;
    }
  }

  // Brings the next object to the front of the window, whole; its size, 0 when there is none.
  Result<size_t> FindRecord() {
    NILUS_ASSIGN(int c, SkipSpace());
    if (in_array_) {
      if (c == ']') {
        Consume(1);
        in_array_ = false;
        array_ended_ = true;
        NILUS_ASSIGN(c, SkipSpace());
      } else if (!is_first_) {
        if (c != ',')
          return Malformed(
              0, c < 0 ? "the array is never closed: the file is cut off" : "',' or ']' was expected behind an object");
        Consume(1);
        NILUS_ASSIGN(c, SkipSpace());
      }
    }
    if (array_ended_) {
      if (c >= 0) return Malformed(0, "something follows the end of the array");
      return size_t{0};
    }
    if (c < 0 && in_array_) return Malformed(0, "the array is never closed: the file is cut off");
    if (c < 0) return size_t{0};
    if (c != '{') return Malformed(0, "an object was expected here", kRowFix);
    is_first_ = false;
    return FindRecordEnd();
  }

  Result<size_t> FindRecordEnd() {
    int depth = 0;
    bool in_string = false;
    bool more = true;
    for (size_t i = 0;; ++i) {
      while (more && i >= window_.size()) {
        if (window_.size() > largest_row_) {
          return Malformed(0, fmt::format("the object that opens here has more than {} bytes: is a quote or bracket "
                                          "never closed? (more fits with a higher memory limit)",
                                          largest_row_));
        }
        NILUS_ASSIGN(more, window_.More());
      }
      if (i >= window_.size()) break;
      char c = window_.begin()[i];
      if (in_string) {
        if (c == '\\') ++i;
        if (c == '"') in_string = false;
      } else if (c == '"') {
        in_string = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (--depth == 0) return i + 1;
      }
    }
    // Cut off, or a quote too few: the strict scanner says which.
    JsonScanner scanner(std::string_view(window_.begin(), window_.size()));
    JsonKind kind{};
    std::string_view text;
    if (!scanner.ReadValue(&kind, &text) && scanner.error().offset < window_.size()) {
      return Malformed(scanner.error().offset, scanner.error().message);
    }
    return Malformed(0, "the object that opens here is never closed: the file is cut off");
  }

  Status ReadRecord(std::string_view record, RowBlock* block) {
    JsonScanner scanner(record);
    const size_t first_cell = block->cells.size();
    seen_.assign(columns_.size(), false);
    scanner.Take('{');
    scanner.SkipSpace();
    bool more = !scanner.Take('}');
    while (more) {
      size_t key_offset = scanner.offset();
      key_.clear();
      if (!scanner.ReadString(&key_)) return Malformed(scanner.error());
      NILUS_ASSIGN(uint32_t column, ColumnOf(key_, key_offset));
      if (seen_[column]) return Malformed(key_offset, fmt::format("the key \"{}\" stands twice in one object", key_));
      seen_[column] = true;
      scanner.SkipSpace();
      if (!scanner.Take(':')) return Malformed(scanner.offset(), "':' was expected behind a key");
      scanner.SkipSpace();
      NILUS_TRY(ReadCell(&scanner, column, block));
      scanner.SkipSpace();
      if (scanner.Take('}')) break;
      if (!scanner.Take(',')) return Malformed(scanner.offset(), "',' or '}' was expected");
      scanner.SkipSpace();
    }
    if (scanner.offset() != record.size()) return Malformed(scanner.offset(), "brackets do not match");
    std::sort(block->cells.begin() + static_cast<ptrdiff_t>(first_cell), block->cells.end(),
              [](const Cell& a, const Cell& b) { return a.column < b.column; });
    block->row_ends.push_back(block->cells.size());
    return {};
  }

  Status ReadCell(JsonScanner* scanner, uint32_t column, RowBlock* block) {
    const size_t offset = block->bytes.size();
    if (scanner->Peek() == '"') {
      if (!scanner->ReadString(&block->bytes)) return Malformed(scanner->error());
      block->cells.push_back({offset, block->bytes.size() - offset, column, CellKind::kString});
      return {};
    }
    JsonKind kind{};
    std::string_view text;
    if (!scanner->ReadValue(&kind, &text)) return Malformed(scanner->error());
    CellKind cell_kind = CellKind::kNested;
    if (kind == JsonKind::kBool) cell_kind = CellKind::kBool;
    if (kind == JsonKind::kNumber) cell_kind = CellKind::kNumber;
    if (kind == JsonKind::kNull) cell_kind = CellKind::kNull;
    block->bytes.append(text);
    block->cells.push_back({offset, text.size(), column, cell_kind});
    return {};
  }

  Result<uint32_t> ColumnOf(const std::string& key, size_t offset) {
    auto [found, is_new] = column_of_.try_emplace(key, static_cast<uint32_t>(columns_.size()));
    if (is_new) {
      if (columns_.size() >= kMostColumns)
        return Malformed(offset, fmt::format("the file has more than {} different keys", kMostColumns));
      columns_.push_back(key);
      seen_.push_back(false);
    }
    return found->second;
  }

  void Consume(size_t count) {
    const char* from = window_.begin();
    for (const char* at = from; at != from + count; ++at) {
      if (*at == '\n') {
        ++line_;
        column_ = 1;
      } else {
        ++column_;
      }
    }
    window_.Consume(count);
  }

  Failure Malformed(const JsonError& error) { return Malformed(error.offset, error.message); }

  // `offset`: into the window, whose front stands at line_ and column_.
  Failure Malformed(size_t offset, std::string_view what, std::string_view fix = "correct the file there") {
    int64_t line = line_;
    int64_t column = column_;
    for (size_t i = 0; i < offset && i < window_.size(); ++i) {
      bool is_newline = window_.begin()[i] == '\n';
      line += is_newline ? 1 : 0;
      column = is_newline ? 1 : column + 1;
    }
    return FailWithFix(ErrorKind::kData, std::string(fix), "{}, line {}, column {}: {}", name_, line, column, what);
  }

  ByteWindow window_;
  std::string name_;
  size_t largest_row_;
  std::vector<std::string> columns_;
  std::unordered_map<std::string, uint32_t> column_of_;
  std::vector<bool> seen_;  // columns of the object at hand
  std::string key_;
  int64_t line_ = 1;    // of the window's first byte
  int64_t column_ = 1;  // in bytes, from 1
  bool started_ = false;
  bool in_array_ = false;
  bool is_first_ = true;
  bool array_ended_ = false;
};

}  // namespace

std::unique_ptr<RowTokenizer> MakeJsonTokenizer(std::unique_ptr<ByteStream> bytes, std::string name,
                                                size_t largest_row) {
  return std::make_unique<JsonTokenizer>(std::move(bytes), std::move(name), largest_row);
}

}  // namespace nilus::files
