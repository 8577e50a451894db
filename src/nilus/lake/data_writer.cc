#include "nilus/lake/data_writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "nilus/base/log.h"
#include "nilus/data/builder.h"
#include "nilus/data/take.h"
#include "nilus/duck/parquet_writer.h"
#include "nilus/duck/query_reader.h"
#include "nilus/duck/quote.h"
#include "nilus/lake/data_convert.h"
#include "nilus/lake/data_keeper.h"
#include "nilus/lake/data_partition.h"
#include "nilus/storage/object_store.h"

namespace nilus::lake {
namespace {

constexpr int64_t kPartitionRowGroupBytes = 8 << 20;  // of each partition, where several are being written
constexpr int kMostOpenPartitions = 16;
constexpr const char* kPartitionColumn = "_nilus_partition";  // of waiting rows

duck::ParquetFieldIds IdsOf(const IcebergSchema& schema) {
  duck::ParquetFieldIds ids;
  for (const IcebergField& field : schema.fields) ids[field.name] = field.id;
  return ids;
}

// Other engines' writers name a file's columns so, and some readers look there for what is in it.
duck::ParquetKeyValues KeyValuesOf(const IcebergSchema& schema) {
  return [schema](const Schema& columns) -> std::map<std::string, std::string> {
    IcebergSchema written{.schema_id = schema.schema_id};
    for (const Field& column : columns.fields) {
      if (const IcebergField* field = schema.FindByName(column.name)) written.fields.push_back(*field);
    }
    return {{"iceberg.schema", SchemaToJson(written)}};
  };
}

// The rows with one more column that holds the number of their partition.
RecordBatch WithPartition(const RecordBatch& rows, int partition) {
  auto schema = std::make_shared<Schema>(*rows.schema());
  schema->fields.push_back(Field{.name = kPartitionColumn, .type = MakeType(TypeId::kInt64)});
  ColumnBuilder numbers(MakeType(TypeId::kInt64));
  for (int64_t row = 0; row < rows.num_rows(); ++row) numbers.Append<int64_t>(partition);
  std::vector<Column> columns = rows.columns();
  columns.push_back(numbers.Finish());
  return RecordBatch(std::move(schema), std::move(columns), rows.num_rows());
}

Status CheckRequired(const IcebergSchema& schema, const RecordBatch& rows, const std::string& table) {
  for (const IcebergField& field : schema.fields) {
    if (!field.required) continue;
    const std::optional<int> at = rows.schema()->Find(field.name);
    const int64_t nulls = at ? rows.column(*at).null_count : rows.num_rows();
    if (nulls == 0) continue;
    return FailWithFix(ErrorKind::kData,
                       "mend the rows at the source, make the column optional in the table, or (unless the table's "
                       "rows are identified by it) load with schema_contract evolve",
                       "{} rows of table {} {} column `{}`, which is required there", nulls, table,
                       at ? "have NULL in" : "lack", field.name);
  }
  return {};
}

}  // namespace

struct DataWriter::State {
  explicit State(DataWriterOptions given)
      : options(std::move(given)),
        converter(options.schema, options.table, /*with_defaults=*/true),
        partitioner(options.spec),
        keeper(options.store, options.stop) {}

  bool is_partitioned() const { return !options.spec.fields.empty(); }
  duck::ParquetOptions FileOptions(int partition) const;
  Result<duck::ParquetWriter*> WriterOf(int partition);
  Status WriteRows(int partition, const RecordBatch& rows);
  Status Wait(int partition, const RecordBatch& rows);
  Status WriteWaiting();
  Status Close(int partition);
  Status Store(int partition, std::vector<duck::WrittenFile> written);

