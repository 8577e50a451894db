#include "nilus/cdc/properties.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>

namespace nilus {
namespace {

using Properties = std::map<std::string, std::string>;

std::string Find(const Properties& properties, const std::string& name) {
  auto found = properties.find(name);
  return found == properties.end() ? std::string() : found->second;
}

bool IsTrue(const Properties& properties, const std::string& name) {
  std::string text = Find(properties, name);
  return text == "true" || text == "True" || text == "yes" || text == "on" || text == "1";
}

// The manifest has checked that it is a number of 0 or more.
std::optional<int64_t> Number(const Properties& properties, const std::string& name) {
  std::string text = Find(properties, name);
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Status CheckPattern(const std::string& property, const std::string& pattern) {
  RE2::Options quiet;
  quiet.set_log_errors(false);
  RE2 compiled(pattern, quiet);
  if (compiled.ok()) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "write a regular expression in RE2's syntax",
                     "{}: the expression `{}` cannot be read: {}", property, pattern, compiled.error());
}

Result<SnapshotPolicy> ReadPolicy(const Properties& properties) {
  SnapshotPolicy policy;
  const std::string mode = Find(properties, "snapshot.mode");
  if (!mode.empty()) policy.mode = mode;
  if (policy.mode == "always") {
    policy.at_every_start = true;
    policy.when_lost = true;
  } else if (policy.mode == "initial_only") {
    policy.streams = false;
  } else if (policy.mode == "when_needed") {
    policy.when_lost = true;
  } else if (policy.mode == "no_data" || policy.mode == "schema_only") {
    policy.reads_rows = false;
  } else if (policy.mode == "never") {
    policy.reads_rows = policy.makes_tables = false;
  } else if (policy.mode == "recovery" || policy.mode == "schema_only_recovery") {
    policy.reads_rows = policy.makes_tables = false;
    policy.needs_position = true;
  } else if (policy.mode == "configuration_based") {
    const std::string family = "snapshot.mode.configuration.based.";
    policy.reads_rows = IsTrue(properties, family + "snapshot.data");
    policy.makes_tables = policy.reads_rows || IsTrue(properties, family + "snapshot.schema");
    policy.streams = IsTrue(properties, family + "start.stream");
    policy.when_lost = IsTrue(properties, family + "snapshot.on.data.error");
    if (!policy.reads_rows && !policy.streams) {
      return FailWithFix(ErrorKind::kInvalidInput,
                         "set snapshot.mode.configuration.based.start.stream: true, or …snapshot.data: true",
                         "snapshot.mode configuration_based: neither a snapshot nor the stream is asked for");
    }
  }
  return policy;
}

// $1 and ${1} of Java are \1 of RE2.
std::string ToRe2Replacement(std::string_view java) {
  std::string text;
  for (size_t i = 0; i < java.size(); ++i) {
    const char next = i + 1 < java.size() ? java[i + 1] : '\0';
    if (java[i] == '\\' && next != '\0') {
      text += next == '\\' ? "\\\\" : std::string(1, next);
      ++i;
    } else if (java[i] == '$' && next >= '0' && next <= '9') {
      text += '\\';
    } else {
      text += java[i];
    }
  }
  return text;
}

void ReadUnwrap(const Properties& properties, const std::string& family, CdcProperties* out,
                std::vector<std::string>* notices) {
  for (const char* name : {"delete.handling.mode", "delete.tombstone.handling.mode"}) {
    const std::string mode = Find(properties, family + name);
    if (mode.starts_with("rewrite")) out->soft_deletes = true;
    if (mode == "drop") {
      notices->push_back(fmt::format(
          "{}{}: drop: deletes are loaded all the same, and remove rows under merge; skipped.operations: d leaves them "
          "out",
          family, name));
    }
  }
}

Status ReadRouter(const Properties& properties, const std::string& family, CdcProperties* out) {
  RouteRule rule{.regex = Find(properties, family + "topic.regex"),
                 .replacement = ToRe2Replacement(Find(properties, family + "topic.replacement"))};
  for (const char* name : {"topic.regex", "topic.replacement"}) {
    if (!Find(properties, family + name).empty()) continue;
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("add {}{}", family, name), "the router {}type has no {}",
                       family, name);
  }
  NILUS_TRY(CheckPattern(family + "topic.regex", rule.regex));
  RE2 compiled(rule.regex);
  if (std::string why; !compiled.CheckRewriteString(rule.replacement, &why)) {
    return FailWithFix(ErrorKind::kInvalidInput, "$1 is the first group of topic.regex",
                       "{}topic.replacement does not fit topic.regex: {}", family, why);
  }
  rule.unites_keys = Find(properties, family + "key.enforce.uniqueness") == "false";
  out->routes.push_back(std::move(rule));
  return {};
}

// The manifest has checked names, types and keys.
Status ReadTransforms(const Properties& properties, CdcProperties* out, std::vector<std::string>* notices) {
  std::vector<std::string> names = SplitPatterns(Find(properties, "transforms"));
  if (std::find(names.begin(), names.end(), "unwrap") == names.end()) names.emplace_back("unwrap");  // listed or not
  for (const std::string& name : names) {
    const std::string family = "transforms." + name + ".";
    if (Find(properties, family + "type").ends_with("Router")) {
      NILUS_TRY(ReadRouter(properties, family, out));
    } else {
      ReadUnwrap(properties, family, out, notices);
    }
  }
  return {};
}

ValueModes ReadValueModes(const Properties& properties) {
  ValueModes modes;
  const std::string decimals = Find(properties, "decimal.handling.mode");
  if (decimals == "double") modes.decimals = DecimalMode::kDouble;
  if (decimals == "string") modes.decimals = DecimalMode::kString;
  const std::string binaries = Find(properties, "binary.handling.mode");
  if (binaries == "base64") modes.binaries = BinaryMode::kBase64;
  if (binaries == "base64-url-safe") modes.binaries = BinaryMode::kBase64UrlSafe;
  if (binaries == "hex") modes.binaries = BinaryMode::kHex;
  return modes;
}

Status ReadSkipped(const Properties& properties, CdcProperties* out) {
  for (const std::string& text : SplitPatterns(Find(properties, "skipped.operations"))) {
    if (text == "none") continue;
    if (text.size() != 1 || std::string_view("cudtr").find(text[0]) == std::string_view::npos) {
      return FailWithFix(ErrorKind::kInvalidInput, "write c, u, d, t or none, separated by commas",
                         "skipped.operations: `{}` is no operation", text);
    }
    out->skipped.push_back(static_cast<ChangeOp>(text[0]));
  }
  return {};
}

}  // namespace

