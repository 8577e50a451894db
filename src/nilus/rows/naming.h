// Names of columns and tables at the destination (spec 03, "Names"). Pure but for reading SCHEMA_NAMING.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/address.h"
#include "nilus/base/result.h"
#include "nilus/data/identifier.h"

namespace nilus {

enum class NamingStyle {
  kDefault,  // snake_case of [a-z0-9_]
  kDirect,   // as is, only cut to the limit
};

// From SCHEMA_NAMING; not set is kDefault, anything but `default` and `direct` is kInvalidInput.
Result<NamingStyle> NamingStyleFrom(const VariableLookup& variables);

// The destination's name for `name`. kDefault: words of camelCase and PascalCase are split (HTTPServerID is
// http_server_id), every other character becomes '_', runs of '_' collapse, a leading digit gets a '_' before it.
// A variant column's ending (`__v_text`, spec 03 "Evolution") stays, so that what Nilus wrote keeps its names when it
// is read again. Both styles then FitToLimit (data/identifier.h). Never empty; normalizing a result changes nothing.
std::string NormalizeName(std::string_view name, NamingStyle style, int limit_bytes);

// Between the levels of a nested place's name: address__street, lines__sku.
inline constexpr std::string_view kLevels = "__";

// The same for the name of a nested place ("at__zip"): each level by itself, joined by "__" again.
std::string NormalizePath(std::string_view name, NamingStyle style, int limit_bytes);
// What a manifest may mean by a name: the nested place, and the column (`Code__c`) where that has another name.
std::vector<std::string> PlacesNamed(std::string_view written, NamingStyle style, int limit_bytes);

// The error of two columns that come to one name.
Error NameCollision(std::string_view table, std::string_view first, std::string_view second, std::string_view name);

// "schema.table" in parts. `warning` says from what to what when normalization changed either; else it is empty.
// kInvalidInput when the text is not <schema>.<table>.
struct NormalizedTable {
  std::string schema;
  std::string name;
  std::string warning;
};
Result<NormalizedTable> NormalizeTableName(std::string_view dest_table, NamingStyle style, int limit_bytes);

}  // namespace nilus
