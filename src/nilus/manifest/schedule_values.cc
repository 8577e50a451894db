#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <fstream>

#include "nilus/base/option_spec.h"
#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

struct CronField {
  std::string_view name;
  int min;
  int max;
};
constexpr std::array<CronField, 5> kCronFields = {
    {{"minute", 0, 59}, {"hour", 0, 23}, {"day of month", 1, 31}, {"month", 1, 12}, {"day of week", 0, 7}}};
constexpr std::array<std::string_view, 12> kMonths = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                      "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kDays = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};
using FieldBits = std::bitset<64>;

std::optional<int> CronNumber(std::string_view text, size_t field) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  if (field == 3) {
    auto month = std::find(kMonths.begin(), kMonths.end(), upper);
    if (month != kMonths.end()) return static_cast<int>(month - kMonths.begin()) + 1;
  }
  if (field == 4) {
    auto day = std::find(kDays.begin(), kDays.end(), upper);
    if (day != kDays.end()) return static_cast<int>(day - kDays.begin());
  }
  bool is_digits = !text.empty() && text.size() <= 3 &&
                   std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
  if (!is_digits) return std::nullopt;
  return std::stoi(upper);
}

// One field: parts separated by commas, each `*`, `a`, `a-b`, with an optional `/step`.
Result<FieldBits> ParseCronField(std::string_view text, size_t field) {
  const CronField& rule = kCronFields[field];
  auto wrong = [&](std::string_view part) {
    return FailWithFix(ErrorKind::kInvalidInput,
                       fmt::format("write *, a number from {} to {}, a range a-b, a list, or */n", rule.min, rule.max),
                       "{} is not a {} of a cron expression", Shown(part), rule.name);
  };
  FieldBits bits;
  while (true) {
    size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    size_t slash = part.find('/');
    std::string_view range = part.substr(0, slash);
    int step = 1;
    if (slash != std::string_view::npos) {
      auto number = ParseInteger(part.substr(slash + 1));
      if (!number || *number < 1 || *number > rule.max) return wrong(part);
      step = static_cast<int>(*number);
    }
    int low = rule.min;
    int high = rule.max;
    if (range != "*") {
      size_t dash = range.find('-');
      auto first = CronNumber(range.substr(0, dash), field);
      auto last = dash == std::string_view::npos ? first : CronNumber(range.substr(dash + 1), field);
      if (!first || !last) return wrong(part);
      low = *first;
      high = dash == std::string_view::npos && slash != std::string_view::npos ? rule.max : *last;
      if (low < rule.min || high > rule.max || low > high) return wrong(part);
    }
    for (int i = low; i <= high; i += step) bits.set(static_cast<size_t>(i));
    if (comma == std::string_view::npos) return bits;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::string> CheckCron(std::string_view text) {
  std::vector<std::string_view> fields;
  size_t from = 0;
  while ((from = text.find_first_not_of(" \t", from)) != std::string_view::npos &&
         fields.size() <= kCronFields.size() + 2) {
    size_t end = std::min(text.find_first_of(" \t", from), text.size());
    fields.push_back(text.substr(from, end - from));
    from = end;
  }
  if (fields.size() != kCronFields.size()) {
    std::string fix = "write five fields: minute hour day-of-month month day-of-week, such as '30 11 * * *'";
    if (fields.size() == 6) fix += "; there is no field for seconds";
    return FailWithFix(ErrorKind::kInvalidInput, fix, "{} has {} field{}, not five", Shown(text), fields.size(),
                       fields.size() == 1 ? "" : "s");
  }
  std::array<FieldBits, kCronFields.size()> bits;
  std::string canonical;
  for (size_t i = 0; i < fields.size(); ++i) {
    NILUS_ASSIGN(bits[i], ParseCronField(fields[i], i));
    canonical += (i == 0 ? "" : " ") + std::string(fields[i]);
  }
  if (fields[4] == "*") {
    constexpr std::array<size_t, 13> kDaysOfMonth = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool fires = false;
    for (size_t month = 1; month <= 12; ++month) {
      for (size_t day = 1; day <= kDaysOfMonth[month]; ++day) fires |= bits[3][month] && bits[2][day];
    }
    if (!fires) return Fail(ErrorKind::kInvalidInput, "{} never comes: no such day is in those months", Shown(text));
  }
  return canonical;
}

Status CheckTimezone(std::string_view name) {
  constexpr size_t kLongestName = 64;
  if (name == "UTC") return {};
  auto unknown = [&] {
    return FailWithFix(ErrorKind::kInvalidInput, "write a name of the IANA database, such as Asia/Kolkata or UTC",
                       "{} is not a time zone", Shown(name));
  };
  bool is_plain =
      !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '_' || c == '+' || c == '-' || c == '/';
      });
  if (!is_plain || name.front() == '/' || name.back() == '/') return unknown();
  // Only a compiled zone (tzfile(5)) counts: the folder holds tables and texts as well.
  std::string path = "/usr/share/zoneinfo/" + std::string(name);
  struct stat status {};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return unknown();
  std::ifstream file(path, std::ios::binary);
  char magic[4] = {};
  file.read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) != "TZif") return unknown();
  return {};
}

}  // namespace nilus
