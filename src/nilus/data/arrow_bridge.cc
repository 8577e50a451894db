#include "nilus/data/arrow_bridge.h"

#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "nilus/data/builder.h"

namespace nilus {
namespace {

std::string FormatOf(const Type& type) {
  switch (type.id) {
    case TypeId::kBool:
      return "b";
    case TypeId::kInt16:
      return "s";
    case TypeId::kInt32:
      return "i";
    case TypeId::kInt64:
      return "l";
    case TypeId::kFloat32:
      return "f";
    case TypeId::kFloat64:
      return "g";
    case TypeId::kDecimal:
      return fmt::format("d:{},{}", type.precision, type.scale);
    case TypeId::kText:
    case TypeId::kJson:
      return "u";
    case TypeId::kBinary:
      return "z";
    case TypeId::kDate:
      return "tdD";
    case TypeId::kTime:
      return "ttu";
    case TypeId::kTimestamp:
      return "tsu:UTC";
    case TypeId::kTimestampNtz:
      return "tsu:";
  }
  return "u";
}

bool ParseFormat(std::string_view format, Type* type) {
  static constexpr std::pair<std::string_view, TypeId> kFormats[] = {
      {"b", TypeId::kBool},    {"s", TypeId::kInt16},   {"i", TypeId::kInt32},          {"l", TypeId::kInt64},
      {"f", TypeId::kFloat32}, {"g", TypeId::kFloat64}, {"u", TypeId::kText},           {"z", TypeId::kBinary},
      {"tdD", TypeId::kDate},  {"ttu", TypeId::kTime},  {"tsu:", TypeId::kTimestampNtz}};
  for (auto [text, id] : kFormats) {
    if (format == text) {
      *type = MakeType(id);
      return true;
    }
  }
  if (format.starts_with("tsu:")) {  // any zone: the values are instants in UTC
    *type = MakeType(TypeId::kTimestamp);
    return true;
  }
  if (!format.starts_with("d:")) return false;
  int precision = 0;
  int scale = 0;
  int bits = 128;
  const char* end = format.data() + format.size();
  auto first = std::from_chars(format.data() + 2, end, precision);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ',') return false;
  auto second = std::from_chars(first.ptr + 1, end, scale);
  if (second.ec != std::errc()) return false;
  if (second.ptr != end && *second.ptr == ',') std::from_chars(second.ptr + 1, end, bits);
  *type = MakeDecimal(precision, scale);
  return bits == 128;
}

struct SchemaHolder {
  std::string format;
  std::string name;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> child_pointers;
};

void ReleaseSchema(ArrowSchema* schema) {
  auto* holder = static_cast<SchemaHolder*>(schema->private_data);
  for (ArrowSchema& child : holder->children) {
    if (child.release != nullptr) child.release(&child);
  }
  schema->release = nullptr;
  delete holder;
}

void FillSchema(std::string format, std::string name, bool nullable, std::vector<ArrowSchema> children,
                ArrowSchema* out) {
  auto* holder = new SchemaHolder{std::move(format), std::move(name), std::move(children), {}};
  for (ArrowSchema& child : holder->children) holder->child_pointers.push_back(&child);
  *out = ArrowSchema{.format = holder->format.c_str(),
                     .name = holder->name.c_str(),
                     .metadata = nullptr,
                     .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
                     .n_children = static_cast<int64_t>(holder->children.size()),
                     .children = holder->child_pointers.data(),
                     .dictionary = nullptr,
                     .release = ReleaseSchema,
                     .private_data = holder};
}

struct ArrayHolder {
  RecordBatch batch;  // keeps the buffers alive; used by the struct array only
  const void* buffers[3] = {};
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> child_pointers;
  Column column;
};

void ReleaseArray(ArrowArray* array) {
  auto* holder = static_cast<ArrayHolder*>(array->private_data);
  for (ArrowArray& child : holder->children) {
    if (child.release != nullptr) child.release(&child);
  }
  array->release = nullptr;
  delete holder;
}

void FillArray(ArrayHolder* holder, int64_t length, int64_t nulls, int64_t buffers, ArrowArray* out) {
  for (ArrowArray& child : holder->children) holder->child_pointers.push_back(&child);
  *out = ArrowArray{.length = length,
                    .null_count = nulls,
                    .offset = 0,
                    .n_buffers = buffers,
                    .n_children = static_cast<int64_t>(holder->children.size()),
                    .buffers = holder->buffers,
                    .children = holder->child_pointers.data(),
                    .dictionary = nullptr,
                    .release = ReleaseArray,
                    .private_data = holder};
}

void ExportColumn(const Column& column, ArrowArray* out) {
  auto* holder = new ArrayHolder;
  holder->column = column;
  holder->buffers[0] = column.validity.data();
  bool has_offsets = HasOffsets(column.type.id);
  holder->buffers[1] = has_offsets ? column.offsets.data() : column.values.data();
  if (has_offsets) holder->buffers[2] = column.values.data();
  FillArray(holder, column.length, column.null_count, has_offsets ? 3 : 2, out);
}

// Arrow arrays from elsewhere may start at an offset. Ours never do: such a column is copied.
Column CopyFromOffset(const Column& whole, int64_t offset, int64_t length) {
  std::vector<uint8_t> keep(static_cast<size_t>(offset + length), 0);
  for (int64_t row = offset; row < offset + length; ++row) keep[static_cast<size_t>(row)] = 1;
  auto schema = std::make_shared<Schema>();
  schema->fields.push_back(Field{.name = "", .type = whole.type});
  return RecordBatch(schema, {whole}, offset + length).Filter(keep).column(0);
}

Column ImportColumn(const std::shared_ptr<ArrowArray>& owner, const ArrowArray& array, const Type& type, int64_t offset,
                    int64_t rows) {
  if (rows == 0) return ColumnBuilder(type).Finish();  // its buffers may be null, the offsets too
  int64_t length = offset + rows;
  Column column{.type = type, .length = length, .null_count = 0};
  // Values are read in place. Arrow asks for an alignment of 8 bytes only, which is too little for a decimal.
  auto buffer = [&](int index, size_t bytes, size_t alignment = 1) {
    const auto* data = static_cast<const uint8_t*>(array.buffers[index]);
    if (reinterpret_cast<uintptr_t>(data) % alignment == 0) return Buffer(owner, data, bytes);
    BufferBuilder copy;  // malloc's memory is aligned for every type
    copy.Append(data, bytes);
    return copy.Finish();
  };
  if (array.null_count != 0 && array.buffers[0] != nullptr) {
    column.validity = buffer(0, static_cast<size_t>((length + 7) / 8));
    for (int64_t row = offset; row < length; ++row) column.null_count += column.IsNull(row);
    if (column.null_count == 0) column.validity = Buffer();
  }
  if (HasOffsets(type.id)) {
    column.offsets = buffer(1, static_cast<size_t>(length + 1) * sizeof(int32_t), alignof(int32_t));
    column.values = buffer(2, static_cast<size_t>(column.offsets.as<int32_t>()[length]));
  } else if (type.id == TypeId::kBool) {
    column.values = buffer(1, static_cast<size_t>((length + 7) / 8));
  } else {
    const auto width = static_cast<size_t>(FixedWidth(type.id));
    column.values = buffer(1, static_cast<size_t>(length) * width, width);
  }
  if (offset != 0) return CopyFromOffset(column, offset, rows);
  return column;
}

}  // namespace

