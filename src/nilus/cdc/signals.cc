#include "nilus/cdc/signals.h"

#include <re2/re2.h>

#include <nlohmann/json.hpp>
#include <optional>

namespace nilus {
namespace {

constexpr size_t kMostBytes = size_t{1} << 20;

std::string TextAt(const RecordBatch& rows, std::string_view column, int64_t row) {
  std::optional<int> at = rows.schema()->Find(column);
  if (!at || !HasOffsets(rows.column(*at).type.id) || rows.column(*at).IsNull(row)) return "";
  return std::string(rows.column(*at).BytesValue(row).substr(0, kMostBytes));
}

void ReadData(const std::string& data, Signal* signal) {
  nlohmann::json json = nlohmann::json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("data-collections") || !json["data-collections"].is_array()) {
    signal->problem = R"(its data is not {"data-collections": ["schema.table"]})";
    return;
  }
  for (const nlohmann::json& table : json["data-collections"]) {
    if (table.is_string()) signal->tables.push_back(table.get<std::string>());
  }
  if (signal->tables.empty()) signal->problem = "its data-collections name no table";
  if (json.contains("additional-conditions") || json.contains("additional-condition"))
    signal->problem = "additional-conditions are not supported: a snapshot is of whole tables";
  const nlohmann::json type = json.value("type", nlohmann::json("incremental"));
  const std::string kind = type.is_string() ? type.get<std::string>() : "";
  signal->anew = kind == "blocking" || kind == "BLOCKING";
  if (!signal->anew && kind != "incremental" && kind != "INCREMENTAL")
    signal->problem = "the type in its data is neither incremental nor blocking";
}

}  // namespace

bool NamesTable(const std::string& asked, const std::string& table) {
  if (asked == table) return true;
  RE2::Options quiet;
  quiet.set_log_errors(false);
  const RE2 regex(asked, quiet);
  return regex.ok() && RE2::FullMatch(table, regex);
}

std::vector<Signal> ReadSignals(const ChangeBatch& batch) {
  std::vector<Signal> signals;
  for (size_t i = 0; i < batch.ops.size(); ++i) {
    if (batch.ops[i] != ChangeOp::kCreate) continue;
    const auto row = static_cast<int64_t>(i);
    constexpr size_t kLongestId = 200;
    Signal signal{.id = TextAt(batch.rows, "id", row).substr(0, kLongestId)};
    const std::string type = TextAt(batch.rows, "type", row);
    if (type == "execute-snapshot") {
      ReadData(TextAt(batch.rows, "data", row), &signal);
    } else {
      signal.problem = "its type is not supported: execute-snapshot is";
    }
    signals.push_back(std::move(signal));
  }
  return signals;
}

}  // namespace nilus
