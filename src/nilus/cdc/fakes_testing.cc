#include "nilus/cdc/fakes_testing.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "nilus/cdc/position.h"
#include "nilus/data/builder.h"
#include "nilus/data/scalar.h"

namespace nilus {
namespace {

constexpr const char* kSchema = "public";

void AppendCell(const std::optional<std::string>& text, ColumnBuilder* column) {
  if (!text || !AppendParsed(*text, column)) column->AppendNull();
}

RecordBatch MakeRows(const Schema& schema, const std::vector<FakeRow>& rows) {
  BatchBuilder builder(std::make_shared<Schema>(schema));
  for (const FakeRow& row : rows) {
    for (int i = 0; i < schema.size(); ++i) {
      AppendCell(static_cast<size_t>(i) < row.size() ? row[static_cast<size_t>(i)] : std::nullopt, &builder.column(i));
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

std::strong_ordering CompareKeys(const Type& type, const std::string& a, const std::string& b) {
  return *CompareScalars(Scalar{type, a}, Scalar{type, b});
}

// ---- the source ----

class RowsReader : public Reader {
 public:
  RowsReader(FakeCapture* world, Schema schema, std::vector<FakeRow> rows)
      : world_(world), schema_(std::move(schema)), rows_(std::move(rows)) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    NILUS_TRY(world_->faults.Check("reader.next"));
    if (at_ >= rows_.size()) return std::optional<Batch>();
    const size_t end = std::min(rows_.size(), at_ + 3);
    Batch batch{.rows = MakeRows(schema_, {rows_.begin() + static_cast<std::ptrdiff_t>(at_),
                                           rows_.begin() + static_cast<std::ptrdiff_t>(end)}),
                .table = {},
                .position = {}};
    at_ = end;
    return std::optional<Batch>(std::move(batch));
  }

 private:
  FakeCapture* world_;
  Schema schema_;
  std::vector<FakeRow> rows_;
  size_t at_ = 0;
};

class FakeView : public SnapshotView {
 public:
  FakeView(FakeCapture* world, uint64_t at) : world_(world), at_(at), state_(world->log.StateAt(at)) {}

  LogPosition at() const override { return {at_, 0}; }

  Result<CapturedTable> Describe(const std::string&, const std::string& table) override {
    NILUS_TRY(world_->faults.Check("view.describe"));
    return world_->log.ShapeAt(table, at_);
  }

  Result<std::unique_ptr<Reader>> Open(const SnapshotChunk& chunk) override {
    NILUS_TRY(world_->faults.Check("view.open"));
    const CapturedTable shape = world_->log.ShapeAt(chunk.table, at_);
    std::vector<FakeRow> rows;
    for (const FakeRow& row : Sorted(chunk.table)) {
      if (!chunk.above.empty() && Compare(shape, row, chunk.above) <= 0) continue;
      if (!chunk.up_to.empty() && Compare(shape, row, chunk.up_to) > 0) continue;
      rows.push_back(row);
    }
    return std::unique_ptr<Reader>(std::make_unique<RowsReader>(world_, shape.columns, std::move(rows)));
  }

  Result<std::vector<SnapshotChunk>> Plan(const CapturedTable& table, const std::string& above, int64_t rows) override {
    NILUS_TRY(world_->faults.Check("view.plan"));
    std::vector<SnapshotChunk> chunks;
    SnapshotChunk chunk{.schema = kSchema, .table = table.name, .above = above, .up_to = {}};
    int64_t count = 0;
    for (const FakeRow& row : Sorted(table.name)) {
      if (!above.empty() && Compare(table, row, above) <= 0) continue;
      if (++count < rows) continue;
      chunk.up_to = nlohmann::json::array({*row[0]}).dump();
      chunks.push_back(chunk);
      chunk.above = chunk.up_to;
      chunk.up_to.clear();
      count = 0;
    }
    chunks.push_back(chunk);
    return chunks;
  }

 private:
  static std::strong_ordering Compare(const CapturedTable& table, const FakeRow& row, const std::string& bound) {
    return CompareKeys(table.columns.fields[0].type, *row[0], nlohmann::json::parse(bound)[0].get<std::string>());
  }
  std::vector<FakeRow> Sorted(const std::string& table) const {
    std::vector<FakeRow> rows;
    auto found = state_.find(table);
    if (found == state_.end()) return rows;
    for (const auto& [key, row] : found->second) rows.push_back(row);
    const Type type = world_->log.ShapeAt(table, at_).columns.fields[0].type;
    std::sort(rows.begin(), rows.end(),
              [&](const FakeRow& a, const FakeRow& b) { return CompareKeys(type, *a[0], *b[0]) < 0; });
    return rows;
  }

  FakeCapture* world_;
  uint64_t at_;
  std::map<std::string, FakeLog::Rows> state_;
};

class FakeStream : public ChangeReader {
 public:
  FakeStream(FakeCapture* world, uint64_t from) : world_(world), complete_(from) {}

  Result<ChangeChunk> Next(int64_t max_rows, int64_t, std::chrono::milliseconds, std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    if (world_->on_call) world_->on_call();
    NILUS_TRY(world_->faults.Check("stream.next"));
    if (waiting_.empty()) {
      waiting_ = world_->log.Behind(complete_);
      at_change_ = 0;
    }
    ChangeChunk chunk;
    int64_t rows = 0;
    const auto most = static_cast<int64_t>(1 + world_->Random(static_cast<uint64_t>(std::min<int64_t>(max_rows, 7))));
    while (!waiting_.empty()) {
      const FakeTransaction& transaction = waiting_.front();
      while (at_change_ < transaction.changes.size() && (rows < most || !world_->splits_transactions)) {
        const size_t index = at_change_++;
        if (transaction.changes[index].is_hidden) continue;
        Add(transaction, index, &chunk);
        ++rows;
      }
      if (at_change_ < transaction.changes.size()) {
        chunk.ends_inside = true;
        break;
      }
      complete_ = transaction.position;
      waiting_.erase(waiting_.begin());
      at_change_ = 0;
      if (rows >= most) break;
    }
    chunk.complete = {complete_, 0};
    chunk.head = {world_->log.end(), 0};
    if (rows == 0) std::this_thread::yield();
    return chunk;
  }

 private:
  // As PostgreSQL's log does: before the first change of a table that has another shape than the last one told.
  void Tell(const FakeTransaction& transaction, const CapturedTable& shape, ChangeChunk* chunk) {
    auto [told, is_first] = told_.try_emplace(shape.name, shape);
    if (!is_first && told->second.id == shape.id && told->second.columns == shape.columns) return;
    told->second = shape;
    chunk->schemas.push_back(SchemaEvent{.at = {transaction.position, 0}, .table = shape});
  }
  void Add(const FakeTransaction& transaction, size_t index, ChangeChunk* chunk) {
    const FakeChange& change = transaction.changes[index];
    const CapturedTable shape = world_->log.ShapeAt(change.table, transaction.position);
    if (change.lacks != Lack::kNothing) {
      chunk->schemas.push_back({{transaction.position, 0}, shape, change.lacks, "some are lacking"});
      return;
    }
    Tell(transaction, shape, chunk);
    ChangeBatch batch{.schema = kSchema,
                      .table = change.table,
                      .key = shape.key,
                      .rows = MakeRows(shape.columns, {change.row}),
                      .ops = {change.op},
                      .positions = {{transaction.position, 0}},
                      .change_lsns = {transaction.position - transaction.changes.size() + index},
                      .transactions = {static_cast<int64_t>(transaction.position)},
                      .committed_at = {1'700'000'000'000'000},
                      .sequence = {static_cast<int64_t>(index)}};
    if (change.old_key) {
      batch.old_rows = MakeRows(shape.columns, {*change.old_key});
      batch.old_of = {0};
    }
    for (int column : change.unchanged) batch.unchanged[column] = {1};
    chunk->batches.push_back(std::move(batch));
  }

  FakeCapture* world_;
  uint64_t complete_;
  std::vector<FakeTransaction> waiting_;
  size_t at_change_ = 0;
  std::map<std::string, CapturedTable> told_;
};

class FakeChangeSource : public ChangeSource {
 public:
  explicit FakeChangeSource(FakeCapture* world) : world_(world) {}

  Result<CaptureStart> Start(const CaptureRequest& request, const std::optional<CommittedLog>& committed) override {
    NILUS_TRY(world_->faults.Check("source.start"));
    FakeLog& log = world_->log;
    CaptureStart start{.tables = log.tables(), .database = "fake", .identity = "log " + std::to_string(log.generation)};
    if (committed) {
      start.from = committed->at;
      if (!log.slot) start.lost = "the slot is gone";
      if (log.slot && *log.slot > committed->at.major) start.lost = "the slot is ahead";
      if (committed->identity != start.identity) start.lost = "it is another server";
      auto mode = request.properties.find("snapshot.mode");
      const bool replaces =
          mode != request.properties.end() && (mode->second == "when_needed" || mode->second == "always");
      for (const std::string& table : std::exchange(log.unpublished, {})) {
        const std::string name = std::string(kSchema) + "." + table;
        if (!committed->tables.contains(name)) continue;
        start.gaps.insert(name);
        if (committed->replaceable.contains(name)) continue;
        log.unpublished.insert(table);
        return Fail(ErrorKind::kData, "table {} was not published for a while", name);
      }
      for (const auto& [loaded, ids] : committed->tables) {
        const std::string& name = loaded;
        const auto has_name = [&](const CapturedTable& table) { return name == kSchema + ("." + table.name); };
        if (std::none_of(start.tables.begin(), start.tables.end(), has_name)) start.vanished.insert(name);
      }
      start.vanished_before = {log.end(), 0};
      if (start.lost.empty() || !replaces) return start;
      log.slot.reset();
    }
    is_new_ = !log.slot.has_value();
    made_ = is_new_;
    if (is_new_) log.slot = log.end();
    start.from = {*log.slot, 0};
    first_view_ = *log.slot;
    return start;
  }
  Status Undo() override {
    if (made_) world_->log.slot.reset();
    return {};
  }
  Result<std::unique_ptr<SnapshotView>> View() override {
    if (world_->on_call) world_->on_call();
    NILUS_TRY(world_->faults.Check("source.view"));
    if (!is_new_ && world_->holds_view && world_->holds_view()) return std::unique_ptr<SnapshotView>();
    uint64_t at = is_new_ ? first_view_ : world_->log.end();
    if (world_->delays_views && !is_new_) {
      if (!asked_at_) asked_at_ = at;
      if (world_->Random(3) != 0) return std::unique_ptr<SnapshotView>();
      if (world_->Random(3) == 0) at = *asked_at_;
      asked_at_.reset();
    }
    is_new_ = false;
    return std::unique_ptr<SnapshotView>(std::make_unique<FakeView>(world_, at));
  }
  Result<std::unique_ptr<ChangeReader>> Stream(const LogPosition& from) override {
    NILUS_TRY(world_->faults.Check("source.stream"));
    if (world_->log.slot && *world_->log.slot > from.major)
      return Fail(ErrorKind::kInternal, "the stream begins before what is confirmed");
    return std::unique_ptr<ChangeReader>(std::make_unique<FakeStream>(world_, from.major));
  }
  Status Acknowledge(const LogPosition& durable) override {
    NILUS_TRY(world_->faults.Check("source.acknowledge"));
    if (world_->CommittedAt().value_or(0) < durable.major)
      return Fail(ErrorKind::kInternal, "confirmed before it is durable");
    world_->log.slot = durable.major;
    return {};
  }
  Result<CaptureStatus> AskStatus(const CaptureRequest&, const std::optional<CommittedLog>&) override {
    return CaptureStatus{};
  }
  Result<std::vector<CapturedTable>> Tables(const CaptureRequest&) override { return world_->log.tables(); }
  Result<std::vector<CheckItem>> Check(const CaptureRequest&) override { return std::vector<CheckItem>(); }
  Status Drop(const CaptureRequest&) override {
    world_->log.slot.reset();
    return {};
  }
  std::string Format(const LogPosition& position) const override { return std::to_string(position.major); }

 private:
  FakeCapture* world_;
  bool is_new_ = false;
  bool made_ = false;
  uint64_t first_view_ = 0;
  std::optional<uint64_t> asked_at_;  // of a view that is to come: the first place that it may be of
};

// ---- the sink ----

using StoredRow = std::map<std::string, std::string>;

struct Staged {
  WriteRequest request;
  Schema schema;
  std::vector<StoredRow> rows;
};

class StagingWriter : public Writer {
 public:
  StagingWriter(FakeCapture* world, Staged* staged) : world_(world), staged_(staged) {}
  Status Write(RecordBatch batch) override {
    NILUS_TRY(world_->faults.Check("writer.write"));
    for (const Field& field : batch.schema()->fields) {
      if (!staged_->schema.Find(field.name)) staged_->schema.fields.push_back(field);
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      StoredRow stored;
      for (int i = 0; i < batch.schema()->size(); ++i) {
        const Field& field = batch.schema()->fields[static_cast<size_t>(i)];
        if (!batch.column(i).IsNull(row)) stored[field.name] = ScalarAt(batch.column(i), row).text;
      }
      staged_->rows.push_back(std::move(stored));
    }
    return {};
  }
  Result<Receipt> Finish() override {
    NILUS_TRY(world_->faults.Check("writer.finish"));
    return Receipt{.table = staged_->request.table, .rows = static_cast<int64_t>(staged_->rows.size())};
  }

 private:
  FakeCapture* world_;
  Staged* staged_;
};

class ChangeSink : public Sink {
 public:
  explicit ChangeSink(FakeCapture* world) : world_(world) {}

  Result<std::optional<CommittedState>> Committed(const PipelineId&) override {
    NILUS_TRY(world_->faults.Check("sink.committed"));
    return world_->store.state;
  }
  Result<bool> WasCommitted(const PipelineId&, const std::string& load_id) override {
    return world_->store.loads.contains(load_id);
  }
  Result<std::optional<Schema>> Describe(const TableName& table) override {
    NILUS_TRY(world_->faults.Check("sink.describe"));
    auto found = world_->store.tables.find(table.ToString());
    if (found == world_->store.tables.end()) return std::optional<Schema>();
    return std::optional<Schema>(found->second.schema);
  }
  Result<std::vector<std::string>> Explain(const WriteRequest&) override { return std::vector<std::string>(); }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    NILUS_TRY(world_->faults.Check("sink.open"));
    if (request.must_exist && !world_->store.tables.contains(request.table.ToString()))
      return Failure(TableIsGone(request.table));
    staged_.push_back(std::make_unique<Staged>(Staged{.request = request, .schema = *request.schema}));
    return std::unique_ptr<Writer>(std::make_unique<StagingWriter>(world_, staged_.back().get()));
  }
  Result<CommitResult> Commit(const CommitRequest& request) override {
    const FakeFault fault = world_->faults.Pass("sink.commit");
    if (fault == FakeFault::kTransient) return Fail(ErrorKind::kTransient, "connection reset");
    if (fault == FakeFault::kFatal || fault == FakeFault::kDead) return Fail(ErrorKind::kData, "cut off");
    if (fault == FakeFault::kUnknownLost) return Fail(ErrorKind::kUnknownOutcome, "no answer");
    if (fault == FakeFault::kConflict) return Fail(ErrorKind::kConflict, "somebody else committed");
    FakeStore& store = world_->store;
    const int64_t version = store.state ? store.state->version : 0;
    if (version != request.expected_version) return Fail(ErrorKind::kConflict, "somebody else committed");
    CommitResult result{.version = version + 1};
    for (auto& staged : staged_) {
      CommitResult counts;
      NILUS_TRY(Apply(*staged, &counts));
      result.Add(staged->request.table, counts);
    }
    staged_.clear();
    store.state = CommittedState{.version = version + 1, .load_id = request.load_id, .position = request.position};
    store.loads.insert(request.load_id);
    if (world_->on_commit) world_->on_commit();
    if (fault == FakeFault::kUnknownApplied || fault == FakeFault::kUnknownThenDead)
      return Fail(ErrorKind::kUnknownOutcome, "no answer");
    return result;
  }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

 private:
  static std::string KeyOf(const WriteRequest& request, const StoredRow& row) {
    std::string key;
    for (const std::string& column : request.primary_key) {
      auto value = row.find(column);
      if (value != row.end()) key += value->second + "|";
    }
    return key;
  }

  Status Apply(const Staged& staged, CommitResult* counts) {
    FakeStore::Table& table = world_->store.tables[staged.request.table.ToString()];
    for (const Field& field : staged.schema.fields) {
      if (!table.schema.Find(field.name) && field.name != kRemovedColumn && field.name != kUnchangedColumn &&
          field.name != kMovedColumn) {
        table.schema.fields.push_back(field);
      }
    }
    if (staged.request.strategy == WriteStrategy::kAppend) {
      table.appended.insert(table.appended.end(), staged.rows.begin(), staged.rows.end());
      return {};
    }
    StoredRow gone;  // what the change before removed
    for (StoredRow row : staged.rows) {
      const bool is_removed = row[std::string(kRemovedColumn)] == "true";
      const bool is_moved = row[std::string(kMovedColumn)] == "true";
      const std::string unchanged = row[std::string(kUnchangedColumn)];
      for (std::string_view mark : {kRemovedColumn, kMovedColumn, kUnchangedColumn}) row.erase(std::string(mark));
      const std::string key = KeyOf(staged.request, row);
      if (is_removed && key.empty()) {
        table.rows.clear();
        continue;
      }
      if (key.empty()) return Fail(ErrorKind::kData, "a key is NULL");
      if (is_removed) {
        gone = table.rows[key];
        table.rows.erase(key);
        continue;
      }
      if (!unchanged.empty()) {
        const bool is_known = is_moved ? !gone.empty() : table.rows.contains(key);
        if (!is_known && !staged.request.may_lack_rows) return Fail(ErrorKind::kData, "no row has what is not known");
        if (!is_known) counts->unknown_columns.insert(unchanged);
        const StoredRow before = is_moved ? gone : table.rows[key];
        for (size_t from = 0; from < unchanged.size();) {
          const size_t end = std::min(unchanged.find('\n', from), unchanged.size());
          const std::string column = unchanged.substr(from, end - from);
          if (auto value = before.find(column); value != before.end()) row[column] = value->second;
          from = end + 1;
        }
      }
      table.rows[key] = std::move(row);
    }
    return {};
  }

  FakeCapture* world_;
  std::vector<std::unique_ptr<Staged>> staged_;
};

}  // namespace

// ---- both ----

uint64_t FakeCapture::Random(uint64_t below) {
  random = random * 6364136223846793005ULL + 1442695040888963407ULL;
  return (random >> 33U) % below;
}

CdcJob FakeCapture::MakeJob(std::map<std::string, std::string> properties) {
  CdcJob job;
  job.pipeline = PipelineId{.value = "public/test:raw", .state_schema = "raw"};
  job.name = "test";
  job.schema = "raw";
  properties.emplace("topic.prefix", "shop");
  std::vector<std::string> notices;
  Result<CdcProperties> read = ReadProperties(properties, &notices);
  if (read) job.properties = *read;
  job.capture.properties = std::move(properties);
  job.merges = true;
  job.idle_commit_interval = std::chrono::milliseconds(0);
  job.flush_rows = 10;
  job.chunk_rows = 4;
  job.increment_rows = 3;
  job.open_source = [this](std::stop_token) -> Result<std::unique_ptr<ChangeSource>> {
    NILUS_TRY(faults.Check("source.connect"));
    return std::unique_ptr<ChangeSource>(std::make_unique<FakeChangeSource>(this));
  };
  job.open_sink = [this](std::stop_token) -> Result<std::unique_ptr<Sink>> {
    NILUS_TRY(faults.Check("sink.connect"));
    return std::unique_ptr<Sink>(std::make_unique<ChangeSink>(this));
  };
  return job;
}

std::optional<uint64_t> FakeCapture::CommittedAt() const {
  if (!store.state) return std::nullopt;
  Result<CdcPosition> position = ParseCdcPosition(store.state->position);
  return position ? std::optional(position->at.major) : std::nullopt;
}

bool FakeCapture::IsSnapshotDone() const {
  if (!store.state) return false;
  Result<CdcPosition> position = ParseCdcPosition(store.state->position);
  return position && position->pending.empty();
}

namespace {

FakeRow OwnColumns(const CapturedTable& table, const StoredRow& stored) {
  FakeRow row(table.columns.fields.size());
  for (size_t i = 0; i < row.size(); ++i) {
    auto value = stored.find(table.columns.fields[i].name);
    if (value != stored.end()) row[i] = value->second;
  }
  return row;
}

}  // namespace

FakeLog::Rows FakeCapture::Merged(const std::string& table) const {
  FakeLog::Rows rows;
  auto found = store.tables.find("raw.shop_public_" + table);
  if (found == store.tables.end()) return rows;
  const CapturedTable shape = log.ShapeAt(table, log.end());
  for (const auto& [key, stored] : found->second.rows) {
    FakeRow row = OwnColumns(shape, stored);
    const std::string own_key = row[0].value_or("");
    rows[own_key] = std::move(row);
  }
  return rows;
}

FakeLog::Rows FakeCapture::Replayed(const std::string& table) const {
  FakeLog::Rows rows;
  auto found = store.tables.find("raw.shop_public_" + table);
  if (found == store.tables.end()) return rows;
  const CapturedTable shape = log.ShapeAt(table, log.end());
  FakeRow gone;
  for (StoredRow stored : found->second.appended) {
    const std::string op = stored["_op"];
    FakeRow row = OwnColumns(shape, stored);
    if (op == "t") {
      rows.clear();
      continue;
    }
    const std::string key = row[0].value_or("");
    if (op == "d") {
      gone = rows[key];
      rows.erase(key);
      continue;
    }
    const std::string unchanged = "," + stored["_unchanged"] + ",";
    const FakeRow before = op == "c" ? gone : rows[key];
    for (size_t i = 0; i < row.size() && i < before.size(); ++i) {
      if (unchanged.find("," + shape.columns.fields[i].name + ",") != std::string::npos) row[i] = before[i];
    }
    rows[key] = std::move(row);
  }
  return rows;
}

}  // namespace nilus
