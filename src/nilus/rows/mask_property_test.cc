// What holds for every mask, or a whole family, whatever the values.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <iterator>

#include "nilus/base/encoding.h"
#include "nilus/rows/mask_fixture_test.h"

namespace nilus {
namespace {

constexpr std::string_view kAll[] = {"hash",  "sha256",      "md5",        "hmac:key",  "redact",       "email",
                                     "phone", "credit_card", "ssn",        "partial",   "first_letter", "stars",
                                     "fixed", "uuid",        "sequential", "random",    "round",        "range:10",
                                     "noise", "date_shift",  "year_only",  "month_year"};

// A value every mask takes: a number that also reads as a date does not exist, so columns differ.
Type TypeFor(std::string_view how) {
  if (how.starts_with("date") || how.starts_with("year") || how.starts_with("month")) return kDate;
  return how == "round" || how == "noise" || how.starts_with("range") ? kBigint : kText;
}

Column AnyColumn(const Type& type) {
  ColumnBuilder builder(type);
  for (int i = *rc::gen::inRange(0, 40); i > 0; --i) {
    if (*rc::gen::inRange(0, 4) == 0) {
      builder.AppendNull();
    } else if (type.id == TypeId::kText) {
      builder.AppendBytes(*rc::gen::arbitrary<std::string>());
    } else if (type.id == TypeId::kDate) {
      builder.Append<int32_t>(*rc::gen::inRange(-1'000'000, 1'000'000));
    } else {
      builder.Append<int64_t>(*rc::gen::inRange<int64_t>(-1'000'000'000'000, 1'000'000'000'000));
    }
  }
  return builder.Finish();
}

Column Slice(const Column& column, int64_t from, int64_t to) {
  std::vector<uint8_t> keep(static_cast<size_t>(column.length), 0);
  std::fill(keep.begin() + from, keep.begin() + to, 1);
  auto schema = std::make_shared<Schema>(Schema{{Field{.name = "c", .type = column.type}}});
  return RecordBatch(schema, {column}, column.length).Filter(keep).column(0);
}

RC_GTEST_PROP(MaskProperties, NullStaysNullAndNothingElseBecomesIt, ()) {
  std::string_view how = *rc::gen::elementOf(std::vector<std::string_view>(std::begin(kAll), std::end(kAll)));
  Column column = AnyColumn(TypeFor(how));
  std::unique_ptr<Mask> mask = Make(how, column.type);
  Result<Column> masked = mask->Apply(column);
  RC_ASSERT(masked.has_value());
  RC_ASSERT(masked->length == column.length);
  RC_ASSERT(masked->null_count == column.null_count);
  RC_ASSERT(masked->type == mask->result_type());
  for (int64_t row = 0; row < column.length; ++row) RC_ASSERT(masked->IsNull(row) == column.IsNull(row));
}

RC_GTEST_PROP(MaskProperties, TheSplitIntoBatchesChangesNothing, ()) {
  std::string_view how = *rc::gen::elementOf(std::vector<std::string_view>(std::begin(kAll), std::end(kAll)));
  if (MaskedKeyOf(how.substr(0, how.find(':'))) == MaskedKey::kRandom) return;
  Column column = AnyColumn(TypeFor(how));
  int64_t cut = *rc::gen::inRange<int64_t>(0, column.length + 1);
  std::unique_ptr<Mask> whole = Make(how, column.type);
  std::unique_ptr<Mask> split = Make(how, column.type);
  Texts parts = TextsOf(*split->Apply(Slice(column, 0, cut)));
  for (const auto& text : TextsOf(*split->Apply(Slice(column, cut, column.length)))) parts.push_back(text);
  RC_ASSERT(TextsOf(*whole->Apply(column)) == parts);
}

// Code points of well-formed UTF-8 are counted as Python counts them: bytes that do not continue another.
RC_GTEST_PROP(MaskProperties, StarsAreAsManyAsCharacters, ()) {
  std::string text;
  for (char32_t code : *rc::gen::container<std::u32string>(rc::gen::elementOf(std::u32string(U"aß漢😀́ ")))) {
    if (code < 0x80) {
      text += static_cast<char>(code);
    } else if (code < 0x800) {
      text += {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
    } else if (code < 0x10000) {
      text += {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 63)),
               static_cast<char>(0x80 | (code & 63))};
    } else {
      text += {static_cast<char>(0xF0 | code >> 18), static_cast<char>(0x80 | (code >> 12 & 63)),
               static_cast<char>(0x80 | (code >> 6 & 63)), static_cast<char>(0x80 | (code & 63))};
    }
  }
  RC_ASSERT(IsValidUtf8(text));
  const auto characters = static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  RC_ASSERT(Masked("stars", text) == std::string(characters, '*'));
  for (std::string_view how : {"partial:1", "first_letter", "email", "phone", "credit_card", "ssn"}) {
    RC_ASSERT(IsValidUtf8(Masked(how, text)));
  }
}

RC_GTEST_PROP(MaskProperties, RoundAndRangeAreNearTheValue, ()) {
  const auto value = *rc::gen::inRange<int64_t>(-1'000'000'000, 1'000'000'000);
  const auto step = *rc::gen::inRange<int64_t>(1, 100'000);
  const int64_t rounded = std::stoll(Masked("round:" + std::to_string(step), std::to_string(value), kBigint));
  RC_ASSERT(rounded % step == 0);
  RC_ASSERT(2 * std::abs(rounded - value) <= step);
  RC_ASSERT(Masked("round:" + std::to_string(step), std::to_string(value), kDouble) ==
            Masked("round:" + std::to_string(step), std::to_string(value)));
  const std::string range = Masked("range:" + std::to_string(step), std::to_string(value), kBigint);
  const size_t hyphen = range.find('-', 1);
  const int64_t low = std::stoll(range.substr(0, hyphen));
  RC_ASSERT(low % step == 0);
  RC_ASSERT(low <= value && value < low + step);
  RC_ASSERT(range.substr(hyphen + 1) == std::to_string(low + step));
  RC_ASSERT(range == Masked("range:" + std::to_string(step), std::to_string(value), kDouble));
}

}  // namespace
}  // namespace nilus
