#include "nilus/connectors/lakehouse/selection.h"

#include <algorithm>
#include <vector>

#include "nilus/base/nearest.h"
#include "nilus/data/scalar.h"

namespace nilus::lakehouse {
namespace {

struct Parts {
  std::vector<std::string> names;
  std::optional<std::string> version;
};

// Nothing for an unclosed quote or an empty part.
std::optional<Parts> SplitName(std::string_view text) {
  Parts parts;
  parts.names.emplace_back();
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"') {
      parts.names.back() += c;
      ++i;
    } else if (c == '"' && (quoted || parts.names.back().empty())) {
      quoted = !quoted;
    } else if (c == '.' && !quoted) {
      parts.names.emplace_back();
    } else if (c == '@' && !quoted) {
      parts.version = text.substr(i + 1);
      break;
    } else {
      parts.names.back() += c;
    }
  }
  const bool has_empty =
      std::any_of(parts.names.begin(), parts.names.end(), [](const auto& name) { return name.empty(); });
  if (quoted || has_empty || (parts.version && parts.version->empty())) return std::nullopt;
  return parts;
}

Failure NoTable(std::string_view text) {
  return FailWithFix(ErrorKind::kInvalidInput,
                     R"(write schema.table or schema.table@branch, with double quotes around a part that holds a dot)",
                     "source_table `{}` is no table name", text);
}

Failure NoSuchVersion(const lake::Table& table, std::string_view what) {
  std::vector<std::string> refs;
  for (const auto& [name, ref] : table.metadata.refs) refs.push_back(name);
  return FailWithFix(ErrorKind::kNotFound,
                     fmt::format("its branches and tags are {}; `nilus lake snapshots` lists its snapshots",
                                 refs.empty() ? "none" : fmt::format("{}", fmt::join(refs, ", "))),
                     "table {} has no {}", table.identifier.ToString(), what);
}

}  // namespace

Result<Selection> ParseSelection(std::string_view text, std::string_view collection) {
  std::optional<Parts> parts = SplitName(text);
  if (parts && parts->names.size() == 1 && !collection.empty()) parts->names.emplace(parts->names.begin(), collection);
  if (!parts || parts->names.size() < 2) return NoTable(text);
  Selection selection;
  selection.table.name = parts->names.back();
  parts->names.pop_back();
  selection.table.schema = fmt::format("{}", fmt::join(parts->names, "."));
  if (!parts->version) return selection;
  if (std::optional<int64_t> id = ParseInteger(*parts->version)) {
    selection.version.snapshot_id = id;
  } else {
    selection.version.ref = *parts->version;
  }
  return selection;
}

Result<int64_t> ParseTimeMs(std::string_view text) {
  int64_t micros = 0;
  bool has_zone = false;
  if (ParseTimestamp(text, &micros, &has_zone)) return micros / 1'000;
  int32_t days = 0;
  constexpr int64_t kDayMs = 86'400'000;
  if (ParseDate(text, &days)) return days * kDayMs;
  return FailWithFix(ErrorKind::kInvalidInput, "write 2026-11-26T10:00:00Z", "`{}` is no point in time", text);
}

Status AddOptions(const OptionValues& options, Selection* selection) {
  Version version;
  int given = selection->version.is_current() ? 0 : 1;
  if (options.Has("branch")) {
    version.ref = options.Text("branch");
    ++given;
  }
  if (options.Has("snapshot_id")) {
    version.snapshot_id = options.Integer("snapshot_id", 0);
    ++given;
  }
  if (options.Has("as_of")) {
    NILUS_ASSIGN(version.as_of_ms, ParseTimeMs(options.Text("as_of")));
    ++given;
  }
  if (given > 1) {
    return FailWithFix(ErrorKind::kInvalidInput, "keep one of @, branch, snapshot_id and as_of",
                       "the state of table {} to read is given more than once", selection->table.ToString());
  }
  if (!version.is_current()) selection->version = std::move(version);
  return {};
}

Result<SelectedTable> Select(lake::Catalog& catalog, const Selection& selection, const std::stop_token& stop) {
  NILUS_ASSIGN(std::optional<lake::TablePtr> found, catalog.Load(selection.table, stop));
  if (!found) {
    std::vector<std::string> names;
    if (Result<std::vector<lake::TableIdentifier>> tables = catalog.List(selection.table.schema, stop)) {
      for (const lake::TableIdentifier& table : *tables) names.push_back(table.ToString());
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    const std::string nearest = Nearest(selection.table.ToString(), known);
    return FailWithFix(ErrorKind::kNotFound, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                       "table {} does not exist in the {}", selection.table.ToString(), catalog.description());
  }
  const lake::TablePtr& table = *found;
  const Version& version = selection.version;
  SelectedTable selected{.table = table};
  if (version.is_current()) {
    selected.snapshot = table->metadata.current_snapshot();
    selected.schema = table->metadata.schema();
    return selected;
  }
  if (version.snapshot_id) {
    selected.snapshot = table->metadata.FindSnapshot(*version.snapshot_id);
    if (selected.snapshot == nullptr) return NoSuchVersion(*table, fmt::format("snapshot {}", *version.snapshot_id));
  } else if (version.as_of_ms) {
    NILUS_ASSIGN(selected.snapshot, table->metadata.SnapshotAsOf(*version.as_of_ms));
  } else {
    if (!table->metadata.refs.contains(version.ref))
      return NoSuchVersion(*table, fmt::format("branch or tag `{}`", version.ref));
    selected.snapshot = table->metadata.SnapshotOf(version.ref);
  }
  selected.schema =
      selected.snapshot == nullptr ? table->metadata.schema() : table->metadata.SchemaOf(*selected.snapshot);
  return selected;
}

}  // namespace nilus::lakehouse
