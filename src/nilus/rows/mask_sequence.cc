#include "nilus/rows/mask_sequence.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>

#include "nilus/base/encoding.h"
#include "nilus/base/text.h"
#include "nilus/rows/mask_families.h"

namespace nilus {
namespace {

Failure Damaged(std::string_view what) {
  return FailWithFix(ErrorKind::kInvalidInput, "start over with `nilus state reset` or full_refresh: true",
                     "the numbers of a sequential mask are damaged: {}", what);
}

// The number of every value as bigint.
class SequentialMask final : public Mask {
 public:
  SequentialMask(const MaskRule& rule, std::shared_ptr<MaskSequence> sequence)
      : Mask(rule, MakeType(TypeId::kInt64)), sequence_(std::move(sequence)) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem =
        MaskTexts(column, &out, &scratch_, [&](std::string_view text, ColumnBuilder* to) -> MaskProblem {
          const int64_t number = sequence_->NumberOf(text);
          if (number == 0) return "has no number: 250,000 different ones have theirs, and there is no room for more";
          to->Append<int64_t>(number);
          return nullptr;
        });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  const std::shared_ptr<MaskSequence> sequence_;
  std::string scratch_;
};

}  // namespace

Result<std::shared_ptr<MaskSequence>> MaskSequence::Create() {
  Key key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) {
    return Fail(ErrorKind::kInternal, "the machine gives no random numbers for the key of a sequential mask");
  }
  return std::shared_ptr<MaskSequence>(new MaskSequence(key));
}

Result<std::shared_ptr<MaskSequence>> MaskSequence::Parse(std::string_view text) {
  Key key{};
  const size_t key_digits = key.size() * 2;
  if (text.size() <= key_digits || text[key_digits] != ':') return Damaged("they have no key");
  for (size_t i = 0; i < key.size(); ++i) {
    const int high = HexDigit(text[i * 2]);
    const int low = HexDigit(text[i * 2 + 1]);
    if (high < 0 || low < 0) return Damaged("their key is not hex");
    key[i] = static_cast<unsigned char>(high * 16 + low);
  }
  text.remove_prefix(key_digits + 1);
  constexpr size_t kMaxBytes = static_cast<size_t>(kMaxValues) * sizeof(Digest);
  if (text.size() > kMaxBytes / 3 * 4 + 4) return Damaged("there are too many");
  Result<std::string> bytes = Base64Decode(text);
  if (!bytes || bytes->size() % sizeof(Digest) != 0 || bytes->size() > kMaxBytes) {
    return Damaged("they are no base64 of whole digests");
  }
  std::shared_ptr<MaskSequence> sequence(new MaskSequence(key));
  std::lock_guard lock(sequence->mutex_);
  const size_t count = bytes->size() / sizeof(Digest);
  sequence->order_.reserve(count);
  sequence->numbers_.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    Digest digest;
    std::memcpy(digest.data(), bytes->data() + i * digest.size(), digest.size());
    sequence->order_.push_back(digest);
    if (!sequence->numbers_.emplace(digest, static_cast<int64_t>(i) + 1).second) return Damaged("one stands twice");
  }
  return sequence;
}

std::string MaskSequence::ToText() const {
  std::lock_guard lock(mutex_);
  std::string bytes;
  bytes.reserve(order_.size() * sizeof(Digest));
  for (const Digest& digest : order_) bytes.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return HexEncode({reinterpret_cast<const char*>(key_.data()), key_.size()}) + ":" + Base64Encode(bytes);
}

int64_t MaskSequence::NumberOf(std::string_view value) {
  Digest digest;
  if (!DigestOf(value, &digest)) return 0;
  std::lock_guard lock(mutex_);
  auto known = numbers_.find(digest);
  if (known != numbers_.end()) return known->second;
  if (static_cast<int64_t>(order_.size()) >= kMaxValues) return 0;
  order_.push_back(digest);
  const auto number = static_cast<int64_t>(order_.size());
  numbers_.emplace(digest, number);
  return number;
}

int64_t MaskSequence::size() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(order_.size());
}

bool MaskSequence::DigestOf(std::string_view value, Digest* digest) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> whole{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(value.data()), value.size(), whole.data(), &size) == nullptr) {
    return false;
  }
  std::copy_n(whole.begin(), digest->size(), digest->begin());
  return true;
}

Result<std::unique_ptr<Mask>> MakeSequentialMask(const MaskRule& rule, std::shared_ptr<MaskSequence> sequence) {
  if (rule.algorithm != "sequential") return std::unique_ptr<Mask>();
  if (sequence == nullptr) {
    return Fail(ErrorKind::kInternal, "the mask sequential of column `{}` was given nothing to count by", rule.column);
  }
  return std::make_unique<SequentialMask>(rule, std::move(sequence));
}

}  // namespace nilus
