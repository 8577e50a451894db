#include "nilus/delta/checkpoint_file.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "nilus/base/text.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"

namespace nilus::delta {
namespace {

using duck::QuoteIdentifier;
using duck::QuoteLiteral;

struct ActionColumn {
  std::string_view name;
  std::string_view key_field;            // a row without it has another action
  std::vector<std::string_view> wanted;  // of its fields; others (statistics per column) may be large
};

const std::vector<ActionColumn>& ActionColumns() {
  static const auto* columns = new std::vector<ActionColumn>{
      {"protocol", "minReaderVersion", {"minReaderVersion", "readerFeatures"}},
      {"metaData", "schemaString", {"format", "schemaString", "partitionColumns", "configuration"}},
      {"sidecar", "path", {"path"}},
      {"add", "path", {"path", "partitionValues", "size", "deletionVector"}},
  };
  return *columns;
}

// The rows of the file that hold this action, each as the JSON object that a commit would have. Fields that the file
// lacks (older writers) are left out.
Result<std::string> SelectActions(duck::Connection& connection, const ActionColumn& column, const std::string& from) {
  const std::string action = QuoteIdentifier(column.name);
  NILUS_ASSIGN(nilus::Schema fields,
               duck::DescribeQuery(connection, fmt::format("SELECT unnest({}) FROM {}", action, from)));
  std::vector<std::string> parts;
  for (std::string_view name : column.wanted) {
    if (fields.Find(name))
      parts.push_back(fmt::format("{} := {}.{}", QuoteIdentifier(name), action, QuoteIdentifier(name)));
  }
  if (column.name == "add" && fields.Find("stats")) {
    parts.push_back(
        fmt::format("\"numRecords\" := CASE WHEN json_valid({0}.stats) THEN "
                    "TRY_CAST(json_extract_string({0}.stats, '$.numRecords') AS BIGINT) END",
                    action));
  }
  return fmt::format("SELECT '{{\"{}\":' || to_json(struct_pack({})) || '}}' AS action FROM {} WHERE {}.{} IS NOT NULL",
                     column.name, fmt::join(parts, ", "), from, action, QuoteIdentifier(column.key_field));
}

Status ReadRows(duck::Connection& connection, const std::string& sql, const OnAction& on_action,
                const std::stop_token& stop) {
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {}, stop));
  while (true) {
    NILUS_ASSIGN(auto batch, reader->Next(stop));
    if (!batch) return {};
    const Column& actions = batch->column(0);
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      if (actions.IsNull(row)) return Fail(ErrorKind::kData, "an action cannot be read");
      NILUS_ASSIGN(Action action, ParseAction(actions.BytesValue(row)));
      NILUS_TRY(on_action(std::move(action)));
    }
  }
}

}  // namespace

Status ReadCheckpointFile(duck::Connection& connection, const std::string& local_path, const OnAction& on_action,
                          std::stop_token stop) {
  const std::string from = fmt::format("read_parquet({}, hive_partitioning = false)", QuoteLiteral(local_path));
  NILUS_ASSIGN(nilus::Schema columns, duck::DescribeQuery(connection, "SELECT * FROM " + from));
  for (const ActionColumn& column : ActionColumns()) {
    if (!columns.Find(column.name)) continue;
    NILUS_ASSIGN(std::string sql, SelectActions(connection, column, from));
    NILUS_TRY(ReadRows(connection, sql, on_action, stop));
  }
  return {};
}

Status ReadActionLines(std::string_view text, const OnAction& on_action) {
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view json = TrimSpaces(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (json.empty()) continue;
    auto action = ParseAction(json);
    if (!action) return Failure(InContext(fmt::format("reading line {}", line), action.error()));
    NILUS_TRY(on_action(*std::move(action)));
  }
  return {};
}

}  // namespace nilus::delta
