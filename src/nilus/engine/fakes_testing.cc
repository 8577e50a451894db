#include "nilus/engine/fakes_testing.h"

#include <algorithm>

#include "nilus/engine/key_column.h"

namespace nilus {
namespace {

// Compares two canonical texts of a column; both are there.
std::strong_ordering Compare(const Type& type, const std::string& a, const std::string& b) {
  return *CompareScalars(Scalar{type, a}, Scalar{type, b});
}

bool InRange(const KeyRange& range, const Type& type, const std::optional<std::string>& key) {
  if (!key) return range.with_nulls;
  if (range.lower && Compare(type, *key, range.lower->text) < 0) return false;
  if (!range.upper) return true;
  std::strong_ordering order = Compare(type, *key, range.upper->text);
  return order < 0 || (order == 0 && range.upper_inclusive);
}

RecordBatch MakeBatch(const Schema& schema, const std::vector<FakeRow>& rows, size_t begin, size_t end) {
  BatchBuilder builder(std::make_shared<Schema>(schema));
  for (size_t row = begin; row < end; ++row) {
    for (int i = 0; i < schema.size(); ++i) {
      const auto& text = rows[row][static_cast<size_t>(i)];
      text ? static_cast<void>(AppendParsed(*text, &builder.column(i))) : builder.column(i).AppendNull();
    }
    builder.FinishRow();
  }
  return builder.Finish();
}

class MemoryReader : public Reader {
 public:
  MemoryReader(FakeWorld* world, Schema schema, std::vector<FakeRow> rows)
      : world_(world), schema_(std::move(schema)), rows_(std::move(rows)) {}

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Fail(ErrorKind::kCancelled, "stopped");
    if (world_->on_read) world_->on_read();
    NILUS_TRY(world_->faults.Check("source.next"));
    if (at_ >= rows_.size()) return std::optional<Batch>();
    size_t end = std::min(rows_.size(), at_ + static_cast<size_t>(world_->source.batch_rows));
    Batch batch{.rows = MakeBatch(schema_, rows_, at_, end), .table = {}, .position = {}};
    at_ = end;
    return std::optional<Batch>(std::move(batch));
  }

 private:
  FakeWorld* world_;
  Schema schema_;
  std::vector<FakeRow> rows_;
  size_t at_ = 0;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(FakeWorld* world) : world_(world) {}

  Result<TableDescription> Describe(const ReadRequest&) override {
    NILUS_TRY(world_->faults.Check("source.describe"));
    const FakeSource& source = world_->source;
    return TableDescription{.schema = source.knows_schema ? source.table.schema : Schema{},
                            .null_columns = source.table.null_columns,
                            .primary_key = source.table.primary_key,
                            .estimated_rows = static_cast<int64_t>(source.table.rows.size()),
                            .estimated_bytes = std::nullopt};
  }

  Result<ReadPlan> Plan(const ReadRequest& request) override {
    NILUS_TRY(world_->faults.Check("source.plan"));
    FakeSource& source = world_->source;
    source.requests.push_back(request);
    snapshot_ = source.table.rows;
    ReadPlan plan;
    plan.table = TableDescription{.schema = source.knows_schema ? source.table.schema : Schema{},
                                  .null_columns = source.table.null_columns,
                                  .primary_key = source.table.primary_key,
                                  .estimated_rows = std::nullopt,
                                  .estimated_bytes = std::nullopt};
    if (request.range) PushDown(request, &plan);
    if (!request.range && request.limit && source.pushes_down &&
        static_cast<int64_t>(snapshot_.size()) > *request.limit) {
      snapshot_.resize(static_cast<size_t>(*request.limit));
    }
    for (int i = 0; i < source.splits; ++i)
      plan.splits.push_back(Split{.description = "", .payload = std::to_string(i)});
    plan.end = source.end;
    return plan;
  }

  Result<std::unique_ptr<Reader>> Open(const Split& split) override {
    NILUS_TRY(world_->faults.Check("source.open"));
    auto splits = static_cast<size_t>(world_->source.splits);
    size_t index = std::stoul(split.payload);
    size_t begin = snapshot_.size() * index / splits;
    size_t end = snapshot_.size() * (index + 1) / splits;
    return std::unique_ptr<Reader>(
        std::make_unique<MemoryReader>(world_, world_->source.table.schema,
                                       std::vector<FakeRow>(snapshot_.begin() + static_cast<std::ptrdiff_t>(begin),
                                                            snapshot_.begin() + static_cast<std::ptrdiff_t>(end))));
  }

