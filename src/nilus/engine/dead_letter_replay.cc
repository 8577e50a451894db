#include "nilus/engine/dead_letter_replay.h"

#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/engine/attempt.h"
#include "nilus/engine/dead_letter_office.h"
#include "nilus/engine/load_tables.h"
#include "nilus/engine/masking.h"
#include "nilus/engine/nesting.h"
#include "nilus/engine/versions.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

constexpr size_t kMostReasons = 20;

Result<RecordBatch> ToBatch(const std::vector<const DeadLetter*>& letters, const SchemaPtr& schema) {
  BatchBuilder builder(schema);
  for (const DeadLetter* letter : letters) {
    int column = 0;
    for (const std::string* text : {&letter->payload, &letter->reason, &letter->column, &letter->position})
      builder.column(column++).AppendBytes(*text);
    if (schema->Find(kLetterCursorColumn)) {
      ColumnBuilder& cursor = builder.column(column++);
      if (letter->cursor.empty()) {
        cursor.AppendNull();
      } else {
        NILUS_TRY(AppendParsed(letter->cursor, &cursor));
      }
    }
    for (const std::string* text : {&letter->load_id, &letter->id}) builder.column(column++).AppendBytes(*text);
    builder.FinishRow();
  }
  return builder.Finish();
}

// One page of letters on its way into the table.
class PageReplay {
 public:
  PageReplay(const BatchJob& job, const RunOptions& options, Sink* sink)
      : job_(&job), options_(&options), sink_(sink) {}

  Status Run(std::vector<DeadLetter> letters, const std::optional<CommittedState>& state, DeadLettersReport* report) {
    letters_ = std::move(letters);
    NILUS_TRY(Prepare(state));
    for (size_t begin = 0; begin < letters_.size();) {
      size_t end = begin + 1;  // letters of one origin have one schema
      while (end < letters_.size() && letters_[end].position == letters_[begin].position) ++end;
      NILUS_TRY(ReadGroup(begin, end));
      begin = end;
    }
    NILUS_TRY(job_->max_nesting > 0 ? WriteNested() : WritePlain());
    report->replayed += replayed_;
    report->remaining += static_cast<int64_t>(left_.size());
    for (const DeadLetter* letter : left_) {
      std::vector<std::string>& reasons = report->reasons;
      if (reasons.size() < kMostReasons && std::find(reasons.begin(), reasons.end(), letter->reason) == reasons.end())
        reasons.push_back(letter->reason);
    }
    if (replayed_ == 0) return {};
    return Commit(state);
  }

 private:
  // Rows of letters that share an origin, by the destination's names, with their ids.
  struct Group {
    size_t begin = 0;  // the first one's letter
    RecordBatch rows;
  };

  Status Prepare(const std::optional<CommittedState>& state) {
    if (job_->strategy == WriteStrategy::kMerge && MasksIncrementalKey(*job_)) {
      return FailWithFix(
          ErrorKind::kUnsupported,
          "mend the rows at the source, and load them anew with full_refresh: true; then drop the letters",
          "the incremental_key `{}` is masked: whether a letter or the row at the destination is newer "
          "cannot be told",
          job_->incremental_key);
    }
    if (state && !state->position.empty()) {
      NILUS_ASSIGN(checkpoint_, ParseCheckpoint(state->position));
    }
    NILUS_ASSIGN(std::optional<Schema> there, sink_->Describe(job_->table));
    ShapeOptions first = FirstShape(*job_, there);
    if (job_->max_nesting == 0 && there) {
      NILUS_ASSIGN(first.refused, RefusedIn(*job_, sink_, job_->table));
    }
    NILUS_ASSIGN(shape_, TableShape::Create(Schema{}, std::move(first)));
    std::vector<std::string> key = job_->primary_key;
    for (std::string& column : key) column = shape_->NameOf(column);
    NILUS_ASSIGN(std::shared_ptr<const Masking> masking, MakeMasking(*job_, Checkpoint{}));
    NILUS_ASSIGN(masks_, MaskRecordsOf(*masking));
    masking_ = std::move(masking);
    normalizer_.emplace(*shape_);

    WriteRequest rows = MakeWriteRequest(*job_, options_->stop);
    rows.load_id = load_id_;
    rows.primary_key = key;
    rows.full_refresh = false;
    if (!job_->incremental_key.empty()) rows.incremental_key = shape_->NameOf(job_->incremental_key);
    if (rows.strategy == WriteStrategy::kReplace || rows.strategy == WriteStrategy::kDeleteInsert)
      rows.strategy = WriteStrategy::kAppend;
    rows.keeps_newer = true;
    NILUS_ASSIGN(there, sink_->Describe(LetterTable(*job_)));
    WriteRequest letters = LetterRequest(
        *job_, rows, job_->deletes_ranges ? WriteStrategy::kDeleteInsert : WriteStrategy::kReplace, there);
    letters.incremental_key = kRowIdColumn;
    rows_request_ = std::move(rows);
    letters_request_ = std::move(letters);
    return {};
  }

