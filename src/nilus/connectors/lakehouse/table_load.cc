#include "nilus/connectors/lakehouse/table_load.h"

#include <algorithm>
#include <utility>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/connectors/lakehouse/strategy_sql.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/storage/object_store.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;

constexpr std::string_view kMetadataCodec = "write.metadata.compression-codec";

Field RootNumberField() { return Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)}; }

// The batch without the number of the row that each belongs to, and those numbers.
std::pair<RecordBatch, std::optional<Column>> WithoutRootNumber(const RecordBatch& batch) {
  const std::optional<int> at = batch.schema()->Find(kRootNumberColumn);
  if (!at) return {batch, std::nullopt};
  auto schema = std::make_shared<Schema>(*batch.schema());
  std::vector<Column> columns = batch.columns();
  schema->fields.erase(schema->fields.begin() + *at);
  columns.erase(columns.begin() + *at);
  return {RecordBatch(std::move(schema), std::move(columns), batch.num_rows()), batch.column(*at)};
}

RecordBatch WithRootNumber(const RecordBatch& batch, const Column& number) {
  auto schema = std::make_shared<Schema>(*batch.schema());
  std::vector<Column> columns = batch.columns();
  schema->fields.push_back(RootNumberField());
  columns.push_back(number);
  return RecordBatch(std::move(schema), std::move(columns), batch.num_rows());
}

lake::Properties PropertiesOfNew(const Session& session) {
  lake::Properties properties = {{"write.parquet.compression-codec", "zstd"}};
  if (session.metadata_codec == "gzip") properties[std::string(kMetadataCodec)] = session.metadata_codec;
  return properties;
}

// What `iceberg_metadata_compression` asks for holds for tables that are there, too.
Status SetMetadataCodec(const Session& session, const lake::TableMetadata& metadata, lake::Transaction* transaction) {
  const std::string now(metadata.Property(kMetadataCodec).value_or("none"));
  if (session.metadata_codec.empty() || session.metadata_codec == now) return {};
  return transaction->SetProperties({{std::string(kMetadataCodec), session.metadata_codec}});
}

}  // namespace

lake::TableIdentifier IdentifierOf(const TableName& table) { return {.schema = table.schema, .name = table.name}; }

Result<duck::Connection> Session::Connect() const {
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(database));
  NILUS_TRY(connection.UseThreads(std::max(threads, 1)));
  return connection;
}

bool TableLoad::WaitsForRoot() const {
  if (FollowsVersions(request_)) return true;
  return FollowsRoot(request_) && request_.strategy == WriteStrategy::kMerge && !request_.root->key_is_unique;
}

bool TableLoad::IsStaged() const {
  if (request_.root != nullptr) return false;
  if (request_.strategy == WriteStrategy::kScd2) return true;
  return request_.strategy == WriteStrategy::kMerge && (!request_.key_is_unique || KeepsNewer());
}

bool TableLoad::KeepsNewer() const {
  return request_.keeps_newer && request_.strategy == WriteStrategy::kMerge && !request_.incremental_key.empty();
}

Result<std::unique_ptr<TableLoad>> TableLoad::Open(std::shared_ptr<const Session> session,
                                                   const WriteRequest& request) {
  NILUS_TRY(CheckRequest(request));
  NILUS_FAULT_POINT("lakehouse.sink.open");
  std::unique_ptr<TableLoad> load(new TableLoad(std::move(session), request));
  const Session& shared = *load->session_;
  NILUS_ASSIGN(std::optional<lake::TablePtr> found, shared.catalog->Load(IdentifierOf(request.table), request.stop));
  if (found) load->base_ = *found;
  if (request.must_exist && !found) return Failure(TableIsGone(request.table));
  NILUS_ASSIGN(load->target_,
               PlanTarget(load->base_ == nullptr ? nullptr : &load->base_->metadata, request, load->columns_));
  load->converter_.emplace(load->target_.schema, request.table.ToString());
  if (load->base_ == nullptr) {
    NILUS_ASSIGN(load->location_, shared.catalog->NewTableLocation(IdentifierOf(request.table), request.stop));
  }
  if (request.is_changes) {
    NILUS_TRY(load->StartChanges());
    return load;
  }
  if (IsKeyed(request)) {
    std::vector<std::string> columns;
    if (!load->IsStaged()) {
      columns = request.primary_key;
      if (request.has_children) columns.emplace_back(kRowIdColumn);
    }
    NILUS_ASSIGN(load->staged_, StagedRows::Make(shared.database, std::move(columns), load->IsStaged(), request.stop));
  }
  if (load->WaitsForRoot()) {
    NILUS_ASSIGN(load->staged_, StagedRows::Make(shared.database, {}, /*with_sequence=*/false, request.stop));
  } else if (!load->IsStaged()) {
    NILUS_ASSIGN(load->writer_, load->OpenWriter());
  }
  NILUS_FAULT_POINT("lakehouse.sink.opened");
  return load;
}

