// Where an incremental_key is masked, its highest raw value still has to be remembered, and the position stands at the
// destination, which is to hold no raw value. So it is sealed there, with a key that only who reads the source has.
//
// A sealed text is base64 of: 12 bytes of nonce, the text under AES-256-GCM (NIST SP 800-38D), 16 bytes of tag. The key
// is PBKDF2-HMAC-SHA-256 (RFC 8018) of the secret, salted with the pipeline's name, which the text is bound to with
// it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus {

// Thread-safe. Making one takes some 50 ms, by intent: a secret may be a short password.
class CursorSeal {
 public:
  CursorSeal(std::string_view secret, std::string_view pipeline);

  Result<std::string> Seal(std::string_view text) const;
  // kInvalidInput: it was sealed with another secret, for another pipeline, or is damaged.
  Result<std::string> Open(std::string_view sealed) const;

 private:
  std::array<uint8_t, 32> key_{};
};

}  // namespace nilus
