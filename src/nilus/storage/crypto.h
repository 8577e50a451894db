// The digests and signatures that object stores ask for, over OpenSSL.
#pragma once

#include <string>
#include <string_view>

#include "nilus/base/result.h"

namespace nilus::storage {

std::string HmacSha256(std::string_view key, std::string_view message);  // 32 bytes
std::string Md5(std::string_view bytes);                                 // 16 bytes
// Base64 with '-' and '_', without padding (RFC 4648, section 5).
std::string Base64Url(std::string_view bytes);
// RSASSA-PKCS1-v1_5 over SHA-256 with a PEM private key: what JWTs call RS256. kAuth when the key cannot be read.
Result<std::string> SignRs256(std::string_view private_key_pem, std::string_view message);

}  // namespace nilus::storage