  DataWriterOptions options;
  BatchConverter converter;
  Partitioner partitioner;
  PrivateFolder scratch;
  std::map<int, std::unique_ptr<duck::ParquetWriter>> writers;  // by partition; 0 of an unpartitioned table
  std::unique_ptr<duck::ParquetWriter> waiting;                 // rows of partitions beyond the open ones
  bool is_draining = false;                                     // waiting rows come back, partition by partition
  int64_t next_number = 0;
  int64_t next_writer = 0;
  FileKeeper keeper;
};

duck::ParquetOptions DataWriter::State::FileOptions(int partition) const {
  duck::ParquetOptions file;
  file.directory = scratch.path();
  file.prefix = fmt::format("{}-{}-", partition, next_writer);
  file.file_rows = options.file_rows;
  file.file_bytes = options.file_bytes;
  file.queue_bytes = options.queue_bytes;
  file.field_ids = IdsOf(options.schema);
  file.order_by = options.sort_by;
  file.count_nans = true;
  file.key_values = KeyValuesOf(options.schema);
  file.parallel_files = is_partitioned() ? 1 : options.parallel_files;
  file.row_group_bytes = is_partitioned() && !is_draining ? std::min(options.row_group_bytes, kPartitionRowGroupBytes)
                                                          : options.row_group_bytes;
  file.stop = options.stop;
  return file;
}

Result<duck::ParquetWriter*> DataWriter::State::WriterOf(int partition) {
  std::unique_ptr<duck::ParquetWriter>& writer = writers[partition];
  if (writer == nullptr) {
    ++next_writer;
    auto opened = duck::ParquetWriter::Open(options.database, FileOptions(partition));
    if (!opened) {
      writers.erase(partition);
      return Failure(std::move(opened).error());
    }
    writer = *std::move(opened);
  }
  return writer.get();
}

Status DataWriter::State::WriteRows(int partition, const RecordBatch& rows) {
  const bool is_open = writers.contains(partition);
  if (!is_open && !is_draining && static_cast<int>(writers.size()) >= options.open_partitions) {
    return Wait(partition, rows);
  }
  NILUS_ASSIGN(duck::ParquetWriter * writer, WriterOf(partition));
  NILUS_TRY(writer->Write(rows));
  return Store(partition, writer->TakeWritten());
}

Status DataWriter::State::Wait(int partition, const RecordBatch& rows) {
  constexpr int64_t kWaitingFileRows = 1'000'000;
  if (waiting == nullptr) {
    duck::ParquetOptions file;
    file.directory = scratch.path();
    file.prefix = "waiting-";
    file.compression = duck::ParquetCompression::kSnappy;
    file.file_rows = kWaitingFileRows;
    file.queue_bytes = options.queue_bytes;
    file.parallel_files = 1;
    file.row_group_bytes = kPartitionRowGroupBytes;
    file.stop = options.stop;
    NILUS_ASSIGN(waiting, duck::ParquetWriter::Open(options.database, std::move(file)));
  }
  return waiting->Write(WithPartition(rows, partition));
}

// Hands complete files of a partition on to the thread that brings them to the store.
Status DataWriter::State::Store(int partition, std::vector<duck::WrittenFile> written) {
  for (duck::WrittenFile& one : written) {
    DataFile file;
    file.spec_id = options.spec.spec_id;
    if (is_partitioned()) file.partition = partitioner.tuple(partition);
    file.sort_order_id = options.sort_order_id;
    const std::string name = fmt::format("{}-{:05}.parquet", options.name_prefix, ++next_number);
    file.path = options.new_url(PartitionPath(options.spec, options.schema, file.partition), name);
    NILUS_TRY(keeper.Add(std::move(one), std::move(file), options.schema));
  }
  return {};
}

Status DataWriter::State::Close(int partition) {
  auto at = writers.find(partition);
  if (at == writers.end()) return {};
  NILUS_ASSIGN(std::vector<duck::WrittenFile> written, at->second->Finish());
  writers.erase(at);
  return Store(partition, std::move(written));
}

// Rows that waited come back sorted by partition, so that one partition is open at a time.
Status DataWriter::State::WriteWaiting() {
  if (waiting == nullptr) return {};
  NILUS_ASSIGN(std::vector<duck::WrittenFile> written, waiting->Finish());
  waiting.reset();
  is_draining = true;
  std::vector<std::string> paths;
  for (const duck::WrittenFile& file : written) paths.push_back(duck::QuotePath(file.path));
  const std::string sql = fmt::format("SELECT * FROM read_parquet([{}], union_by_name = true) ORDER BY {}",
                                      fmt::join(paths, ", "), kPartitionColumn);
  NILUS_ASSIGN(duck::Connection connection, duck::Connection::Open(options.database));
  NILUS_ASSIGN(auto reader, duck::QueryReader::Open(connection, sql, {}, {.keep_narrow = true}, options.stop));
  int open = -1;
  for (;;) {
    NILUS_ASSIGN(std::optional<RecordBatch> batch, reader->Next(options.stop));
    if (!batch) break;
    const int at = batch->schema()->Find(kPartitionColumn).value_or(0);
    auto schema = std::make_shared<Schema>(*batch->schema());
    schema->fields.erase(schema->fields.begin() + at);
    std::vector<int> indexes;
    for (int i = 0; i < batch->schema()->size(); ++i) {
      if (i != at) indexes.push_back(i);
    }
    const RecordBatch rows = batch->Select(std::move(schema), indexes);
    const auto* numbers = batch->column(at).values.as<int64_t>();
    for (int64_t row = 0; row < batch->num_rows();) {
      int64_t end = row;
      std::vector<int32_t> same;
      while (end < batch->num_rows() && numbers[end] == numbers[row]) same.push_back(static_cast<int32_t>(end++));
      const auto partition = static_cast<int>(numbers[row]);
      if (partition != open && open >= 0) NILUS_TRY(Close(open));
      open = partition;
      NILUS_TRY(WriteRows(partition, end - row == batch->num_rows() ? rows : TakeRows(rows, same)));
      row = end;
    }
  }
  return open >= 0 ? Close(open) : Status();
}

DataWriter::DataWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
DataWriter::~DataWriter() = default;

Result<std::unique_ptr<DataWriter>> DataWriter::Open(DataWriterOptions options) {
  if (options.open_partitions <= 0) {
    // A partition being written holds a row group twice, as DuckDB collects it and as pages.
    const int64_t by_memory = options.database->config().memory_bytes / (4 * kPartitionRowGroupBytes);
    options.open_partitions = static_cast<int>(std::clamp<int64_t>(by_memory, 1, kMostOpenPartitions));
  }
  auto state = std::make_unique<State>(std::move(options));
  NILUS_ASSIGN(state->scratch, state->options.store->MakeScratch());
  return std::unique_ptr<DataWriter>(new DataWriter(std::move(state)));
}

void DataWriter::SetSchema(IcebergSchema schema) {
  for (const auto& [partition, writer] : state_->writers) writer->SetColumns(IdsOf(schema), KeyValuesOf(schema));
  state_->converter = BatchConverter(schema, state_->options.table, /*with_defaults=*/true);
  state_->options.schema = std::move(schema);
}

Status DataWriter::Write(const RecordBatch& batch) {
  State& state = *state_;
  NILUS_ASSIGN(RecordBatch rows, state.converter.Convert(batch));
  if (state.options.refuse_nulls) NILUS_TRY(CheckRequired(state.options.schema, rows, state.options.table));
  if (!state.is_partitioned()) return state.WriteRows(0, rows);
  NILUS_ASSIGN(std::vector<PartitionRows> slices, state.partitioner.Split(state.options.schema, rows));
  for (const PartitionRows& slice : slices) NILUS_TRY(state.WriteRows(slice.partition, slice.rows));
  return {};
}

Result<std::vector<DataFile>> DataWriter::Finish() {
  State& state = *state_;
  while (!state.writers.empty()) NILUS_TRY(state.Close(state.writers.begin()->first));
  NILUS_TRY(state.WriteWaiting());
  return state.keeper.Finish();
}

void RemoveFiles(storage::ObjectStore& store, std::span<const DataFile> files) {
  std::vector<std::string> keys;
  for (const DataFile& file : files) {
    if (Result<std::string> key = store.KeyOf(file.path)) keys.push_back(*std::move(key));
  }
  if (keys.empty()) return;
  Status removed = store.Delete(std::span<const std::string>(keys));
  if (!removed) LogWarning("files that are not needed stay behind: {}", removed.error().ToString());
}

}  // namespace nilus::lake