void ExportSchema(const Schema& schema, ArrowSchema* out) {
  std::vector<ArrowSchema> children(schema.fields.size());
  for (size_t i = 0; i < children.size(); ++i) {
    const Field& field = schema.fields[i];
    FillSchema(FormatOf(field.type), field.name, field.nullable, {}, &children[i]);
  }
  FillSchema("+s", "", false, std::move(children), out);
}

void ExportBatch(const RecordBatch& batch, ArrowArray* out) {
  auto* holder = new ArrayHolder;
  holder->children.resize(batch.columns().size());
  for (size_t i = 0; i < holder->children.size(); ++i) ExportColumn(batch.columns()[i], &holder->children[i]);
  FillArray(holder, batch.num_rows(), 0, 1, out);
}

Result<Schema> ImportSchema(const ArrowSchema& schema) {
  Schema result;
  for (int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema& child = *schema.children[i];
    Type type;
    if (child.dictionary != nullptr || !ParseFormat(child.format, &type)) {
      return Fail(ErrorKind::kUnsupported, "column `{}` has the Arrow format `{}`, which is not read here",
                  child.name == nullptr ? "" : child.name, child.format);
    }
    result.fields.push_back(Field{.name = child.name == nullptr ? "" : child.name,
                                  .type = type,
                                  .nullable = (child.flags & ARROW_FLAG_NULLABLE) != 0});
  }
  return result;
}

Result<RecordBatch> ImportBatch(ArrowArray* array, SchemaPtr schema) {
  std::shared_ptr<ArrowArray> owner(new ArrowArray(*array), [](ArrowArray* held) {
    if (held->release != nullptr) held->release(held);
    delete held;
  });
  array->release = nullptr;
  if (owner->n_children != schema->size()) {
    return Fail(ErrorKind::kInternal, "an Arrow array of {} columns came for a schema of {}", owner->n_children,
                schema->size());
  }
  std::vector<Column> columns;
  columns.reserve(schema->fields.size());
  for (int i = 0; i < schema->size(); ++i) {
    const ArrowArray& child = *owner->children[i];
    columns.push_back(ImportColumn(owner, child, schema->fields[static_cast<size_t>(i)].type,
                                   child.offset + owner->offset, owner->length));
  }
  return RecordBatch(std::move(schema), std::move(columns), owner->length);
}

}  // namespace nilus
