#include "nilus/connectors/lakehouse/change_stage.h"

#include <utility>

#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/lakehouse/staging.h"
#include "nilus/duck/batch_stream.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/quote.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

constexpr const char* kPartTable = "nilus_part";        // as folded
constexpr const char* kNextTable = "nilus_next";        // the same in the columns of relation()
constexpr const char* kChangesTable = "nilus_changes";  // all parts so far, once there are two

std::string ListOf(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(duck::QuoteLiteral(name));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

// The rows of `a` have the key that rows of `b` have, or (with_origin) come from.
std::string Matches(const std::vector<std::string>& keys, std::string_view a, std::string_view b, bool with_origin) {
  std::vector<std::string> conditions;
  for (size_t i = 0; i < keys.size(); ++i) {
    conditions.push_back(fmt::format("{}.{} = {}.{}", a, QuoteIdentifier(keys[i]), b,
                                     QuoteIdentifier(with_origin ? OriginColumn(i) : keys[i])));
  }
  return fmt::format("{}", fmt::join(conditions, " AND "));
}

}  // namespace

std::string OriginColumn(size_t key) { return fmt::format("_nilus_origin_{}", key); }

Result<std::unique_ptr<ChangeStage>> ChangeStage::Make(const Session& session, const WriteRequest& request) {
  NILUS_ASSIGN(duck::Connection connection, session.Connect());
  return std::unique_ptr<ChangeStage>(new ChangeStage(std::move(connection), request));
}

Status ChangeStage::Insert(const FoldedChanges& part, const RecordBatch& rows) {
  auto schema = std::make_shared<Schema>(*rows.schema());
  std::vector<Column> columns = rows.columns();
  for (std::string_view name : {kGroupColumn, kFromColumn}) {
    const int at = *part.rows.schema()->Find(name);
    schema->fields.push_back(part.rows.schema()->fields[static_cast<size_t>(at)]);
    columns.push_back(part.rows.column(at));
  }
  const RecordBatch numbered = WithSequence(RecordBatch(std::move(schema), std::move(columns), rows.num_rows()), rows_);
  NILUS_ASSIGN(std::unique_ptr<duck::BatchStream> stream,
               duck::BatchStream::Start(connection_,
                                        [](const std::string& relation) {
                                          return fmt::format("CREATE TEMPORARY TABLE {} AS SELECT * FROM {}",
                                                             kPartTable, relation);
                                        },
                                        {.schema = numbered.schema(), .stop = request_.stop}));
  NILUS_TRY(stream->Push(numbered));
  return stream->Finish().map([](const std::vector<duck::TextRow>&) {});
}

// A part in the columns of relation().
std::string ChangeStage::SelectPart(const FoldedChanges& part, const Schema& rows) const {
  std::vector<std::string> columns;
  for (const Field& field : rows.fields) columns.push_back("p." + QuoteIdentifier(field.name));
  columns.push_back(fmt::format("p.{} >= 0 AS {}", kGroupColumn, kKeptColumn));
  std::string missing;
  bool has_moved = false;
  for (size_t i = 0; i < part.groups.size(); ++i) {
    missing += fmt::format(" WHEN {} THEN {}", i + 1, ListOf(part.groups[i].columns));
    has_moved |= part.groups[i].has_moved;
  }
  columns.push_back(missing.empty() ? fmt::format("CAST(NULL AS VARCHAR[]) AS {}", kMissingColumn)
                                    : fmt::format("CASE p.{}{} END AS {}", kGroupColumn, missing, kMissingColumn));
  for (size_t i = 0; i < request_.primary_key.size(); ++i) {
    columns.push_back(fmt::format("CASE WHEN p.{} > 0 THEN {}.{} END AS {}", kGroupColumn, has_moved ? "f" : "p",
                                  QuoteIdentifier(request_.primary_key[i]), OriginColumn(i)));
  }
  return fmt::format("SELECT {} FROM {} AS p{}", fmt::join(columns, ", "), kPartTable,
                     has_moved ? fmt::format(" LEFT JOIN {} AS f ON p.{} > 0 AND f.{} = p.{}", kPartTable, kGroupColumn,
                                             kSequenceColumn, kFromColumn)
                               : "");
}

