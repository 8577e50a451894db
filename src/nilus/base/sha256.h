// SHA-256 (FIPS 180-4) of very many short texts: ids, keys and masks of rows. OpenSSL's own code, without what its EVP
// layer does around each digest (memory given back and taken anew), which costs as much as a row's digest itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nilus {

// One thread at a time. Copyable.
class Sha256 {
 public:
  using Digest = std::array<uint8_t, 32>;

  Sha256() { Begin(); }
  void Begin();  // anew, with nothing added
  void Add(std::string_view bytes);
  Digest Finish();  // of all that was added; then as new

  static Digest Of(std::string_view bytes);

 private:
  static constexpr size_t kStateBytes = 112;  // an SHA256_CTX
  alignas(uint64_t) std::array<std::byte, kStateBytes> state_;
};

}  // namespace nilus
