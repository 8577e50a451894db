#include "nilus/lake/manifest_reader.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "nilus/base/text.h"
#include "nilus/lake/avro_container.h"

namespace nilus::lake {
namespace {

constexpr size_t kMostEntries = 2'000'000;

// Files of very old or careless writers have no field ids: then names tell.
struct KnownName {
  std::string_view name;
  int32_t id;
};
constexpr KnownName kEntryNames[] = {
    {"status", 0}, {"snapshot_id", 1}, {"sequence_number", 3}, {"file_sequence_number", 4}, {"data_file", 2}};
constexpr KnownName kFileNames[] = {{"content", 134},           {"file_path", 100},
                                    {"file_format", 101},       {"partition", 102},
                                    {"record_count", 103},      {"file_size_in_bytes", 104},
                                    {"column_sizes", 108},      {"value_counts", 109},
                                    {"null_value_counts", 110}, {"nan_value_counts", 137},
                                    {"lower_bounds", 125},      {"upper_bounds", 128},
                                    {"key_metadata", 131},      {"split_offsets", 132},
                                    {"equality_ids", 135},      {"sort_order_id", 140},
                                    {"first_row_id", 142},      {"referenced_data_file", 143},
                                    {"content_offset", 144},    {"content_size_in_bytes", 145}};
constexpr KnownName kListNames[] = {{"manifest_path", 500},
                                    {"manifest_length", 501},
                                    {"partition_spec_id", 502},
                                    {"content", 517},
                                    {"sequence_number", 515},
                                    {"min_sequence_number", 516},
                                    {"added_snapshot_id", 503},
                                    {"added_files_count", 504},
                                    {"added_data_files_count", 504},
                                    {"existing_files_count", 505},
                                    {"existing_data_files_count", 505},
                                    {"deleted_files_count", 506},
                                    {"deleted_data_files_count", 506},
                                    {"added_rows_count", 512},
                                    {"existing_rows_count", 513},
                                    {"deleted_rows_count", 514},
                                    {"partitions", 507},
                                    {"key_metadata", 519},
                                    {"first_row_id", 520}};
constexpr KnownName kSummaryNames[] = {
    {"contains_null", 509}, {"contains_nan", 518}, {"lower_bound", 510}, {"upper_bound", 511}};

template <size_t N>
int32_t IdOf(const AvroField& field, const KnownName (&names)[N]) {
  if (field.field_id) return *field.field_id;
  for (const KnownName& known : names) {
    if (known.name == field.name) return known.id;
  }
  return -1;
}

// One value of a nullable or plain field. All of them take unions in any order; another type than theirs fails.
std::optional<int64_t> MaybeWhole(AvroCursor& cursor, const AvroType& type) {
  bool is_null = false;
  const int64_t value = cursor.ReadWhole(type, &is_null);
  if (is_null) return std::nullopt;
  return value;
}

std::optional<int32_t> MaybeSmall(AvroCursor& cursor, const AvroType& type) {
  const std::optional<int64_t> value = MaybeWhole(cursor, type);
  if (!value) return std::nullopt;
  if (*value != static_cast<int32_t>(*value)) cursor.SetFailed();
  return static_cast<int32_t>(*value);
}

std::optional<std::string> MaybeBytes(AvroCursor& cursor, const AvroType& type) {
  const AvroType& actual = cursor.EnterUnion(type);
  switch (actual.kind) {
    case AvroType::Kind::kNull:
      return std::nullopt;
    case AvroType::Kind::kString:
    case AvroType::Kind::kBytes:
      return std::string(cursor.ReadBytes());
    case AvroType::Kind::kFixed:
      return std::string(cursor.ReadFixed(actual.size));
    default:
      cursor.SetFailed();
      return std::nullopt;
  }
}

// A list of whole numbers.
template <typename T>
std::vector<T> Wholes(AvroCursor& cursor, const AvroType& type) {
  std::vector<T> values;
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind == AvroType::Kind::kNull) return values;
  if (actual.kind != AvroType::Kind::kArray) {
    cursor.SetFailed();
    return values;
  }
  for (int64_t count = cursor.ReadBlockCount(); count > 0 && cursor.ok(); count = cursor.ReadBlockCount()) {
    for (int64_t i = 0; i < count && cursor.ok(); ++i) {
      bool is_null = false;
      const int64_t value = cursor.ReadWhole(*actual.parts[0], &is_null);
      if (value != static_cast<T>(value)) cursor.SetFailed();
      values.push_back(static_cast<T>(value));
    }
  }
  return values;
}

void ReadMapValue(AvroCursor& cursor, const AvroType& type, int64_t* value) {
  bool is_null = false;
  *value = cursor.ReadWhole(type, &is_null);
}
void ReadMapValue(AvroCursor& cursor, const AvroType& type, std::string* value) {
  *value = MaybeBytes(cursor, type).value_or("");
}

// A map from field id, which Avro stores as an array of records of two fields.
template <typename Value>
ById<Value> IdMap(AvroCursor& cursor, const AvroType& type) {
  ById<Value> map;
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind == AvroType::Kind::kNull) return map;
  if (actual.kind != AvroType::Kind::kArray || actual.parts[0]->kind != AvroType::Kind::kRecord ||
      actual.parts[0]->fields.size() != 2) {
    cursor.SetFailed();
    return map;
  }
  const AvroField& key = actual.parts[0]->fields[0];
  const AvroField& value = actual.parts[0]->fields[1];
  for (int64_t count = cursor.ReadBlockCount(); count > 0 && cursor.ok(); count = cursor.ReadBlockCount()) {
    map.reserve(map.size() + static_cast<size_t>(std::min<int64_t>(count, 10'000)));
    for (int64_t i = 0; i < count && cursor.ok(); ++i) {
      std::pair<int32_t, Value> item;
      bool is_null = false;
      const int64_t id = cursor.ReadWhole(*key.type, &is_null);
      if (is_null || id != static_cast<int32_t>(id)) cursor.SetFailed();
      item.first = static_cast<int32_t>(id);
      ReadMapValue(cursor, *value.type, &item.second);
      map.push_back(std::move(item));
    }
  }
  const auto by_id = [](const auto& a, const auto& b) { return a.first < b.first; };
  if (!std::is_sorted(map.begin(), map.end(), by_id)) std::stable_sort(map.begin(), map.end(), by_id);
  return map;
}

Literal PartitionValue(AvroCursor& cursor, const AvroType& type) {
  const AvroType& actual = cursor.EnterUnion(type);
  const auto decimal_or_bytes = [&](std::string_view bytes) -> Literal {
    if (actual.logical != "decimal") return std::string(bytes);
    Result<Literal> value = FromBytes(bytes, MakeIcebergType(TypeKind::kDecimal));
    if (!value) {
      cursor.SetFailed();
      return {};
    }
    return *std::move(value);
  };
  switch (actual.kind) {
    case AvroType::Kind::kNull:
      return {};
    case AvroType::Kind::kBoolean:
      return cursor.ReadBool();
    case AvroType::Kind::kInt:
      return cursor.ReadInt();
    case AvroType::Kind::kLong:
      return cursor.ReadLong();
    case AvroType::Kind::kFloat:
      return cursor.ReadFloat();
    case AvroType::Kind::kDouble:
      return cursor.ReadDouble();
    case AvroType::Kind::kString:
      return std::string(cursor.ReadBytes());
    case AvroType::Kind::kBytes:
      return decimal_or_bytes(cursor.ReadBytes());
    case AvroType::Kind::kFixed:
      return decimal_or_bytes(cursor.ReadFixed(actual.size));
    default:
      cursor.SetFailed();
      return {};
  }
}

// The partition tuple in the order of the spec's fields, by field id or, where a writer left ids out, by place.
std::vector<Literal> PartitionTuple(AvroCursor& cursor, const AvroType& type, const PartitionSpec& spec) {
  std::vector<Literal> tuple(spec.fields.size());
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind != AvroType::Kind::kRecord) {
    if (actual.kind != AvroType::Kind::kNull) cursor.SetFailed();
    return tuple;
  }
  for (size_t i = 0; i < actual.fields.size(); ++i) {
    const AvroField& field = actual.fields[i];
    Literal value = PartitionValue(cursor, *field.type);
    const auto at = std::find_if(spec.fields.begin(), spec.fields.end(),
                                 [&](const SpecField& wanted) { return wanted.field_id == field.field_id; });
    const size_t place = field.field_id ? static_cast<size_t>(at - spec.fields.begin()) : i;
    if (place < tuple.size()) tuple[place] = std::move(value);
  }
  return tuple;
}

void ReadFileField(AvroCursor& cursor, int32_t id, const AvroType& type, const PartitionSpec& spec, DataFile* file) {
  switch (id) {
    case 134: {
      const int64_t content = MaybeWhole(cursor, type).value_or(0);
      if (content < 0 || content > 2) cursor.SetFailed();
      file->content = static_cast<FileContent>(content);
      return;
    }
    case 100:
      file->path = MaybeBytes(cursor, type).value_or("");
      return;
    case 101:
      file->format = LowerCase(MaybeBytes(cursor, type).value_or(""));
      return;
    case 102:
      file->partition = PartitionTuple(cursor, type, spec);
      return;
    case 103:
      file->record_count = MaybeWhole(cursor, type).value_or(0);
      return;
    case 104:
      file->file_size = MaybeWhole(cursor, type).value_or(0);
      return;
    case 108:
      file->column_sizes = IdMap<int64_t>(cursor, type);
      return;
    case 109:
      file->value_counts = IdMap<int64_t>(cursor, type);
      return;
    case 110:
      file->null_counts = IdMap<int64_t>(cursor, type);
      return;
    case 137:
      file->nan_counts = IdMap<int64_t>(cursor, type);
      return;
    case 125:
      file->lower_bounds = IdMap<std::string>(cursor, type);
      return;
    case 128:
      file->upper_bounds = IdMap<std::string>(cursor, type);
      return;
    case 131:
      file->key_metadata = MaybeBytes(cursor, type).value_or("");
      return;
    case 132:
      file->split_offsets = Wholes<int64_t>(cursor, type);
      return;
    case 135:
      file->equality_ids = Wholes<int32_t>(cursor, type);
      return;
    case 140:
      file->sort_order_id = MaybeSmall(cursor, type);
      return;
    case 142:
      file->first_row_id = MaybeWhole(cursor, type);
      return;
    case 143:
      file->referenced_data_file = MaybeBytes(cursor, type).value_or("");
      return;
    case 144:
      file->content_offset = MaybeWhole(cursor, type);
      return;
    case 145:
      file->content_size = MaybeWhole(cursor, type);
      return;
    default:
      cursor.Skip(type);
  }
}

void ReadDataFile(AvroCursor& cursor, const AvroType& type, const PartitionSpec& spec, DataFile* file) {
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind != AvroType::Kind::kRecord) {
    cursor.SetFailed();
    return;
  }
  file->spec_id = spec.spec_id;
  file->partition.resize(spec.fields.size());
  for (const AvroField& field : actual.fields) {
    ReadFileField(cursor, IdOf(field, kFileNames), *field.type, spec, file);
  }
}

// The numbers that an entry leaves to its manifest.
struct Inherited {
  const ManifestFile& manifest;
  std::optional<int64_t> next_row_id;
};

ManifestEntry ReadEntry(AvroCursor& cursor, const AvroType& type, const PartitionSpec& spec, Inherited* inherited) {
  ManifestEntry entry;
  std::optional<int64_t> snapshot_id;
  std::optional<int64_t> sequence_number;
  std::optional<int64_t> file_sequence_number;
  bool has_sequence_number = false;
  for (const AvroField& field : type.fields) {
    switch (IdOf(field, kEntryNames)) {
      case 0: {
        const int64_t status = MaybeWhole(cursor, *field.type).value_or(-1);
        if (status < 0 || status > 2) cursor.SetFailed();
        entry.status = static_cast<EntryStatus>(status);
        break;
      }
      case 1:
        snapshot_id = MaybeWhole(cursor, *field.type);
        break;
      case 3:
        sequence_number = MaybeWhole(cursor, *field.type);
        has_sequence_number = true;
        break;
      case 4:
        file_sequence_number = MaybeWhole(cursor, *field.type);
        break;
      case 2:
        ReadDataFile(cursor, *field.type, spec, &entry.file);
        break;
      default:
        cursor.Skip(*field.type);
    }
  }
  const ManifestFile& manifest = inherited->manifest;
  entry.snapshot_id = snapshot_id.value_or(manifest.added_snapshot_id);
  // A v1 manifest has no sequence numbers at all: 0. Otherwise a missing one is the manifest's.
  const int64_t otherwise = has_sequence_number ? manifest.sequence_number : 0;
  entry.sequence_number = sequence_number.value_or(otherwise);
  entry.file_sequence_number = file_sequence_number.value_or(otherwise);
  if (inherited->next_row_id && entry.file.content == FileContent::kData && !entry.file.first_row_id &&
      entry.is_live()) {
    entry.file.first_row_id = *inherited->next_row_id;
    if (__builtin_add_overflow(*inherited->next_row_id, entry.file.record_count, &*inherited->next_row_id)) {
      cursor.SetFailed();
    }
  }
  return entry;
}

Status CheckEntry(const ManifestEntry& entry) {
  const DataFile& file = entry.file;
  if (file.path.empty()) return Fail(ErrorKind::kData, "the manifest has an entry without a file path");
  if (file.record_count < 0 || file.file_size < 0) {
    return Fail(ErrorKind::kData, "the manifest gives file {} a negative size", file.path);
  }
  if (file.is_deletion_vector() && (!file.content_offset || !file.content_size || *file.content_offset < 0 ||
                                    *file.content_size < 0 || file.referenced_data_file.empty())) {
    return Fail(ErrorKind::kData, "the manifest does not say where in {} a deletion vector lies", file.path);
  }
  return {};
}

FieldSummary ReadSummary(AvroCursor& cursor, const AvroType& type) {
  FieldSummary summary;
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind != AvroType::Kind::kRecord) {
    cursor.SetFailed();
    return summary;
  }
  for (const AvroField& field : actual.fields) {
    const int32_t id = IdOf(field, kSummaryNames);
    if (id == 509 || id == 518) {
      const AvroType& value = cursor.EnterUnion(*field.type);
      if (value.kind == AvroType::Kind::kNull) continue;
      if (value.kind != AvroType::Kind::kBoolean) cursor.SetFailed();
      const bool is_set = cursor.ReadBool();
      if (id == 509) {
        summary.contains_null = is_set;
      } else {
        summary.contains_nan = is_set;
      }
    } else if (id == 510) {
      summary.lower_bound = MaybeBytes(cursor, *field.type);
    } else if (id == 511) {
      summary.upper_bound = MaybeBytes(cursor, *field.type);
    } else {
      cursor.Skip(*field.type);
    }
  }
  return summary;
}

