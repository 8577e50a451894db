// What a mask made of recent values. Columns that are masked by their dates or buckets have few different ones.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace nilus {

// Values by whole-number keys, each key in the one place that its last bits give; whoever comes later takes the place.
template <typename Value>
class MaskMemo {
 public:
  // The value of `key`, made by `make()` unless it is remembered. Holds until the next call.
  template <typename Make>
  const Value& Get(int64_t key, Make make) {
    Slot& slot = (*slots_)[static_cast<uint64_t>(key) % kSlots];
    if (!slot.is_used || slot.key != key) slot = Slot{.is_used = true, .key = key, .value = make()};
    return slot.value;
  }

 private:
  static constexpr uint64_t kSlots = 4096;  // the days of eleven years
  struct Slot {
    bool is_used = false;
    int64_t key = 0;
    Value value{};
  };
  std::unique_ptr<std::array<Slot, kSlots>> slots_ = std::make_unique<std::array<Slot, kSlots>>();
};

}  // namespace nilus