TableLoad::~TableLoad() {
  CloseWriter();
  RemoveAttempt();
  if (is_committed_ || files_.empty()) return;
  if (Result<lake::StorePtr> store = Store()) lake::RemoveFiles(**store, files_);
}

Result<lake::StorePtr> TableLoad::Store() const {
  if (base_ != nullptr) return base_->store;
  return session_->catalog->StoreForLocation(location_, {});
}

void TableLoad::RemoveAttempt() {
  if (is_committed_ || attempt_files_.empty()) return;
  if (Result<lake::StorePtr> store = Store()) lake::RemoveFiles(**store, attempt_files_);
  attempt_files_.clear();
}

void TableLoad::MarkCommitted() {
  is_committed_ = true;
  if (!unused_files_.empty()) {
    if (Result<lake::StorePtr> store = Store()) lake::RemoveFiles(**store, unused_files_);
    unused_files_.clear();
  }
  files_.clear();
  attempt_files_.clear();
}

Result<std::unique_ptr<lake::DataWriter>> TableLoad::OpenWriter() const {
  lake::DataWriterOptions options;
  options.database = session_->database;
  NILUS_ASSIGN(options.store, Store());
  std::string data;
  if (base_ == nullptr) {
    data = lake::JoinUrl(location_, "data");
  } else {
    const std::optional<std::string_view> path = base_->metadata.Property("write.data.path");
    data = path ? std::string(*path) : lake::JoinUrl(base_->metadata.location, "data");
  }
  options.new_url = [data](std::string_view partition, std::string_view name) {
    return partition.empty() ? lake::JoinUrl(data, name) : lake::JoinUrl(lake::JoinUrl(data, partition), name);
  };
  options.name_prefix = NewId();  // not the load's id: the same load may be staged twice, and one of them committed
  options.table = request_.table.ToString();
  options.schema = target_.schema;
  options.refuse_nulls = true;
  options.spec = target_.spec;
  options.sort_by = target_.sort_by;
  options.file_rows = request_.file_rows;
  options.file_bytes = session_->file_bytes;
  options.queue_bytes = std::min<int64_t>(request_.memory_bytes / 4, options.queue_bytes);
  options.parallel_files = std::max(request_.threads, 1);
  options.row_group_bytes = std::clamp<int64_t>(request_.memory_bytes / 2, 1 << 20, options.row_group_bytes);
  if (request_.is_changes) {
    options.parallel_files = 1;
    options.row_group_bytes = session_->change_row_group_bytes;
    options.open_partitions = OpenPartitionsOfChanges();
  }
  options.stop = request_.stop;
  return lake::DataWriter::Open(std::move(options));
}

Status TableLoad::CheckKeys(const RecordBatch& batch) const {
  if (!IsKeyed(request_)) return {};
  for (const std::string& key : request_.primary_key) {
    std::optional<int> at = batch.schema()->Find(key);
    const int64_t nulls = at ? batch.column(*at).null_count : batch.num_rows();
    if (nulls == 0) continue;
    return FailWithFix(ErrorKind::kData,
                       "mend the rows at the source, leave them out with a `query:`, or choose another primary_key",
                       "{} rows of table {} have NULL in the primary key column `{}`: strategy {} cannot match them",
                       nulls, request_.table.ToString(), key, WriteStrategyName(request_.strategy));
  }
  return {};
}

Status TableLoad::AddColumns(const Schema& batch) {
  bool is_new = false;
  for (const Field& field : batch.fields) {
    if (columns_.Find(field.name) || field.name == kRootNumberColumn) continue;
    columns_.fields.push_back(field);
    is_new = true;
  }
  if (!is_new) return {};
  NILUS_TRY(CheckColumns(request_, columns_));
  NILUS_ASSIGN(Target target, PlanTarget(base_ == nullptr ? nullptr : &base_->metadata, request_, columns_));
  target_.schema = std::move(target.schema);
  converter_.emplace(target_.schema, request_.table.ToString());
  if (writer_ != nullptr) writer_->SetSchema(target_.schema);
  return {};
}