std::vector<FieldSummary> ReadSummaries(AvroCursor& cursor, const AvroType& type) {
  std::vector<FieldSummary> summaries;
  const AvroType& actual = cursor.EnterUnion(type);
  if (actual.kind == AvroType::Kind::kNull) return summaries;
  if (actual.kind != AvroType::Kind::kArray) {
    cursor.SetFailed();
    return summaries;
  }
  for (int64_t count = cursor.ReadBlockCount(); count > 0 && cursor.ok(); count = cursor.ReadBlockCount()) {
    for (int64_t i = 0; i < count && cursor.ok(); ++i) summaries.push_back(ReadSummary(cursor, *actual.parts[0]));
  }
  return summaries;
}

void ReadListField(AvroCursor& cursor, int32_t id, const AvroType& type, ManifestFile* manifest) {
  switch (id) {
    case 500:
      manifest->path = MaybeBytes(cursor, type).value_or("");
      return;
    case 501:
      manifest->length = MaybeWhole(cursor, type).value_or(0);
      return;
    case 502:
      manifest->spec_id = MaybeSmall(cursor, type).value_or(0);
      return;
    case 517: {
      const int64_t content = MaybeWhole(cursor, type).value_or(0);
      if (content < 0 || content > 1) cursor.SetFailed();
      manifest->content = static_cast<ManifestContent>(content);
      return;
    }
    case 515:
      manifest->sequence_number = MaybeWhole(cursor, type).value_or(0);
      return;
    case 516:
      manifest->min_sequence_number = MaybeWhole(cursor, type).value_or(0);
      return;
    case 503:
      manifest->added_snapshot_id = MaybeWhole(cursor, type).value_or(0);
      return;
    case 504:
      manifest->added_files = MaybeSmall(cursor, type);
      return;
    case 505:
      manifest->existing_files = MaybeSmall(cursor, type);
      return;
    case 506:
      manifest->deleted_files = MaybeSmall(cursor, type);
      return;
    case 512:
      manifest->added_rows = MaybeWhole(cursor, type);
      return;
    case 513:
      manifest->existing_rows = MaybeWhole(cursor, type);
      return;
    case 514:
      manifest->deleted_rows = MaybeWhole(cursor, type);
      return;
    case 507:
      manifest->partitions = ReadSummaries(cursor, type);
      return;
    case 519:
      manifest->key_metadata = MaybeBytes(cursor, type).value_or("");
      return;
    case 520:
      manifest->first_row_id = MaybeWhole(cursor, type);
      return;
    default:
      cursor.Skip(type);
  }
}

