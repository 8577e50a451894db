#include "nilus/lake/scan_relation.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "nilus/base/log.h"
#include "nilus/data/builder.h"
#include "nilus/duck/batch_relation.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/data_footer.h"
#include "nilus/lake/scan_columns.h"

namespace nilus::lake {
namespace {

using duck::QuoteIdentifier;

// Files that one read_parquet can read: of the same columns, with the same equality deletes.
struct FileGroup {
  std::vector<std::string> expressions;  // one for each wanted column
  std::vector<size_t> equality_deletes;  // of the plan
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

std::string RowExpression(size_t first) {
  return fmt::format("(((file_index::BIGINT + {}) << {}) | file_row_number)", first, kRowBits);
}

// One batch of all deleted rows, numbered as kRowColumn is.
RecordBatch DeletedBatch(const std::vector<RowBitmap>& deleted) {
  static const SchemaPtr schema =
      std::make_shared<Schema>(Schema{{Field{.name = "r", .type = MakeType(TypeId::kInt64)}}});
  ColumnBuilder rows(MakeType(TypeId::kInt64));
  std::vector<int64_t> positions;
  for (size_t i = 0; i < deleted.size(); ++i) {
    positions.clear();
    deleted[i].AppendTo(&positions);
    for (int64_t position : positions) rows.Append<int64_t>(static_cast<int64_t>(i) << kRowBits | position);
  }
  const int64_t count = rows.length();
  return RecordBatch(schema, {rows.Finish()}, count);
}

class Builder {
 public:
  Builder(duck::Connection& connection, ScanRelation::Request request, LocalFiles* local)
      : connection_(connection), request_(std::move(request)), plan_(*request_.plan), local_(local) {}

  Result<std::string> Build(std::string* deleted) {
    NILUS_ASSIGN(mapping_, MappingOf(plan_.table->metadata));
    for (int32_t id : request_.columns) NILUS_TRY(AddColumn(id));
    const size_t wanted = columns_.size();
    NILUS_TRY(AddEqualityColumns());
    NILUS_TRY(GroupFiles());
    NILUS_TRY(DropDeleted(deleted));
    if (groups_.empty()) return EmptySelect(wanted);
    std::vector<std::string> selects;
    for (const FileGroup& group : groups_) {
      NILUS_ASSIGN(std::string select, GroupSelect(group, wanted, !deleted->empty()));
      selects.push_back(std::move(select));
    }
    std::string all = fmt::format("{}", fmt::join(selects, " UNION ALL "));
    if (deleted->empty()) return all;
    return fmt::format("SELECT {} FROM ({}) AS t ANTI JOIN {} AS d ON t.{} = d.r", OuterNames(wanted), all, *deleted,
                       kRowColumn);
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

  Status GroupFiles() {
    std::map<std::string, std::vector<size_t>> by_shape;
    std::map<std::string, FileGroup> shapes;
    for (size_t index : request_.files) {
      const ScanFile& file = plan_.files[index];
      NILUS_ASSIGN(std::string path, local_->PathOf(file.file().path, request_.stop));
      NILUS_ASSIGN(ParquetFooter footer, ReadParquetFooter(path));
      FileGroup group;
      NILUS_ASSIGN(group.expressions, Expressions(footer, file.file()));
      if (!request_.with_deleted) group.equality_deletes = file.equality_deletes;
      std::string shape = fmt::format("{}\n{}\n{}", fmt::join(group.expressions, "\n"),
                                      fmt::join(group.equality_deletes, ","), footer.schema_bytes);
      shapes.try_emplace(shape, std::move(group)).first->second.paths.push_back(path);
      by_shape[shape].push_back(index);
    }
    for (auto& [shape, group] : shapes) {
      group.first = ordered_.size();
      ordered_.insert(ordered_.end(), by_shape[shape].begin(), by_shape[shape].end());
      groups_.push_back(std::move(group));
    }
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

  // `ordered_` decides the numbers of kRowColumn, and so do its users' files.
  Status DropDeleted(std::string* deleted) {
    if (request_.with_deleted) return {};
    NILUS_ASSIGN(std::vector<RowBitmap> rows, ReadDeletedRows(connection_, plan_, ordered_, local_, request_.stop));
    if (std::all_of(rows.begin(), rows.end(), [](const RowBitmap& one) { return one.empty(); })) return {};
    RecordBatch batch = DeletedBatch(rows);
    SchemaPtr schema = batch.schema();
    NILUS_ASSIGN(duck::BatchRelation relation,
                 duck::BatchRelation::Make(connection_.database(), std::move(schema), {std::move(batch)}));
    static std::atomic<int64_t> last_number{0};
    *deleted = fmt::format("nilus_deleted_{}", ++last_number);
    NILUS_TRY(connection_.Execute(
        fmt::format("CREATE TEMPORARY TABLE {} AS SELECT r FROM {}", *deleted, relation.sql()), {}, request_.stop));
    return {};
  }

  std::string OuterNames(size_t wanted) const {
    std::vector<std::string> names;
    for (size_t i = 0; i < wanted; ++i) names.push_back("t." + QuoteIdentifier(columns_[i]->name));
    if (request_.with_rows) names.push_back(fmt::format("t.{}", kRowColumn));
    return fmt::format("{}", fmt::join(names, ", "));
  }

  Result<std::string> GroupSelect(const FileGroup& group, size_t wanted, bool needs_rows) {
    std::vector<std::string> inner;
    const size_t count = group.equality_deletes.empty() ? wanted : columns_.size();
    for (size_t i = 0; i < count; ++i)
      inner.push_back(fmt::format("{} AS {}", group.expressions[i], NameOf(i, wanted)));
    if (needs_rows || request_.with_rows)
      inner.push_back(fmt::format("{} AS {}", RowExpression(group.first), kRowColumn));
    std::string select = fmt::format("SELECT {} FROM {}", fmt::join(inner, ", "), ReadParquet(group.paths));
    if (group.equality_deletes.empty()) return select;
    std::vector<std::string> names;
    for (size_t i = 0; i < wanted; ++i) names.push_back("t." + QuoteIdentifier(columns_[i]->name));
    if (needs_rows || request_.with_rows) names.push_back(fmt::format("t.{}", kRowColumn));
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

ScanRelation& ScanRelation::operator=(ScanRelation&& other) noexcept {
  std::swap(local_, other.local_);
  std::swap(connection_, other.connection_);
  std::swap(deleted_, other.deleted_);
  std::swap(sql_, other.sql_);
  std::swap(files_, other.files_);
  return *this;
}

ScanRelation::~ScanRelation() {
  if (deleted_.empty()) return;
  Status dropped = connection_->Execute(fmt::format("DROP TABLE IF EXISTS {}", deleted_)).map([](int64_t) {});
  if (!dropped) LogWarning("a temporary table stays: {}", dropped.error().ToString());
}

Result<ScanRelation> ScanRelation::Open(duck::Connection& connection, Request request) {
  ScanRelation relation;
  relation.local_ = std::make_unique<LocalFiles>(request.plan->table->store);
  Builder builder(connection, std::move(request), relation.local_.get());
  relation.connection_ = &connection;
  NILUS_ASSIGN(relation.sql_, builder.Build(&relation.deleted_));
  relation.files_ = builder.ordered();
  return relation;
}

}  // namespace nilus::lake
