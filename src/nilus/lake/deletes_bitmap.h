// The deleted rows of one data file, as a compressed set of row positions; and its bytes: Roaring's portable 64-bit
// format (https://github.com/RoaringBitmap/RoaringFormatSpec), wrapped as Iceberg's `deletion-vector-v1` blob.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nilus/base/result.h"

namespace nilus::lake {

// Positions are 0 … 2^63 - 1. Not thread-safe; safe to read from several threads.
class RowBitmap {
 public:
  // False when it was there already. Cheapest in ascending order.
  bool Add(uint64_t position);
  bool Contains(uint64_t position) const;
  // absent[i]: positions[i] is not in the set. Those in a row, as a scan has them, cost half a nanosecond each, and
  // what is in the set a little more.
  void FindAbsent(std::span<const int64_t> positions, bool* absent) const;
  void Union(const RowBitmap& other);
  uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // All positions, ascending, behind those that are there.
  void AppendTo(std::vector<int64_t>* positions) const;
  // About what it holds in memory.
  int64_t ByteSize() const;

  std::string Serialize() const;
  // kData when the bytes are no such bitmap: cut off, unordered, of a cardinality that is not its own, longer than
  // itself, or of more than `limit` positions (a data file's rows: a few bytes may claim billions).
  static Result<RowBitmap> Parse(std::string_view bytes, uint64_t limit);

  friend bool operator==(const RowBitmap&, const RowBitmap&) = default;

 private:
  // 65,536 positions that share their upper 48 bits: sorted low parts, or (from 4,097 on) a bit for each.
  struct Container {
    std::vector<uint16_t> sorted;
    std::vector<uint64_t> words;  // 1,024 of them; empty: `sorted` counts
    uint32_t count = 0;

    bool Add(uint16_t low);
    bool Contains(uint16_t low) const;
    // Of positions that share these upper bits.
    void FindAbsent(std::span<const int64_t> positions, bool* absent) const;
    // absent[i] = false where first + i, up to last, is in the set.
    void MarkPresent(uint16_t first, uint16_t last, bool* absent) const;
    void MakeBits();
    friend bool operator==(const Container&, const Container&) = default;
  };
  static Status ParseContainer(std::string_view* bytes, bool is_runs, uint32_t cardinality, Container* out);
  static Status ParseBitmap32(std::string_view* bytes, uint32_t high, uint64_t limit, RowBitmap* out);

  std::map<uint64_t, Container> containers_;  // by position >> 16
  uint64_t count_ = 0;
};

// The blob: length (big-endian, of what follows without the checksum), magic D1 D3 39 64, the bitmap, CRC-32
// (big-endian, of magic and bitmap).
std::string EncodeDeletionVector(const RowBitmap& rows);
Result<RowBitmap> DecodeDeletionVector(std::string_view blob, uint64_t limit);

}  // namespace nilus::lake
