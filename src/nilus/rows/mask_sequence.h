// What the mask `sequential` counts by: every distinct value of a column has a number, 1, 2, 3, … in the order of their
// first arrival, in this run and in later ones.
//
// Values are known by digests only: 96 bits of HMAC-SHA-256 under a random key of the sequence's own. The key stands
// beside them, so they do not hide values that can be guessed from somebody who reads the destination's state: they
// keep the values themselves, and tables made in advance, out of it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "nilus/base/result.h"

namespace nilus {

// Thread-safe.
class MaskSequence {
 public:
  // Distinct values of one column at most: the text has 16 bytes for each, and is written with every commit.
  static constexpr int64_t kMaxValues = 250'000;

  // Without any value; kInternal when the machine gives no random key.
  static Result<std::shared_ptr<MaskSequence>> Create();
  // Reads what ToText wrote: "<key, 32 hex digits>:<base64 of 12 bytes a value, in the order of their numbers>".
  // kInvalidInput for anything else. Safe for hostile input.
  static Result<std::shared_ptr<MaskSequence>> Parse(std::string_view text);
  std::string ToText() const;

  // The value's number, now or already given. 0: there is no room for a new one (or OpenSSL failed).
  int64_t NumberOf(std::string_view value);
  int64_t size() const;

 private:
  using Key = std::array<unsigned char, 16>;
  using Digest = std::array<unsigned char, 12>;
  struct DigestHasher {
    size_t operator()(const Digest& digest) const {
      size_t hash = 0;
      std::memcpy(&hash, digest.data(), sizeof hash);
      return hash;
    }
  };
  explicit MaskSequence(const Key& key) : key_(key) {}
  bool DigestOf(std::string_view value, Digest* digest) const;

  const Key key_;
  mutable std::mutex mutex_;
  std::unordered_map<Digest, int64_t, DigestHasher> numbers_;  // guarded by mutex_, as is order_
  std::vector<Digest> order_;
};

}  // namespace nilus
