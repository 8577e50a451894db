// Avro container files (Avro 1.11 specification, "Object Container Files" and "Binary Encoding"): header, blocks, and
// the values in them. The reader takes hostile bytes; no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "nilus/base/result.h"
#include "nilus/lake/avro_schema.h"

namespace nilus::lake {

// Reads values one after another. Errors stick: after the first one every read gives zeros, and `ok` says so.
class AvroCursor {
 public:
  explicit AvroCursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  void SetFailed() {
    ok_ = false;
    at_ = end_;
  }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }

  int64_t ReadLong();
  int32_t ReadInt();
  bool ReadBool();
  float ReadFloat();
  double ReadDouble();
  std::string_view ReadBytes();  // bytes and strings; into the cursor's own bytes
  std::string_view ReadFixed(int64_t size);
  // The items of an array or map come in blocks: call until 0; each time read as many items.
  int64_t ReadBlockCount();
  // Steps into a union: the type of the value that follows (itself when `type` is no union); kNull: there is none.
  const AvroType& EnterUnion(const AvroType& type);
  // A whole number of an int, long, or null (0, and *is_null set) of any union order; other types fail.
  int64_t ReadWhole(const AvroType& type, bool* is_null);
  void Skip(const AvroType& type, int depth = 0);

 private:
  const char* at_;
  const char* end_;
  bool ok_ = true;
};

struct AvroHeader {
  std::map<std::string, std::string, std::less<>> metadata;
  AvroSchema schema;
  std::string codec;
  std::string sync;          // 16 bytes
  size_t blocks_offset = 0;  // where the first block begins

  std::string_view Metadata(std::string_view key) const;  // empty: absent
};
Result<AvroHeader> ReadAvroHeader(std::string_view bytes);

// The blocks behind a header, decompressed, one after another.
class AvroBlocks {
 public:
  AvroBlocks(std::string_view bytes, const AvroHeader& header);
  // The next block's values into *data and their number; 0: the end.
  Result<int64_t> Next(std::string* data);

 private:
  std::string_view rest_;
  const AvroHeader& header_;
  size_t budget_;  // bytes that may yet come out of compression
};

// --- Writing ---

void AppendAvroLong(int64_t value, std::string* out);
void AppendAvroBytes(std::string_view bytes, std::string* out);

// Builds a whole file in memory. Values are appended to `block()` by the caller, who says when one is complete.
class AvroFileWriter {
 public:
  AvroFileWriter(std::map<std::string, std::string> metadata, std::string_view schema_json);
  std::string& block() { return block_; }
  void FinishValue();
  int64_t ByteSize() const { return static_cast<int64_t>(blocks_raw_ + block_.size()); }
  // `deflate`: where it pays; small files stay as they are.
  std::string Finish(bool deflate);

 private:
  struct Block {
    int64_t count = 0;
    std::string bytes;
  };
  void CloseBlock();

  std::map<std::string, std::string> metadata_;
  std::vector<Block> blocks_;
  std::string block_;
  int64_t block_count_ = 0;
  size_t blocks_raw_ = 0;
};

// A name as Avro takes it: letters, digits and '_', others as "_x2D".
std::string AvroName(std::string_view name);

}  // namespace nilus::lake
