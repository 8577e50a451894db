#include "nilus/lake/compaction.h"

#include <algorithm>
#include <map>
#include <set>

#include "nilus/base/clock.h"
#include "nilus/base/fault.h"
#include "nilus/base/log.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/data_writer.h"
#include "nilus/lake/scan_relation.h"
#include "nilus/lake/transaction.h"

namespace nilus::lake {
namespace {

constexpr const char* kRowIdColumn = "_row_id";
constexpr const char* kLastUpdatedColumn = "_last_updated_sequence_number";

// Deleted rows of a file as far as manifests tell: vectors and position deletes of this file alone.
int64_t KnownDeletedRows(const ScanPlan& plan, const ScanFile& file) {
  int64_t rows = 0;
  if (file.vector) rows += plan.deletes[*file.vector].file.record_count;
  for (const size_t index : file.position_deletes) {
    const DataFile& deletes = plan.deletes[index].file;
    if (deletes.referenced_data_file == file.file().path) rows += deletes.record_count;
  }
  return rows;
}

// Worth writing anew by itself, however large.
bool IsWorn(const ScanPlan& plan, const ScanFile& file, const CompactionOptions& options, int32_t spec_id) {
  if (options.all) return file.has_deletes() || file.file().spec_id != spec_id;
  if (!file.equality_deletes.empty()) return true;  // others wrote them: every reader pays for them
  return KnownDeletedRows(plan, file) * 100 >=
             std::max<int64_t>(1, file.file().record_count) * options.deleted_percent &&
         file.has_deletes();
}

struct PartitionKey {
  int32_t spec_id;
  std::vector<Literal> tuple;
  bool operator<(const PartitionKey& other) const {
    if (spec_id != other.spec_id) return spec_id < other.spec_id;
    for (size_t i = 0; i < std::min(tuple.size(), other.tuple.size()); ++i) {
      const auto order = CompareLiterals(tuple[i], other.tuple[i]);
      if (order != 0) return order < 0;
    }
    return tuple.size() < other.tuple.size();
  }
};

}  // namespace

std::vector<CompactionGroup> PlanCompaction(const ScanPlan& plan, const TableMetadata& metadata,
                                            const CompactionOptions& options) {
  std::map<PartitionKey, std::vector<size_t>> partitions;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    const DataFile& file = plan.files[i].file();
    partitions[PartitionKey{file.spec_id, file.partition}].push_back(i);
  }
  std::vector<CompactionGroup> groups;
  for (const auto& [key, files] : partitions) {
    std::vector<size_t> chosen;
    int64_t small = 0;
    for (const size_t index : files) {
      const bool is_small = plan.files[index].file().file_size < options.target_bytes * 3 / 4;
      small += is_small ? 1 : 0;
      if (is_small || IsWorn(plan, plan.files[index], options, metadata.default_spec_id)) chosen.push_back(index);
    }
    // Small files alone are worth it when there are enough of them.
    if (small < options.min_files && !(options.all && small > 1)) {
      std::erase_if(chosen,
                    [&](size_t index) { return !IsWorn(plan, plan.files[index], options, metadata.default_spec_id); });
    }
    CompactionGroup group;
    for (const size_t index : chosen) {
      group.files.push_back(index);
      group.bytes += plan.files[index].file().file_size;
      if (group.bytes >= options.group_bytes) {
        groups.push_back(std::move(group));
        group = {};
      }
    }
    if (!group.files.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

namespace {

// One group's rewriting.
class Rewriting {
 public:
  Rewriting(const TablePtr& table, const ScanPlan& plan, const CompactionGroup& group, const CompactionOptions& options)
      : table_(table), plan_(plan), group_(group), options_(options), change_(table) {}

  Result<CommitOutcome> Run(CompactionReport* report, const std::stop_token& stop) {
    NILUS_ASSIGN(std::vector<DataFile> written, Write(report, stop));
    const Status passed = AfterWriting();
    if (!passed) {
      RemoveFiles(*table_->store, written);
      return Failure(passed.error());
    }
    for (const size_t index : group_.files) change_.RemoveFile(plan_.files[index].entry);
    const std::vector<const ManifestEntry*> deletes = DoneDeletes();
    for (const ManifestEntry* entry : deletes) change_.RemoveFile(*entry);
    for (const DataFile& file : written) change_.AddDataFile(file);
    // Deletes committed from now on must go on applying to these rows, and those applied here must not again.
    change_.MarkRewrite(table_->metadata.last_sequence_number);
    change_.SetIsolation(Isolation::kFiles);
    Result<CommitOutcome> outcome = change_.Commit(stop);
    if (!outcome) {
      // Of an unknown outcome the files may be in the table.
      if (outcome.error().kind != ErrorKind::kUnknownOutcome) RemoveFiles(*table_->store, written);
      return outcome;
    }
    report->files_before += static_cast<int64_t>(group_.files.size());
    report->files_after += static_cast<int64_t>(written.size());
    report->delete_files_removed += static_cast<int64_t>(deletes.size());
    for (const DataFile& file : written) {
      report->rows += file.record_count;
      report->bytes_after += file.file_size;
    }
    report->bytes_before += group_.bytes;
    return outcome;
  }

 private:
  static Status AfterWriting() {
    NILUS_FAULT_POINT("lake.compact.written");
    return {};
  }

  bool keeps_lineage() const { return table_->metadata.format_version >= 3; }

  // The columns that are written: in v3 those of row lineage too.
  Result<IcebergSchema> WrittenSchema() const {
    IcebergSchema schema = plan_.schema;
    if (!keeps_lineage()) return schema;
    for (const auto& [name, id] :
         {std::pair{kRowIdColumn, kRowIdFieldId}, std::pair{kLastUpdatedColumn, kLastUpdatedFieldId}}) {
      if (schema.FindByName(name) != nullptr) {
        return Fail(ErrorKind::kUnsupported, "table {}: column {} bears the name of a column of row lineage",
                    table_->identifier.ToString(), name);
      }
      IcebergField field;
      field.id = id;
      field.name = name;
      field.type = MakeIcebergType(TypeKind::kLong);
      schema.fields.push_back(std::move(field));
    }
    return schema;
  }

  // A row that has no id of its own has its file's first one plus its place; the number of its last update is the
  // file's.
  std::string Sql(const ScanRelation& relation, const IcebergSchema& schema, const ScanPlan& plan) const {
    if (!keeps_lineage()) return relation.sql();
    std::string first_ids;
    std::string numbers;
    for (const size_t index : relation.files()) {
      const ManifestEntry& entry = plan.files[index].entry;
      if (!first_ids.empty()) {
        first_ids += ",";
        numbers += ",";
      }
      first_ids += entry.file.first_row_id ? fmt::format("{}", *entry.file.first_row_id) : "NULL";
      numbers += fmt::format("{}", entry.sequence_number);
    }
    std::vector<std::string> columns;
    for (const IcebergField& field : schema.fields) {
      const std::string name = duck::QuoteIdentifier(field.name);
      const std::string file = fmt::format("(t.{} >> {}) + 1", kRowColumn, kRowBits);
      if (field.id == kRowIdFieldId) {
        columns.push_back(fmt::format("coalesce(t.{0}, ([{1}]::BIGINT[])[{2}] + (t.{3} & {4})) AS {0}", name, first_ids,
                                      file, kRowColumn, (int64_t{1} << kRowBits) - 1));
      } else if (field.id == kLastUpdatedFieldId) {
        columns.push_back(fmt::format("coalesce(t.{0}, ([{1}]::BIGINT[])[{2}]) AS {0}", name, numbers, file));
      } else {
        columns.push_back("t." + name);
      }
    }
    return fmt::format("SELECT {} FROM ({}) AS t", fmt::join(columns, ", "), relation.sql());
  }

  Result<std::vector<DataFile>> Write(CompactionReport* report, const std::stop_token& stop) {
    static_cast<void>(report);
    NILUS_ASSIGN(const IcebergSchema schema, WrittenSchema());
    ScanPlan plan = plan_;
    plan.schema = schema;
    NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(options_.database));
    std::vector<int32_t> columns;
    for (const IcebergField& field : schema.fields) columns.push_back(field.id);
    NILUS_ASSIGN(
        ScanRelation relation,
        ScanRelation::Open(
            connection,
            {.plan = &plan, .files = group_.files, .columns = columns, .with_rows = keeps_lineage(), .stop = stop}));
    NILUS_ASSIGN(std::unique_ptr<DataWriter> writer, OpenWriter(schema, stop));
    duck::QueryReaderOptions reading;
    reading.keep_narrow = true;
    NILUS_ASSIGN(std::unique_ptr<duck::QueryReader> reader,
                 duck::QueryReader::Open(connection, Sql(relation, schema, plan), {}, reading, stop));
    for (;;) {
      NILUS_ASSIGN(const std::optional<RecordBatch> rows, reader->Next(stop));
      if (!rows) break;
      NILUS_TRY(writer->Write(*rows));
    }
    return writer->Finish();
  }

  Result<std::unique_ptr<DataWriter>> OpenWriter(const IcebergSchema& schema, const std::stop_token& stop) {
    const TableMetadata& metadata = change_.metadata();
    DataWriterOptions writing;
    writing.database = options_.database;
    writing.store = table_->store;
    writing.new_url = [this](std::string_view partition, std::string_view name) {
      return change_.NewDataFileUrl(partition, name);
    };
    writing.name_prefix = "compacted-" + NewId();
    writing.table = table_->identifier.ToString();
    writing.schema = schema;
    writing.spec = metadata.spec();
    for (const SortField& field : metadata.sort_order().fields) {
      const IcebergField* column = schema.FindById(field.source_id);
      if (column == nullptr || field.transform.kind != Transform::Kind::kIdentity || field.descending) break;
      writing.sort_by.push_back(column->name);
    }
    if (writing.sort_by.size() == metadata.sort_order().fields.size()) {
      writing.sort_order_id = metadata.default_sort_order_id;
    }
    // Rows a file: as many as the target takes at the density of the files that are rewritten.
    int64_t rows = 0;
    for (const size_t index : group_.files) rows += plan_.files[index].file().record_count;
    const int64_t row_bytes = std::max<int64_t>(1, group_.bytes / std::max<int64_t>(1, rows));
    writing.file_rows = std::max<int64_t>(10'000, options_.target_bytes / row_bytes);
    writing.parallel_files = options_.threads;
    writing.stop = stop;
    return DataWriter::Open(std::move(writing));
  }

  // Delete files that apply to no other data file than those rewritten.
  std::vector<const ManifestEntry*> DoneDeletes() const {
    const std::set<size_t> rewritten(group_.files.begin(), group_.files.end());
    std::vector<bool> is_used(plan_.deletes.size(), false);
    std::vector<bool> is_needed(plan_.deletes.size(), false);
    for (size_t i = 0; i < plan_.files.size(); ++i) {
      const ScanFile& file = plan_.files[i];
      std::vector<bool>& marks = rewritten.contains(i) ? is_used : is_needed;
      if (file.vector) marks[*file.vector] = true;
      for (const size_t index : file.position_deletes) marks[index] = true;
      for (const size_t index : file.equality_deletes) marks[index] = true;
    }
    std::vector<const ManifestEntry*> done;
    for (size_t i = 0; i < plan_.deletes.size(); ++i) {
      if (is_used[i] && !is_needed[i]) done.push_back(&plan_.deletes[i]);
    }
    return done;
  }

  TablePtr table_;
  const ScanPlan& plan_;
  const CompactionGroup& group_;
  const CompactionOptions& options_;
  Transaction change_;
};

}  // namespace

Result<CompactionReport> Compact(TablePtr table, const CompactionOptions& options, std::stop_token stop) {
  CompactionReport report;
  NILUS_ASSIGN(const ScanPlan plan,
               PlanScan(table, table->metadata.current_snapshot(), table->metadata.schema(), {}, stop));
  const std::vector<CompactionGroup> groups = PlanCompaction(plan, table->metadata, options);
  report.table = table;
  int64_t bytes = 0;
  for (const CompactionGroup& group : groups) {
    if (bytes >= options.most_bytes) break;
    bytes += group.bytes;
    ++report.groups;
    if (options.dry_run) {
      report.files_before += static_cast<int64_t>(group.files.size());
      report.bytes_before += group.bytes;
      continue;
    }
    Rewriting rewriting(table, plan, group, options);
    Result<CommitOutcome> outcome = rewriting.Run(&report, stop);
    if (outcome) {
      report.table = std::move(outcome->table);
    } else if (outcome.error().kind == ErrorKind::kConflict) {
      --report.groups;
      ++report.skipped;
      LogInfo("compaction of {} leaves a group of files: {}", table->identifier.ToString(), outcome.error().message);
    } else {
      return Failure(std::move(outcome).error());
    }
  }
  return report;
}

}  // namespace nilus::lake
