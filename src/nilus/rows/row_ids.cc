#include "nilus/rows/row_ids.h"

#include <algorithm>
#include <cstring>

#include "nilus/base/encoding.h"
#include "nilus/data/builder.h"
#include "nilus/data/cell_bytes.h"

namespace nilus {
namespace {

constexpr size_t kIdCharacters = 22;
constexpr size_t kPrefixCharacters = 14;
// RFC 4648 base64url, and the same characters by their bytes, so that numbered ids sort as they were given.
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kSorted[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

void WriteId(const uint8_t* bytes, char* out) {
  for (int i = 0; i < 15; i += 3) {
    const uint32_t three =
        static_cast<uint32_t>(bytes[i]) << 16 | static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    *out++ = kBase64Url[three >> 18];
    *out++ = kBase64Url[three >> 12 & 63];
    *out++ = kBase64Url[three >> 6 & 63];
    *out++ = kBase64Url[three & 63];
  }
  *out++ = kBase64Url[bytes[15] >> 2];
  *out++ = kBase64Url[(bytes[15] & 3) << 4];
}

void WriteNumber(int64_t number, char* out) {
  for (size_t i = kIdCharacters - kPrefixCharacters; i-- > 0; number >>= 6) out[i] = kSorted[number & 63];
}

// Offsets of `rows` texts of one length.
Buffer EvenOffsets(int64_t rows, size_t length) {
  BufferBuilder offsets;
  offsets.Resize(static_cast<size_t>(rows + 1) * sizeof(int32_t));
  auto* out = reinterpret_cast<int32_t*>(offsets.data());
  for (int64_t row = 0; row <= rows; ++row) out[row] = static_cast<int32_t>(row * static_cast<int64_t>(length));
  return offsets.Finish();
}

// The beginning of a longer buffer, which stays alive with it.
Buffer Beginning(const Buffer& whole, size_t size) {
  return Buffer(std::make_shared<Buffer>(whole), whole.data(), size);
}

}  // namespace

std::vector<Field> RowIdFields() {
  return {Field{.name = std::string(kLoadIdColumn), .type = MakeType(TypeId::kText)},
          Field{.name = std::string(kRowIdColumn), .type = MakeType(TypeId::kText)}};
}

bool IsRowIdColumn(std::string_view name) { return name == kLoadIdColumn || name == kRowIdColumn; }

Schema WithRowIds(Schema schema) {
  for (Field& field : RowIdFields()) schema.fields.push_back(std::move(field));
  return schema;
}

Schema WithoutRowIds(Schema schema) {
  std::erase_if(schema.fields, [](const Field& field) { return IsRowIdColumn(field.name); });
  return schema;
}

RecordBatch WithoutRowIds(const RecordBatch& batch) {
  const std::vector<Field>& fields = batch.schema()->fields;
  const bool has_some =
      std::any_of(fields.begin(), fields.end(), [](const Field& field) { return IsRowIdColumn(field.name); });
  if (!has_some) return batch;
  std::vector<int> others;
  for (int i = 0; i < batch.schema()->size(); ++i) {
    if (!IsRowIdColumn(fields[static_cast<size_t>(i)].name)) others.push_back(i);
  }
  return batch.Select(std::make_shared<Schema>(WithoutRowIds(*batch.schema())), others);
}

void AppendId(const uint8_t* bytes, std::string* out) {
  char id[kIdCharacters];
  WriteId(bytes, id);
  out->append(id, sizeof id);
}

RowNames::RowNames(std::string load_id, const std::string& table, std::vector<std::string> key, bool per_load)
    : load_id_(std::move(load_id)), key_(std::move(key)), is_per_load_(per_load) {
  const std::string digest = Sha256Hex(fmt::format("{}:{}|{}", load_id_.size(), load_id_, table));
  for (size_t i = 0; i < kPrefixCharacters; ++i) {  // 6 bits of each byte
    prefix_ += kSorted[std::stoul(digest.substr(2 * i, 2), nullptr, 16) & 63];
  }
}

RowNamer::RowNamer(std::shared_ptr<RowNames> names) : names_(std::move(names)), load_ids_(names_->load_id()) {}

Column RepeatedText::Rows(int64_t rows) {
  if (longest_.length < rows) {
    ColumnBuilder builder(MakeType(TypeId::kText));
    for (int64_t row = 0; row < rows; ++row) builder.AppendBytes(text_);
    longest_ = builder.Finish();
  }
  Column column = longest_;
  column.length = rows;
  column.values = Beginning(longest_.values, static_cast<size_t>(rows) * text_.size());
  column.offsets = Beginning(longest_.offsets, static_cast<size_t>(rows + 1) * sizeof(int32_t));
  return column;
}

Column RowNamer::Ids(const RecordBatch& batch) {
  const int64_t rows = batch.num_rows();
  std::vector<const Column*> key;
  bool is_keyed = !names_->key().empty();
  for (const std::string& name : names_->key()) {
    std::optional<int> at = batch.schema()->Find(name);
    if (at) key.push_back(&batch.column(*at));
    is_keyed = is_keyed && at.has_value();
  }
  BufferBuilder values;
  values.Resize(static_cast<size_t>(rows) * kIdCharacters);
  auto* out = reinterpret_cast<char*>(values.data());
  int64_t number = -1;
  std::string bytes;
  for (int64_t row = 0; row < rows; ++row, out += kIdCharacters) {
    const bool has_key =
        is_keyed && std::none_of(key.begin(), key.end(), [row](const Column* column) { return column->IsNull(row); });
    if (has_key) {
      bytes.clear();
      for (const Column* column : key) AppendCellBytes(*column, row, &bytes);
      if (names_->is_per_load()) bytes += names_->load_id();
      hash_.Add(bytes);
      WriteId(hash_.Finish().data(), out);
      continue;
    }
    if (number < 0) number = names_->TakeNumbers(rows - row);
    std::memcpy(out, names_->prefix().data(), kPrefixCharacters);
    WriteNumber(number++, out + kPrefixCharacters);
  }
  return Column{.type = MakeType(TypeId::kText),
                .length = rows,
                .null_count = 0,
                .validity = {},
                .values = values.Finish(),
                .offsets = EvenOffsets(rows, kIdCharacters)};
}

RecordBatch RowNamer::Name(const RecordBatch& batch) {
  if (batch.schema() != unnamed_) {
    unnamed_ = batch.schema();
    named_ = std::make_shared<Schema>(WithRowIds(*unnamed_));
  }
  std::vector<Column> columns = batch.columns();
  columns.push_back(load_ids_.Rows(batch.num_rows()));
  columns.push_back(Ids(batch));
  return RecordBatch(named_, std::move(columns), batch.num_rows());
}

RecordBatch RowNamer::NameOnly(const RecordBatch& batch) {
  auto schema = std::make_shared<Schema>(*batch.schema());
  schema->fields.push_back(RowIdFields().back());
  std::vector<Column> columns = batch.columns();
  columns.push_back(Ids(batch));
  return RecordBatch(std::move(schema), std::move(columns), batch.num_rows());
}

}  // namespace nilus
