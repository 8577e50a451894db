#include "nilus/lake/data_footer.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include "nilus/lake/data_thrift.h"

namespace nilus::lake {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kEncryptedMagic = "PARE";
constexpr int64_t kLargestFooterBytes = 64 << 20;
constexpr int kDeepestSchema = 64;

Failure Damaged(std::string_view what) { return Fail(ErrorKind::kData, "a Parquet file is damaged: {}", what); }

struct Element {
  std::string name;
  int64_t type = -1;
  int64_t children = 0;
  std::optional<int32_t> field_id;
  bool has_converted_type = false;
};

Element ReadElement(ThriftReader* in) {
  Element element;
  in->ReadStruct([&](int field, ThriftType type) {
    if (field == 1 && IsInteger(type)) return element.type = in->ReadInteger(), true;
    if (field == 4 && type == ThriftType::kBinary) return element.name = in->ReadBinary(), true;
    if (field == 5 && IsInteger(type)) return element.children = in->ReadInteger(), true;
    if (field == 6 && IsInteger(type)) return in->ReadInteger(), element.has_converted_type = true;
    if (field == 9 && IsInteger(type)) return element.field_id = static_cast<int32_t>(in->ReadInteger()), true;
    return false;
  });
  return element;
}

void ReadStatistics(ThriftReader* in, ParquetChunk* chunk) {
  in->ReadStruct([&](int field, ThriftType type) {
    if (field == 3 && IsInteger(type)) return chunk->nulls = in->ReadInteger(), true;
    if (field == 5 && type == ThriftType::kBinary) return chunk->max = in->ReadBinary(), true;
    if (field == 6 && type == ThriftType::kBinary) return chunk->min = in->ReadBinary(), true;
    return false;  // 1 and 2 are the older bounds, of an order that was never said
  });
}

ParquetChunk ReadChunk(ThriftReader* in) {
  ParquetChunk chunk;
  std::optional<int64_t> dictionary_offset;
  in->ReadStruct([&](int outer, ThriftType outer_type) {
    if (outer != 3 || outer_type != ThriftType::kStruct) return false;
    in->ReadStruct([&](int field, ThriftType type) {
      if (field == 5 && IsInteger(type)) return chunk.values = in->ReadInteger(), true;
      if (field == 7 && IsInteger(type)) return chunk.compressed_bytes = in->ReadInteger(), true;
      if (field == 9 && IsInteger(type)) return chunk.offset = in->ReadInteger(), true;
      if (field == 11 && IsInteger(type)) return dictionary_offset = in->ReadInteger(), true;
      if (field == 12 && type == ThriftType::kStruct) return ReadStatistics(in, &chunk), true;
      return false;
    });
    return true;
  });
  if (dictionary_offset && *dictionary_offset > 0) chunk.offset = std::min(chunk.offset, *dictionary_offset);
  return chunk;
}

ParquetRowGroup ReadRowGroup(ThriftReader* in) {
  ParquetRowGroup group;
  in->ReadStruct([&](int field, ThriftType type) {
    if (field == 1 && type == ThriftType::kList)
      return in->ReadList([&] { group.chunks.push_back(ReadChunk(in)); }), true;
    if (field == 3 && IsInteger(type)) return group.rows = in->ReadInteger(), true;
    return false;
  });
  return group;
}

// The leaves of the schema, which is a list in depth-first order.
Status ReadLeaves(const std::vector<Element>& elements, ParquetFooter* footer) {
  if (elements.empty()) return Damaged("it has no schema");
  std::vector<int64_t> open = {elements[0].children};  // children still to come, at each level
  for (size_t i = 1; i < elements.size(); ++i) {
    while (!open.empty() && open.back() == 0) open.pop_back();
    if (open.empty()) return Damaged("its schema has more elements than its groups");
    --open.back();
    const Element& element = elements[i];
    const bool is_top = open.size() == 1;
    if (is_top) {
      std::optional<ParquetType> type;
      if (element.children == 0) type = static_cast<ParquetType>(element.type);
      footer->top_columns.push_back({element.name, element.field_id, type, element.has_converted_type});
      if (element.field_id) footer->has_field_ids = true;
    }
    if (element.children > 0) {
      if (open.size() >= kDeepestSchema) return Damaged("its schema is nested too deeply");
      open.push_back(element.children);
      continue;
    }
    if (element.children < 0 || element.type < 0 || element.type > static_cast<int64_t>(ParquetType::kFixedByteArray))
      return Damaged("an element of its schema has no known type");
    footer->columns.push_back(ParquetColumn{.name = element.name,
                                            .is_nested = !is_top,
                                            .field_id = element.field_id,
                                            .type = static_cast<ParquetType>(element.type)});
  }
  return {};
}

}  // namespace

