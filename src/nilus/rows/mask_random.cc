// Masks that draw lots: the same value comes out otherwise every time. The numbers are OpenSSL's, and cannot be
// foretold.
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "nilus/base/text.h"
#include "nilus/data/decimal.h"
#include "nilus/rows/mask_characters.h"
#include "nilus/rows/mask_families.h"

namespace nilus {
namespace {

constexpr MaskProblem kNoRandom = "could not be replaced: the machine gives no random numbers";
constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kDays = 36'525;  // 1970-01-01 … 2069-12-31
constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

// Random bits, fetched by the block.
class Random {
 public:
  uint64_t Bits() {
    if (at_ == words_.size()) Refill();
    return words_[at_++];
  }
  // 0 … bound - 1; bound is at least 1.
  uint64_t Below(uint64_t bound) { return static_cast<uint64_t>(static_cast<unsigned __int128>(Bits()) * bound >> 64); }
  // 0 <= share < 1, in steps of 2^-53.
  double Share() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }
  bool has_failed() const { return has_failed_; }

 private:
  void Refill() {
    at_ = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(words_.data()), static_cast<int>(sizeof words_)) != 1) {
      has_failed_ = true;
    }
  }
  std::array<uint64_t, 512> words_{};
  size_t at_ = words_.size();
  bool has_failed_ = false;
};

// value × (1 ± share), as double.
class NoiseMask final : public Mask {
 public:
  NoiseMask(const MaskRule& rule, double share) : Mask(rule, MakeType(TypeId::kFloat64)), share_(share) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = MaskValues(column, &out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
      double value = 0;
      if (!NumberAt(column, row, &value)) return "is no number";
      const double noisy = value * (1 + share_ * (2 * random_.Share() - 1));
      if (random_.has_failed()) return kNoRandom;
      if (!std::isfinite(noisy)) return "is too large";
      to->Append<double>(noisy);
      return nullptr;
    });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  static bool NumberAt(const Column& column, int64_t row, double* value) {
    switch (column.type.id) {
      case TypeId::kInt16:
        *value = column.Value<int16_t>(row);
        return true;
      case TypeId::kInt32:
        *value = column.Value<int32_t>(row);
        return true;
      case TypeId::kInt64:
        *value = static_cast<double>(column.Value<int64_t>(row));
        return true;
      case TypeId::kFloat32:
        *value = column.Value<float>(row);
        break;
      case TypeId::kFloat64:
        *value = column.Value<double>(row);
        break;
      case TypeId::kDecimal:
        *value = static_cast<double>(column.Value<Int128>(row)) / static_cast<double>(PowerOfTen(column.type.scale));
        return true;
      default: {
        std::string_view text = TrimSpaces(column.BytesValue(row));
        if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
        if (error != std::errc() || end != text.data() + text.size()) return false;
      }
    }
    return std::isfinite(*value);
  }

  const double share_;
  Random random_;
};

