#include "nilus/connectors/lakehouse/target.h"

#include <algorithm>
#include <map>
#include <set>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/connector/sql_strategy.h"

namespace nilus::lakehouse {
namespace {

using lake::IcebergField;
using lake::IcebergSchema;
using lake::TableMetadata;

Schema WithOwnColumns(const Schema& columns, const WriteRequest& request) {
  Schema all = columns;
  for (Field& field : OwnColumns(request)) all.fields.push_back(std::move(field));
  return all;
}

// The wanted columns and no others. A column keeps its id where its type stays, so that older snapshots, and readers
// that know columns by id, find it under the same one.
IcebergSchema RenewedSchema(const TableMetadata& existing, const Schema& wanted) {
  IcebergSchema schema;
  int32_t last_id = existing.last_column_id;
  for (const Field& field : wanted.fields) {
    IcebergField renewed{.name = field.name, .type = lake::ToIcebergType(field.type)};
    const IcebergField* known = existing.schema().FindByName(field.name);
    if (known != nullptr && known->type == renewed.type) {
      renewed.id = known->id;
      renewed.doc = known->doc;
    } else {
      renewed.id = ++last_id;
    }
    lake::MarkJson(field.type.id == TypeId::kJson, &renewed);
    schema.fields.push_back(std::move(renewed));
  }
  if (schema.SameColumns(existing.schema())) schema.schema_id = existing.schema().schema_id;
  return schema;
}

// A column that differs from one of the table in case only would become a second one, which DuckDB and most engines
// cannot tell from the first.
Status CheckCase(const IcebergSchema& existing, const WriteRequest& request, const Schema& wanted) {
  std::map<std::string, std::string_view> known;
  for (const IcebergField& field : existing.fields) known.emplace(LowerCase(field.name), field.name);
  for (const Field& field : wanted.fields) {
    const auto there = known.find(LowerCase(field.name));
    if (there == known.end() || existing.FindByName(field.name) != nullptr) continue;
    return FailWithFix(ErrorKind::kInvalidInput,
                       "rename one of them, exclude the source's, or set SCHEMA_NAMING=direct where the source has the "
                       "table's spelling",
                       "column `{}` of this load and column `{}` of table {} differ in case only", field.name,
                       there->second, request.table.ToString());
  }
  return {};
}

// The load was planned when the column was text, and somebody made it json meanwhile.
Status CheckJson(const IcebergSchema& existing, const WriteRequest& request, const Schema& wanted) {
  for (const Field& field : wanted.fields) {
    const IcebergField* there = existing.FindByName(field.name);
    if (there == nullptr || !lake::IsMarkedJson(*there) || field.type.id != TypeId::kText) continue;
    return FailWithFix(ErrorKind::kConflict, "run again: it starts from the table as it is now",
                       "column `{}` of table {} is json, and text in this load", field.name, request.table.ToString());
  }
  return {};
}

// Contracts other than evolve leave a table's columns as they are: a NULL for a required one fails where it is written.
bool KeepsRequired(const WriteRequest& request) { return request.misfits != Misfits::kVariant; }

bool HasSources(const lake::PartitionSpec& spec, const IcebergSchema& schema) {
  return std::all_of(spec.fields.begin(), spec.fields.end(), [&](const lake::SpecField& field) {
    return field.transform.kind == lake::Transform::Kind::kVoid || schema.FindById(field.source_id) != nullptr;
  });
}

lake::PartitionSpec Unpartitioned(const TableMetadata* existing) {
  if (existing != nullptr) {
    for (const lake::PartitionSpecPtr& spec : existing->specs) {
      if (spec->fields.empty()) return *spec;
    }
  }
  return lake::PartitionSpec{.spec_id = -1};
}

Result<lake::PartitionSpec> PlanSpec(const TableMetadata* existing, const WriteRequest& request,
                                     const IcebergSchema& schema) {
  if (request.partition_by.empty()) {
    if (existing == nullptr || !HasSources(existing->spec(), schema)) return Unpartitioned(existing);
    for (const lake::SpecField& field : existing->spec().fields) {
      if (field.transform.kind != lake::Transform::Kind::kUnknown) continue;
      return FailWithFix(ErrorKind::kUnsupported, "set partition_by, or load into another table",
                         "table {} is partitioned by {}, which Nilus does not know", request.table.ToString(),
                         field.transform.text);
    }
    return existing->spec();
  }
  std::vector<lake::PartitionWish> wishes;
  for (const PartitionField& field : request.partition_by)
    wishes.push_back({field.column, field.transform, field.parameter, field.name});
  int32_t last_id = existing != nullptr ? existing->last_partition_id : lake::kFirstPartitionFieldId - 1;
  return lake::MakePartitionSpec(
      wishes, schema, existing != nullptr ? existing->specs : std::vector<lake::PartitionSpecPtr>(), &last_id);
}

Result<lake::SortOrder> PlanOrder(const TableMetadata* existing, const WriteRequest& request,
                                  const IcebergSchema& schema) {
  if (!request.cluster_by.empty()) {
    return lake::MakeSortOrder(request.cluster_by, schema,
                               existing != nullptr ? existing->sort_orders : std::vector<lake::SortOrder>());
  }
  if (existing == nullptr) return lake::SortOrder{};
  const lake::SortOrder& order = existing->sort_order();
  const bool is_there = std::all_of(order.fields.begin(), order.fields.end(), [&](const lake::SortField& field) {
    return schema.FindById(field.source_id) != nullptr;
  });
  return is_there ? order : lake::SortOrder{};
}

// Orders of other engines that DuckDB would not sort by in the same way are left aside.
std::vector<std::string> SortColumns(const lake::SortOrder& order, const IcebergSchema& schema) {
  std::vector<std::string> names;
  for (const lake::SortField& field : order.fields) {
    const IcebergField* column = schema.FindById(field.source_id);
    const bool is_plain =
        field.transform.kind == lake::Transform::Kind::kIdentity && !field.descending && field.nulls_first;
    if (column == nullptr || !is_plain) return {};
    names.push_back(column->name);
  }
  return names;
}

}  // namespace

bool MakesAnew(const WriteRequest& request) {
  return request.strategy == WriteStrategy::kReplace || request.full_refresh;
}

bool IsKeyed(const WriteRequest& request) {
  return request.root == nullptr &&
         (request.strategy == WriteStrategy::kMerge || request.strategy == WriteStrategy::kScd2);
}

bool FollowsRoot(const WriteRequest& request) {
  return request.root != nullptr &&
         (request.strategy == WriteStrategy::kMerge || request.strategy == WriteStrategy::kDeleteInsert);
}

bool FollowsVersions(const WriteRequest& request) {
  return request.root != nullptr && request.strategy == WriteStrategy::kScd2;
}

std::vector<Field> OwnColumns(const WriteRequest& request) {
  if (request.strategy != WriteStrategy::kScd2 || request.root != nullptr) return {};
  return {Field{.name = std::string(kValidFromColumn), .type = MakeType(TypeId::kTimestamp)},
          Field{.name = std::string(kValidToColumn), .type = MakeType(TypeId::kTimestamp)}};
}

Status CheckColumns(const WriteRequest& request, const Schema& columns) {
  std::set<std::string> ours;
  if (IsKeyed(request)) ours.insert(std::string(kSequenceColumn));
  for (const Field& field : OwnColumns(request)) ours.insert(field.name);
  std::set<std::string> seen;
  for (const Field& field : columns.fields) {
    const bool is_name = !field.name.empty() && field.name.find('\0') == std::string::npos && IsValidUtf8(field.name);
    if (!is_name) {
      return FailWithFix(ErrorKind::kInvalidInput, "rename the column at the source, or exclude it",
                         "a column of table {} has a name that is empty, has a NUL byte or is not UTF-8: '{}'",
                         request.table.ToString(), PercentEncode(field.name));
    }
    const std::string lower = LowerCase(field.name);
    if (ours.contains(lower)) {
      return FailWithFix(ErrorKind::kInvalidInput, "rename the column at the source, or exclude it",
                         "column `{}` of table {} has the name of a column that strategy {} adds", field.name,
                         request.table.ToString(), WriteStrategyName(request.strategy));
    }
    if (!seen.insert(lower).second) {
      return FailWithFix(ErrorKind::kInvalidInput, "rename one of them at the source, or exclude it",
                         "two columns of table {} are named `{}`, but for their case", request.table.ToString(),
                         field.name);
    }
  }
  return {};
}

Status CheckRequest(const WriteRequest& request) {
  const std::string table = request.table.ToString();
  if (request.schema->fields.empty()) return Fail(ErrorKind::kInvalidInput, "table {} has no columns to load", table);
  NILUS_TRY(CheckColumns(request, *request.schema));
  const bool keyed = IsKeyed(request);
  if (request.root != nullptr && !request.schema->Find(kRootIdColumn)) {
    return Fail(ErrorKind::kInvalidInput, "child table {} has no column {}", table, kRootIdColumn);
  }
  if (keyed && request.primary_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "name its `primary_key`",
                       "strategy {} of table {} needs a primary key", WriteStrategyName(request.strategy), table);
  }
  if (request.root == nullptr && request.strategy == WriteStrategy::kDeleteInsert && request.incremental_key.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "name its `incremental_key`",
                       "strategy delete+insert of table {} needs an incremental key", table);
  }
  for (const std::string& key : request.primary_key) {
    if (keyed && !request.schema->Find(key))
      return Fail(ErrorKind::kInvalidInput, "primary key `{}` is no column of table {}", key, table);
  }
  if (!request.incremental_key.empty() && !request.schema->Find(request.incremental_key))
    return Fail(ErrorKind::kInvalidInput, "incremental key `{}` is no column of table {}", request.incremental_key,
                table);
  return {};
}

