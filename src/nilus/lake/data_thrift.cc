#include "nilus/lake/data_thrift.h"

namespace nilus::lake {

uint8_t ThriftReader::Byte() {
  if (bytes_.empty()) {
    good_ = false;
    return 0;
  }
  const auto byte = static_cast<uint8_t>(bytes_.front());
  bytes_.remove_prefix(1);
  return byte;
}

uint64_t ThriftReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = Byte();
    value |= uint64_t{byte & 0x7FU} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  good_ = false;
  return 0;
}

int64_t ThriftReader::ReadInteger() {
  const uint64_t value = Varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

std::string_view ThriftReader::ReadBinary() {
  const uint64_t size = Varint();
  if (size > bytes_.size()) {
    good_ = false;
    return {};
  }
  const std::string_view value = bytes_.substr(0, size);
  bytes_.remove_prefix(size);
  return value;
}

uint64_t ThriftReader::ListHead(ThriftType* type) {
  const uint8_t head = Byte();
  *type = static_cast<ThriftType>(head & 0xF);
  const uint64_t size = (head >> 4) == 0xF ? Varint() : head >> 4;
  if (size > bytes_.size()) good_ = false;  // every element takes a byte or more
  return good_ ? size : 0;
}

void ThriftReader::SkipElements(ThriftType type, uint64_t count) {
  // In a collection a boolean is a byte of its own.
  const bool is_boolean = type == ThriftType::kTrue || type == ThriftType::kFalse;
  for (; count > 0 && good_; --count) Skip(is_boolean ? ThriftType::kByte : type);
}

void ThriftReader::Skip(ThriftType type) {
  constexpr size_t kDoubleBytes = 8;
  switch (type) {
    case ThriftType::kTrue:
    case ThriftType::kFalse:
      return;
    case ThriftType::kByte:
      Byte();
      return;
    case ThriftType::kInt16:
    case ThriftType::kInt32:
    case ThriftType::kInt64:
      Varint();
      return;
    case ThriftType::kDouble:
      if (bytes_.size() < kDoubleBytes) good_ = false;
      bytes_.remove_prefix(good_ ? kDoubleBytes : 0);
      return;
    case ThriftType::kBinary:
      ReadBinary();
      return;
    case ThriftType::kList:
    case ThriftType::kSet: {
      ThriftType element = ThriftType::kStop;
      if (!Enter()) return;
      const uint64_t count = ListHead(&element);
      SkipElements(element, count);
      --depth_;
      return;
    }
    case ThriftType::kMap: {
      if (!Enter()) return;
      const uint64_t count = Varint();
      const uint8_t types = count > 0 ? Byte() : 0;
      if (count > bytes_.size()) good_ = false;
      for (uint64_t i = 0; i < count && good_; ++i) {
        SkipElements(static_cast<ThriftType>(types >> 4), 1);
        SkipElements(static_cast<ThriftType>(types & 0xF), 1);
      }
      --depth_;
      return;
    }
    case ThriftType::kStruct:
      ReadStruct([](int, ThriftType) { return false; });
      return;
    case ThriftType::kStop:
      break;
  }
  good_ = false;
}

}  // namespace nilus::lake
