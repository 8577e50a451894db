// A column of a batch as an existing SQLite column takes it. Where its declaration gives it a numeric affinity (STRING,
// UUID, DECIMAL(p,s), JSON, …), SQLite turns texts that look like numbers into numbers on their way in: "007" becomes
// 7, long decimals become rounded floats. Values that would not read back as the same go to the variant column.
#pragma once

#include <string_view>

#include "nilus/connector/misfits.h"
#include "nilus/connectors/sqlite/catalog.h"

namespace nilus::sqlite {

// SQLite may change texts in this column.
bool ChangesTexts(const TableInfo& table, const ColumnInfo& column);

// For a column that ChangesTexts. Decimals come back as texts where SQLite keeps more digits of those.
FittedColumn FitNumeric(const Column& column);

// Whether a text that is stored under a numeric affinity reads back as it was.
bool SurvivesNumericAffinity(std::string_view text);

}  // namespace nilus::sqlite
