#include "nilus/connectors/files/text_writer.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cmath>

#include "nilus/base/fault.h"
#include "nilus/connectors/files/posix.h"
#include "nilus/data/scalar.h"
#include "nilus/json/scanner.h"

namespace nilus::files {
namespace {

constexpr size_t kFlushBytes = 256 * 1024;
constexpr int kZstdLevel = 3;

void AppendCsvText(std::string_view text, std::string* out) {
  // An empty text is quoted: unquoted it would be NULL. Spaces at the ends stay, but some readers trim what is
  // unquoted.
  bool plain = !text.empty() && text.front() != ' ' && text.back() != ' ' &&
               text.find_first_of(",\"\r\n\t;|") == std::string_view::npos;
  if (plain) {
    out->append(text);
    return;
  }
  out->push_back('"');
  for (char c : text) {
    if (c == '"') out->push_back('"');
    out->push_back(c);
  }
  out->push_back('"');
}

// JSON text on one line; text that is no JSON becomes a string.
void AppendJsonValue(std::string_view text, std::string* out) {
  json::Scanner scanner(text);
  scanner.SkipSpace();
  json::Value value;
  bool valid = scanner.ReadValue(&value);
  if (valid) scanner.SkipSpace();
  if (!valid || !scanner.AtEnd()) {
    json::AppendQuoted(text, out);
    return;
  }
  size_t start = out->size();
  out->append(value.written());
  std::replace_if(
      out->begin() + static_cast<ptrdiff_t>(start), out->end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void AppendJsonCell(const Column& column, int64_t row, std::string* out, std::string* scratch) {
  switch (column.type.id) {
    case TypeId::kBool:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kDecimal:
      AppendCellText(column, row, out);
      return;
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      double value = column.type.id == TypeId::kFloat32 ? static_cast<double>(column.Value<float>(row))
                                                        : column.Value<double>(row);
      if (std::isfinite(value)) {
        AppendCellText(column, row, out);
        return;
      }
      break;  // JSON has no NaN: its name in quotes
    }
    case TypeId::kJson:
      AppendJsonValue(column.BytesValue(row), out);
      return;
    case TypeId::kText:
      json::AppendQuoted(column.BytesValue(row), out);
      return;
    default:
      break;
  }
  scratch->clear();
  AppendCellText(column, row, scratch);
  json::AppendQuoted(*scratch, out);
}

std::vector<int> Match(const Schema& file, const Schema& batch) {
  std::vector<int> indexes;
  for (const Field& field : file.fields) indexes.push_back(batch.Find(field.name).value_or(-1));
  return indexes;
}

bool Covers(const Schema& file, const Schema& batch) {
  return std::all_of(batch.fields.begin(), batch.fields.end(),
                     [&](const Field& field) { return file.Find(field.name).has_value(); });
}

}  // namespace

void AppendCsvHeader(const Schema& schema, std::string* out) {
  for (int i = 0; i < schema.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendCsvText(schema.fields[static_cast<size_t>(i)].name, out);
  }
  out->push_back('\n');
}

void AppendCsvRow(const RecordBatch& batch, const std::vector<int>& indexes, int64_t row, std::string* out) {
  std::string scratch;
  for (size_t i = 0; i < indexes.size(); ++i) {
    if (i > 0) out->push_back(',');
    if (indexes[i] < 0) continue;
    const Column& column = batch.column(indexes[i]);
    if (column.IsNull(row)) continue;
    if (column.type.id == TypeId::kText || column.type.id == TypeId::kJson) {
      AppendCsvText(column.BytesValue(row), out);
    } else if (column.type.id == TypeId::kBinary) {
      scratch.clear();
      AppendCellText(column, row, &scratch);
      AppendCsvText(scratch, out);  // no bytes at all are '' too
    } else {
      AppendCellText(column, row, out);
    }
  }
  out->push_back('\n');
}

void AppendJsonRow(const RecordBatch& batch, const Schema& schema, const std::vector<int>& indexes, int64_t row,
                   std::string* out) {
  std::string scratch;
  out->push_back('{');
  bool first = true;
  for (size_t i = 0; i < indexes.size(); ++i) {
    bool is_null = indexes[i] < 0 || batch.column(indexes[i]).IsNull(row);
    if (is_null && schema.fields[i].type.id == TypeId::kJson) continue;  // `null` would be a JSON value
    if (!first) out->push_back(',');
    first = false;
    json::AppendQuoted(schema.fields[i].name, out);
    out->push_back(':');
    if (is_null) {
      out->append("null");
    } else {
      AppendJsonCell(batch.column(indexes[i]), row, out, &scratch);
    }
  }
  out->append("}\n");
}

// One file: text in, compressed bytes out.
class TextWriter::File {
 public:
  File(FileDescriptor file, std::string path, Compression compression)
      : file_(std::move(file)), path_(std::move(path)), compression_(compression), zstd_(nullptr, ZSTD_freeCCtx) {}
  ~File() {
    if (gzip_is_open_) deflateEnd(&gzip_);
  }

