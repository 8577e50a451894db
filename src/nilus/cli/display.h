// Text for people: numbers with units, and foreign text made safe and measurable for a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nilus::cli {

std::string FormatCount(int64_t count);     // 1,234,567
std::string FormatBytes(int64_t bytes);     // 812 B, 1.2 KiB, 34 MiB
std::string FormatSeconds(double seconds);  // 0.004 s, 12.3 s, 4m 05s, 2h 03m
std::string FormatRows(int64_t rows);       // "1 row", "1,234 rows"

// Control characters (C0, DEL, C1), line breaks, bidirectional overrides and bytes that are not UTF-8 become \n, \t,
// \x1b, \u202e: nothing that reaches a terminal from data can move its cursor or forge its lines.
// `keep_newlines` leaves '\n' as it is.
std::string EscapeForTerminal(std::string_view text, bool keep_newlines = false);

// Lines behind the first begin with so many spaces more.
std::string Indented(std::string text, size_t spaces);

// Columns that escaped text takes on a terminal: 0 for combining marks, 2 for wide East Asian characters and emoji.
int DisplayWidth(std::string_view text);

// The text, cut to at most `width` columns; a cut text ends with "…".
std::string FitWidth(std::string_view text, int width);

// Fitted and filled with spaces to exactly `width` columns.
std::string PadRight(std::string_view text, int width);
std::string PadLeft(std::string_view text, int width);

}  // namespace nilus::cli
