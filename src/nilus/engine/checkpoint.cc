#include "nilus/engine/checkpoint.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

using Json = nlohmann::json;  // sorted keys: finding one stays quick in a hostile text with a million of them

constexpr int kVersion = 1;
constexpr int kMaxDepth = 32;
constexpr size_t kHexDigits = 32;
constexpr int64_t kMaxRepeats = int64_t{1} << 53;

template <typename... Args>
Failure Refuse(fmt::format_string<Args...> format, Args&&... args) {
  return FailWithFix(ErrorKind::kInvalidInput,
                     "set it anew with `nilus state set`, or start over with `nilus state reset` or full_refresh: true",
                     "the stored position cannot be used: {}", fmt::format(format, std::forward<Args>(args)...));
}

// What a pass over the raw text finds before any parser sees it.
struct Scan {
  bool too_deep = false;
  size_t source_begin = std::string_view::npos;  // the value of the top-level key "source", as it stands
  size_t source_end = std::string_view::npos;
};

Scan ScanText(std::string_view text) {
  Scan scan;
  int depth = 0;
  bool in_source = false;
  std::string_view last_string;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '"': {
        size_t begin = i + 1;
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '\\') ++i;
        }
        if (i < text.size()) last_string = text.substr(begin, i - begin);
        break;
      }
      case ':':
        if (depth == 1 && last_string == "source" && scan.source_begin == std::string_view::npos) {
          scan.source_begin = i + 1;
          in_source = true;
        }
        break;
      case ',':
      case ']':
      case '}':
        if (depth == 1 && in_source) {
          scan.source_end = i;
          in_source = false;
        }
        if (text[i] != ',') --depth;
        break;
      case '[':
      case '{':
        if (++depth > kMaxDepth) {
          scan.too_deep = true;
          return scan;
        }
        break;
      default:
        break;
    }
  }
  return scan;
}

Json RowSetToJson(const RowSet& set) {
  std::vector<RowHash> once;
  std::vector<std::pair<RowHash, int64_t>> repeated;
  for (const auto& [hash, count] : set.counts) {
    if (count == 1) once.push_back(hash);
    if (count > 1) repeated.emplace_back(hash, count);
  }
  std::sort(once.begin(), once.end());
  std::sort(repeated.begin(), repeated.end());
  std::string rows;
  rows.reserve(once.size() * kHexDigits);
  for (const RowHash& hash : once) rows += ToHex(hash);
  Json json = {{"by", set.by}, {"rows", std::move(rows)}};
  for (const auto& [column, kind] : set.columns) json["columns"][column] = std::string(1, kind);
  for (const auto& [hash, count] : repeated) json["repeated"][ToHex(hash)] = count;
  return json;
}

// The members of `json` are among `known`.
Status CheckKeys(const Json& json, std::string_view where, std::initializer_list<std::string_view> known) {
  if (!json.is_object()) return Refuse("`{}` is not an object", where);
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Refuse("`{}` has a part `{}`, which this version of Nilus does not know", where, key);
    }
  }
  return {};
}

Result<std::string> TextMember(const Json& json, std::string_view where, const char* key) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return Refuse("`{}` lacks the text `{}`", where, key);
  return found->get<std::string>();
}

// The list of texts at `key`; none when it is not there.
Result<std::vector<std::string>> ParseNames(const Json& json, const char* key) {
  std::vector<std::string> names;
  const auto found = json.find(key);
  if (found == json.end()) return names;
  if (!found->is_array()) return Refuse("`{}` is no list", key);
  for (const Json& name : *found) {
    if (!name.is_string()) return Refuse("`{}` holds something that is no text", key);
    names.push_back(name.get<std::string>());
  }
  return names;
}

Result<Cursor> ParseCursor(const Json& json) {
  NILUS_TRY(CheckKeys(json, "cursor", {"column", "type", "value", "until"}));
  Cursor cursor;
  NILUS_ASSIGN(cursor.column, TextMember(json, "cursor", "column"));
  NILUS_ASSIGN(std::string type, TextMember(json, "cursor", "type"));
  NILUS_ASSIGN(cursor.value.text, TextMember(json, "cursor", "value"));
  Result<Type> parsed = ParseType(type);
  if (!parsed) return Refuse("{}", parsed.error().message);
  cursor.value.type = *parsed;
  if (json.contains("until")) {
    NILUS_ASSIGN(cursor.until, TextMember(json, "cursor", "until"));
  }
  for (const std::string* text : {&cursor.value.text, cursor.until ? &*cursor.until : nullptr}) {
    if (text == nullptr) continue;
    Result<Column> key = ParseKey(Scalar{cursor.value.type, *text}, cursor.value.type);
    if (!key) return Refuse("{}", key.error().message);
  }
  return cursor;
}

