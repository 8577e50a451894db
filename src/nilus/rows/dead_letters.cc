#include "nilus/rows/dead_letters.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/rows/naming.h"

namespace nilus {
namespace {

using Json = nlohmann::ordered_json;

std::string Quoted(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

bool IsNumber(TypeId id) {
  return id == TypeId::kInt16 || id == TypeId::kInt32 || id == TypeId::kInt64 || id == TypeId::kFloat32 ||
         id == TypeId::kFloat64 || id == TypeId::kDecimal;
}

// How a column's values stand in a payload.
enum class Form { kBare, kQuoted, kHex };

// One form for all values of a column, as `types` has one type for it.
Form FormOf(const Column& column, const std::vector<DeadRow>& dead) {
  if (column.type.id == TypeId::kBool || IsNumber(column.type.id)) return Form::kBare;
  if (column.type.id != TypeId::kText && column.type.id != TypeId::kJson) return Form::kQuoted;
  for (const DeadRow& row : dead) {
    if (!column.IsNull(row.row) && !IsValidUtf8(column.BytesValue(row.row))) return Form::kHex;
  }
  return Form::kQuoted;
}

void AppendValue(const Column& column, int64_t row, Form form, std::string* out) {
  if (column.IsNull(row)) {
    out->append("null");
    return;
  }
  std::string text;
  AppendCellText(column, row, &text);
  if (form == Form::kHex) text = HexEncode(text);
  const bool is_json = column.type.id == TypeId::kJson && form != Form::kHex && Json::accept(text);
  const bool is_finite = text != "NaN" && text != "Infinity" && text != "-Infinity";
  out->append(is_json || (form == Form::kBare && is_finite) ? text : Quoted(text));
}

std::string Origin(const Schema& schema, const std::vector<Form>& forms, std::string_view source,
                   const std::map<std::string, std::string>& masks) {
  Json types = Json::object();
  for (int i = 0; i < schema.size(); ++i) {
    const Field& field = schema.fields[static_cast<size_t>(i)];
    const Type type = forms[static_cast<size_t>(i)] == Form::kHex ? MakeType(TypeId::kBinary) : field.type;
    if (field.variant_of.empty()) {
      types[field.name] = type.ToString();
    } else {
      types[field.name] = {{"type", type.ToString()}, {"variant_of", field.variant_of}};
    }
  }
  Json origin = {{"source", source}, {"types", std::move(types)}};
  if (!masks.empty()) origin["masks"] = masks;
  return origin.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kData, "drop the letters with `nilus dead-letters drop`, or mend the table",
                     "a dead letter cannot be read: {}", what);
}

// Numbers keep all of their digits: they are read as the texts that stand there.
class DigitKeeper : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit DigitKeeper(const Schema& schema) : schema_(&schema), cells_(schema.fields.size()) {}