// A value of the column's own type: numbers of as many digits and the same sign, texts and bytes of the same length,
// dates of the hundred years from 1970.
class RandomMask final : public Mask {
 public:
  RandomMask(const MaskRule& rule, const Type& source) : Mask(rule, source) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = Draw(column, &out);
    if (problem == nullptr && random_.has_failed()) problem = kNoRandom;
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  template <typename Value, typename Draws>
  MaskProblem Fill(const Column& column, ColumnBuilder* out, Draws draw) {
    return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
      to->Append<Value>(static_cast<Value>(draw(column.Value<Value>(row))));
      return nullptr;
    });
  }

  MaskProblem Draw(const Column& column, ColumnBuilder* out) {
    switch (column.type.id) {
      case TypeId::kBool:
        return MaskValues(column, out, [&](int64_t, ColumnBuilder* to) -> MaskProblem {
          to->AppendBool(random_.Below(2) == 1);
          return nullptr;
        });
      case TypeId::kInt16:
        return Fill<int16_t>(column, out, [&](int16_t value) { return Integer<int16_t>(value); });
      case TypeId::kInt32:
        return Fill<int32_t>(column, out, [&](int32_t value) { return Integer<int32_t>(value); });
      case TypeId::kInt64:
        return Fill<int64_t>(column, out, [&](int64_t value) { return Integer<int64_t>(value); });
      case TypeId::kFloat32:
        return Fill<float>(column, out, [&](float value) { return Float<float>(value); });
      case TypeId::kFloat64:
        return Fill<double>(column, out, [&](double value) { return Float<double>(value); });
      case TypeId::kDecimal:
        return Fill<Int128>(column, out, [&](Int128 value) { return Decimal(value); });
      case TypeId::kDate:
        return Fill<int32_t>(column, out, [&](int32_t) { return random_.Below(kDays); });
      case TypeId::kTime:
        return Fill<int64_t>(column, out, [&](int64_t) {
          return static_cast<int64_t>(random_.Below(kSecondsPerDay)) * kMicrosPerSecond;
        });
      case TypeId::kTimestamp:
      case TypeId::kTimestampNtz:
        return Fill<int64_t>(column, out, [&](int64_t) {
          return static_cast<int64_t>(random_.Below(kDays * kSecondsPerDay)) * kMicrosPerSecond;
        });
      case TypeId::kText:
        return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) {
          return Letters(CountCharacters(column.BytesValue(row)), "", to);
        });
      case TypeId::kJson: {  // a JSON text, as long as it can be
        return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) {
          return Letters(std::max<size_t>(CountCharacters(column.BytesValue(row)), 2) - 2, "\"", to);
        });
      }
      case TypeId::kBinary:
        return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
          const size_t size = column.BytesValue(row).size();
          if (to->WouldOverflow(size)) return kTooManyBytes;
          char* bytes = to->StartBytes(size);
          for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(random_.Below(256));
          to->FinishBytes(size);
          return nullptr;
        });
    }
    return "is of no known type";
  }

  // A whole number of `digits` digits.
  uint64_t Digits(int digits) {
    if (digits <= 1) return random_.Below(10);
    uint64_t lowest = 1;
    for (int i = 1; i < digits; ++i) lowest *= 10;
    return lowest + random_.Below(lowest * 9);
  }

  template <typename Value>
  int64_t Integer(Value value) {
    constexpr auto kHighest = static_cast<uint64_t>(std::numeric_limits<Value>::max());
    uint64_t size = value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
    uint64_t lowest = 1;
    int digits = 1;
    for (; size >= 10; size /= 10, ++digits) lowest *= 10;
    uint64_t drawn = 0;
    if (digits == 1) {
      drawn = random_.Below(10);
    } else {  // as many as the type has of that length
      const uint64_t count = lowest > kHighest / 10 ? kHighest - lowest + 1 : lowest * 9;
      drawn = lowest + random_.Below(count);
    }
    return value < 0 ? -static_cast<int64_t>(drawn) : static_cast<int64_t>(drawn);
  }

  template <typename Value>
  Value Float(Value value) {
    if (value == 0 || !std::isfinite(value)) return static_cast<Value>(random_.Share());
    const double power = std::floor(std::log10(std::abs(static_cast<double>(value))));
    const double drawn = (1 + 9 * random_.Share()) * std::pow(10.0, power);
    constexpr auto kHighest = static_cast<double>(std::numeric_limits<Value>::max());
    const double bounded = drawn < kHighest ? drawn : kHighest * random_.Share();
    return static_cast<Value>(value < 0 ? -bounded : bounded);
  }

  Int128 Decimal(Int128 value) {
    int digits = 1;
    for (Int128 rest = value < 0 ? -value : value; rest >= 10; rest /= 10) ++digits;
    constexpr int kAtOnce = 18;
    auto drawn = static_cast<Int128>(Digits(std::min(digits, kAtOnce)));
    for (digits -= std::min(digits, kAtOnce); digits > 0; --digits) {
      drawn = drawn * 10 + static_cast<Int128>(random_.Below(10));
    }
    return value < 0 ? -drawn : drawn;
  }

  MaskProblem Letters(size_t count, std::string_view quote, ColumnBuilder* to) {
    const size_t size = count + 2 * quote.size();
    if (size == 0) return AppendMasked({}, to);
    if (to->WouldOverflow(size)) return kTooManyBytes;
    char* at = to->StartBytes(size);
    std::memcpy(at, quote.data(), quote.size());
    at += quote.size();
    std::generate_n(at, count, [&] { return kLetters[random_.Below(kLetters.size())]; });
    std::memcpy(at + count, quote.data(), quote.size());
    to->FinishBytes(size);
    return nullptr;
  }

  Random random_;
};

}  // namespace

Result<std::unique_ptr<Mask>> MakeRandomMask(const MaskRule& rule, const Type& source) {
  if (rule.algorithm == "random") return std::make_unique<RandomMask>(rule, source);
  if (rule.algorithm != "noise") return std::unique_ptr<Mask>();
  if (!IsNumber(source.id) && source.id != TypeId::kText) return WrongMaskType(rule, source, "numbers");
  double share = 0.1;
  const std::string& text = rule.parameter;
  if (!text.empty()) {
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
    if (error != std::errc() || end != text.data() + text.size() || !(share > 0 && share <= 1)) {
      return FailWithFix(ErrorKind::kInvalidInput, "write noise:0.1",
                         "the mask noise of column `{}` wants a share above 0 and up to 1", rule.column);
    }
  }
  return std::make_unique<NoiseMask>(rule, share);
}

}  // namespace nilus
