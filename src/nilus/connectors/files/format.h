// File formats and how their text is to be read: from the name's ending, the address and the options.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/option_spec.h"
#include "nilus/base/result.h"

namespace nilus::files {

enum class FileFormat { kCsv, kJsonLines, kJson, kParquet };
enum class Compression { kNone, kGzip, kZstd };

std::string_view FormatName(FileFormat format);  // csv, jsonl, json, parquet

// What a file's name says: orders.csv.gz → csv, gzip.
struct NamedFormat {
  std::optional<FileFormat> format;
  Compression compression = Compression::kNone;
  bool tab_separated = false;  // .tsv, .tab
};
NamedFormat FormatOfName(std::string_view file_name);
// The name without its known endings: orders.csv.gz → orders.
std::string_view StemOf(std::string_view file_name);

struct CsvOptions {
  char delimiter = 0;  // 0: the most frequent of , ; tab | in the first record
  char quote = '"';    // 0: no quoting
  bool has_header = true;
  std::string null_string;  // unquoted text that means NULL, beside the empty one
};

struct FormatOptions {
  std::optional<FileFormat> format;  // nothing: by each file's name
  std::optional<Compression> compression;
  bool tab_separated = false;  // format=tsv
  CsvOptions csv;
};

// From the address's scheme (csv://, jsonl://, …), its parameters, and options of the same names, which win.
Result<FormatOptions> ReadFormatOptions(const Address& address, const OptionValues& options);

// One setting that may stand in the address or in the options.
std::string Setting(const Address& address, const OptionValues& options, std::string_view name,
                    std::string_view fallback = {});

}  // namespace nilus::files
