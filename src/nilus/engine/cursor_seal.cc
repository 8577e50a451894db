#include "nilus/engine/cursor_seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

constexpr int kRounds = 200'000;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

struct CipherCloser {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, CipherCloser>;

const uint8_t* Bytes(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }
uint8_t* Bytes(std::string& text) { return reinterpret_cast<uint8_t*>(text.data()); }

Failure CannotOpen() {
  return FailWithFix(ErrorKind::kInvalidInput,
                     "give the source's address (or cursor_secret) as it was then, choose where to go on with `nilus "
                     "state set`, or start over with full_refresh: true",
                     "the committed cursor is of a masked incremental_key and sealed with a key made of the source's "
                     "address (or of cursor_secret), which is another one now");
}

}  // namespace

CursorSeal::CursorSeal(std::string_view secret, std::string_view pipeline) {
  const std::string salt = "nilus cursor " + std::string(pipeline);
  PKCS5_PBKDF2_HMAC(secret.data(), static_cast<int>(secret.size()), Bytes(std::string_view(salt)),
                    static_cast<int>(salt.size()), kRounds, EVP_sha256(), static_cast<int>(key_.size()), key_.data());
}

Result<std::string> CursorSeal::Seal(std::string_view text) const {
  std::string sealed(kNonceBytes + text.size() + kTagBytes, '\0');
  uint8_t* const nonce = Bytes(sealed);
  uint8_t* const body = nonce + kNonceBytes;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_done =
      cipher != nullptr && RAND_bytes(nonce, static_cast<int>(kNonceBytes)) == 1 &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_EncryptUpdate(cipher.get(), body, &size, Bytes(text), static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), body + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes), body + text.size()) == 1;
  if (!is_done) return Fail(ErrorKind::kExhausted, "OpenSSL could not seal the cursor");
  return Base64Encode(sealed);
}

Result<std::string> CursorSeal::Open(std::string_view sealed) const {
  Result<std::string> bytes = Base64Decode(sealed);
  if (!bytes || bytes->size() < kNonceBytes + kTagBytes) return CannotOpen();
  uint8_t* const nonce = Bytes(*bytes);
  uint8_t* const body = nonce + kNonceBytes;
  std::string text(bytes->size() - kNonceBytes - kTagBytes, '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_done =
      cipher != nullptr && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, static_cast<int>(kTagBytes), body + text.size()) == 1 &&
      EVP_DecryptUpdate(cipher.get(), Bytes(text), &size, body, static_cast<int>(text.size())) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), Bytes(text) + size, &size) == 1;
  if (!is_done) return CannotOpen();
  return text;
}

}  // namespace nilus