  // Masks that the letters have not been through. Nothing: one of them was masked otherwise, or is not any more.
  Result<std::shared_ptr<const Masking>> MissingMasks(const DeadLetterOrigin& origin) const {
    MaskingOptions options{.rules = {},
                           .naming = job_->naming,
                           .identifier_limit = job_->identifier_limit,
                           .table = job_->source_table,
                           .sequences = {},
                           .texts = HintedTexts(*job_)};
    const bool are_kept = std::all_of(origin.masks.begin(), origin.masks.end(),
                                      [this](const auto& before) { return masks_.contains(before.first); });
    if (!are_kept) return std::shared_ptr<const Masking>();
    for (const MaskRule& rule : job_->masks) {
      const std::string name = NormalizeName(rule.column, job_->naming, job_->identifier_limit);
      auto before = origin.masks.find(name);
      if (before == origin.masks.end() && rule.algorithm != "sequential") {
        options.rules.push_back(rule);
      } else if (before == origin.masks.end() || before->second != masks_.at(name).how) {
        return std::shared_ptr<const Masking>();
      }
    }
    return Masking::Create(std::move(options));
  }

  // Rows are named as a run names them. Numbers (of rows whose key has a NULL) are given under each key anew: what is
  // numbered is another table then.
  RowNamer& NamerFor(const std::vector<std::string>& source_key) {
    std::vector<std::string> key;
    if (!NumbersVersions(*job_, /*key_is_unique=*/false)) key = NamingKey(*job_, source_key, *shape_, *masking_);
    auto known = namers_.find(key);
    if (known != namers_.end()) return known->second;
    std::string numbered = job_->table.ToString();
    if (!namers_.empty()) numbered += fmt::format("#{}", namers_.size());
    auto names = std::make_shared<RowNames>(load_id_, numbered, key, NamesVersionsByLoad(*job_));
    return namers_.emplace(std::move(key), RowNamer(std::move(names))).first->second;
  }

  Status ReadGroup(size_t begin, size_t end) {
    std::vector<DeadLetter> group(letters_.begin() + static_cast<std::ptrdiff_t>(begin),
                                  letters_.begin() + static_cast<std::ptrdiff_t>(end));
    NILUS_ASSIGN(DeadLetterOrigin origin, ReadOrigin(group.front().position));
    NILUS_ASSIGN(std::shared_ptr<const Masking> masking, MissingMasks(origin));
    if (masking == nullptr) {
      for (size_t i = begin; i < end; ++i) {
        letters_[i].reason = "it was masked otherwise than the manifest says now";
        left_.push_back(&letters_[i]);
      }
      return {};
    }
    is_inferred_ = is_inferred_ || IsInferred(origin.schema);
    NILUS_ASSIGN(RecordBatch batch, ReadPayloads(group, origin));
    Masker masker(masking);
    NILUS_ASSIGN(batch, masker.Apply(batch));
    NILUS_ASSIGN(NormalizedBatch normalized, normalizer_->Normalize(batch));
    Keep(begin, normalized.dead);
    if (normalized.rows.num_rows() == 0) return {};
    RowNamer& namer = NamerFor(origin.key);
    groups_.push_back(Group{
        .begin = begin, .rows = job_->max_nesting > 0 ? namer.NameOnly(normalized.rows) : namer.Name(normalized.rows)});
    return {};
  }

  void Keep(size_t begin, const std::vector<DeadRow>& dead_rows) {
    for (const DeadRow& dead : dead_rows) {
      DeadLetter& letter = letters_[begin + static_cast<size_t>(dead.row)];
      letter.reason = dead.reason;
      letter.column = dead.column;
      left_.push_back(&letter);
    }
  }