Result<LoadedRange> ParseRange(const Json& json, std::string_view name) {
  NILUS_TRY(CheckKeys(json, name, {"key", "start", "end"}));
  LoadedRange range;
  NILUS_ASSIGN(range.key, TextMember(json, name, "key"));
  NILUS_ASSIGN(range.start, TextMember(json, name, "start"));
  NILUS_ASSIGN(range.end, TextMember(json, name, "end"));
  return range;
}

Result<std::vector<LoadedRange>> ParseLoaded(const Json& json) {
  if (!json.is_array() || json.size() > kMaxLoadedRanges) {
    return Refuse("`loaded` is no list of at most {} ranges", kMaxLoadedRanges);
  }
  std::vector<LoadedRange> ranges;
  for (const Json& item : json) {
    NILUS_ASSIGN(LoadedRange range, ParseRange(item, "loaded"));
    ranges.push_back(std::move(range));
  }
  return ranges;
}

Result<std::map<std::string, MaskRecord>> ParseMasks(const Json& json) {
  if (!json.is_object()) return Refuse("`masks` is not an object");
  std::map<std::string, MaskRecord> masks;
  for (const auto& [column, value] : json.items()) {
    NILUS_TRY(CheckKeys(value, "masks", {"how", "numbers"}));
    MaskRecord& record = masks[column];
    NILUS_ASSIGN(record.how, TextMember(value, "masks", "how"));
    if (value.contains("numbers")) {
      NILUS_ASSIGN(record.numbers, TextMember(value, "masks", "numbers"));
    }
  }
  return masks;
}

Result<RowSet> ParseRowSet(const Json& json, std::string_view where) {
  NILUS_TRY(CheckKeys(json, where, {"by", "columns", "rows", "repeated"}));
  RowSet set;
  if (auto by = json.find("by"); by != json.end()) {
    if (!by->is_array()) return Refuse("`{}.by` is not a list", where);
    for (const Json& column : *by) {
      if (!column.is_string()) return Refuse("`{}.by` is not a list of column names", where);
      set.by.push_back(column.get<std::string>());
    }
  }
  if (auto columns = json.find("columns"); columns != json.end()) {
    if (!columns->is_object()) return Refuse("`{}.columns` is not an object", where);
    for (const auto& [column, kind] : columns->items()) {
      if (!kind.is_string() || kind.get_ref<const std::string&>().size() != 1) {
        return Refuse("`{}.columns` has no kind for `{}`", where, column);
      }
      set.columns[column] = kind.get_ref<const std::string&>().front();
    }
  }
  NILUS_ASSIGN(std::string rows, TextMember(json, where, "rows"));
  auto count = static_cast<int64_t>(rows.size() / kHexDigits);
  if (rows.size() % kHexDigits != 0 || count > kMaxBoundaryRows)
    return Refuse("`{}.rows` has {} digits", where, rows.size());
  set.counts.reserve(static_cast<size_t>(count));
  for (size_t at = 0; at < rows.size(); at += kHexDigits) {
    std::optional<RowHash> hash = RowHashFromHex(std::string_view(rows).substr(at, kHexDigits));
    if (!hash || !set.counts.emplace(*hash, 1).second) return Refuse("`{}.rows` is damaged at digit {}", where, at);
  }
  if (auto repeated = json.find("repeated"); repeated != json.end()) {
    if (!repeated->is_object()) return Refuse("`{}.repeated` is not an object", where);
    for (const auto& [hex, times] : repeated->items()) {
      std::optional<RowHash> hash = RowHashFromHex(hex);
      if (!hash || !times.is_number_integer() || times.get<int64_t>() < 2 || times.get<int64_t>() > kMaxRepeats ||
          !set.counts.emplace(*hash, times.get<int64_t>()).second) {
        return Refuse("`{}.repeated` is damaged at `{}`", where, hex);
      }
    }
  }
  return set;
}

