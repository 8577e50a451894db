// Which files an address and a source_table mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"
#include "nilus/connectors/files/format.h"
#include "nilus/connectors/files/posix.h"

namespace nilus::files {

struct InputFile {
  std::string path;  // absolute
  FileStamp stamp;   // when it was listed: reading it later must find the same
  FileFormat format = FileFormat::kCsv;
  Compression compression = Compression::kNone;
  CsvOptions csv;  // with the delimiter that its name says
};

// The files behind one table, sorted by path, all of one family of formats (csv and tsv mix, json and jsonl mix).
struct InputSet {
  std::vector<InputFile> files;
  std::string description;  // "/data/*.csv"
  std::string schema_file;  // what a sink of ours wrote about the folder (table_schema.h); empty: there is none
};

// A table that a folder offers: <schema>/<table>/ as our sink lays it out, or a single file by its stem.
struct FolderTable {
  std::string schema;  // empty: a single file
  std::string name;
  std::string path;  // relative to the folder
};

// `path` is the address's: a file, a folder or a glob (absolute, or relative to the working directory).
// - A file or glob: `table` only names what is read.
// - A folder: `table` says what in it: schema.table, a relative path or glob, a sub-folder, or the stem of one file.
//   It stays inside: "..", an absolute path and a symbolic link that leads out are kInvalidInput.
// kNotFound when nothing matches, unless `may_be_empty`.
Result<InputSet> ResolveInput(const std::string& path, std::string_view table, const FormatOptions& options,
                              bool may_be_empty);

// What the folder offers, sorted; hidden and "_nilus" names are not data.
Result<std::vector<FolderTable>> ListFolderTables(const std::string& folder);

}  // namespace nilus::files
