// Masks that make numbers coarse: to multiples, into buckets. Integers and decimals are counted exactly, in 128 bits;
// floats by the decimal that their shortest text says (0.3 is three times 0.1).
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "nilus/base/text.h"
#include "nilus/data/decimal.h"
#include "nilus/rows/mask_families.h"
#include "nilus/rows/mask_memo.h"

namespace nilus {
namespace {

constexpr int kMaxStepScale = 18;
constexpr MaskProblem kNoNumber = "is no number";
constexpr MaskProblem kTooLarge = "is too large";

// The width of a multiple or bucket: unscaled / 10^scale, exactly. More than 0.
struct Step {
  Int128 unscaled = 1;
  int scale = 0;
};

Result<Step> ParseStep(const MaskRule& rule, std::string_view otherwise) {
  std::string_view text = rule.parameter.empty() ? otherwise : std::string_view(rule.parameter);
  Step step;
  const size_t point = text.find('.');
  if (point != std::string_view::npos) {
    const size_t last = text.find_last_not_of('0');
    step.scale = static_cast<int>(std::min<size_t>(last == std::string_view::npos ? 0 : last - point, 99));
  }
  if (step.scale <= kMaxStepScale && ParseDecimal(text, kMaxStepScale, step.scale, &step.unscaled) &&
      step.unscaled > 0) {
    return step;
  }
  return FailWithFix(ErrorKind::kInvalidInput, fmt::format("write {}:10", rule.algorithm),
                     "the mask {} of column `{}` wants a number above 0 with at most {} digits", rule.algorithm,
                     rule.column, kMaxStepScale);
}

bool FitsInt64(Int128 value) { return static_cast<int64_t>(value) == value; }

// value / step, rounded to the nearest whole number, halves away from zero. With 64 bits where they do: a division of
// 128 costs ten times as much.
template <typename Integer>
Integer NearestMultipleOf(Integer value, Integer step) {
  Integer quotient = value / step;
  Integer rest = value % step;
  if (rest < 0) rest = -rest;
  if (rest >= step - rest) quotient += value < 0 ? -1 : 1;
  return quotient;
}
Int128 NearestMultiple(Int128 value, Int128 step) {
  if (!FitsInt64(value) || !FitsInt64(step)) return NearestMultipleOf(value, step);
  return NearestMultipleOf(static_cast<int64_t>(value), static_cast<int64_t>(step));
}

template <typename Integer>
Integer FloorMultipleOf(Integer value, Integer step) {
  Integer quotient = value / step;
  if (value % step != 0 && value < 0) --quotient;
  return quotient;
}
Int128 FloorMultiple(Int128 value, Int128 step) {
  if (!FitsInt64(value) || !FitsInt64(step)) return FloorMultipleOf(value, step);
  return FloorMultipleOf(static_cast<int64_t>(value), static_cast<int64_t>(step));
}

// Value and step as integers of one scale. False when 128 bits do not hold them.
bool ToCommonScale(Int128 value, int scale, const Step& step, Int128* common_value, Int128* common_step) {
  const int common = std::max(scale, step.scale);
  return !__builtin_mul_overflow(value, PowerOfTen(common - scale), common_value) &&
         !__builtin_mul_overflow(step.unscaled, PowerOfTen(common - step.scale), common_step);
}

double ToDouble(Int128 unscaled, int scale) {
  return static_cast<double>(unscaled) / static_cast<double>(PowerOfTen(scale));
}

bool ReadDouble(std::string_view text, double* value) {
  text = TrimSpaces(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(*value);
}

// Calls each(value, scale) with every integer or decimal exactly.
template <typename Each>
MaskProblem ForExact(const Column& column, ColumnBuilder* out, Each each) {
  auto with = [&](auto typed, int scale) {
    using Value = decltype(typed);
    return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
      return each(static_cast<Int128>(column.Value<Value>(row)), scale, to);
    });
  };
  switch (column.type.id) {
    case TypeId::kInt16:
      return with(int16_t{}, 0);
    case TypeId::kInt32:
      return with(int32_t{}, 0);
    case TypeId::kInt64:
      return with(int64_t{}, 0);
    default:
      return with(Int128{}, column.type.scale);
  }
}

// Calls exact(value, scale) or approximate(value) with every float, or number in a text.
template <typename Exact, typename Approximate>
MaskProblem ForInexact(const Column& column, ColumnBuilder* out, Exact exact, Approximate approximate) {
  auto number = [&](double value, ColumnBuilder* to) -> MaskProblem {
    return std::isfinite(value) ? approximate(value, to) : kNoNumber;
  };
  switch (column.type.id) {
    case TypeId::kFloat32:
      return MaskValues(column, out,
                        [&](int64_t row, ColumnBuilder* to) { return number(column.Value<float>(row), to); });
    case TypeId::kFloat64:
      return MaskValues(column, out,
                        [&](int64_t row, ColumnBuilder* to) { return number(column.Value<double>(row), to); });
    default:
      return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
        const std::string_view text = column.BytesValue(row);
        Int128 whole = 0;
        if (ParseDecimal(text, kMaxDecimalPrecision, 0, &whole)) return exact(whole, 0, to);
        if (ParseDecimal(text, kMaxDecimalPrecision, kMaxStepScale, &whole)) return exact(whole, kMaxStepScale, to);
        double value = 0;
        return ReadDouble(text, &value) ? approximate(value, to) : kNoNumber;
      });
  }
}