// All texts are UTF-8, and so can be written.
Status CheckTexts(const Checkpoint& checkpoint) {
  std::vector<std::string_view> texts = {checkpoint.table, checkpoint.source.json};
  if (const std::optional<Cursor>& cursor = checkpoint.cursor) {
    texts.insert(texts.end(), {cursor->column, cursor->value.text});
    if (cursor->until) texts.push_back(*cursor->until);
  }
  for (const LoadedRange& range : checkpoint.loaded) texts.insert(texts.end(), {range.key, range.start, range.end});
  for (const auto& [column, record] : checkpoint.masks) {
    texts.insert(texts.end(), {column, record.how, record.numbers});
  }
  for (const std::optional<RowSet>* set : {&checkpoint.boundary, &checkpoint.nulls}) {
    if (!*set) continue;
    texts.insert(texts.end(), (*set)->by.begin(), (*set)->by.end());
    for (const auto& [column, kind] : (*set)->columns) texts.push_back(column);
  }
  texts.insert(texts.end(), checkpoint.children.begin(), checkpoint.children.end());
  texts.insert(texts.end(), checkpoint.columns.begin(), checkpoint.columns.end());
  for (std::string_view text : texts) {
    if (IsValidUtf8(text)) continue;
    constexpr size_t kShown = 64;
    return FailWithFix(ErrorKind::kData, "mend it at the source, or choose another incremental_key",
                       "the position cannot be stored, because a name or key in it is no valid UTF-8: bytes {} (hex)",
                       HexEncode(text.substr(0, kShown)));
  }
  return {};
}

void WriteCursor(const Checkpoint& checkpoint, Json* json) {
  for (const LoadedRange& range : checkpoint.loaded) {
    (*json)["loaded"].push_back({{"key", range.key}, {"start", range.start}, {"end", range.end}});
  }
  if (!checkpoint.cursor) return;
  const Cursor& cursor = *checkpoint.cursor;
  Json& written = (*json)["cursor"] = {
      {"column", cursor.column}, {"type", cursor.value.type.ToString()}, {"value", cursor.value.text}};
  if (cursor.until) written["until"] = *cursor.until;
}

Status ReadCursor(const Json& json, Checkpoint* checkpoint) {
  if (json.contains("loaded")) {
    NILUS_ASSIGN(checkpoint->loaded, ParseLoaded(json["loaded"]));
  }
  if (json.contains("cursor")) {
    NILUS_ASSIGN(checkpoint->cursor, ParseCursor(json["cursor"]));
  }
  return {};
}

}  // namespace

int64_t RowSet::size() const {
  int64_t rows = 0;
  for (const auto& [hash, count] : counts)
    rows = std::min(rows + count, kMaxRepeats);  // a hostile text's sum might overflow
  return rows;
}

bool Checkpoint::IsReset() const {
  return table.empty() && !has_table && !cursor && !nulls && loaded.empty() && masks.empty() && sealed.empty() &&
         source.empty();
}

void AddNames(const std::vector<std::string>& names, std::vector<std::string>* to) {
  std::set<std::string> known(to->begin(), to->end());
  for (const std::string& name : names) {
    if (known.insert(name).second) to->push_back(name);
  }
}

Result<Position> ToPosition(const Checkpoint& checkpoint) {
  NILUS_TRY(CheckTexts(checkpoint));
  Json json = {{"v", kVersion}};
  if (!checkpoint.table.empty()) json["table"] = checkpoint.table;
  if (checkpoint.has_table) json["has_table"] = true;
  if (!checkpoint.children.empty()) json["children"] = checkpoint.children;
  if (!checkpoint.columns.empty()) json["columns"] = checkpoint.columns;
  WriteCursor(checkpoint, &json);
  if (!checkpoint.sealed.empty()) json["sealed"] = checkpoint.sealed;
  for (const auto& [column, record] : checkpoint.masks) {
    Json& mask = json["masks"][column] = {{"how", record.how}};
    if (!record.numbers.empty()) mask["numbers"] = record.numbers;
  }
  if (checkpoint.boundary) json["boundary"] = RowSetToJson(*checkpoint.boundary);
  if (checkpoint.nulls) json["nulls"] = RowSetToJson(*checkpoint.nulls);
  std::string text = json.dump();
  if (!checkpoint.source.empty()) {  // as the source wrote it
    text.pop_back();
    text += ",\"source\":" + checkpoint.source.json + "}";
  }
  return Position{std::move(text)};
}

