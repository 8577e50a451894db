#include "nilus/lake/manifest_writer.h"

#include <algorithm>
#include <cstring>

#include "nilus/lake/avro_container.h"
#include "nilus/lake/manifest_schemas.h"

namespace nilus::lake {
namespace {

// Branch numbers of the unions ["null", T] that Nilus writes.
void AppendAbsent(std::string* out) { AppendAvroLong(0, out); }
void AppendPresent(std::string* out) { AppendAvroLong(1, out); }

void AppendMaybeLong(const std::optional<int64_t>& value, std::string* out) {
  if (!value) {
    AppendAbsent(out);
    return;
  }
  AppendPresent(out);
  AppendAvroLong(*value, out);
}

void AppendMaybeBytes(std::string_view bytes, std::string* out) {
  if (bytes.empty()) {
    AppendAbsent(out);
    return;
  }
  AppendPresent(out);
  AppendAvroBytes(bytes, out);
}

template <typename T>
void AppendRaw(T value, std::string* out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void AppendMapValue(int64_t value, std::string* out) { AppendAvroLong(value, out); }
void AppendMapValue(const std::string& value, std::string* out) { AppendAvroBytes(value, out); }

template <typename Value>
void AppendIdMap(const ById<Value>& map, std::string* out) {
  if (map.empty()) {
    AppendAbsent(out);
    return;
  }
  AppendPresent(out);
  AppendAvroLong(static_cast<int64_t>(map.size()), out);
  for (const auto& [id, value] : map) {
    AppendAvroLong(id, out);
    AppendMapValue(value, out);
  }
  AppendAvroLong(0, out);
}

template <typename T>
void AppendList(const std::vector<T>& list, std::string* out) {
  if (list.empty()) {
    AppendAbsent(out);
    return;
  }
  AppendPresent(out);
  AppendAvroLong(static_cast<int64_t>(list.size()), out);
  for (const T value : list) AppendAvroLong(value, out);
  AppendAvroLong(0, out);
}

void AppendDecimal(Int128 value, int size, std::string* out) {
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift));
}

// As the partition record's type says (manifest_schemas.cc).
void AppendPartitionValue(const Literal& value, const IcebergType& type, std::string* out) {
  if (IsNull(value)) {
    AppendAbsent(out);
    return;
  }
  AppendPresent(out);
  struct Visitor {
    const IcebergType& type;
    std::string* out;
    void operator()(std::monostate) const {}
    void operator()(bool boolean) const { out->push_back(boolean ? '\1' : '\0'); }
    void operator()(int32_t whole) const { AppendAvroLong(whole, out); }
    void operator()(int64_t whole) const { AppendAvroLong(whole, out); }
    void operator()(float number) const {
      if (type.kind == TypeKind::kDouble) {
        AppendRaw(static_cast<double>(number), out);
      } else {
        AppendRaw(number, out);
      }
    }
    void operator()(double number) const { AppendRaw(number, out); }
    void operator()(Int128 decimal) const { AppendDecimal(decimal, DecimalFixedBytes(type.precision), out); }
    void operator()(const std::string& bytes) const {
      if (type.kind == TypeKind::kUuid || type.kind == TypeKind::kFixed) {
        out->append(bytes);
      } else {
        AppendAvroBytes(bytes, out);
      }
    }
  };
  std::visit(Visitor{type, out}, value);
}

// What the list says of one partition field, kept as values until the end.
struct Summary {
  bool contains_null = false;
  bool contains_nan = false;
  Literal lower;
  Literal upper;

  void Add(const Literal& value) {
    if (IsNull(value)) {
      contains_null = true;
    } else if (IsNan(value)) {
      contains_nan = true;
    } else {
      if (IsNull(lower) || CompareLiterals(value, lower) < 0) lower = value;
      if (IsNull(upper) || CompareLiterals(value, upper) > 0) upper = value;
    }
  }
};

}  // namespace

struct ManifestWriter::Impl {
  int format_version;
  PartitionSpec spec;
  std::vector<IcebergType> partition_types;
  AvroCodec codec;
  ManifestFile manifest;
  std::optional<int64_t> min_sequence_number;  // of live entries that say theirs
  std::vector<Summary> summaries;
  AvroFileWriter file;

  void Append(EntryStatus status, int64_t snapshot_id, std::optional<int64_t> sequence_number,
              std::optional<int64_t> file_sequence_number, const DataFile& data_file);
  void AppendFile(const DataFile& data_file, std::string* out) const;
};

