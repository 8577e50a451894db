#include "nilus/engine/masking.h"

#include <algorithm>

#include "nilus/data/builder.h"

namespace nilus {
namespace {

std::string NameOf(const BatchJob& job, std::string_view column) {
  return NormalizeName(column, job.naming, job.identifier_limit);
}

bool IsKeyColumn(const BatchJob& job, const std::string& name) {
  return std::any_of(job.primary_key.begin(), job.primary_key.end(),
                     [&](const std::string& column) { return NameOf(job, column) == name; });
}

// Rows are told apart by their primary key: by the sink, or among the boundary rows.
bool NeedsKey(const BatchJob& job) {
  return job.strategy == WriteStrategy::kMerge || job.strategy == WriteStrategy::kScd2 ||
         (job.strategy == WriteStrategy::kAppend && !job.incremental_key.empty());
}

// Rows loaded earlier are known by all their columns: how, or empty.
std::string_view ComparesWholeRows(const BatchJob& job) {
  if (job.strategy == WriteStrategy::kScd2) return "finds changed rows by all their columns";
  if (job.incremental_key.empty()) return "";
  if (job.strategy == WriteStrategy::kAppend && job.primary_key.empty()) {
    return "without a primary_key knows the rows at the cursor by all their columns";
  }
  if (job.strategy == WriteStrategy::kDeleteInsert && job.null_keys == NullCursor::kInclude) {
    return "knows rows without an incremental_key by all their columns";
  }
  return "";
}

// "hash", "partial:3"; of a key only whether it is the same.
Result<std::string> HowOf(const MaskRule& rule) {
  if (rule.parameter.empty()) return rule.algorithm;
  if (rule.algorithm != "hmac") return rule.algorithm + ":" + rule.parameter;
  constexpr size_t kShownDigits = 16;
  NILUS_ASSIGN(std::unique_ptr<Mask> mask, MakeMask(rule, MakeType(TypeId::kText)));
  ColumnBuilder probe(MakeType(TypeId::kText));
  probe.AppendBytes("nilus: which key is this?");
  NILUS_ASSIGN(Column masked, mask->Apply(probe.Finish()));
  return "hmac:" + std::string(masked.BytesValue(0).substr(0, kShownDigits));
}

// What the destination does by the key it would do by the mask's values.
Status CheckCursorMask(const BatchJob& job, const MaskRule& rule) {
  std::string_view why;
  if (job.strategy == WriteStrategy::kDeleteInsert) why = "removes the destination's rows by it";
  if (job.strategy == WriteStrategy::kScd2) why = "orders the versions of a row by it";
  if (!why.empty()) {
    return FailWithFix(ErrorKind::kUnsupported, "use incremental_strategy merge or append, or leave the mask out",
                       "the incremental_key `{}` cannot be masked under incremental_strategy {}, which {}", rule.column,
                       WriteStrategyName(job.strategy), why);
  }
  const bool names_versions = job.strategy == WriteStrategy::kAppend && job.max_nesting > 0;
  if (!names_versions || MaskedKeyOf(rule.algorithm) == MaskedKey::kUnique) return {};
  return FailWithFix(ErrorKind::kUnsupported, "mask it with hash, sha256, hmac, uuid or sequential",
                     "the incremental_key `{}` cannot be masked with {} under append with nesting: it tells the "
                     "versions of a row apart, whose nested rows would become those of one",
                     rule.column, rule.algorithm);
}

bool HasRows(const std::optional<RowSet>& set) { return set && set->by.empty() && !set->counts.empty(); }

// Rows are remembered by hashes of all their columns, and a row that is not known again is loaded once more.
bool RemembersWholeRows(const BatchJob& job, const Checkpoint& committed) {
  if (job.strategy == WriteStrategy::kAppend) return HasRows(committed.boundary) || HasRows(committed.nulls);
  return job.strategy == WriteStrategy::kDeleteInsert && HasRows(committed.nulls);
}

}  // namespace

std::vector<MaskRule> ToMaskRules(const std::vector<MaskSpec>& masks) {
  std::vector<MaskRule> rules;
  rules.reserve(masks.size());
  for (const MaskSpec& mask : masks) {
    rules.push_back(MaskRule{.column = mask.column, .algorithm = mask.algorithm, .parameter = mask.parameter});
  }
  return rules;
}

bool MasksIncrementalKey(const BatchJob& job) {
  return !job.incremental_key.empty() && std::any_of(job.masks.begin(), job.masks.end(), [&](const MaskRule& rule) {
    return NameOf(job, rule.column) == NameOf(job, job.incremental_key);
  });
}

std::set<std::string> HintedTexts(const BatchJob& job) {
  std::set<std::string> columns;
  for (const PinnedType& hint : job.hints)
    if (hint.type.id == TypeId::kText) columns.insert(NameOf(job, hint.column));
  return columns;
}

Status CheckMasks(const BatchJob& job) {
  for (const MaskRule& rule : job.masks) {
    const std::string name = NameOf(job, rule.column);
    if (!job.incremental_key.empty() && NameOf(job, job.incremental_key) == name) NILUS_TRY(CheckCursorMask(job, rule));
    const MaskedKey kept = MaskedKeyOf(rule.algorithm);
    if (NeedsKey(job) && IsKeyColumn(job, name) && (kept == MaskedKey::kRandom || kept == MaskedKey::kLossy)) {
      return FailWithFix(ErrorKind::kUnsupported,
                         "mask a key with hash, sha256, md5, hmac, uuid or sequential, or choose another primary_key",
                         "the primary_key column `{}` cannot be masked with {} under incremental_strategy {}: {}",
                         rule.column, rule.algorithm, WriteStrategyName(job.strategy),
                         kept == MaskedKey::kRandom ? "the same row would have another key in every run"
                                                    : "rows with different keys would become one");
    }
    std::string_view compares = ComparesWholeRows(job);
    if (kept == MaskedKey::kRandom && !compares.empty()) {
      return FailWithFix(ErrorKind::kUnsupported,
                         job.strategy == WriteStrategy::kAppend
                             ? "name a primary_key, or mask the column with something that stays the same"
                             : "mask the column with something that stays the same",
                         "column `{}` cannot be masked with {}, which comes out otherwise every time: "
                         "incremental_strategy {} {}",
                         rule.column, rule.algorithm, WriteStrategyName(job.strategy), compares);
    }
  }
  return {};
}

Result<std::shared_ptr<const Masking>> MakeMasking(const BatchJob& job, const Checkpoint& committed) {
  MaskingOptions options{.rules = job.masks,
                         .naming = job.naming,
                         .identifier_limit = job.identifier_limit,
                         .table = job.source_table,
                         .sequences = {},
                         .texts = HintedTexts(job)};
  for (const MaskRule& rule : job.masks) {
    auto before = committed.masks.find(NameOf(job, rule.column));
    if (rule.algorithm != "sequential" || before == committed.masks.end() || before->second.numbers.empty()) continue;
    NILUS_ASSIGN(options.sequences[before->first], MaskSequence::Parse(before->second.numbers));
  }
  return Masking::Create(std::move(options));
}

Status CheckMaskChanges(const BatchJob& job, const Checkpoint& committed, std::vector<std::string>* warnings) {
  std::map<std::string, std::string> now;
  for (const MaskRule& rule : job.masks) {
    NILUS_ASSIGN(now[NameOf(job, rule.column)], HowOf(rule));
  }
  std::map<std::string, std::string> before;
  for (const auto& [column, record] : committed.masks) before[column] = record.how;
  std::map<std::string, std::string> changed;  // column → "hash, was stars"
  for (const auto& [column, how] : now) {
    auto was = before.find(column);
    if (was == before.end()) changed[column] = how + ", was not masked";
    if (was != before.end() && was->second != how) changed[column] = fmt::format("{}, was {}", how, was->second);
  }
  for (const auto& [column, how] : before) {
    if (!now.contains(column)) changed[column] = "not masked, was " + how;
  }
  for (const auto& [column, change] : changed) {
    std::string_view why;
    if (NeedsKey(job) && IsKeyColumn(job, column)) {
      why = "rows of its primary_key that are loaded already would be there twice, under another key";
    } else if (RemembersWholeRows(job, committed)) {
      why = "which rows at the cursor are loaded already could not be told any more, and they would be there twice";
    }
    if (!why.empty()) {
      return FailWithFix(ErrorKind::kInvalidInput, "undo the change, or load everything anew with full_refresh: true",
                         "the mask of `{}` changed since the last load ({}): {}", column, change, why);
    }
    warnings->push_back(
        fmt::format("the mask of `{}` changed since the last load ({}): rows that are at the destination keep what "
                    "they have until they are loaded again; full_refresh: true loads all of them anew",
                    column, change));
  }
  return {};
}

Result<std::map<std::string, MaskRecord>> MaskRecordsOf(const Masking& masking) {
  std::map<std::string, MaskRecord> records;
  for (const MaskRule& rule : masking.rules()) {
    MaskRecord& record = records[masking.NameOf(rule.column)];
    NILUS_ASSIGN(record.how, HowOf(rule));
  }
  for (const auto& [column, sequence] : masking.sequences()) {
    if (auto record = records.find(column); record != records.end()) record->second.numbers = sequence->ToText();
  }
  return records;
}

bool MasksKeepUnique(const Masking& masking, const std::vector<std::string>& key) {
  return std::all_of(key.begin(), key.end(), [&](const std::string& column) {
    const MaskRule* rule = masking.RuleFor(column);
    return rule == nullptr || MaskedKeyOf(rule->algorithm) == MaskedKey::kUnique;
  });
}

}  // namespace nilus
