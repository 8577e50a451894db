#include "nilus/connectors/sqlite/table_load.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/connector/misfits.h"
#include "nilus/connectors/sqlite/fit.h"

namespace nilus::sqlite {
namespace {

std::string KeyIndexName(const TableName& table) { return DerivedName("key", "", table); }

Result<LoadSql> MakeSql(const WriteRequest& request) {
  NILUS_TRY(PlainName(request.table));
  return LoadSql::Make(Dialect(), request);
}

}  // namespace

Result<std::unique_ptr<TableLoad>> TableLoad::Start(Database& db, const WriteRequest& request, int serial) {
  NILUS_ASSIGN(LoadSql sql, MakeSql(request));
  std::unique_ptr<TableLoad> load(new TableLoad(db, std::move(sql), request, serial));
  NILUS_TRY(load->FindNumericColumns());
  NILUS_ASSIGN(const TargetState target, load->Target());
  if (request.must_exist && !target.existing) return Failure(TableIsGone(request.table));
  NILUS_FAULT_POINT("sqlite.sink.create_staging");
  if (request.is_changes) {
    NILUS_TRY(load->StartChanges(target));
  } else if (load->direct()) {
    NILUS_ASSIGN(const std::vector<SqlStep> steps, load->sql_.PrepareTarget(target));
    NILUS_TRY(load->RunSteps(steps, &load->counts_));
  } else {
    for (const std::string& statement : load->sql_.CreateStaging()) NILUS_TRY(db.Execute(statement));
  }
  NILUS_TRY(load->PrepareInsert());
  return load;
}

Result<std::vector<std::string>> TableLoad::Explain(Database* db, const WriteRequest& request) {
  NILUS_ASSIGN(const LoadSql sql, MakeSql(request));
  TargetState target;
  if (db != nullptr) {
    NILUS_ASSIGN(const std::string name, PlainName(request.table));
    NILUS_ASSIGN(target, FindTarget(*db, name, KeyIndexName(request.table)));
  }
  std::vector<std::string> statements = {"BEGIN IMMEDIATE"};
  const bool direct = request.strategy == WriteStrategy::kAppend;
  if (!direct) {
    for (std::string& statement : sql.CreateStaging()) statements.push_back(std::move(statement));
  }
  NILUS_ASSIGN(const std::vector<SqlStep> prepare, sql.PrepareTarget(target));
  for (const SqlStep& step : prepare) statements.push_back(step.sql);
  if (direct) {
    statements.push_back(fmt::format("INSERT INTO {} …", sql.target_sql()));
  } else {
    NILUS_ASSIGN(const std::vector<SqlStep> apply, sql.Apply(target, std::nullopt));
    for (const SqlStep& step : apply) statements.push_back(step.sql);
  }
  statements.emplace_back("COMMIT");
  return statements;
}

Result<TargetState> TableLoad::Target() const {
  NILUS_ASSIGN(const std::string name, PlainName(request_.table));
  NILUS_ASSIGN(TargetState target, FindTarget(db_, name, KeyIndexName(request_.table)));
  if (request_.is_changes && target.existing) {
    NILUS_ASSIGN(const bool is_indexed, HasKeyIndex(db_, name, request_.primary_key));
    target.key_index = is_indexed ? KeyIndex::kPlain : KeyIndex::kNone;
  }
  return target;
}

Status TableLoad::FindNumericColumns() {
  NILUS_ASSIGN(const std::string name, PlainName(request_.table));
  NILUS_ASSIGN(const std::optional<TableInfo> table, FindTable(db_, name));
  if (!table) return {};
  if (request_.strategy == WriteStrategy::kReplace || request_.full_refresh) {
    NILUS_ASSIGN(const TargetState target, Target());
    if (target.can_drop) return {};
  }
  for (const ColumnInfo& column : table->columns) {
    const std::vector<std::string>& widened = request_.widened;  // these are declared anew
    if (ChangesTexts(*table, column) && std::find(widened.begin(), widened.end(), column.name) == widened.end())
      numeric_columns_.push_back(column);
  }
  return {};
}

const std::string* TableLoad::NumericType(std::string_view column) const {
  for (const ColumnInfo& known : numeric_columns_) {
    if (EqualIgnoringCase(known.name, column)) return &known.declared;
  }
  return nullptr;
}

Result<RecordBatch> TableLoad::Fit(const RecordBatch& batch) {
  auto fit = [this](const Field& field, const Column& column) {
    const std::string* declared = NumericType(field.name);
    if (declared == nullptr) return FittedColumn{.column = column, .misfits = std::nullopt};
    FittedColumn fitted = FitNumeric(column);
    fitted.type = *declared;
    return fitted;
  };
  NILUS_ASSIGN(RecordBatch fitted, FitBatch(batch, request_, Dialect().identifier_limit, fit, &misfits_));
  for (int i = 0; i < fitted.schema()->size(); ++i) {
    const Field& field = fitted.schema()->fields[static_cast<size_t>(i)];
    const std::string* declared = field.variant_of.empty() ? nullptr : NumericType(field.name);
    if (declared != nullptr && FitNumeric(fitted.column(i)).misfits)
      return Failure(VariantTypeError(request_.table, field.name, *declared));
  }
  return fitted;
}

Status TableLoad::RunSteps(const std::vector<SqlStep>& steps, CommitResult* result) {
  for (const SqlStep& step : steps) {
    NILUS_FAULT_POINT("sqlite.sink.step");
    NILUS_ASSIGN(const int64_t changed, db_.Execute(step.sql));
    if (Status checked = CheckStep(step, changed, result); !checked)
      return Failure(InContext("while loading table " + request_.table.ToString(), std::move(checked).error()));
    CountRows(step.effect, changed, result);
  }
  return {};
}

Status TableLoad::PrepareInsert() {
  insert_.reset();
  const std::string source = fmt::format("_nilus_rows_{}_{}", serial_, generation_++);
  std::string columns;
  if (sql_.needs_sequence()) columns = QuoteIdentifier(kSequenceColumn);
  for (const Field& field : sql_.columns().fields) {
    if (!columns.empty()) columns += ", ";
    columns += QuoteIdentifier(field.name);
  }
  NILUS_ASSIGN(auto rows, BatchRows::Register(db_, source, sql_.columns().size(), sql_.needs_sequence()));
  row_sources_.push_back(std::move(rows));
  NILUS_ASSIGN(Statement insert, db_.Prepare(fmt::format("INSERT INTO {} ({}) SELECT * FROM {}",
                                                         direct() ? sql_.target_sql() : sql_.staging_sql(), columns,
                                                         QuoteIdentifier(source))));
  insert_.emplace(std::move(insert));
  return {};
}

Status TableLoad::Widen(const Schema& batch) {
  const std::vector<Field> missing = sql_.MissingFrom(batch);
  if (missing.empty()) return {};
  NILUS_FAULT_POINT("sqlite.sink.add_columns");
  insert_.reset();
  NILUS_ASSIGN(const std::vector<std::string> statements, sql_.AddColumns(missing));
  if (direct()) {
    NILUS_ASSIGN(const std::string name, PlainName(request_.table));
    NILUS_ASSIGN(const std::optional<TableInfo> target, FindTable(db_, name));
    if (!target) return Fail(ErrorKind::kInternal, "table {} is gone inside its own transaction", name);
    NILUS_ASSIGN(const std::vector<SqlStep> steps, sql_.AddToTarget(SchemaOf(*target)));
    NILUS_TRY(RunSteps(steps, &counts_));
  } else {
    for (const std::string& statement : statements) NILUS_TRY(db_.Execute(statement));
  }
  return PrepareInsert();
}

Status TableLoad::Write(const RecordBatch& batch) {
  if (finished_) return Fail(ErrorKind::kInternal, "Write after Finish");
  if (batch.num_rows() == 0) return {};
  NILUS_FAULT_POINT("sqlite.sink.write");
  rows_ += batch.num_rows();
  bytes_ += batch.ByteSize();
  return fold_ ? WriteChanges(batch) : Stage(batch);
}

Status TableLoad::Stage(const RecordBatch& rows) {
  if (numeric_columns_.empty()) return StageFitted(rows);
  NILUS_ASSIGN(const RecordBatch fitted, Fit(rows));
  return StageFitted(fitted);
}

Status TableLoad::StageFitted(const RecordBatch& batch) {
  NILUS_TRY(Widen(*batch.schema()));
  std::vector<int> indexes;
  for (const Field& field : sql_.columns().fields) indexes.push_back(batch.schema()->Find(field.name).value_or(-1));
  row_sources_.back()->Set(&batch, std::move(indexes), staged_rows_);
  const Result<bool> done = insert_->Step();
  sqlite3_reset(insert_->handle());
  row_sources_.back()->Set(nullptr, {}, 0);
  if (!done) return Failure(InContext(fmt::format("writing to table {}", request_.table.ToString()), done.error()));
  staged_rows_ += batch.num_rows();
  return {};
}

Result<Receipt> TableLoad::Finish() {
  NILUS_FAULT_POINT("sqlite.sink.finish");
  if (fold_) NILUS_TRY(StagePart());
  insert_.reset();
  finished_ = true;
  return Receipt{.table = request_.table, .rows = rows_, .files = 0, .bytes = bytes_, .misfits = misfits_};
}

Status TableLoad::CheckKeys() {
  const std::optional<std::string> check = sql_.NullKeyCheck();
  if (!check) return {};
  NILUS_ASSIGN(Statement counts, db_.Prepare(*check));
  NILUS_TRY(counts.Step());
  for (int i = 0; i < static_cast<int>(sql_.primary_key().size()); ++i) {
    if (counts.Int(i) > 0) return Failure(sql_.NullKeyError(i, counts.Int(i)));
  }
  return {};
}

Status TableLoad::Apply(const std::optional<KeyRange>& interval, CommitResult* result) {
  if (direct()) {
    counts_.rows_inserted += rows_;
    result->AddPart(counts_);
    return {};
  }
  NILUS_FAULT_POINT("sqlite.sink.before_apply");
  if (fold_) {
    NILUS_TRY(ApplyPart());
    NILUS_TRY(db_.Execute(sql_.DropStaging()));
    result->AddPart(counts_);
    return {};
  }
  NILUS_TRY(CheckKeys());
  NILUS_ASSIGN(TargetState target, Target());
  if (sql_.root()) {
    NILUS_ASSIGN(const std::string root, PlainName(*sql_.root()));
    NILUS_ASSIGN(const TargetState state, FindTarget(db_, root, ""));
    target.has_root = state.existing && state.existing->Find(kRowIdColumn);
  }
  NILUS_ASSIGN(const std::vector<SqlStep> prepare, sql_.PrepareTarget(target));
  NILUS_TRY(RunSteps(prepare, &counts_));
  NILUS_ASSIGN(const std::vector<SqlStep> steps, sql_.Apply(target, interval));
  NILUS_TRY(RunSteps(steps, &counts_));
  if (request_.strategy == WriteStrategy::kReplace) counts_.rows_inserted = rows_;  // a swap inserts nothing
  result->AddPart(counts_);
  return {};
}

}  // namespace nilus::sqlite
