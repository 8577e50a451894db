// Dates and times between integers and ISO 8601 text, in the proleptic Gregorian calendar. The day arithmetic counts
// in 400-year eras that start on March 1st, so that the leap day is the last one of a year (Howard Hinnant,
// "chrono-Compatible Low-Level Date Algorithms").
#include <cstdlib>

#include "nilus/data/scalar.h"

namespace nilus {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;
constexpr int64_t kMicrosPerHour = 60 * kMicrosPerMinute;
constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr int64_t kDaysPerEra = 146'097;
constexpr int64_t kDaysToEpoch = 719'468;  // from 0000-03-01 to 1970-01-01

struct CivilDate {
  int64_t year;
  int month;
  int day;
};

CivilDate CivilFromDays(int64_t days) {
  int64_t shifted = days + kDaysToEpoch;
  int64_t era = (shifted >= 0 ? shifted : shifted - (kDaysPerEra - 1)) / kDaysPerEra;
  int64_t day_of_era = shifted - era * kDaysPerEra;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_from_march = (5 * day_of_year + 2) / 153;
  int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  int month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

int64_t DaysFromCivil(int64_t year, int month, int day) {
  if (month <= 2) --year;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * kDaysPerEra + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - kDaysToEpoch;
}

int DaysInMonth(int64_t year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

void AppendPadded(int64_t value, int width, std::string* out) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (int i = count; i < width; ++i) out->push_back('0');
  while (count > 0) out->push_back(digits[--count]);
}

void AppendCivil(int64_t days, std::string* out) {
  CivilDate date = CivilFromDays(days);
  if (date.year < 0) out->push_back('-');
  if (date.year > 9999) out->push_back('+');
  AppendPadded(std::abs(date.year), 4, out);
  out->push_back('-');
  AppendPadded(date.month, 2, out);
  out->push_back('-');
  AppendPadded(date.day, 2, out);
}

// Reads from the front of a text; each step is false when it does not find what it wants.
class TextCursor {
 public:
  explicit TextCursor(std::string_view text) : text_(text) {}

  bool AtEnd() const { return text_.empty(); }
  char Peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool Take(char c) {
    if (Peek() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  void SkipSpaces() {
    while (Peek() == ' ') text_.remove_prefix(1);
  }
  // Between `least` and `most` digits.
  bool Digits(int least, int most, int64_t* value, int* count = nullptr) {
    int taken = 0;
    *value = 0;
    while (taken < most && Peek() >= '0' && Peek() <= '9') {
      *value = *value * 10 + (text_.front() - '0');
      text_.remove_prefix(1);
      ++taken;
    }
    if (count != nullptr) *count = taken;
    return taken >= least;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

bool ReadDate(TextCursor* text, bool before_christ, int64_t* days) {
  bool negative = text->Take('-');
  if (!negative) text->Take('+');
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!text->Digits(4, 7, &year) || !text->Take('-') || !text->Digits(2, 2, &month) || !text->Take('-') ||
      !text->Digits(2, 2, &day)) {
    return false;
  }
  if (negative) year = -year;
  if (before_christ) {
    if (year < 1) return false;
    year = 1 - year;
  }
  if (month < 1 || month > 12 || day < 1 || day > DaysInMonth(year, static_cast<int>(month))) return false;
  *days = DaysFromCivil(year, static_cast<int>(month), static_cast<int>(day));
  return true;
}

// hh:mm[:ss[.fraction]]. 24:00 is the end of the day, as PostgreSQL has it. A leap second (:60) is none of ours: as the
// next minute it would be another time than the one that was written.
bool ReadTime(TextCursor* text, int64_t* micros) {
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t fraction = 0;
  if (!text->Digits(2, 2, &hours) || !text->Take(':') || !text->Digits(2, 2, &minutes)) return false;
  if (text->Take(':')) {
    if (!text->Digits(2, 2, &seconds)) return false;
    if (text->Take('.')) {
      int count = 0;
      if (!text->Digits(1, 6, &fraction, &count)) return false;
      for (; count < 6; ++count) fraction *= 10;
      while (text->Take('0')) {
      }
      if (text->Peek() >= '1' && text->Peek() <= '9') return false;  // finer than a microsecond
    }
  }
  if (hours > 24 || minutes > 59 || seconds > 59) return false;
  *micros = hours * kMicrosPerHour + minutes * kMicrosPerMinute + seconds * kMicrosPerSecond + fraction;
  return *micros <= kMicrosPerDay;
}

// Z, ±hh, ±hhmm, ±hh:mm, ±hh:mm:ss. Nothing there: true with has_zone false.
bool ReadOffset(TextCursor* text, int64_t* micros, bool* has_zone) {
  *micros = 0;
  *has_zone = false;
  if (text->Take('Z') || text->Take('z')) {
    *has_zone = true;
    return true;
  }
  bool negative = text->Take('-');
  if (!negative && !text->Take('+')) return true;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!text->Digits(2, 2, &hours)) return false;
  if (text->Take(':')) {
    if (!text->Digits(2, 2, &minutes)) return false;
    if (text->Take(':') && !text->Digits(2, 2, &seconds)) return false;
  } else if (text->Peek() >= '0' && text->Peek() <= '9' && !text->Digits(2, 2, &minutes)) {
    return false;
  }
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  *micros = hours * kMicrosPerHour + minutes * kMicrosPerMinute + seconds * kMicrosPerSecond;
  if (negative) *micros = -*micros;
  *has_zone = true;
  return true;
}

// Removes surrounding spaces and a trailing "BC".
std::string_view StripEra(std::string_view text, bool* before_christ) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  *before_christ = text.ends_with(" BC");
  if (*before_christ) text.remove_suffix(3);
  return text;
}

}  // namespace

void AppendDate(int32_t days, std::string* out) { AppendCivil(days, out); }

void AppendTime(int64_t micros, std::string* out) {
  AppendPadded(micros / kMicrosPerHour, 2, out);
  out->push_back(':');
  AppendPadded(micros / kMicrosPerMinute % 60, 2, out);
  out->push_back(':');
  AppendPadded(micros / kMicrosPerSecond % 60, 2, out);
  if (micros % kMicrosPerSecond == 0) return;
  out->push_back('.');
  AppendPadded(micros % kMicrosPerSecond, 6, out);
}

void AppendTimestamp(int64_t micros, bool with_zone, std::string* out) {
  int64_t days = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  AppendCivil(days, out);
  out->push_back('T');
  AppendTime(rest, out);
  if (with_zone) out->push_back('Z');
}

bool ParseDate(std::string_view text, int32_t* days) {
  bool before_christ = false;
  TextCursor cursor(StripEra(text, &before_christ));
  int64_t value = 0;
  if (!ReadDate(&cursor, before_christ, &value) || !cursor.AtEnd()) return false;
  *days = static_cast<int32_t>(value);
  return *days == value;
}

bool ParseTime(std::string_view text, int64_t* micros) {
  TextCursor cursor(text);
  cursor.SkipSpaces();
  if (!ReadTime(&cursor, micros)) return false;
  cursor.SkipSpaces();
  return cursor.AtEnd();
}

bool ParseTimestamp(std::string_view text, int64_t* micros, bool* has_zone) {
  bool before_christ = false;
  TextCursor cursor(StripEra(text, &before_christ));
  int64_t days = 0;
  int64_t time = 0;
  int64_t offset = 0;
  *has_zone = false;
  if (!ReadDate(&cursor, before_christ, &days)) return false;
  if (!cursor.AtEnd()) {
    if (cursor.Peek() == ' ') {
      cursor.SkipSpaces();
    } else if (!cursor.Take('T') && !cursor.Take('t')) {
      return false;
    }
    if (!ReadTime(&cursor, &time)) return false;
    cursor.SkipSpaces();
    if (!ReadOffset(&cursor, &offset, has_zone) || !cursor.AtEnd()) return false;
  }
  Int128 total = static_cast<Int128>(days) * kMicrosPerDay + time - offset;
  *micros = static_cast<int64_t>(total);
  return *micros == total;
}

}  // namespace nilus
