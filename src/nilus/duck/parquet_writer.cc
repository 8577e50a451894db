#include "nilus/duck/parquet_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <deque>
#include <utility>

#include "nilus/duck/batch_stream.h"
#include "nilus/duck/quote.h"

namespace nilus::duck {
namespace {

const char* CompressionName(ParquetCompression compression) {
  switch (compression) {
    case ParquetCompression::kNone:
      return "uncompressed";
    case ParquetCompression::kSnappy:
      return "snappy";
    case ParquetCompression::kZstd:
      return "zstd";
  }
  return "zstd";
}

Result<int64_t> SyncFile(const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  bool good = file >= 0 && fsync(file) == 0 && fstat(file, &status) == 0;
  int code = errno;
  if (file >= 0) close(file);
  if (!good) {
    return Fail(code == ENOSPC || code == EDQUOT ? ErrorKind::kExhausted : ErrorKind::kTransient,
                "{} could not be made durable: {}", path, std::strerror(code));
  }
  return int64_t{status.st_size};
}

// A file and the COPY that writes it.
struct OpenFile {
  WrittenFile file;
  std::unique_ptr<Connection> connection;  // outlives the stream
  std::unique_ptr<BatchStream> stream;
  bool keeps_negative_zero = false;
  int64_t memory_bytes = 0;  // of the batches it has got
};

template <typename Bits>
bool HasValue(const Column& column, Bits bits) {
  const Bits* values = column.values.as<Bits>();
  return std::find(values, values + column.length, bits) != values + column.length;
}

// DuckDB's Parquet dictionaries know one zero, so -0.0 comes back as 0.0 where both are in a row group. A file that
// shall hold a -0.0 is written without dictionaries.
bool HasNegativeZero(const RecordBatch& batch) {
  return std::any_of(batch.columns().begin(), batch.columns().end(), [](const Column& column) {
    if (column.type.id == TypeId::kFloat64) return HasValue(column, uint64_t{1} << 63);
    return column.type.id == TypeId::kFloat32 && HasValue(column, uint32_t{1} << 31);
  });
}

template <typename Float>
int64_t CountNans(const Column& column, int64_t from, int64_t count) {
  const Float* values = column.values.as<Float>();
  int64_t nans = 0;
  for (int64_t row = from; row < from + count; ++row) nans += std::isnan(values[row]) && !column.IsNull(row) ? 1 : 0;
  return nans;
}

void AddNans(const RecordBatch& batch, int64_t from, int64_t count, WrittenFile* file) {
  for (size_t i = 0; i < batch.columns().size(); ++i) {
    const Column& column = batch.columns()[i];
    if (column.type.id == TypeId::kFloat64) {
      file->nan_counts[batch.schema()->fields[i].name] += CountNans<double>(column, from, count);
    } else if (column.type.id == TypeId::kFloat32) {
      file->nan_counts[batch.schema()->fields[i].name] += CountNans<float>(column, from, count);
    }
  }
}

// ", FIELD_IDS {"a": 1, "b": 2}" for those of the schema's columns that have one.
std::string FieldIdsOption(const ParquetOptions& options, const Schema& schema) {
  std::vector<std::string> ids;
  for (const Field& field : schema.fields) {
    auto at = options.field_ids.find(field.name);
    if (at != options.field_ids.end()) ids.push_back(fmt::format("{}: {}", QuoteIdentifier(field.name), at->second));
  }
  return ids.empty() ? "" : fmt::format(", FIELD_IDS {{{}}}", fmt::join(ids, ", "));
}

std::string KeyValueOption(const ParquetOptions& options, const Schema& schema) {
  if (!options.key_values) return "";
  std::vector<std::string> pairs;
  for (const auto& [key, value] : options.key_values(schema))
    pairs.push_back(fmt::format("{}: {}", QuoteIdentifier(key), QuoteLiteral(value)));
  return pairs.empty() ? "" : fmt::format(", KV_METADATA {{{}}}", fmt::join(pairs, ", "));
}

// For every column at once DuckDB holds a table of the dictionary's values and, of text, a page of them: by default
// some 3 MiB each, gigabytes for 1,000 columns. Both shrink as there are more columns than memory. A column with more
// different values than a sixteenth of its rows gains no room by a dictionary and costs time until it is given up.
std::string DictionaryOptions(const ParquetOptions& options, const Schema& schema, int64_t memory_bytes,
                              bool keeps_negative_zero) {
  constexpr int64_t kEntryBytes = 64;
  constexpr int64_t kDefaultPageBytes = 1 << 20;
  constexpr int64_t kLeastPageBytes = 8 << 10;
  constexpr int64_t kLeastEntries = 64;
  constexpr int64_t kShare = 4;
  const int64_t column_bytes = memory_bytes / (kShare * std::max<int64_t>(schema.size(), 1));
  const int64_t most_entries = options.row_group_rows / 16;
  const int64_t entries = std::max(std::min(column_bytes / kEntryBytes, most_entries), kLeastEntries);
  std::string text = fmt::format(", DICTIONARY_SIZE_LIMIT {}", keeps_negative_zero ? 1 : entries);
  const int64_t page_bytes = std::max(column_bytes / 2, kLeastPageBytes);
  if (page_bytes < kDefaultPageBytes) text += fmt::format(", STRING_DICTIONARY_PAGE_SIZE_LIMIT {}", page_bytes);
  return text;
}

// What DuckDB counts of a row group before it has any row: it collects rows in vectors of 2,048 values, whose room is
// taken for every column at once. Without it a row group of 1,000 columns would end with the first batch.
int64_t VectorBytes(const Schema& schema) {
  constexpr int64_t kVectorRows = 2048;
  constexpr int64_t kTextBytes = 16;  // what stands in the vector of a text
  int64_t row_bytes = 0;
  for (const Field& field : schema.fields)
    row_bytes += HasOffsets(field.type.id) ? kTextBytes : std::max(FixedWidth(field.type.id), 1);
  return kVectorRows * row_bytes + kVectorRows / 8 * schema.size();
}

std::string OrderClause(const ParquetOptions& options, const Schema& schema) {
  std::vector<std::string> columns;
  for (const std::string& name : options.order_by) {
    if (schema.Find(name)) columns.push_back(QuoteIdentifier(name) + " NULLS FIRST");
  }
  return columns.empty() ? "" : fmt::format(" ORDER BY {}", fmt::join(columns, ", "));
}

}  // namespace

struct ParquetWriter::State {
  std::shared_ptr<Database> database;
  ParquetOptions options;
  int64_t files_started = 0;
  std::deque<OpenFile> closing;  // have got all their rows, oldest first
  std::optional<OpenFile> current;
  std::vector<WrittenFile> written;
  bool finished = false;
  int64_t memory_bytes = 0;  // DuckDB's memory_limit now