template <typename Exact, typename Approximate>
MaskProblem ForNumbers(const Column& column, ColumnBuilder* out, Exact exact, Approximate approximate) {
  if (IsInteger(column.type.id) || column.type.id == TypeId::kDecimal) return ForExact(column, out, exact);
  return ForInexact(column, out, exact, approximate);
}

// The nearest multiple as bigint, double or, exactly, decimal.
class RoundMask final : public Mask {
 public:
  RoundMask(const MaskRule& rule, const Type& result, Step step) : Mask(rule, result), step_(step) {}

  static Type ResultFor(const Type& source, const Step& step) {
    if (IsInteger(source.id) && step.scale == 0) return MakeType(TypeId::kInt64);
    if (source.id != TypeId::kDecimal) return MakeType(TypeId::kFloat64);
    const int scale = std::max(source.scale, step.scale);
    const int digits = source.precision - source.scale + 1;  // 9.5 becomes 10
    return MakeDecimal(std::min(digits + scale, kMaxDecimalPrecision), scale);
  }

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = ForNumbers(
        column, &out, [this](Int128 value, int scale, ColumnBuilder* to) { return AppendExact(value, scale, to); },
        [this](double value, ColumnBuilder* to) { return AppendNear(value, to); });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  MaskProblem AppendExact(Int128 value, int scale, ColumnBuilder* to) const {
    Int128 common_value = 0;
    Int128 common_step = 0;
    if (!ToCommonScale(value, scale, step_, &common_value, &common_step)) return kTooLarge;
    const Int128 multiple = NearestMultiple(common_value, common_step);
    const bool is_decimal = to->type().id == TypeId::kDecimal;
    Int128 rounded = 0;
    if (__builtin_mul_overflow(multiple, is_decimal ? common_step : step_.unscaled, &rounded)) return kTooLarge;
    if (is_decimal) {
      const Int128 bound = PowerOfTen(to->type().precision);
      if (rounded >= bound || rounded <= -bound) return kTooLarge;
      to->Append<Int128>(rounded);
    } else if (to->type().id == TypeId::kInt64) {
      const auto whole = static_cast<int64_t>(rounded);
      if (whole != rounded) return kTooLarge;
      to->Append<int64_t>(whole);
    } else {
      to->Append<double>(ToDouble(rounded, step_.scale));
    }
    return nullptr;
  }
  MaskProblem AppendNear(double value, ColumnBuilder* to) const {
    const auto unit = static_cast<double>(PowerOfTen(step_.scale));
    const auto step = static_cast<double>(step_.unscaled);
    const double multiple = std::round(value * unit / step);
    const double rounded = std::isfinite(multiple) ? multiple * step / unit : value;  // the step is lost in its digits
    if (!std::isfinite(rounded)) return kTooLarge;
    to->Append<double>(rounded == 0 ? 0.0 : rounded);  // no -0
    return nullptr;
  }

