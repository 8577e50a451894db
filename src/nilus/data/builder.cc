#include "nilus/data/builder.h"

namespace nilus {

void ColumnBuilder::StartValidity() {
  if (length_ == 0) return;  // nothing to mark, and no memory yet
  validity_.Resize(static_cast<size_t>((length_ + 7) / 8));
  std::memset(validity_.data(), 0xFF, validity_.size());
  if ((length_ & 7) != 0) validity_.data()[length_ >> 3] = static_cast<uint8_t>((1U << (length_ & 7)) - 1);
}

Column ColumnBuilder::Finish() {
  size_t values_size = values_.size();
  size_t offsets_size = offsets_.size();
  Column column{.type = type_, .length = length_, .null_count = null_count_};
  if (null_count_ > 0) column.validity = validity_.Finish();
  column.values = values_.Finish();
  if (HasOffsets(type_.id)) column.offsets = offsets_.Finish();
  validity_.Resize(0);
  length_ = null_count_ = 0;
  values_.Reserve(values_size);
  if (HasOffsets(type_.id)) {
    offsets_.Reserve(offsets_size);
    offsets_.AppendValue<int32_t>(0);
  }
  return column;
}

BatchBuilder::BatchBuilder(SchemaPtr schema) : schema_(std::move(schema)) {
  columns_.reserve(schema_->fields.size());
  for (const Field& field : schema_->fields) columns_.emplace_back(field.type);
  variants_.resize(columns_.size());
}

void BatchBuilder::AppendVariant(int index, std::string_view text) {
  column(index).AppendNull();
  auto& variant = variants_[static_cast<size_t>(index)];
  if (variant == nullptr) variant = std::make_unique<ColumnBuilder>(MakeType(TypeId::kText));
  while (variant->length() < column(index).length() - 1) variant->AppendNull();
  variant->AppendBytes(text);
}

int64_t BatchBuilder::ByteSize() const {
  int64_t bytes = 0;
  for (const ColumnBuilder& column : columns_) bytes += column.ByteSize();
  for (const auto& variant : variants_) {
    if (variant != nullptr) bytes += variant->ByteSize();
  }
  return bytes;
}

RecordBatch BatchBuilder::Finish() {
  SchemaPtr schema = schema_;
  std::vector<Column> columns;
  columns.reserve(columns_.size());
  std::shared_ptr<Schema> extended;
  for (const auto& variant : variants_) {
    if (variant != nullptr) extended = std::make_shared<Schema>();
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    columns.push_back(columns_[i].Finish());
    if (extended == nullptr) continue;
    const Field& field = schema_->fields[i];
    extended->fields.push_back(field);
    if (variants_[i] == nullptr) continue;
    while (variants_[i]->length() < num_rows_) variants_[i]->AppendNull();
    columns.push_back(variants_[i]->Finish());
    variants_[i].reset();
    extended->fields.push_back(Field{.name = VariantName(field.name, "text"),
                                     .type = MakeType(TypeId::kText),
                                     .nullable = true,
                                     .variant_of = field.name});
    extended->fields[extended->fields.size() - 2].nullable = true;
  }
  if (extended != nullptr) schema = extended;
  int64_t rows = num_rows_;
  num_rows_ = 0;
  return RecordBatch(std::move(schema), std::move(columns), rows);
}

}  // namespace nilus
