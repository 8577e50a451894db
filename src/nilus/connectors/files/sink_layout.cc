#include "nilus/connectors/files/sink_layout.h"

#include <algorithm>
#include <cctype>

#include "nilus/base/encoding.h"
#include "nilus/connectors/files/disk_name.h"
#include "nilus/connectors/files/format.h"
#include "nilus/connectors/files/posix.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

constexpr size_t kHashDigits = 32;

// Takes "-<digits>" off the end of the name.
bool TakeNumber(std::string_view* name) {
  size_t end = name->size();
  while (end > 0 && std::isdigit(static_cast<unsigned char>((*name)[end - 1]))) --end;
  if (end == name->size() || end == 0 || (*name)[end - 1] != '-') return false;
  name->remove_suffix(name->size() - end + 1);
  return true;
}

// Whoever may put a link there would have our locks and state written wherever it leads.
Result<std::string> CheckedStateFolder(const std::string& schema_folder) {
  std::string folder = JoinPath(schema_folder, kStateFolder);
  NILUS_TRY(RefuseLink(schema_folder));
  NILUS_TRY(RefuseLink(folder));
  return folder;
}

}  // namespace

std::string SinkLayout::Absolute(std::string_view relative) const { return JoinPath(root_, relative); }

std::string SinkLayout::PipelineHash(const PipelineId& pipeline) {
  // With the schema: the same pipeline into another one has a lock of its own, so it needs a staging folder of its own.
  return Sha256Hex(pipeline.value + '\0' + pipeline.state_schema).substr(0, kHashDigits);
}

Result<std::string> SinkLayout::StateFolder(const PipelineId& pipeline) const {
  NILUS_ASSIGN(std::string schema, EncodeDiskName(pipeline.state_schema));
  return CheckedStateFolder(Absolute(schema));
}

Result<std::string> SinkLayout::StatePath(const PipelineId& pipeline) const {
  NILUS_ASSIGN(std::string folder, StateFolder(pipeline));
  return JoinPath(folder, PipelineHash(pipeline) + ".json");
}

Result<std::string> SinkLayout::LockPath(const PipelineId& pipeline) const {
  NILUS_ASSIGN(std::string folder, StateFolder(pipeline));
  return JoinPath(folder, PipelineHash(pipeline) + ".lock");
}

Result<std::string> SinkLayout::TableFolder(const TableName& table) {
  NILUS_ASSIGN(std::string schema, EncodeDiskName(table.schema));
  NILUS_ASSIGN(std::string name, EncodeDiskName(table.name));
  return JoinPath(schema, name);
}

Result<std::string> SinkLayout::TableLockPath(std::string_view table_folder) const {
  NILUS_ASSIGN(std::string folder, CheckedStateFolder(Absolute(ParentOf(table_folder))));
  return JoinPath(folder, Sha256Hex(NameOf(table_folder)).substr(0, kHashDigits) + ".table");
}

Result<std::string> SinkLayout::StagedFolder(const PipelineId& pipeline, std::string_view load_id,
                                             const TableName& table) {
  NILUS_ASSIGN(std::string schema, EncodeDiskName(table.schema));
  NILUS_ASSIGN(std::string load, EncodeDiskName(load_id));
  NILUS_ASSIGN(std::string name, EncodeDiskName(table.name));
  return fmt::format("{}/{}/{}/{}/{}", schema, kStagingFolder, PipelineHash(pipeline), load, name);
}

Result<std::string> SinkLayout::FilePrefix(std::string_view load_id, int writer) {
  NILUS_ASSIGN(std::string load, EncodeDiskName(load_id));
  return fmt::format("{}-{}-", load, writer);
}

bool SinkLayout::IsOurFile(std::string_view name) {
  if (name == kTableSchemaFile) return true;
  if (!FormatOfName(name).format) return false;
  std::string_view stem = StemOf(name);
  const bool has_writer = TakeNumber(&stem);
  const bool has_file = has_writer && TakeNumber(&stem);
  return has_file && !stem.empty();
}

}  // namespace nilus::files
