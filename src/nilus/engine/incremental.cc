#include "nilus/engine/incremental.h"

#include <algorithm>
#include <limits>

namespace nilus {
namespace {

constexpr std::string_view kStartOver =
    "start over with full_refresh: true, or choose where to go on with `nilus state set`";

bool SameKind(const Type& a, const Type& b) { return a.id == b.id && a.precision == b.precision && a.scale == b.scale; }

// One value as a column of its own.
Column SingleCell(const Column& column, int64_t row) {
  ColumnBuilder builder(column.type);
  std::string text;
  AppendCellText(column, row, &text);
  (void)AppendParsed(text, &builder);  // a canonical text always reads back
  return builder.Finish();
}

// The text of an interval's bound in the key's own terms.
Result<Scalar> IntervalBound(const std::string& text, std::string_view option, const std::optional<Type>& type,
                             std::string_view key) {
  if (!type) return Scalar{MakeType(TypeId::kTimestamp), text};
  Result<Column> parsed = ParseKey(Scalar{*type, text}, *type);
  if (!parsed) {
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write a value of type {}", type->ToString()),
                       "{} `{}` cannot bound incremental_key `{}`: {}", option, text, key, parsed.error().message);
  }
  return ScalarAt(*parsed, 0);
}

bool LoadsOnce(WriteStrategy strategy) {  // a row that is loaded again would be there twice
  return strategy == WriteStrategy::kAppend || strategy == WriteStrategy::kDeleteInsert;
}

}  // namespace

Result<std::unique_ptr<Incremental>> Incremental::Create(const BatchJob& job, Checkpoint committed,
                                                         const Schema& schema) {
  std::unique_ptr<Incremental> self(new Incremental(job));
  NILUS_TRY(self->Prepare(std::move(committed), schema));
  self->SetSourceLimit();
  return self;
}

Status Incremental::Prepare(Checkpoint committed, const Schema& schema) {
  const BatchJob& job = *job_;
  std::optional<Type> type;
  key_ = job.incremental_key;
  if (!schema.fields.empty()) {
    NILUS_ASSIGN(const Field* field, FindSourceField(schema, job, job.incremental_key, "incremental_key"));
    if (field->origin == JsonOrigin::kScalars) {
      return FailWithFix(ErrorKind::kUnsupported,
                         "write its values as one kind at the source, or choose another column",
                         "incremental_key `{}` of {} is a string in some rows and a number, true or false in others: "
                         "they have no common order",
                         field->name, job.source_table);
    }
    NILUS_TRY(CheckKeyType(field->type, field->name));
    key_ = field->name;
    type = field->type;
  }
  range_.column = key_;
  range_.with_nulls = job.null_keys != NullCursor::kExclude;
  has_start_ = !job.interval_start.empty();
  may_truncate_ = job.row_limit.has_value() || job.page_limit.has_value();
  if (has_start_) {
    NILUS_ASSIGN(range_.lower, IntervalBound(job.interval_start, "interval_start", type, key_));
  }
  if (!job.interval_end.empty()) {
    NILUS_ASSIGN(range_.upper, IntervalBound(job.interval_end, "interval_end", type, key_));
    range_.upper_inclusive = false;
  }
  if (job.strategy == WriteStrategy::kAppend) {
    for (const std::string& column : job.primary_key) {
      if (schema.fields.empty()) {
        record_by_.push_back(column);
        continue;
      }
      NILUS_ASSIGN(const Field* field, FindSourceField(schema, job, column, "primary_key"));
      record_by_.push_back(field->name);
    }
  }
  committed_ = std::move(committed);
  if (job.strategy == WriteStrategy::kReplace) return {};
  if (committed_.nulls && (LoadsOnce(job.strategy) || committed_.nulls->by.empty())) {
    nulls_to_drop_ = *committed_.nulls;
  }
  NILUS_TRY(GoOnFromCursor(type));
  return CheckLoaded(type);
}