Result<CdcProperties> ReadProperties(const Properties& properties, std::vector<std::string>* notices) {
  CdcProperties out;
  out.prefix = Find(properties, "topic.prefix");
  NILUS_ASSIGN(out.snapshot, ReadPolicy(properties));
  constexpr int64_t kMostThreads = 64;
  out.snapshot_threads =
      static_cast<int>(std::clamp<int64_t>(Number(properties, "snapshot.max.threads").value_or(1), 1, kMostThreads));
  const std::string kSnapshotTables = "snapshot.include.collection.list";
  NILUS_ASSIGN(out.snapshot_tables, NamePatterns::Parse(kSnapshotTables, Find(properties, kSnapshotTables)));
  // The source reads these itself, but only when it runs.
  for (const auto& [name, list] : properties) {
    if (name.ends_with(".include.list") || name.ends_with(".exclude.list"))
      NILUS_TRY(NamePatterns::Parse(name, list).map([](const NamePatterns&) {}));
  }
  if (std::optional<int64_t> rows = Number(properties, "max.batch.size"); rows && *rows > 0) {
    out.batch_rows = *rows;
    out.batch_rows_given = true;
  }
  if (std::optional<int64_t> bytes = Number(properties, "max.queue.size.in.bytes"); bytes && *bytes > 0)
    out.queue_bytes = bytes;
  if (std::optional<int64_t> millis = Number(properties, "poll.interval.ms"))
    out.poll_interval = std::chrono::milliseconds(std::min<int64_t>(*millis, 24LL * 3600 * 1000));
  NILUS_TRY(ReadSkipped(properties, &out));
  NILUS_TRY(ReadTransforms(properties, &out, notices));
  out.values = ReadValueModes(properties);
  // Debezium writes database.schema.table, where the database is the address's own.
  out.signal_table = Find(properties, "signal.data.collection");
  while (std::count(out.signal_table.begin(), out.signal_table.end(), '.') > 1)
    out.signal_table.erase(0, out.signal_table.find('.') + 1);
  out.drops_slot = IsTrue(properties, "slot.drop.on.stop");
  return out;
}

}  // namespace nilus
