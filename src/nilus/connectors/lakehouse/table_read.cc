#include "nilus/connectors/lakehouse/table_read.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "nilus/base/fault.h"
#include "nilus/base/nearest.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/scan_columns.h"
#include "nilus/lake/scan_predicate.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;
using lake::IcebergField;
using lake::IcebergSchema;

// Files of a split may have to be downloaded together.
constexpr int64_t kLargestSplitBytes = 256 << 20;
constexpr int64_t kSmallestSplitBytes = 4 << 20;

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Type Widened(const Type& type, ReflectionLevel reflection) {
  if (reflection == ReflectionLevel::kFullWithPrecision) return type;
  if (type.id == TypeId::kInt16 || type.id == TypeId::kInt32) return MakeType(TypeId::kInt64);
  if (type.id == TypeId::kFloat32) return MakeType(TypeId::kFloat64);
  return type;
}

std::vector<std::vector<size_t>> MakeSplits(const lake::ScanPlan& plan, int parallelism) {
  constexpr int kSplitsForEachReader = 4;
  const int64_t wanted = plan.bytes() / std::max(1, parallelism * kSplitsForEachReader);
  const int64_t split_bytes = std::clamp(wanted, kSmallestSplitBytes, kLargestSplitBytes);
  std::vector<std::vector<size_t>> splits;
  int64_t bytes = split_bytes;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    if (bytes >= split_bytes) {
      splits.emplace_back();
      bytes = 0;
    }
    splits.back().push_back(i);
    bytes += plan.files[i].file().file_size;
  }
  return splits;
}

// The range as SQL over the rows t; parameters are appended.
std::string RangeCondition(const KeyRange& range, const IcebergField& key, std::vector<duck::TextValue>* params) {
  const Type type = lake::ToNilusType(key.type);
  std::vector<std::string> conditions;
  const auto bound = [&](const Scalar& value, std::string_view comparison) {
    params->emplace_back(duck::CastableText(Scalar{type, value.text}));
    conditions.push_back(
        fmt::format("{} {} {}", duck::KeyExpression(key.name, type), comparison, duck::KeyBound(type, params->size())));
  };
  if (range.lower) bound(*range.lower, ">=");
  if (range.upper) bound(*range.upper, range.upper_inclusive ? "<=" : "<");
  const std::string column = QuoteIdentifier(key.name);
  if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
  std::string condition = fmt::format("({})", fmt::join(conditions, " AND "));
  if (range.with_nulls) condition += fmt::format(" OR {} IS NULL", column);
  return condition;
}

class TableReader final : public Reader {
 public:
  TableReader(std::shared_ptr<const TableRead> read, duck::Connection connection)
      : read_(std::move(read)), connection_(std::move(connection)) {}

  Status Start(size_t split, const std::stop_token& stop) {
    std::vector<int32_t> columns = read_->columns;
    const IcebergField* key = read_->key;
    const bool reads_key = key == nullptr || std::find(columns.begin(), columns.end(), key->id) != columns.end();
    if (!reads_key) columns.push_back(key->id);
    NILUS_ASSIGN(
        lake::ScanRelation relation,
        lake::ScanRelation::Open(
            connection_, {.plan = &read_->plan, .files = read_->splits[split], .columns = columns, .stop = stop}));
    relation_.emplace(std::move(relation));
    std::vector<std::string> names;
    for (const Field& field : read_->schema.fields) names.push_back(ValueOf(field.name));
    std::string sql = fmt::format("SELECT {} FROM ({}) AS t", fmt::join(names, ", "), relation_->sql());
    std::vector<duck::TextValue> params;
    if (read_->range) {
      sql += " WHERE " + RangeCondition(*read_->range, *key, &params);
      // A limit keeps the lowest keys, so that the cursor may stop there.
      if (read_->limit) {
        sql += fmt::format(" ORDER BY {} NULLS LAST", duck::KeyExpression(key->name, lake::ToNilusType(key->type)));
      }
    }
    if (read_->limit) sql += fmt::format(" LIMIT {}", *read_->limit);
    NILUS_ASSIGN(reader_, duck::QueryReader::Open(connection_, sql, params, read_->options, stop));
    return {};
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    NILUS_FAULT_POINT("lakehouse.source.read");
    NILUS_ASSIGN(std::optional<RecordBatch> rows, reader_->Next(std::move(stop)));
    if (!rows) return std::nullopt;
    return Batch{.rows = *std::move(rows), .table = {}, .position = {}};
  }

 private:
  // A column of the relation t, as what it is to be read.
  std::string ValueOf(const std::string& name) const {
    const std::string column = QuoteIdentifier(name);
    if (!lake::IsMarkedJson(*read_->plan.schema.FindByName(name))) return "t." + column;
    return fmt::format("{} AS {}", lake::JsonOf("t." + column), column);
  }

  std::shared_ptr<const TableRead> read_;
  duck::Connection connection_;
  std::optional<lake::ScanRelation> relation_;
  std::unique_ptr<duck::QueryReader> reader_;  // goes first
};

}  // namespace

