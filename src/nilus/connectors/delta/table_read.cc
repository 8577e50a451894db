#include "nilus/connectors/delta/table_read.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/fault.h"
#include "nilus/base/nearest.h"
#include "nilus/delta/scan.h"
#include "nilus/duck/key_sql.h"
#include "nilus/duck/quote.h"

namespace nilus::delta_source {
namespace {

using duck::QuoteIdentifier;

// Files of a split may have to be downloaded together.
constexpr int64_t kLargestSplitBytes = 256 << 20;
constexpr int64_t kSmallestSplitBytes = 4 << 20;

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

Result<Field> FindColumn(const Schema& schema, std::string_view name, std::string_view table) {
  if (auto at = schema.Find(name)) return schema.fields[static_cast<size_t>(*at)];
  std::vector<std::string_view> names;
  for (const Field& field : schema.fields) {
    if (EqualIgnoringCase(field.name, name)) return field;
    names.push_back(field.name);
  }
  const std::string nearest = Nearest(name, names);
  return FailWithFix(ErrorKind::kInvalidInput, nearest.empty() ? "" : fmt::format("did you mean `{}`?", nearest),
                     "column `{}` does not exist in {}", name, table);
}

Type Widened(const Type& type, bool keep_narrow) {
  if (keep_narrow) return type;
  if (type.id == TypeId::kInt16 || type.id == TypeId::kInt32) return MakeType(TypeId::kInt64);
  if (type.id == TypeId::kFloat32) return MakeType(TypeId::kFloat64);
  return type;
}

std::vector<TableRead::Part> MakeSplits(const std::vector<delta::DataFile>& files, const ReadRequest& request) {
  constexpr int kSplitsForEachReader = 4;
  if (files.empty()) return {};
  if (request.limit) return {{.first = 0, .count = files.size()}};
  int64_t total = 0;
  for (const delta::DataFile& file : files) total += file.size;
  const int64_t split_bytes = std::clamp(total / std::max(1, request.parallelism * kSplitsForEachReader),
                                         kSmallestSplitBytes, kLargestSplitBytes);
  std::vector<TableRead::Part> splits;
  int64_t bytes = split_bytes;
  for (size_t i = 0; i < files.size(); ++i) {
    if (bytes >= split_bytes) {
      splits.push_back({.first = i});
      bytes = 0;
    }
    ++splits.back().count;
    bytes += files[i].size;
  }
  return splits;
}

// The range as SQL over the rows t; parameters are appended.
std::string RangeCondition(const KeyRange& range, const Field& key, std::vector<duck::TextValue>* params) {
  std::vector<std::string> conditions;
  const auto bound = [&](const Scalar& value, std::string_view comparison) {
    params->emplace_back(duck::CastableText(Scalar{key.type, value.text}));
    conditions.push_back(fmt::format("{} {} {}", duck::KeyExpression(key.name, key.type), comparison,
                                     duck::KeyBound(key.type, params->size())));
  };
  if (range.lower) bound(*range.lower, ">=");
  if (range.upper) bound(*range.upper, range.upper_inclusive ? "<=" : "<");
  const std::string column = QuoteIdentifier(key.name);
  if (conditions.empty()) conditions.push_back(column + " IS NOT NULL");
  std::string condition = fmt::format("({})", fmt::join(conditions, " AND "));
  if (range.with_nulls) condition += fmt::format(" OR {} IS NULL", column);
  return condition;
}

Result<delta::ScanRelation> OpenRelation(const TableRead& read, duck::Connection& connection, size_t split,
                                         Schema columns, const std::stop_token& stop) {
  const TableRead::Part& part = read.splits[split];
  return delta::ScanRelation::Open(connection, {.store = read.store.get(),
                                                .folder = read.folder,
                                                .snapshot = &read.snapshot,
                                                .files = std::span(read.snapshot.files).subspan(part.first, part.count),
                                                .columns = std::move(columns),
                                                .stop = stop});
}

class TableReader final : public Reader {
 public:
  TableReader(std::shared_ptr<const TableRead> read, duck::Connection connection)
      : read_(std::move(read)), connection_(std::move(connection)) {}

  Status Start(size_t split, const std::stop_token& stop) {
    Schema columns = read_->columns;
    if (read_->key && !columns.Find(read_->key->name)) columns.fields.push_back(*read_->key);
    NILUS_ASSIGN(relation_, OpenRelation(*read_, connection_, split, std::move(columns), stop));
    std::vector<std::string> names;
    for (const Field& field : read_->schema.fields) names.push_back("t." + QuoteIdentifier(field.name));
    std::string sql = fmt::format("SELECT {} FROM ({}) AS t", fmt::join(names, ", "), relation_->sql());
    std::vector<duck::TextValue> params;
    if (read_->range) {
      sql += " WHERE " + RangeCondition(*read_->range, *read_->key, &params);
      // A limit keeps the lowest keys, so that the cursor may stop there.
      if (read_->limit)
        sql += fmt::format(" ORDER BY {} NULLS LAST", duck::KeyExpression(read_->key->name, read_->key->type));
    }
    if (read_->limit) sql += fmt::format(" LIMIT {}", *read_->limit);
    NILUS_ASSIGN(reader_, duck::QueryReader::Open(connection_, sql, params, read_->options, stop));
    return {};
  }

