// What a table folder of ours says about itself: `.nilus_schema.json` beside its files. It marks the folder as ours and
// keeps the exact types, which CSV and JSON lines do not. No I/O.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connectors/files/format.h"
#include "nilus/data/schema.h"

namespace nilus::files {

inline constexpr std::string_view kTableSchemaFile = ".nilus_schema.json";
inline constexpr int64_t kLargestTableSchemaBytes = 16 << 20;

struct TableSchema {
  FileFormat format = FileFormat::kParquet;
  Schema schema;
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};

std::string FormatTableSchema(const TableSchema& table);
Result<TableSchema> ParseTableSchema(std::string_view text);

// `schema` with the fields of `more` that it lacks behind its own.
void AddFields(const Schema& more, Schema* schema);

}  // namespace nilus::files
