#include "nilus/lake/scan_relation.h"

#include <algorithm>
#include <map>
#include <utility>

#include "nilus/duck/quote.h"
#include "nilus/lake/data_footer.h"
#include "nilus/lake/deletes_file.h"
#include "nilus/lake/scan_columns.h"

namespace nilus::lake {
namespace {

using duck::QuoteIdentifier;

// Files that one read_parquet can read: of the same columns, with the same equality deletes; and all with deleted rows,
// or all without.
struct FileGroup {
  std::vector<std::string> expressions;  // one for each wanted column
  std::vector<size_t> equality_deletes;  // of the plan
  bool has_deleted_rows = false;
  std::vector<std::string> paths;
  size_t first = 0;  // index of paths[0] among the relation's files; the others follow
};

std::string ReadParquet(const std::vector<std::string>& paths) {
  std::vector<std::string> quoted;
  quoted.reserve(paths.size());
  for (const std::string& path : paths) quoted.push_back(duck::QuotePath(path));
  // A folder named k=v makes no column: the manifest knows the partition.
  return fmt::format("read_parquet([{}], hive_partitioning = false)", fmt::join(quoted, ", "));
}

// The index of a row's file among the relation's.
std::string FileExpression(size_t first) { return fmt::format("(file_index::BIGINT + {})", first); }

std::string RowExpression(size_t first) {
  return fmt::format("(({} << {}) | file_row_number)", FileExpression(first), kRowBits);
}

class Builder {
 public:
  Builder(duck::Connection& connection, ScanRelation::Request request, LocalFiles* local)
      : connection_(connection), request_(std::move(request)), plan_(*request_.plan), local_(local) {}

  // `live`: what leaves deleted rows out, which the statement needs.
  Result<std::string> Build(std::optional<duck::RowFilter>* live) {
    NILUS_ASSIGN(mapping_, MappingOf(plan_.table->metadata));
    for (int32_t id : request_.columns) NILUS_TRY(AddColumn(id));
    const size_t wanted = columns_.size();
    NILUS_TRY(AddEqualityColumns());
    NILUS_TRY(GroupFiles(live));
    if (groups_.empty()) return EmptySelect(wanted);
    std::vector<std::string> selects;
    for (const FileGroup& group : groups_) {
      NILUS_ASSIGN(std::string select, GroupSelect(group, wanted, *live));
      selects.push_back(std::move(select));
    }
    return fmt::format("{}", fmt::join(selects, " UNION ALL "));
  }

 private:
  Status AddColumn(int32_t id) {
    const IcebergField* field = plan_.schema.FindById(id);
    if (field == nullptr) return Fail(ErrorKind::kInternal, "no column has the field id {}", id);
    if (!IsReadable(field->type)) {
      return FailWithFix(ErrorKind::kUnsupported, "leave it out (sql_exclude_columns)",
                         "column `{}` of table {} is of type {}, which Nilus does not read", field->name,
                         plan_.table->identifier.ToString(), field->type.ToString());
    }
    columns_.push_back(field);
    return {};
  }

  // Those that equality deletes compare are read too.
  Status AddEqualityColumns() {
    if (request_.with_deleted) return {};
    for (size_t index : request_.files) {
      for (size_t deletes : plan_.files[index].equality_deletes) {
        for (int32_t id : plan_.deletes[deletes].file.equality_ids) {
          if (std::any_of(columns_.begin(), columns_.end(), [&](const IcebergField* one) { return one->id == id; }))
            continue;
          if (plan_.schema.FindById(id) != nullptr) {
            NILUS_TRY(AddColumn(id));
            continue;
          }
          // The column was dropped since: its last schema tells its type.
          const IcebergField* dropped = FindDropped(id);
          if (dropped == nullptr)
            return Fail(ErrorKind::kData, "{} deletes by a column (field id {}) that no schema of the table knows",
                        plan_.deletes[deletes].file.path, id);
          columns_.push_back(dropped);
        }
      }
    }
    return {};
  }
  const IcebergField* FindDropped(int32_t id) const {
    for (const IcebergSchemaPtr& schema : plan_.table->metadata.schemas) {
      if (const IcebergField* field = schema->FindById(id)) return field;
    }
    return nullptr;
  }

  Status GroupFiles(std::optional<duck::RowFilter>* live) {
    std::vector<RowBitmap> deleted(request_.files.size());
    if (!request_.with_deleted) {
      NILUS_ASSIGN(deleted, ReadDeletedRows(connection_, plan_, request_.files, local_, request_.stop));
    }
    std::map<std::string, std::vector<size_t>> by_shape;  // indexes into request_.files
    std::map<std::string, FileGroup> shapes;
    for (size_t i = 0; i < request_.files.size(); ++i) {
      const ScanFile& file = plan_.files[request_.files[i]];
      NILUS_ASSIGN(std::string path, local_->PathOf(file.file().path, request_.stop));
      NILUS_ASSIGN(ParquetFooter footer, ReadParquetFooter(path));
      FileGroup group;
      NILUS_ASSIGN(group.expressions, Expressions(footer, file.file()));
      if (!request_.with_deleted) group.equality_deletes = file.equality_deletes;
      group.has_deleted_rows = !deleted[i].empty();
      std::string shape =
          fmt::format("{}\n{}\n{}\n{}", fmt::join(group.expressions, "\n"), fmt::join(group.equality_deletes, ","),
                      group.has_deleted_rows, footer.schema_bytes);
      shapes.try_emplace(shape, std::move(group)).first->second.paths.push_back(path);
      by_shape[shape].push_back(i);
    }
    bool has_deleted_rows = false;
    std::vector<RowBitmap> ordered_deleted;  // the numbers of kRowColumn are the sets' too
    for (auto& [shape, group] : shapes) {
      group.first = ordered_.size();
      for (size_t i : by_shape[shape]) {
        ordered_.push_back(request_.files[i]);
        ordered_deleted.push_back(std::move(deleted[i]));
      }
      has_deleted_rows = has_deleted_rows || group.has_deleted_rows;
      groups_.push_back(std::move(group));
    }
    if (has_deleted_rows) live->emplace(MakeLiveRowFilter(connection_.database(), std::move(ordered_deleted)));
    return {};
  }

