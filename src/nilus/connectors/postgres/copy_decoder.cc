#include "nilus/connectors/postgres/copy_decoder.h"

#include "nilus/connectors/postgres/wire_values.h"

namespace nilus::postgres {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr size_t kHeaderBytes = 19;  // signature, flags, length of the extension
}  // namespace

CopyDecoder::CopyDecoder(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) {
    fields_.push_back(MakeWireField(column.wire, column.type));
  }
}

Status CopyDecoder::Feed(std::string_view bytes) {
  at_ = reinterpret_cast<const uint8_t*>(bytes.data());
  end_ = at_ + bytes.size();
  if (saw_header_) return {};
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kSignature)) {
    return Fail(ErrorKind::kData, "what the server sent does not begin with the header of binary COPY");
  }
  uint32_t flags = LoadBig32(at_ + kSignature.size());
  uint32_t extension = LoadBig32(at_ + kSignature.size() + 4);
  if (flags >> 16 != 0) return Fail(ErrorKind::kData, "the header of binary COPY has unknown flags {:#x}", flags);
  if (extension > bytes.size() - kHeaderBytes) return Fail(ErrorKind::kData, "the header of binary COPY is cut short");
  at_ += kHeaderBytes + extension;
  saw_header_ = true;
  return {};
}

Result<bool> CopyDecoder::DecodeRow(BatchBuilder* builder) {
  if (end_ - at_ < 2) return Fail(ErrorKind::kData, "a row of binary COPY is cut short");
  uint16_t count = LoadBig16(at_);
  at_ += 2;
  if (count == 0xFFFF) {
    if (at_ != end_) return Fail(ErrorKind::kData, "{} bytes follow the end of binary COPY", end_ - at_);
    saw_trailer_ = true;
    return false;
  }
  if (saw_trailer_) return Fail(ErrorKind::kData, "a row follows the end of binary COPY");
  if (count != columns_.size()) {
    return Fail(ErrorKind::kData, "a row of binary COPY has {} fields, where {} columns were asked for", count,
                columns_.size());
  }
  const uint8_t* at = at_;
  const uint8_t* const end = end_;
  for (size_t i = 0; i < fields_.size(); ++i) {
    if (end - at < 4) return CutShort(i);
    uint32_t length = LoadBig32(at);
    at += 4;
    if (length == 0xFFFFFFFF) {
      builder->column(static_cast<int>(i)).AppendNull();
      continue;
    }
    if (length > static_cast<size_t>(end - at)) return CutShort(i);
    if (!AppendBinaryValue(fields_[i], static_cast<int>(i), at, length, builder)) return BadValue(i, length);
    at += length;
  }
  at_ = at;
  builder->FinishRow();
  return true;
}

[[gnu::cold]] Failure CopyDecoder::CutShort(size_t column) const {
  return Fail(ErrorKind::kData, "a row of binary COPY is cut short at column {}", columns_[column].name);
}

[[gnu::cold]] Failure CopyDecoder::BadValue(size_t column, uint32_t length) const {
  const Wire wire = columns_[column].wire;
  const bool is_text = wire == Wire::kText || wire == Wire::kJson || wire == Wire::kJsonb;
  if (is_text && length > kMaxHexedBytes) {
    return FailWithFix(ErrorKind::kData, "mend the value, or exclude the column (sql_exclude_columns)",
                       "column {}: a text of {} bytes is no UTF-8, and too long to be kept in hex",
                       columns_[column].name, length);
  }
  return Fail(ErrorKind::kData, "column {}: {} bytes of binary COPY are no {} value", columns_[column].name, length,
              columns_[column].type.ToString());
}

}  // namespace nilus::postgres