  const Step step_;
};

// "40000-50000": from the lower bound, which belongs to the bucket, to the upper, which does not.
class RangeMask final : public Mask {
 public:
  RangeMask(const MaskRule& rule, Step step) : Mask(rule, MakeType(TypeId::kText)), step_(step) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = ForNumbers(
        column, &out, [this](Int128 value, int scale, ColumnBuilder* to) { return AppendExact(value, scale, to); },
        [this](double value, ColumnBuilder* to) { return AppendNear(value, to); });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  MaskProblem AppendExact(Int128 value, int scale, ColumnBuilder* to) {
    Int128 common_value = 0;
    Int128 common_step = 0;
    if (!ToCommonScale(value, scale, step_, &common_value, &common_step)) return kTooLarge;
    return AppendBucket(FloorMultiple(common_value, common_step), to);
  }
  MaskProblem AppendNear(double value, ColumnBuilder* to) {
    constexpr double kMaxBuckets = 9007199254740992.0;  // 2^53: above it neighbouring buckets are one double
    const auto unit = static_cast<double>(PowerOfTen(step_.scale));
    const double quotient = std::floor(value * unit / static_cast<double>(step_.unscaled));
    if (!(quotient > -kMaxBuckets && quotient < kMaxBuckets)) return kTooLarge;
    auto bucket = static_cast<Int128>(quotient);
    // The division may have been off by one digit: bounds decide, as the doubles that their texts say.
    if (ToDouble((bucket + 1) * step_.unscaled, step_.scale) <= value) ++bucket;
    if (ToDouble(bucket * step_.unscaled, step_.scale) > value) --bucket;
    return AppendBucket(bucket, to);
  }
  MaskProblem AppendBucket(Int128 bucket, ColumnBuilder* to) {
    if (!FitsInt64(bucket)) return AppendText(TextOf(bucket), to);
    return AppendText(texts_.Get(static_cast<int64_t>(bucket), [&] { return TextOf(bucket); }), to);
  }
  static MaskProblem AppendText(const std::string& text, ColumnBuilder* to) {
    return text.empty() ? kTooLarge : AppendMasked(text, to);
  }
  // Empty: its bounds are too large.
  std::string TextOf(Int128 bucket) const {
    Int128 low = 0;
    Int128 high = 0;
    if (__builtin_mul_overflow(bucket, step_.unscaled, &low) || __builtin_add_overflow(low, step_.unscaled, &high))
      return {};
    return BoundText(low) + '-' + BoundText(high);
  }
  std::string BoundText(Int128 bound) const {
    std::string text = FormatDecimal(bound, step_.scale);
    if (step_.scale == 0) return text;
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text;
  }

  const Step step_;
  MaskMemo<std::string> texts_;
};

}  // namespace

Result<std::unique_ptr<Mask>> MakeNumberMask(const MaskRule& rule, const Type& source) {
  const bool is_round = rule.algorithm == "round";
  if (!is_round && rule.algorithm != "range") return std::unique_ptr<Mask>();
  if (!IsInteger(source.id) && !IsFloat(source.id) && source.id != TypeId::kDecimal && source.id != TypeId::kText) {
    return WrongMaskType(rule, source, "numbers");
  }
  NILUS_ASSIGN(Step step, ParseStep(rule, "10"));
  if (is_round) return std::make_unique<RoundMask>(rule, RoundMask::ResultFor(source, step), step);
  return std::make_unique<RangeMask>(rule, step);
}

}  // namespace nilus
