#include "nilus/connectors/lakehouse/change_stage.h"

#include <utility>

#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/lakehouse/staging.h"
#include "nilus/connectors/lakehouse/strategy_sql.h"
#include "nilus/data/take.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

constexpr const char* kWrittenTable = "nilus_written";  // keys of rows that were given to the caller
constexpr const char* kHeldTable = "nilus_held";
constexpr const char* kPartTable = "nilus_part";  // keys of a part
constexpr const char* kNextTable = "nilus_next";  // rows of a part that are to be held

std::string ListOf(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(duck::QuoteLiteral(name));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

std::vector<int32_t> RowsWhere(const std::vector<bool>& flags, bool wanted) {
  std::vector<int32_t> numbers;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] == wanted) numbers.push_back(static_cast<int32_t>(i));
  }
  return numbers;
}

// Rows of a part that are not known whole, and those whose key another row of the part comes from: with that the
// table's row is meant, not theirs.
std::vector<bool> MustBeHeld(const FoldedChanges& part, int64_t first_number) {
  const int32_t* groups = part.group_numbers();
  const int64_t* from = part.from_numbers();
  std::vector<bool> is_held(static_cast<size_t>(part.rows.num_rows()));
  for (size_t row = 0; row < is_held.size(); ++row) {
    if (groups[row] != 0) is_held[row] = true;
    if (groups[row] > 0) is_held[static_cast<size_t>(from[row] - first_number)] = true;
  }
  return is_held;
}

// `rows` of a part with the group of each and the key columns of the row that it comes from.
RecordBatch WithOrigins(const FoldedChanges& part, const RecordBatch& rows, const std::vector<std::string>& keys,
                        int64_t first_number) {
  const Column& group = part.rows.column(part.rows.schema()->size() - 2);
  const int32_t* groups = part.group_numbers();
  const int64_t* from = part.from_numbers();
  std::vector<RowPick> picks;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    const bool misses = groups[row] > 0;
    picks.push_back({.from = misses ? 0 : -1, .row = misses ? static_cast<int32_t>(from[row] - first_number) : 0});
  }
  auto schema = std::make_shared<Schema>(*rows.schema());
  std::vector<Column> columns = rows.columns();
  schema->fields.push_back(Field{.name = std::string(kGroupColumn), .type = group.type});
  columns.push_back(group);
  for (size_t i = 0; i < keys.size(); ++i) {
    const Column& key = rows.column(*rows.schema()->Find(keys[i]));
    const std::vector<const Column*> sources = {&key};
    schema->fields.push_back(Field{.name = OriginColumn(i), .type = key.type});
    columns.push_back(TakeRows(key.type, sources, picks));
  }
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

}  // namespace

std::string OriginColumn(size_t key) { return fmt::format("_nilus_origin_{}", key); }

std::string OriginEquals(const std::vector<std::string>& keys, std::string_view a, std::string_view b) {
  std::vector<std::string> conditions;
  for (size_t i = 0; i < keys.size(); ++i)
    conditions.push_back(fmt::format("{}.{} = {}.{}", a, QuoteIdentifier(keys[i]), b, OriginColumn(i)));
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

Result<std::unique_ptr<ChangeStage>> ChangeStage::Make(const Session& session, const WriteRequest& request) {
  NILUS_ASSIGN(duck::Connection connection, session.Connect());
  return std::unique_ptr<ChangeStage>(new ChangeStage(std::move(connection), request));
}

std::string ChangeStage::held() const { return fmt::format("SELECT * FROM {}", kHeldTable); }

std::string ChangeStage::held_keys() const {
  return fmt::format("SELECT {}, {} FROM {}", QuotedList(request_.primary_key), kKeptColumn, kHeldTable);
}

std::string ChangeStage::superseding_keys() const {
  return fmt::format("{} SEMI JOIN {} USING ({})", held_keys(), kWrittenTable, QuotedList(request_.primary_key));
}

std::string ChangeStage::keys() const {
  if (!has_written_) return held_keys();
  std::string sql =
      fmt::format("SELECT {}, true AS {} FROM {}", QuotedList(request_.primary_key), kKeptColumn, kWrittenTable);
  if (supersedes_) sql += fmt::format(" ANTI JOIN {} USING ({})", kHeldTable, QuotedList(request_.primary_key));
  return has_held_ ? fmt::format("{} UNION ALL {}", sql, held_keys()) : sql;
}

std::string ChangeStage::IsFromTable() const {
  if (!has_written_) return "true";
  return fmt::format("NOT EXISTS (SELECT 1 FROM {} AS w WHERE {})", kWrittenTable,
                     OriginEquals(request_.primary_key, "w", "h"));
}

// One statement over the rows.
Status ChangeStage::Stream(const RecordBatch& rows, const duck::BatchStream::StatementFor& statement_for) {
  NILUS_ASSIGN(std::unique_ptr<duck::BatchStream> stream,
               duck::BatchStream::Start(connection_, statement_for, {.schema = rows.schema(), .stop = request_.stop}));
  NILUS_TRY(stream->Push(rows));
  return stream->Finish().map([](const std::vector<duck::TextRow>&) {});
}

Status ChangeStage::Truncate() {
  for (const char* table : {kWrittenTable, kHeldTable})
    NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE IF EXISTS {}", table)));
  truncates_ = true;
  has_written_ = has_held_ = supersedes_ = false;
  columns_.clear();
  missing_.clear();
  return {};
}

// Rows whose key an earlier part has.
Status ChangeStage::MarkKnownKeys(const RecordBatch& rows, std::vector<bool>* is_held) {
  NILUS_ASSIGN(const RecordBatch keys, SelectColumns(rows, request_.primary_key));
  NILUS_TRY(Stream(WithSequence(keys, 0), [](const std::string& relation) {
    return fmt::format("CREATE TEMPORARY TABLE {} AS SELECT * FROM {}", kPartTable, relation);
  }));
  std::vector<std::string> selects;
  auto look = [&](const char* table, bool is_written) {
    selects.push_back(fmt::format("SELECT {} AS number, {} AS is_written FROM {} JOIN {} USING ({})", kSequenceColumn,
                                  is_written, kPartTable, table, QuotedList(request_.primary_key)));
  };
  if (has_written_) look(kWrittenTable, true);
  if (has_held_) look(kHeldTable, false);
  {
    NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection_, fmt::format("{}", fmt::join(selects, " UNION ALL ")),
                                                      {}, {}, request_.stop));
    for (;;) {
      NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(request_.stop));
      if (!batch) break;
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        (*is_held)[static_cast<size_t>(batch->column(0).Value<int64_t>(i))] = true;
        supersedes_ |= batch->column(1).BoolValue(i);
      }
    }
  }
  return connection_.Execute(fmt::format("DROP TABLE {}", kPartTable)).map([](int64_t) {});
}

