#include "nilus/connectors/files/input_files.h"

#include <limits.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "nilus/base/encoding.h"
#include "nilus/base/nearest.h"
#include "nilus/connectors/files/disk_name.h"
#include "nilus/connectors/files/glob.h"
#include "nilus/connectors/files/table_schema.h"

namespace nilus::files {
namespace {

Result<std::string> Canonical(const std::string& path) {
  std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), free);
  if (resolved == nullptr) return ErrnoFailure(errno, "read " + path);
  return std::string(resolved.get());
}

Result<std::string> Absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  NILUS_ASSIGN(std::string here, Canonical("."));
  return JoinPath(here, path);
}

bool IsBelow(std::string_view path, std::string_view base) {
  return base == "/" || (path.starts_with(base) && path.size() > base.size() && path[base.size()] == '/');
}

// A source_table may come from somebody who may not read everything that the address's owner may.
Status CheckRelative(std::string_view table) {
  constexpr std::string_view kFix = "name a file or folder inside the address's folder";
  if (table.find('\0') != std::string_view::npos) {
    return FailWithFix(ErrorKind::kInvalidInput, std::string(kFix), "source_table holds a NUL byte");
  }
  if (table.starts_with('/'))
    return FailWithFix(ErrorKind::kInvalidInput, std::string(kFix), "source_table '{}' is an absolute path", table);
  for (std::string_view rest = table; !rest.empty();) {
    size_t slash = rest.find('/');
    if (rest.substr(0, slash) == "..") {
      return FailWithFix(ErrorKind::kInvalidInput, std::string(kFix), "source_table '{}' leaves its folder by '..'",
                         table);
    }
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  }
  return {};
}

Status CheckStaysBelow(const std::string& path, const std::string& base, std::string_view table) {
  NILUS_ASSIGN(std::string real, Canonical(path));
  if (IsBelow(real, base)) return {};
  return FailWithFix(ErrorKind::kInvalidInput, "put the file itself there, or name its folder in the address",
                     "source_table '{}' leads out of {} by a symbolic link ({})", table, base, path);
}

Result<InputFile> Describe(const std::string& path, const FormatOptions& options) {
  NamedFormat named = FormatOfName(NameOf(path));
  if (!IsValidUtf8(path)) {
    return FailWithFix(ErrorKind::kInvalidInput, "rename it", "a file name is not UTF-8: {}",
                       PercentEncode(NameOf(path)));
  }
  InputFile file{.path = path, .stamp = {}, .csv = options.csv};
  auto format = options.format ? options.format : named.format;
  if (!format) {
    return FailWithFix(ErrorKind::kInvalidInput, "add ?format=csv (tsv, jsonl, json, parquet) to the address",
                       "the format of {} is not known by its name", path);
  }
  file.format = *format;
  file.compression = options.compression.value_or(named.compression);
  bool tab_separated = options.tab_separated || (!options.format && named.tab_separated);
  if (file.csv.delimiter == 0 && tab_separated) file.csv.delimiter = '\t';
  NILUS_ASSIGN(file.stamp, StampOf(path));
  return file;
}

// Parquet has types of its own, CSV and JSON each their rules of inference: one table is one of these.
int FamilyOf(FileFormat format) {
  if (format == FileFormat::kParquet) return 0;
  return format == FileFormat::kCsv ? 1 : 2;
}

Result<InputSet> MakeSet(const std::vector<std::string>& paths, std::string description, const FormatOptions& options) {
  InputSet set{.files = {}, .description = std::move(description)};
  set.files.reserve(paths.size());
  for (const std::string& path : paths) {
    NILUS_ASSIGN(InputFile file, Describe(path, options));
    if (!set.files.empty() && FamilyOf(set.files.front().format) != FamilyOf(file.format)) {
      return FailWithFix(ErrorKind::kInvalidInput, "narrow the glob to one format",
                         "{} mixes formats: {} is {}, {} is {}", set.description, set.files.front().path,
                         FormatName(set.files.front().format), path, FormatName(file.format));
    }
    set.files.push_back(std::move(file));
  }
  return set;
}

// Files with a known format right inside a folder.
Result<std::vector<std::string>> DataFilesIn(const std::string& folder, const FormatOptions& options) {
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  std::vector<std::string> paths;
  for (const std::string& name : names) {
    if (name.starts_with('.') || name.starts_with("_nilus")) continue;
    if (!options.format && !FormatOfName(name).format) continue;
    std::string path = JoinPath(folder, name);
    if (!IsDirectory(path)) paths.push_back(std::move(path));
  }
  return paths;
}

std::optional<std::string> TableFolder(const std::string& base, std::string_view table) {
  for (size_t dot = table.find('.'); dot != std::string_view::npos; dot = table.find('.', dot + 1)) {
    auto schema = EncodeDiskName(table.substr(0, dot));
    auto name = EncodeDiskName(table.substr(dot + 1));
    if (!schema || !name) continue;
    std::string folder = JoinPath(JoinPath(base, *schema), *name);
    if (IsDirectory(folder)) return folder;
  }
  return std::nullopt;
}

