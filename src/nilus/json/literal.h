// What a text can stand for without losing a digit or a letter of it: the tests behind every type that is inferred
// (connectors/files/README.md, "Types"). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "nilus/data/type.h"

namespace nilus::json {

// Types that a text can be, as bits.
using Candidates = uint32_t;
inline constexpr Candidates kInteger = 1;
inline constexpr Candidates kDouble = 2;
inline constexpr Candidates kDecimalNumber = 4;
inline constexpr Candidates kBoolean = 8;
inline constexpr Candidates kCalendarDate = 16;
inline constexpr Candidates kClockTime = 32;
inline constexpr Candidates kInstant = 64;
inline constexpr Candidates kWallClock = 128;
inline constexpr Candidates kNumbers = kInteger | kDouble | kDecimalNumber;
inline constexpr Candidates kTemporals = kCalendarDate | kClockTime | kInstant | kWallClock;
inline constexpr Candidates kAnything = kNumbers | kBoolean | kTemporals;

// 2^53: up to there a double is every whole number.
inline constexpr int64_t kMostExactInteger = int64_t{1} << 53;

// A number's candidates, and the digits that a decimal needs for it.
struct NumberTraits {
  bool is_number = false;
  Candidates candidates = 0;
  int whole = 0;  // digits before the point; 0 with kDecimalNumber missing
  int fraction = 0;
};
// Takes -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? and ".5". `wants_double`: whether kDouble is worth finding out.
NumberTraits TraitsOfNumber(std::string_view text, bool wants_double = true);

// Dates, times and timestamps: only ISO 8601 in full. Nothing is guessed about 01/02/2024.
Candidates TemporalCandidates(std::string_view text);

bool IsFloatWord(std::string_view text);    // NaN, Infinity, -Infinity
bool IsBooleanWord(std::string_view text);  // true and false in lower, upper or title case
// A JSON string that reads like a JSON number, true, false or null.
bool LooksLikeLiteral(std::string_view text);

// What all texts of a column can be. Mergeable: the same whatever the order and the grouping of what it saw.
struct TextTraits {
  Candidates candidates = kAnything;  // that every text so far has
  bool saw_number = false;            // a real number, beside words such as NaN
  int whole = 0;                      // widest decimal so far
  int fraction = 0;

  void Restrict(Candidates to) { candidates &= to; }
  // False when the text is no number; then nothing is left.
  bool AddNumber(std::string_view text);
  void Merge(const TextTraits& other);
  // bigint, double or decimal where the numbers allow one, else `otherwise`.
  Type ResolveNumber(TypeId otherwise) const;
  // date, time, timestamp or timestamp_ntz, else text.
  Type ResolveTemporal() const;
};

}  // namespace nilus::json
