#include "nilus/base/sha256.h"

// These functions are OpenSSL's old interface, which version 3 advises against because no provider can stand in for it.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <new>

namespace nilus {
namespace {

SHA256_CTX* In(std::byte* state) { return std::launder(reinterpret_cast<SHA256_CTX*>(state)); }

}  // namespace

void Sha256::Begin() {
  static_assert(sizeof(SHA256_CTX) == kStateBytes && alignof(SHA256_CTX) <= alignof(uint64_t));
  SHA256_Init(new (state_.data()) SHA256_CTX);
}

void Sha256::Add(std::string_view bytes) { SHA256_Update(In(state_.data()), bytes.data(), bytes.size()); }

Sha256::Digest Sha256::Finish() {
  Digest digest;
  SHA256_Final(digest.data(), In(state_.data()));
  Begin();
  return digest;
}

Sha256::Digest Sha256::Of(std::string_view bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Finish();
}

}  // namespace nilus