  Status Start() {
    if (compression_ == Compression::kGzip) {
      constexpr int kGzipFormat = MAX_WBITS + 16;
      if (deflateInit2(&gzip_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return OutOfMemory();
      gzip_is_open_ = true;
    } else if (compression_ == Compression::kZstd) {
      zstd_.reset(ZSTD_createCCtx());
      if (zstd_ == nullptr) return OutOfMemory();
      ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_compressionLevel, kZstdLevel);
      ZSTD_CCtx_setParameter(zstd_.get(), ZSTD_c_checksumFlag, 1);
    }
    return {};
  }

  std::string& text() { return text_; }
  Status FlushIfLarge() { return text_.size() >= kFlushBytes ? Flush(false) : Status(); }
  int64_t rows = 0;

  // Everything written and durable; the file's size.
  Result<duck::WrittenFile> Close() {
    NILUS_TRY(Flush(true));
    NILUS_FAULT_POINT("files.sink.before_file_sync");
    NILUS_TRY(SyncFile(file_, path_));
    NILUS_ASSIGN(FileStamp stamp, StampOf(file_, path_));
    file_.Close();
    return duck::WrittenFile{.path = path_, .rows = rows, .bytes = stamp.size};
  }

 private:
  Status Flush(bool last) {
    NILUS_FAULT_POINT("files.sink.write");
    switch (compression_) {
      case Compression::kNone:
        NILUS_TRY(WriteAll(file_, text_, path_));
        break;
      case Compression::kGzip:
        NILUS_TRY(Deflate(last));
        break;
      case Compression::kZstd:
        NILUS_TRY(CompressZstd(last));
        break;
    }
    text_.clear();
    return {};
  }

  Status Deflate(bool last) {
    gzip_.next_in = reinterpret_cast<Bytef*>(text_.data());
    gzip_.avail_in = static_cast<uInt>(text_.size());
    packed_.resize(kFlushBytes);
    while (true) {
      gzip_.next_out = reinterpret_cast<Bytef*>(packed_.data());
      gzip_.avail_out = static_cast<uInt>(packed_.size());
      int code = deflate(&gzip_, last ? Z_FINISH : Z_NO_FLUSH);
      NILUS_TRY(WriteAll(file_, std::string_view(packed_).substr(0, packed_.size() - gzip_.avail_out), path_));
      if (last ? code == Z_STREAM_END : gzip_.avail_in == 0 && gzip_.avail_out > 0) return {};
    }
  }

  Status CompressZstd(bool last) {
    ZSTD_inBuffer in{text_.data(), text_.size(), 0};
    packed_.resize(kFlushBytes);
    while (true) {
      ZSTD_outBuffer out{packed_.data(), packed_.size(), 0};
      size_t left = ZSTD_compressStream2(zstd_.get(), &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
      if (ZSTD_isError(left))
        return Fail(ErrorKind::kExhausted, "cannot compress {}: {}", path_, ZSTD_getErrorName(left));
      NILUS_TRY(WriteAll(file_, std::string_view(packed_).substr(0, out.pos), path_));
      if (last ? left == 0 : in.pos == in.size) return {};
    }
  }

  Failure OutOfMemory() const { return Fail(ErrorKind::kExhausted, "out of memory while compressing {}", path_); }

  FileDescriptor file_;
  std::string path_;
  Compression compression_;
  std::string text_;
  std::string packed_;
  z_stream gzip_{};
  bool gzip_is_open_ = false;
  std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> zstd_;
};

TextWriter::TextWriter(TextWriterOptions options) : options_(std::move(options)) {}

TextWriter::~TextWriter() {
  if (finished_) return;
  file_.reset();
  for (const std::string& path : paths_) static_cast<void>(RemoveFile(path));  // the next run removes what stays
}

Status TextWriter::StartFile(const SchemaPtr& schema) {
  std::string ending = options_.format == FileFormat::kCsv ? ".csv" : ".jsonl";
  if (options_.compression == Compression::kGzip) ending += ".gz";
  if (options_.compression == Compression::kZstd) ending += ".zst";
  std::string path = JoinPath(options_.directory, fmt::format("{}{:05}{}", options_.prefix, paths_.size() + 1, ending));
  NILUS_ASSIGN(FileDescriptor created, CreateNew(path));
  paths_.push_back(path);
  file_ = std::make_unique<File>(std::move(created), path, options_.compression);
  NILUS_TRY(file_->Start());
  schema_ = schema;
  if (options_.format == FileFormat::kCsv) AppendCsvHeader(*schema, &file_->text());
  return {};
}

Status TextWriter::CloseFile() {
  if (file_ == nullptr) return {};
  NILUS_ASSIGN(duck::WrittenFile written, file_->Close());
  written_.push_back(std::move(written));
  file_.reset();
  return {};
}

Status TextWriter::Write(const RecordBatch& batch) {
  if (file_ != nullptr && !Covers(*schema_, *batch.schema())) NILUS_TRY(CloseFile());
  std::vector<int> indexes;
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    if (file_ != nullptr && options_.file_rows > 0 && file_->rows >= options_.file_rows) NILUS_TRY(CloseFile());
    if (file_ == nullptr) {
      NILUS_TRY(StartFile(batch.schema()));
      indexes.clear();
    }
    if (indexes.empty()) indexes = Match(*schema_, *batch.schema());
    if (options_.format == FileFormat::kCsv) {
      AppendCsvRow(batch, indexes, row, &file_->text());
    } else {
      AppendJsonRow(batch, *schema_, indexes, row, &file_->text());
    }
    ++file_->rows;
    NILUS_TRY(file_->FlushIfLarge());
  }
  return {};
}

Status TextWriter::WriteEmpty(const SchemaPtr& schema) {
  NILUS_TRY(CloseFile());
  NILUS_TRY(StartFile(schema));
  return CloseFile();
}

Result<std::vector<duck::WrittenFile>> TextWriter::Finish() {
  NILUS_TRY(CloseFile());
  finished_ = true;
  return std::move(written_);
}

}  // namespace nilus::files
