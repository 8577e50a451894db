// Masks that make dates coarse or move them. An instant counts by its date in UTC.
#include <charconv>
#include <limits>

#include "nilus/base/sha256.h"
#include "nilus/rows/mask_families.h"
#include "nilus/rows/mask_memo.h"

namespace nilus {
namespace {

constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;
constexpr MaskProblem kNoDate = "is no date";
constexpr size_t kMonthAndDay = 6;  // "-03-15"
constexpr size_t kDay = 3;

int64_t DayOf(int64_t micros) {
  const int64_t day = micros / kMicrosPerDay;
  return micros % kMicrosPerDay < 0 ? day - 1 : day;
}

// A date or timestamp in a text.
struct TextDate {
  int64_t day = 0;
  int64_t micros = 0;  // timestamps only
  bool is_date = false;
  bool has_zone = false;
};

bool ReadDate(std::string_view text, TextDate* date) {
  int32_t day = 0;
  if (ParseDate(text, &day)) {
    *date = TextDate{.day = day, .is_date = true};
    return true;
  }
  if (!ParseTimestamp(text, &date->micros, &date->has_zone)) return false;
  date->day = DayOf(date->micros);
  date->is_date = false;
  return true;
}

// Calls each(day) with the date of every value.
template <typename Each>
MaskProblem ForDays(const Column& column, ColumnBuilder* out, Each each) {
  switch (column.type.id) {
    case TypeId::kDate:
      return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
        return each(column.Value<int32_t>(row), to);
      });
    case TypeId::kTimestamp:
    case TypeId::kTimestampNtz:
      return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
        return each(static_cast<int32_t>(DayOf(column.Value<int64_t>(row))), to);
      });
    default:
      return MaskValues(column, out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
        TextDate date;
        if (!ReadDate(column.BytesValue(row), &date)) return kNoDate;
        return each(static_cast<int32_t>(date.day), to);
      });
  }
}

// The year as bigint, or YYYY-MM as text: both are parts of a date's canonical text.
class DatePartMask final : public Mask {
 public:
  DatePartMask(const MaskRule& rule, bool year_only)
      : Mask(rule, MakeType(year_only ? TypeId::kInt64 : TypeId::kText)), year_only_(year_only) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = ForDays(column, &out, [this](int32_t day, ColumnBuilder* to) -> MaskProblem {
      const Part& part = parts_.Get(day, [&] { return PartOf(day); });
      if (!year_only_) return AppendMasked(part.month, to);
      to->Append<int64_t>(part.year);
      return nullptr;
    });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  struct Part {
    std::string month;
    int64_t year = 0;
  };
  static Part PartOf(int32_t day) {
    Part part;
    AppendDate(day, &part.month);
    std::string_view year = std::string_view(part.month).substr(0, part.month.size() - kMonthAndDay);
    if (year.front() == '+') year.remove_prefix(1);
    std::from_chars(year.data(), year.data() + year.size(), part.year);
    part.month.resize(part.month.size() - kDay);
    return part;
  }

  const bool year_only_;
  MaskMemo<Part> parts_;
};

// By how many days the values of a date move: its SHA-256 decides, so that equal dates move alike wherever they stand.
// Never by none: the date would come through as it is.
class Shift {
 public:
  explicit Shift(int64_t days) : days_(days) {}

  int64_t Of(int64_t day) {
    return shifts_.Get(day, [&] { return Digested(day); });
  }

 private:
  int64_t Digested(int64_t day) {
    text_.clear();
    AppendDate(static_cast<int32_t>(day), &text_);
    const Sha256::Digest digest = Sha256::Of(text_);
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof number; ++i) number = number << 8 | digest[i];
    const auto choice = static_cast<int64_t>(number % static_cast<uint64_t>(2 * days_));
    return choice < days_ ? choice - days_ : choice - days_ + 1;
  }

  const int64_t days_;
  std::string text_;
  MaskMemo<int64_t> shifts_;
};

// Dates and timestamps keep their type, and timestamps their time of day; texts come out as canonical texts.
class DateShiftMask final : public Mask {
 public:
  DateShiftMask(const MaskRule& rule, const Type& source, int64_t days) : Mask(rule, source), shift_(days) {}

  Result<Column> Apply(const Column& column) override {
    ColumnBuilder out(result_type());
    MaskProblem problem = MaskValues(column, &out, [&](int64_t row, ColumnBuilder* to) -> MaskProblem {
      if (column.type.id == TypeId::kDate) return AppendDay(column.Value<int32_t>(row), to);
      if (IsTimestamp(column.type.id)) return AppendInstant(column.Value<int64_t>(row), to);
      TextDate date;
      if (!ReadDate(column.BytesValue(row), &date)) return kNoDate;
      return AppendText(date, to);
    });
    if (problem != nullptr) return Refuse(problem);
    return out.Finish();
  }

 private:
  static constexpr MaskProblem kTooFar = "lies too far away to be moved";

  MaskProblem Moved(int64_t day, int32_t* moved) {
    const int64_t shifted = day + shift_.Of(day);
    *moved = static_cast<int32_t>(shifted);
    return *moved == shifted ? nullptr : kTooFar;
  }
  MaskProblem Moved(int64_t day, int64_t micros, int64_t* moved) {
    return __builtin_add_overflow(micros, shift_.Of(day) * kMicrosPerDay, moved) ? kTooFar : nullptr;
  }
  MaskProblem AppendDay(int32_t day, ColumnBuilder* to) {
    int32_t moved = 0;
    if (MaskProblem problem = Moved(day, &moved)) return problem;
    to->Append<int32_t>(moved);
    return nullptr;
  }
  MaskProblem AppendInstant(int64_t micros, ColumnBuilder* to) {
    int64_t moved = 0;
    if (MaskProblem problem = Moved(DayOf(micros), micros, &moved)) return problem;
    to->Append<int64_t>(moved);
    return nullptr;
  }
  MaskProblem AppendText(const TextDate& date, ColumnBuilder* to) {
    text_.clear();
    if (date.is_date) {
      int32_t moved = 0;
      if (MaskProblem problem = Moved(date.day, &moved)) return problem;
      AppendDate(moved, &text_);
    } else {
      int64_t moved = 0;
      if (MaskProblem problem = Moved(date.day, date.micros, &moved)) return problem;
      AppendTimestamp(moved, date.has_zone, &text_);
    }
    return AppendMasked(text_, to);
  }

  Shift shift_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<Mask>> MakeDateMask(const MaskRule& rule, const Type& source) {
  const bool is_shift = rule.algorithm == "date_shift";
  const bool is_year = rule.algorithm == "year_only";
  if (!is_shift && !is_year && rule.algorithm != "month_year") return std::unique_ptr<Mask>();
  if (!IsDated(source.id) && source.id != TypeId::kText) return WrongMaskType(rule, source, "dates and timestamps");
  if (!is_shift) return std::make_unique<DatePartMask>(rule, is_year);
  NILUS_ASSIGN(int64_t days, MaskCount(rule, 30, 1'000'000));
  const Type result = source.id == TypeId::kText ? MakeType(TypeId::kText) : source;
  return std::make_unique<DateShiftMask>(rule, result, days);
}

}  // namespace nilus
