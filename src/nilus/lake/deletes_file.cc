#include "nilus/lake/deletes_file.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/data/builder.h"
#include "nilus/duck/parquet_writer.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/data_keeper.h"
#include "nilus/lake/data_metrics.h"
#include "nilus/lake/puffin_file.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

constexpr int32_t kRowPositionFieldId = 2147483645;  // `_pos`: what a deletion vector is about
constexpr int64_t kBatchBytes = 256 << 10;

// The columns of a position delete file.
IcebergSchema PositionDeleteSchema() {
  IcebergSchema schema;
  schema.fields = {
      IcebergField{
          .id = kFilePathFieldId, .name = "file_path", .type = MakeIcebergType(TypeKind::kString), .required = true},
      IcebergField{.id = kPositionFieldId, .name = "pos", .type = MakeIcebergType(TypeKind::kLong), .required = true}};
  return schema;
}

using Group = std::vector<const FileDeletes*>;  // of one partition

std::vector<Group> GroupByPartition(const std::vector<FileDeletes>& deletes) {
  std::vector<Group> groups;
  for (const FileDeletes& one : deletes) {
    if (one.rows.empty()) continue;
    auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
      return group[0]->file->spec_id == one.file->spec_id && group[0]->file->partition == one.file->partition;
    });
    if (same == groups.end()) same = groups.insert(groups.end(), Group());
    same->push_back(&one);
  }
  for (Group& group : groups) {
    std::sort(group.begin(), group.end(),
              [](const FileDeletes* a, const FileDeletes* b) { return a->file->path < b->file->path; });
  }
  return groups;
}

Status WriteRows(const Group& group, duck::ParquetWriter* writer) {
  static const SchemaPtr schema =
      std::make_shared<Schema>(Schema{{Field{.name = "file_path", .type = MakeType(TypeId::kText)},
                                       Field{.name = "pos", .type = MakeType(TypeId::kInt64)}}});
  BatchBuilder batch(schema);
  int64_t bytes = 0;
  for (const FileDeletes* one : group) {
    std::vector<int64_t> positions;
    one->rows.AppendTo(&positions);
    for (int64_t position : positions) {
      batch.column(0).AppendBytes(one->file->path);
      batch.column(1).Append<int64_t>(position);
      batch.FinishRow();
      bytes += std::ssize(one->file->path) + static_cast<int64_t>(sizeof position);
      if (bytes < kBatchBytes) continue;
      NILUS_TRY(writer->Write(batch.Finish()));
      bytes = 0;
    }
  }
  return batch.num_rows() > 0 ? writer->Write(batch.Finish()) : Status();
}

Result<DataFile> PutPositionDeletes(const DeleteWriterOptions& options, const Group& group,
                                    const duck::WrittenFile& written, const std::string& name) {
  DataFile file;
  file.content = FileContent::kPositionDeletes;
  file.spec_id = group[0]->file->spec_id;
  file.partition = group[0]->file->partition;
  file.file_size = written.bytes;
  const IcebergSchema schema = PositionDeleteSchema();
  NILUS_ASSIGN(ParquetFooter footer, ReadParquetFooter(written.path));
  FillMetrics(footer, schema, {}, &file);
  // Whole paths: readers find the data files that a delete file is about by them.
  for (auto* bounds : {&file.lower_bounds, &file.upper_bounds}) {
    std::erase_if(*bounds, [](const auto& bound) { return bound.first == kFilePathFieldId; });
    bounds->emplace_back(kFilePathFieldId,
                         bounds == &file.lower_bounds ? group.front()->file->path : group.back()->file->path);
    std::sort(bounds->begin(), bounds->end());
  }
  if (group.size() == 1) file.referenced_data_file = group[0]->file->path;
  file.path = options.new_url(options.partition_path(file.spec_id, file.partition), name);
  NILUS_ASSIGN(std::string key, options.store->KeyOf(file.path));
  NILUS_TRY(WithoutDoubt(options.store->PutFile(key, written.path, options.stop)));
  return file;
}

class DeletedRowSet final : public duck::RowSet {
 public:
  explicit DeletedRowSet(RowBitmap deleted) : deleted_(std::move(deleted)) {}
  void FindAbsent(std::span<const int64_t> positions, bool* absent) const override {
    deleted_.FindAbsent(positions, absent);
  }

 private:
  const RowBitmap deleted_;
};

}  // namespace

