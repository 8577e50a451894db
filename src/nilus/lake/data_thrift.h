// Reading Thrift's compact protocol, as Parquet footers use it. Hostile bytes end in good() == false, never elsewhere:
// after that every read gives zeros and ends at once.
#pragma once

#include <cstdint>
#include <string_view>

namespace nilus::lake {

enum class ThriftType : uint8_t {
  kStop = 0,
  kTrue = 1,
  kFalse = 2,
  kByte = 3,
  kInt16 = 4,
  kInt32 = 5,
  kInt64 = 6,
  kDouble = 7,
  kBinary = 8,
  kList = 9,
  kSet = 10,
  kMap = 11,
  kStruct = 12
};

constexpr bool IsInteger(ThriftType type) { return type >= ThriftType::kInt16 && type <= ThriftType::kInt64; }

class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  std::string_view left() const { return bytes_; }

  // Calls visit(field id, type) for each field; a visit that returns false has read nothing, and the field is skipped.
  template <typename Visit>
  void ReadStruct(Visit visit) {
    int64_t field = 0;
    if (!Enter()) return;
    while (good_) {
      const uint8_t head = Byte();
      const auto type = static_cast<ThriftType>(head & 0xF);
      if (type == ThriftType::kStop) break;
      field = (head >> 4) != 0 ? field + (head >> 4) : ReadInteger();
      if (!visit(static_cast<int>(field), type)) Skip(type);
    }
    --depth_;
  }
  // Calls visit for each element; it has to read it.
  template <typename Visit>
  void ReadList(Visit visit) {
    ThriftType type = ThriftType::kStop;
    for (uint64_t left = ListHead(&type); left > 0 && good_; --left) visit();
  }
  int64_t ReadInteger();  // zigzag
  std::string_view ReadBinary();
  void Skip(ThriftType type);

 private:
  static constexpr int kDeepest = 32;

  bool Enter() {
    if (++depth_ > kDeepest) good_ = false;
    return good_;
  }
  uint8_t Byte();
  uint64_t Varint();
  uint64_t ListHead(ThriftType* type);
  void SkipElements(ThriftType type, uint64_t count);

  std::string_view bytes_;
  bool good_ = true;
  int depth_ = 0;
};

}  // namespace nilus::lake
