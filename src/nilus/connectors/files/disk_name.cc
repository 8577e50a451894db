#include "nilus/connectors/files/disk_name.h"

#include <cctype>

#include "nilus/base/encoding.h"

namespace nilus::files {
namespace {

bool StaysAsItIs(unsigned char c) {
  return c >= 0x80 || std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ' ' || c == '$' || c == '#' ||
         c == '@';
}

void AppendPercent(unsigned char c, std::string* out) {
  constexpr char kHex[] = "0123456789ABCDEF";
  out->push_back('%');
  out->push_back(kHex[c >> 4]);
  out->push_back(kHex[c & 15]);
}

}  // namespace

Result<std::string> EncodeDiskName(std::string_view name) {
  if (name.empty()) return Fail(ErrorKind::kInvalidInput, "a table or schema has an empty name");
  if (name.find('\0') != std::string_view::npos) {
    return Fail(ErrorKind::kInvalidInput, "the name `{}` holds a NUL byte", name.substr(0, name.find('\0')));
  }
  if (!IsValidUtf8(name))
    return Fail(ErrorKind::kInvalidInput, "the name with the bytes {} is not UTF-8", HexEncode(name));
  std::string encoded;
  for (size_t i = 0; i < name.size(); ++i) {
    auto c = static_cast<unsigned char>(name[i]);
    bool hides = i == 0 && (c == '.' || name.starts_with("_nilus"));
    bool trails = i + 1 == name.size() && (c == '.' || c == ' ');
    if (StaysAsItIs(c) && !hides && !trails) {
      encoded.push_back(static_cast<char>(c));
    } else {
      AppendPercent(c, &encoded);
    }
  }
  if (encoded.size() <= kLongestDiskName) return encoded;
  constexpr size_t kHashDigits = 16;
  size_t keep = kLongestDiskName - kHashDigits - 1;
  while (keep > 0 && (static_cast<unsigned char>(encoded[keep]) & 0xC0) == 0x80) --keep;  // whole characters only
  return encoded.substr(0, keep) + "~" + Sha256Hex(name).substr(0, kHashDigits);
}

std::optional<std::string> DecodeDiskName(std::string_view disk_name) {
  std::string name = PercentDecode(disk_name);
  auto again = EncodeDiskName(name);
  if (!again || *again != disk_name) return std::nullopt;
  return name;
}

}  // namespace nilus::files
