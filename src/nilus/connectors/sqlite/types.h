// Declared SQLite types ↔ logical types.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/connector/source.h"
#include "nilus/connector/sql_dialect.h"
#include "nilus/data/type.h"

namespace nilus::sqlite {

// The type of a column declared so; nothing: the declaration says nothing, and the values must tell (InferredType).
// Narrow types (smallint, int4, float4) are kept under kFullWithPrecision only.
std::optional<Type> TypeOfDeclaration(std::string_view declared, ReflectionLevel level);

// What SQLite makes of values in a column so declared (sqlite.org/datatype3.html, "Determination Of Column Affinity").
enum class Affinity { kInteger, kText, kBlob, kReal, kNumeric };
Affinity AffinityOf(std::string_view declared);

// SQLite compares raw values of a column so declared the way the type orders its values (no nilus_key needed).
bool OrdersAsStored(std::string_view declared, const Type& type);

// The declaration that TypeOfDeclaration reads back as the type, with an affinity that leaves the stored values alone.
std::string DeclarationOf(const Type& type);

// What makes up a column without a telling declaration.
struct StorageCounts {
  int64_t integers = 0, reals = 0, texts = 0, blobs = 0;
};
Type InferredType(const StorageCounts& counts);

// As SQLite compares names.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

const SqlDialect& Dialect();

// The table's name inside SQLite, which has no schemas: `main.t` is t, `s.t` is "s.t". Distinct tables have distinct
// names: kInvalidInput for a dot in the schema, or in the name of a table of `main`.
Result<std::string> PlainName(const TableName& table);

}  // namespace nilus::sqlite
