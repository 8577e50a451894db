#include "nilus/engine/nesting.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "nilus/rows/masker.h"

namespace nilus {
namespace {

Schema WithId(Schema schema) {
  schema.fields.push_back(RowIdFields().back());
  return schema;
}

// The survey of all splits, on several threads: the order in which they are merged is of no account.
class SurveyRun {
 public:
  // `most_rows`: the load takes no more; there is one reader then, and the rows come in the order of the load.
  SurveyRun(Preparation& prepared, UnnestOptions options, std::optional<int64_t> most_rows, std::stop_token stop)
      : prepared_(prepared),
        options_(std::move(options)),
        most_rows_(most_rows),
        stop_(std::move(stop)),
        survey_(options_) {}

  Result<NestingSurvey> Run(int readers) {
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < std::max(readers, 1); ++i) threads.emplace_back([this] { Work(); });
    }
    if (!status_) return Failure(status_.error());
    return std::move(survey_);
  }

 private:
  void Work() {
    NestingSurvey seen(options_);
    Masker masker(prepared_.masking);
    Normalizer normalizer(*prepared_.shape);
    Status status;
    try {
      while (status && !is_over_) {
        const size_t index = next_++;
        if (index >= prepared_.plan.splits.size()) break;
        status = ReadSplit(prepared_.plan.splits[index], &masker, &normalizer, &seen);
      }
    } catch (const std::bad_alloc&) {
      status = Fail(ErrorKind::kExhausted, "memory ran out");
    }
    std::lock_guard lock(mutex_);
    if (status && status_) status = survey_.Merge(seen);
    if (!status && status_) status_ = std::move(status);
    if (!status_) is_over_ = true;
  }

  Status ReadSplit(const Split& split, Masker* masker, Normalizer* normalizer, NestingSurvey* seen) {
    NILUS_ASSIGN(std::unique_ptr<Reader> reader, prepared_.source->Open(split));
    while (!is_over_) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(stop_));
      if (!batch) break;
      NILUS_ASSIGN(RecordBatch masked, masker->Apply(WithoutRowIds(batch->rows)));
      NILUS_ASSIGN(NormalizedBatch normalized, normalizer->Normalize(masked));
      NILUS_TRY(seen->Observe(normalized.rows));
      rows_ += batch->rows.num_rows();
      if (most_rows_ && rows_ >= *most_rows_) is_over_ = true;
    }
    return {};
  }

  Preparation& prepared_;
  const UnnestOptions options_;
  const std::optional<int64_t> most_rows_;
  const std::stop_token stop_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> is_over_{false};
  std::atomic<int64_t> rows_{0};
  std::mutex mutex_;
  NestingSurvey survey_;
  Status status_;
};

}  // namespace

UnnestOptions NestedLoad::OptionsOf(const BatchJob& job) {
  UnnestOptions options{.table = job.table.name,
                        .max_nesting = job.max_nesting,
                        .naming = job.naming,
                        .identifier_limit = job.identifier_limit,
                        .page_rows = job.page_rows,
                        .batch_bytes = job.memory.batch_bytes};
  for (const PinnedType& hint : job.hints) {
    if (hint.type.id == TypeId::kJson) options.keep.push_back(NormalizePath(hint.column, job.naming, 0));
  }
  return options;
}

Result<NestingSurvey> NestedLoad::Survey(const BatchJob& job, Preparation& prepared, int readers,
                                         const std::stop_token& stop) {
  // With an incremental_key it is a matter of the rows which of them count.
  const std::optional<int64_t> most_rows = job.incremental_key.empty() ? job.row_limit : std::nullopt;
  return SurveyRun(prepared, OptionsOf(job), most_rows, stop).Run(readers);
}

Result<std::unique_ptr<NestedLoad>> NestedLoad::Make(const BatchJob& job, const NestingSurvey& survey,
                                                     const NestingInputs& inputs) {
  std::unique_ptr<NestedLoad> load(new NestedLoad());
  load->contract_ = job.contract;
  load->numbers_roots_ = inputs.write->strategy == WriteStrategy::kMerge && !inputs.write->key_is_unique;
  NILUS_ASSIGN(load->plan_, UnnestPlan::Create(WithId(inputs.shape->schema()), survey, OptionsOf(job)));
  for (const UnnestTable& planned : load->plan_->tables()) NILUS_TRY(load->AddTable(job, planned, inputs));
  NILUS_TRY(load->AddKnownTables(job, inputs));
  load->tables_.front().request.has_children = load->tables_.size() > 1;
  const auto root = std::make_shared<WriteRequest>(load->tables_.front().request);
  for (size_t i = 1; i < load->tables_.size(); ++i) load->tables_[i].request.root = root;
  return load;
}

