#include "nilus/cli/lake_rows.h"

#include <optional>
#include <string>
#include <utility>

namespace nilus::cli {
namespace {

// Rows of texts, whole numbers and instants, column by column.
class Rows {
 public:
  explicit Rows(std::vector<Field> fields) : schema_(std::make_shared<Schema>(Schema{std::move(fields)})) {
    for (const Field& field : schema_->fields) builders_.emplace_back(field.type);
  }

  void Text(std::string_view text) { Next().AppendBytes(text); }
  void Whole(std::optional<int64_t> number) {
    if (number) {
      Next().Append(*number);
    } else {
      Next().AppendNull();
    }
  }
  void Time(WallTime time) { Next().Append<int64_t>(time.time_since_epoch().count()); }

  RecordBatch Finish() {
    std::vector<Column> columns;
    for (ColumnBuilder& builder : builders_) columns.push_back(builder.Finish());
    const int64_t count = columns.empty() ? 0 : columns.front().length;
    return RecordBatch(schema_, std::move(columns), count);
  }

 private:
  ColumnBuilder& Next() {
    ColumnBuilder& builder = builders_[next_];
    next_ = (next_ + 1) % builders_.size();
    return builder;
  }

  SchemaPtr schema_;
  std::vector<ColumnBuilder> builders_;
  size_t next_ = 0;
};

Field TextField(std::string name) { return Field{std::move(name), MakeType(TypeId::kText), true, {}}; }
Field WholeField(std::string name) { return Field{std::move(name), MakeType(TypeId::kInt64), true, {}}; }
Field TimeField(std::string name) { return Field{std::move(name), MakeType(TypeId::kTimestamp), true, {}}; }

std::optional<int64_t> Counter(const lake::Snapshot& snapshot, const std::string& name) {
  const auto found = snapshot.summary.find(name);
  if (found == snapshot.summary.end()) return std::nullopt;
  return lake::ParsePropertyNumber(found->second);
}

WallTime FromMs(int64_t ms) { return WallTime(std::chrono::milliseconds(ms)); }

}  // namespace

RecordBatch SnapshotRows(const lake::TableMetadata& metadata) {
  Rows rows({WholeField("snapshot_id"), WholeField("parent_id"), TimeField("made_at"), TextField("operation"),
             WholeField("added_records"), WholeField("deleted_records"), WholeField("total_records"),
             WholeField("total_data_files"), WholeField("total_delete_files"), TextField("refs"),
             TextField("load_id")});
  for (const lake::SnapshotPtr& snapshot : metadata.snapshots) {
    std::string refs;
    for (const auto& [name, ref] : metadata.refs) {
      if (ref.snapshot_id == snapshot->id) refs += (refs.empty() ? "" : ", ") + name;
    }
    rows.Whole(snapshot->id);
    rows.Whole(snapshot->parent_id);
    rows.Time(FromMs(snapshot->timestamp_ms));
    rows.Text(snapshot->operation());
    for (const char* name :
         {"added-records", "deleted-records", "total-records", "total-data-files", "total-delete-files"}) {
      rows.Whole(Counter(*snapshot, name));
    }
    rows.Text(refs);
    const auto load = snapshot->summary.find("nilus.load-id");
    rows.Text(load == snapshot->summary.end() ? "" : load->second);
  }
  return rows.Finish();
}

Result<RecordBatch> FileRows(const lake::Table& table, const lake::SnapshotPtr& snapshot, std::stop_token stop) {
  Rows rows({TextField("content"), TextField("path"), TextField("partition"), WholeField("records"),
             WholeField("bytes"), WholeField("sequence_number"), TextField("deletes_of")});
  if (snapshot == nullptr) return rows.Finish();
  NILUS_ASSIGN(const std::vector<lake::ManifestFile> manifests, lake::ReadManifestList(table, *snapshot, stop));
  for (const lake::ManifestFile& manifest : manifests) {
    NILUS_ASSIGN(const std::vector<lake::ManifestEntry> entries, lake::ReadManifest(table, manifest, false, stop));
    for (const lake::ManifestEntry& entry : entries) {
      const lake::DataFile& file = entry.file;
      rows.Text(file.content == lake::FileContent::kData              ? "data"
                : file.is_deletion_vector()                           ? "deletion vector"
                : file.content == lake::FileContent::kPositionDeletes ? "position deletes"
                                                                      : "equality deletes");
      rows.Text(file.path);
      const lake::PartitionSpecPtr spec = table.metadata.FindSpec(file.spec_id);
      rows.Text(spec == nullptr ? "" : lake::PartitionPath(*spec, table.metadata.schema(), file.partition));
      rows.Whole(file.record_count);
      rows.Whole(file.content_size.value_or(file.file_size));
      rows.Whole(entry.sequence_number);
      rows.Text(file.referenced_data_file);
    }
  }
  return rows.Finish();
}

RecordBatch ExpireRows(const lake::Table& table, const lake::ExpireReport& report) {
  Rows rows({TextField("expired"), TextField("name"), TimeField("made_at")});
  for (const std::string& ref : report.refs) {
    rows.Text("ref");
    rows.Text(ref);
    rows.Whole(std::nullopt);
  }
  for (const int64_t id : report.snapshots) {
    rows.Text("snapshot");
    rows.Text(std::to_string(id));
    const lake::SnapshotPtr snapshot = table.metadata.FindSnapshot(id);
    rows.Time(FromMs(snapshot == nullptr ? 0 : snapshot->timestamp_ms));
  }
  for (const std::string& file : report.files) {
    rows.Text("file");
    rows.Text(file);
    rows.Whole(std::nullopt);
  }
  return rows.Finish();
}

RecordBatch OrphanRows(const std::vector<lake::OrphanFile>& files) {
  Rows rows({TextField("path"), WholeField("bytes"), TimeField("modified_at")});
  for (const lake::OrphanFile& file : files) {
    rows.Text(file.url);
    rows.Whole(file.size);
    rows.Time(file.modified);
  }
  return rows.Finish();
}

RecordBatch CompactionRows(const lake::CompactionReport& report) {
  Rows rows({WholeField("groups"), WholeField("skipped"), WholeField("files_before"), WholeField("files_after"),
             WholeField("delete_files_removed"), WholeField("records"), WholeField("bytes_before"),
             WholeField("bytes_after")});
  for (const int64_t number : {report.groups, report.skipped, report.files_before, report.files_after,
                               report.delete_files_removed, report.rows, report.bytes_before, report.bytes_after}) {
    rows.Whole(number);
  }
  return rows.Finish();
}

}  // namespace nilus::cli
