// Secrets never reach an output. Whoever resolves a secret registers it here once; whatever leaves the process (logs,
// errors, reports, records) passes through Redact. Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace nilus {

// From now on every occurrence of `value` in redacted text becomes `***`, also its percent-encoded and base64 forms.
// Values shorter than 3 bytes are not registered: replacing them would garble every message, and hide nothing.
void RegisterSecret(std::string_view value);

// `text` with registered secrets, URI passwords (`scheme://user:…@`), `password=`/`token=`/`secret=`-like parameters,
// `Authorization` headers and signatures of presigned URLs replaced by `***`.
std::string Redact(std::string_view text);

// Only for tests: forgets all registered secrets.
void ForgetSecretsForTesting();

}  // namespace nilus