Status Incremental::GoOnFromCursor(const std::optional<Type>& type) {
  const BatchJob& job = *job_;
  if (!committed_.cursor) return {};
  Cursor& cursor = *committed_.cursor;
  if (cursor.column != key_) {
    return FailWithFix(ErrorKind::kInvalidInput, fmt::format("set incremental_key back, or {}", kStartOver),
                       "the committed cursor is on column `{}`, but incremental_key is `{}`", cursor.column, key_);
  }
  if (type && !SameKind(*type, cursor.value.type)) {
    Result<Column> converted = ParseKey(cursor.value, *type);
    if (!converted) {
      return FailWithFix(ErrorKind::kInvalidInput, std::string(kStartOver),
                         "the committed cursor `{}` of column `{}` is of type {}, but the column is now {}",
                         Shown(cursor.value.text), key_, cursor.value.type.ToString(), type->ToString());
    }
    cursor.value = ScalarAt(*converted, 0);
  }
  // An interval that starts at the cursor meets the rows that are loaded there.
  bool starts_there =
      has_start_ && job.strategy == WriteStrategy::kAppend && range_.lower->text == cursor.value.text && !cursor.until;
  if (has_start_ && !starts_there) return {};
  range_.lower = cursor.value;
  if (!IsFinite(cursor.value)) {  // set by somebody, or by an earlier version: no row would ever lie above it
    return FailWithFix(ErrorKind::kInvalidInput, std::string(kStartOver),
                       "the committed cursor of column `{}` is {}, which no run can go on from", key_,
                       Shown(cursor.value.text));
  }
  const std::optional<RowSet>& boundary = committed_.boundary;
  if (job.strategy == WriteStrategy::kAppend && !boundary) {
    return FailWithFix(
        ErrorKind::kInvalidInput, fmt::format("use incremental_strategy merge, or {}", kStartOver),
        "which rows at the cursor `{}` of column `{}` are loaded already is not known, so appending could double them",
        Shown(cursor.value.text), key_);
  }
  if (boundary &&
      (job.strategy == WriteStrategy::kAppend || (job.strategy == WriteStrategy::kMerge && boundary->by.empty()))) {
    drops_boundary_ = true;
    to_drop_ = *boundary;
    if (may_truncate_) record_by_ = boundary->by;  // to be joined with it
  }
  return {};
}

// An append must not read what is loaded already: its rows would be there twice.
Status Incremental::CheckLoaded(const std::optional<Type>& type) {
  if (job_->strategy != WriteStrategy::kAppend) return {};
  const std::optional<Cursor>& cursor = committed_.cursor;
  WantedRange wanted{.key = key_, .start = std::nullopt, .end = std::nullopt};
  if (has_start_) {
    wanted.start = range_.lower->text;
  } else if (cursor) {
    wanted.start = cursor->until.value_or(cursor->value.text);
  }
  if (range_.upper) wanted.end = range_.upper->text;
  std::optional<Type> key_type = type;
  if (!key_type && cursor) key_type = cursor->value.type;
  std::optional<LoadedPart> part = FindLoaded(committed_.loaded, wanted, key_type);
  if (!part) return {};
  const std::string from = wanted.start ? " from " + Shown(*wanted.start) : "";
  const std::string to = wanted.end ? " to " + Shown(*wanted.end) : "";
  const std::string loaded_from = part->range.start.empty() ? "" : " from " + Shown(part->range.start);
  if (part->is_whole) {
    repeated_ = fmt::format(
        "the interval{}{} of {} is loaded already, and appending it again would double its rows: nothing was read. "
        "To load it again, use incremental_strategy merge or delete+insert, or forget what is committed with `nilus "
        "state reset`",
        from, to, job_->source_table);
    return {};
  }
  return FailWithFix(
      ErrorKind::kInvalidInput,
      "bound the run with interval_start and interval_end outside of it, use incremental_strategy merge or "
      "delete+insert, or forget what is committed with `nilus state reset`",
      "rows of {} with `{}`{} to {} are loaded already, and an append{}{} would double them", job_->source_table, key_,
      loaded_from, Shown(part->range.end), from, to);
}