  int64_t NeededBy(int64_t batch_bytes) const;
  Status MakeRoomFor(const Schema& schema);
  Status RaiseMemoryTo(int64_t needed);
  std::string CopyStatement(const std::string& relation, const Schema& schema, const OpenFile& file) const;
  Status StartFile(const SchemaPtr& schema, bool keeps_negative_zero);
  Status CloseCurrent();
  Status SettleOldest();
  Status SettleAll();
  ~State();
};

std::string ParquetWriter::State::CopyStatement(const std::string& relation, const Schema& schema,
                                                const OpenFile& file) const {
  std::string level =
      options.compression == ParquetCompression::kZstd ? fmt::format(", COMPRESSION_LEVEL {}", options.zstd_level) : "";
  return fmt::format(
      "COPY (SELECT * FROM {}{}) TO {} (FORMAT parquet, COMPRESSION {}{}, ROW_GROUP_SIZE {}, ROW_GROUP_SIZE_BYTES {}, "
      "USE_TMP_FILE false{}{}{})",
      relation, OrderClause(options, schema), QuoteLiteral(file.file.path), CompressionName(options.compression), level,
      options.row_group_rows, options.row_group_bytes + VectorBytes(schema),
      DictionaryOptions(options, schema, database->config().memory_bytes, file.keeps_negative_zero),
      FieldIdsOption(options, schema), KeyValueOption(options, schema));
}

// The limit under which the batch passes beside half of what there is at first.
int64_t ParquetWriter::State::NeededBy(int64_t batch_bytes) const {
  constexpr int64_t kCopies = 4;  // as collected, as a page whose buffer grew by doubling, as a compressed page
  return database->config().memory_bytes / 2 + kCopies * batch_bytes;
}

// The limit of the database gives way to very many columns: of each, the values of two vectors of 2,048 rows and the
// page are there at least.
Status ParquetWriter::State::MakeRoomFor(const Schema& schema) {
  constexpr int64_t kColumnBytes = 160 << 10;
  constexpr int64_t kOtherBytes = 32 << 20;
  const int64_t twice = 2 * database->config().memory_bytes;
  return RaiseMemoryTo(std::min(schema.size() * kColumnBytes + kOtherBytes, twice));
}

Status ParquetWriter::State::RaiseMemoryTo(int64_t needed) {
  if (needed <= memory_bytes) return {};
  NILUS_ASSIGN(Connection connection, Connection::Open(database));
  NILUS_TRY(connection.Execute(fmt::format("SET memory_limit = '{}B'", needed)));
  memory_bytes = needed;
  return {};
}

Status ParquetWriter::State::StartFile(const SchemaPtr& schema, bool keeps_negative_zero) {
  NILUS_TRY(MakeRoomFor(*schema));
  OpenFile next;
  next.keeps_negative_zero = keeps_negative_zero;
  next.file.path = fmt::format("{}/{}{:05}.parquet", options.directory, options.prefix, ++files_started);
  NILUS_ASSIGN(Connection connection, Connection::Open(database));
  next.connection = std::make_unique<Connection>(std::move(connection));
  BatchStreamOptions stream{.schema = schema,
                            .queue_bytes = options.queue_bytes,
                            .single_thread = options.file_rows > 0,
                            .stop = options.stop};
  NILUS_ASSIGN(next.stream, BatchStream::Start(
                                *next.connection,
                                [&](const std::string& relation) { return CopyStatement(relation, *schema, next); },
                                std::move(stream)));
  current = std::move(next);
  return {};
}

// The current file has all its rows. Waits until there is room for the next one beside those still being compressed.
Status ParquetWriter::State::CloseCurrent() {
  if (!current) return {};
  current->stream->CloseInput();
  closing.push_back(*std::move(current));
  current.reset();
  while (static_cast<int>(closing.size()) >= options.parallel_files) NILUS_TRY(SettleOldest());
  return {};
}

Status ParquetWriter::State::SettleAll() {
  NILUS_TRY(CloseCurrent());
  while (!closing.empty()) NILUS_TRY(SettleOldest());
  return {};
}

Status ParquetWriter::State::SettleOldest() {
  Result<std::vector<TextRow>> outcome = closing.front().stream->Finish();
  if (!outcome) return Failure(InContext("writing " + closing.front().file.path, std::move(outcome).error()));
  written.push_back(closing.front().file);
  closing.pop_front();
  return {};
}

ParquetWriter::State::~State() {
  if (finished) return;
  std::vector<std::string> paths;
  for (const WrittenFile& file : written) paths.push_back(file.path);
  for (const OpenFile& file : closing) paths.push_back(file.file.path);
  if (current) paths.push_back(current->file.path);
  current.reset();  // ends the statements before their files go
  closing.clear();
  for (const std::string& path : paths) unlink(path.c_str());
}

ParquetWriter::ParquetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetWriter::~ParquetWriter() = default;

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::Open(std::shared_ptr<Database> database, ParquetOptions options) {
  auto state = std::make_unique<State>();
  state->database = std::move(database);
  state->options = std::move(options);
  state->memory_bytes = state->database->config().memory_bytes;
  ParquetOptions& ours = state->options;
  // A file holds a row group twice: as DuckDB collects it, and as pages.
  int64_t files_by_memory = state->memory_bytes / (4 * ours.row_group_bytes);
  ours.parallel_files =
      static_cast<int>(std::clamp<int64_t>(ours.parallel_files, 1, std::max<int64_t>(files_by_memory, 1)));
  // Where one column is most of a row group, its values are there up to four times: collected, as a page whose buffer
  // grew by doubling, and as a compressed page.
  ours.row_group_bytes = std::min(ours.row_group_bytes, std::max<int64_t>(state->memory_bytes / 8, 1 << 20));
  if (ours.file_rows > 0) {
    int64_t groups = (ours.file_rows + ours.row_group_rows - 1) / ours.row_group_rows;
    ours.row_group_rows = (ours.file_rows + groups - 1) / groups;  // of one size
    NILUS_ASSIGN(Connection connection, Connection::Open(state->database));
    NILUS_TRY(connection.UseThreads(1));
  }
  return std::unique_ptr<ParquetWriter>(new ParquetWriter(std::move(state)));
}

Status ParquetWriter::Write(RecordBatch batch) {
  State& state = *state_;
  // One row always passes, however large: the limit gives way to it too, and it has a file of its own.
  const int64_t needed = state.NeededBy(batch.ByteSize());
  const bool is_huge = needed > state.database->config().memory_bytes;
  if (is_huge) {
    NILUS_TRY(state.SettleAll());
    NILUS_TRY(state.RaiseMemoryTo(needed));
  }
  const bool has_negative_zero = HasNegativeZero(batch);
  if (has_negative_zero && state.current && !state.current->keeps_negative_zero) NILUS_TRY(state.CloseCurrent());
  int64_t row = 0;
  while (row < batch.num_rows()) {
    if (state.current && !state.current->stream->Accepts(*batch.schema())) NILUS_TRY(state.CloseCurrent());
    if (!state.current) NILUS_TRY(state.StartFile(batch.schema(), has_negative_zero));
    int64_t count = batch.num_rows() - row;
    if (state.options.file_rows > 0) count = std::min(count, state.options.file_rows - state.current->file.rows);
    Status pushed = state.current->stream->PushRows(batch, row, count);
    if (!pushed) return Failure(InContext("writing " + state.current->file.path, std::move(pushed).error()));
    state.current->file.rows += count;
    state.current->memory_bytes += batch.ByteSize() * count / batch.num_rows();
    if (state.options.count_nans) AddNans(batch, row, count, &state.current->file);
    row += count;
    const bool is_large = state.options.file_bytes > 0 && state.current->memory_bytes >= state.options.file_bytes;
    if (is_large || state.current->file.rows == state.options.file_rows) NILUS_TRY(state.CloseCurrent());
  }
  // Several in a row would each be held by DuckDB while their reader makes the next.
  return is_huge ? state.SettleAll() : Status();
}

Status ParquetWriter::WriteEmpty(const SchemaPtr& schema) {
  NILUS_TRY(state_->CloseCurrent());
  NILUS_TRY(state_->StartFile(schema, false));
  return state_->CloseCurrent();
}

void ParquetWriter::SetColumns(ParquetFieldIds field_ids, ParquetKeyValues key_values) {
  state_->options.field_ids = std::move(field_ids);
  state_->options.key_values = std::move(key_values);
}

std::vector<WrittenFile> ParquetWriter::TakeWritten() { return std::exchange(state_->written, {}); }

Status MakeDurable(WrittenFile* file) {
  NILUS_ASSIGN(file->bytes, SyncFile(file->path));
  return {};
}

Result<std::vector<WrittenFile>> ParquetWriter::Finish() {
  State& state = *state_;
  NILUS_TRY(state.SettleAll());
  for (WrittenFile& file : state.written) NILUS_TRY(MakeDurable(&file));
  state.finished = true;
  return std::move(state.written);
}

}  // namespace nilus::duck
