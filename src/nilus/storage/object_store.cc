#include "nilus/storage/object_store.h"

#include <algorithm>

#include "nilus/base/encoding.h"

namespace nilus::storage {
namespace {

constexpr size_t kLongestKeyBytes = 1024;  // S3's and GCS's limit; Azure counts 1024 characters

Status CheckText(std::string_view text, bool is_prefix) {
  auto refuse = [&](std::string_view why) {
    return Fail(ErrorKind::kInvalidInput, "the object name '{}' is refused: {}", text.substr(0, 200), why);
  };
  if (text.size() > kLongestKeyBytes) return refuse(fmt::format("it is longer than {} bytes", kLongestKeyBytes));
  if (!IsValidUtf8(text)) return Fail(ErrorKind::kInvalidInput, "an object name that is not UTF-8 is refused");
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
    return Fail(ErrorKind::kInvalidInput, "an object name with a control character is refused");
  if (text.find('\\') != std::string_view::npos) return refuse("it holds a backslash");
  if (is_prefix && text.empty()) return {};
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('/', start), text.size());
    const std::string_view part = text.substr(start, end - start);
    const bool is_open = is_prefix && end == text.size();  // the last part of a prefix may be the start of any name
    if (part.empty() && !is_open) return refuse("it has an empty part between '/'");
    if ((part == "." || part == "..") && !is_open) return refuse("it leads out of its folder");
    start = end + 1;
  }
  return {};
}

}  // namespace

Status CheckKey(std::string_view key) { return CheckText(key, false); }
Status CheckPrefix(std::string_view prefix) { return CheckText(prefix, true); }

Status ObjectStore::PutHint(std::string_view key, std::string_view bytes, std::stop_token stop) {
  NILUS_TRY(Put(key, bytes, PutCondition::Always(), std::move(stop)));
  return {};
}

Result<PrivateFolder> ObjectStore::MakeScratch() { return MakeTemporaryFolder(kScratchPrefix); }

}  // namespace nilus::storage
