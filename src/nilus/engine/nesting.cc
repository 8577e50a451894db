#include "nilus/engine/nesting.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "nilus/engine/batch_size.h"
#include "nilus/engine/versions.h"
#include "nilus/rows/dead_letters.h"
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
  SurveyRun(Preparation& prepared, UnnestOptions options, int64_t largest_batch, std::optional<int64_t> most_rows,
            std::stop_token stop)
      : prepared_(prepared),
        options_(std::move(options)),
        largest_batch_(largest_batch),
        most_rows_(most_rows),
        stop_(std::move(stop)),
        survey_(options_) {}

  Result<NestingSurvey> Run(int readers) {
    {
      std::vector<std::jthread> threads;
      try {
        for (int i = 0; i < std::max(readers, 1); ++i) threads.emplace_back([this] { Work(); });
      } catch (const std::exception& error) {
        End(Fail(ErrorKind::kExhausted, "no thread could be started: {}", error.what()));
      }
    }
    if (!status_) return Failure(status_.error());
    return std::move(survey_);
  }

 private:
  // Nothing is thrown out of a thread.
  void Work() {
    try {
      if (Status status = ReadSplits(); !status) End(std::move(status));
    } catch (const std::bad_alloc&) {
      End(Fail(ErrorKind::kExhausted, "memory ran out"));
    } catch (const std::exception& error) {
      End(Fail(ErrorKind::kInternal, "unexpected exception: {}", error.what()));
    }
  }

  // The first failure is the survey's.
  void End(Status failed) {
    std::lock_guard lock(mutex_);
    if (status_) status_ = std::move(failed);
    is_over_ = true;
  }

  Status ReadSplits() {
    NestingSurvey seen(options_);
    Masker masker(prepared_.masking);
    Normalizer normalizer(*prepared_.shape);
    while (!is_over_) {
      const size_t index = next_++;
      if (index >= prepared_.plan.splits.size()) break;
      NILUS_TRY(ReadSplit(prepared_.plan.splits[index], &masker, &normalizer, &seen));
    }
    std::lock_guard lock(mutex_);
    return status_ ? survey_.Merge(seen) : Status();
  }

  Status ReadSplit(const Split& split, Masker* masker, Normalizer* normalizer, NestingSurvey* seen) {
    NILUS_ASSIGN(std::unique_ptr<Reader> reader, prepared_.source->Open(split));
    while (!is_over_) {
      NILUS_ASSIGN(std::optional<Batch> batch, reader->Next(stop_));
      if (!batch) break;
      NILUS_TRY(CheckBatchSize(batch->rows, largest_batch_));
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
  const int64_t largest_batch_;
  const std::optional<int64_t> most_rows_;
  const std::stop_token stop_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> is_over_{false};
  std::atomic<int64_t> rows_{0};
  std::mutex mutex_;
  NestingSurvey survey_;
  Status status_;
};

// The column of a table that a nested place's name ("lines__sku") is of. Nothing: it is of none.
std::optional<std::string> ColumnAt(const UnnestTable& table, std::string place, int identifier_limit) {
  if (table.parent >= 0) {
    const std::string inside = table.qualified + std::string(kLevels);
    if (place == table.qualified) {
      place = kElementColumn;
    } else if (place.starts_with(inside)) {
      place.erase(0, inside.size());
    } else {
      return std::nullopt;
    }
  }
  place = FitToLimit(place, identifier_limit);
  return table.schema.Find(place) ? std::optional(std::move(place)) : std::nullopt;
}

// The hints for columns of one of the tables, by the columns' names.
std::vector<PinnedType> HintsFor(const BatchJob& job, const UnnestTable& planned) {
  std::vector<PinnedType> hints;
  for (const PinnedType& hint : job.hints) {
    for (std::string& place : PlacesNamed(hint.column, job.naming, 0)) {
      if (std::optional<std::string> column = ColumnAt(planned, std::move(place), job.identifier_limit))
        hints.push_back(PinnedType{.column = *std::move(column), .type = hint.type});
    }
  }
  return hints;
}

}  // namespace

UnnestOptions NestedLoad::OptionsOf(const BatchJob& job) {
  UnnestOptions options{.table = job.table.name,
                        .max_nesting = job.max_nesting,
                        .naming = job.naming,
                        .identifier_limit = job.identifier_limit,
                        .page_rows = job.page_rows,
                        .batch_bytes = job.memory.batch_bytes,
                        .with_positions = job.strategy == WriteStrategy::kScd2};
  for (const PinnedType& hint : job.hints) {
    for (const std::string& place : PlacesNamed(hint.column, job.naming, 0)) {
      if (hint.type.id == TypeId::kJson) options.keep.push_back(place);
      options.hinted.emplace(place, hint.type);
    }
  }
  // What rows are told apart and read by stays one value.
  std::vector<std::string> keys = job.primary_key;
  if (!job.incremental_key.empty()) keys.push_back(job.incremental_key);
  for (const std::string& key : keys)
    std::ranges::copy(PlacesNamed(key, job.naming, 0), std::back_inserter(options.keep));
  return options;
}

