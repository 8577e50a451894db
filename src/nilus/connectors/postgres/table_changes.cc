// TableLoad's part for loads of changes (WriteRequest::is_changes).
#include <algorithm>

#include "nilus/base/fault.h"
#include "nilus/connectors/postgres/table_load.h"

namespace nilus::postgres {
namespace {

// By its index a row is found without a look at the table; without statistics of the staging table the planner may
// rather read the whole table.
constexpr const char* kByIndex = "SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off";
constexpr const char* kAnyWay = "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT";

}  // namespace

Status TableLoad::WriteChanges(const RecordBatch& batch) {
  if (fold_->MustTakeBefore(batch)) {
    NILUS_TRY(StagePart());
    NILUS_TRY(ApplyPart(&part_counts_));
    if (!HasCasts()) {
      NILUS_TRY(session_->Execute(sql_.EmptyStaging(), request_.stop));
    } else {
      NILUS_TRY(MakeNewStaging());
    }
  }
  return fold_->Add(batch);
}

// What was folded goes into staging.
Status TableLoad::StagePart() {
  part_ = fold_->Take();
  if (part_.rows.num_rows() == 0) return {};
  const size_t known = sql_.columns().fields.size();
  NILUS_TRY(WriteRows(part_.rows));
  part_.rows = {};
  if (Status ended = session_->EndCopy(request_.stop); !ended) return Failure(Named(std::move(ended).error()));
  NILUS_TRY(FitStagedTexts());
  // Variant columns that came to life: in later parts they stay or go with their column.
  const std::vector<Field>& fields = sql_.columns().fields;
  fold_->AddColumns({fields.begin() + static_cast<std::ptrdiff_t>(known), fields.end()});
  return {};
}

Status TableLoad::ApplyPart(CommitResult* counts) {
  if (counts != &part_counts_) counts->AddPart(part_counts_);
  NILUS_TRY(CastStagedTexts());
  NILUS_ASSIGN(const std::vector<SqlStep> ready,
               target_.MakeReady(sql_, request_.full_refresh, [&] { return LookAtTarget(); }));
  NILUS_TRY(RunSteps(ready, counts));
  counts->unknown_columns.merge(part_.unknown_columns);
  const bool meets_rows = !target_.is_fresh();
  const std::vector<SqlStep> steps = target_.Apply(sql_, part_);
  const bool by_index = meets_rows && !steps.empty();
  if (by_index) NILUS_TRY(session_->Execute(kByIndex, request_.stop));
  NILUS_TRY(RunSteps(steps, counts));
  if (by_index) NILUS_TRY(session_->Execute(kAnyWay, request_.stop));
  part_ = {};
  if (!HasCasts()) return {};
  // Texts were cast in place: the next ones have to wait as texts again.
  session_->NoteDropped(sql_.staging_sql());
  return session_->Execute(sql_.DropStaging(), request_.stop).map([](const PgResult&) {});
}

}  // namespace nilus::postgres
