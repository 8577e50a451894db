#include "nilus/delta/scan.h"

#include <algorithm>
#include <map>

#include "nilus/delta/deletion_vector.h"
#include "nilus/duck/column_type.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/deletes_file.h"

namespace nilus::delta {
namespace {

using duck::QuoteIdentifier;
using duck::QuoteLiteral;

// A nested value with the names that the table's users know.
std::string Renamed(const DeltaType& type, const std::string& source, int depth) {
  const std::string element = fmt::format("x{}", depth);
  switch (type.kind) {
    case TypeKind::kPrimitive:
      return source;
    case TypeKind::kStruct: {
      std::vector<std::string> parts;
      for (const DeltaField& field : type.children) {
        const std::string child = fmt::format("({})[{}]", source, QuoteLiteral(field.physical_name));
        parts.push_back(fmt::format("{} := {}", QuoteIdentifier(field.name), Renamed(field.type, child, depth + 1)));
      }
      return fmt::format("CASE WHEN ({}) IS NULL THEN NULL ELSE struct_pack({}) END", source, fmt::join(parts, ", "));
    }
    case TypeKind::kList:
      return fmt::format("list_transform({}, lambda {}: {})", source, element,
                         Renamed(type.children[0].type, element, depth + 1));
    case TypeKind::kMap:
      return fmt::format(
          "map_from_entries(list_transform(map_entries({0}), lambda {1}: struct_pack(k := {2}, v := {3})))", source,
          element, Renamed(type.children[0].type, element + ".key", depth + 1),
          Renamed(type.children[1].type, element + ".value", depth + 1));
  }
  return source;
}

// What the scan needs to know of one data file.
class FileSelect {
 public:
  FileSelect(duck::Connection& connection, const ScanRelation::Request& request, std::string local_path)
      : connection_(connection),
        request_(request),
        schema_(request.snapshot->schema),
        local_path_(std::move(local_path)) {}

  // `live`: what leaves the file's deleted rows out, as its set of that number; nothing: it has none.
  Result<std::string> Make(const DataFile& file, const duck::RowFilter* live) {
    NILUS_TRY(FindColumns());
    std::vector<std::string> parts;
    for (const Field& wanted : request_.columns.fields) {
      const DeltaField* field = schema_.Find(wanted.name);
      if (field == nullptr) return Fail(ErrorKind::kInternal, "a column that the table lacks is read");
      parts.push_back(fmt::format("{} AS {}", Expression(*field, wanted.type, file), QuoteIdentifier(wanted.name)));
    }
    std::string sql = fmt::format("SELECT {} FROM {}", fmt::join(parts, ", "), From(live != nullptr));
    if (live != nullptr) sql += " WHERE " + live->Condition("0", "file_row_number");
    return sql;
  }

 private:
  // Folders named column=value mean nothing in Delta: the log has the values.
  std::string From(bool with_row_numbers) const {
    return fmt::format("read_parquet({}, hive_partitioning = false, file_row_number = {})", QuoteLiteral(local_path_),
                       with_row_numbers);
  }

  Status FindColumns() {
    NILUS_ASSIGN(nilus::Schema found, duck::DescribeQuery(connection_, "SELECT * FROM " + From(false), {}, true));
    for (const Field& field : found.fields) types_[field.name] = field.type;
    if (schema_.mapping != ColumnMapping::kId) return {};
    NILUS_ASSIGN(auto ids, connection_.Query(fmt::format("SELECT field_id, name FROM parquet_schema({}) WHERE field_id "
                                                         "IS NOT NULL",
                                                         QuoteLiteral(local_path_)),
                                             {}, request_.stop));
    for (const auto& row : ids) names_by_id_[row[0].value_or("")] = row[1].value_or("");
    return {};
  }

  std::string NameInFile(const DeltaField& field) const {
    if (schema_.mapping != ColumnMapping::kId || !field.id) return field.physical_name;
    const auto found = names_by_id_.find(std::to_string(*field.id));
    return found == names_by_id_.end() ? "" : found->second;
  }

  std::string Expression(const DeltaField& field, const Type& wanted, const DataFile& file) const {
    if (schema_.IsPartition(field.name)) {
      const auto value = file.partition_values.find(field.physical_name);
      return PartitionExpression(value == file.partition_values.end() ? std::nullopt : value->second, wanted);
    }
    const std::string name = NameInFile(field);
    const auto found = types_.find(name);
    if (found == types_.end()) return PartitionExpression(std::nullopt, wanted);  // added after the file was written
    return ValueExpression(field, wanted, found->second, QuoteIdentifier(name), schema_.mapping);
  }

  duck::Connection& connection_;
  const ScanRelation::Request& request_;
  const DeltaSchema& schema_;
  std::string local_path_;
  std::map<std::string, Type, std::less<>> types_;
  std::map<std::string, std::string> names_by_id_;
};

}  // namespace

std::string ValueExpression(const DeltaField& field, const Type& wanted, const Type& found, const std::string& source,
                            ColumnMapping mapping) {
  if (field.type.kind != TypeKind::kPrimitive) {
    const std::string value = mapping == ColumnMapping::kNone ? source : Renamed(field.type, source, 0);
    return fmt::format("CASE WHEN {} IS NULL THEN NULL ELSE to_json({}) END", source, value);
  }
  const bool crosses_zone = (wanted.id == TypeId::kTimestamp && found.id == TypeId::kTimestampNtz) ||
                            (wanted.id == TypeId::kTimestampNtz && found.id == TypeId::kTimestamp);
  if (crosses_zone) return fmt::format("timezone('UTC', {})", source);  // INT96 has no zone; it means UTC
  return fmt::format("CAST({} AS {})", source, duck::SqlTypeName(wanted));
}

std::string PartitionExpression(const std::optional<std::string>& text, const Type& wanted) {
  if (!text) return fmt::format("CAST(NULL AS {})", duck::SqlTypeName(wanted));
  if (wanted.id == TypeId::kBinary) return fmt::format("encode({})", QuoteLiteral(*text));
  return fmt::format("CAST({} AS {})", QuoteLiteral(*text), duck::SqlTypeName(wanted));
}

Result<ScanRelation> ScanRelation::Open(duck::Connection& connection, const Request& request) {
  ScanRelation relation(*request.store);
  for (const DataFile& file : request.files) {
    auto path = relation.copies_.PathOf(file.key, request.stop);
    if (!path && path.error().kind == ErrorKind::kNotFound)
      return Fail(ErrorKind::kTransient, "{} is gone: the table was vacuumed", request.store->Url(file.key));
    if (!path) return Failure(std::move(path).error());
    const duck::RowFilter* live = nullptr;
    if (file.deletion_vector && file.deletion_vector->cardinality > 0) {
      NILUS_ASSIGN(lake::RowBitmap deleted,
                   ReadVector(*file.deletion_vector, request.folder, *request.store, request.stop));
      relation.live_.push_back(lake::MakeLiveRowFilter(connection.database(), {std::move(deleted)}));
      live = &relation.live_.back();
    }
    auto select = FileSelect(connection, request, *path).Make(file, live);
    if (!select) return Failure(InContext("reading " + request.store->Url(file.key), select.error()));
    relation.sql_ += (relation.sql_.empty() ? "" : "\nUNION ALL ") + *select;
  }
  return relation;
}

}  // namespace nilus::delta