Status TableLoad::Write(const RecordBatch& batch) {
  if (is_finished_) return Fail(ErrorKind::kInternal, "rows came for {} behind its end", request_.table.ToString());
  if (request_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  NILUS_FAULT_POINT("lakehouse.sink.write");
  if (fold_) return WriteChanges(batch);
  NILUS_TRY(AddColumns(*batch.schema()));
  NILUS_TRY(CheckKeys(batch));
  if (batch.num_rows() == 0) return {};
  const auto [plain, number] = WithoutRootNumber(batch);
  NILUS_ASSIGN(RecordBatch rows, converter_->Convert(plain));
  rows_ += rows.num_rows();
  if (FollowsVersions(request_)) return staged_->Write(rows);
  if (WaitsForRoot()) {
    if (!number)
      return Fail(ErrorKind::kInternal, "rows of {} have no {}", request_.table.ToString(), kRootNumberColumn);
    return staged_->Write(WithRootNumber(rows, *number));
  }
  if (staged_ != nullptr) NILUS_TRY(staged_->Write(rows));
  return writer_ != nullptr ? writer_->Write(rows) : Status();
}

// The numbers of rows that a later version of their key supersedes, in the load or (keeps_newer) in the table as it was
// when the load was opened, into a temporary table.
Status TableLoad::DropSuperseded() {
  if ((request_.key_is_unique && !KeepsNewer()) || !IsStaged() || staged_->rows() == 0) return {};
  NILUS_ASSIGN(duck::Connection connection, session_->Connect());
  std::string order = fmt::format("{} DESC", kSequenceColumn);
  if (!request_.incremental_key.empty() && staged_->Has(request_.incremental_key))
    order = fmt::format("{} DESC NULLS LAST, {}", QuoteIdentifier(request_.incremental_key), order);
  NILUS_TRY(connection.Execute(
      fmt::format("CREATE TEMPORARY TABLE {} AS SELECT {} FROM (SELECT {}, row_number() OVER (PARTITION BY {} ORDER BY "
                  "{}) AS nilus_rank FROM {}) WHERE nilus_rank > 1",
                  kSupersededTable, kSequenceColumn, kSequenceColumn, QuotedList(request_.primary_key), order,
                  staged_->relation()),
      {}, request_.stop));
  if (KeepsNewer() && !MakesAnew(request_)) NILUS_TRY(DropOlderThanTable(connection));
  connection_ = std::move(connection);
  has_superseded_ = true;
  return {};
}

// What the load brings, with the columns of the primary key at least: "read_parquet(…)" or "(SELECT …)".
std::string TableLoad::StagedRelation() const {
  return IsStaged() ? fmt::format("({})", StagedSelect()) : staged_->relation();
}

std::string TableLoad::StagedSelect() const {
  std::vector<std::string> columns;
  for (const Field& field : columns_.fields) {
    const std::string name = QuoteIdentifier(field.name);
    if (staged_->Has(field.name)) {
      columns.push_back("s." + name);
    } else {
      const Type type = lake::ToNilusType(target_.schema.FindByName(field.name)->type);
      columns.push_back(fmt::format("CAST(NULL AS {}) AS {}", duck::SqlTypeName(type), name));
    }
  }
  const std::string list = fmt::format("{}", fmt::join(columns, ", "));
  if (staged_->rows() == 0) return fmt::format("SELECT {}, 0::BIGINT AS {} WHERE false", list, kSequenceColumn);
  std::string select = fmt::format("SELECT {}, s.{} FROM {} AS s", list, kSequenceColumn, staged_->relation());
  if (!has_superseded_) return select;
  return select + fmt::format(" ANTI JOIN {} AS x ON s.{} = x.{}", kSupersededTable, kSequenceColumn, kSequenceColumn);
}

Status TableLoad::WriteQuery(duck::Connection& connection, const std::string& sql, lake::DataWriter* writer,
                             int64_t* rows) {
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {.keep_narrow = true}, request_.stop));
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(request_.stop));
    if (!batch) return {};
    *rows += batch->num_rows();
    NILUS_TRY(writer->Write(*batch));
  }
}

