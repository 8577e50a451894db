#include "nilus/connectors/postgres/cdc/test_decoding.h"

#include <charconv>

#include "nilus/data/scalar.h"

namespace nilus::postgres {
namespace {

constexpr std::string_view kUnchanged = "unchanged-toast-datum";
constexpr std::string_view kNoTuple = "(no-tuple-data)";

// Reads from the front of a message.
class Text {
 public:
  // `scratch` has room for as many bytes as `text` has: nothing that it holds moves.
  Text(std::string_view text, std::string* scratch) : text_(text), scratch_(scratch) {
    scratch_->clear();
    scratch_->reserve(text.size());
  }

  bool at_end() const { return text_.empty(); }
  bool Take(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  // Up to `end` or the text's end, which stays.
  std::string_view Until(char end) {
    const std::string_view taken = text_.substr(0, text_.find(end));
    text_.remove_prefix(taken.size());
    return taken;
  }
  // A quoted part from its quote on, which stands for itself when it is doubled.
  bool Quoted(char quote, std::string_view* value) {
    if (text_.empty() || text_[0] != quote) return false;
    const size_t from = scratch_->size();
    size_t at = 1;
    bool is_doubled = false;
    while (true) {
      const size_t end = text_.find(quote, at);
      if (end == std::string_view::npos) return false;
      const bool goes_on = end + 1 < text_.size() && text_[end + 1] == quote;
      if (is_doubled || goes_on) scratch_->append(text_.substr(at, end - at + (goes_on ? 1 : 0)));
      is_doubled |= goes_on;
      at = end + (goes_on ? 2 : 1);
      if (goes_on) continue;
      *value = is_doubled ? std::string_view(*scratch_).substr(from) : text_.substr(1, end - 1);
      text_.remove_prefix(at);
      return true;
    }
  }
  // A name as quote_identifier writes it, up to one of `ends`.
  bool Name(std::string_view ends, std::string_view* name) {
    if (text_.starts_with('"')) return Quoted('"', name) && !name->empty();
    const size_t end = text_.find_first_of(ends);
    if (end == 0 || end == std::string_view::npos) return false;
    *name = text_.substr(0, end);
    text_.remove_prefix(end);
    return true;
  }
  // A type as format_type writes it, and the bracket behind it: names in it may hold brackets, and arrays have some.
  bool Type(std::string_view* type) {
    int depth = 0;
    bool is_quoted = false;
    for (size_t i = 0; i < text_.size(); ++i) {
      const char c = text_[i];
      if (c == '"') is_quoted = !is_quoted;
      if (is_quoted) continue;
      if (c == '[') ++depth;
      if (c == ']' && --depth < 0) {
        *type = text_.substr(0, i);
        text_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

 private:
  std::string_view text_;
  std::string* scratch_;
};

bool ReadNumber(std::string_view text, uint32_t* number) {
  auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && at == text.data() + text.size();
}

bool ReadValue(Text& text, TupleValue* value) {
  if (text.Take("B'")) {  // bits, which have no quotes
    *value = {TupleValue::kText, text.Until('\'')};
    return text.Take("'");
  }
  std::string_view quoted;
  if (text.Quoted('\'', &quoted)) {
    *value = {TupleValue::kText, quoted};
    return true;
  }
  const std::string_view plain = text.Until(' ');
  if (plain.empty() || plain.find('\'') != std::string_view::npos) return false;
  if (plain == "null") {
    *value = {TupleValue::kNull, {}};
  } else if (plain == kUnchanged) {
    *value = {TupleValue::kUnchanged, {}};
  } else {
    *value = {TupleValue::kText, plain};
  }
  return true;
}

// " id[integer]:1 name[text]:'x'", up to the end or to " new-tuple:".
bool ReadRow(Text& text, std::vector<NamedValue>* row) {
  while (!text.at_end() && !text.Take(" new-tuple:")) {
    NamedValue value;
    if (!text.Take(" ") || !text.Name("[", &value.name) || !text.Take("[") || !text.Type(&value.type) ||
        !text.Take(":") || !ReadValue(text, &value.value)) {
      return false;
    }
    row->push_back(value);
  }
  return true;
}

bool ReadUpdate(Text& text, NamedChange* change) {
  if (text.Take(" old-key:")) {
    change->has_old = true;
    if (!ReadRow(text, &change->old_row)) return false;
  }
  return ReadRow(text, &change->new_row) && text.at_end();
}

bool ReadChange(Text& text, TestDecodingMessage* message) {
  NamedChange& change = message->change;
  change.schema = message->tables[0].first;
  change.table = message->tables[0].second;
  if (text.Take("INSERT:")) {
    change.op = ChangeOp::kCreate;
    return ReadRow(text, &change.new_row) && text.at_end();
  }
  if (text.Take("UPDATE:")) {
    change.op = ChangeOp::kUpdate;
    return ReadUpdate(text, &change);
  }
  if (!text.Take("DELETE:")) return false;
  change.op = ChangeOp::kDelete;
  change.has_old = !text.Take(std::string(" ").append(kNoTuple));
  return ReadRow(text, &change.old_row) && text.at_end();
}

// Behind "table ".
bool ReadTables(Text& text, TestDecodingMessage* message) {
  do {
    std::string_view schema;
    std::string_view name;
    if (!text.Name(".", &schema) || !text.Take(".") || !text.Name(",:", &name)) return false;
    message->tables.emplace_back(schema, name);
  } while (text.Take(", "));
  if (!text.Take(": ")) return false;
  if (text.Take("TRUNCATE:")) {
    message->type = TestDecodingMessage::Type::kTruncate;
    return true;
  }
  message->type = TestDecodingMessage::Type::kRow;
  return message->tables.size() == 1 && ReadChange(text, message);
}

bool ReadCommit(Text& text, TestDecodingMessage* message) {
  message->type = TestDecodingMessage::Type::kCommit;
  if (!ReadNumber(text.Until(' '), &message->xid) || !text.Take(" (at ")) return false;
  bool has_zone = false;
  return ParseTimestamp(text.Until(')'), &message->time, &has_zone) && has_zone && text.Take(")") && text.at_end();
}

bool ReadMessage(Text& text, TestDecodingMessage* message) {
  if (text.Take("table ")) return ReadTables(text, message);
  if (text.Take("BEGIN ")) {
    message->type = TestDecodingMessage::Type::kBegin;
    return ReadNumber(text.Until(' '), &message->xid) && text.at_end();
  }
  if (text.Take("COMMIT ")) return ReadCommit(text, message);
  message->type = TestDecodingMessage::Type::kOther;
  return text.Take("message: ");  // pg_logical_emit_message
}

}  // namespace

Status ParseTestDecoding(std::string_view bytes, TestDecodingMessage* message) {
  message->change.Clear();
  message->tables.clear();
  Text text(bytes, &message->unquoted);
  if (ReadMessage(text, message)) return {};
  return Fail(ErrorKind::kData, "a message of test_decoding, {} bytes long, is not of the format", bytes.size());
}

}  // namespace nilus::postgres
