// JSON files cut into chunks of whole records (objects one after another, or in one array), to be read by several
// threads: the cutting looks at brackets alone, and each chunk carries what its reader needs to go on from there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/connectors/files/byte_stream.h"
#include "nilus/json/structure.h"

namespace nilus::files {

struct JsonChunk {
  std::string buffer;
  std::string_view text;  // in buffer: records and what stands between them; the end of the file whatever it is
  json::Structure structure;
  std::span<const uint32_t> offsets;  // the part of the structure that lies in text
  bool has_structure = false;         // without it the strict scanner reads
  std::string path;                   // of the file, for messages
  int64_t line = 1;                   // of the text's first byte
  int64_t column = 1;                 // the same, in bytes from 1
  bool in_array = false;              // the records are elements of an array …
  bool array_ended = false;           // … which has ended before this chunk
  bool is_first = true;               // no record of the file before this chunk
  bool ends_file = false;

  bool is_large() const { return text.size() > kLargeBytes; }

  // Larger records are found and read without a structure, which takes up to four times their size, and one at a time.
  static constexpr size_t kLargeBytes = 4 << 20;
};

// One thread at a time.
class JsonChunks {
 public:
  // The next file's bytes and name; nothing at the end.
  struct File {
    std::unique_ptr<ByteStream> bytes;
    std::string path;
  };
  using NextFile = std::function<Result<std::optional<File>>()>;

  // A record of more than `largest_row` bytes is kData. `chunk_bytes`: how much of a file is looked at at once.
  JsonChunks(NextFile next_file, size_t largest_row, size_t chunk_bytes = kChunkBytes)
      : next_file_(std::move(next_file)), largest_row_(largest_row), chunk_bytes_(chunk_bytes) {}

  // False at the end of all files. `chunk` may have been used before: its memory is used again.
  Result<bool> Next(JsonChunk* chunk);

 private:
  static constexpr size_t kChunkBytes = 1 << 20;

  // Finds the ends of records by brackets and quotes, byte by byte, over a text that grows.
  struct ByteCut {
    size_t scanned = 0;
    int depth = 0;
    bool in_string = false;
    size_t end = 0;  // behind the last whole record

    void Scan(std::string_view text);
  };

  Status OpenNext(JsonChunk* chunk);
  Status Fill(JsonChunk* chunk);
  Status SkipFileHead(JsonChunk* chunk);
  size_t Cut(JsonChunk* chunk, ByteCut* by_bytes);
  bool FindStructure(JsonChunk* chunk, std::string_view text) const;
  size_t LastRecordEnd(JsonChunk* chunk, std::string_view text) const;
  Status FindRecords(JsonChunk* chunk);
  bool SkipBetween(JsonChunk* chunk);
  bool IsHopeless(const JsonChunk& chunk) const;
  void Finish(JsonChunk* chunk, size_t size);
  void Advance(std::string_view text);
  Failure TooLarge(const JsonChunk& chunk) const;

  NextFile next_file_;
  size_t largest_row_;
  size_t chunk_bytes_;
  std::unique_ptr<ByteStream> bytes_;  // null: between files
  std::string path_;
  std::string rest_;  // read, and behind the last chunk
  size_t used_ = 0;   // bytes of the chunk's buffer that are filled …
  size_t begin_ = 0;  // … and where its text begins
  bool at_end_ = false;
  bool in_array_ = false;
  bool array_ended_ = false;
  bool is_first_ = true;
  int64_t line_ = 1;
  int64_t column_ = 1;
};

// The place of byte `offset` of a chunk's text, for messages. Linear when offsets grow.
class ChunkPlaces {
 public:
  explicit ChunkPlaces(const JsonChunk& chunk) : chunk_(&chunk), line_(chunk.line), column_(chunk.column) {}
  void MoveTo(size_t offset);
  int64_t line() const { return line_; }
  int64_t column() const { return column_; }

 private:
  const JsonChunk* chunk_;
  size_t at_ = 0;
  int64_t line_;
  int64_t column_;
};

}  // namespace nilus::files
