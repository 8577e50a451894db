#include "nilus/connectors/lakehouse/query_filters.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "nilus/base/option_spec.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_predicate.h"

namespace nilus::lakehouse {
namespace {

constexpr std::string_view kTablePrefix = "nilus_stand_in_";
constexpr int kDeepestPlan = 1'000;

std::string StandInName(size_t index) { return fmt::format("{}{}", kTablePrefix, index); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Where the text from `at` on that stands in quotes, or is one character else, ends.
size_t BehindUnit(std::string_view text, size_t at) {
  if (text[at] != '\'' && text[at] != '"') return at + 1;
  const size_t end = text.find(text[at], at + 1);  // a doubled quote opens the next unit at once
  return end == std::string_view::npos ? text.size() : end + 1;
}

// Splits at a separator that stands neither in quotes nor in parentheses.
std::vector<std::string_view> SplitOutside(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    if (depth == 0 && text.substr(at).starts_with(separator)) {
      parts.push_back(text.substr(start, at - start));
      start = at += separator.size();
      continue;
    }
    if (text[at] == '(') ++depth;
    if (text[at] == ')') --depth;
    at = BehindUnit(text, at);
  }
  parts.push_back(text.substr(start));
  return parts;
}

// A number, or a text with or without a type behind it.
bool IsLiteral(std::string_view text) {
  if (text.empty()) return false;
  if (text[0] != '\'') {
    const std::string_view digits = text.substr(text[0] == '-' ? 1 : 0);
    return !digits.empty() && IsDigit(digits[0]) &&
           std::all_of(digits.begin(), digits.end(), [](char c) { return IsDigit(c) || c == '.'; });
  }
  size_t end = 0;
  while (end < text.size() && text[end] == '\'') {
    const size_t close = text.find('\'', end + 1);
    if (close == std::string_view::npos) return false;
    end = close + 1;
  }
  std::string_view type = text.substr(end);
  if (type.empty()) return true;
  if (!type.starts_with("::")) return false;
  type.remove_prefix(2);
  return !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == ' ' || c == '_';
  });
}

// "f12>=5", "f3 IN (1, 2)".
std::optional<ScanCondition> ParseCondition(std::string_view text) {
  constexpr std::string_view kOptional = "optional: ";  // the plan filters once more behind the scan
  if (text.starts_with(kOptional)) text.remove_prefix(kOptional.size());
  if (!text.starts_with('f')) return std::nullopt;
  size_t end = 1;
  while (end < text.size() && end < 12 && IsDigit(text[end])) ++end;
  const std::optional<int64_t> id = ParseInteger(text.substr(1, end - 1));
  if (!id || *id > lake::kHighestFieldId) return std::nullopt;
  ScanCondition condition{.field_id = static_cast<int32_t>(*id), .comparison = {}, .literals = {}};
  text.remove_prefix(end);
  if (text.starts_with(" IN (") && text.ends_with(')')) {
    condition.comparison = "IN";
    text.remove_prefix(5);
    text.remove_suffix(1);
    for (std::string_view literal : SplitOutside(text, ", ")) condition.literals.emplace_back(literal);
  } else {
    for (std::string_view comparison : {">=", "<=", "=", "<", ">"}) {
      if (!text.starts_with(comparison)) continue;
      condition.comparison = comparison;
      condition.literals.emplace_back(text.substr(comparison.size()));
      break;
    }
  }
  const bool is_understood =
      !condition.literals.empty() && std::all_of(condition.literals.begin(), condition.literals.end(), IsLiteral);
  return is_understood ? std::optional(std::move(condition)) : std::nullopt;
}

// A plan's node names its table and its filters: a text, or a list of which a text with a line break makes several.
struct PlanScan {
  std::string table;
  std::string filters;
};

std::optional<PlanScan> ScanOf(const nlohmann::json& node) {
  const auto info = node.find("extra_info");
  if (info == node.end() || !info->is_object()) return std::nullopt;
  const auto table = info->find("Table");
  if (table == info->end() || !table->is_string()) return std::nullopt;
  PlanScan scan{.table = table->get<std::string>(), .filters = {}};
  scan.table = scan.table.substr(scan.table.rfind('.') + 1);
  if (!scan.table.starts_with(kTablePrefix)) return std::nullopt;
  const auto filters = info->find("Filters");
  if (filters == info->end()) return scan;
  if (filters->is_string()) scan.filters = filters->get<std::string>();
  if (!filters->is_array()) return scan;
  for (const nlohmann::json& line : *filters) {
    if (!line.is_string()) continue;
    if (!scan.filters.empty()) scan.filters += '\n';
    scan.filters += line.get<std::string>();
  }
  return scan;
}

void CollectScans(const nlohmann::json& node, int depth, std::vector<PlanScan>* scans) {
  if (depth > kDeepestPlan) return;
  if (node.is_array()) {
    for (const nlohmann::json& one : node) CollectScans(one, depth + 1, scans);
    return;
  }
  if (!node.is_object()) return;
  if (std::optional<PlanScan> scan = ScanOf(node)) scans->push_back(*std::move(scan));
  if (const auto children = node.find("children"); children != node.end()) CollectScans(*children, depth + 1, scans);
}

}  // namespace