ManifestWriter::ManifestWriter(int format_version, const IcebergSchema& schema, const PartitionSpec& spec,
                               ManifestContent content, int64_t snapshot_id, AvroCodec codec) {
  std::map<std::string, std::string> metadata{
      {"schema", SchemaToJson(schema)},
      {"schema-id", std::to_string(schema.schema_id)},
      {"partition-spec", SpecFieldsToJson(spec)},
      {"partition-spec-id", std::to_string(spec.spec_id)},
      {"format-version", std::to_string(format_version)},
      {"content", content == ManifestContent::kData ? "data" : "deletes"},
  };
  impl_.reset(new Impl{format_version,
                       spec,
                       PartitionTypes(spec, schema),
                       codec,
                       {},
                       std::nullopt,
                       std::vector<Summary>(spec.fields.size()),
                       AvroFileWriter(std::move(metadata), ManifestEntrySchema(format_version, schema, spec))});
  ManifestFile& manifest = impl_->manifest;
  manifest.spec_id = spec.spec_id;
  manifest.content = content;
  manifest.added_snapshot_id = snapshot_id;
  manifest.sequence_number = -1;
  manifest.added_files = manifest.existing_files = manifest.deleted_files = 0;
  manifest.added_rows = manifest.existing_rows = manifest.deleted_rows = 0;
}

ManifestWriter::~ManifestWriter() = default;
ManifestWriter::ManifestWriter(ManifestWriter&&) noexcept = default;
ManifestWriter& ManifestWriter::operator=(ManifestWriter&&) noexcept = default;

void ManifestWriter::Impl::AppendFile(const DataFile& data_file, std::string* out) const {
  AppendAvroLong(static_cast<int64_t>(data_file.content), out);
  AppendAvroBytes(data_file.path, out);
  std::string format = data_file.format;
  for (char& c : format) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);  // as Java's readers expect
  AppendAvroBytes(format, out);
  for (size_t i = 0; i < spec.fields.size(); ++i) {
    AppendPartitionValue(i < data_file.partition.size() ? data_file.partition[i] : Literal(), partition_types[i], out);
  }
  AppendAvroLong(data_file.record_count, out);
  AppendAvroLong(data_file.file_size, out);
  AppendIdMap(data_file.column_sizes, out);
  AppendIdMap(data_file.value_counts, out);
  AppendIdMap(data_file.null_counts, out);
  AppendIdMap(data_file.nan_counts, out);
  AppendIdMap(data_file.lower_bounds, out);
  AppendIdMap(data_file.upper_bounds, out);
  AppendMaybeBytes(data_file.key_metadata, out);
  AppendList(data_file.split_offsets, out);
  AppendList(data_file.equality_ids, out);
  AppendMaybeLong(data_file.sort_order_id, out);
  if (format_version >= 3) AppendMaybeLong(data_file.first_row_id, out);
  AppendMaybeBytes(data_file.referenced_data_file, out);
  if (format_version >= 3) {
    AppendMaybeLong(data_file.content_offset, out);
    AppendMaybeLong(data_file.content_size, out);
  }
}

void ManifestWriter::Impl::Append(EntryStatus status, int64_t snapshot_id, std::optional<int64_t> sequence_number,
                                  std::optional<int64_t> file_sequence_number, const DataFile& data_file) {
  std::string* out = &file.block();
  AppendAvroLong(static_cast<int64_t>(status), out);
  AppendMaybeLong(snapshot_id, out);
  AppendMaybeLong(sequence_number, out);
  AppendMaybeLong(file_sequence_number, out);
  AppendFile(data_file, out);
  file.FinishValue();
  switch (status) {
    case EntryStatus::kExisting:
      ++*manifest.existing_files;
      *manifest.existing_rows += data_file.record_count;
      break;
    case EntryStatus::kAdded:
      ++*manifest.added_files;
      *manifest.added_rows += data_file.record_count;
      break;
    case EntryStatus::kDeleted:
      ++*manifest.deleted_files;
      *manifest.deleted_rows += data_file.record_count;
      break;
  }
  for (size_t i = 0; i < summaries.size() && i < data_file.partition.size(); ++i) {
    summaries[i].Add(data_file.partition[i]);
  }
  if (status == EntryStatus::kDeleted) return;
  if (sequence_number) {
    min_sequence_number = std::min(min_sequence_number.value_or(*sequence_number), *sequence_number);
  }
}

void ManifestWriter::AddNew(const DataFile& file, std::optional<int64_t> sequence_number) {
  impl_->Append(EntryStatus::kAdded, impl_->manifest.added_snapshot_id, sequence_number, std::nullopt, file);
}

void ManifestWriter::AddExisting(const ManifestEntry& entry) {
  impl_->Append(EntryStatus::kExisting, entry.snapshot_id, entry.sequence_number, entry.file_sequence_number,
                entry.file);
}

void ManifestWriter::AddDeleted(const ManifestEntry& entry) {
  impl_->Append(EntryStatus::kDeleted, impl_->manifest.added_snapshot_id, entry.sequence_number,
                entry.file_sequence_number, entry.file);
}

int64_t ManifestWriter::count() const {
  const ManifestFile& manifest = impl_->manifest;
  return int64_t{*manifest.added_files} + *manifest.existing_files + *manifest.deleted_files;
}

