#include "nilus/connectors/files/sink_state.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"

namespace nilus::files {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kData, "restore the file, or remove it to begin anew (with full_refresh: true)",
                     "the state document is damaged: {}", what);
}

// A name inside the folder: what we write ourselves, and nothing that leads elsewhere.
bool IsPlainName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

bool IsInnerPath(std::string_view path) {
  while (true) {
    size_t slash = path.find('/');
    if (!IsPlainName(path.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

const std::string* TextOf(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>() : nullptr;
}

Result<std::vector<std::string>> TextsOf(const Json& object, const char* key) {
  std::vector<std::string> texts;
  auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return Damaged(fmt::format("\"{}\" is no array", key));
  for (const Json& text : *found) {
    if (!text.is_string()) return Damaged(fmt::format("\"{}\" holds something else than text", key));
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Result<PendingTable> ParsePending(const Json& entry) {
  if (!entry.is_object()) return Damaged("an entry of \"pending\" is no object");
  PendingTable table;
  const std::string* staged = TextOf(entry, "staged");
  const std::string* target = TextOf(entry, "target");
  auto replaces = entry.find("replaces");
  if (staged == nullptr || target == nullptr || replaces == entry.end() || !replaces->is_boolean()) {
    return Damaged("an entry of \"pending\" lacks staged, target or replaces");
  }
  table.staged = *staged;
  table.target = *target;
  table.replaces = replaces->get<bool>();
  NILUS_ASSIGN(table.files, TextsOf(entry, "files"));
  if (!IsInnerPath(table.staged) || !IsInnerPath(table.target))
    return Damaged("a path of \"pending\" leads out of the folder");
  if (table.files.empty() || !std::all_of(table.files.begin(), table.files.end(), IsPlainName)) {
    return Damaged("\"files\" of \"pending\" holds something else than file names");
  }
  return table;
}

}  // namespace

bool SinkState::Remembers(std::string_view load) const {
  return std::find(loads.rbegin(), loads.rend(), load) != loads.rend();
}

Result<std::string> FormatSinkState(const SinkState& state) {
  Json pending = Json::array();
  for (const PendingTable& table : state.pending) {
    pending.push_back(
        {{"staged", table.staged}, {"target", table.target}, {"replaces", table.replaces}, {"files", table.files}});
  }
  Json document = {{"format", kFormatVersion},     {"pipeline", state.pipeline}, {"version", state.version},
                   {"load_id", state.load_id},     {"position", state.position}, {"loads", state.loads},
                   {"pending", std::move(pending)}};
  try {
    return document.dump(1, ' ', false, Json::error_handler_t::strict) + "\n";
  } catch (const Json::type_error&) {
    return Fail(ErrorKind::kInvalidInput,
                "the state of pipeline '{}' cannot be written: its names or position are not valid UTF-8",
                PercentEncode(state.pipeline));
  }
}

Result<SinkState> ParseSinkState(std::string_view text) {
  if (!IsValidUtf8(text)) return Damaged("it is not UTF-8");
  Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return Damaged("it is no JSON object");
  auto format = document.find("format");
  if (format == document.end() || !format->is_number_integer()) return Damaged("it has no \"format\"");
  if (format->get<int64_t>() != kFormatVersion) {
    return FailWithFix(ErrorKind::kData, "run the version of Nilus that wrote it",
                       "the state document has format {}, this program knows {}", format->get<int64_t>(),
                       kFormatVersion);
  }
  SinkState state;
  auto version = document.find("version");
  if (version == document.end() || !version->is_number_integer() || version->get<int64_t>() < 0)
    return Damaged("it has no \"version\"");
  state.version = version->get<int64_t>();
  const std::string* pipeline = TextOf(document, "pipeline");
  const std::string* load_id = TextOf(document, "load_id");
  const std::string* position = TextOf(document, "position");
  if (pipeline == nullptr || load_id == nullptr || position == nullptr)
    return Damaged("it lacks pipeline, load_id or position");
  state.pipeline = *pipeline;
  state.load_id = *load_id;
  state.position = *position;
  NILUS_ASSIGN(state.loads, TextsOf(document, "loads"));
  auto pending = document.find("pending");
  if (pending == document.end() || !pending->is_array()) return Damaged("\"pending\" is no array");
  for (const Json& entry : *pending) {
    NILUS_ASSIGN(PendingTable table, ParsePending(entry));
    state.pending.push_back(std::move(table));
  }
  return state;
}

void RememberLoad(std::string_view load_id, SinkState* state) {
  if (load_id.empty()) return;
  state->loads.emplace_back(load_id);
  if (state->loads.size() > kRememberedLoads) {
    state->loads.erase(state->loads.begin(), state->loads.end() - static_cast<ptrdiff_t>(kRememberedLoads));
  }
}

}  // namespace nilus::files