Result<Receipt> TableLoad::Finish() {
  NILUS_FAULT_POINT("lakehouse.sink.finish");
  if (request_.stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
  if (fold_) {
    NILUS_TRY(FinishChanges());
    is_finished_ = true;
    return Receipt{
        .table = request_.table, .rows = rows_, .files = static_cast<int64_t>(files_.size()), .bytes = bytes_};
  }
  if (staged_ != nullptr) {
    NILUS_TRY(staged_->Finish());
    NILUS_TRY(DropSuperseded());
  }
  int64_t written_rows = rows_;
  if (request_.strategy == WriteStrategy::kMerge && IsStaged()) {
    written_rows = 0;
    NILUS_ASSIGN(writer_, OpenWriter());
    if (staged_->rows() > 0) {
      NILUS_ASSIGN(duck::Connection connection, session_->Connect());
      const std::string sql = fmt::format("SELECT * EXCLUDE ({}) FROM ({})", kSequenceColumn, StagedSelect());
      NILUS_TRY(WriteQuery(connection_ ? *connection_ : connection, sql, writer_.get(), &written_rows));
    }
  }
  if (writer_ != nullptr) {
    NILUS_ASSIGN(files_, writer_->Finish());
    writer_.reset();
  }
  int64_t stored = 0;
  for (const lake::DataFile& file : files_) {
    bytes_ += file.file_size;
    stored += file.record_count;
  }
  if (request_.strategy != WriteStrategy::kScd2 && !WaitsForRoot() && stored != written_rows) {
    return Fail(ErrorKind::kInternal, "{} rows of {} are in the data files of {}", stored, written_rows,
                request_.table.ToString());
  }
  if (request_.strategy == WriteStrategy::kScd2 || WaitsForRoot()) bytes_ = staged_->bytes();
  is_finished_ = true;
  NILUS_FAULT_POINT("lakehouse.sink.finished");
  return Receipt{.table = request_.table, .rows = rows_, .files = static_cast<int64_t>(files_.size()), .bytes = bytes_};
}

void TableLoad::AddFiles(std::vector<lake::DataFile> files, lake::Transaction* transaction) const {
  for (lake::DataFile& file : files) {
    file.spec_id = transaction->metadata().default_spec_id;
    transaction->AddDataFile(std::move(file));
  }
}

// The table as the load wants it, in a transaction without rows.
Result<lake::Transaction> TableLoad::Begin(const lake::TablePtr& base) {
  NILUS_ASSIGN(Target now, PlanTarget(base == nullptr ? nullptr : &base->metadata, request_, columns_));
  if (!FitsFiles(target_.schema, now.schema) || !now.spec.SameFields(target_.spec)) {
    return FailWithFix(ErrorKind::kConflict, "run again: it starts from the table as it is now",
                       "the columns or partitions of table {} were changed while it was loaded",
                       request_.table.ToString());
  }
  if (base == nullptr) {
    lake::NewTable table;
    table.location = location_;
    table.schema = std::move(now.schema);
    table.spec = std::move(now.spec);
    table.sort_order = std::move(now.order);
    table.properties = PropertiesOfNew(*session_);
    table.format_version = session_->format_version;
    return lake::Transaction::Create(session_->catalog, IdentifierOf(request_.table), std::move(table), request_.stop);
  }
  lake::Transaction transaction(base);
  if (!now.schema.SameColumns(base->metadata.schema())) NILUS_TRY(transaction.SetSchema(std::move(now.schema)));
  if (!now.spec.SameFields(base->metadata.spec())) NILUS_TRY(transaction.SetSpec(std::move(now.spec)));
  if (!now.order.SameFields(base->metadata.sort_order())) NILUS_TRY(transaction.SetSortOrder(std::move(now.order)));
  NILUS_TRY(SetMetadataCodec(*session_, base->metadata, &transaction));
  return transaction;
}

// A load that reached this table, but not the one that holds the pipeline's position, never took place: it is made
// again by this one, and what it appended goes.
Status TableLoad::UndoLoad(const lake::TablePtr& base, const std::string& load_id,
                           lake::Transaction* transaction) const {
  for (lake::SnapshotPtr at = base->metadata.current_snapshot(); at != nullptr;
       at = at->parent_id ? base->metadata.FindSnapshot(*at->parent_id) : nullptr) {
    auto id = at->summary.find("nilus.load-id");
    if (id == at->summary.end() || id->second != load_id) continue;
    NILUS_ASSIGN(lake::ScanPlan plan, PlanBase(base, {}));
    for (const lake::ScanFile& file : plan.files) {
      if (file.entry.snapshot_id == at->id) transaction->RemoveFile(file.entry);
    }
    return {};
  }
  return {};
}

// The same for a table whose load has also taken rows out (a child table, one of dead letters): the table becomes what
// it was before, as long as nobody else has changed it since. The table to go on from.
Result<lake::TablePtr> TableLoad::RollBack(const lake::TablePtr& base, const std::string& load_id) const {
  const lake::SnapshotPtr last = base->metadata.current_snapshot();
  if (last == nullptr || !last->parent_id) return base;
  const auto id = last->summary.find("nilus.load-id");
  if (id == last->summary.end() || id->second != load_id) return base;
  lake::SnapshotRef ref = base->metadata.refs.at(std::string(lake::kMainBranch));
  ref.snapshot_id = *last->parent_id;
  lake::Transaction transaction(base);
  NILUS_TRY(transaction.SetRef(std::string(lake::kMainBranch), ref));
  RetryPolicy once = lake::Transaction::CommitRetryPolicy();
  once.max_attempts = 1;  // on top of another writer's snapshot it would take that away
  NILUS_ASSIGN(lake::CommitOutcome outcome, transaction.Commit(request_.stop, once));
  return std::move(outcome.table);
}

Result<lake::Transaction> TableLoad::Prepare(lake::TablePtr base, const std::optional<KeyRange>& interval,
                                             StateChange state, const std::string& undo_load, CommitResult* counts) {
  RemoveAttempt();
  if (base == nullptr && base_ != nullptr) return Failure(TableIsGone(request_.table));
  if (fold_ && !undo_load.empty()) return TakeBack(base, undo_load).map([&] { return lake::Transaction(base); });
  const bool took_rows_out = FollowsRoot(request_) || request_.strategy == WriteStrategy::kMerge ||
                             request_.strategy == WriteStrategy::kDeleteInsert;
  if (took_rows_out && !MakesAnew(request_) && !undo_load.empty()) {
    NILUS_ASSIGN(base, RollBack(base, undo_load));
    NILUS_ASSIGN(const std::optional<lake::PipelineState> here,
                 lake::FindPipelineState(base->metadata, state.pipeline));
    state.expected_version = here ? here->version : 0;
  }
  NILUS_ASSIGN(lake::Transaction transaction, Begin(base));
  const lake::SnapshotPtr snapshot = base == nullptr ? nullptr : base->metadata.current_snapshot();
  const bool makes_anew = MakesAnew(request_);
  if (makes_anew) {
    transaction.RemoveAllFiles();
  } else if (!undo_load.empty() &&
             (took_rows_out || request_.strategy == WriteStrategy::kAppend || request_.root != nullptr)) {
    NILUS_TRY(UndoLoad(base, undo_load, &transaction));
  }
  NILUS_ASSIGN(duck::Connection connection, session_->Connect());
  duck::Connection& asking = connection_ ? *connection_ : connection;
  const bool has_rows = !makes_anew && snapshot != nullptr;
  if (fold_) {
    NILUS_TRY(ApplyChanges(has_rows ? base : nullptr, &transaction, counts));
  } else if (FollowsVersions(request_)) {
    NILUS_TRY(ApplyChildrenOfVersions(&transaction, counts));
  } else if (request_.strategy == WriteStrategy::kScd2) {
    NILUS_TRY(ApplyVersions(asking, has_rows ? base : nullptr, &transaction, counts));
  } else {
    if (FollowsRoot(request_)) {
      NILUS_TRY(ApplyChildren(has_rows ? base : nullptr, interval, &transaction, counts));
    } else if (has_rows && request_.strategy == WriteStrategy::kMerge) {
      NILUS_TRY(ApplyMerge(asking, base, &transaction, counts));
    } else if (has_rows && request_.strategy == WriteStrategy::kDeleteInsert && interval) {
      NILUS_TRY(ApplyInterval(asking, base, *interval, &transaction, counts));
    }
    AddFiles(files_, &transaction);
    for (const lake::DataFile& file : files_) counts->rows_inserted += file.record_count;
  }
  transaction.ForceSnapshot();  // an empty load moves the position too
  transaction.SetPipelineState(state.pipeline, state.state, state.expected_version);
  return transaction;
}

}  // namespace nilus::lakehouse
