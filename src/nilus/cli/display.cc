#include "nilus/cli/display.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace nilus::cli {
namespace {

struct CodePoint {
  uint32_t value = 0;
  size_t bytes = 1;
  bool valid = false;
};

// The code point at `at`; an ill-formed sequence is one byte, not valid.
CodePoint Decode(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(at);
  if (lead < 0x80) return {lead, 1, true};
  size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return {lead, 1, false};
  uint32_t value = lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {lead, 1, false};
    value = value << 6 | (byte(at + i) & 0x3FU);
  }
  bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {lead, 1, false};
  return {value, length, true};
}

// Characters that change how others are shown: C1 controls, directional overrides and isolates, line separators.
bool IsHidden(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200E && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

struct Range {
  uint32_t first;
  uint32_t last;
};

// The common blocks of Unicode's East_Asian_Width W/F and of combining marks: enough to keep tables straight.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},  {0x3400, 0x4DBF},
                           {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},
                           {0xFE30, 0xFE4F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kZero[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A}, {0x064B, 0x065F},
                           {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

template <size_t N>
bool InRanges(uint32_t c, const Range (&ranges)[N]) {
  return std::any_of(ranges, ranges + N, [c](const Range& range) { return c >= range.first && c <= range.last; });
}

int Width(uint32_t c) {
  if (c < 0x300) return 1;
  if (InRanges(c, kZero)) return 0;
  return InRanges(c, kWide) ? 2 : 1;
}

}  // namespace

std::string FormatCount(int64_t count) {
  std::string digits = std::to_string(count);
  size_t first = count < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string FormatBytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 || value >= 10 ? fmt::format("{:.0f} {}", value, kUnits[unit])
                                  : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string FormatSeconds(double seconds) {
  if (seconds < 0.1) return fmt::format("{:.3f} s", seconds);
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
}

std::string FormatRows(int64_t rows) { return rows == 1 ? "1 row" : FormatCount(rows) + " rows"; }

std::string EscapeForTerminal(std::string_view text, bool keep_newlines) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    CodePoint point = Decode(text, at);
    if (!point.valid) {
      result += fmt::format("\\x{:02x}", point.value);
    } else if (point.value == '\n' && !keep_newlines) {
      result += "\\n";
    } else if (point.value == '\n') {
      result += '\n';
    } else if (point.value == '\t') {
      result += "\\t";
    } else if (point.value == '\r') {
      result += "\\r";
    } else if (IsHidden(point.value)) {
      result += point.value < 0x100 ? fmt::format("\\x{:02x}", point.value) : fmt::format("\\u{:04x}", point.value);
    } else {
      result.append(text.substr(at, point.bytes));
    }
    at += point.bytes;
  }
  return result;
}

std::string Indented(std::string text, size_t spaces) {
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
    text.insert(at + 1, spaces, ' ');
  }
  return text;
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    CodePoint point = Decode(text, at);
    width += Width(point.value);
    at += point.bytes;
  }
  return width;
}

std::string FitWidth(std::string_view text, int width) {
  int used = 0;
  size_t cut = 0;  // where the text ends when a "…" must follow
  for (size_t at = 0; at < text.size();) {
    CodePoint point = Decode(text, at);
    used += Width(point.value);
    if (used > width) return std::string(text.substr(0, cut)) + (width > 0 ? "…" : "");
    at += point.bytes;
    if (used < width) cut = at;
  }
  return std::string(text);
}

std::string PadRight(std::string_view text, int width) {
  std::string fitted = FitWidth(text, width);
  fitted.append(static_cast<size_t>(std::max(0, width - DisplayWidth(fitted))), ' ');
  return fitted;
}

std::string PadLeft(std::string_view text, int width) {
  std::string fitted = FitWidth(text, width);
  fitted.insert(0, static_cast<size_t>(std::max(0, width - DisplayWidth(fitted))), ' ');
  return fitted;
}

}  // namespace nilus::cli
