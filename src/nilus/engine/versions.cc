#include "nilus/engine/versions.h"

#include <algorithm>
#include <set>
#include <string>

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

}  // namespace

bool NumbersVersions(const BatchJob& job, bool key_is_unique) {
  const bool keeps_versions = job.strategy == WriteStrategy::kScd2 || AppendsVersions(job);
  return keeps_versions && job.max_nesting > 0 && !key_is_unique;
}

bool NamesVersionsByLoad(const BatchJob& job) {
  return job.strategy == WriteStrategy::kScd2 || (job.max_nesting > 0 && AppendsVersions(job));
}

void AddAbsentColumns(const BatchJob& job, const Schema& there, bool is_inferred, Schema* schema) {
  const auto is_excluded = [&](const std::string& name) {
    return std::any_of(job.exclude_columns.begin(), job.exclude_columns.end(), [&](const std::string& column) {
      return NormalizeName(column, job.naming, job.identifier_limit) == name;
    });
  };
  std::set<std::string, std::less<>> variants;
  for (const Field& field : schema->fields) {
    for (TypeId id : {TypeId::kText, TypeId::kInt64, TypeId::kFloat64, TypeId::kDecimal, TypeId::kBool, TypeId::kDate,
                      TypeId::kTime, TypeId::kTimestamp, TypeId::kTimestampNtz, TypeId::kBinary, TypeId::kJson})
      variants.insert(FitToLimit(VariantName(field.name, TypeFamily(MakeType(id))), job.identifier_limit));
  }
  for (const Field& field : there.fields) {
    const bool is_ours = IsRowIdColumn(field.name) || field.name == kValidFromColumn || field.name == kValidToColumn ||
                         field.name == kChildrenHashColumn;
    if (is_ours || schema->Find(field.name) || !field.nullable || is_excluded(field.name)) continue;
    if (is_inferred || variants.contains(field.name)) schema->fields.push_back(field);
  }
}

}  // namespace nilus