  Status Acknowledge(const Position&) override { return world_->faults.Check("source.acknowledge"); }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

 private:
  void PushDown(const ReadRequest& request, ReadPlan* plan) {
    const FakeSource& source = world_->source;
    auto key = static_cast<size_t>(*source.table.schema.Find(request.range->column));
    const Type& type = source.table.schema.fields[key].type;
    if (source.knows_upper) {
      for (const FakeRow& row : snapshot_) {
        if (!row[key] || !InRange(*request.range, type, row[key])) continue;
        if (!plan->upper || Compare(type, plan->upper->text, *row[key]) < 0) plan->upper = Scalar{type, *row[key]};
      }
    }
    if (!source.pushes_down) return;
    std::erase_if(snapshot_, [&](const FakeRow& row) { return !InRange(*request.range, type, row[key]); });
    if (!request.limit) return;
    std::stable_sort(snapshot_.begin(), snapshot_.end(), [&](const FakeRow& a, const FakeRow& b) {
      if (!a[key] || !b[key]) return a[key].has_value() && !b[key].has_value();
      return Compare(type, *a[key], *b[key]) < 0;
    });
    if (static_cast<int64_t>(snapshot_.size()) > *request.limit) snapshot_.resize(static_cast<size_t>(*request.limit));
  }

  FakeWorld* world_;
  std::vector<FakeRow> snapshot_;
};

struct Staged {
  WriteRequest request;
  Schema schema;
  std::vector<FakeRow> rows;
};

class MemoryWriter : public Writer {
 public:
  MemoryWriter(FakeWorld* world, Staged* staged) : world_(world), staged_(staged) {
    ++world_->destination.open_writers;
  }
  ~MemoryWriter() override { --world_->destination.open_writers; }

  Status Write(RecordBatch batch) override {
    if (world_->on_write) world_->on_write();
    NILUS_TRY(world_->faults.Check("sink.write"));
    ++world_->destination.writes;
    Schema& schema = staged_->schema;
    for (const Field& field : batch.schema()->fields) {
      if (!schema.Find(field.name)) schema.fields.push_back(field);
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      FakeRow texts(schema.fields.size());
      for (int i = 0; i < schema.size(); ++i) {
        std::optional<int> at = batch.schema()->Find(schema.fields[static_cast<size_t>(i)].name);
        if (at && !batch.column(*at).IsNull(row)) texts[static_cast<size_t>(i)] = ScalarAt(batch.column(*at), row).text;
      }
      staged_->rows.push_back(std::move(texts));
    }
    return {};
  }

  Result<Receipt> Finish() override {
    NILUS_TRY(world_->faults.Check("sink.finish"));
    return Receipt{.table = staged_->request.table,
                   .rows = static_cast<int64_t>(staged_->rows.size()),
                   .files = 0,
                   .bytes = 0,
                   .misfits = world_->destination.misfits};
  }

 private:
  FakeWorld* world_;
  Staged* staged_;
};

class MemorySink : public Sink {
 public:
  explicit MemorySink(FakeWorld* world) : world_(world) {}