// Calls `each` for every value of the file.
Status ForEachValue(std::string_view bytes, const AvroHeader& header, std::string_view what,
                    const std::function<Status(AvroCursor&, const AvroType&)>& each) {
  const AvroType& type = header.schema.root();
  if (type.kind != AvroType::Kind::kRecord) return Fail(ErrorKind::kData, "the {}'s schema is no record", what);
  AvroBlocks blocks(bytes, header);
  std::string block;
  size_t total = 0;
  for (;;) {
    NILUS_ASSIGN(const int64_t count, blocks.Next(&block));
    if (count == 0) return {};
    total += static_cast<size_t>(count);
    if (total > kMostEntries) {
      return Fail(ErrorKind::kExhausted, "the {} has more than {} entries", what, kMostEntries);
    }
    AvroCursor cursor(block);
    for (int64_t i = 0; i < count; ++i) {
      NILUS_TRY(each(cursor, type));
      if (!cursor.ok()) return Fail(ErrorKind::kData, "the {} is damaged: entry {} cannot be read", what, total);
    }
    if (cursor.remaining() != 0) return Fail(ErrorKind::kData, "the {} is damaged: a block has bytes left over", what);
  }
}

}  // namespace

Result<std::vector<ManifestFile>> DecodeManifestList(std::string_view bytes) {
  NILUS_ASSIGN(const AvroHeader header, ReadAvroHeader(bytes));
  std::vector<ManifestFile> manifests;
  const auto each = [&](AvroCursor& cursor, const AvroType& type) -> Status {
    ManifestFile manifest;
    for (const AvroField& field : type.fields) {
      ReadListField(cursor, IdOf(field, kListNames), *field.type, &manifest);
    }
    if (cursor.ok() && (manifest.path.empty() || manifest.length < 0)) {
      return Fail(ErrorKind::kData, "the manifest list has an entry without a path or with a negative length");
    }
    manifests.push_back(std::move(manifest));
    return {};
  };
  NILUS_TRY(ForEachValue(bytes, header, "manifest list", each));
  return manifests;
}

Result<DecodedManifest> DecodeManifest(std::string_view bytes, const ManifestFile& manifest, bool with_deleted) {
  NILUS_ASSIGN(const AvroHeader header, ReadAvroHeader(bytes));
  DecodedManifest decoded;
  decoded.spec.spec_id = manifest.spec_id;
  const std::string_view spec_json = header.Metadata("partition-spec");
  if (!spec_json.empty()) {
    NILUS_ASSIGN(decoded.spec, SpecFieldsFromJson(spec_json, manifest.spec_id));
  }
  Inherited inherited{manifest, manifest.first_row_id};
  const auto each = [&](AvroCursor& cursor, const AvroType& type) -> Status {
    ManifestEntry entry = ReadEntry(cursor, type, decoded.spec, &inherited);
    if (!cursor.ok() || (!with_deleted && !entry.is_live())) return {};
    NILUS_TRY(CheckEntry(entry));
    decoded.entries.push_back(std::move(entry));
    return {};
  };
  NILUS_TRY(ForEachValue(bytes, header, "manifest", each));
  return decoded;
}

}  // namespace nilus::lake