Status ChangeStage::NoteWritten(const RecordBatch& rows) {
  NILUS_ASSIGN(const RecordBatch keys, SelectColumns(rows, request_.primary_key));
  NILUS_TRY(Stream(keys, [&](const std::string& relation) {
    return has_written_ ? fmt::format("INSERT INTO {} SELECT * FROM {}", kWrittenTable, relation)
                        : fmt::format("CREATE TEMPORARY TABLE {} AS SELECT * FROM {}", kWrittenTable, relation);
  }));
  has_written_ = true;
  return {};
}

// `relation` (of WithOrigins) in the columns of kHeldTable.
std::string ChangeStage::SelectHeld(const FoldedChanges& part, const Schema& rows, const std::string& relation) const {
  std::vector<std::string> columns;
  for (const Field& field : rows.fields) columns.push_back(QuoteIdentifier(field.name));
  columns.push_back(fmt::format("{} >= 0 AS {}", kGroupColumn, kKeptColumn));
  std::string missing;
  for (size_t i = 0; i < part.groups.size(); ++i)
    missing += fmt::format(" WHEN {} THEN {}", i + 1, ListOf(part.groups[i].columns));
  columns.push_back(missing.empty() ? fmt::format("CAST(NULL AS VARCHAR[]) AS {}", kMissingColumn)
                                    : fmt::format("CASE {}{} END AS {}", kGroupColumn, missing, kMissingColumn));
  for (size_t i = 0; i < request_.primary_key.size(); ++i) columns.push_back(OriginColumn(i));
  return fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), relation);
}

// Rows `n` of the join that miss values of rows `o` which are gone: these have NULL there.
Status ChangeStage::CheckEarlier(const std::string& join) {
  const std::string lost =
      fmt::format("FROM {} WHERE n.{} IS NOT NULL AND NOT o.{}", join, kMissingColumn, kKeptColumn);
  if (request_.may_lack_rows) {
    NILUS_ASSIGN(
        const std::vector<duck::TextRow> columns,
        connection_.Query(fmt::format("SELECT DISTINCT unnest(n.{}) {}", kMissingColumn, lost), {}, request_.stop));
    for (const duck::TextRow& column : columns) unknown_columns_.insert(column[0].value_or(""));
    return {};
  }
  NILUS_ASSIGN(const std::vector<duck::TextRow> count,
               connection_.Query(fmt::format("SELECT count(*) {}", lost), {}, request_.stop));
  if (count[0][0] == "0") return {};
  return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                     "{} changes of table {} leave values as they were, but their row is not there any more",
                     count[0][0].value_or("?"), request_.table.ToString());
}