Result<int64_t> ParquetFooterSize(std::string_view tail) {
  if (tail.ends_with(kEncryptedMagic)) return Fail(ErrorKind::kUnsupported, "a Parquet file is encrypted");
  if (tail.size() < static_cast<size_t>(kParquetTailBytes) || !tail.ends_with(kMagic))
    return Damaged("it does not end with the magic number");
  tail = tail.substr(tail.size() - static_cast<size_t>(kParquetTailBytes));
  int64_t size = 0;
  for (size_t i = 0; i < 4; ++i) size |= int64_t{static_cast<uint8_t>(tail[i])} << (8 * i);
  if (size > kLargestFooterBytes) return Damaged("its footer is too large");
  return size + kParquetTailBytes;
}

Result<ParquetFooter> ParseParquetFooter(std::string_view footer) {
  NILUS_ASSIGN(int64_t size, ParquetFooterSize(footer));
  if (static_cast<int64_t>(footer.size()) != size) return Damaged("its footer is cut off");
  ThriftReader in(footer.substr(0, footer.size() - static_cast<size_t>(kParquetTailBytes)));
  ParquetFooter result;
  std::vector<Element> elements;
  in.ReadStruct([&](int field, ThriftType type) {
    if (field == 2 && type == ThriftType::kList) {
      const std::string_view from = in.left();
      in.ReadList([&] { elements.push_back(ReadElement(&in)); });
      result.schema_bytes = from.substr(0, from.size() - in.left().size());
      return true;
    }
    if (field == 3 && IsInteger(type)) return result.rows = in.ReadInteger(), true;
    if (field == 4 && type == ThriftType::kList)
      return in.ReadList([&] { result.row_groups.push_back(ReadRowGroup(&in)); }), true;
    return false;
  });
  if (!in.good()) return Damaged("its footer cannot be read");
  NILUS_TRY(ReadLeaves(elements, &result));
  for (const ParquetRowGroup& group : result.row_groups) {
    if (group.chunks.size() != result.columns.size()) return Damaged("a row group has another number of columns");
  }
  return result;
}

Result<ParquetFooter> ReadParquetFooter(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const auto file_size = static_cast<int64_t>(file.tellg());
  if (!file || file_size < kParquetTailBytes) return Fail(ErrorKind::kData, "{} is no Parquet file", path);
  // Mostly one read: footers are small.
  constexpr int64_t kFirstRead = 64 << 10;
  std::string tail(static_cast<size_t>(std::min(file_size, kFirstRead)), '\0');
  file.seekg(file_size - static_cast<int64_t>(tail.size()));
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  if (!file) return Fail(ErrorKind::kTransient, "{} cannot be read", path);
  Result<int64_t> size = ParquetFooterSize(tail);
  if (!size) return Failure(InContext("reading " + path, std::move(size).error()));
  if (*size > file_size) return Fail(ErrorKind::kData, "{} is a damaged Parquet file: its footer is cut off", path);
  if (*size > static_cast<int64_t>(tail.size())) {
    tail.resize(static_cast<size_t>(*size));
    file.seekg(file_size - *size);
    file.read(tail.data(), *size);
    if (!file) return Fail(ErrorKind::kTransient, "{} cannot be read", path);
  }
  Result<ParquetFooter> footer =
      ParseParquetFooter(std::string_view(tail).substr(tail.size() - static_cast<size_t>(*size)));
  if (!footer) return Failure(InContext("reading " + path, std::move(footer).error()));
  return footer;
}

}  // namespace nilus::lake