  bool null() override { return depth_ > 1 ? Nested("null") : Put(std::nullopt); }
  bool boolean(bool value) override {
    return depth_ > 1 ? Nested(value ? "true" : "false") : Put(value ? "true" : "false");
  }
  bool number_integer(number_integer_t value) override { return Number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& digits) override { return Number(digits); }
  bool string(string_t& value) override {
    if (depth_ > 1 || IsJsonColumn()) return depth_ > 1 ? Nested(Quoted(value)) : Put(Quoted(value));
    return Put(value);
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override {
    if (depth_++ == 0) return true;
    return Open('{');
  }
  bool key(string_t& name) override {
    if (depth_ > 1) {
      Separate();
      nested_ += Quoted(name) + ":";
      is_first_ = true;  // of what follows the colon
      return true;
    }
    std::optional<int> at = schema_->Find(name);
    column_ = at.value_or(-1);
    return at.has_value();
  }
  bool end_object() override { return --depth_ == 0 || Close('}'); }
  bool start_array(std::size_t) override {
    if (depth_++ == 0) return false;
    return Open('[');
  }
  bool end_array() override { return Close(--depth_ >= 0 ? ']' : ' '); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override { return false; }

  std::vector<std::optional<std::string>>& cells() { return cells_; }

 private:
  bool IsJsonColumn() const {
    return column_ >= 0 && schema_->fields[static_cast<size_t>(column_)].type.id == TypeId::kJson;
  }
  bool Number(const std::string& digits) { return depth_ > 1 ? Nested(digits) : Put(digits); }
  bool Put(std::optional<std::string> text) {
    if (column_ < 0) return false;
    cells_[static_cast<size_t>(column_)] = std::move(text);
    return true;
  }
  void Separate() {
    if (!is_first_) nested_ += ',';
    is_first_ = false;
  }
  bool Nested(std::string_view text) {
    Separate();
    nested_ += text;
    return true;
  }
  bool Open(char bracket) {
    if (depth_ == 2) {
      if (!IsJsonColumn()) return false;
      nested_.clear();
      is_first_ = true;
    }
    Separate();
    nested_ += bracket;
    is_first_ = true;
    return true;
  }
  bool Close(char bracket) {
    nested_ += bracket;
    is_first_ = false;
    return depth_ > 1 || Put(std::move(nested_));
  }

  const Schema* schema_;
  std::vector<std::optional<std::string>> cells_;
  int depth_ = 0;
  int column_ = -1;
  std::string nested_;
  bool is_first_ = true;
};

}  // namespace

std::string DeadLetterTable(std::string_view table, int identifier_limit) {
  return FitToLimit(fmt::format("{}__dead_letters", table), identifier_limit);
}

const SchemaPtr& DeadLetterSchema() {
  static const SchemaPtr schema = std::make_shared<Schema>(Schema{{
      Field{.name = "payload", .type = MakeType(TypeId::kJson)},
      Field{.name = "reason", .type = MakeType(TypeId::kText)},
      Field{.name = "column", .type = MakeType(TypeId::kText)},
      Field{.name = "position", .type = MakeType(TypeId::kText)},
  }});
  return schema;
}

RecordBatch WriteDeadLetters(const RecordBatch& batch, const std::vector<DeadRow>& dead, std::string_view source,
                             const std::map<std::string, std::string>& masks) {
  const Schema& schema = *batch.schema();
  std::vector<std::string> names;
  std::vector<Form> forms;
  for (int i = 0; i < schema.size(); ++i) {
    names.push_back(Quoted(schema.fields[static_cast<size_t>(i)].name) + ":");
    forms.push_back(FormOf(batch.column(i), dead));
  }
  const std::string origin = Origin(schema, forms, source, masks);
  BatchBuilder builder(DeadLetterSchema());
  std::string payload;
  for (const DeadRow& row : dead) {
    payload = "{";
    for (int i = 0; i < schema.size(); ++i) {
      if (i > 0) payload += ',';
      payload += names[static_cast<size_t>(i)];
      AppendValue(batch.column(i), row.row, forms[static_cast<size_t>(i)], &payload);
    }
    payload += '}';
    builder.column(0).AppendBytes(payload);
    builder.column(1).AppendBytes(row.reason);
    builder.column(2).AppendBytes(row.column);
    builder.column(3).AppendBytes(origin);
    builder.FinishRow();
  }
  return builder.Finish();
}

Result<DeadLetterOrigin> ReadOrigin(std::string_view position) {
  Json json = Json::parse(position, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("types") || !json["types"].is_object()) {
    return Damaged("its `position` does not tell the types of its values");
  }
  DeadLetterOrigin origin;
  for (const auto& [name, written] : json["types"].items()) {
    Field field{.name = name};
    const Json* type = &written;
    if (written.is_object()) {
      if (!written.contains("type") || !written.contains("variant_of") || !written["variant_of"].is_string()) {
        return Damaged("its `position` does not tell the types of its values");
      }
      field.variant_of = written["variant_of"].get<std::string>();
      type = &written["type"];
    }
    if (!type->is_string()) return Damaged("its `position` does not tell the types of its values");
    NILUS_ASSIGN(field.type, ParseType(type->get<std::string>()));
    origin.schema.fields.push_back(std::move(field));
  }
  if (json.contains("masks") && json["masks"].is_object()) {
    for (const auto& [name, how] : json["masks"].items()) {
      if (how.is_string()) origin.masks[name] = how.get<std::string>();
    }
  }
  if (origin.schema.fields.empty()) return Damaged("its `position` names no column");
  return origin;
}

Result<RecordBatch> ReadPayloads(const std::vector<DeadLetter>& letters, const Schema& schema) {
  BatchBuilder builder(std::make_shared<Schema>(schema));
  for (const DeadLetter& letter : letters) {
    DigitKeeper keeper(schema);
    if (!nlohmann::json::sax_parse(letter.payload, &keeper)) {
      return Damaged(fmt::format("the payload of {} is no object of its columns", letter.id));
    }
    for (int i = 0; i < schema.size(); ++i) {
      const std::optional<std::string>& cell = keeper.cells()[static_cast<size_t>(i)];
      if (!cell) {
        builder.column(i).AppendNull();
      } else if (!AppendParsed(*cell, &builder.column(i))) {
        return Damaged(fmt::format("the payload of {} has a value that is not of the type of `{}`", letter.id,
                                   schema.fields[static_cast<size_t>(i)].name));
      }
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

}  // namespace nilus
