#include "nilus/connectors/postgres/cdc/wal2json.h"

#include <charconv>
#include <optional>

#include "nilus/connectors/postgres/cdc/log_messages.h"
#include "nilus/connectors/postgres/types.h"
#include "nilus/data/scalar.h"
#include "nilus/json/scanner.h"

namespace nilus::postgres {
namespace {

constexpr int kDeepestOfMessage = 8;

class MessageReader {
 public:
  MessageReader(std::string_view bytes, bool has_exact_numbers, Wal2JsonMessage* message)
      : scanner_(bytes), has_exact_numbers_(has_exact_numbers), message_(message), change_(&message->change) {
    // Nothing that it holds moves: what a string means is not longer than what is written.
    message_->unescaped.clear();
    message_->unescaped.reserve(bytes.size());
  }

  bool Read() {
    if (!json::ReadFields(&scanner_, [&](const json::Value& key) { return Field(key); })) return false;
    scanner_.SkipSpace();
    return scanner_.AtEnd() && IsWhole();
  }

 private:
  bool Field(const json::Value& key) {
    if (key.text == "columns") return Row(&change_->new_row);
    if (key.text == "identity") {
      change_->has_old = true;
      return Row(&change_->old_row);
    }
    json::Value value;
    if (!scanner_.ReadValue(&value, kDeepestOfMessage)) return false;
    if (key.text == "action") return Action(value);
    if (key.text == "xid") return value.kind == json::Kind::kNull || Number(value, &message_->xid);
    if (key.text == "timestamp") return Time(value);
    if (key.text == "lsn") return Lsn(value, &message_->lsn);
    if (key.text == "nextlsn") return Lsn(value, &message_->end_lsn);
    if (key.text == "schema") return Text(value, &change_->schema);
    if (key.text == "table") return Text(value, &change_->table);
    return true;
  }

  bool Action(const json::Value& value) {
    if (value.kind != json::Kind::kString || value.text.size() != 1) return false;
    has_action_ = true;
    message_->type = Wal2JsonMessage::Type::kRow;
    switch (value.text[0]) {
      case 'I':
        change_->op = ChangeOp::kCreate;
        return true;
      case 'U':
        change_->op = ChangeOp::kUpdate;
        return true;
      case 'D':
        change_->op = ChangeOp::kDelete;
        return true;
      case 'B':
      case 'C':
      case 'T':
      case 'M':
        message_->type = static_cast<Wal2JsonMessage::Type>(value.text[0]);
        return true;
      default:
        return false;
    }
  }

  bool Row(std::vector<NamedValue>* row) {
    row->clear();
    return json::ReadElements(&scanner_, [&] {
      NamedValue named;
      std::optional<json::Value> value;
      if (!json::ReadFields(&scanner_, [&](const json::Value& key) { return ColumnField(key, &named, &value); })) {
        return false;
      }
      if (named.name.empty() || named.type_oid == 0 || !value || !RowValue(named.type_oid, *value, &named.value))
        return false;
      row->push_back(named);
      return true;
    });
  }

  bool ColumnField(const json::Value& key, NamedValue* named, std::optional<json::Value>* value) {
    if (key.text == "value") return scanner_.ReadValue(&value->emplace(), 0);
    json::Value other;
    if (!scanner_.ReadValue(&other, 0)) return false;
    if (key.text == "name") return Text(other, &named->name);
    if (key.text != "typeoid") return true;
    int64_t oid = 0;  // written as a signed number
    if (!Number(other, &oid)) return false;
    named->type_oid = static_cast<uint32_t>(oid);
    return true;
  }

  bool RowValue(uint32_t type_oid, const json::Value& value, TupleValue* row_value) {
    switch (value.kind) {
      case json::Kind::kNull:
        row_value->kind = has_exact_numbers_ || !IsLossyNumber(type_oid) ? TupleValue::kNull : TupleValue::kNullOrNan;
        return true;
      case json::Kind::kBool:
      case json::Kind::kNumber:
        *row_value = {TupleValue::kText, value.text};
        return true;
      case json::Kind::kString:
        row_value->kind = TupleValue::kText;
        // The plugin takes the "\x" off; there is room for it, as the quotes are not in `unescaped`.
        return Text(value, &row_value->bytes, type_oid == oid::kBytea ? "\\x" : "");
      default:
        return false;
    }
  }

  bool Text(const json::Value& value, std::string_view* text, std::string_view before = {}) {
    if (value.kind != json::Kind::kString) return false;
    if (!value.escaped && before.empty()) {
      *text = value.text;
      return true;
    }
    std::string& room = message_->unescaped;
    const size_t from = room.size();
    room.append(before).append(value.text);
    size_t size = value.text.size();
    if (value.escaped && !json::Unescape(value.text, room.data() + from + before.size(), &size)) return false;
    room.resize(from + before.size() + size);
    *text = std::string_view(room).substr(from);
    return true;
  }

  template <typename T>
  static bool Number(const json::Value& value, T* number) {
    const char* end = value.text.data() + value.text.size();
    auto [at, error] = std::from_chars(value.text.data(), end, *number);
    return value.kind == json::Kind::kNumber && error == std::errc() && at == end;
  }

  static bool Lsn(const json::Value& value, uint64_t* lsn) {
    return value.kind == json::Kind::kString && ParseLsn(value.text, lsn);
  }

  bool Time(const json::Value& value) {
    if (value.kind == json::Kind::kNull) return true;  // of a message outside transactions
    bool has_zone = false;
    return value.kind == json::Kind::kString && ParseTimestamp(value.text, &message_->time, &has_zone) && has_zone;
  }

  bool IsWhole() const {
    switch (message_->type) {
      case Wal2JsonMessage::Type::kBegin:
      case Wal2JsonMessage::Type::kCommit:
        return has_action_ && message_->lsn != 0 && message_->end_lsn != 0;
      case Wal2JsonMessage::Type::kRow:
      case Wal2JsonMessage::Type::kTruncate:
        return has_action_ && !change_->schema.empty() && !change_->table.empty();
      case Wal2JsonMessage::Type::kMessage:
        return has_action_;
    }
    return false;
  }

  json::Scanner scanner_;
  const bool has_exact_numbers_;
  Wal2JsonMessage* const message_;
  NamedChange* const change_;
  bool has_action_ = false;
};

}  // namespace

bool IsLossyNumber(uint32_t type_oid) {
  return type_oid == oid::kFloat4 || type_oid == oid::kFloat8 || type_oid == oid::kNumeric;
}

Status ParseWal2Json(std::string_view bytes, bool has_exact_numbers, Wal2JsonMessage* message) {
  message->type = Wal2JsonMessage::Type::kMessage;
  message->xid = 0;
  message->time = 0;
  message->lsn = message->end_lsn = 0;
  message->change.Clear();
  message->change.told = NamedChange::NewRow::kAllButUnchanged;
  // Of a logical message the content may be anything, and means nothing here.
  if (bytes.starts_with(R"({"action":"M")")) return {};
  if (!MessageReader(bytes, has_exact_numbers, message).Read()) {
    return Fail(ErrorKind::kData, "a message of wal2json, {} bytes long, is not of the format", bytes.size());
  }
  return {};
}

}  // namespace nilus::postgres
