// Single values: partition tuples, bounds of columns, defaults. Their bytes are the "binary single-value serialization"
// of the Iceberg spec's appendix D. One value a file or column: not for hot paths.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nilus/data/builder.h"
#include "nilus/lake/schema.h"

namespace nilus::lake {

// The alternative goes with the type: boolean bool; int, date int32; long, time, all timestamps int64; float; double;
// decimal the unscaled Int128; string, uuid (16 bytes), fixed, binary std::string. monostate: NULL.
using Literal = std::variant<std::monostate, bool, int32_t, int64_t, float, double, Int128, std::string>;

inline bool IsNull(const Literal& literal) { return std::holds_alternative<std::monostate>(literal); }

// Appendix D. `literal` is of `type` and not NULL.
std::string ToBytes(const Literal& literal, const IcebergType& type);
// Also bytes written before a promotion (4 for a long: an int; …). kData: not a value of the type, or a nested type.
Result<Literal> FromBytes(std::string_view bytes, const IcebergType& type);

// A value of a column (its layout is that of ToNilusType(type), or a narrower integer or float).
Literal LiteralAt(const Column& column, int64_t row, const IcebergType& type);
// Appends it to a column of ToNilusType(type). Nanoseconds become microseconds, uuid its text.
void AppendLiteral(const Literal& literal, const IcebergType& type, ColumnBuilder* column);

// NULL first, then numbers, instants, and bytes of text and binary; -0.0 before 0.0, NaN last. Both are of one type.
std::strong_ordering CompareLiterals(const Literal& a, const Literal& b);
bool IsNan(const Literal& literal);

// Appendix D's JSON ("2017-11-16", "14.20", 34, …); what follows in a schema's defaults. "null" for NULL.
std::string LiteralToJson(const Literal& literal, const IcebergType& type);
Result<Literal> LiteralFromJson(std::string_view json, const IcebergType& type);

// For people and partition folders: 2024-03-15, 2024-03-15T10:20:30Z, base64 of binary, "null".
std::string LiteralToText(const Literal& literal, const IcebergType& type);

// Bounds of text and binary, cut to `length` characters (UTF-8 code points) or bytes: the lower one is a prefix, the
// upper one a prefix with its last character raised; nothing when none can be (all characters are the highest).
inline constexpr int kBoundLength = 16;
std::string TruncateLowerBound(std::string_view value, const IcebergType& type, int length = kBoundLength);
std::optional<std::string> TruncateUpperBound(std::string_view value, const IcebergType& type,
                                              int length = kBoundLength);

}  // namespace nilus::lake