std::vector<ScanCondition> ParseFilters(std::string_view filters) {
  std::vector<ScanCondition> conditions;
  for (std::string_view line : SplitOutside(filters, "\n")) {
    if (SplitOutside(line, " OR ").size() > 1) continue;
    for (std::string_view part : SplitOutside(line, " AND ")) {
      if (std::optional<ScanCondition> condition = ParseCondition(part)) conditions.push_back(*std::move(condition));
    }
  }
  return conditions;
}

std::map<std::string, std::vector<ScanCondition>> ScanConditions(std::string_view plan_json) {
  std::map<std::string, std::vector<ScanCondition>> found;
  std::vector<PlanScan> scans;
  CollectScans(nlohmann::json::parse(plan_json, nullptr, /*allow_exceptions=*/false), 0, &scans);
  for (const PlanScan& scan : scans) {
    std::vector<ScanCondition> conditions = ParseFilters(scan.filters);
    const auto [known, is_new] = found.try_emplace(scan.table, conditions);
    if (is_new) continue;
    std::erase_if(known->second, [&](const ScanCondition& condition) {
      return std::find(conditions.begin(), conditions.end(), condition) == conditions.end();
    });
  }
  return found;
}

Status StandIns::Add(const std::string& view, const lake::IcebergSchema& schema) {
  // By the columns' ids: names of any kind would not be told from the rest of a filter.
  std::vector<std::string> columns;
  std::vector<std::string> names;
  for (const lake::IcebergField& field : schema.fields) {
    columns.push_back(fmt::format("f{} {}", field.id, duck::SqlTypeName(lake::ToNilusType(field))));
    names.push_back(fmt::format("f{} AS {}", field.id, duck::QuoteIdentifier(field.name)));
  }
  const std::string table = StandInName(schemas_.size());
  schemas_.push_back(schema);
  NILUS_TRY(connection_.Execute(fmt::format("CREATE TABLE main.{} ({})", table, fmt::join(columns, ", "))));
  NILUS_TRY(connection_.Execute(
      fmt::format("CREATE OR REPLACE VIEW {} AS SELECT {} FROM main.{}", view, fmt::join(names, ", "), table)));
  return {};
}

Result<std::vector<lake::RangeFilters>> StandIns::Filters(const std::string& sql, const std::stop_token& stop) {
  std::vector<lake::RangeFilters> filters(schemas_.size());
  // What is known of a table's values, that there are none, is to decide nothing.
  NILUS_TRY(connection_.Execute("SET disabled_optimizers = 'statistics_propagation'"));
  NILUS_TRY(connection_.Execute("BEGIN"));
  auto plan = connection_.Query("EXPLAIN (FORMAT JSON) " + sql, {}, stop);
  const bool is_planned = plan && !plan->empty() && plan->back().size() > 1;
  if (!is_planned) NILUS_TRY(connection_.Execute("ROLLBACK"));
  NILUS_TRY(connection_.Execute("RESET disabled_optimizers"));
  for (size_t i = 0; i < schemas_.size(); ++i) NILUS_TRY(connection_.Execute("DROP TABLE main." + StandInName(i)));
  if (!is_planned) return filters;
  const auto conditions = ScanConditions(plan->back()[1].value_or(""));
  for (size_t i = 0; i < schemas_.size(); ++i) {
    const auto found = conditions.find(StandInName(i));
    if (found == conditions.end()) continue;
    NILUS_ASSIGN(filters[i], Resolve(schemas_[i], found->second, stop));
  }
  return filters;
}

Result<lake::RangeFilters> StandIns::Resolve(const lake::IcebergSchema& schema,
                                             const std::vector<ScanCondition>& conditions,
                                             const std::stop_token& stop) {
  lake::RangeFilters filters;
  for (const ScanCondition& condition : conditions) {
    const lake::IcebergField* field = schema.FindById(condition.field_id);
    if (field == nullptr || lake::IsMarkedJson(*field)) continue;  // the files have its text, which may be another one
    const Type type = lake::ToNilusType(field->type);
    const std::string values =
        fmt::format("(SELECT unnest([{}])::{} AS v)", fmt::join(condition.literals, ", "), duck::SqlTypeName(type));
    auto ends = connection_.Query(fmt::format("SELECT min(v), max(v) FROM {}", values), {}, stop);
    if (!ends || ends->size() != 1 || !(*ends)[0][0] || !(*ends)[0][1]) continue;
    std::optional<Scalar> lower;
    std::optional<Scalar> upper;
    if (condition.comparison[0] != '<') lower = Scalar{type, *(*ends)[0][0]};
    if (condition.comparison[0] != '>') upper = Scalar{type, *(*ends)[0][1]};
    auto filter = lake::MakeRangeFilter(*field, lower, upper, condition.comparison != "<", /*with_nulls=*/false);
    if (filter) filters.push_back(*std::move(filter));
  }
  return filters;
}

}  // namespace nilus::lakehouse
