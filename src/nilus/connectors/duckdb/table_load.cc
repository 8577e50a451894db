#include "nilus/connectors/duckdb/table_load.h"

#include <algorithm>
#include <utility>

#include "nilus/base/fault.h"

namespace nilus::duckdb {
namespace {

constexpr int64_t kQueueBytes = 16 << 20;

// While rows are appended to a row group, DuckDB holds two blocks of 256 KiB for each column, of values and of NULLs,
// whatever stands in them: each thread that inserts, and at its end (and at COMMIT) the row group that takes over what
// it has.
constexpr int64_t kColumnBytes = 512 << 10;
constexpr int64_t kOtherBytes = 32 << 20;
// A row above this part of DuckDB's memory, which holds it several times over, is why the memory ran out.
constexpr int64_t kLargeRowShare = 16;

int64_t BytesToInsert(int64_t columns, int64_t threads) { return columns * (threads + 1) * kColumnBytes + kOtherBytes; }

std::string QuotedNames(const Schema& columns) {
  std::vector<std::string> names;
  names.reserve(columns.fields.size());
  for (const Field& field : columns.fields) names.push_back(QuoteIdentifier(field.name));
  return fmt::format("{}", fmt::join(names, ", "));
}

// DuckDB checks ranges when it converts; what it does without a word is rounding and cutting.
bool KeepsValues(const Type& from, const Type& to) {
  if (from.id == to.id && from.id != TypeId::kDecimal) return true;
  switch (to.id) {
    case TypeId::kText:
      return from.id != TypeId::kBinary;
    case TypeId::kJson:
      return IsTextual(from.id);
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
      return IsInteger(from.id) || (from.id == TypeId::kDecimal && from.scale == 0);
    case TypeId::kDecimal:
      return IsInteger(from.id) || (from.id == TypeId::kDecimal && from.scale <= to.scale);
    case TypeId::kFloat64:
      return from.id == TypeId::kFloat32 || from.id == TypeId::kInt16 || from.id == TypeId::kInt32;
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return from.id == TypeId::kDate || from.id == TypeId::kTimestamp || from.id == TypeId::kTimestampNtz;
    default:
      return false;
  }
}

}  // namespace

Status CheckAssignable(const TableName& table, const Field& from, const Type& to) {
  if (KeepsValues(from.type, to)) return {};
  return FailWithFix(ErrorKind::kData, "load with full_refresh, into another table, or alter the column",
                     "column `{}` of table {} is {} at the destination and {} in this load: values could be lost",
                     from.name, table.ToString(), to.ToString(), from.type.ToString());
}

Result<std::unique_ptr<TableLoad>> TableLoad::Open(SinkSession* session, const WriteRequest& request) {
  NILUS_ASSIGN(LoadSql sql, LoadSql::Make(session->dialect(), request));
  std::unique_ptr<TableLoad> load(new TableLoad(session, request, std::move(sql)));
  NILUS_ASSIGN(load->existing_, session->FindTable(request.table));
  if (request.must_exist && !load->existing_) return Failure(TableIsGone(request.table));
  if (load->existing_ && load->existing_->is_view) {
    return FailWithFix(ErrorKind::kInvalidInput, "choose another dest_table, or drop the view",
                       "{} is a view: no rows can be loaded into it", request.table.ToString());
  }
  bool made_anew = request.strategy == WriteStrategy::kReplace || request.full_refresh;
  if (load->existing_ && !(made_anew && load->existing_->can_drop)) {
    for (const Field& field : request.schema->fields) {
      std::optional<int> at = load->existing_->schema.Find(field.name);
      const bool is_widened =
          std::find(request.widened.begin(), request.widened.end(), field.name) != request.widened.end();
      if (at && !is_widened)
        NILUS_TRY(CheckAssignable(request.table, field, load->existing_->schema.fields[static_cast<size_t>(*at)].type));
    }
    load->FindCasts();
  }
  NILUS_FAULT_POINT("duckdb.sink.open");
  if (request.is_changes) {
    NILUS_TRY(load->StartChanges());
  } else if (load->CanGoDirect()) {
    NILUS_TRY(load->PrepareDirect());
  } else {
    for (const std::string& statement : load->sql_.CreateStaging())
      NILUS_TRY(session->Execute(statement, request.stop));
  }
  NILUS_FAULT_POINT("duckdb.sink.staged");
  return load;
}

bool TableLoad::CanGoDirect() const {
  if (sql_.must_stage() || !casts_.empty()) return false;
  bool is_first = !existing_ || (request_.full_refresh && existing_->can_drop);
  switch (request_.strategy) {
    // A later column would have to be added beside rows of this transaction, which DuckDB refuses for indexed tables.
    case WriteStrategy::kAppend:
      return is_first || !existing_->has_indexes;
    case WriteStrategy::kDeleteInsert:
      return is_first;
    default:
      return false;
  }
}

TargetState TableLoad::State(const std::optional<TargetTable>& target) const {
  TargetState state;
  if (target) {
    state.existing = target->schema;
    state.can_drop = target->can_drop;
  }
  return state;
}

Status TableLoad::PrepareDirect() {
  is_direct_ = true;
  NILUS_ASSIGN(std::vector<SqlStep> steps, sql_.PrepareTarget(State(existing_)));
  for (const SqlStep& step : steps) NILUS_TRY(session_->ExecuteStep(step, nullptr, request_.stop));
  return {};
}

Status TableLoad::AddColumns(const std::vector<Field>& fields) {
  NILUS_ASSIGN(std::vector<std::string> statements, sql_.AddColumns(fields));
  if (staged_rows_ > 0) NILUS_TRY(session_->ExpectLateColumn());
  if (!is_direct_) {
    for (const std::string& statement : statements) NILUS_TRY(session_->Execute(statement, request_.stop));
    return {};
  }
  NILUS_ASSIGN(std::optional<TargetTable> now, session_->FindTable(request_.table));
  for (const Field& field : fields) {
    if (now->schema.Find(field.name)) continue;
    NILUS_TRY(session_->Execute(fmt::format("ALTER TABLE {} ADD COLUMN {} {}", sql_.target_sql(),
                                            QuoteIdentifier(field.name), session_->dialect().type_name(field.type)),
                                request_.stop));
  }
  return {};
}

Status TableLoad::StartInsert() {
  auto schema = std::make_shared<Schema>(sql_.columns());
  if (sql_.needs_sequence())
    schema->fields.push_back(Field{.name = std::string(kSequenceColumn), .type = MakeType(TypeId::kInt64)});
  std::string names = QuotedNames(*schema);
  const std::string& place = is_direct_ ? sql_.target_sql() : sql_.staging_sql();
  auto statement = [&](const std::string& relation) {
    return fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", place, names, names, relation);
  };
  bool has_room = BytesToInsert(schema->size(), session_->config().threads) <= session_->config().memory_bytes;
  duck::BatchStreamOptions options = {
      .schema = schema, .queue_bytes = kQueueBytes, .single_thread = !has_room, .stop = request_.stop};
  return session_->StartInsert(statement, std::move(options), &inserted_rows_);
}

Error TableLoad::WithMemoryFix(Error error) const {
  if (error.kind != ErrorKind::kExhausted) return error;
  if (largest_row_bytes_ > session_->config().memory_bytes / kLargeRowShare) {
    error.fix = fmt::format(
        "a row of about {} MiB is the cause: raise spec.resources.limits.memory (DuckDB, which has half of it, holds "
        "such a value several times over), or leave its column out with sql_exclude_columns",
        largest_row_bytes_ >> 20);
    return error;
  }
  int64_t columns = sql_.columns().size();
  int64_t needed = BytesToInsert(columns, 1);
  if (needed <= session_->config().memory_bytes) return error;
  error.fix = fmt::format(
      "raise spec.resources.limits.memory to {} MiB or more: DuckDB, which has half of it, takes half "
      "a MiB for each of the {} columns",
      (2 * needed) >> 20, columns);
  return error;
}

RecordBatch TableLoad::WithSequence(RecordBatch batch) {
  if (batch.schema() != unnumbered_schema_) {
    auto numbered = std::make_shared<Schema>(*batch.schema());
    numbered->fields.push_back(Field{.name = std::string(kSequenceColumn), .type = MakeType(TypeId::kInt64)});
    unnumbered_schema_ = batch.schema();
    numbered_schema_ = std::move(numbered);
  }
  ColumnBuilder numbers(MakeType(TypeId::kInt64));
  for (int64_t row = 0; row < batch.num_rows(); ++row) numbers.Append<int64_t>(next_sequence_++);
  std::vector<Column> columns = batch.columns();
  columns.push_back(numbers.Finish());
  return RecordBatch(numbered_schema_, std::move(columns), batch.num_rows());
}

Status TableLoad::Write(RecordBatch batch) {
  if (is_finished_) return Fail(ErrorKind::kInternal, "rows came for {} behind its end", request_.table.ToString());
  NILUS_FAULT_POINT("duckdb.sink.write");
  if (request_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  rows_ += batch.num_rows();
  int64_t bytes = batch.ByteSize();
  bytes_ += bytes;
  largest_row_bytes_ = std::max(largest_row_bytes_, bytes / std::max<int64_t>(batch.num_rows(), 1));
  return fold_ ? WriteChanges(batch) : Stage(std::move(batch));
}

Status TableLoad::Stage(RecordBatch batch) {
  if (std::vector<Field> missing = sql_.MissingFrom(*batch.schema()); !missing.empty()) NILUS_TRY(AddColumns(missing));
  if (session_->InsertOf(&inserted_rows_) == nullptr) NILUS_TRY(StartInsert());
  staged_rows_ += batch.num_rows();
  if (sql_.needs_sequence()) batch = WithSequence(std::move(batch));
  return session_->InsertOf(&inserted_rows_)->Push(std::move(batch));
}

Result<Receipt> TableLoad::Finish() {
  NILUS_FAULT_POINT("duckdb.sink.finish");
  if (fold_) NILUS_TRY(StagePart());
  NILUS_TRY(session_->EndInsert());
  if (!fold_) NILUS_TRY(FitStaged());
  if (request_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (inserted_rows_ != staged_rows_) {
    return Fail(ErrorKind::kInternal, "DuckDB stored {} rows of {} for {}", inserted_rows_, staged_rows_,
                request_.table.ToString());
  }
  is_finished_ = true;
  return Receipt{.table = request_.table, .rows = rows_, .files = 0, .bytes = bytes_, .misfits = misfits_};
}

Status TableLoad::CheckKeys() {
  std::optional<std::string> check = sql_.NullKeyCheck();
  if (!check) return {};
  NILUS_ASSIGN(duck::Connection * connection, session_->Idle());
  NILUS_ASSIGN(std::vector<duck::TextRow> counts, connection->Query(*check, {}, request_.stop));
  for (size_t i = 0; i < counts[0].size(); ++i) {
    if (counts[0][i] != "0") {
      return Failure(sql_.NullKeyError(static_cast<int>(i), ParseInteger(counts[0][i].value_or("")).value_or(0)));
    }
  }
  return {};
}

Status TableLoad::Apply(const std::optional<KeyRange>& interval, CommitResult* counts) {
  if (is_direct_) {
    counts->rows_inserted += rows_;
    return {};
  }
  if (fold_) {
    NILUS_TRY(ApplyPart());
    NILUS_TRY(session_->Execute(sql_.DropStaging(), request_.stop));
    counts->AddPart(part_counts_);
    return {};
  }
  // Looked at again: tables of the same commit may have changed it.
  NILUS_ASSIGN(std::optional<TargetTable> target, session_->FindTable(request_.table));
  TargetState state = State(target);
  if (sql_.root()) {
    NILUS_ASSIGN(std::optional<TargetTable> root, session_->FindTable(*sql_.root()));
    state.has_root = root && root->schema.Find(kRowIdColumn);
  }
  NILUS_ASSIGN(std::vector<SqlStep> steps, sql_.PrepareTarget(state));
  for (const SqlStep& step : steps) {
    NILUS_TRY(session_->ExecuteStep(step, counts, request_.stop));
    NILUS_FAULT_POINT("duckdb.sink.prepare_step");
  }
  NILUS_ASSIGN(steps, sql_.Apply(state, interval));
  int64_t inserted_before = counts->rows_inserted;
  for (const SqlStep& step : steps) {
    NILUS_TRY(session_->ExecuteStep(step, counts, request_.stop));
    NILUS_FAULT_POINT("duckdb.sink.apply_step");
  }
  // A replace that swaps tables inserts nothing more.
  if (request_.strategy == WriteStrategy::kReplace && counts->rows_inserted == inserted_before)
    counts->rows_inserted += rows_;
  return {};
}

}  // namespace nilus::duckdb
