// How a data file's own columns become a table's: SQL expressions, by field id.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/lake/data_footer.h"
#include "nilus/lake/manifest.h"
#include "nilus/lake/schema.h"
#include "nilus/lake/table_metadata.h"

namespace nilus::lake {

// False for types whose values have no form here (variant, geometry).
bool IsReadable(const IcebergType& type);

// "CAST(NULL AS BIGINT)" of the type that the column has in the result.
std::string NullOf(const IcebergType& type);

// The values of a string column that is marked as json (IsMarkedJson), `text`, as DuckDB's JSON. What another writer
// put there that is no JSON comes as a string, so that no reader stumbles over it.
std::string JsonOf(std::string_view text);

// The table's name mapping, or that of its current names: for files without field ids.
Result<NameMapping> MappingOf(const TableMetadata& metadata);

// The field's values in a file of that footer: the column with its id, cast to its type where the file's is narrower;
// where the file lacks it, the partition value of an identity partition, the field's initial default, or NULL.
Result<std::string> ColumnExpression(const IcebergField& field, const ParquetFooter& footer, const NameMapping& mapping,
                                     const TableMetadata& metadata, const DataFile& file);

}  // namespace nilus::lake