int64_t ManifestWriter::ByteSize() const { return impl_->file.ByteSize(); }

ManifestWriter::Output ManifestWriter::Finish() {
  Output output;
  output.bytes = impl_->file.Finish(impl_->codec == AvroCodec::kDeflate);
  ManifestFile& manifest = impl_->manifest;
  manifest.length = static_cast<int64_t>(output.bytes.size());
  // New files inherit the commit's number, which is higher than any there is.
  manifest.min_sequence_number = impl_->min_sequence_number.value_or(-1);
  for (size_t i = 0; i < impl_->summaries.size(); ++i) {
    const Summary& values = impl_->summaries[i];
    FieldSummary summary;
    summary.contains_null = values.contains_null;
    summary.contains_nan = values.contains_nan;
    if (!IsNull(values.lower)) {
      summary.lower_bound = ToBytes(values.lower, impl_->partition_types[i]);
      summary.upper_bound = ToBytes(values.upper, impl_->partition_types[i]);
    }
    manifest.partitions.push_back(std::move(summary));
  }
  output.manifest = std::move(manifest);
  return output;
}

namespace {

void AppendSummaries(const std::vector<FieldSummary>& summaries, std::string* out) {
  if (summaries.empty()) {
    AppendAbsent(out);
    return;
  }
  const auto append_bound = [out](const std::optional<std::string>& bound) {
    if (!bound) {
      AppendAbsent(out);
    } else {
      AppendPresent(out);
      AppendAvroBytes(*bound, out);
    }
  };
  AppendPresent(out);
  AppendAvroLong(static_cast<int64_t>(summaries.size()), out);
  for (const FieldSummary& summary : summaries) {
    out->push_back(summary.contains_null ? '\1' : '\0');
    if (summary.contains_nan) {
      AppendPresent(out);
      out->push_back(*summary.contains_nan ? '\1' : '\0');
    } else {
      AppendAbsent(out);
    }
    append_bound(summary.lower_bound);
    append_bound(summary.upper_bound);
  }
  AppendAvroLong(0, out);
}

void AppendManifest(const ManifestFile& manifest, int format_version, std::string* out) {
  AppendAvroBytes(manifest.path, out);
  AppendAvroLong(manifest.length, out);
  AppendAvroLong(manifest.spec_id, out);
  AppendAvroLong(static_cast<int64_t>(manifest.content), out);
  AppendAvroLong(manifest.sequence_number, out);
  AppendAvroLong(manifest.min_sequence_number, out);
  AppendAvroLong(manifest.added_snapshot_id, out);
  // Unknown counts of v1 manifests: 1 keeps "may have such files" true.
  AppendAvroLong(manifest.added_files.value_or(1), out);
  AppendAvroLong(manifest.existing_files.value_or(1), out);
  AppendAvroLong(manifest.deleted_files.value_or(1), out);
  AppendAvroLong(manifest.added_rows.value_or(0), out);
  AppendAvroLong(manifest.existing_rows.value_or(0), out);
  AppendAvroLong(manifest.deleted_rows.value_or(0), out);
  AppendSummaries(manifest.partitions, out);
  AppendMaybeBytes(manifest.key_metadata, out);
  if (format_version >= 3) AppendMaybeLong(manifest.first_row_id, out);
}

}  // namespace

std::string WriteManifestList(int format_version, int64_t snapshot_id, std::optional<int64_t> parent_id,
                              int64_t sequence_number, std::vector<ManifestFile>* manifests, int64_t* next_row_id,
                              AvroCodec codec) {
  std::map<std::string, std::string> metadata{
      {"snapshot-id", std::to_string(snapshot_id)},
      {"parent-snapshot-id", parent_id ? std::to_string(*parent_id) : "null"},
      {"sequence-number", std::to_string(sequence_number)},
      {"format-version", std::to_string(format_version)},
  };
  if (format_version >= 3) metadata["first-row-id"] = std::to_string(*next_row_id);
  AvroFileWriter file(std::move(metadata), ManifestFileSchema(format_version));
  for (ManifestFile& manifest : *manifests) {
    if (manifest.sequence_number < 0) manifest.sequence_number = sequence_number;
    if (manifest.min_sequence_number < 0) manifest.min_sequence_number = sequence_number;
    if (format_version >= 3 && manifest.content == ManifestContent::kData && !manifest.first_row_id) {
      manifest.first_row_id = *next_row_id;
      // Counts of others' manifests are hostile: ApplyUpdate refuses ids that do not grow.
      *next_row_id = static_cast<int64_t>(static_cast<uint64_t>(*next_row_id) +
                                          static_cast<uint64_t>(manifest.added_rows.value_or(0)) +
                                          static_cast<uint64_t>(manifest.existing_rows.value_or(0)));
    }
    AppendManifest(manifest, format_version, &file.block());
    file.FinishValue();
  }
  return file.Finish(codec == AvroCodec::kDeflate);
}

}  // namespace nilus::lake
