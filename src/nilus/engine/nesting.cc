#include "nilus/engine/nesting.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "nilus/rows/masker.h"
#include "nilus/rows/normalizer.h"

namespace nilus {
namespace {

UnnestOptions OptionsOf(const BatchJob& job) {
  UnnestOptions options{.table = job.table.name,
                        .max_nesting = job.max_nesting,
                        .naming = job.naming,
                        .identifier_limit = job.identifier_limit,
                        .page_rows = job.page_rows,
                        .batch_bytes = job.memory.batch_bytes};
  for (const PinnedType& hint : job.hints) {
    if (hint.type.id == TypeId::kJson)
      options.keep.push_back(NormalizeName(hint.column, job.naming, job.identifier_limit));
  }
  return options;
}

Schema WithId(Schema schema) {
  schema.fields.push_back(RowIdFields().back());
  return schema;
}

// The survey of all splits, on several threads: the order in which they are merged is of no account.
class SurveyRun {
 public:
  SurveyRun(Preparation& prepared, UnnestOptions options, std::stop_token stop)
      : prepared_(prepared), options_(std::move(options)), stop_(std::move(stop)), survey_(options_) {}

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
    }
    return {};
  }

  Preparation& prepared_;
  const UnnestOptions options_;
  const std::stop_token stop_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> is_over_{false};
  std::mutex mutex_;
  NestingSurvey survey_;
  Status status_;
};

}  // namespace

Result<std::unique_ptr<NestedLoad>> NestedLoad::Survey(const BatchJob& job, Preparation* prepared,
                                                       const std::string& load_id, int readers,
                                                       const std::stop_token& stop) {
  const UnnestOptions options = OptionsOf(job);
  NILUS_ASSIGN(NestingSurvey survey, SurveyRun(*prepared, options, stop).Run(readers));
  std::unique_ptr<NestedLoad> load(new NestedLoad());
  load->numbers_roots_ = job.strategy == WriteStrategy::kMerge && !prepared->write.key_is_unique;
  NILUS_ASSIGN(load->plan_, UnnestPlan::Create(WithId(prepared->shape->schema()), survey, options));
  NILUS_TRY(load->AddTables(job, prepared, load_id));
  return load;
}

Status NestedLoad::AddTables(const BatchJob& job, Preparation* prepared, const std::string& load_id) {
  const bool keeps_schema = KeepsTable(job) || (job.contract != Contract::kEvolve && !job.full_refresh);
  std::shared_ptr<WriteRequest> root;
  auto add = [&](const UnnestTable& planned) -> Status {
    const bool is_main = planned.parent < 0;
    NestedTable table{.name = TableName{.schema = job.table.schema, .name = planned.name}, .path = planned.path};
    std::optional<Schema> there;
    if (keeps_schema) {
      NILUS_ASSIGN(there, prepared->sink->Describe(table.name));
    }
    table.there = there;
    ShapeOptions options = ShapeOptionsOf(job, std::move(there));
    options.naming = NamingStyle::kDirect;  // the names are final
    options.exclude.clear();
    options.hints.clear();
    options.table = table.name.ToString();
    if (!is_main) options.must_fit = {std::string(kRootIdColumn)};
    NILUS_ASSIGN(table.shape, TableShape::Create(planned.schema, std::move(options)));
    table.request = prepared->write;
    table.request.load_id = load_id;
    table.request.table = table.name;
    Schema schema = table.shape->schema();
    schema.fields.push_back(RowIdFields().front());
    if (!is_main) {
      if (numbers_roots_)
        schema.fields.push_back(Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)});
      table.request.primary_key.clear();
      table.request.incremental_key.clear();
      table.request.partition_by.clear();
      table.request.cluster_by.clear();
    }
    table.request.schema = std::make_shared<Schema>(std::move(schema));
    tables_.push_back(std::move(table));
    return {};
  };
  for (const UnnestTable& planned : plan_->tables()) NILUS_TRY(add(planned));
  // Tables that earlier loads made, and this one has no rows for: their rows go with the rows they belong to.
  for (const std::string& name : prepared->children) {
    const bool is_planned =
        std::any_of(tables_.begin(), tables_.end(), [&](const NestedTable& table) { return table.name.name == name; });
    if (is_planned || job.strategy == WriteStrategy::kAppend) continue;
    NestedTable table{.name = TableName{.schema = job.table.schema, .name = name}, .path = name};
    NILUS_ASSIGN(std::optional<Schema> there, prepared->sink->Describe(table.name));
    if (!there || !there->Find(kRootIdColumn)) continue;
    table.request = prepared->write;
    table.request.load_id = load_id;
    table.request.table = table.name;
    table.request.primary_key.clear();
    table.request.incremental_key.clear();
    if (numbers_roots_)
      there->fields.push_back(Field{.name = std::string(kRootNumberColumn), .type = MakeType(TypeId::kInt64)});
    table.request.schema = std::make_shared<Schema>(*std::move(there));
    tables_.push_back(std::move(table));
  }
  if (tables_.size() > 1) tables_.front().request.has_children = true;
  root = std::make_shared<WriteRequest>(tables_.front().request);
  for (size_t i = 1; i < tables_.size(); ++i) tables_[i].request.root = root;
  return {};
}