Result<Target> PlanTarget(const TableMetadata* existing, const WriteRequest& request, const Schema& columns) {
  const Schema wanted = WithOwnColumns(columns, request);
  Target target;
  if (existing == nullptr) {
    target.schema = lake::MakeIcebergSchema(wanted);
  } else if (MakesAnew(request)) {
    target.schema = RenewedSchema(*existing, wanted);
  } else {
    NILUS_TRY(CheckCase(existing->schema(), request, wanted));
    NILUS_TRY(CheckJson(existing->schema(), request, wanted));
    int32_t last_id = existing->last_column_id;
    NILUS_ASSIGN(target.schema, lake::EvolveSchema(existing->schema(), wanted, existing->format_version, &last_id,
                                                   KeepsRequired(request)));
  }
  NILUS_ASSIGN(target.spec, PlanSpec(existing, request, target.schema));
  NILUS_ASSIGN(target.order, PlanOrder(existing, request, target.schema));
  target.sort_by = SortColumns(target.order, target.schema);
  return target;
}

bool FitsFiles(const IcebergSchema& written, const IcebergSchema& current) {
  return std::all_of(written.fields.begin(), written.fields.end(), [&](const IcebergField& field) {
    const IcebergField* now = current.FindById(field.id);
    const bool takes_nulls = now != nullptr && (!now->required || field.required);
    return takes_nulls && now->name == field.name && lake::IsMarkedJson(*now) == lake::IsMarkedJson(field) &&
           lake::CanPromote(field.type, now->type, lake::kHighestFormatVersion);
  });
}

}  // namespace nilus::lakehouse
