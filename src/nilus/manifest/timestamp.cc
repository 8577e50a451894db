#include <chrono>

#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

// Takes pieces off the front of a text; once something does not fit, everything fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  int Digits(size_t count) {
    int value = 0;
    if (text_.size() < count) return Wrong();
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return Wrong();
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  bool Skip(std::string_view any_of) {
    if (text_.empty() || any_of.find(text_[0]) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }
  void Expect(std::string_view any_of) {
    if (!Skip(any_of)) Wrong();
  }
  char Peek() const { return text_.empty() ? '\0' : text_[0]; }
  bool at_end() const { return text_.empty(); }
  bool ok() const { return ok_; }

 private:
  int Wrong() {
    ok_ = false;
    return 0;
  }
  std::string_view text_;
  bool ok_ = true;
};

Failure NotATimestamp(std::string_view text) {
  return FailWithFix(ErrorKind::kInvalidInput,
                     "write 2023-01-31, 2023-01-31T15:00:00, or that with Z or an offset such as +05:30",
                     "{} is not a date or time", Shown(text));
}

}  // namespace

Result<Timestamp> ParseTimestamp(std::string_view text) {
  Scanner scan(text);
  int year = scan.Digits(4);
  scan.Expect("-");
  int month = scan.Digits(2);
  scan.Expect("-");
  int day = scan.Digits(2);
  if (!scan.ok()) return NotATimestamp(text);
  std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year == 0) {
    return Fail(ErrorKind::kInvalidInput, "{} is not a day of the calendar", Shown(text));
  }
  Timestamp result;
  result.text = fmt::format("{:04}-{:02}-{:02}", year, month, day);
  result.seconds = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86400};
  if (scan.at_end()) {
    result.is_date = true;
    return result;
  }
  scan.Expect("Tt ");
  int hour = scan.Digits(2);
  scan.Expect(":");
  int minute = scan.Digits(2);
  int second = 0;
  std::string fraction;
  if (scan.Skip(":")) {
    second = scan.Digits(2);
    if (scan.Skip(".,")) {
      while (scan.ok() && scan.Peek() >= '0' && scan.Peek() <= '9') fraction += static_cast<char>('0' + scan.Digits(1));
      if (fraction.empty() || fraction.size() > 9) return NotATimestamp(text);
    }
  }
  if (!scan.ok() || hour > 23 || minute > 59 || second > 59) return NotATimestamp(text);
  result.text += fmt::format("T{:02}:{:02}:{:02}", hour, minute, second);
  while (fraction.ends_with('0')) fraction.pop_back();
  if (!fraction.empty()) {
    result.text += "." + fraction;
    std::string digits = fraction + std::string(9 - fraction.size(), '0');
    result.nanoseconds = std::stoi(digits);
  }
  result.seconds += hour * 3600 + minute * 60 + second;
  scan.Skip(" ");
  if (scan.Skip("Zz")) {
    result.has_zone = true;
    result.text += "Z";
  } else if (scan.Peek() == '+' || scan.Peek() == '-') {
    char sign = scan.Peek();
    scan.Skip("+-");
    int offset_hours = scan.Digits(2);
    scan.Skip(":");
    int offset_minutes = scan.at_end() ? 0 : scan.Digits(2);
    if (!scan.ok() || offset_hours > 15 || offset_minutes > 59) return NotATimestamp(text);
    result.has_zone = true;
    result.text += fmt::format("{}{:02}:{:02}", sign, offset_hours, offset_minutes);
    result.seconds -= (sign == '+' ? 1 : -1) * (offset_hours * 3600 + offset_minutes * 60);
  }
  if (!scan.ok() || !scan.at_end()) return NotATimestamp(text);
  return result;
}

}  // namespace nilus