std::vector<std::string> NestedLoad::children() const {
  std::vector<std::string> names;
  for (size_t i = 1; i < tables_.size(); ++i) names.push_back(tables_[i].name.name);
  return names;
}

NestedStage::NestedStage(NestedLoad& load, std::string load_id)
    : load_(&load), unnester_(load.plan()), load_ids_(std::move(load_id)) {
  for (NestedTable& table : load.tables()) {
    if (table.shape != nullptr) normalizers_.emplace_back(*table.shape);
  }
}

Status NestedStage::Process(const RecordBatch& batch, const Emit& emit) {
  if (!load_->numbers_roots()) return ProcessSlice(batch, emit);
  // Slices in which every row has an id of its own, so that a child's id tells which row it belongs to.
  const Column& ids = batch.column(*batch.schema()->Find(kRowIdColumn));
  std::vector<std::pair<int64_t, int64_t>> slices = {{0, batch.num_rows()}};
  std::unordered_map<std::string_view, int64_t> seen;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    if (seen.emplace(ids.BytesValue(row), row).second) continue;
    slices.back().second = row;
    slices.emplace_back(row, batch.num_rows());
    seen.clear();
    seen.emplace(ids.BytesValue(row), row);
  }
  if (slices.size() == 1) return ProcessSlice(batch, emit);
  for (const auto& [begin, end] : slices) {
    std::vector<uint8_t> keep(static_cast<size_t>(batch.num_rows()), 0);
    std::fill(keep.begin() + begin, keep.begin() + end, 1);
    NILUS_TRY(ProcessSlice(batch.Filter(keep), emit));
  }
  return {};
}

Status NestedStage::ProcessSlice(const RecordBatch& slice, const Emit& emit) {
  std::unordered_map<std::string_view, int64_t> numbers;
  if (load_->numbers_roots()) {
    const Column& ids = slice.column(*slice.schema()->Find(kRowIdColumn));
    for (int64_t row = 0; row < slice.num_rows(); ++row) numbers.emplace(ids.BytesValue(row), next_root_ + row);
    next_root_ += slice.num_rows();
  }
  return unnester_.Unnest(slice, [&](int table, RecordBatch batch) -> Status {
    NILUS_ASSIGN(NormalizedBatch normalized, normalizers_[static_cast<size_t>(table)].Normalize(batch));
    std::optional<Column> of_roots;
    if (table > 0 && load_->numbers_roots()) {
      const Column& roots = batch.column(*batch.schema()->Find(kRootIdColumn));
      ColumnBuilder builder(MakeType(TypeId::kInt64));
      for (int64_t row = 0; row < batch.num_rows(); ++row) builder.Append<int64_t>(numbers.at(roots.BytesValue(row)));
      of_roots = builder.Finish();
    }
    return emit(table, WithLoad(std::move(normalized.rows), of_roots ? &*of_roots : nullptr));
  });
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
