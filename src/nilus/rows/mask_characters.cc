#include "nilus/rows/mask_characters.h"

#include <algorithm>
#include <iterator>

namespace nilus {
namespace {

// Where each run of ten digits begins, ascending (Unicode 15, general category Nd). The mathematical ones,
// U+1D7CE … U+1D7FF, are five runs one after another.
constexpr char32_t kZeros[] = {0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,  0x0C66,
                               0x0CE6,  0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,  0x1810,
                               0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
                               0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066, 0x110F0,
                               0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
                               0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2,
                               0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0};

}  // namespace

bool IsDigitCharacter(char32_t code) {
  if (code < 0x80) return code >= '0' && code <= '9';
  const char32_t* next = std::upper_bound(std::begin(kZeros), std::end(kZeros), code);
  return next != std::begin(kZeros) && code - *std::prev(next) < 10;
}

bool IsSeparatorCharacter(char32_t code) {
  if (code < 0x80) {
    const char32_t lower = code | 0x20;
    return !(code >= '0' && code <= '9') && !(lower >= 'a' && lower <= 'z');
  }
  switch (code) {
    case 0x00A0:  // no-break space
    case 0x00AD:  // soft hyphen
    case 0x00B7:  // middle dot
    case 0x2212:  // minus
    case 0x3000:  // ideographic space
    case 0xFE58:
    case 0xFE63:
    case 0xFF0D:  // full-width hyphen, full stop and slash
    case 0xFF0E:
    case 0xFF0F:
      return true;
    default:
      return code >= 0x2000 && code <= 0x206F;  // general punctuation
  }
}

}  // namespace nilus