  Result<std::optional<CommittedState>> Committed(const PipelineId& pipeline) override {
    NILUS_TRY(world_->faults.Check("sink.committed"));
    auto found = world_->destination.states.find(pipeline.value);
    if (found == world_->destination.states.end()) return std::optional<CommittedState>();
    CommittedState state = found->second;
    if (world_->bugs.unknown_is_failed) state.load_id = "";
    return std::optional<CommittedState>(std::move(state));
  }
  Result<bool> WasCommitted(const PipelineId& pipeline, const std::string& load_id) override {
    NILUS_TRY(world_->faults.Check("sink.was_committed"));
    if (world_->bugs.unknown_is_failed) return false;
    if (world_->unanswered_looks > 0) {
      --world_->unanswered_looks;
      return Fail(ErrorKind::kTransient, "the server is starting up");
    }
    auto found = world_->destination.loads.find(load_id);
    return found != world_->destination.loads.end() && found->second == pipeline.value;
  }
  Result<std::optional<Schema>> Describe(const TableName& table) override {
    NILUS_TRY(world_->faults.Check("sink.describe"));
    auto found = world_->destination.tables.find(table.ToString());
    if (found == world_->destination.tables.end()) return std::optional<Schema>();
    return std::optional<Schema>(found->second.schema);
  }
  Result<std::vector<std::string>> Explain(const WriteRequest& request) override {
    return std::vector<std::string>{"CREATE TABLE " + request.table.ToString()};
  }
  Result<std::unique_ptr<Writer>> Open(const WriteRequest& request) override {
    NILUS_TRY(world_->faults.Check("sink.open"));
    staged_.push_back(std::make_unique<Staged>(Staged{.request = request, .schema = *request.schema, .rows = {}}));
    return std::unique_ptr<Writer>(std::make_unique<MemoryWriter>(world_, staged_.back().get()));
  }
  Result<CommitResult> Commit(const CommitRequest& request) override {
    FakeFault fault = world_->faults.Pass("sink.commit");
    FakeDestination& destination = world_->destination;
    auto found = destination.states.find(request.pipeline.value);
    CommittedState state = found == destination.states.end() ? CommittedState{} : found->second;
    if (world_->bugs.position_before_rows) {
      state.position = request.position;
      destination.states[request.pipeline.value] = state;
    }
    switch (fault) {
      case FakeFault::kTransient:
        return Fail(ErrorKind::kTransient, "connection reset");
      case FakeFault::kFatal:
      case FakeFault::kDead:
        return Fail(ErrorKind::kData, "cut off");
      case FakeFault::kUnknownLost:
        return Fail(Unknown(), "no answer");
      case FakeFault::kConflict:
        ++state.version;
        state.load_id = "somebody else";
        destination.states[request.pipeline.value] = state;
        break;
      default:
        break;
    }
    if (state.version != request.expected_version) return Fail(ErrorKind::kConflict, "somebody else committed");
    for (auto& staged : staged_) Apply(*staged, request);
    state = CommittedState{.version = state.version + 1, .load_id = request.load_id, .position = request.position};
    destination.states[request.pipeline.value] = state;
    destination.loads[request.load_id] = request.pipeline.value;
    if (world_->on_committed) world_->on_committed();
    if (fault == FakeFault::kUnknownApplied || fault == FakeFault::kUnknownThenDead)
      return Fail(Unknown(), "no answer");
    return CommitResult{.version = state.version};
  }
  Result<std::vector<CheckItem>> Check() override { return std::vector<CheckItem>(); }

 private:
  ErrorKind Unknown() const {
    return world_->bugs.unknown_is_failed ? ErrorKind::kTransient : ErrorKind::kUnknownOutcome;
  }

  static std::string KeyOf(const Schema& schema, const FakeRow& row, const std::vector<std::string>& key) {
    std::string text;
    for (const std::string& column : key) text += row[static_cast<size_t>(*schema.Find(column))].value_or("NULL") + "|";
    return text;
  }

  void Apply(const Staged& staged, const CommitRequest& commit) {
    FakeDestination::Table& table = world_->destination.tables[staged.request.table.ToString()];
    if (staged.request.strategy == WriteStrategy::kReplace || staged.request.full_refresh) table = {};
    for (const Field& field : staged.schema.fields) {
      if (!table.schema.Find(field.name)) table.schema.fields.push_back(field);
    }
    for (FakeRow& row : table.rows) row.resize(table.schema.fields.size());
    if (staged.request.strategy == WriteStrategy::kDeleteInsert && commit.interval) {
      auto key = static_cast<size_t>(*table.schema.Find(commit.interval->column));
      const Type& type = table.schema.fields[key].type;
      std::erase_if(table.rows, [&](const FakeRow& row) { return InRange(*commit.interval, type, row[key]); });
    }
    for (const FakeRow& from : staged.rows) {
      FakeRow row(table.schema.fields.size());
      for (size_t i = 0; i < from.size(); ++i)
        row[static_cast<size_t>(*table.schema.Find(staged.schema.fields[i].name))] = from[i];
      if (staged.request.strategy == WriteStrategy::kMerge) {
        Upsert(staged.request, &table, std::move(row));
      } else {
        table.rows.push_back(std::move(row));
      }
    }
  }