void Incremental::SetSourceLimit() {
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  int64_t rows = job_->row_limit.value_or(kNoLimit);
  if (job_->page_limit && *job_->page_limit < kNoLimit / job_->page_rows) {
    rows = std::min(rows, *job_->page_limit * job_->page_rows);
  }
  int64_t loaded = to_drop_.size() + nulls_to_drop_.size();
  if (rows < kNoLimit - loaded) source_limit_ = rows + loaded;
}

void Incremental::SetUpper(const std::optional<Scalar>& upper) { snapshot_upper_ = upper; }

Result<std::shared_ptr<const Incremental::Bounds>> Incremental::BoundsFor(const Type& type) {
  std::lock_guard lock(mutex_);
  if (bounds_ != nullptr) {
    if (!SameKind(bounds_->type, type)) {
      return Fail(ErrorKind::kData, "incremental_key `{}` changed its type from {} to {} while it was read", key_,
                  bounds_->type.ToString(), type.ToString());
    }
    return bounds_;
  }
  NILUS_TRY(CheckKeyType(type, key_));
  auto bounds = std::make_shared<Bounds>();
  bounds->type = type;
  const auto read = [&](const std::optional<Scalar>& bound, std::optional<Column>* column) -> Status {
    if (!bound) return {};
    Result<Column> parsed = ParseKey(*bound, type);
    if (!parsed && is_masked_)  // its words show the value
      return Fail(parsed.error().kind, "incremental_key `{}` is of type {}, and its cursor is no value of it", key_,
                  type.ToString());
    if (!parsed) return Failure(parsed.error());
    *column = *std::move(parsed);
    return {};
  };
  NILUS_TRY(read(range_.lower, &bounds->lower));
  NILUS_TRY(read(range_.upper ? range_.upper : snapshot_upper_, &bounds->upper));
  bounds_ = std::move(bounds);
  return bounds_;
}

Result<Column> Incremental::KeysOf(const RecordBatch& batch) const {
  const std::optional<int> at = batch.schema()->Find(key_);
  if (!at) return Fail(ErrorKind::kData, "incremental_key `{}` is missing from rows of {}", key_, job_->source_table);
  return batch.column(*at);
}

Result<RecordBatch> Incremental::Take(const RecordBatch& batch, const Column& keys) {
  NILUS_ASSIGN(std::shared_ptr<const Bounds> bounds, BoundsFor(keys.type));
  std::vector<uint8_t> in_range(static_cast<size_t>(batch.num_rows()), 1);
  // Before the bounds, which would drop such rows without a word.
  if (int64_t row = FirstNotFinite(keys, in_range); row >= 0) {
    return FailWithFix(ErrorKind::kData, "filter such rows at the source (query:SELECT …)",
                       "incremental_key `{}` is {} in a row of {}, which no later run could go on from", key_,
                       ScalarAt(keys, row).text, job_->source_table);
  }
  if (bounds->lower) KeepAtOrAbove(keys, *bounds->lower, &in_range);
  if (bounds->upper) KeepBelow(keys, *bounds->upper, range_.upper ? range_.upper_inclusive : true, &in_range);
  std::vector<uint8_t> keep = in_range;
  if (keys.null_count > 0) NILUS_TRY(TakeNulls(batch, keys, &in_range, &keep));
  if (drops_boundary_ && bounds->lower) {
    std::vector<uint8_t> at_lower = in_range;
    KeepBelow(keys, *bounds->lower, true, &at_lower);
    for (int64_t row = 0; keys.null_count > 0 && row < keys.length; ++row) {
      if (keys.IsNull(row)) at_lower[static_cast<size_t>(row)] = 0;
    }
    NILUS_TRY(DropLoaded(batch, at_lower, &to_drop_, &keep));
  }
  if (may_truncate_) Limit(keys, &in_range, &keep);
  NILUS_TRY(Observe(batch, keys, in_range));
  return batch.Filter(keep);
}

