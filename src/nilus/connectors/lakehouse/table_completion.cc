// TableLoad's part for rows of which a load of changes does not know every value: those of the row as it was before.
#include <utility>

#include "nilus/connectors/lakehouse/strategy_sql.h"
#include "nilus/connectors/lakehouse/table_load.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_relation.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

constexpr const char* kFoundTable = "nilus_found";  // keys of held rows that have a row to take values from

std::string MissingRows(const std::string& held) {
  return fmt::format("SELECT * FROM ({}) AS h WHERE {} IS NOT NULL", held, kMissingColumn);
}

}  // namespace

// Calls `visit` with a query of the plan's rows, a few files at a time, that held rows may take values from: the
// columns of the key and `columns`.
Status TableLoad::VisitOrigins(const lake::ScanPlan& plan, const std::vector<std::string>& columns,
                               const std::function<Status(const std::string& rows)>& visit) {
  if (plan.files.empty()) return {};
  duck::Connection& connection = changes_->connection();
  std::vector<std::string> names = request_.primary_key;
  names.insert(names.end(), columns.begin(), columns.end());
  NILUS_ASSIGN(std::vector<int32_t> ids, IdsOf(names));
  NILUS_ASSIGN(std::vector<size_t> files,
               FilesWithKeys(connection, request_.primary_key, fmt::format("({})", changes_->held_keys()),
                             request_.stop, plan, AllFiles(plan)));
  for (std::vector<size_t>& group : BoundedGroups(plan, files)) {
    NILUS_ASSIGN(lake::ScanRelation relation,
                 lake::ScanRelation::Open(
                     connection, {.plan = &plan, .files = std::move(group), .columns = ids, .stop = request_.stop}));
    NILUS_TRY(visit(relation.sql()));
  }
  return {};
}

// Held rows of which values are missing, those where `condition` holds, with the values of the plan's rows.
Status TableLoad::WriteCompleted(const lake::ScanPlan& plan, const std::string& condition, lake::DataWriter* writer,
                                 int64_t* written) {
  std::vector<std::string> columns;
  for (const Field& field : columns_.fields) {
    const std::string name = QuoteIdentifier(field.name);
    if (!changes_->Holds(field.name)) continue;
    columns.push_back(changes_->missing().contains(field.name)
                          ? fmt::format("CASE WHEN list_contains(k.{}, {}) THEN t.{} ELSE k.{} END AS {}",
                                        kMissingColumn, duck::QuoteLiteral(field.name), name, name, name)
                          : "k." + name);
  }
  return VisitOrigins(
      plan, {changes_->missing().begin(), changes_->missing().end()}, [&](const std::string& rows) -> Status {
        return WriteQuery(
            changes_->connection(),
            fmt::format("SELECT {} FROM ({}) AS t JOIN ({} AND {}) AS k ON {}", fmt::join(columns, ", "), rows,
                        MissingRows(changes_->held()), condition, OriginEquals(request_.primary_key, "t", "k")),
            writer, written);
      });
}

Status TableLoad::NoteFound(const lake::ScanPlan& plan, const std::string& condition) {
  std::vector<std::string> keys;
  for (const std::string& key : request_.primary_key) keys.push_back("k." + QuoteIdentifier(key));
  return VisitOrigins(plan, {}, [&](const std::string& rows) -> Status {
    return changes_->connection()
        .Execute(fmt::format("INSERT INTO {} SELECT {} FROM ({}) AS t JOIN ({} AND {}) AS k ON {}", kFoundTable,
                             fmt::join(keys, ", "), rows, MissingRows(changes_->held()), condition,
                             OriginEquals(request_.primary_key, "t", "k")),
                 {}, request_.stop)
        .map([](int64_t) {});
  });
}

// Held rows that nothing has the missing values of: they stay NULL.
Status TableLoad::WriteUnknown(const lake::ScanPlan& plan, const lake::ScanPlan& early, lake::DataWriter* writer,
                               int64_t* written, CommitResult* counts) {
  duck::Connection& connection = changes_->connection();
  const std::string key = QuotedList(request_.primary_key);
  NILUS_TRY(connection.Execute(fmt::format("CREATE OR REPLACE TEMPORARY TABLE {} AS SELECT {} FROM ({}) LIMIT 0",
                                           kFoundTable, key, changes_->held()),
                               {}, request_.stop));
  NILUS_TRY(NoteFound(early, "true"));
  NILUS_TRY(NoteFound(plan, changes_->IsFromTable()));
  const std::string rows = fmt::format("({}) ANTI JOIN {} USING ({})", MissingRows(changes_->held()), kFoundTable, key);
  NILUS_ASSIGN(
      const std::vector<duck::TextRow> unknown,
      connection.Query(fmt::format("SELECT DISTINCT unnest({}) FROM {}", kMissingColumn, rows), {}, request_.stop));
  for (const duck::TextRow& column : unknown) counts->unknown_columns.insert(column[0].value_or(""));
  std::vector<std::string> columns;
  for (const Field& field : columns_.fields) {
    if (changes_->Holds(field.name)) columns.push_back(QuoteIdentifier(field.name));
  }
  return WriteQuery(connection, fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), rows), writer, written);
}

// Rows of which the load does not know every value: with those of the rows that it wrote itself, or else the table's.
Status TableLoad::Complete(const lake::ScanPlan& plan, const lake::ScanPlan& early, lake::Transaction* transaction,
                           CommitResult* counts) {
  NILUS_ASSIGN(const std::vector<duck::TextRow> count,
               changes_->connection().Query(fmt::format("SELECT count(*) FROM ({})", MissingRows(changes_->held())), {},
                                            request_.stop));
  const int64_t wanted = ParseInteger(count[0][0].value_or("")).value_or(0);
  if (wanted == 0) return {};
  // Values that the log leaves out are large, and each thread has thousands of them at once.
  NILUS_TRY(changes_->connection().UseThreads(1));
  NILUS_ASSIGN(std::unique_ptr<lake::DataWriter> writer, OpenWriter());
  int64_t written = 0;
  NILUS_TRY(WriteCompleted(early, "true", writer.get(), &written));
  NILUS_TRY(WriteCompleted(plan, changes_->IsFromTable(), writer.get(), &written));
  if (written < wanted && request_.may_lack_rows) NILUS_TRY(WriteUnknown(plan, early, writer.get(), &written, counts));
  NILUS_ASSIGN(std::vector<lake::DataFile> files, writer->Finish());
  attempt_files_.insert(attempt_files_.end(), files.begin(), files.end());
  if (written != wanted) {
    return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                       "{} changes of table {} leave values as they were, but the table has {} rows to take them from",
                       wanted, request_.table.ToString(), written);
  }
  counts->rows_inserted += written;
  AddFiles(std::move(files), transaction);
  return {};
}

}  // namespace nilus::lakehouse
