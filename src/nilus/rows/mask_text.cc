// Masks that keep the shape of a text: stars in place of characters, or a constant in place of everything.
#include <algorithm>
#include <cstring>
#include <optional>

#include "nilus/rows/mask_characters.h"
#include "nilus/rows/mask_families.h"

namespace nilus {
namespace {

constexpr size_t kPhoneDigitsHidden = 7;
constexpr size_t kLastKept = 4;  // credit_card, ssn

// Each Put… writes at `out` and returns the end of what it wrote: never more bytes than the text has.
char* PutText(std::string_view text, char* out) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* PutStars(std::string_view text, char* out) {
  const size_t count = CountCharacters(text);
  if (count > 0) std::memset(out, '*', count);
  return out + count;
}

// The first and last characters kept and stars between; only stars where nothing would be between.
char* PutEnds(std::string_view text, size_t first, size_t last, char* out) {
  const size_t count = CountCharacters(text);
  if (count <= first + last) return PutStars(text, out);
  const size_t head = BytesOfCharacters(text, first);
  const size_t tail = BytesOfCharacters(text, count - last);
  out = PutText(text.substr(0, head), out);
  out = PutStars(text.substr(head, tail - head), out);
  return PutText(text.substr(tail), out);
}

// Every character for which hides(character) is true becomes a star.
template <typename Hides>
char* PutHidden(std::string_view text, char* out, Hides hides) {
  for (size_t at = 0; at < text.size();) {
    const MaskCharacter character = FirstCharacter(text.substr(at));
    if (hides(character.code)) {
      *out++ = '*';
    } else {
      out = PutText(text.substr(at, character.bytes), out);
    }
    at += character.bytes;
  }
  return out;
}

template <typename Matches>
size_t CountMatches(std::string_view text, Matches matches) {
  size_t count = 0;
  for (size_t at = 0; at < text.size();) {
    const MaskCharacter character = FirstCharacter(text.substr(at));
    if (matches(character.code)) ++count;
    at += character.bytes;
  }
  return count;
}

struct Stars {
  char* operator()(std::string_view text, char* out) const { return PutStars(text, out); }
};

struct Ends {
  size_t first;
  size_t last;
  char* operator()(std::string_view text, char* out) const { return PutEnds(text, first, last, out); }
};

// The domain begins behind the last '@': a quoted local part may have others. Without a local part it is no address but
// a name (@handle), and would come through whole.
struct Email {
  char* operator()(std::string_view text, char* out) const {
    const size_t at = text.rfind('@');
    if (at == std::string_view::npos || text.find_first_not_of('@') > at) return PutStars(text, out);
    return PutText(text.substr(at), PutEnds(text.substr(0, at), 1, 1, out));
  }
};

// A text without any digit is no phone number and would come through whole: all stars.
struct Phone {
  static constexpr bool kCountsDigits = true;
  char* operator()(std::string_view text, char* out) const {
    const size_t digits = CountMatches(text, IsDigitCharacter);
    if (digits == 0) return PutStars(text, out);
    size_t kept = digits > kPhoneDigitsHidden ? digits - kPhoneDigitsHidden : 0;
    return PutHidden(text, out, [&](char32_t code) {
      if (!IsDigitCharacter(code)) return false;
      if (kept == 0) return true;
      --kept;
      return false;
    });
  }
};

// The last four of what `counts` says are kept (none when that is all there is), letters and other digits hidden,
// separators kept. Without any that counts: all stars.
template <bool (*counts)(char32_t)>
struct LastFour {
  static constexpr bool kCountsDigits = true;
  char* operator()(std::string_view text, char* out) const {
    const size_t all = CountMatches(text, counts);
    if (all == 0) return PutStars(text, out);
    size_t hidden = all > kLastKept ? all - kLastKept : all;
    return PutHidden(text, out, [&](char32_t code) {
      if (!counts(code)) return !IsSeparatorCharacter(code);
      if (hidden == 0) return false;
      --hidden;
      return true;
    });
  }
};

bool IsLetterOrDigit(char32_t code) { return !IsSeparatorCharacter(code); }

// Of a number, what stands behind the point is no part of a phone or card: it is hidden, and counts for nothing.
template <typename Shape>
char* PutNumber(std::string_view number, char* out, Shape shape) {
  if constexpr (requires { Shape::kCountsDigits; }) {
    const size_t point = std::min(number.find('.'), number.size());
    out = shape(number.substr(0, point), out);
    return PutHidden(number.substr(point), out, IsDigitCharacter);
  } else {
    return shape(number, out);
  }
}

template <typename Shape>
class ShapeMask final : public Mask {
 public:
  ShapeMask(const MaskRule& rule, Shape shape) : Mask(rule, MakeType(TypeId::kText)), shape_(shape) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    const MaskProblem problem = column.type.id == TypeId::kJson ? ApplyToJson(column, &out) : ApplyTo(column, &out);
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  MaskProblem ApplyTo(const Column& column, ColumnBuilder* out) {
    const bool is_number = IsNumber(column.type.id);
    return MaskTexts(column, out, &scratch_, [&](std::string_view text, ColumnBuilder* to) {
      return Append(text, to, [&](char* at) { return is_number ? PutNumber(text, at, shape_) : shape_(text, at); });
    });
  }
  // Each value as what it is. What the algorithm would keep of an object, or of a string of JSON, is anything but the
  // last digits of a number.
  MaskProblem ApplyToJson(const Column& column, ColumnBuilder* out) {
    const Column texts = JsonAsPlainText(column);
    return MaskValues(texts, out, [&](int64_t row, ColumnBuilder* to) {
      const std::string_view text = texts.BytesValue(row);
      const std::optional<json::Value> scalar = JsonScalar(column.BytesValue(row));
      const bool is_nested = !scalar || text.starts_with('{') || text.starts_with('[');
      return Append(text, to, [&](char* at) {
        if (is_nested) return PutStars(text, at);
        return scalar->kind == json::Kind::kNumber ? PutNumber(text, at, shape_) : shape_(text, at);
      });
    });
  }
  template <typename Put>
  static MaskProblem Append(std::string_view text, ColumnBuilder* to, Put put) {
    if (to->WouldOverflow(text.size())) return kTooManyBytes;
    char* begin = to->StartBytes(text.size());
    to->FinishBytes(static_cast<size_t>(put(begin) - begin));
    return nullptr;
  }

