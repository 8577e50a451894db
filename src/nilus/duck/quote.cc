#include "nilus/duck/quote.h"

#include "nilus/base/encoding.h"

namespace nilus::duck {

std::string QuoteIdentifier(std::string_view name) { return QuoteDoubled(name, '"'); }
std::string QuoteLiteral(std::string_view text) { return QuoteDoubled(text, '\''); }

std::string QuotePath(std::string_view path) {
  std::string pattern;
  for (char c : path) {
    const bool is_special = c == '*' || c == '?' || c == '[';
    if (is_special) pattern += '[';
    pattern += c;
    if (is_special) pattern += ']';
  }
  return QuoteLiteral(pattern);
}

}  // namespace nilus::duck
