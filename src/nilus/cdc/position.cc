#include "nilus/cdc/position.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace nilus {
namespace {

constexpr uint64_t kElsewhere = 1;  // no table's number

using Json = nlohmann::ordered_json;

constexpr size_t kMaxPositionBytes = size_t{64} << 20;
constexpr SnapshotHow kHows[] = {SnapshotHow::kInitial, SnapshotHow::kIncremental, SnapshotHow::kAnew,
                                 SnapshotHow::kLost};

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kInvalidInput,
                     "give the pipeline another name, or forget what is committed with `nilus state reset`",
                     "the committed position is none of change data capture: {}", what);
}

bool ReadNumber(const Json& json, uint64_t* number) {
  if (!json.is_string()) return false;
  const auto& text = json.get_ref<const std::string&>();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// A table's name and schema may have dots: two texts, or one when it is plain.
Json NameJson(const std::string& schema, const std::string& table) {
  const bool is_plain = schema.find('.') == std::string::npos && table.find('.') == std::string::npos;
  return is_plain ? Json(schema + "." + table) : Json::array({schema, table});
}

bool ReadName(const Json& json, PendingTable* out) {
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string()) {
    out->schema = json[0].get<std::string>();
    out->table = json[1].get<std::string>();
    return true;
  }
  if (!json.is_string()) return false;
  const auto& text = json.get_ref<const std::string&>();
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return false;
  out->schema = text.substr(0, dot);
  out->table = text.substr(dot + 1);
  return true;
}

Result<PendingTable> ReadPending(const Json& json) {
  PendingTable pending;
  if (!json.is_object() || !json.contains("table") || !ReadName(json["table"], &pending))
    return Damaged("an entry of `snapshot` names no table");
  const std::string how = json.contains("how") && json["how"].is_string() ? json["how"].get<std::string>() : "";
  auto known =
      std::find_if(std::begin(kHows), std::end(kHows), [&](SnapshotHow h) { return SnapshotHowName(h) == how; });
  if (known == std::end(kHows)) return Damaged("an entry of `snapshot` has no known `how`");
  pending.how = *known;
  if (json.contains("up_to")) {
    if (!json["up_to"].is_string()) return Damaged("`up_to` is no text");
    pending.up_to = json["up_to"].get<std::string>();
  }
  if (json.contains("key")) {
    if (!json["key"].is_string()) return Damaged("`key` is no text");
    pending.key = json["key"].get<std::string>();
  }
  for (const auto& [key, value] : json.items()) {
    if (key != "table" && key != "how" && key != "up_to" && key != "key")
      return Damaged("`snapshot` has keys of a newer version");
  }
  return pending;
}

Status ReadNumbers(const Json& json, MaskNumbers* numbers) {
  if (!json.is_object()) return Damaged("`numbers` is no object");
  for (const auto& [table, columns] : json.items()) {
    if (!columns.is_object()) return Damaged("an entry of `numbers` is no object");
    for (const auto& [column, text] : columns.items()) {
      if (!text.is_string()) return Damaged("an entry of `numbers` is no text");
      (*numbers)[table][column] = text.get<std::string>();
    }
  }
  return {};
}

Result<CdcPosition> Read(const Json& json) {
  CdcPosition position;
  if (!json.is_object() || !json.contains("kind") || json["kind"] != "cdc")
    return Damaged("it is one of another type of pipeline");
  if (!json.contains("v") || json["v"] != 1) return Damaged("it is of a newer version");
  for (const auto& [key, value] : json.items()) {
    static const std::set<std::string> known = {"v",      "kind", "at",       "shown",   "identity",
                                                "tables", "ids",  "snapshot", "numbers", "unloaded"};
    if (!known.contains(key)) return Damaged("it has keys of a newer version");
  }
  const Json& at = json.contains("at") ? json["at"] : json;
  if (!at.is_array() || at.size() != 2 || !ReadNumber(at[0], &position.at.major) ||
      !ReadNumber(at[1], &position.at.minor)) {
    return Damaged("`at` is no pair of numbers");
  }
  for (auto [key, text] : {std::pair{"shown", &position.shown}, std::pair{"identity", &position.identity}}) {
    if (!json.contains(key) || !json[key].is_string()) return Damaged(fmt::format("`{}` is missing", key));
    *text = json[key].get<std::string>();
  }
  for (auto [key, names] : {std::pair{"tables", &position.tables}, std::pair{"unloaded", &position.unloaded}}) {
    if (!json.contains(key)) continue;
    if (!json[key].is_array()) return Damaged(fmt::format("`{}` is no list", key));
    for (const Json& table : json[key]) {
      if (!table.is_string()) return Damaged(fmt::format("`{}` is no list of names", key));
      names->insert(table.get<std::string>());
    }
  }
  if (json.contains("ids")) {
    if (!json["ids"].is_object()) return Damaged("`ids` is no object");
    for (const auto& [name, id] : json["ids"].items()) {
      TableIds& known = position.ids[name];
      if (!id.is_array() || id.size() != 2 || !ReadNumber(id[0], &known.table) || !ReadNumber(id[1], &known.sender))
        return Damaged("an entry of `ids` is no pair of numbers");
    }
  }
  if (json.contains("snapshot")) {
    if (!json["snapshot"].is_array()) return Damaged("`snapshot` is no list");
    for (const Json& entry : json["snapshot"]) {
      NILUS_ASSIGN(PendingTable pending, ReadPending(entry));
      position.pending.push_back(std::move(pending));
    }
  }
  if (json.contains("numbers")) NILUS_TRY(ReadNumbers(json["numbers"], &position.numbers));
  return position;
}

}  // namespace