Result<NestingSurvey> NestedLoad::Survey(const BatchJob& job, Preparation& prepared, int readers,
                                         const std::stop_token& stop) {
  // With an incremental_key it is a matter of the rows which of them count.
  const std::optional<int64_t> most_rows = job.incremental_key.empty() ? job.row_limit : std::nullopt;
  return SurveyRun(prepared, OptionsOf(job), job.memory.largest_batch_bytes(), most_rows, stop).Run(readers);
}

Result<std::unique_ptr<NestedLoad>> NestedLoad::Make(const BatchJob& job, const NestingSurvey& survey,
                                                     const NestingInputs& inputs) {
  std::unique_ptr<NestedLoad> load(new NestedLoad());
  load->contract_ = job.contract;
  load->numbers_roots_ = inputs.write->strategy == WriteStrategy::kMerge && !inputs.write->key_is_unique;
  NILUS_ASSIGN(load->plan_, UnnestPlan::Create(WithId(inputs.shape->schema()), survey, OptionsOf(job)));
  for (const UnnestTable& planned : load->plan_->tables()) NILUS_TRY(load->AddTable(job, planned, inputs));
  NILUS_TRY(load->AddKnownTables(job, inputs));
  NILUS_TRY(load->AddChildrenHash(inputs));
  load->tables_.front().request.has_children = load->tables_.size() > 1;
  const auto root = std::make_shared<WriteRequest>(load->tables_.front().request);
  for (size_t i = 1; i < load->tables_.size(); ++i) load->tables_[i].request.root = root;
  return load;
}

// Also where this load has no child rows, but earlier ones had: those rows are others now.
Status NestedLoad::AddChildrenHash(const NestingInputs& inputs) {
  NestedTable& main = tables_.front();
  const bool had_children =
      !inputs.write->full_refresh && (!inputs.known->empty() || (main.there && main.there->Find(kChildrenHashColumn)));
  hashes_children_ = inputs.write->strategy == WriteStrategy::kScd2 && (plan_->tables().size() > 1 || had_children);
  if (!hashes_children_) return {};
  if (main.request.schema->Find(kChildrenHashColumn)) {
    return FailWithFix(ErrorKind::kInvalidInput, "rename the column at the source, or exclude it",
                       "column `{}` of table {} has the name of a column that strategy scd2 adds with nesting",
                       kChildrenHashColumn, main.name.ToString());
  }
  auto schema = std::make_shared<Schema>(*main.request.schema);
  schema->fields.push_back(ChildrenHashField());
  main.request.schema = std::move(schema);
  return {};
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
  if (!is_main && planned.name == DeadLetterTable(job.table.name, job.identifier_limit)) {
    return FailWithFix(ErrorKind::kInvalidInput, "keep it whole with a type hint of json, or rename it at the source",
                       "the array {} would come to the table {}, which is for dead letters of {}", planned.path,
                       planned.name, job.table.ToString());
  }
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
  if (table.there) {
    NILUS_ASSIGN(options.refused, RefusedIn(job, inputs.sink, table.name));
  }
  options.hints = HintsFor(job, planned);
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
  if (is_main && table.there && write.strategy == WriteStrategy::kScd2) {
    const bool is_known = !inputs.brought->empty();
    AddAbsentColumns(job, *table.there, is_known ? *inputs.brought : ColumnsBrought(*table.there), &schema);
  }
  schema.fields.push_back(RowIdFields().front());
  if (!is_main) AddRootNumber(&schema);
  table.request.schema = std::make_shared<Schema>(std::move(schema));
  tables_.push_back(std::move(table));
  return {};
}

// Tables that earlier loads made, and this one has no rows for: their rows go with the rows they belong to. Where rows
// stay, they are remembered all the same: a load that makes the table anew has to find them.
Status NestedLoad::AddKnownTables(const BatchJob& job, const NestingInputs& inputs) {
  const WriteStrategy strategy = inputs.write->strategy;
  const bool rows_stay =
      (strategy == WriteStrategy::kAppend || strategy == WriteStrategy::kScd2) && !inputs.write->full_refresh;
  for (const std::string& name : *inputs.known) {
    const bool is_planned =
        std::any_of(tables_.begin(), tables_.end(), [&](const NestedTable& table) { return table.name.name == name; });
    if (is_planned) continue;
    if (rows_stay) {
      untouched_.push_back(name);
      continue;
    }
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
  names.insert(names.end(), untouched_.begin(), untouched_.end());
  return names;
}

std::vector<int> NestedLoad::OpenOrder() const {
  std::vector<int> order;
  for (size_t i = 0; i < tables_.size(); ++i) {
    if (!tables_[i].is_refused) order.push_back(static_cast<int>(i));
  }
  if (tables_.front().request.strategy != WriteStrategy::kScd2) std::reverse(order.begin(), order.end());
  return order;
}

std::vector<std::string> NestedLoad::UnusedHints(const std::vector<std::string>& unused) const {
  const UnnestOptions& options = plan_->options();
  std::vector<std::string> none;
  for (const std::string& hint : unused) {
    const std::vector<std::string> places = PlacesNamed(hint, options.naming, 0);
    const bool is_used = std::any_of(places.begin(), places.end(), [&](const std::string& place) {
      return std::any_of(plan_->tables().begin(), plan_->tables().end(), [&](const UnnestTable& table) {
        return ColumnAt(table, place, options.identifier_limit).has_value();
      });
    });
    if (!is_used) none.push_back(hint);
  }
  return none;
}

}  // namespace nilus
