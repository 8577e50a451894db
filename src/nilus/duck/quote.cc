#include "nilus/duck/quote.h"

#include "nilus/base/encoding.h"

namespace nilus::duck {

std::string QuoteIdentifier(std::string_view name) { return QuoteDoubled(name, '"'); }
std::string QuoteLiteral(std::string_view text) { return QuoteDoubled(text, '\''); }

}  // namespace nilus::duck
