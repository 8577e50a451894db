#include "nilus/connectors/lakehouse/key_index.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string_view>
#include <utility>

#include "nilus/data/cell_bytes.h"

namespace nilus::lakehouse {
namespace {

constexpr size_t kFirstSlots = 1024;

// Live rows take half of the slots at most; those of rows that are gone fill them to three quarters, then they are
// cleared.
size_t SlotsFor(int64_t rows) {
  size_t slots = kFirstSlots;
  while (static_cast<int64_t>(slots / 2) < rows) slots *= 2;
  return slots;
}

std::array<uint64_t, 2> NewSeed() {
  std::random_device device;
  std::array<uint64_t, 2> seed = {};
  for (uint64_t& half : seed) half = uint64_t{device()} << 32 | device();
  return seed;
}

// 64 × 64 → 128 bits, folded.
uint64_t Mum(uint64_t a, uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

KeyHash HashOf(std::string_view bytes, const std::array<uint64_t, 2>& seed) {
  uint64_t a = seed[0] ^ bytes.size();
  uint64_t b = seed[1];
  while (!bytes.empty()) {
    uint64_t word = 0;
    const size_t count = std::min<size_t>(bytes.size(), 8);
    std::memcpy(&word, bytes.data(), count);
    bytes.remove_prefix(count);
    a = Mum(a ^ word, 0xA0761D6478BD642FU ^ seed[1]);
    b = Mum(b ^ word, 0xE7037ED1A0B428DBU ^ seed[0]) + a;
  }
  a = Mum(a ^ 0x8EBC6AF09C88C6E3U, b ^ 0x589965CC75374CC3U);
  b = Mum(b ^ a, 0x1D8E4E27C47D124FU ^ seed[1]);
  return {{static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), static_cast<uint32_t>(b)}};
}

}  // namespace

KeyIndex::KeyIndex(std::shared_ptr<IndexMemory> memory)
    : memory_(std::move(memory)), seed_(NewSeed()), slots_(kFirstSlots) {}

KeyIndex::~KeyIndex() { NoteSlots(kFirstSlots); }

// Memory is counted from the first slots on.
void KeyIndex::NoteSlots(size_t slots) {
  memory_->used_bytes += (static_cast<int64_t>(slots) - static_cast<int64_t>(slots_.size())) * int64_t{sizeof(Slot)};
}

std::vector<std::optional<KeyHash>> KeyIndex::Hash(const RecordBatch& rows, int columns) const {
  std::vector<std::optional<KeyHash>> hashes(static_cast<size_t>(rows.num_rows()));
  std::string bytes;
  for (int64_t row = 0; row < rows.num_rows(); ++row) {
    bytes.clear();
    bool is_null = false;
    for (int i = 0; i < columns && !is_null; ++i) {
      is_null = rows.column(i).IsNull(row);
      if (!is_null) AppendCellBytes(rows.column(i), row, &bytes);
    }
    if (!is_null) hashes[static_cast<size_t>(row)] = HashOf(bytes, seed_);
  }
  return hashes;
}

const KeyIndex::Place* KeyIndex::Find(const KeyHash& key) const {
  for (size_t at = SlotOf(key); slots_[at].place.file != kFree; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key && IsLive(slots_[at])) return &slots_[at].place;
  }
  return nullptr;
}

bool KeyIndex::Put(const KeyHash& key, uint32_t file, uint32_t row) {
  if (Find(key) != nullptr) return false;
  if ((used_ + 1) * 4 > slots_.size() * 3) Rebuild(std::max(slots_.size(), SlotsFor(rows_ + 1)));
  size_t at = SlotOf(key);
  while (IsLive(slots_[at])) at = (at + 1) & (slots_.size() - 1);
  if (slots_[at].place.file == kFree) ++used_;
  slots_[at] = Slot{key, Place{file, row}};
  ++rows_;
  ++live_rows_[file];
  return true;
}

void KeyIndex::Erase(const KeyHash& key) {
  for (size_t at = SlotOf(key); slots_[at].place.file != kFree; at = (at + 1) & (slots_.size() - 1)) {
    if (!(slots_[at].key == key) || !IsLive(slots_[at])) continue;
    --live_rows_[slots_[at].place.file];
    --rows_;
    slots_[at].place.file = kGone;
    return;
  }
}

void KeyIndex::Rebuild(size_t slots) {
  NoteSlots(slots);
  std::vector<Slot> before(slots);
  std::swap(before, slots_);
  used_ = 0;
  for (const Slot& slot : before) {
    if (!IsLive(slot)) continue;
    size_t at = SlotOf(slot.key);
    while (slots_[at].place.file != kFree) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
    ++used_;
  }
}

bool KeyIndex::HasRoomFor(int64_t rows) const {
  if (rows > int64_t{0xFFFFFFFF} || is_live_.size() >= kGone) return false;
  const size_t slots = SlotsFor(rows_ + rows);
  if (slots <= slots_.size()) return true;
  return memory_->used_bytes + static_cast<int64_t>((slots - slots_.size()) * sizeof(Slot)) <= memory_->limit_bytes;
}

void KeyIndex::Reserve(int64_t rows) {
  const size_t slots = SlotsFor(rows_ + rows);
  if (slots > slots_.size()) Rebuild(slots);
}

uint32_t KeyIndex::AddFile(const std::string& path) {
  const auto number = static_cast<uint32_t>(is_live_.size());
  files_[path] = number;
  is_live_.push_back(1);
  live_rows_.push_back(0);
  return number;
}

void KeyIndex::DropFile(const std::string& path) {
  const auto at = files_.find(path);
  if (at == files_.end()) return;
  is_live_[at->second] = 0;
  rows_ -= std::exchange(live_rows_[at->second], 0);
  files_.erase(at);
}

std::optional<uint32_t> KeyIndex::FileNumber(const std::string& path) const {
  const auto at = files_.find(path);
  return at == files_.end() ? std::nullopt : std::optional(at->second);
}

void KeyIndex::Clear() {
  NoteSlots(kFirstSlots);
  slots_.assign(kFirstSlots, Slot{});
  slots_.shrink_to_fit();
  used_ = 0;
  rows_ = 0;
  files_.clear();
  is_live_.clear();
  live_rows_.clear();
}

}  // namespace nilus::lakehouse