void NestedLoad::AddRootNumber(Schema* schema) const {
  if (!numbers_roots_) return;
  schema->fields.push_back(Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)});
}

WriteRequest NestedLoad::ChildRequest(const NestingInputs& inputs, const TableName& name) const {
  WriteRequest request = *inputs.write;
  request.load_id = inputs.load_id;
  request.table = name;
  request.primary_key.clear();
  request.incremental_key.clear();
  request.partition_by.clear();
  request.cluster_by.clear();
  return request;
}

Status NestedLoad::AddTable(const BatchJob& job, const UnnestTable& planned, const NestingInputs& inputs) {
  const bool is_main = planned.parent < 0;
  NestedTable table{.name = TableName{.schema = job.table.schema, .name = planned.name}, .path = planned.path};
  const WriteRequest& write = *inputs.write;
  const bool makes_anew = write.strategy == WriteStrategy::kReplace || write.full_refresh;
  const bool keeps_schema = !makes_anew || (job.contract != Contract::kEvolve && !write.full_refresh);
  if (keeps_schema) {
    NILUS_ASSIGN(table.there, inputs.sink->Describe(table.name));
  }
  table.is_refused = !is_main && !table.there && tables_.front().there && job.contract != Contract::kEvolve;
  if (table.is_refused && job.contract == Contract::kFreeze) {
    return FailWithFix(
        ErrorKind::kData, "keep it as json with a type hint, or use another schema_contract (evolve adds the table)",
        "schema_contract freeze: the array {} of the source has no table {}", planned.path, table.name.ToString());
  }
  ShapeOptions options = ShapeOptionsOf(job, table.there);
  options.naming = NamingStyle::kDirect;  // the names are final
  options.exclude.clear();
  options.table = table.name.ToString();
  if (!is_main) options.must_fit = {std::string(kRootIdColumn)};
  options.widens = WidensIn(job, inputs.sink, table.name);
  options.hints.clear();
  for (const PinnedType& hint : job.hints) {
    std::string name = NormalizePath(hint.column, job.naming, 0);
    if (!is_main) {
      if (name == planned.qualified) {
        name = "value";
      } else if (name.starts_with(planned.qualified + "__")) {
        name.erase(0, planned.qualified.size() + 2);
      } else {
        continue;
      }
    }
    name = FitToLimit(name, job.identifier_limit);
    if (planned.schema.Find(name)) options.hints.push_back(PinnedType{.column = name, .type = hint.type});
  }
  NILUS_ASSIGN(table.shape, TableShape::Create(planned.schema, std::move(options)));
  table.request = is_main ? write : ChildRequest(inputs, table.name);
  table.request.load_id = inputs.load_id;
  table.request.widened = table.shape->widened();
  Schema schema = table.shape->schema();
  if (table.there && write.strategy == WriteStrategy::kReplace) {  // a contract keeps the columns
    for (const Field& field : WithoutRowIds(*table.there).fields) {
      if (!schema.Find(field.name)) schema.fields.push_back(field);
    }
  }
  schema.fields.push_back(RowIdFields().front());
  if (!is_main) AddRootNumber(&schema);
  table.request.schema = std::make_shared<Schema>(std::move(schema));
  tables_.push_back(std::move(table));
  return {};
}

// Tables that earlier loads made, and this one has no rows for: their rows go with the rows they belong to.
Status NestedLoad::AddKnownTables(const BatchJob& job, const NestingInputs& inputs) {
  if (inputs.write->strategy == WriteStrategy::kAppend && !inputs.write->full_refresh) return {};
  for (const std::string& name : *inputs.known) {
    const bool is_planned =
        std::any_of(tables_.begin(), tables_.end(), [&](const NestedTable& table) { return table.name.name == name; });
    if (is_planned) continue;
    NestedTable table{.name = TableName{.schema = job.table.schema, .name = name}, .path = name};
    NILUS_ASSIGN(std::optional<Schema> there, inputs.sink->Describe(table.name));
    if (!there || !there->Find(kRootIdColumn)) continue;
    table.request = ChildRequest(inputs, table.name);
    AddRootNumber(&*there);
    table.request.schema = std::make_shared<Schema>(*std::move(there));
    tables_.push_back(std::move(table));
  }
  return {};
}

std::vector<std::string> NestedLoad::children() const {
  std::vector<std::string> names;
  for (size_t i = 1; i < tables_.size(); ++i) {
    if (!tables_[i].is_refused) names.push_back(tables_[i].name.name);
  }
  return names;
}