Result<std::vector<DataFile>> WritePositionDeletes(const DeleteWriterOptions& options,
                                                   const std::vector<FileDeletes>& deletes) {
  NILUS_ASSIGN(PrivateFolder scratch, options.store->MakeScratch());
  std::vector<DataFile> files;
  for (const Group& group : GroupByPartition(deletes)) {
    duck::ParquetOptions parquet;
    parquet.directory = scratch.path();
    parquet.prefix = fmt::format("deletes-{}-", files.size());
    parquet.file_rows = int64_t{1} << 40;  // in order, in one file: but for what memory allows
    parquet.parallel_files = 1;
    parquet.row_group_rows = 122'880;
    parquet.field_ids = {{"file_path", kFilePathFieldId}, {"pos", kPositionFieldId}};
    parquet.stop = options.stop;
    NILUS_ASSIGN(auto writer, duck::ParquetWriter::Open(options.database, std::move(parquet)));
    NILUS_TRY(WriteRows(group, writer.get()));
    NILUS_ASSIGN(std::vector<duck::WrittenFile> written, writer->Finish());
    int64_t missing = 0;
    for (const FileDeletes* one : group) missing += static_cast<int64_t>(one->rows.count());
    for (const duck::WrittenFile& one : written) {
      NILUS_FAULT_POINT("lake.delete_file.before_put");
      const std::string name = fmt::format("{}-deletes-{:05}.parquet", options.name_prefix, files.size() + 1);
      NILUS_ASSIGN(DataFile file, PutPositionDeletes(options, group, one, name));
      missing -= file.record_count;
      files.push_back(std::move(file));
      NILUS_FAULT_POINT("lake.delete_file.put");
    }
    if (missing != 0) return Fail(ErrorKind::kInternal, "{} position deletes are in none of their files", missing);
  }
  return files;
}

Result<std::vector<DataFile>> WriteDeletionVectors(const DeleteWriterOptions& options,
                                                   const std::vector<FileDeletes>& deletes) {
  PuffinWriter puffin;
  std::vector<DataFile> files;
  const std::string url = options.new_url("", fmt::format("{}-deletes.puffin", options.name_prefix));
  for (const FileDeletes& one : deletes) {
    if (one.rows.empty()) continue;
    PuffinBlob blob;
    blob.type = kDeletionVectorBlob;
    blob.fields = {kRowPositionFieldId};
    blob.properties = {{std::string(kReferencedDataFile), one.file->path},
                       {std::string(kCardinality), std::to_string(one.rows.count())}};
    blob = puffin.Add(std::move(blob), EncodeDeletionVector(one.rows));
    DataFile file;
    file.content = FileContent::kPositionDeletes;
    file.format = "puffin";
    file.path = url;
    file.spec_id = one.file->spec_id;
    file.partition = one.file->partition;
    file.record_count = static_cast<int64_t>(one.rows.count());
    file.referenced_data_file = one.file->path;
    file.content_offset = blob.offset;
    file.content_size = blob.length;
    files.push_back(std::move(file));
  }
  if (files.empty()) return files;
  const std::string bytes = puffin.Finish();
  for (DataFile& file : files) file.file_size = static_cast<int64_t>(bytes.size());
  NILUS_FAULT_POINT("lake.delete_file.before_put");
  NILUS_TRY(WithoutDoubt(WriteFile(*options.store, url, bytes, options.stop)));
  NILUS_FAULT_POINT("lake.delete_file.put");
  return files;
}

Status ReadPositionDeletes(duck::Connection& connection, const std::string& local_path,
                           const std::function<std::optional<int64_t>(std::string_view path)>& rows_of,
                           std::stop_token stop, DeletesByPath* deletes) {
  const std::string sql =
      fmt::format("SELECT file_path::VARCHAR, pos::BIGINT FROM read_parquet({}, hive_partitioning = false)",
                  duck::QuotePath(local_path));
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {}, stop));
  std::string last_path;
  std::optional<int64_t> rows;
  RowBitmap* bitmap = nullptr;
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(stop));
    if (!batch) return {};
    const Column& paths = batch->column(0);
    const Column& positions = batch->column(1);
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      if (paths.IsNull(row) || positions.IsNull(row))
        return Fail(ErrorKind::kData, "the position delete file {} holds a NULL", local_path);
      const std::string_view path = paths.BytesValue(row);
      if (path != last_path || (rows && bitmap == nullptr)) {
        last_path = path;
        rows = rows_of(path);
        bitmap = rows ? &(*deletes)[last_path] : nullptr;
      }
      if (bitmap == nullptr) continue;
      const auto position = positions.Value<int64_t>(row);
      if (position < 0 || position >= *rows)
        return Fail(ErrorKind::kData, "the position delete file {} names row {} of a data file with {} rows",
                    local_path, position, *rows);
      bitmap->Add(static_cast<uint64_t>(position));
    }
  }
}

duck::RowFilter MakeLiveRowFilter(std::shared_ptr<duck::Database> database, std::vector<RowBitmap> deleted) {
  std::vector<duck::RowSetPtr> sets;
  sets.reserve(deleted.size());
  for (RowBitmap& rows : deleted) sets.push_back(std::make_shared<DeletedRowSet>(std::move(rows)));
  return {std::move(database), std::move(sets)};
}

Result<RowBitmap> ReadDeletionVector(storage::ObjectStore& store, const DataFile& vector, int64_t rows,
                                     std::stop_token stop) {
  constexpr int64_t kLargestVector = int64_t{1} << 31;
  if (!vector.content_offset || !vector.content_size || *vector.content_size > kLargestVector)
    return Fail(ErrorKind::kData, "the deletion vector in {} has no place in its file", vector.path);
  NILUS_ASSIGN(std::string blob,
               ReadFileRange(store, vector.path, *vector.content_offset, *vector.content_size, std::move(stop)));
  Result<RowBitmap> bitmap = DecodeDeletionVector(blob, static_cast<uint64_t>(std::max<int64_t>(rows, 0)));
  if (!bitmap) return Failure(InContext("reading " + vector.path, std::move(bitmap).error()));
  return bitmap;
}

}  // namespace nilus::lake
