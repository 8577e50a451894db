// Any bytes as an address. What must hold: a filled-in secret arrives whole, and no error or display shows it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nilus/base/address.h"
#include "nilus/base/redact.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  static const std::string kCanary = "c4n@ry:/?#&=+;%41\\'\"{X}()*$! end";
  auto canary = [](std::string_view) { return std::optional<std::string>(kCanary); };
  auto address = nilus::ParseAddress(text, canary);
  if (address) {
    if (address->scheme.empty() || address->port < 0 || address->port > 65535) abort();
    address->Hosts();
    if (address->password.find(kCanary) != std::string::npos &&
        nilus::Redact(address->ToDisplay()).find(kCanary) != std::string::npos &&
        address->user.find(kCanary) == std::string::npos && address->host.find(kCanary) == std::string::npos &&
        address->path.find(kCanary) == std::string::npos) {
      abort();
    }
  } else if (address.error().ToString().find(kCanary) != std::string::npos) {
    abort();
  }
  nilus::ForgetSecretsForTesting();

  // The input as a secret: whatever it holds, it is the password.
  std::string secret(text.substr(0, 4096));
  auto lookup = [&](std::string_view) { return std::optional<std::string>(secret); };
  auto filled = nilus::ParseAddress("postgresql://u:{SECRET}@h:1/d?sslpassword=${SECRET}&x=1", lookup);
  if (secret.find('\0') != std::string::npos) {
    if (filled) abort();
  } else if (!filled || filled->password != secret || filled->Param("sslpassword") != secret || filled->host != "h" ||
             filled->path != "d") {
    abort();
  }
  nilus::ForgetSecretsForTesting();
  return 0;
}