  static void Upsert(const WriteRequest& request, FakeDestination::Table* table, FakeRow row) {
    std::string key = KeyOf(table->schema, row, request.primary_key);
    for (FakeRow& there : table->rows) {
      if (KeyOf(table->schema, there, request.primary_key) != key) continue;
      there = std::move(row);
      return;
    }
    table->rows.push_back(std::move(row));
  }

  FakeWorld* world_;
  std::vector<std::unique_ptr<Staged>> staged_;
};

std::vector<std::string> Sorted(const Schema& schema, const std::vector<FakeRow>& rows,
                                const std::vector<std::string>& columns) {
  std::vector<std::string> result;
  for (const FakeRow& row : rows) {
    std::string text;
    for (const std::string& column : columns) {
      std::optional<int> at = schema.Find(column);
      text += (at ? row[static_cast<size_t>(*at)].value_or("NULL") : "-") + " ";
    }
    text.pop_back();
    result.push_back(std::move(text));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace

void FakeFaults::Arm(int64_t nth, FakeFault fault) {
  std::lock_guard lock(mutex_);
  trace_.clear();
  nth_ = nth;
  fault_ = fault;
  dead_ = false;
}

FakeFault FakeFaults::Pass(std::string_view call) {
  std::lock_guard lock(mutex_);
  if (dead_) return FakeFault::kDead;
  bool is_due = static_cast<int64_t>(trace_.size()) == nth_;
  trace_.emplace_back(call);
  if (!is_due) return FakeFault::kNone;
  if (fault_ == FakeFault::kDead || fault_ == FakeFault::kUnknownThenDead) dead_ = true;
  return fault_;
}

Status FakeFaults::Check(std::string_view call) {
  switch (Pass(call)) {
    case FakeFault::kNone:
      return {};
    case FakeFault::kTransient:
      return Fail(ErrorKind::kTransient, "{} was reset", call);
    default:
      return Fail(ErrorKind::kData, "{} was cut off", call);
  }
}

int64_t FakeFaults::calls() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(trace_.size());
}

std::vector<std::string> FakeFaults::trace() const {
  std::lock_guard lock(mutex_);
  return trace_;
}

std::unique_ptr<Source> OpenFakeSource(FakeWorld* world) { return std::make_unique<MemorySource>(world); }
std::unique_ptr<Sink> OpenFakeSink(FakeWorld* world) { return std::make_unique<MemorySink>(world); }

BatchJob FakeWorld::MakeJob() {
  BatchJob job;
  job.pipeline = PipelineId{.value = "public/test:raw.t", .state_schema = "raw"};
  job.name = "test";
  job.source_display = "fake://source";
  job.sink_display = "fake://sink";
  job.source_table = "t";
  job.table = TableName{.schema = "raw", .name = "t"};
  job.open_source = [this](std::stop_token) -> Result<std::unique_ptr<Source>> {
    NILUS_TRY(faults.Check("source.connect"));
    return OpenFakeSource(this);
  };
  job.open_sink = [this](std::stop_token) -> Result<std::unique_ptr<Sink>> {
    NILUS_TRY(faults.Check("sink.connect"));
    return OpenFakeSink(this);
  };
  return job;
}

std::vector<std::string> FakeWorld::Rows(const std::vector<std::string>& columns) const {
  auto found = destination.tables.find("raw.t");
  if (found == destination.tables.end()) return {};
  return Sorted(found->second.schema, found->second.rows, columns);
}

std::vector<std::string> FakeWorld::SourceRows(const std::vector<std::string>& columns) const {
  return Sorted(source.table.schema, source.table.rows, columns);
}

RunOptions QuickOptions(int max_attempts) {
  RunOptions options;
  options.retry = RetryPolicy{.max_attempts = max_attempts,
                              .first_delay = std::chrono::milliseconds(0),
                              .max_delay = std::chrono::milliseconds(0),
                              .total_budget = std::chrono::minutes(1)};
  options.commit_lookup = options.retry;
  return options;
}

}  // namespace nilus