  Status WritePlain() {
    tables_.Add(std::move(rows_request_));
    for (const Group& group : groups_) {
      replayed_ += group.rows.num_rows();
      NILUS_TRY(tables_.Write(0, group.rows));
      if (job_->strategy == WriteStrategy::kScd2 && is_inferred_)
        AddNames(ColumnsBrought(*group.rows.schema()), &checkpoint_.columns);
    }
    return {};
  }

  // Rows that are taken apart: none of them is dead before (FirstShape), so that a row's number is its letter's.
  Status WriteNested() {
    NestingSurvey survey(NestedLoad::OptionsOf(*job_));
    for (const Group& group : groups_) NILUS_TRY(survey.Observe(group.rows));
    if (groups_.empty()) return {};
    NILUS_ASSIGN(nested_, NestedLoad::Make(*job_, survey,
                                           {.sink = sink_,
                                            .shape = shape_.get(),
                                            .write = &rows_request_,
                                            .known = &checkpoint_.children,
                                            .brought = &checkpoint_.columns,
                                            .load_id = load_id_}));
    for (const NestedTable& table : nested_->tables()) tables_.Add(table.request);
    for (int table : nested_->OpenOrder()) NILUS_TRY(tables_.Open(table, {}));
    NestedStage stage(*nested_, load_id_);
    for (const Group& group : groups_) {
      NILUS_ASSIGN(std::vector<DeadRow> dead, stage.Process(group.rows, [this](int table, RecordBatch batch) {
        return tables_.Write(table, std::move(batch));
      }));
      Keep(group.begin, dead);
      replayed_ += group.rows.num_rows() - static_cast<int64_t>(dead.size());
    }
    AddNames(nested_->children(), &checkpoint_.children);
    if (job_->strategy == WriteStrategy::kScd2)
      AddNames(ColumnsBrought(*tables_.request(0).schema), &checkpoint_.columns);
    return {};
  }

  Status Commit(const std::optional<CommittedState>& state) {
    NILUS_FAULT_POINT("engine.dead_letters.read");
    const int letters = tables_.Add(letters_request_);
    NILUS_TRY(tables_.Open(letters, {}));
    if (!left_.empty()) {
      NILUS_ASSIGN(RecordBatch left, ToBatch(left_, letters_request_.schema));
      NILUS_TRY(tables_.Write(letters, std::move(left)));
    }
    NILUS_TRY(tables_.Finish());
    NILUS_FAULT_POINT("engine.dead_letters.staged");
    const Type text = MakeType(TypeId::kText);
    Position position = state ? state->position : Position{};
    if (!checkpoint_.children.empty() || !checkpoint_.columns.empty()) {  // there may be more of them now
      NILUS_ASSIGN(position, ToPosition(checkpoint_));
    }
    CommitRequest commit{.pipeline = job_->pipeline,
                         .load_id = load_id_,
                         .expected_version = state ? state->version : 0,
                         .position = std::move(position),
                         .interval = KeyRange{.column = std::string(kRowIdColumn),
                                              .lower = Scalar{text, letters_.front().id},
                                              .upper = Scalar{text, letters_.back().id}}};
    NILUS_TRY(sink_->Commit(commit));
    NILUS_FAULT_POINT("engine.dead_letters.committed");
    return {};
  }

  const BatchJob* job_;
  const RunOptions* options_;
  bool is_inferred_ = false;  // letters of JSON are among them
  Sink* sink_;
  const std::string load_id_ = NewId();
  Progress progress_;
  LoadTables tables_{sink_, &progress_};
  std::vector<DeadLetter> letters_;
  std::vector<const DeadLetter*> left_;
  int64_t replayed_ = 0;
  std::vector<Group> groups_;
  WriteRequest rows_request_;
  WriteRequest letters_request_;
  Checkpoint checkpoint_;  // committed; nested rows may add child tables
  std::unique_ptr<NestedLoad> nested_;
  std::unique_ptr<TableShape> shape_;
  std::map<std::string, MaskRecord> masks_;
  std::shared_ptr<const Masking> masking_;  // the manifest's
  std::optional<Normalizer> normalizer_;
  std::map<std::vector<std::string>, RowNamer> namers_;  // by the key that names rows
};

}  // namespace

Status ReplayLetters(const BatchJob& job, const RunOptions& options, Sink* sink, std::vector<DeadLetter> letters,
                     const std::optional<CommittedState>& state, DeadLettersReport* report) {
  return PageReplay(job, options, sink).Run(std::move(letters), state, report);
}

}  // namespace nilus
