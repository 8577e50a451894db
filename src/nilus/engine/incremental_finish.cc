// What an incremental run leaves behind: the new cursor with its boundary rows, and the interval that was replaced.
#include <algorithm>

#include "nilus/engine/incremental.h"

namespace nilus {
namespace {

// Both texts are of the type of `a`, or bounds that were given before the type was known.
bool IsBelow(const Scalar& a, const std::string& b) { return IsKeyBelow(a.text, b, a.type); }

}  // namespace

// The reading may have ended before the range did.
bool Incremental::IsTruncated() const {
  if (!may_truncate_) return false;
  return truncated_ || (job_->row_limit && taken_ >= *job_->row_limit) || (source_limit_ && seen_ >= *source_limit_);
}

// Everything below the highest key seen is loaded, now or by earlier runs.
Result<bool> Incremental::CanAdvance(std::vector<std::string>* warnings) const {
  // delete+insert would remove rows at the highest key that it does not put back, and both read the rows at the cursor
  // again: where those alone fill the limit, no run would come past them.
  if (IsTruncated() && (job_->strategy == WriteStrategy::kDeleteInsert || job_->strategy == WriteStrategy::kScd2)) {
    return FailWithFix(
        ErrorKind::kUnsupported,
        "leave sql_limit and yield_limit out, and bound the run with interval_start and interval_end instead",
        "a limit cut off the rows of {}, and incremental_strategy {} needs all rows of what it reads",
        job_->source_table, WriteStrategyName(job_->strategy));
  }
  if (IsTruncated() && !in_order_) {
    if (job_->strategy == WriteStrategy::kAppend) {
      return FailWithFix(
          ErrorKind::kUnsupported, "leave sql_limit and yield_limit out, or use incremental_strategy merge",
          "rows of {} do not come in order of `{}`, so a limit would leave some out for ever or load some twice",
          job_->source_table, key_);
    }
    warnings->push_back(
        fmt::format("rows of {} do not come in order of `{}` and a limit cut them off: the cursor stays where it was",
                    job_->source_table, key_));
    return false;
  }
  if (!has_start_ || !committed_.cursor || job_->strategy == WriteStrategy::kReplace) return true;
  const Cursor& cursor = *committed_.cursor;
  Scalar start = *range_.lower;
  start.type = cursor.value.type;
  bool joins =
      !IsBelow(cursor.value, start.text) || (cursor.until && !IsBelow(Scalar{start.type, *cursor.until}, start.text));
  if (!joins) {
    warnings->push_back(
        fmt::format("interval_start {} lies behind the cursor {}: rows between them are not loaded, so the cursor "
                    "stays there",
                    Shown(start.text), Shown(cursor.value.text)));
  }
  return joins;
}

Status Incremental::SetNulls(Checkpoint* next) const {
  if (job_->null_keys != NullCursor::kInclude) {
    if (job_->strategy != WriteStrategy::kReplace) next->nulls = committed_.nulls;
    return {};
  }
  if (nulls_overflow_) {
    if (job_->strategy != WriteStrategy::kAppend && job_->strategy != WriteStrategy::kDeleteInsert) return {};
    return FailWithFix(
        ErrorKind::kData, "use incremental_strategy merge, or incremental_key_nulls: exclude",
        "more than {} rows of {} have no incremental_key `{}`: too many to remember which of them are loaded",
        kMaxBoundaryRows, job_->source_table, key_);
  }
  next->nulls = new_nulls_;
  next->nulls->by = record_by_;
  if (IsTruncated() && committed_.nulls && committed_.nulls->by == record_by_) {
    for (const auto& [hash, count] : committed_.nulls->counts) {
      int64_t& there = next->nulls->counts[hash];
      there = std::max(there, count);
    }
  }
  return {};
}

// The highest key becomes the cursor.
Status Incremental::SetCursor(Checkpoint* next) const {
  next->cursor = Cursor{.column = key_, .value = ScalarAt(*highest_, 0), .until = std::nullopt};
  if (overflow_) {
    if (job_->strategy != WriteStrategy::kAppend) return {};  // the boundary is not known
    return FailWithFix(
        ErrorKind::kData, "choose a finer incremental_key, or use incremental_strategy merge with a primary_key",
        "more than {} rows of {} have the highest `{}`, {}: too many to remember which of them are loaded",
        kMaxBoundaryRows, job_->source_table, key_, Shown(next->cursor->value.text));
  }
  next->boundary = at_highest_;
  next->boundary->by = record_by_;
  bool stays = committed_.cursor && committed_.cursor->value.text == next->cursor->value.text;
  if (stays && IsTruncated() && drops_boundary_ && job_->strategy == WriteStrategy::kAppend) {
    for (const auto& [hash, count] : committed_.boundary->counts) {  // some of its rows may not have been read again
      int64_t& there = next->boundary->counts[hash];
      there = std::max(there, count);
    }
  }
  return {};
}

// Rows of these keys are at the destination now. A range without rows is not noted: what comes into it later may be
// loaded.
Status Incremental::AddLoadedTo(Checkpoint* next) const {
  if (!highest_) return {};
  const std::string highest = ScalarAt(*highest_, 0).text;
  LoadedRange range{.key = key_, .start = "", .end = highest};
  if (range_.lower) range.start = range_.lower->text;
  if (!IsTruncated()) {
    if (range_.upper) range.end = range_.upper->text;
  } else if (job_->strategy == WriteStrategy::kAppend && next->cursor && next->cursor->value.text != highest) {
    return FailWithFix(ErrorKind::kUnsupported,
                       "leave sql_limit and yield_limit out, or use incremental_strategy merge",
                       "a limit cut off rows of {} below the committed cursor: which of them are loaded could not be "
                       "remembered",
                       job_->source_table);
  }
  AddLoaded(&next->loaded, std::move(range), bounds_->type);
  return {};
}

Result<Checkpoint> Incremental::Finish(Position source_end, std::vector<std::string>* warnings) {
  std::lock_guard lock(mutex_);
  Checkpoint next;
  next.source = std::move(source_end);
  NILUS_TRY(SetNulls(&next));
  bool goes_on = committed_.cursor && job_->strategy != WriteStrategy::kReplace;
  bool is_behind = goes_on && highest_ && IsBelow(ScalarAt(*highest_, 0), committed_.cursor->value.text);
  NILUS_ASSIGN(bool can_advance, CanAdvance(warnings));
  if (highest_ && can_advance && !is_behind) {
    NILUS_TRY(SetCursor(&next));
  } else if (goes_on) {
    next.cursor = committed_.cursor;
    next.boundary = committed_.boundary;
  }
  // An interval's end past its last row: the next interval joins there.
  if (next.cursor && range_.upper && can_advance && !IsTruncated() && IsBelow(next.cursor->value, range_.upper->text)) {
    std::optional<std::string>& until = next.cursor->until;
    if (!until || IsBelow(Scalar{next.cursor->value.type, *until}, range_.upper->text)) until = range_.upper->text;
  }
  if (job_->strategy != WriteStrategy::kReplace) next.loaded = committed_.loaded;
  NILUS_TRY(AddLoadedTo(&next));
  if (goes_on && !has_start_ && !range_.upper && !IsTruncated()) {
    bool upper_is_behind = snapshot_upper_ && IsBelow(*snapshot_upper_, committed_.cursor->value.text);
    bool nothing_there = !highest_;
    if (upper_is_behind || nothing_there) {
      warnings->push_back(
          fmt::format("the source went backwards: {} has no row at or above the committed cursor {} = {}{}; the cursor "
                      "stays. Rows that come "
                      "in below it will not be read (full_refresh: true reads everything anew)",
                      job_->source_table, key_, CursorBefore(),
                      snapshot_upper_ ? fmt::format(" (its highest is {})", Shown(snapshot_upper_->text)) : ""));
    }
  }
  return next;
}

std::optional<KeyRange> Incremental::ReplacedInterval(const std::string& dest_column) const {
  std::lock_guard lock(mutex_);
  if (drops_boundary_ || IsTruncated()) return std::nullopt;
  KeyRange interval{.column = dest_column,
                    .lower = range_.lower,
                    .upper = range_.upper,
                    .upper_inclusive = range_.upper_inclusive,
                    .with_nulls = false};
  if (!interval.upper) {
    interval.upper_inclusive = true;
    if (snapshot_upper_) {
      interval.upper = snapshot_upper_;
    } else if (highest_) {
      interval.upper = ScalarAt(*highest_, 0);
    } else {
      return std::nullopt;  // nothing was read, and no end was given
    }
  }
  if (interval.lower && IsBelow(*interval.upper, interval.lower->text)) return std::nullopt;
  return interval;
}

}  // namespace nilus
