#include "nilus/connectors/duckdb/cast_judge.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "nilus/base/option_spec.h"
#include "nilus/connectors/duckdb/column_cast.h"
#include "nilus/data/scalar.h"

namespace nilus::duckdb {
namespace {

constexpr int64_t kMemoryBytes = 64 << 20;
constexpr const char* kRowNumber = "_nilus_row";

// Shared by all threads that normalize rows.
class Judge {
 public:
  Judge(duck::Connection connection, std::map<std::string, std::string, std::less<>> declared)
      : connection_(std::move(connection)), declared_(std::move(declared)) {}

  std::optional<RefusedValues> Find(const Field& field, const Column& column) {
    const auto declared = declared_.find(field.name);
    if (declared == declared_.end() || column.null_count == column.length) return std::nullopt;
    const Field typed{.name = field.name, .type = column.type};
    const std::optional<std::string> changed = ChangedByCast(typed, declared->second);
    if (!changed) return std::nullopt;
    const Result<std::vector<duck::TextRow>> rows = RowsWhere(*changed, typed, column);
    // The load itself meets the same error, and says it.
    if (!rows || rows->empty()) return std::nullopt;
    std::vector<uint8_t> is_refused(static_cast<size_t>(column.length));
    for (const duck::TextRow& row : *rows)
      is_refused[static_cast<size_t>(ParseInteger(row[0].value_or("")).value_or(0))] = 1;
    ColumnBuilder texts(MakeType(TypeId::kText));
    std::string text;
    for (int64_t row = 0; row < column.length; ++row) {
      if (is_refused[static_cast<size_t>(row)] == 0) {
        texts.AppendNull();
        continue;
      }
      text.clear();
      AppendCellText(column, row, &text);
      texts.AppendBytes(text);
    }
    return RefusedValues{.values = texts.Finish(), .type = declared->second};
  }

 private:
  Result<std::vector<duck::TextRow>> RowsWhere(const std::string& condition, const Field& field, const Column& column) {
    auto schema = std::make_shared<Schema>();
    schema->fields = {field, Field{.name = kRowNumber, .type = MakeType(TypeId::kInt64)}};
    ColumnBuilder numbers(MakeType(TypeId::kInt64));
    for (int64_t row = 0; row < column.length; ++row) numbers.Append<int64_t>(row);
    std::lock_guard lock(mutex_);
    NILUS_ASSIGN(auto stream, duck::BatchStream::Start(connection_,
                                                       [&](const std::string& relation) {
                                                         return fmt::format("SELECT {} FROM {} WHERE {}", kRowNumber,
                                                                            relation, condition);
                                                       },
                                                       {.schema = schema}));
    NILUS_TRY(stream->Push(RecordBatch(schema, {column, numbers.Finish()}, column.length)));
    return stream->Finish();
  }

  std::mutex mutex_;
  duck::Connection connection_;
  const std::map<std::string, std::string, std::less<>> declared_;
};

}  // namespace

Result<FindRefused> JudgeCasts(const TargetTable& table) {
  const bool casts = std::any_of(table.schema.fields.begin(), table.schema.fields.end(), [&](const Field& field) {
    const auto declared = table.declared.find(field.name);
    return declared != table.declared.end() && ChangedByCast(field, declared->second);
  });
  if (!casts) return FindRefused();
  NILUS_ASSIGN(std::shared_ptr<duck::Database> memory,
               duck::Database::Open({.path = "", .memory_bytes = kMemoryBytes, .threads = 2}));
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(std::move(memory)));
  auto judge = std::make_shared<Judge>(std::move(connection), table.declared);
  return FindRefused([judge](const Field& field, const Column& column) { return judge->Find(field, column); });
}

}  // namespace nilus::duckdb