  Result<std::optional<Batch>> Next(std::stop_token stop) override {
    NILUS_FAULT_POINT("delta.source.read");
    NILUS_ASSIGN(std::optional<RecordBatch> rows, reader_->Next(std::move(stop)));
    if (!rows) return std::nullopt;
    return Batch{.rows = *std::move(rows), .table = {}, .position = {}};
  }

 private:
  std::shared_ptr<const TableRead> read_;
  duck::Connection connection_;
  std::optional<delta::ScanRelation> relation_;
  std::unique_ptr<duck::QueryReader> reader_;  // goes first
};

}  // namespace

Result<std::string> FolderOf(std::string_view table, std::string_view collection) {
  if (table == ".") return std::string(collection);
  std::vector<std::string> parts = {""};
  bool quoted = false;
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i] == '"' && quoted && i + 1 < table.size() && table[i + 1] == '"') {
      parts.back() += table[i++];
    } else if (table[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (table[i] == '.' || table[i] == '/')) {
      parts.emplace_back();
    } else {
      parts.back() += table[i];
    }
  }
  if (parts.size() == 1 && !collection.empty()) parts.insert(parts.begin(), std::string(collection));
  std::string folder = fmt::format("{}", fmt::join(parts, "/"));
  if (!quoted && storage::CheckKey(folder)) return folder;
  return FailWithFix(ErrorKind::kInvalidInput,
                     "write collection.dataset, with double quotes around a part that holds a dot, or . for the root",
                     "source_table `{}` names no folder", table);
}

Result<std::shared_ptr<const TableRead>> PlanTableRead(std::shared_ptr<storage::ObjectStore> store, std::string folder,
                                                       delta::Snapshot snapshot, const ReadRequest& request) {
  auto read = std::make_shared<TableRead>();
  NILUS_ASSIGN(const Schema all, delta::ToNilusSchema(snapshot.schema));
  read->columns = all;
  for (const std::string& name : request.exclude_columns) {
    NILUS_ASSIGN(Field excluded, FindColumn(all, name, request.table));
    std::erase_if(read->columns.fields, [&](const Field& field) { return field.name == excluded.name; });
  }
  if (read->columns.fields.empty())
    return Fail(ErrorKind::kInvalidInput, "every column of {} is excluded", request.table);
  read->options = {.page_rows = request.page_rows,
                   .batch_bytes = request.batch_bytes,
                   .keep_narrow = request.reflection == ReflectionLevel::kFullWithPrecision};
  read->schema = read->columns;
  for (Field& field : read->schema.fields) field.type = Widened(field.type, read->options.keep_narrow);
  read->range = request.range;
  read->limit = request.limit;
  if (request.range) {
    NILUS_ASSIGN(read->key, FindColumn(all, request.range->column, request.table));
  }
  read->splits = MakeSplits(snapshot.files, request);
  read->store = std::move(store);
  read->folder = std::move(folder);
  read->snapshot = std::move(snapshot);
  return read;
}

Result<std::optional<Scalar>> HighestKey(const TableRead& read, duck::Connection& connection,
                                         const std::stop_token& stop) {
  const Field& key = *read.key;
  const std::string expression = duck::KeyExpression(key.name, key.type);
  const std::string finite = duck::FiniteCondition(key.name, key.type);
  std::optional<Scalar> highest;
  for (size_t split = 0; split < read.splits.size(); ++split) {
    NILUS_ASSIGN(delta::ScanRelation relation, OpenRelation(read, connection, split, Schema{{key}}, stop));
    std::string sql = fmt::format("SELECT max({}) FROM ({}) AS t", expression, relation.sql());
    if (!finite.empty()) sql += " WHERE " + finite;
    NILUS_ASSIGN(duck::TextValue value, connection.QueryValue(sql, {}, stop));
    if (!value) continue;
    Scalar found{key.type, *std::move(value)};
    if (highest) {
      NILUS_ASSIGN(std::strong_ordering order, CompareScalars(found, *highest));
      if (order <= 0) continue;
    }
    highest = std::move(found);
  }
  if (highest) highest->type = Widened(highest->type, read.options.keep_narrow);
  return highest;
}

Result<std::unique_ptr<Reader>> OpenTableReader(std::shared_ptr<const TableRead> read, size_t split,
                                                std::shared_ptr<duck::Database> database, std::stop_token stop) {
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(std::move(database)));
  auto reader = std::make_unique<TableReader>(std::move(read), std::move(connection));
  NILUS_TRY(reader->Start(split, stop));
  return reader;
}

}  // namespace nilus::delta_source