Status Incremental::TakeNulls(const RecordBatch& batch, const Column& keys, std::vector<uint8_t>* in_range,
                              std::vector<uint8_t>* keep) {
  std::vector<uint8_t> nulls(in_range->size(), 0);
  for (int64_t row = 0; row < keys.length; ++row) nulls[static_cast<size_t>(row)] = keys.IsNull(row) ? 1 : 0;
  switch (job_->null_keys) {
    case NullCursor::kError:
      return FailWithFix(
          ErrorKind::kData,
          "set incremental_key_nulls to include (load each such row once) or exclude (leave them out), or choose a "
          "key that is always there",
          "incremental_key `{}` is NULL (or a value its type cannot hold) in a row of {}", key_, job_->source_table);
    case NullCursor::kExclude: {
      int64_t count = 0;
      for (size_t row = 0; row < nulls.size(); ++row) {
        if (nulls[row] == 0) continue;
        (*in_range)[row] = (*keep)[row] = 0;
        ++count;
      }
      std::lock_guard lock(mutex_);
      nulls_dropped_ += count;
      return {};
    }
    case NullCursor::kInclude:
      return DropLoaded(batch, nulls, &nulls_to_drop_, keep);
  }
  return {};
}

Result<RowHasher> Incremental::HasherLike(const RowSet& set, const Schema& schema) const {
  // Under merge a row that is loaded again only repeats itself: one that has a value in a new column counts as changed.
  if (set.columns.empty() || !LoadsOnce(job_->strategy)) {
    Result<RowHasher> hasher = RowHasher::Create(schema, set.by);
    if (hasher) return hasher;
    return FailWithFix(ErrorKind::kInvalidInput, std::string(kStartOver),
                       "rows at the cursor are remembered by columns that are gone: {}", hasher.error().message);
  }
  auto refuse = [&](const std::string& change) {
    std::string fix = set.by.empty() ? "name a primary_key whose columns stay and " : "";
    return FailWithFix(
        ErrorKind::kData, fmt::format("undo the change, or {}{}", fix, kStartOver),
        "column {}: which rows of {} at the cursor, `{}` = {}, are loaded already cannot be told any more, and "
        "they would be there twice",
        change, job_->source_table, key_, CursorBefore());
  };
  std::vector<std::string> names = set.by;
  for (const auto& [name, kind] : set.columns) {
    std::optional<int> at = schema.Find(name);
    if (!at) return refuse(fmt::format("`{}` is gone (dropped, renamed, or in sql_exclude_columns)", name));
    const Type& type = schema.fields[static_cast<size_t>(*at)].type;
    if (!IsComparableKind(kind, HashKind(type))) {
      return refuse(
          fmt::format("`{}` is now of type {}, which it was not when the cursor was committed", name, type.ToString()));
    }
    if (set.by.empty()) names.push_back(name);
  }
  for (const Field& field : schema.fields) {
    if (set.by.empty() && !field.variant_of.empty() && set.columns.contains(field.variant_of))
      names.push_back(field.name);
  }
  return RowHasher::Create(schema, names);
}

Result<RowHasher> Incremental::HasherFor(const Schema& schema, const RowSet* joined, RowSet* set) const {
  if (joined != nullptr && !joined->columns.empty() && LoadsOnce(job_->strategy)) {
    set->columns = joined->columns;
    return HasherLike(*joined, schema);
  }
  auto is_hashed = [&](const std::string& name) {
    return record_by_.empty() || std::find(record_by_.begin(), record_by_.end(), name) != record_by_.end();
  };
  for (const Field& field : schema.fields) {
    if (field.variant_of.empty() && is_hashed(field.name)) set->columns.emplace(field.name, HashKind(field.type));
  }
  return RowHasher::Create(schema, record_by_);
}

// Clears keep for those of the candidates that `loaded` still holds, and takes them out of it.
Status Incremental::DropLoaded(const RecordBatch& batch, const std::vector<uint8_t>& candidates, RowSet* loaded,
                               std::vector<uint8_t>* keep) {
  if (std::find(candidates.begin(), candidates.end(), 1) == candidates.end()) return {};
  std::lock_guard lock(mutex_);
  if (loaded->counts.empty()) return {};
  NILUS_ASSIGN(RowHasher hasher, HasherLike(*loaded, *batch.schema()));
  for (size_t row = 0; row < candidates.size(); ++row) {
    if (candidates[row] == 0) continue;
    auto found = loaded->counts.find(hasher.Hash(batch, static_cast<int64_t>(row)));
    if (found == loaded->counts.end()) continue;
    (*keep)[row] = 0;
    ++boundary_dropped_;
    if (--found->second == 0) loaded->counts.erase(found);
  }
  return {};
}

