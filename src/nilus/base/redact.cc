#include "nilus/base/redact.h"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

constexpr std::string_view kStars = "***";
constexpr size_t kShortestSecret = 3;

struct Registry {
  std::shared_mutex mutex;
  std::vector<std::string> values;  // longest first, so that a secret inside another never leaves a tail behind
};

Registry& TheRegistry() {
  static Registry* registry = new Registry;  // never destroyed: logging may outlive static destruction
  return *registry;
}

void ReplaceAll(std::string& text, std::string_view from) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + kStars.size())) {
    text.replace(at, from.size(), kStars);
  }
}

// scheme://user:PASSWORD@host: the password runs from the first ':' of the authority to its last '@'. The authority
// ends at white space, a quote or the first '/', '?' or '#' after the last '@' of the word.
void RedactUriPasswords(std::string& text) {
  size_t from = 0;
  while ((from = text.find("://", from)) != std::string::npos) {
    size_t start = from + 3;
    size_t word_end = text.find_first_of(" \t\r\n\"'`<>", start);
    if (word_end == std::string::npos) word_end = text.size();
    // An '@' of the path or query is no end of a password when a '/' stands before it and no ':' before that '/'.
    size_t at = text.rfind('@', word_end == text.size() ? std::string::npos : word_end);
    size_t colon = text.find(':', start);
    if (at != std::string::npos && at > start && at < word_end && colon < at) {
      size_t slash = text.find('/', start);
      if (slash > colon) {
        text.replace(colon + 1, at - colon - 1, kStars);
        word_end = colon + 1 + kStars.size();
      }
    }
    from = std::min(word_end, text.size());
  }
}

constexpr std::string_view kSecretKeys[] = {"password",
                                            "passwd",
                                            "pwd",
                                            "token",
                                            "secret",
                                            "api_key",
                                            "apikey",
                                            "access_key",
                                            "private_key",
                                            "sasl_password",
                                            "sslpassword",
                                            "x-amz-signature",
                                            "x-amz-security-token",
                                            "x-goog-signature",
                                            "sig",
                                            "credentials_base64",
                                            "authorization"};

bool IsWordCharacter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

bool NamesASecret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (std::string_view candidate : kSecretKeys) {
    if (lower == candidate) return true;
    if (candidate.size() > 3 && lower.size() > candidate.size() && lower.ends_with(candidate)) return true;
  }
  return false;
}

// key=value up to white space, '&', ';' or a quote; a quoted value up to its quote. "Authorization: Bearer x" too.
void RedactParameters(std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=' && text[i] != ':') continue;
    size_t key_start = i;
    while (key_start > 0 && IsWordCharacter(text[key_start - 1])) --key_start;
    std::string_view key(text.data() + key_start, i - key_start);
    if (key.empty() || !NamesASecret(key)) continue;
    bool is_header = text[i] == ':';
    if (is_header && !(key.size() == 13)) continue;  // only "Authorization:"; "password: …" is prose
    size_t value_start = i + 1;
    while (value_start < text.size() && text[value_start] == ' ' && is_header) ++value_start;
    if (value_start >= text.size()) break;
    size_t value_end;
    if (text[value_start] == '\'' || text[value_start] == '"') {
      value_end = text.find(text[value_start], value_start + 1);
      ++value_start;
    } else {
      value_end = text.find_first_of(is_header ? "\r\n\"'" : " \t\r\n&;\"'", value_start);
    }
    if (value_end == std::string::npos) value_end = text.size();
    if (value_end > value_start) text.replace(value_start, value_end - value_start, kStars);
    i = value_start + kStars.size() - 1;
  }
}

}  // namespace

void RegisterSecret(std::string_view value) {
  if (value.size() < kShortestSecret) return;
  // A file's secret ends in a line end that its users leave out.
  if (size_t last = value.find_last_not_of(" \t\r\n"); last + 1 < value.size())
    RegisterSecret(value.substr(0, last + 1));
  Registry& registry = TheRegistry();
  std::unique_lock lock(registry.mutex);
  for (std::string form : {std::string(value), PercentEncode(value), Base64Encode(value)}) {
    if (std::find(registry.values.begin(), registry.values.end(), form) == registry.values.end()) {
      registry.values.push_back(std::move(form));
    }
  }
  std::sort(registry.values.begin(), registry.values.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

std::string Redact(std::string_view text) {
  std::string result(text);
  {
    Registry& registry = TheRegistry();
    std::shared_lock lock(registry.mutex);
    for (const std::string& value : registry.values) ReplaceAll(result, value);
  }
  RedactUriPasswords(result);
  RedactParameters(result);
  return result;
}

void ForgetSecretsForTesting() {
  Registry& registry = TheRegistry();
  std::unique_lock lock(registry.mutex);
  registry.values.clear();
}

}  // namespace nilus