// What the next part misses and earlier ones know.
Status ChangeStage::TakeFromEarlier(const FoldedChanges& part, const Schema& rows) {
  const std::string join = fmt::format("{} AS n LEFT JOIN {} AS o ON {}", kNextTable, kChangesTable,
                                       Matches(request_.primary_key, "o", "n", true));
  const std::string found = fmt::format("o.{} IS NOT NULL", kKeptColumn);
  NILUS_ASSIGN(
      std::vector<duck::TextRow> lost,
      connection_.Query(fmt::format("SELECT count(*) FROM {} WHERE n.{} IS NOT NULL AND {}", join, kMissingColumn,
                                    truncates_ ? fmt::format("coalesce(NOT o.{}, true)", kKeptColumn)
                                               : fmt::format("NOT o.{}", kKeptColumn)),
                        {}, request_.stop));
  if (lost[0][0] != "0") {
    return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                       "{} changes of table {} leave values as they were, but their row is not there any more",
                       lost[0][0].value_or("?"), request_.table.ToString());
  }
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

// The part is in kPartTable; what was there before it, in kChangesTable.
Status ChangeStage::Merge(const FoldedChanges& part, const Schema& rows) {
  if (part.truncates) NILUS_TRY(connection_.Execute(fmt::format("DELETE FROM {}", kChangesTable)));
  NILUS_TRY(connection_.Execute(fmt::format("CREATE TEMPORARY TABLE {} AS {}", kNextTable, SelectPart(part, rows)), {},
                                request_.stop));
  NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE {}", kPartTable)));
  if (!part.groups.empty()) NILUS_TRY(TakeFromEarlier(part, rows));
  for (const Field& field : rows.fields) {
    if (columns_.contains(field.name)) continue;
    NILUS_TRY(connection_.Execute(fmt::format("ALTER TABLE {} ADD COLUMN {} {}", kChangesTable,
                                              QuoteIdentifier(field.name), duck::SqlTypeName(field.type))));
  }
  NILUS_TRY(connection_.Execute(fmt::format("DELETE FROM {} AS o USING {} AS n WHERE {}", kChangesTable, kNextTable,
                                            Matches(request_.primary_key, "o", "n", false)),
                                {}, request_.stop));
  NILUS_TRY(connection_.Execute(fmt::format("INSERT INTO {} BY NAME SELECT * FROM {}", kChangesTable, kNextTable), {},
                                request_.stop));
  NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE {}", kNextTable)));
  relation_ = fmt::format("SELECT * FROM {}", kChangesTable);
  return {};
}

Status ChangeStage::Add(const FoldedChanges& part, const RecordBatch& rows) {
  if (part.truncates) {
    truncates_ = true;
    missing_.clear();
  }
  if (rows.num_rows() == 0) {
    if (part.truncates && parts_ > 0)
      NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE {}", parts_ == 1 ? kPartTable : kChangesTable)));
    if (part.truncates) parts_ = 0;
    return {};
  }
  if (parts_ == 1) {
    NILUS_TRY(connection_.Execute(fmt::format("CREATE TEMPORARY TABLE {} AS {}", kChangesTable, relation_), {},
                                  request_.stop));
    NILUS_TRY(connection_.Execute(fmt::format("DROP TABLE {}", kPartTable)));
  }
  NILUS_TRY(Insert(part, rows));
  for (const FoldedChanges::Group& group : part.groups) missing_.insert(group.columns.begin(), group.columns.end());
  if (parts_ == 0) {
    relation_ = SelectPart(part, *rows.schema());
    if (truncates_ && !part.groups.empty()) {
      return FailWithFix(ErrorKind::kData, kRowIsGoneFix,
                         "changes of table {} leave values as they were, but their rows are not there any more",
                         request_.table.ToString());
    }
  } else {
    NILUS_TRY(Merge(part, *rows.schema()));
  }
  if (parts_ == 0) columns_.clear();
  for (const Field& field : rows.schema()->fields) columns_.insert(field.name);
  rows_ += rows.num_rows();
  ++parts_;
  return {};
}

}  // namespace nilus::lakehouse