Result<const IcebergField*> FindColumn(const IcebergSchema& schema, std::string_view name, std::string_view table) {
  if (const IcebergField* field = schema.FindByName(name)) return field;
  std::vector<std::string_view> names;
  for (const IcebergField& field : schema.fields) {
    if (EqualIgnoringCase(field.name, name)) return &field;
    names.push_back(field.name);
  }
  const std::string nearest = Nearest(name, names);
  return FailWithFix(ErrorKind::kInvalidInput, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                     "column `{}` does not exist in {}", name, table);
}

Result<Schema> ReadSchema(const IcebergSchema& schema, const ReadRequest& request) {
  Schema read = lake::ToNilusSchema(schema);
  for (const std::string& name : request.exclude_columns) {
    NILUS_ASSIGN(const IcebergField* excluded, FindColumn(schema, name, request.table));
    std::erase_if(read.fields, [&](const Field& field) { return field.name == excluded->name; });
  }
  if (read.fields.empty()) return Fail(ErrorKind::kInvalidInput, "every column of {} is excluded", request.table);
  for (Field& field : read.fields) field.type = Widened(field.type, request.reflection);
  return read;
}

Position PositionOf(const lake::SnapshotPtr& snapshot) {
  if (snapshot == nullptr) return {};
  return Position{nlohmann::json{{"snapshot", snapshot->id}}.dump()};
}

Result<std::optional<int64_t>> SnapshotOf(const Position& position) {
  if (position.empty()) return std::nullopt;
  const nlohmann::json value = nlohmann::json::parse(position.json, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || !value.contains("snapshot") || !value["snapshot"].is_number_integer())
    return Fail(ErrorKind::kData, "the committed position names no snapshot: {}", position.json);
  return value["snapshot"].get<int64_t>();
}

Result<std::shared_ptr<const TableRead>> PlanTableRead(const SelectedTable& selected, const ReadRequest& request,
                                                       const std::stop_token& stop) {
  auto read = std::make_shared<TableRead>();
  NILUS_ASSIGN(read->schema, ReadSchema(selected.schema, request));
  for (const Field& field : read->schema.fields) read->columns.push_back(selected.schema.FindByName(field.name)->id);
  read->range = request.range;
  read->limit = request.limit;
  read->options = {.page_rows = request.page_rows,
                   .batch_bytes = request.batch_bytes,
                   .keep_narrow = request.reflection == ReflectionLevel::kFullWithPrecision};
  lake::RangeFilters filters;
  if (request.range) {
    NILUS_ASSIGN(const IcebergField* key, FindColumn(selected.schema, request.range->column, request.table));
    NILUS_ASSIGN(lake::RangeFilter filter,
                 lake::MakeRangeFilter(*key, request.range->lower, request.range->upper, request.range->upper_inclusive,
                                       request.range->with_nulls));
    filters.push_back(std::move(filter));
  }
  NILUS_ASSIGN(std::optional<int64_t> from, SnapshotOf(request.from));
  if (request.only_new && from && selected.snapshot != nullptr) {
    NILUS_ASSIGN(read->plan,
                 lake::PlanAppends(selected.table, *from, selected.snapshot, selected.schema, filters, stop));
  } else {
    NILUS_ASSIGN(read->plan, lake::PlanScan(selected.table, selected.snapshot, selected.schema, filters, stop));
  }
  if (request.range) {
    NILUS_ASSIGN(read->key, FindColumn(read->plan.schema, request.range->column, request.table));
  }
  if (request.limit && !read->plan.files.empty()) {
    read->splits.emplace_back();
    for (size_t i = 0; i < read->plan.files.size(); ++i) read->splits[0].push_back(i);
  } else {
    read->splits = MakeSplits(read->plan, request.parallelism);
  }
  return read;
}

Result<std::optional<Scalar>> HighestKey(const TableRead& read, duck::Connection& connection,
                                         const std::stop_token& stop) {
  const Type type = lake::ToNilusType(read.key->type);
  std::optional<Scalar> highest;
  for (const std::vector<size_t>& files : read.splits) {
    NILUS_ASSIGN(lake::ScanRelation relation,
                 lake::ScanRelation::Open(
                     connection, {.plan = &read.plan, .files = files, .columns = {read.key->id}, .stop = stop}));
    const std::string key = duck::KeyExpression(read.key->name, type);
    std::string sql = fmt::format("SELECT max({}) FROM ({}) AS t", key, relation.sql());
    if (std::string finite = duck::FiniteCondition(read.key->name, type); !finite.empty()) sql += " WHERE " + finite;
    NILUS_ASSIGN(duck::TextValue value, connection.QueryValue(sql, {}, stop));
    if (!value) continue;
    Scalar found{type, *std::move(value)};
    if (highest) {
      NILUS_ASSIGN(std::strong_ordering order, CompareScalars(found, *highest));
      if (order <= 0) continue;
    }
    highest = std::move(found);
  }
  if (highest)
    highest->type =
        Widened(highest->type, read.options.keep_narrow ? ReflectionLevel::kFullWithPrecision : ReflectionLevel::kFull);
  return highest;
}

Result<std::unique_ptr<Reader>> OpenTableReader(std::shared_ptr<const TableRead> read, size_t split,
                                                std::shared_ptr<duck::Database> database, std::stop_token stop) {
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(std::move(database)));
  auto reader = std::make_unique<TableReader>(std::move(read), std::move(connection));
  NILUS_TRY(reader->Start(split, stop));
  return reader;
}

}  // namespace nilus::lakehouse
