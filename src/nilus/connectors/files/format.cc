#include "nilus/connectors/files/format.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace nilus::files {
namespace {

struct Ending {
  std::string_view text;
  FileFormat format;
  bool tab_separated = false;
};
constexpr std::array kEndings = {
    Ending{".csv", FileFormat::kCsv},          Ending{".tsv", FileFormat::kCsv, true},
    Ending{".tab", FileFormat::kCsv, true},    Ending{".jsonl", FileFormat::kJsonLines},
    Ending{".ndjson", FileFormat::kJsonLines}, Ending{".json", FileFormat::kJson},
    Ending{".parquet", FileFormat::kParquet},  Ending{".pq", FileFormat::kParquet},
};

struct CompressionEnding {
  std::string_view text;
  Compression compression;
};
constexpr std::array kCompressionEndings = {
    CompressionEnding{".gz", Compression::kGzip},
    CompressionEnding{".zst", Compression::kZstd},
    CompressionEnding{".zstd", Compression::kZstd},
};

bool EndsWithIgnoringCase(std::string_view text, std::string_view ending) {
  if (text.size() <= ending.size()) return false;  // ".csv" alone is a hidden file without a format
  return std::equal(ending.begin(), ending.end(), text.end() - static_cast<ptrdiff_t>(ending.size()),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

// A single byte, or its usual name.
Result<char> ParseOneCharacter(std::string_view name, std::string_view text) {
  if (text == "tab" || text == "\\t") return '\t';
  if (text == "comma") return ',';
  if (text == "semicolon") return ';';
  if (text == "pipe") return '|';
  if (text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80 && text[0] != '\n' && text[0] != '\r' &&
      text[0] != '\0')
    return text[0];
  return FailWithFix(ErrorKind::kInvalidInput, "write one ASCII character, such as ; or tab",
                     "{} '{}' is not one character", name, text);
}

std::optional<FileFormat> FormatFromText(std::string_view text) {
  if (text == "csv" || text == "tsv") return FileFormat::kCsv;
  if (text == "jsonl" || text == "ndjson") return FileFormat::kJsonLines;
  if (text == "json") return FileFormat::kJson;
  if (text == "parquet") return FileFormat::kParquet;
  return std::nullopt;
}

}  // namespace

std::string_view FormatName(FileFormat format) {
  switch (format) {
    case FileFormat::kCsv:
      return "csv";
    case FileFormat::kJsonLines:
      return "jsonl";
    case FileFormat::kJson:
      return "json";
    case FileFormat::kParquet:
      return "parquet";
  }
  return "csv";
}

NamedFormat FormatOfName(std::string_view file_name) {
  NamedFormat named;
  for (const CompressionEnding& ending : kCompressionEndings) {
    if (!EndsWithIgnoringCase(file_name, ending.text)) continue;
    named.compression = ending.compression;
    file_name.remove_suffix(ending.text.size());
    break;
  }
  for (const Ending& ending : kEndings) {
    if (!EndsWithIgnoringCase(file_name, ending.text)) continue;
    named.format = ending.format;
    named.tab_separated = ending.tab_separated;
    break;
  }
  return named;
}

std::string_view StemOf(std::string_view file_name) {
  for (const CompressionEnding& ending : kCompressionEndings) {
    if (EndsWithIgnoringCase(file_name, ending.text)) file_name.remove_suffix(ending.text.size());
  }
  for (const Ending& ending : kEndings) {
    if (EndsWithIgnoringCase(file_name, ending.text)) return file_name.substr(0, file_name.size() - ending.text.size());
  }
  return file_name;
}

std::string Setting(const Address& address, const OptionValues& options, std::string_view name,
                    std::string_view fallback) {
  if (options.Has(name)) return options.Text(name);
  return address.Param(name, fallback);
}

Result<FormatOptions> ReadFormatOptions(const Address& address, const OptionValues& options) {
  FormatOptions read;
  std::string format = Setting(address, options, "format", address.scheme == "file" ? "" : address.scheme);
  if (!format.empty()) {
    read.format = FormatFromText(format);
    read.tab_separated = format == "tsv";
    if (!read.format) {
      return FailWithFix(ErrorKind::kInvalidInput, "write csv, tsv, jsonl, json or parquet",
                         "the file format '{}' is not known", format);
    }
  }
  std::string compression = Setting(address, options, "compression");
  if (compression == "gzip") read.compression = Compression::kGzip;
  if (compression == "zstd") read.compression = Compression::kZstd;
  if (compression == "none") read.compression = Compression::kNone;
  if (std::string delimiter = Setting(address, options, "delimiter"); !delimiter.empty() && delimiter != "auto") {
    NILUS_ASSIGN(read.csv.delimiter, ParseOneCharacter("delimiter", delimiter));
  }
  if (std::string quote = Setting(address, options, "quote", "\""); quote == "none") {
    read.csv.quote = 0;
  } else {
    NILUS_ASSIGN(read.csv.quote, ParseOneCharacter("quote", quote));
  }
  if (read.csv.quote != 0 && read.csv.quote == read.csv.delimiter) {
    return Fail(ErrorKind::kInvalidInput, "delimiter and quote are both '{}'", read.csv.quote);
  }
  std::string header = Setting(address, options, "header", "true");
  auto has_header = ParseBoolean(header);
  if (!has_header)
    return FailWithFix(ErrorKind::kInvalidInput, "write true or false", "header '{}' is not true or false", header);
  read.csv.has_header = *has_header;
  read.csv.null_string = Setting(address, options, "null_string");
  return read;
}

}  // namespace nilus::files
