// Where the live rows of a table's data files lie, by a hash of their keys. Pure: who fills it reads the files
// (key_finder.h). Bounded in memory: files whose rows have no room stay outside.
//
// A key counts as its 96-bit hash under a seed of this process's own: with ten million keys two of them meet with a
// probability of about 10^-15.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nilus/data/record_batch.h"

namespace nilus::lakehouse {

struct KeyHash {
  std::array<uint32_t, 3> words = {};
  friend bool operator==(const KeyHash&, const KeyHash&) = default;
};

// What the indexes of several tables hold together, beside the first 20 KiB of each.
struct IndexMemory {
  int64_t limit_bytes = 0;
  int64_t used_bytes = 0;
};

// One thread at a time, also of several that share their memory.
class KeyIndex {
 public:
  explicit KeyIndex(std::shared_ptr<IndexMemory> memory);
  ~KeyIndex();
  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  // Of the first `columns` columns of each row. Nothing: one of them is NULL.
  std::vector<std::optional<KeyHash>> Hash(const RecordBatch& rows, int columns) const;

  struct Place {
    uint32_t file = 0;  // as AddFile numbered it
    uint32_t row = 0;
  };
  // Null: no file that the index has holds the key. Valid until the next change.
  const Place* Find(const KeyHash& key) const;
  // False: a live row has the key already. Keys that are not unique cannot be looked up here.
  bool Put(const KeyHash& key, uint32_t file, uint32_t row);
  void Erase(const KeyHash& key);

  // So many rows fit beside those that are there. Up to 512 always do.
  bool HasRoomFor(int64_t rows) const;
  // Takes that room, before they are put.
  void Reserve(int64_t rows);
  uint32_t AddFile(const std::string& path);
  void DropFile(const std::string& path);
  std::optional<uint32_t> FileNumber(const std::string& path) const;
  int64_t LiveRows(uint32_t file) const { return live_rows_[file]; }
  const std::map<std::string, uint32_t, std::less<>>& files() const { return files_; }
  void Clear();

 private:
  static constexpr uint32_t kFree = 0xFFFFFFFF;  // never used; ends a search
  static constexpr uint32_t kGone = 0xFFFFFFFE;  // was used
  struct Slot {
    KeyHash key;
    Place place{kFree, 0};
  };
  size_t SlotOf(const KeyHash& key) const { return key.words[0] & (slots_.size() - 1); }
  bool IsLive(const Slot& slot) const { return slot.place.file < kGone && is_live_[slot.place.file] != 0; }
  void Rebuild(size_t slots);
  void NoteSlots(size_t slots);

  const std::shared_ptr<IndexMemory> memory_;
  const std::array<uint64_t, 2> seed_;
  std::vector<Slot> slots_;  // open addressing; a power of two
  size_t used_ = 0;          // slots that are not free
  int64_t rows_ = 0;         // live
  std::map<std::string, uint32_t, std::less<>> files_;
  std::vector<uint8_t> is_live_;    // by file number
  std::vector<int64_t> live_rows_;  // the same
};

}  // namespace nilus::lakehouse