std::string_view SnapshotHowName(SnapshotHow how) {
  switch (how) {
    case SnapshotHow::kInitial:
      return "initial";
    case SnapshotHow::kIncremental:
      return "incremental";
    case SnapshotHow::kAnew:
      return "anew";
    case SnapshotHow::kLost:
      return "lost";
  }
  return "initial";
}

std::string KeyShape(const CapturedTable& table) {
  Json shape = Json::array();
  for (const std::string& name : table.key) {
    const std::optional<int> at = table.columns.Find(name);
    shape.push_back({name, at ? table.columns.fields[static_cast<size_t>(*at)].type.ToString() : ""});
  }
  return shape.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool CdcPosition::TakesPlace(const std::string& name, const CapturedTable& table) {
  if (table.id == 0 && table.sender == 0) return false;
  TableIds& known = ids[name];
  const uint64_t before = known.table;
  if (table.id != 0) known.table = table.id;
  if (table.sender != 0) known.sender = table.sender;
  return before != 0 && before != known.table;
}

void CdcPosition::MovesAway(const std::string& name) {
  std::erase_if(pending, [&](const PendingTable& table) { return table.name() == name; });
  ids[name] = TableIds{.table = kElsewhere, .sender = 0};
}

bool CdcPosition::IsAway(const std::string& name) const {
  const auto known = ids.find(name);
  return known != ids.end() && known->second.table == kElsewhere;
}

std::map<std::string, TableIds> CdcPosition::Loaded() const {
  std::map<std::string, TableIds> loaded;
  for (const std::string& name : tables) {
    const auto known = ids.find(name);
    loaded[name] = known == ids.end() ? TableIds{} : known->second;
  }
  for (const PendingTable& table : pending) {
    const bool is_unread = table.how == SnapshotHow::kInitial && table.up_to.empty();
    if (is_unread || table.how == SnapshotHow::kLost) loaded.erase(table.name());
  }
  return loaded;
}

bool CdcPosition::Take(const std::string& name) {
  if (!tables.insert(name).second) return false;
  unloaded.insert(name);
  return true;
}

bool CdcPosition::HasRows(const std::string& name) const { return !unloaded.contains(name) && Loaded().contains(name); }

int64_t CdcPosition::NumberBytes() const {
  size_t bytes = 0;
  for (const auto& [table, columns] : numbers) {
    for (const auto& [column, text] : columns) bytes += text.size();
  }
  return static_cast<int64_t>(bytes);
}

void CdcPosition::Forget(const std::string& name) {
  tables.erase(name);
  ids.erase(name);
  unloaded.erase(name);
}

PendingTable* CdcPosition::FindPending(const std::string& schema, const std::string& table) {
  auto found = std::find_if(pending.begin(), pending.end(),
                            [&](const PendingTable& p) { return p.table == table && p.schema == schema; });
  return found == pending.end() ? nullptr : &*found;
}

Position ToPosition(const CdcPosition& position) {
  Json json = {{"v", 1},
               {"kind", "cdc"},
               {"at", {std::to_string(position.at.major), std::to_string(position.at.minor)}},
               {"shown", position.shown},
               {"identity", position.identity},
               {"tables", position.tables}};
  for (const auto& [name, known] : position.ids)
    json["ids"][name] = {std::to_string(known.table), std::to_string(known.sender)};
  if (!position.pending.empty()) {
    Json& list = json["snapshot"] = Json::array();
    for (const PendingTable& pending : position.pending) {
      Json entry = {{"table", NameJson(pending.schema, pending.table)}, {"how", SnapshotHowName(pending.how)}};
      if (!pending.up_to.empty()) entry["up_to"] = pending.up_to;
      if (!pending.up_to.empty() && !pending.key.empty()) entry["key"] = pending.key;
      list.push_back(std::move(entry));
    }
  }
  for (const auto& [table, columns] : position.numbers) {
    for (const auto& [column, text] : columns) json["numbers"][table][column] = text;
  }
  if (!position.unloaded.empty()) json["unloaded"] = position.unloaded;
  return Position{json.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Result<CdcPosition> ParseCdcPosition(const Position& position) {
  if (position.json.size() > kMaxPositionBytes) return Damaged("it is too large");
  Json json = Json::parse(position.json, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Damaged("it is no JSON");
  return Read(json);
}

}  // namespace nilus
