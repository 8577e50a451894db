#include "nilus/rows/dead_letters.h"

#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"
#include "nilus/data/take.h"
#include "nilus/json/scanner.h"
#include "nilus/rows/coerce.h"
#include "nilus/rows/naming.h"

namespace nilus {
namespace {

using Json = nlohmann::ordered_json;

std::string Quoted(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

// How a column's values stand in a payload.
enum class Form { kBare, kQuoted, kHex };

// A value that can stand in a payload as it is; null there is NULL.
bool IsJson(std::string_view text) {
  json::Scanner scanner(text);
  json::Value value;
  scanner.SkipSpace();
  if (!scanner.ReadValue(&value, json::kDeepest - 1)) return false;  // the payload is an object around it
  scanner.SkipSpace();
  return scanner.AtEnd() && value.kind != json::Kind::kNull;
}

// One form for all values of a column, as `types` has one type for it.
Form FormOf(const Column& column, const std::vector<DeadRow>& dead) {
  const TypeId type = column.type.id;
  if (type == TypeId::kBool || IsNumber(type)) return Form::kBare;
  if (type != TypeId::kText && type != TypeId::kJson) return Form::kQuoted;
  Form form = type == TypeId::kJson ? Form::kBare : Form::kQuoted;
  for (const DeadRow& row : dead) {
    if (column.IsNull(row.row)) continue;
    const std::string_view text = column.BytesValue(row.row);
    if (!IsValidUtf8(text)) return Form::kHex;
    if (form == Form::kBare && !IsJson(text)) form = Form::kQuoted;  // half surrogate pairs, say
  }
  return form;
}

// Numbers that JSON, or a destination's json, has no value for.
bool IsBareNumber(std::string_view text) {
  return text != "NaN" && text != "Infinity" && text != "-Infinity" && text != "-0";
}

void AppendValue(const Column& column, int64_t row, Form form, std::string* out) {
  if (column.IsNull(row)) {
    out->append("null");
    return;
  }
  std::string text;
  AppendCellText(column, row, &text);
  if (form == Form::kHex) text = HexEncode(text);
  const bool is_bare = form == Form::kBare && (!IsNumber(column.type.id) || IsBareNumber(text));
  out->append(is_bare ? text : Quoted(text));
}

RecordBatch WithCursor(const RecordBatch& letters, const RecordBatch& batch, const std::vector<DeadRow>& dead,
                       const LetterNotes& notes) {
  const std::optional<int> at = notes.cursor.empty() ? std::nullopt : batch.schema()->Find(notes.cursor);
  if (!at) return letters;
  std::vector<RowPick> picks;
  for (const DeadRow& row : dead) picks.push_back(RowPick{.from = 0, .row = static_cast<int32_t>(row.row)});
  const Column* keys[] = {&batch.column(*at)};
  const Type& type = keys[0]->type;
  std::vector<Column> columns = letters.columns();
  columns.push_back(
      Coerce(TakeRows(type, keys, picks), notes.cursor_type.value_or(FamilyType(type)), CoerceRule::kExact).column);
  auto schema = std::make_shared<Schema>(DeadLetterSchema(columns.back().type));
  return RecordBatch(std::move(schema), std::move(columns), letters.num_rows());
}

std::string Origin(const Schema& schema, const std::vector<Form>& forms, std::string_view source,
                   const LetterNotes& notes) {
  Json types = Json::object();
  for (int i = 0; i < schema.size(); ++i) {
    const Field& field = schema.fields[static_cast<size_t>(i)];
    const Form form = forms[static_cast<size_t>(i)];
    const Type type = form == Form::kHex ? MakeType(TypeId::kBinary) : field.type;
    Json written = {{"type", type.ToString()}};
    if (!field.variant_of.empty()) written["variant_of"] = field.variant_of;
    if (type.id == TypeId::kJson && form == Form::kQuoted) written["form"] = "quoted";
    if (field.origin != JsonOrigin::kNone) written["of"] = field.origin == JsonOrigin::kScalars ? "scalars" : "json";
    types[field.name] = written.size() == 1 ? written["type"] : std::move(written);
  }
  Json origin = {{"source", source}, {"types", std::move(types)}};
  if (!notes.masks.empty()) origin["masks"] = notes.masks;
  if (!notes.key.empty()) origin["key"] = notes.key;
  return origin.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kData, "drop the letters with `nilus dead-letters drop`, or mend the table",
                     "a dead letter cannot be read: {}", what);
}

// One payload into a row's cells. False: it is no object of these columns.
bool ReadCells(std::string_view payload, const DeadLetterOrigin& origin,
               std::vector<std::optional<std::string>>* cells) {
  std::string scratch;
  json::Scanner scanner(payload);
  scanner.SkipSpace();
  const bool is_object = json::ReadFields(&scanner, [&](const json::Value& key) {
    const std::optional<int> at = origin.schema.Find(json::Meaning(key, &scratch));
    json::Value value;
    if (!at || !scanner.ReadValue(&value)) return false;
    const Field& field = origin.schema.fields[static_cast<size_t>(*at)];
    const bool is_quoted = origin.quoted.contains(field.name);
    std::optional<std::string>& cell = (*cells)[static_cast<size_t>(*at)];
    if (value.kind == json::Kind::kNull) {
      cell.reset();
    } else if (field.type.id == TypeId::kJson && !is_quoted) {
      cell = value.written();
    } else if (value.is_nested() || (is_quoted && value.kind != json::Kind::kString)) {
      return false;
    } else {
      cell = value.kind == json::Kind::kString ? json::Meaning(value, &scratch) : value.text;
    }
    return true;
  });
  scanner.SkipSpace();
  return is_object && scanner.AtEnd();
}

Failure NoTypes() { return Damaged("its `position` does not tell the types of its values"); }

// The type of one column as `types` has it: its name, or an object of it and what else is to be known.
Status ReadType(const Json& written, Field* field, DeadLetterOrigin* origin) {
  const Json* type = &written;
  if (written.is_object()) {
    if (!written.contains("type") || written.size() < 2) return NoTypes();
    type = &written["type"];
    for (const auto& [name, value] : written.items()) {
      if (!value.is_string()) return NoTypes();
      if (name == "variant_of") field->variant_of = value.get<std::string>();
      if (name == "of") field->origin = value == "scalars" ? JsonOrigin::kScalars : JsonOrigin::kValues;
    }
    if (written.contains("form")) {
      if (written["form"] != "quoted" || *type != "json") return NoTypes();
      origin->quoted.insert(field->name);
    } else if (field->variant_of.empty() && !written.contains("of")) {
      return NoTypes();
    }
  }
  if (!type->is_string()) return NoTypes();
  NILUS_ASSIGN(field->type, ParseType(type->get<std::string>()));
  return {};
}

}  // namespace

std::string DeadLetterTable(std::string_view table, int identifier_limit) {
  return FitToLimit(fmt::format("{}__dead_letters", table), identifier_limit);
}

Schema DeadLetterSchema(const std::optional<Type>& cursor) {
  Schema schema{{
      Field{.name = "payload", .type = MakeType(TypeId::kJson)},
      Field{.name = "reason", .type = MakeType(TypeId::kText)},
      Field{.name = "column", .type = MakeType(TypeId::kText)},
      Field{.name = "position", .type = MakeType(TypeId::kText)},
  }};
  if (cursor) schema.fields.push_back(Field{.name = std::string(kLetterCursorColumn), .type = *cursor});
  return schema;
}

RecordBatch WriteDeadLetters(const RecordBatch& batch, const std::vector<DeadRow>& dead, std::string_view source,
                             const LetterNotes& notes) {
  const Schema& schema = *batch.schema();
  std::vector<std::string> names;
  std::vector<Form> forms;
  for (int i = 0; i < schema.size(); ++i) {
    names.push_back(Quoted(schema.fields[static_cast<size_t>(i)].name) + ":");
    forms.push_back(FormOf(batch.column(i), dead));
  }
  const std::string origin = Origin(schema, forms, source, notes);
  BatchBuilder builder(std::make_shared<Schema>(DeadLetterSchema(std::nullopt)));
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
  return WithCursor(builder.Finish(), batch, dead, notes);
}

Result<DeadLetterOrigin> ReadOrigin(std::string_view position) {
  Json json = Json::parse(position, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("types") || !json["types"].is_object()) return NoTypes();
  DeadLetterOrigin origin;
  for (const auto& [name, written] : json["types"].items()) {
    Field field{.name = name};
    NILUS_TRY(ReadType(written, &field, &origin));
    origin.schema.fields.push_back(std::move(field));
  }
  if (json.contains("masks") && json["masks"].is_object()) {
    for (const auto& [name, how] : json["masks"].items()) {
      if (how.is_string()) origin.masks[name] = how.get<std::string>();
    }
  }
  if (json.contains("key") && json["key"].is_array()) {
    for (const Json& column : json["key"]) {
      if (column.is_string()) origin.key.push_back(column.get<std::string>());
    }
  }
  if (origin.schema.fields.empty()) return Damaged("its `position` names no column");
  return origin;
}

Result<RecordBatch> ReadPayloads(const std::vector<DeadLetter>& letters, const DeadLetterOrigin& origin) {
  const Schema& schema = origin.schema;
  BatchBuilder builder(std::make_shared<Schema>(schema));
  for (const DeadLetter& letter : letters) {
    std::vector<std::optional<std::string>> cells(schema.fields.size());
    if (!ReadCells(letter.payload, origin, &cells)) {
      return Damaged(fmt::format("the payload of {} is no object of its columns", letter.id));
    }
    for (int i = 0; i < schema.size(); ++i) {
      const std::optional<std::string>& cell = cells[static_cast<size_t>(i)];
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
