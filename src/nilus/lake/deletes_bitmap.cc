#include "nilus/lake/deletes_bitmap.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <span>

namespace nilus::lake {
namespace {

bool AreInARow(std::span<const int64_t> positions) {
  const auto first = static_cast<uint64_t>(positions.front());
  uint64_t difference = 0;
  for (size_t i = 0; i < positions.size(); ++i) difference |= static_cast<uint64_t>(positions[i]) ^ (first + i);
  return difference == 0;
}

// Numbers of the portable format.
constexpr uint32_t kCookieWithoutRuns = 12346;
constexpr uint32_t kCookieWithRuns = 12347;
constexpr uint32_t kArrayLimit = 4096;    // more values than this stand as bits
constexpr uint32_t kOffsetThreshold = 4;  // with runs, fewer containers than this have no offsets
constexpr uint32_t kContainerBits = 65'536;
constexpr size_t kContainerWords = kContainerBits / 64;
constexpr std::string_view kMagic("\xD1\xD3\x39\x64", 4);

Failure Damaged(std::string_view what) { return Fail(ErrorKind::kData, "a deletion vector is damaged: {}", what); }

template <typename T>
void AppendLittle(T value, std::string* out) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

template <typename T>
bool TakeLittle(std::string_view* bytes, T* value) {
  if (bytes->size() < sizeof(T)) return false;
  T result = 0;
  for (size_t i = 0; i < sizeof(T); ++i)
    result = static_cast<T>(result | static_cast<T>(static_cast<T>(static_cast<uint8_t>((*bytes)[i])) << (8 * i)));
  bytes->remove_prefix(sizeof(T));
  *value = result;
  return true;
}

void AppendBig32(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) out->push_back(static_cast<char>(value >> shift & 0xFF));
}
uint32_t Big32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint32_t Checksum(std::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(crc32_z(0, nullptr, 0), reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

void RowBitmap::Container::MakeBits() {
  words.assign(kContainerWords, 0);
  for (uint16_t low : sorted) words[low >> 6] |= uint64_t{1} << (low & 63);
  sorted.clear();
  sorted.shrink_to_fit();
}

bool RowBitmap::Container::Contains(uint16_t low) const {
  if (!words.empty()) return (words[low >> 6] >> (low & 63) & 1) != 0;
  return std::binary_search(sorted.begin(), sorted.end(), low);
}

bool RowBitmap::Container::Add(uint16_t low) {
  if (words.empty()) {
    auto at =
        sorted.empty() || sorted.back() < low ? sorted.end() : std::lower_bound(sorted.begin(), sorted.end(), low);
    if (at != sorted.end() && *at == low) return false;
    sorted.insert(at, low);
    ++count;
    if (count > kArrayLimit) MakeBits();
    return true;
  }
  uint64_t& word = words[low >> 6];
  const uint64_t bit = uint64_t{1} << (low & 63);
  if ((word & bit) != 0) return false;
  word |= bit;
  ++count;
  return true;
}

bool RowBitmap::Add(uint64_t position) {
  auto at = containers_.end();
  const uint64_t high = position >> 16;
  if (!containers_.empty() && containers_.rbegin()->first == high) {
    at = std::prev(containers_.end());
  } else {
    at = containers_.try_emplace(high).first;
  }
  if (!at->second.Add(static_cast<uint16_t>(position & 0xFFFF))) return false;
  ++count_;
  return true;
}

bool RowBitmap::Contains(uint64_t position) const {
  auto at = containers_.find(position >> 16);
  return at != containers_.end() && at->second.Contains(static_cast<uint16_t>(position & 0xFFFF));
}

void RowBitmap::Container::FindAbsent(std::span<const int64_t> positions, bool* absent) const {
  const auto low_of = [&](size_t i) { return static_cast<uint16_t>(positions[i] & 0xFFFF); };
  if (!words.empty()) {
    for (size_t i = 0; i < positions.size(); ++i) absent[i] = (words[low_of(i) >> 6] >> (low_of(i) & 63) & 1) == 0;
    return;
  }
  auto at = std::lower_bound(sorted.begin(), sorted.end(), low_of(0));
  for (size_t i = 0; i < positions.size(); ++i) {
    const uint16_t low = low_of(i);
    if (i > 0 && low < low_of(i - 1)) at = std::lower_bound(sorted.begin(), at, low);
    while (at != sorted.end() && *at < low) ++at;
    absent[i] = at == sorted.end() || *at != low;
  }
}

void RowBitmap::Container::MarkPresent(uint16_t first, uint16_t last, bool* absent) const {
  if (words.empty()) {
    for (auto at = std::lower_bound(sorted.begin(), sorted.end(), first); at != sorted.end() && *at <= last; ++at)
      absent[*at - first] = false;
    return;
  }
  for (uint32_t word = first >> 6; word <= last >> 6U; ++word) {
    for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
      const uint32_t low = word * 64 + static_cast<uint32_t>(std::countr_zero(bits));
      if (low >= first && low <= last) absent[low - first] = false;
    }
  }
}

void RowBitmap::FindAbsent(std::span<const int64_t> positions, bool* absent) const {
  if (positions.empty()) return;
  if (AreInARow(positions)) {
    std::fill(absent, absent + positions.size(), true);
    const auto first = static_cast<uint64_t>(positions.front());
    const auto last = static_cast<uint64_t>(positions.back());
    for (auto at = containers_.lower_bound(first >> 16); at != containers_.end() && at->first <= last >> 16; ++at) {
      const uint64_t begin = std::max(first, at->first << 16);
      const uint64_t end = std::min(last, at->first << 16 | 0xFFFF);
      at->second.MarkPresent(static_cast<uint16_t>(begin & 0xFFFF), static_cast<uint16_t>(end & 0xFFFF),
                             absent + (begin - first));
    }
    return;
  }
  for (size_t first = 0; first < positions.size();) {
    const int64_t high = positions[first] >> 16;
    size_t end = first + 1;
    while (end < positions.size() && positions[end] >> 16 == high) ++end;
    auto at = containers_.find(static_cast<uint64_t>(high));
    if (at == containers_.end()) {
      std::fill(absent + first, absent + end, true);
    } else {
      at->second.FindAbsent(positions.subspan(first, end - first), absent + first);
    }
    first = end;
  }
}

void RowBitmap::Union(const RowBitmap& other) {
  for (const auto& [high, theirs] : other.containers_) {
    auto [at, is_new] = containers_.try_emplace(high, theirs);
    if (is_new) {
      count_ += theirs.count;
      continue;
    }
    Container& ours = at->second;
    const uint32_t before = ours.count;
    for (uint16_t low : theirs.sorted) ours.Add(low);
    if (!theirs.words.empty()) {
      if (ours.words.empty()) ours.MakeBits();
      ours.count = 0;
      for (size_t i = 0; i < kContainerWords; ++i) {
        ours.words[i] |= theirs.words[i];
        ours.count += static_cast<uint32_t>(std::popcount(ours.words[i]));
      }
    }
    count_ += ours.count - before;
  }
}

void RowBitmap::AppendTo(std::vector<int64_t>* positions) const {
  positions->reserve(positions->size() + count_);
  for (const auto& [high, container] : containers_) {
    const uint64_t base = high << 16;
    for (uint16_t low : container.sorted) positions->push_back(static_cast<int64_t>(base | low));
    for (size_t i = 0; i < container.words.size(); ++i) {
      for (uint64_t word = container.words[i]; word != 0; word &= word - 1)
        positions->push_back(static_cast<int64_t>(base | i << 6 | static_cast<uint64_t>(std::countr_zero(word))));
    }
  }
}

int64_t RowBitmap::ByteSize() const {
  int64_t bytes = 0;
  for (const auto& [high, container] : containers_)
    bytes += 96 + static_cast<int64_t>(container.sorted.size() * 2 + container.words.size() * 8);
  return bytes;
}

std::string RowBitmap::Serialize() const {
  std::string out;
  const auto next_bitmap = [&](auto from) {
    return std::find_if(from, containers_.end(), [&](const auto& one) { return one.first >> 16 != from->first >> 16; });
  };
  uint64_t bitmaps = 0;
  for (auto at = containers_.begin(); at != containers_.end(); at = next_bitmap(at)) ++bitmaps;
  AppendLittle<uint64_t>(bitmaps, &out);
  for (auto first = containers_.begin(); first != containers_.end();) {
    const auto end = next_bitmap(first);
    AppendLittle<uint32_t>(static_cast<uint32_t>(first->first >> 16), &out);
    const size_t start = out.size();
    const auto count = static_cast<uint32_t>(std::distance(first, end));
    AppendLittle<uint32_t>(kCookieWithoutRuns, &out);
    AppendLittle<uint32_t>(count, &out);
    for (auto at = first; at != end; ++at) {
      AppendLittle<uint16_t>(static_cast<uint16_t>(at->first & 0xFFFF), &out);
      AppendLittle<uint16_t>(static_cast<uint16_t>(at->second.count - 1), &out);
    }
    uint32_t offset = static_cast<uint32_t>(out.size() - start) + 4 * count;
    for (auto at = first; at != end; ++at) {
      AppendLittle<uint32_t>(offset, &out);
      offset += at->second.words.empty() ? 2 * at->second.count : static_cast<uint32_t>(kContainerBits / 8);
    }
    for (auto at = first; at != end; ++at) {
      for (uint16_t low : at->second.sorted) AppendLittle<uint16_t>(low, &out);
      for (uint64_t word : at->second.words) AppendLittle<uint64_t>(word, &out);
    }
    first = end;
  }
  return out;
}

Status RowBitmap::ParseContainer(std::string_view* bytes, bool is_runs, uint32_t cardinality, Container* out) {
  if (is_runs) {
    uint16_t runs = 0;
    if (!TakeLittle(bytes, &runs)) return Damaged("it is cut off");
    out->words.assign(kContainerWords, 0);
    uint32_t next = 0;
    for (uint16_t i = 0; i < runs; ++i) {
      uint16_t start = 0;
      uint16_t more = 0;
      if (!TakeLittle(bytes, &start) || !TakeLittle(bytes, &more)) return Damaged("it is cut off");
      const uint32_t end = uint32_t{start} + more + 1;
      if (start < next || end > kContainerBits) return Damaged("its runs are not in order");
      for (uint32_t low = start; low < end; ++low) out->words[low >> 6] |= uint64_t{1} << (low & 63);
      out->count += end - start;
      next = end;
    }
    if (out->count <= kArrayLimit) {
      for (uint32_t low = 0; low < kContainerBits; ++low) {
        if ((out->words[low >> 6] >> (low & 63) & 1) != 0) out->sorted.push_back(static_cast<uint16_t>(low));
      }
      out->words.clear();
    }
  } else if (cardinality <= kArrayLimit) {
    if (bytes->size() < size_t{cardinality} * 2) return Damaged("it is cut off");
    out->sorted.resize(cardinality);
    for (uint32_t i = 0; i < cardinality; ++i) {
      TakeLittle(bytes, &out->sorted[i]);
      if (i > 0 && out->sorted[i] <= out->sorted[i - 1]) return Damaged("its positions are not in order");
    }
    out->count = cardinality;
  } else {
    if (bytes->size() < kContainerBits / 8) return Damaged("it is cut off");
    out->words.resize(kContainerWords);
    for (uint64_t& word : out->words) {
      TakeLittle(bytes, &word);
      out->count += static_cast<uint32_t>(std::popcount(word));
    }
  }
  if (out->count != cardinality) return Damaged("a container holds another number of positions than it says");
  return {};
}

Status RowBitmap::ParseBitmap32(std::string_view* bytes, uint32_t high, uint64_t limit, RowBitmap* out) {
  uint32_t cookie = 0;
  uint32_t count = 0;
  if (!TakeLittle(bytes, &cookie)) return Damaged("it is cut off");
  const bool has_runs = (cookie & 0xFFFF) == kCookieWithRuns;
  if (has_runs) {
    count = (cookie >> 16) + 1;
  } else if (cookie != kCookieWithoutRuns || !TakeLittle(bytes, &count)) {
    return Damaged("it has another cookie than Roaring's portable format");
  }
  if (count > kContainerBits) return Damaged("it has too many containers");
  std::string_view run_flags;
  if (has_runs) {
    const size_t flag_bytes = (count + 7) / 8;
    if (bytes->size() < flag_bytes) return Damaged("it is cut off");
    run_flags = bytes->substr(0, flag_bytes);
    bytes->remove_prefix(flag_bytes);
  }
  struct Head {
    uint16_t key = 0;
    uint16_t cardinality = 0;  // less one
  };
  if (bytes->size() < size_t{count} * 4) return Damaged("it is cut off");
  std::vector<Head> heads(count);
  for (Head& head : heads) {
    TakeLittle(bytes, &head.key);
    TakeLittle(bytes, &head.cardinality);
  }
  if (!has_runs || count >= kOffsetThreshold) {
    if (bytes->size() < size_t{count} * 4) return Damaged("it is cut off");
    bytes->remove_prefix(size_t{count} * 4);  // containers follow one another: their offsets say nothing new
  }
  for (uint32_t i = 0; i < count; ++i) {
    if (i > 0 && heads[i].key <= heads[i - 1].key) return Damaged("its containers are not in order");
    const bool is_runs = has_runs && (static_cast<uint8_t>(run_flags[i / 8]) >> (i % 8) & 1) != 0;
    Container container;
    NILUS_TRY(ParseContainer(bytes, is_runs, uint32_t{heads[i].cardinality} + 1, &container));
    out->count_ += container.count;
    if (out->count_ > limit) return Damaged("it holds more positions than its data file has rows");
    out->containers_.emplace_hint(out->containers_.end(), uint64_t{high} << 16 | heads[i].key, std::move(container));
  }
  return {};
}

Result<RowBitmap> RowBitmap::Parse(std::string_view bytes, uint64_t limit) {
  uint64_t bitmaps = 0;
  if (!TakeLittle(&bytes, &bitmaps)) return Damaged("it is cut off");
  RowBitmap result;
  int64_t last = -1;
  for (uint64_t i = 0; i < bitmaps; ++i) {
    uint32_t high = 0;
    if (!TakeLittle(&bytes, &high)) return Damaged("it is cut off");
    if (high > 0x7FFF'FFFF || int64_t{high} <= last) return Damaged("its bitmaps are not in order");
    last = high;
    NILUS_TRY(ParseBitmap32(&bytes, high, limit, &result));
  }
  if (!bytes.empty()) return Damaged("bytes stand behind its end");
  return result;
}

std::string EncodeDeletionVector(const RowBitmap& rows) {
  std::string body(kMagic);
  body += rows.Serialize();
  std::string blob;
  blob.reserve(body.size() + 8);
  AppendBig32(static_cast<uint32_t>(body.size()), &blob);
  blob += body;
  AppendBig32(Checksum(body), &blob);
  return blob;
}

Result<RowBitmap> DecodeDeletionVector(std::string_view blob, uint64_t limit) {
  constexpr size_t kOverhead = 8;
  if (blob.size() < kOverhead + kMagic.size() || Big32(blob) != blob.size() - kOverhead)
    return Damaged("its length is not what it says");
  const std::string_view body = blob.substr(4, blob.size() - kOverhead);
  if (!body.starts_with(kMagic)) return Damaged("it does not begin with the magic number");
  if (Big32(blob.substr(blob.size() - 4)) != Checksum(body)) return Damaged("its checksum is wrong");
  return RowBitmap::Parse(body.substr(kMagic.size()), limit);
}

}  // namespace nilus::lake