Result<Checkpoint> ParseCheckpoint(const Position& position) {
  Checkpoint checkpoint;
  if (position.empty()) return checkpoint;
  std::string_view text = position.json;
  if (text.size() > kMaxCheckpointBytes) return Refuse("it has {} bytes", text.size());
  Scan scan = ScanText(text);
  if (scan.too_deep) return Refuse("it is nested too deeply");
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) return Refuse("it is no JSON object");
  auto version = json.find("v");
  if (version == json.end() || !version->is_number_integer()) return Refuse("it has no version `v`");
  if (*version != kVersion) {
    return Refuse("its version is {}, this program reads {} (a newer Nilus wrote it?)", version->dump(), kVersion);
  }
  NILUS_TRY(CheckKeys(json, "position",
                      {"v", "table", "has_table", "children", "columns", "cursor", "boundary", "nulls", "masks",
                       "loaded", "interval", "sealed", "source"}));
  if (json.contains("table")) {
    NILUS_ASSIGN(checkpoint.table, TextMember(json, "position", "table"));
  }
  NILUS_ASSIGN(checkpoint.children, ParseNames(json, "children"));
  NILUS_ASSIGN(checkpoint.columns, ParseNames(json, "columns"));
  if (json.contains("has_table")) {
    if (!json["has_table"].is_boolean()) return Refuse("`has_table` is neither true nor false");
    checkpoint.has_table = json["has_table"].get<bool>();
  }
  NILUS_TRY(ReadCursor(json, &checkpoint));
  if (json.contains("sealed")) {
    NILUS_ASSIGN(checkpoint.sealed, TextMember(json, "position", "sealed"));
    if (checkpoint.cursor || !checkpoint.loaded.empty()) return Refuse("its cursor is sealed, and there is another");
  }
  if (json.contains("interval")) {  // older versions remembered one
    NILUS_ASSIGN(LoadedRange range, ParseRange(json["interval"], "interval"));
    checkpoint.loaded.push_back(std::move(range));
  }
  if (json.contains("masks")) {
    NILUS_ASSIGN(checkpoint.masks, ParseMasks(json["masks"]));
  }
  if (json.contains("boundary")) {
    NILUS_ASSIGN(checkpoint.boundary, ParseRowSet(json["boundary"], "boundary"));
  }
  if (json.contains("nulls")) {
    NILUS_ASSIGN(checkpoint.nulls, ParseRowSet(json["nulls"], "nulls"));
  }
  if (json.contains("source")) {
    if (scan.source_end == std::string_view::npos) return Refuse("`source` is damaged");
    checkpoint.source.json = std::string(text.substr(scan.source_begin, scan.source_end - scan.source_begin));
    Json source = Json::parse(checkpoint.source.json, nullptr, /*allow_exceptions=*/false);
    if (source != json["source"] || !source.is_object()) return Refuse("`source` is no object, or is there twice");
  }
  return checkpoint;
}

Status SealCursor(const CursorSeal& seal, Checkpoint* checkpoint) {
  Json json = Json::object();
  WriteCursor(*checkpoint, &json);
  if (json.empty()) return {};
  std::string text;
  try {
    text = json.dump();
  } catch (const Json::exception&) {  // whose words show the text
    return FailWithFix(ErrorKind::kData, "mend it at the source, or choose another incremental_key",
                       "the position cannot be stored, because the highest incremental_key is no valid UTF-8");
  }
  NILUS_ASSIGN(checkpoint->sealed, seal.Seal(text));
  checkpoint->cursor.reset();
  checkpoint->loaded.clear();
  return {};
}

Status OpenCursor(const CursorSeal& seal, Checkpoint* checkpoint) {
  if (checkpoint->sealed.empty()) return {};
  NILUS_ASSIGN(const std::string text, seal.Open(checkpoint->sealed));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Refuse("what is sealed is no JSON object");
  NILUS_TRY(ReadCursor(json, checkpoint));
  checkpoint->sealed.clear();
  return {};
}

}  // namespace nilus
