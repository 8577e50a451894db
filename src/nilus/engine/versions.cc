#include "nilus/engine/versions.h"

#include <algorithm>
#include <set>
#include <string>

#include "nilus/base/text.h"
#include "nilus/connector/sql_strategy.h"
#include "nilus/rows/children_hash.h"
#include "nilus/rows/coerce.h"
#include "nilus/rows/row_ids.h"

namespace nilus {
namespace {

// The cursor's value, where there is one, tells versions of a key apart (NamingKey).
bool AppendsVersions(const BatchJob& job) {
  return job.strategy == WriteStrategy::kAppend && job.incremental_key.empty();
}

bool IsOurs(std::string_view column) {
  return IsRowIdColumn(column) || column == kValidFromColumn || column == kValidToColumn ||
         column == kChildrenHashColumn;
}

}  // namespace

bool NumbersVersions(const BatchJob& job, bool key_is_unique) {
  const bool keeps_versions = job.strategy == WriteStrategy::kScd2 || AppendsVersions(job);
  return keeps_versions && job.max_nesting > 0 && !key_is_unique;
}

bool NamesVersionsByLoad(const BatchJob& job) {
  return job.strategy == WriteStrategy::kScd2 || (job.max_nesting > 0 && AppendsVersions(job));
}

bool IsInferred(const Schema& source) {
  return std::any_of(source.fields.begin(), source.fields.end(),
                     [](const Field& field) { return field.origin != JsonOrigin::kNone; });
}

void AddAbsentColumns(const BatchJob& job, const Schema& there, const std::vector<std::string>& brought,
                      Schema* schema) {
  const auto is_excluded = [&](const std::string& name) {  // or is a part or a variant column of one that is
    return std::any_of(job.exclude_columns.begin(), job.exclude_columns.end(), [&](const std::string& column) {
      const std::string excluded = NormalizeName(column, job.naming, job.identifier_limit);
      return name == excluded || name.starts_with(excluded + std::string(kLevels));
    });
  };
  // To some databases names that differ in case only are one column.
  std::set<std::string, std::less<>> loaded;
  for (const Field& field : schema->fields) loaded.insert(LowerCase(field.name));
  std::set<std::string, std::less<>> wanted(brought.begin(), brought.end());
  std::vector<std::string> names = brought;
  for (const Field& field : schema->fields) names.push_back(field.name);
  for (const std::string& name : names) {
    for (TypeId id : {TypeId::kText, TypeId::kInt64, TypeId::kFloat64, TypeId::kDecimal, TypeId::kBool, TypeId::kDate,
                      TypeId::kTime, TypeId::kTimestamp, TypeId::kTimestampNtz, TypeId::kBinary, TypeId::kJson})
      wanted.insert(FitToLimit(VariantName(name, TypeFamily(MakeType(id))), job.identifier_limit));
  }
  for (const Field& field : there.fields) {
    if (IsOurs(field.name) || loaded.contains(LowerCase(field.name)) || !field.nullable) continue;
    if (wanted.contains(field.name) && !is_excluded(field.name)) schema->fields.push_back(field);
  }
}

std::vector<std::string> ColumnsBrought(const Schema& loaded) {
  std::vector<std::string> names;
  for (const Field& field : loaded.fields) {
    if (!IsOurs(field.name)) names.push_back(field.name);
  }
  return names;
}

}  // namespace nilus