std::vector<std::string> NestedLoad::UnusedHints(const std::vector<std::string>& unused) const {
  const NamingStyle naming = plan_->options().naming;
  std::vector<std::string> none;
  for (const std::string& hint : unused) {
    const std::string name = NormalizePath(hint, naming, 0);
    const bool is_used = std::any_of(plan_->tables().begin(), plan_->tables().end(), [&](const UnnestTable& table) {
      if (name == table.qualified) return table.schema.Find("value").has_value();
      std::string_view column = name;
      if (!table.qualified.empty()) {
        if (!column.starts_with(table.qualified + "__")) return false;
        column.remove_prefix(table.qualified.size() + 2);
      }
      return table.schema.Find(column).has_value();
    });
    if (!is_used) none.push_back(hint);
  }
  return none;
}

struct NestedStage::Pass {
  int64_t first_number = 0;                       // of the batch's first row
  std::vector<std::pair<int, RecordBatch>> held;  // until all is known to be good
  std::map<int64_t, DeadRow> dead;                // by row of the batch
};

NestedStage::NestedStage(NestedLoad& load, std::string load_id)
    : load_(&load),
      discards_rows_(load.contract() == Contract::kDiscardRow),
      unnester_(load.plan()),
      load_ids_(std::move(load_id)) {
  for (NestedTable& table : load.tables()) {
    if (table.shape != nullptr) normalizers_.emplace_back(*table.shape);
  }
}

Result<std::vector<DeadRow>> NestedStage::Process(const RecordBatch& batch, const Emit& emit) {
  Pass pass{.first_number = next_root_, .held = {}, .dead = {}};
  NILUS_TRY(Unnest(&pass, batch, emit));
  next_root_ += batch.num_rows() - static_cast<int64_t>(pass.dead.size());
  std::vector<DeadRow> dead;
  if (!pass.dead.empty()) {  // once more without them: nothing of them may be loaded
    std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 1);
    for (auto& [row, letter] : pass.dead) {
      keep[static_cast<size_t>(row)] = 0;
      dead.push_back(std::move(letter));
    }
    pass = Pass{.first_number = pass.first_number, .held = {}, .dead = {}};
    NILUS_TRY(Unnest(&pass, batch.Filter(keep), emit));
  }
  for (auto& [table, rows] : pass.held) NILUS_TRY(emit(table, std::move(rows)));
  return dead;
}

Status NestedStage::Unnest(Pass* pass, const RecordBatch& batch, const Emit& emit) {
  return unnester_.Unnest(batch, [&](int table, const RecordBatch& rows) { return Take(pass, table, rows, emit); });
}

// What the unnester gives for one table.
Status NestedStage::Take(Pass* pass, int table, const RecordBatch& batch, const Emit& emit) {
  const NestedTable& of = load_->tables()[static_cast<size_t>(table)];
  const std::vector<int32_t>& roots = unnester_.source_rows();
  auto kill = [&](int64_t row, std::string column, std::string reason) {
    const int64_t root = roots[static_cast<size_t>(row)];
    pass->dead.emplace(root, DeadRow{.row = root, .column = std::move(column), .reason = std::move(reason)});
  };
  if (of.is_refused) {
    if (load_->contract() == Contract::kDiscardValue) {
      discarded_values_[of.path] += batch.num_rows();
      return {};
    }
    for (int64_t row = 0; row < batch.num_rows(); ++row)
      kill(row, of.path, fmt::format("the array has no table {}", of.name.ToString()));
    return {};
  }
  NILUS_ASSIGN(NormalizedBatch normalized, normalizers_[static_cast<size_t>(table)].Normalize(batch));
  for (DeadRow& dead : normalized.dead)
    kill(dead.row, table == 0 ? dead.column : fmt::format("{}.{}", of.path, dead.column), std::move(dead.reason));
  if (!pass->dead.empty()) return {};
  std::optional<Column> numbers;
  if (table > 0 && load_->numbers_roots()) {
    ColumnBuilder builder(MakeType(TypeId::kInt64));
    for (const int32_t root : roots) builder.Append<int64_t>(pass->first_number + root);
    numbers = builder.Finish();
  }
  RecordBatch rows = WithLoad(std::move(normalized.rows), numbers ? &*numbers : nullptr);
  if (!discards_rows_) return emit(table, std::move(rows));
  pass->held.emplace_back(table, std::move(rows));
  return {};
}

// Behind all columns the load's id, and for child rows the number of the row that they belong to.
RecordBatch NestedStage::WithLoad(RecordBatch rows, const Column* root_numbers) {
  auto schema = std::make_shared<Schema>(*rows.schema());
  std::vector<Column> columns = rows.columns();
  schema->fields.push_back(RowIdFields().front());
  columns.push_back(load_ids_.Rows(rows.num_rows()));
  if (root_numbers != nullptr) {
    schema->fields.push_back(Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)});
    columns.push_back(*root_numbers);
  }
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

}  // namespace nilus
