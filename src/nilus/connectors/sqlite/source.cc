#include "nilus/connectors/sqlite/source.h"

#include <algorithm>
#include <atomic>

#include "nilus/base/fault.h"
#include "nilus/connectors/sqlite/catalog.h"
#include "nilus/connectors/sqlite/selection.h"
#include "nilus/connectors/sqlite/values.h"

namespace nilus::sqlite {
namespace {

constexpr int64_t kLargestBatch = 1 << 30;  // with SQLite's longest value (10^9 bytes) still below 2^31

// A read transaction and what is read in it.
struct Snapshot {
  std::unique_ptr<Database> db;
  Selection selection;
  SchemaPtr schema;
  int64_t page_rows = 0;
  int64_t batch_bytes = 0;
  std::atomic<int> readings_left = 1;
  std::atomic<bool> ended = false;

  // One reading is over. The last one lets writers of the file go on: the transaction only read, and ending it cannot
  // lose anything.
  void End() {
    if (--readings_left > 0) return;
    ended = true;
    db->Rollback();
  }
};

class SqliteReader final : public Reader {
 public:
  SqliteReader(std::shared_ptr<Snapshot> snapshot, Statement statement)
      : snapshot_(std::move(snapshot)), statement_(std::move(statement)), builder_(snapshot_->schema) {
    for (const Field& field : snapshot_->schema->fields) row_bytes_ += std::max(FixedWidth(field.type.id), 4);
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    if (!statement_) return std::nullopt;
    NILUS_FAULT_POINT("sqlite.source.read");
    snapshot_->db->set_stop(std::move(stop));
    const int columns = snapshot_->schema->size();
    int64_t bytes = 0;
    while (builder_.num_rows() < snapshot_->page_rows && bytes < snapshot_->batch_bytes) {
      Result<bool> row = statement_->Step();
      if (!row) {
        statement_.reset();
        return Failure(InContext(fmt::format("reading {}", snapshot_->selection.label), std::move(row).error()));
      }
      if (!*row) {
        statement_.reset();
        snapshot_->End();
        break;
      }
      bytes += row_bytes_;
      for (int i = 0; i < columns; ++i) bytes += AppendCell(i);
      builder_.FinishRow();
    }
    if (builder_.num_rows() == 0) return std::nullopt;
    return Batch{.rows = builder_.Finish(), .table = {}, .position = {}};
  }

 private:
  // Bytes that the cell takes beside its fixed width.
  int64_t AppendCell(int index) {
    const Value value = ValueAt(statement_->handle(), index);
    if (value.storage == SQLITE_NULL) {
      builder_.column(index).AppendNull();
    } else if (!AppendExactly(value, &builder_.column(index))) {
      builder_.AppendVariant(index, VariantText(value));
    }
    return static_cast<int64_t>(value.bytes.size());
  }

  std::shared_ptr<Snapshot> snapshot_;
  std::optional<Statement> statement_;
  BatchBuilder builder_;
  int64_t row_bytes_ = 0;
};

TableDescription DescriptionOf(const Selection& selection) {
  TableDescription description;
  for (const SelectedColumn& column : selection.columns) {
    description.schema.fields.push_back(Field{.name = column.name, .type = column.type, .nullable = !column.not_null});
  }
  description.primary_key = selection.primary_key;
  return description;
}

class SqliteSource final : public Source {
 public:
  SqliteSource(std::string path, DatabaseOptions options, std::stop_token stop)
      : path_(std::move(path)), options_(options), stop_(std::move(stop)) {}

  Result<TableDescription> Describe(const ReadRequest& request) override {
    NILUS_ASSIGN(const auto db, OpenDatabase());
    NILUS_ASSIGN(const Selection selection, Select(*db, request));
    return DescriptionOf(selection);
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    auto snapshot = std::make_shared<Snapshot>();
    NILUS_ASSIGN(snapshot->db, OpenDatabase());
    Database& db = *snapshot->db;
    NILUS_FAULT_POINT("sqlite.source.plan");
    NILUS_TRY(db.Execute("BEGIN"));
    NILUS_ASSIGN(snapshot->selection, Select(db, request));
    const Selection& selection = snapshot->selection;
    ReadPlan plan;
    plan.table = DescriptionOf(selection);
    if (!selection.estimate_sql.empty()) {
      NILUS_ASSIGN(Statement estimate, db.Prepare(selection.estimate_sql));
      NILUS_TRY(estimate.Step());
      plan.table.estimated_rows = estimate.Int(0);
    }
    if (!selection.upper_sql.empty()) {
      NILUS_ASSIGN(Statement highest, db.Prepare(selection.upper_sql));
      NILUS_TRY(BindParameters(highest, selection.parameters));
      NILUS_ASSIGN(const bool found, highest.Step());
      ColumnBuilder key(selection.key_type);
      if (found && AppendExactly(ValueAt(highest.handle(), 0), &key)) plan.upper = ScalarAt(key.Finish(), 0);
    }
    snapshot->schema = std::make_shared<Schema>(plan.table.schema);
    snapshot->readings_left = std::max(request.readings, 1);
    snapshot->page_rows = std::max<int64_t>(request.page_rows, 1);
    snapshot->batch_bytes = std::clamp<int64_t>(request.batch_bytes, 1, kLargestBatch);
    snapshot_ = std::move(snapshot);
    plan.splits.push_back(Split{.description = selection.label, .payload = {}});
    return plan;
  }

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    if (snapshot_ == nullptr || snapshot_->ended) {
      return Fail(ErrorKind::kInternal, "{} was read to its end, or never planned: plan again", split.description);
    }
    NILUS_ASSIGN(Statement statement, snapshot_->db->Prepare(snapshot_->selection.sql));
    NILUS_TRY(BindParameters(statement, snapshot_->selection.parameters));
    return std::make_unique<SqliteReader>(snapshot_, std::move(statement));
  }

  Result<std::vector<CheckItem>> Check() override {
    auto db = OpenDatabase();
    if (!db) return std::vector<CheckItem>{{"open " + path_, false, db.error().ToString()}};
    auto names = TableNames(**db);
    if (!names) return std::vector<CheckItem>{{"read " + path_, false, names.error().ToString()}};
    return std::vector<CheckItem>{{"read " + path_, true, fmt::format("{} tables and views", names->size())}};
  }

 private:
  Result<std::unique_ptr<Database>> OpenDatabase() {
    NILUS_ASSIGN(auto db, Database::Open(path_, options_));
    db->set_stop(stop_);
    return db;
  }

  std::string path_;
  DatabaseOptions options_;
  std::stop_token stop_;
  std::shared_ptr<Snapshot> snapshot_;
};

}  // namespace

Result<std::unique_ptr<Source>> OpenSource(const Address& address, const OpenContext& context) {
  NILUS_ASSIGN(const std::string path, AddressPath(address));
  NILUS_ASSIGN(DatabaseOptions options, AddressOptions(address));
  options.read_only = true;
  options.cache_bytes = std::clamp<int64_t>(context.memory_bytes / 4, 2 << 20, 32 << 20);
  if (!FileExists(path)) {
    return FailWithFix(ErrorKind::kNotFound, "check the address's path", "SQLite file {} does not exist", path);
  }
  return std::make_unique<SqliteSource>(path, options, context.stop);
}

}  // namespace nilus::sqlite