// What the rows of kNextTable miss and earlier ones know.
Status ChangeStage::TakeFromEarlier(const FoldedChanges& part, const Schema& rows) {
  const std::string join = fmt::format("{} AS n LEFT JOIN {} AS o ON {}", kNextTable, kHeldTable,
                                       OriginEquals(request_.primary_key, "o", "n"));
  const std::string found = fmt::format("o.{} IS NOT NULL", kKeptColumn);
  NILUS_TRY(CheckEarlier(join));
  std::set<std::string, std::less<>> unknown;
  for (const FoldedChanges::Group& group : part.groups) unknown.insert(group.columns.begin(), group.columns.end());
  std::vector<std::string> columns;
  for (const Field& field : rows.fields) {
    const std::string name = QuoteIdentifier(field.name);
    if (!unknown.contains(field.name) || !columns_.contains(field.name)) {
      columns.push_back("n." + name);
      continue;
    }
    columns.push_back(fmt::format("CASE WHEN {} AND list_contains(n.{}, {}) THEN o.{} ELSE n.{} END AS {}", found,
                                  kMissingColumn, duck::QuoteLiteral(field.name), name, name, name));
  }
  columns.push_back(fmt::format("n.{}", kKeptColumn));
  // An empty list is none.
  columns.push_back(
      fmt::format("CASE WHEN {0} THEN nullif(list_intersect(n.{1}, coalesce(o.{1}, [])), []) ELSE n.{1} "
                  "END AS {1}",
                  found, kMissingColumn));
  for (size_t i = 0; i < request_.primary_key.size(); ++i)
    columns.push_back(fmt::format("CASE WHEN {0} THEN o.{1} ELSE n.{1} END AS {1}", found, OriginColumn(i)));
  NILUS_TRY(connection_.Execute(
      fmt::format("CREATE TEMPORARY TABLE nilus_resolved AS SELECT {} FROM {}", fmt::join(columns, ", "), join), {},
      request_.stop));
  NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE {}", kNextTable)));
  return connection_.Execute(fmt::format("ALTER TABLE nilus_resolved RENAME TO {}", kNextTable)).map([](int64_t) {});
}

// The rows of kNextTable take the place of what is held of their keys.
Status ChangeStage::MergeHeld(const FoldedChanges& part, const Schema& rows) {
  if (!part.groups.empty()) NILUS_TRY(TakeFromEarlier(part, rows));
  for (const Field& field : rows.fields) {
    if (columns_.contains(field.name)) continue;
    NILUS_TRY(connection_.Execute(fmt::format("ALTER TABLE {} ADD COLUMN {} {}", kHeldTable,
                                              QuoteIdentifier(field.name), duck::SqlTypeName(field.type))));
  }
  NILUS_TRY(connection_.Execute(fmt::format("DELETE FROM {} AS o USING {} AS n WHERE {}", kHeldTable, kNextTable,
                                            KeysEqual(request_.primary_key, "o", "n")),
                                {}, request_.stop));
  NILUS_TRY(connection_.Execute(fmt::format("INSERT INTO {} BY NAME SELECT * FROM {}", kHeldTable, kNextTable), {},
                                request_.stop));
  return connection_.Execute(fmt::format("DROP TABLE {}", kNextTable)).map([](int64_t) {});
}

// `rows` are of WithOrigins, the part's that are to be held.
Status ChangeStage::Hold(const FoldedChanges& part, const RecordBatch& rows) {
  Schema table = *rows.schema();
  table.fields.resize(table.fields.size() - 1 - request_.primary_key.size());
  NILUS_TRY(Stream(rows, [&](const std::string& relation) {
    return fmt::format("CREATE TEMPORARY TABLE {} AS {}", has_held_ ? kNextTable : kHeldTable,
                       SelectHeld(part, table, relation));
  }));
  if (has_held_) NILUS_TRY(MergeHeld(part, table));
  has_held_ = true;
  for (const Field& field : table.fields) columns_.insert(field.name);
  for (const FoldedChanges::Group& group : part.groups) missing_.insert(group.columns.begin(), group.columns.end());
  return {};
}

Result<RecordBatch> ChangeStage::Add(const FoldedChanges& part, const RecordBatch& rows, bool may_write) {
  unknown_columns_.insert(part.unknown_columns.begin(), part.unknown_columns.end());
  if (part.truncates) NILUS_TRY(Truncate());
  if (rows.num_rows() == 0) return rows;
  std::vector<bool> is_held = MustBeHeld(part, rows_);
  if (!empty()) NILUS_TRY(MarkKnownKeys(rows, &is_held));
  if (!may_write) is_held.assign(is_held.size(), true);
  const std::vector<int32_t> held = RowsWhere(is_held, true);
  if (!held.empty()) NILUS_TRY(Hold(part, TakeRows(WithOrigins(part, rows, request_.primary_key, rows_), held)));
  rows_ += rows.num_rows();
  const RecordBatch written = held.empty() ? rows : TakeRows(rows, RowsWhere(is_held, false));
  if (written.num_rows() > 0) NILUS_TRY(NoteWritten(written));
  return written;
}

}  // namespace nilus::lakehouse
