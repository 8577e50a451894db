#include "nilus/connectors/files/existing_table.h"

#include <algorithm>

#include "nilus/connectors/files/posix.h"
#include "nilus/connectors/files/sink_layout.h"
#include "nilus/connectors/files/source.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

bool IsDataFile(const std::string& name) { return !name.starts_with('.') && FormatOfName(name).format.has_value(); }

}  // namespace

Result<bool> HoldsDataFiles(const std::string& folder) {
  if (!IsDirectory(folder)) return false;
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  return std::any_of(names.begin(), names.end(), IsDataFile);
}

Result<std::optional<Schema>> DescribeExistingTable(const std::string& folder, const OpenContext& context) {
  if (!IsDirectory(folder)) return std::nullopt;
  std::string path = JoinPath(folder, kTableSchemaFile);
  if (Exists(path)) {
    NILUS_ASSIGN(std::string text, ReadWhole(path, kLargestTableSchemaBytes));
    auto table = ParseTableSchema(text);
    if (!table) return Failure(InContext("reading " + path, std::move(table).error()));
    return std::move(table->schema);
  }
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  if (std::none_of(names.begin(), names.end(), IsDataFile)) return std::nullopt;
  Address address;
  address.scheme = "file";
  address.path = ParentOf(folder);
  OpenContext plain = context;
  plain.options = OptionValues();  // the sink's options say how to write, not how these files are to be read
  NILUS_ASSIGN(std::unique_ptr<Source> source, OpenFilesSource(address, plain));
  ReadRequest request;
  request.table = NameOf(folder);
  request.reflection = ReflectionLevel::kFullWithPrecision;
  NILUS_ASSIGN(TableDescription description, source->Describe(request));
  return std::move(description.schema);
}

Status CheckReplaceable(const std::string& folder) {
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  for (const std::string& name : names) {
    if (SinkLayout::IsOurFile(name) && !IsDirectory(JoinPath(folder, name))) continue;
    return FailWithFix(ErrorKind::kInvalidInput, "move it away, or choose another dest_table",
                       "{} holds {}, which Nilus did not write: replacing the table would remove it", folder, name);
  }
  return {};
}

Status CheckTarget(const std::string& folder, bool replaces, FileFormat format) {
  const std::string schema = ParentOf(folder);
  for (const std::string& path : {schema, folder, JoinPath(schema, kStagingFolder)}) NILUS_TRY(RefuseLink(path));
  if (!Exists(folder)) return {};
  if (!IsDirectory(folder))
    return FailWithFix(ErrorKind::kInvalidInput, "move it away, or choose another dest_table", "{} is no folder",
                       folder);
  if (replaces) return CheckReplaceable(folder);
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  for (const std::string& name : names) {
    if (IsDataFile(name) && FormatOfName(name).format != format) {
      return FailWithFix(ErrorKind::kInvalidInput,
                         fmt::format("write {} too, or use replace once", FormatName(*FormatOfName(name).format)),
                         "{} holds {}: {} files cannot be added to it", folder, name, FormatName(format));
    }
  }
  return {};
}

}  // namespace nilus::files
