// Masks that put a digest in the place of a value: the same value has the same digest everywhere.
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "nilus/base/sha256.h"
#include "nilus/rows/mask_families.h"

namespace nilus {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";
constexpr MaskProblem kNoDigest = "could not be digested: OpenSSL refused";
// RFC 4122, appendix C: the name space of domain names. Any fixed one would do; this is the one that most
// libraries' examples use.
constexpr std::array<unsigned char, 16> kUuidNamespace = {0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                                          0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

struct Free {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

char* PutHex(const unsigned char* bytes, size_t count, char* out) {
  for (size_t i = 0; i < count; ++i) {
    *out++ = kHexDigits[bytes[i] >> 4];
    *out++ = kHexDigits[bytes[i] & 15];
  }
  return out;
}

using Bytes = std::array<unsigned char, EVP_MAX_MD_SIZE>;

// A plain digest. The context is set up once and only begun anew for every value.
class Digest {
 public:
  bool Init(const char* name) {
    digest_.reset(EVP_MD_fetch(nullptr, name, nullptr));
    context_.reset(EVP_MD_CTX_new());
    return digest_ != nullptr && context_ != nullptr && EVP_DigestInit_ex2(context_.get(), digest_.get(), nullptr) == 1;
  }
  // The number of bytes; 0: OpenSSL failed.
  size_t operator()(std::string_view prefix, std::string_view text, Bytes* out) {
    unsigned int size = 0;
    bool ok = EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
              EVP_DigestUpdate(context_.get(), prefix.data(), prefix.size()) == 1 &&
              EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1 &&
              EVP_DigestFinal_ex(context_.get(), out->data(), &size) == 1;
    return ok ? size : 0;
  }

 private:
  std::unique_ptr<EVP_MD, Free> digest_;
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

class Hmac {
 public:
  bool Init(const std::string& key) {
    std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (mac == nullptr) return false;
    context_.reset(EVP_MAC_CTX_new(mac.get()));
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    return context_ != nullptr &&
           EVP_MAC_init(context_.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(), params) == 1;
  }
  size_t operator()(std::string_view text, Bytes* out) {
    size_t size = 0;
    bool ok = EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&  // the same key again
              EVP_MAC_update(context_.get(), reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1 &&
              EVP_MAC_final(context_.get(), out->data(), &size, out->size()) == 1;
    return ok ? size : 0;
  }

 private:
  std::unique_ptr<EVP_MAC_CTX, Free> context_;
};

// Hex of whatever `digest(text, &bytes)` makes of a text.
class HexMask : public Mask {
 protected:
  explicit HexMask(const MaskRule& rule) : Mask(rule, MakeType(TypeId::kText)) {}

  template <typename Digests>
  Result<Column> ApplyWith(const Column& column, Digests digest) {
    ColumnBuilder out(result_type());
    Bytes bytes;
    MaskProblem problem =
        MaskTexts(column, &out, &scratch_, [&](std::string_view text, ColumnBuilder* to) -> MaskProblem {
          const size_t size = digest(text, &bytes);
          if (size == 0) return kNoDigest;
          if (to->WouldOverflow(size * 2)) return kTooManyBytes;
          PutHex(bytes.data(), size, to->StartBytes(size * 2));
          to->FinishBytes(size * 2);
          return nullptr;
        });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  std::string scratch_;
};

class Sha256Mask final : public HexMask {
 public:
  explicit Sha256Mask(const MaskRule& rule) : HexMask(rule) {}
  Result<Column> Apply(const Column& column) override {
    return ApplyWith(column, [&](std::string_view text, Bytes* bytes) {
      hash_.Add(text);
      const Sha256::Digest digest = hash_.Finish();
      std::copy(digest.begin(), digest.end(), bytes->begin());
      return digest.size();
    });
  }

 private:
  Sha256 hash_;
};

class DigestMask final : public HexMask {
 public:
  DigestMask(const MaskRule& rule, Digest digest) : HexMask(rule), digest_(std::move(digest)) {}
  Result<Column> Apply(const Column& column) override {
    return ApplyWith(column, [&](std::string_view text, Bytes* bytes) { return digest_({}, text, bytes); });
  }

 private:
  Digest digest_;
};

class HmacMask final : public HexMask {
 public:
  HmacMask(const MaskRule& rule, Hmac hmac) : HexMask(rule), hmac_(std::move(hmac)) {}
  Result<Column> Apply(const Column& column) override {
    return ApplyWith(column, [&](std::string_view text, Bytes* bytes) { return hmac_(text, bytes); });
  }

 private:
  Hmac hmac_;
};

// RFC 4122, version 5: the first 16 bytes of SHA-1 over name space and name, with version and variant set.
class UuidMask final : public Mask {
 public:
  UuidMask(const MaskRule& rule, Digest sha1) : Mask(rule, MakeType(TypeId::kText)), sha1_(std::move(sha1)) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    constexpr std::string_view kGroups = "\4\2\2\2\6";  // bytes between the hyphens
    constexpr size_t kTextBytes = 36;
    const std::string_view name_space(reinterpret_cast<const char*>(kUuidNamespace.data()), kUuidNamespace.size());
    Bytes bytes;
    MaskProblem problem =
        MaskTexts(column, &out, &scratch_, [&](std::string_view text, ColumnBuilder* to) -> MaskProblem {
          if (sha1_(name_space, text, &bytes) == 0) return kNoDigest;
          if (to->WouldOverflow(kTextBytes)) return kTooManyBytes;
          bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x50);
          bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);
          char* at = to->StartBytes(kTextBytes);
          size_t done = 0;
          for (char group : kGroups) {
            if (done > 0) *at++ = '-';
            at = PutHex(bytes.data() + done, static_cast<size_t>(group), at);
            done += static_cast<size_t>(group);
          }
          to->FinishBytes(kTextBytes);
          return nullptr;
        });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  Digest sha1_;
  std::string scratch_;
};

Failure NoAlgorithm(const MaskRule& rule) {
  return FailWithFix(ErrorKind::kUnsupported, "use hash or another mask",
                     "column `{}` cannot be masked with {}: this machine's OpenSSL does not offer what it needs",
                     rule.column, rule.algorithm);
}

}  // namespace

Result<std::unique_ptr<Mask>> MakeDigestMask(const MaskRule& rule) {
  const std::string& name = rule.algorithm;
  if (name == "hmac") {
    if (rule.parameter.empty()) {
      return FailWithFix(ErrorKind::kInvalidInput, "write hmac:{HMAC_KEY}", "the mask hmac of column `{}` has no key",
                         rule.column);
    }
    Hmac hmac;
    if (!hmac.Init(rule.parameter)) return NoAlgorithm(rule);
    return std::make_unique<HmacMask>(rule, std::move(hmac));
  }
  if (name == "hash" || name == "sha256") return std::make_unique<Sha256Mask>(rule);
  if (name != "md5" && name != "uuid") return std::unique_ptr<Mask>();
  Digest digest;
  if (!digest.Init(name == "md5" ? "MD5" : "SHA1")) return NoAlgorithm(rule);
  if (name == "uuid") return std::make_unique<UuidMask>(rule, std::move(digest));
  return std::make_unique<DigestMask>(rule, std::move(digest));
}

}  // namespace nilus