  const Shape shape_;
  std::string scratch_;
};

class ConstantMask final : public Mask {
 public:
  ConstantMask(const MaskRule& rule, std::string text) : Mask(rule, MakeType(TypeId::kText)), text_(std::move(text)) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem =
        MaskValues(column, &out, [&](int64_t, ColumnBuilder* to) -> MaskProblem { return AppendMasked(text_, to); });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  const std::string text_;
};

template <typename Shape>
Result<std::unique_ptr<Mask>> Make(const MaskRule& rule, Shape shape) {
  return std::make_unique<ShapeMask<Shape>>(rule, shape);
}

}  // namespace

Result<std::unique_ptr<Mask>> MakeTextMask(const MaskRule& rule) {
  const std::string& name = rule.algorithm;
  if (name == "redact") return std::make_unique<ConstantMask>(rule, "REDACTED");
  if (name == "fixed") return std::make_unique<ConstantMask>(rule, rule.parameter.empty() ? "MASKED" : rule.parameter);
  if (name == "stars") return Make(rule, Stars{});
  if (name == "first_letter") return Make(rule, Ends{.first = 1, .last = 0});
  if (name == "email") return Make(rule, Email{});
  if (name == "phone") return Make(rule, Phone{});
  if (name == "credit_card") return Make(rule, LastFour<IsDigitCharacter>{});
  if (name == "ssn") return Make(rule, LastFour<IsLetterOrDigit>{});
  if (name == "partial") {
    NILUS_ASSIGN(int64_t count, MaskCount(rule, 2, 1'000'000));
    return Make(rule, Ends{.first = static_cast<size_t>(count), .last = static_cast<size_t>(count)});
  }
  return std::unique_ptr<Mask>();
}

}  // namespace nilus