  Result<std::vector<std::string>> Expressions(const ParquetFooter& footer, const DataFile& file) {
    std::vector<std::string> expressions;
    for (const IcebergField* field : columns_) {
      NILUS_ASSIGN(std::string expression, ColumnExpression(*field, footer, mapping_, plan_.table->metadata, file));
      expressions.push_back(std::move(expression));
    }
    return expressions;
  }

  Result<std::string> GroupSelect(const FileGroup& group, size_t wanted, const std::optional<duck::RowFilter>& live) {
    std::vector<std::string> inner;
    const size_t count = group.equality_deletes.empty() ? wanted : columns_.size();
    for (size_t i = 0; i < count; ++i)
      inner.push_back(fmt::format("{} AS {}", group.expressions[i], NameOf(i, wanted)));
    if (request_.with_rows) inner.push_back(fmt::format("{} AS {}", RowExpression(group.first), kRowColumn));
    std::string select = fmt::format("SELECT {} FROM {}", fmt::join(inner, ", "), ReadParquet(group.paths));
    if (group.has_deleted_rows) select += " WHERE " + live->Condition(FileExpression(group.first), "file_row_number");
    if (group.equality_deletes.empty()) return select;
    std::vector<std::string> names;
    for (size_t i = 0; i < wanted; ++i) names.push_back("t." + QuoteIdentifier(columns_[i]->name));
    if (request_.with_rows) names.push_back(fmt::format("t.{}", kRowColumn));
    NILUS_ASSIGN(std::string conditions, EqualityConditions(group, wanted));
    return fmt::format("SELECT {} FROM ({}) AS t WHERE {}", fmt::join(names, ", "), select, conditions);
  }

  // Columns read only for equality deletes must not meet a wanted one's name.
  std::string NameOf(size_t column, size_t wanted) const {
    return column < wanted ? QuoteIdentifier(columns_[column]->name) : fmt::format("_nilus_equal_{}", column);
  }

  Result<std::string> EqualityConditions(const FileGroup& group, size_t wanted) {
    std::map<std::vector<int32_t>, std::vector<size_t>> by_ids;
    for (size_t index : group.equality_deletes) by_ids[plan_.deletes[index].file.equality_ids].push_back(index);
    std::vector<std::string> conditions;
    for (const auto& [ids, indexes] : by_ids) {
      std::vector<std::string> selects;
      std::vector<std::string> equal;
      for (size_t i = 0; i < ids.size(); ++i)
        equal.push_back(fmt::format("e.c{} IS NOT DISTINCT FROM t.{}", i, NameOf(ColumnOf(ids[i]), wanted)));
      for (size_t index : indexes) {
        const DataFile& file = plan_.deletes[index].file;
        NILUS_ASSIGN(std::string path, local_->PathOf(file.path, request_.stop));
        NILUS_ASSIGN(ParquetFooter footer, ReadParquetFooter(path));
        std::vector<std::string> columns;
        for (size_t i = 0; i < ids.size(); ++i) {
          NILUS_ASSIGN(std::string expression,
                       ColumnExpression(*columns_[ColumnOf(ids[i])], footer, mapping_, plan_.table->metadata, file));
          columns.push_back(fmt::format("{} AS c{}", expression, i));
        }
        selects.push_back(fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), ReadParquet({path})));
      }
      conditions.push_back(fmt::format("NOT EXISTS (SELECT 1 FROM ({}) AS e WHERE {})",
                                       fmt::join(selects, " UNION ALL "), fmt::join(equal, " AND ")));
    }
    return fmt::format("{}", fmt::join(conditions, " AND "));
  }
  size_t ColumnOf(int32_t id) const {
    return static_cast<size_t>(
        std::find_if(columns_.begin(), columns_.end(), [&](const IcebergField* one) { return one->id == id; }) -
        columns_.begin());
  }

  std::string EmptySelect(size_t wanted) const {
    std::vector<std::string> columns;
    for (size_t i = 0; i < wanted; ++i)
      columns.push_back(fmt::format("{} AS {}", NullOf(columns_[i]->type), QuoteIdentifier(columns_[i]->name)));
    if (request_.with_rows) columns.push_back(fmt::format("0::BIGINT AS {}", kRowColumn));
    return fmt::format("SELECT {} WHERE false", fmt::join(columns, ", "));
  }

  duck::Connection& connection_;
  ScanRelation::Request request_;
  const ScanPlan& plan_;
  LocalFiles* local_;
  NameMapping mapping_;
  std::vector<const IcebergField*> columns_;  // wanted ones first
  std::vector<FileGroup> groups_;
  std::vector<size_t> ordered_;  // files of the plan, in the order of the groups

 public:
  const std::vector<size_t>& ordered() const { return ordered_; }
};

}  // namespace

Result<ScanRelation> ScanRelation::Open(duck::Connection& connection, Request request) {
  ScanRelation relation;
  relation.local_ = std::make_unique<LocalFiles>(request.plan->table->store);
  Builder builder(connection, std::move(request), relation.local_.get());
  NILUS_ASSIGN(relation.sql_, builder.Build(&relation.live_));
  relation.files_ = builder.ordered();
  return relation;
}

}  // namespace nilus::lake
