#include "nilus/delta/action.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "nilus/base/encoding.h"

namespace nilus::delta {
namespace {

using Json = nlohmann::json;

// The member, or null when there is none.
const Json& Member(const Json& object, const char* key) {
  static const Json kNull;
  const auto found = object.find(key);
  return found == object.end() ? kNull : *found;
}

Result<std::string> Text(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  if (!value.is_string()) return Fail(ErrorKind::kData, "'{}' is missing", key);
  return value.get<std::string>();
}

Result<int64_t> Number(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!fits || value.get<int64_t>() < 0) return Fail(ErrorKind::kData, "'{}' is no number of bytes or rows", key);
  return value.get<int64_t>();
}

Result<std::vector<std::string>> TextList(const Json& value, const char* what) {
  std::vector<std::string> list;
  if (value.is_null()) return list;
  if (!value.is_array()) return Fail(ErrorKind::kData, "'{}' is no list", what);
  for (const Json& element : value) {
    if (!element.is_string()) return Fail(ErrorKind::kData, "'{}' holds something that is no text", what);
    list.push_back(element.get<std::string>());
  }
  return list;
}

Result<std::optional<DeletionVector>> ParseVector(const Json& value) {
  if (value.is_null()) return std::nullopt;
  DeletionVector vector;
  NILUS_ASSIGN(std::string storage, Text(value, "storageType"));
  if (storage != "u" && storage != "p" && storage != "i")
    return Fail(ErrorKind::kData, "a deletion vector is stored in the unknown way '{}'", storage.substr(0, 20));
  vector.storage = storage[0];
  NILUS_ASSIGN(vector.path_or_inline, Text(value, "pathOrInlineDv"));
  if (!Member(value, "offset").is_null()) {
    NILUS_ASSIGN(vector.offset, Number(value, "offset"));
  }
  NILUS_ASSIGN(vector.size_in_bytes, Number(value, "sizeInBytes"));
  NILUS_ASSIGN(vector.cardinality, Number(value, "cardinality"));
  if (vector.offset < 0 || vector.size_in_bytes < 0 || vector.cardinality < 0)
    return Fail(ErrorKind::kData, "a deletion vector has a negative offset, size or number of rows");
  return vector;
}

// The number of rows that an add's statistics, JSON in a text, give. Broken statistics say nothing.
std::optional<int64_t> RowsOf(const Json& add) {
  if (const Json& rows = Member(add, "numRecords"); rows.is_number_unsigned()) return rows.get<int64_t>();
  const Json& text = Member(add, "stats");
  if (!text.is_string()) return std::nullopt;
  const Json stats = Json::parse(text.get_ref<const std::string&>(), nullptr, false);
  if (!stats.is_object() || !Member(stats, "numRecords").is_number_unsigned()) return std::nullopt;
  const auto rows = Member(stats, "numRecords").get<uint64_t>();
  return rows <= static_cast<uint64_t>(INT64_MAX) ? std::optional(static_cast<int64_t>(rows)) : std::nullopt;
}

Result<Action> ParseAdd(const Json& value) {
  AddFile add;
  NILUS_ASSIGN(std::string path, Text(value, "path"));
  add.path = PercentDecode(path);
  const Json& partitions = Member(value, "partitionValues");
  if (!partitions.is_object()) return Fail(ErrorKind::kData, "'partitionValues' is missing");
  for (const auto& [name, partition] : partitions.items()) {
    if (!partition.is_null() && !partition.is_string())
      return Fail(ErrorKind::kData, "the partition value of '{}' is no text", name);
    // An empty text stands for NULL, whatever the column's type.
    const bool is_null = partition.is_null() || partition.get_ref<const std::string&>().empty();
    add.partition_values[name] = is_null ? std::nullopt : std::optional(partition.get<std::string>());
  }
  NILUS_ASSIGN(add.size, Number(value, "size"));
  add.rows = RowsOf(value);
  NILUS_ASSIGN(add.deletion_vector, ParseVector(Member(value, "deletionVector")));
  return add;
}

Result<Action> ParseRemove(const Json& value) {
  RemoveFile remove;
  NILUS_ASSIGN(std::string path, Text(value, "path"));
  remove.path = PercentDecode(path);
  NILUS_ASSIGN(remove.deletion_vector, ParseVector(Member(value, "deletionVector")));
  return remove;
}

Result<Action> ParseProtocol(const Json& value) {
  Protocol protocol;
  NILUS_ASSIGN(int64_t version, Number(value, "minReaderVersion"));
  protocol.min_reader_version = static_cast<int>(std::min<int64_t>(version, std::numeric_limits<int>::max()));
  NILUS_ASSIGN(protocol.reader_features, TextList(Member(value, "readerFeatures"), "readerFeatures"));
  return protocol;
}

Result<Action> ParseMetadata(const Json& value) {
  Metadata metadata;
  const Json& format = Member(value, "format");
  if (!format.is_object()) return Fail(ErrorKind::kData, "'format' is missing");
  NILUS_ASSIGN(metadata.provider, Text(format, "provider"));
  NILUS_ASSIGN(metadata.schema_string, Text(value, "schemaString"));
  NILUS_ASSIGN(metadata.partition_columns, TextList(Member(value, "partitionColumns"), "partitionColumns"));
  const Json& configuration = Member(value, "configuration");
  if (!configuration.is_object()) return metadata;
  for (const auto& [name, setting] : configuration.items()) {
    if (setting.is_string()) metadata.configuration[name] = setting.get<std::string>();
  }
  return metadata;
}

Result<Action> ParseSidecar(const Json& value) {
  NILUS_ASSIGN(std::string path, Text(value, "path"));
  return Sidecar{PercentDecode(path)};
}

Result<Action> ParseCommitInfo(const Json& value) {
  CommitInfo info;
  if (Member(value, "inCommitTimestamp").is_number_unsigned()) {
    NILUS_ASSIGN(info.in_commit_timestamp, Number(value, "inCommitTimestamp"));
  }
  return info;
}

}  // namespace

std::string DeletionVector::UniqueId() const { return fmt::format("{}{}@{}", storage, path_or_inline, offset); }

Result<Action> ParseAction(std::string_view json) {
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) return Fail(ErrorKind::kData, "it is no JSON object");
  struct Kind {
    const char* key;
    Result<Action> (*parse)(const Json&);
  };
  static constexpr Kind kKinds[] = {{"add", ParseAdd},           {"remove", ParseRemove},
                                    {"metaData", ParseMetadata}, {"protocol", ParseProtocol},
                                    {"sidecar", ParseSidecar},   {"commitInfo", ParseCommitInfo}};
  for (const Kind& kind : kKinds) {
    const Json& value = Member(object, kind.key);
    if (value.is_null()) continue;
    if (!value.is_object()) return Fail(ErrorKind::kData, "'{}' is no object", kind.key);
    auto action = kind.parse(value);
    if (!action) return Failure(InContext(fmt::format("reading the action {}", kind.key), action.error()));
    return action;
  }
  return Action();
}

}  // namespace nilus::delta
