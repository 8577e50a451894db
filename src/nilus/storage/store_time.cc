#include "nilus/storage/store_time.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace nilus::storage {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

// The digits text[at, at+count) as a number; -1: they are no digits.
int Digits(std::string_view text, size_t at, size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<WallTime> TimeOf(int year, int month, int day, int hour, int minute, int second) {
  if (year < 1 || month < 1 || day < 1 || hour < 0 || minute < 0 || second < 0) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace

std::optional<WallTime> ParseIsoTime(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  auto time = TimeOf(Digits(text, 0, 4), Digits(text, 5, 2), Digits(text, 8, 2), Digits(text, 11, 2),
                     Digits(text, 14, 2), Digits(text, 17, 2));
  size_t at = 19;
  if (text[at] == '.') {
    int64_t unit = 100'000;  // microseconds of the next digit
    for (++at; at < text.size() && Digits(text, at, 1) >= 0; ++at, unit /= 10) {
      if (time) *time += std::chrono::microseconds(unit * Digits(text, at, 1));
    }
  }
  const std::string_view zone = text.substr(at);
  if (zone != "Z" && zone != "+00:00") return std::nullopt;
  return time;
}

std::optional<WallTime> ParseHttpTime(std::string_view text) {
  if (text.size() != 29 || !text.ends_with(" GMT") || text[3] != ',') return std::nullopt;
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  return TimeOf(Digits(text, 12, 4), month == kMonths.end() ? -1 : static_cast<int>(month - kMonths.begin()) + 1,
                Digits(text, 5, 2), Digits(text, 17, 2), Digits(text, 20, 2), Digits(text, 23, 2));
}

std::string FormatHttpTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time - day).count();
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), seconds / 3600, seconds / 60 % 60, seconds % 60);
}

}  // namespace nilus::storage