void Incremental::Limit(const Column& keys, std::vector<uint8_t>* in_range, std::vector<uint8_t>* keep) {
  std::lock_guard lock(mutex_);
  for (size_t row = 0; row < keep->size(); ++row) {
    if (job_->row_limit && taken_ >= *job_->row_limit) {
      (*in_range)[row] = (*keep)[row] = 0;
      continue;
    }
    taken_ += (*keep)[row];
  }
  if (in_order_ && !IsAscending(keys, *in_range, last_key_)) in_order_ = false;
  for (int64_t row = keys.length - 1; row >= 0; --row) {
    if ((*in_range)[static_cast<size_t>(row)] == 0 || keys.IsNull(row)) continue;
    last_key_ = SingleCell(keys, row);
    break;
  }
}

// Raises the highest key and remembers the rows that have it.
Status Incremental::Observe(const RecordBatch& batch, const Column& keys, const std::vector<uint8_t>& in_range) {
  int64_t top = HighestKey(keys, in_range);
  std::lock_guard lock(mutex_);
  seen_ += std::count(in_range.begin(), in_range.end(), 1);
  if (job_->null_keys == NullCursor::kInclude && keys.null_count > 0 && !nulls_overflow_) {
    bool is_joined = may_truncate_ && committed_.nulls && committed_.nulls->by == record_by_;
    NILUS_ASSIGN(RowHasher hasher, HasherFor(*batch.schema(), is_joined ? &*committed_.nulls : nullptr, &new_nulls_));
    for (int64_t row = 0; row < keys.length; ++row) {
      if (in_range[static_cast<size_t>(row)] != 0 && keys.IsNull(row)) ++new_nulls_.counts[hasher.Hash(batch, row)];
    }
    nulls_overflow_ = static_cast<int64_t>(new_nulls_.counts.size()) > kMaxBoundaryRows;
  }
  if (top < 0) return {};
  std::strong_ordering order = highest_ ? CompareCells(keys, top, *highest_, 0) : std::strong_ordering::greater;
  if (order < 0) return {};
  if (order > 0) {
    highest_ = SingleCell(keys, top);
    at_highest_ = {};
    overflow_ = false;
  }
  if (overflow_) return {};
  // A run with a limit may stay at the cursor; its boundary is then joined with the committed one, and so is hashed
  // alike.
  bool is_joined = may_truncate_ && drops_boundary_ && ScalarAt(*highest_, 0).text == committed_.cursor->value.text;
  NILUS_ASSIGN(RowHasher hasher, HasherFor(*batch.schema(), is_joined ? &*committed_.boundary : nullptr, &at_highest_));
  std::vector<uint8_t> equal = in_range;
  KeepAtOrAbove(keys, *highest_, &equal);
  for (int64_t row = 0; row < keys.length; ++row) {
    if (equal[static_cast<size_t>(row)] != 0 && !keys.IsNull(row)) ++at_highest_.counts[hasher.Hash(batch, row)];
  }
  if (static_cast<int64_t>(at_highest_.counts.size()) > kMaxBoundaryRows) {
    overflow_ = true;
    at_highest_.counts.clear();
  }
  return {};
}

bool Incremental::is_full() const {
  std::lock_guard lock(mutex_);
  return job_->row_limit && taken_ >= *job_->row_limit;
}

void Incremental::SetTruncated() {
  std::lock_guard lock(mutex_);
  truncated_ = true;
}

int64_t Incremental::boundary_rows_dropped() const {
  std::lock_guard lock(mutex_);
  return boundary_dropped_;
}

int64_t Incremental::null_keys_dropped() const {
  std::lock_guard lock(mutex_);
  return nulls_dropped_;
}

}  // namespace nilus
