#include "nilus/connectors/lakehouse/row_changes.h"

#include <numeric>
#include <utility>

#include "nilus/base/fault.h"
#include "nilus/connector/source.h"
#include "nilus/data/scalar.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/deletes_file.h"
#include "nilus/lake/scan_filter.h"
#include "nilus/lake/scan_predicate.h"
#include "nilus/lake/scan_relation.h"
#include "nilus/storage/object_store.h"

namespace nilus::lakehouse {
namespace {

using duck::QuoteIdentifier;
using lake::DataFile;
using lake::IcebergField;
using lake::RowBitmap;

constexpr int64_t kDownloadedBytes = int64_t{512} << 20;

Status FindIn(duck::Connection& connection, const lake::ScanPlan& plan, std::vector<size_t> files,
              const std::vector<int32_t>& columns, const std::string& tail, const std::stop_token& stop,
              RowChanges* changes) {
  NILUS_ASSIGN(
      lake::ScanRelation relation,
      lake::ScanRelation::Open(
          connection, {.plan = &plan, .files = std::move(files), .columns = columns, .with_rows = true, .stop = stop}));
  const std::string sql = fmt::format("SELECT t.{} FROM ({}) AS t {}", lake::kRowColumn, relation.sql(), tail);
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {}, stop));
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(stop));
    if (!batch) return {};
    const auto* rows = batch->column(0).values.as<int64_t>();
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      const size_t file = relation.files()[static_cast<size_t>(rows[i] >> lake::kRowBits)];
      changes->Add(file, static_cast<uint64_t>(rows[i] & ((int64_t{1} << lake::kRowBits) - 1)));
    }
  }
}

// A file whose last rows go leaves with the deletes that were about it alone.
void RemoveWhole(const lake::ScanPlan& plan, const lake::ScanFile& file, lake::Transaction* transaction) {
  transaction->RemoveFile(file.entry);
  if (file.vector) transaction->RemoveFile(plan.deletes[*file.vector]);
  for (size_t index : file.position_deletes) {
    if (plan.deletes[index].file.referenced_data_file == file.file().path) transaction->RemoveFile(plan.deletes[index]);
  }
}

}  // namespace

Result<std::vector<size_t>> FilesWithKeys(duck::Connection& connection, const std::vector<std::string>& keys,
                                          const std::string& relation, const std::stop_token& stop,
                                          const lake::ScanPlan& plan, std::vector<size_t> files) {
  for (const std::string& key : keys) {
    if (files.empty()) break;
    const IcebergField* field = plan.schema.FindByName(key);
    const std::string name = QuoteIdentifier(key);
    NILUS_ASSIGN(std::vector<duck::TextRow> ends,
                 connection.Query(fmt::format("SELECT min({}), max({}) FROM {}", name, name, relation), {}, stop));
    if (field == nullptr || ends.empty() || !ends[0][0] || !ends[0][1]) continue;
    const Type type = lake::ToNilusType(field->type);
    NILUS_ASSIGN(lake::RangeFilter filter,
                 lake::MakeRangeFilter(*field, Scalar{type, *ends[0][0]}, Scalar{type, *ends[0][1]}, true,
                                       /*with_nulls=*/false));
    std::erase_if(files, [&](size_t index) {
      const DataFile& file = plan.files[index].file();
      const lake::PartitionSpecPtr spec = plan.table->metadata.FindSpec(file.spec_id);
      return !lake::MayHoldRows({filter}, plan.schema, spec.get(), file);
    });
  }
  return files;
}

Status PruneByKeys(duck::Connection& connection, const std::vector<std::string>& keys, const std::string& relation,
                   const std::stop_token& stop, lake::ScanPlan* plan) {
  NILUS_ASSIGN(const std::vector<size_t> files,
               FilesWithKeys(connection, keys, relation, stop, *plan, AllFiles(*plan)));
  std::vector<lake::ScanFile> kept;
  for (size_t file : files) kept.push_back(std::move(plan->files[file]));
  plan->files = std::move(kept);
  return {};
}

int64_t RowChanges::count() const {
  uint64_t count = 0;
  for (const auto& [file, bitmap] : rows) count += bitmap.count();
  return static_cast<int64_t>(count);
}

