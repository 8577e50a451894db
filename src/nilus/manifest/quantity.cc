#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "nilus/manifest/map_reader.h"
#include "nilus/manifest/values.h"

namespace nilus {
namespace {

// Digits with an optional point, from the front of `text`, which keeps the unit.
std::optional<double> TakeNumber(std::string_view& text) {
  size_t end = text.find_first_not_of("0123456789.");
  if (end == std::string_view::npos) end = text.size();
  double value = 0;
  auto [stop, error] = std::from_chars(text.data(), text.data() + end, value, std::chars_format::fixed);
  if (end == 0 || error != std::errc() || stop != text.data() + end || !std::isfinite(value)) return std::nullopt;
  text.remove_prefix(end);
  return value;
}

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 12> kMemoryUnits = {{{"", 1},
                                                {"Ki", 1024.0},
                                                {"Mi", 1024.0 * 1024},
                                                {"Gi", 1024.0 * 1024 * 1024},
                                                {"Ti", 1024.0 * 1024 * 1024 * 1024},
                                                {"k", 1e3},
                                                {"K", 1e3},
                                                {"M", 1e6},
                                                {"G", 1e9},
                                                {"T", 1e12},
                                                {"B", 1},
                                                {"m", 1e-3}}};

}  // namespace

Result<int64_t> ParseMemoryQuantity(std::string_view text) {
  std::string_view rest = text;
  auto number = TakeNumber(rest);
  if (number) {
    for (const Unit& unit : kMemoryUnits) {
      if (unit.name != rest) continue;
      double bytes = *number * unit.factor;
      if (bytes < 1 || bytes > 1e15) {
        return FailWithFix(ErrorKind::kInvalidInput, "write an amount such as 512Mi or 1Gi",
                           "{} is no sensible amount of memory", Shown(text));
      }
      return static_cast<int64_t>(bytes);
    }
  }
  return FailWithFix(ErrorKind::kInvalidInput, "write a number with Ki, Mi, Gi, K, M or G: 512Mi",
                     "{} is not an amount of memory", Shown(text));
}

Result<double> ParseCpuQuantity(std::string_view text) {
  std::string_view rest = text;
  auto number = TakeNumber(rest);
  if (number && (rest.empty() || rest == "m")) {
    double cpus = rest == "m" ? *number / 1000 : *number;
    if (cpus > 0 && cpus <= 4096) return cpus;
    return FailWithFix(ErrorKind::kInvalidInput, "write more than 0, such as 500m or 2",
                       "{} is no sensible number of processors", Shown(text));
  }
  return FailWithFix(ErrorKind::kInvalidInput, "write 500m (thousandths) or 1.5", "{} is not a number of processors",
                     Shown(text));
}

}  // namespace nilus