Failure NothingThere(const std::string& base, std::string_view table) {
  std::vector<std::string> offered;
  if (auto tables = ListFolderTables(base)) {
    for (const FolderTable& one : *tables)
      offered.push_back(one.schema.empty() ? one.path : one.schema + "." + one.name);
  }
  std::vector<std::string_view> names(offered.begin(), offered.end());
  std::string nearest = Nearest(table, names);
  std::string fix = !nearest.empty() ? fmt::format("did you mean {}?", nearest)
                                     : "name schema.table, a file or a glob inside the folder";
  return FailWithFix(ErrorKind::kNotFound, fix, "{} holds nothing that source_table '{}' names", base, table);
}

Result<InputSet> ResolveInFolder(const std::string& base, std::string_view table, const FormatOptions& options,
                                 bool may_be_empty) {
  if (table.empty()) {
    return FailWithFix(ErrorKind::kInvalidInput, "name schema.table, a file or a glob inside the folder",
                       "{} is a folder and source_table is empty", base);
  }
  std::vector<std::string> paths;
  std::string target = JoinPath(base, table);
  bool is_path = CheckRelative(table).has_value();
  if (is_path && Exists(target) && !IsDirectory(target)) {
    paths = {target};
  } else if (auto folder = TableFolder(base, table)) {
    target = *folder;
    NILUS_ASSIGN(paths, DataFilesIn(target, options));
  } else {
    NILUS_TRY(CheckRelative(table));
    if (IsDirectory(target)) {
      NILUS_TRY(CheckStaysBelow(target, base, table));
      NILUS_ASSIGN(paths, DataFilesIn(target, options));
    } else if (HasGlob(table)) {
      auto matches = ListMatches(base, table);
      if (!matches && matches.error().kind != ErrorKind::kNotFound) return Failure(std::move(matches).error());
      if (matches) paths = *std::move(matches);
    } else if (table.find('/') == std::string_view::npos) {
      NILUS_ASSIGN(paths, DataFilesIn(base, options));
      std::erase_if(paths, [&](const std::string& path) { return StemOf(NameOf(path)) != table; });
      if (paths.size() > 1) {
        return FailWithFix(ErrorKind::kInvalidInput, "write the whole file name",
                           "several files in {} are called '{}': {} and {}", base, table, NameOf(paths[0]),
                           NameOf(paths[1]));
      }
    }
  }
  if (paths.empty() && !may_be_empty) return NothingThere(base, table);
  for (const std::string& path : paths) NILUS_TRY(CheckStaysBelow(path, base, table));
  NILUS_ASSIGN(InputSet set, MakeSet(paths, target, options));
  std::string schema_file = JoinPath(target, kTableSchemaFile);
  if (IsDirectory(target) && Exists(schema_file)) {
    NILUS_TRY(CheckStaysBelow(schema_file, base, table));
    set.schema_file = std::move(schema_file);
  }
  return set;
}

}  // namespace

Result<InputSet> ResolveInput(const std::string& path, std::string_view table, const FormatOptions& options,
                              bool may_be_empty) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return FailWithFix(ErrorKind::kInvalidInput, "write file:///folder/*.csv",
                       "the address has no path, or one with a NUL byte");
  }
  NILUS_ASSIGN(std::string absolute, Absolute(path));
  if (IsDirectory(absolute)) {
    NILUS_ASSIGN(std::string base, Canonical(absolute));
    return ResolveInFolder(base, table, options, may_be_empty);
  }
  if (Exists(absolute)) {
    NILUS_ASSIGN(std::string file, Canonical(absolute));
    return MakeSet({file}, file, options);
  }
  if (!HasGlob(absolute)) return FailWithFix(ErrorKind::kNotFound, "check the path", "{} does not exist", absolute);
  NILUS_ASSIGN(std::vector<std::string> paths, ListMatches("/", absolute));
  if (paths.empty() && !may_be_empty)
    return FailWithFix(ErrorKind::kNotFound, "check the pattern", "no file matches {}", absolute);
  return MakeSet(paths, absolute, options);
}

Result<std::vector<FolderTable>> ListFolderTables(const std::string& folder) {
  std::vector<FolderTable> tables;
  NILUS_ASSIGN(std::vector<std::string> names, ListDirectory(folder));
  for (const std::string& name : names) {
    if (name.starts_with('.') || name.starts_with("_nilus")) continue;
    std::string path = JoinPath(folder, name);
    if (!IsDirectory(path)) {
      if (FormatOfName(name).format) tables.push_back({"", std::string(StemOf(name)), name});
      continue;
    }
    auto schema = DecodeDiskName(name);
    if (!schema) continue;
    NILUS_ASSIGN(std::vector<std::string> inner, ListDirectory(path));
    for (const std::string& table : inner) {
      if (table.starts_with('.') || table.starts_with("_nilus") || !IsDirectory(JoinPath(path, table))) continue;
      if (auto decoded = DecodeDiskName(table)) tables.push_back({*schema, *decoded, JoinPath(name, table)});
    }
  }
  return tables;
}

}  // namespace nilus::files