std::vector<size_t> AllFiles(const lake::ScanPlan& plan) {
  std::vector<size_t> files(plan.files.size());
  std::iota(files.begin(), files.end(), size_t{0});
  return files;
}

std::vector<std::vector<size_t>> BoundedGroups(const lake::ScanPlan& plan) {
  return BoundedGroups(plan, AllFiles(plan));
}

std::vector<std::vector<size_t>> BoundedGroups(const lake::ScanPlan& plan, const std::vector<size_t>& files) {
  std::vector<std::vector<size_t>> groups;
  int64_t bytes = 0;
  bool is_local = false;
  for (size_t i : files) {
    const DataFile& file = plan.files[i].file();
    if (groups.empty()) {
      Result<std::string> key = plan.table->store->KeyOf(file.path);
      is_local = key && plan.table->store->LocalPath(*key).has_value();
    }
    if (groups.empty() || (!is_local && bytes + file.file_size > kDownloadedBytes)) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(i);
    bytes += file.file_size;
  }
  return groups;
}

Result<RowChanges> FindRows(duck::Connection& connection, const lake::ScanPlan& plan,
                            const std::vector<int32_t>& columns, const std::string& tail, const std::stop_token& stop) {
  RowChanges changes;
  for (std::vector<size_t>& group : BoundedGroups(plan))
    NILUS_TRY(FindIn(connection, plan, std::move(group), columns, tail, stop, &changes));
  return changes;
}

Status DeleteRows(duck::Connection& connection, const lake::ScanPlan& plan, const RowChanges& changes,
                  const std::string& name_prefix, const std::stop_token& stop, lake::Transaction* transaction,
                  std::vector<DataFile>* written) {
  const bool as_vectors = transaction->metadata().format_version >= 3;
  // A vector replaces the one before it, and tells all; a file of position deletes stands beside the others.
  std::vector<size_t> files;
  for (const auto& [file, rows] : changes.rows) {
    if (as_vectors || !changes.live_rows.contains(file)) files.push_back(file);
  }
  lake::LocalFiles local(plan.table->store);
  NILUS_ASSIGN(std::vector<RowBitmap> read, lake::ReadDeletedRows(connection, plan, files, &local, stop));
  std::map<size_t, RowBitmap> earlier;
  for (size_t i = 0; i < files.size(); ++i) earlier[files[i]] = std::move(read[i]);
  std::vector<lake::FileDeletes> deletes;
  for (const auto& [index, fresh] : changes.rows) {
    const lake::ScanFile& file = plan.files[index];
    RowBitmap all = std::move(earlier[index]);
    all.Union(fresh);
    const auto live = changes.live_rows.find(index);
    const bool is_empty = live == changes.live_rows.end()
                              ? static_cast<int64_t>(all.count()) == file.file().record_count
                              : static_cast<int64_t>(fresh.count()) == live->second;
    if (is_empty) {
      RemoveWhole(plan, file, transaction);
      continue;
    }
    if (as_vectors && file.vector) transaction->RemoveFile(plan.deletes[*file.vector]);
    if (!as_vectors) all = fresh;  // earlier delete files stay
    deletes.push_back({.file = &file.file(), .rows = std::move(all)});
  }
  const lake::TableMetadata& metadata = transaction->metadata();
  const lake::DeleteWriterOptions options{
      .database = connection.database(),
      .store = transaction->store(),
      .new_url = [&](std::string_view path, std::string_view name) { return transaction->NewDataFileUrl(path, name); },
      .name_prefix = name_prefix,
      .partition_path =
          [&](int32_t spec_id, const std::vector<lake::Literal>& partition) {
            const lake::PartitionSpecPtr spec = metadata.FindSpec(spec_id);
            return spec == nullptr ? std::string() : lake::PartitionPath(*spec, metadata.schema(), partition);
          },
      .stop = stop};
  NILUS_ASSIGN(std::vector<DataFile> delete_files, as_vectors ? lake::WriteDeletionVectors(options, deletes)
                                                              : lake::WritePositionDeletes(options, deletes));
  NILUS_FAULT_POINT("lakehouse.sink.deletes_written");
  for (const DataFile& file : delete_files) {
    written->push_back(file);
    transaction->AddDeleteFile(file);
  }
  return {};
}

}  // namespace nilus::lakehouse
