#include "nilus/rows/mask.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "nilus/base/encoding.h"
#include "nilus/rows/mask_fixture_test.h"

namespace nilus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string ResultType(std::string_view how, const Type& type) { return Make(how, type)->result_type().ToString(); }

struct Vector {
  std::string how;
  std::string value;
  std::string masked;
  Type type = kText;
};

void PrintTo(const Vector& vector, std::ostream* out) { *out << vector.how << " of " << vector.value; }

class MaskVectors : public testing::TestWithParam<Vector> {};

TEST_P(MaskVectors, Match) {
  const Vector& vector = GetParam();
  EXPECT_EQ(Masked(vector.how, vector.value, vector.type), vector.masked) << vector.how << " of " << vector.value;
}

// The examples of spec 03, and of docs/masks.md.
INSTANTIATE_TEST_SUITE_P(
    Examples, MaskVectors,
    testing::Values(Vector{"email", "john.doe@example.com", "j******e@example.com"},
                    Vector{"phone", "+1-555-123-4567", "+1-555-***-****"},
                    Vector{"credit_card", "4111-1111-1111-1111", "****-****-****-1111"},
                    Vector{"ssn", "123-45-6789", "***-**-6789"}, Vector{"partial", "Jonathan", "Jo****an"},
                    Vector{"first_letter", "Alice", "A****"}, Vector{"stars", "secret123", "*********"},
                    Vector{"redact", "anything", "REDACTED"}, Vector{"fixed", "anything", "MASKED"},
                    Vector{"fixed:n/a: gone", "anything", "n/a: gone"}, Vector{"round:5000", "52300", "50000", kBigint},
                    Vector{"round:10", "34", "30", kBigint}, Vector{"round", "34", "30", kBigint},
                    Vector{"range:10000", "45000", "40000-50000", kBigint},
                    Vector{"year_only", "2024-03-15", "2024", kDate},
                    Vector{"month_year", "2024-03-15", "2024-03", kDate}));

// Digests by published test vectors (FIPS 180, RFC 1321, RFC 4231) and by Python's hashlib, hmac and uuid.
INSTANTIATE_TEST_SUITE_P(
    Digests, MaskVectors,
    testing::Values(Vector{"hash", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                    Vector{"sha256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                    Vector{"sha256", "Zoë", Sha256Hex("Zo\xC3\xAB")},
                    Vector{"md5", "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
                    Vector{"hmac:Jefe", "what do ya want for nothing?",
                           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
                    Vector{"uuid", "python.org", "886313e1-3b8a-5372-9b90-0c9aee199e5d"},
                    Vector{"hash", "-12.50", Sha256Hex("-12.50"), MakeDecimal(10, 2)},
                    Vector{"hash", "2024-03-15T10:20:30Z", Sha256Hex("2024-03-15T10:20:30Z"), kTimestamp},
                    Vector{"hash", "true", Sha256Hex("true"), MakeType(TypeId::kBool)},
                    Vector{"hash", "00ff", Sha256Hex("00ff"), MakeType(TypeId::kBinary)},
                    Vector{"hash", R"({"a":1})", Sha256Hex(R"({"a":1})"), MakeType(TypeId::kJson)},
                    Vector{"hash", R"("a\u0062c")", Sha256Hex("abc"), MakeType(TypeId::kJson)},
                    Vector{"md5", "5", Masked("md5", "5"), MakeType(TypeId::kJson)},
                    Vector{"hash", "0.5", Sha256Hex("0.5"), kDouble},
                    Vector{"hash", "7", Sha256Hex("7"), MakeType(TypeId::kInt16)}));

// A number's text is a plain decimal: what its column is called for the sake of other values makes no difference, nor
// do the digits behind the point that nobody declared.
INSTANTIATE_TEST_SUITE_P(PlainNumbers, MaskVectors,
                         testing::Values(Vector{"hash", "42", Sha256Hex("42"), MakeDecimal(38, 9)},
                                         Vector{"hash", "42", Sha256Hex("42"), MakeDecimal(10, 0)},
                                         Vector{"hash", "-1.50", Sha256Hex("-1.5"), MakeDecimal(38, 9)},
                                         Vector{"hash", "0.000000001", Sha256Hex("0.000000001"), MakeDecimal(38, 9)},
                                         Vector{"hash", "100000", Sha256Hex("100000"), kDouble},
                                         Vector{"hash", "1e22", Sha256Hex("10000000000000000000000"), kDouble},
                                         Vector{"hash", "-0.00001", Sha256Hex("-0.00001"), kDouble},
                                         Vector{"hash", "NaN", Sha256Hex("NaN"), kDouble},
                                         Vector{"hash", "100.0", Sha256Hex("100"), MakeType(TypeId::kJson)},
                                         Vector{"hash", "1E2", Sha256Hex("100"), MakeType(TypeId::kJson)},
                                         Vector{"hash", "12.50e-1", Sha256Hex("1.25"), MakeType(TypeId::kJson)},
                                         Vector{"hash", "\"100.0\"", Sha256Hex("100.0"), MakeType(TypeId::kJson)},
                                         Vector{"hash", "1e1000", Sha256Hex("1e1000"), MakeType(TypeId::kJson)},
                                         Vector{"stars", "0.00", "*", MakeType(TypeId::kJson)},
                                         Vector{"partial:1", "15551234567", "1*********7", MakeDecimal(38, 9)}));

// Stars are for the digits that count: not for those behind the point.
INSTANTIATE_TEST_SUITE_P(
    ShapesOfNumbers, MaskVectors,
    testing::Values(Vector{"phone", "15551234567", "1555*******", MakeDecimal(38, 9)},
                    Vector{"phone", "15551234567", "1555*******.**", MakeDecimal(13, 2)},
                    Vector{"phone", "15551234567.25", "1555*******.**", kDouble},
                    Vector{"phone", "5550000000", "555*******", kDouble},
                    Vector{"phone", "-5551234", "-*******", MakeDecimal(38, 9)},
                    Vector{"phone", "15551234567.250", "1555*******.**", MakeType(TypeId::kJson)},
                    Vector{"phone", "\"555.123.4567\"", "555.***.****", MakeType(TypeId::kJson)},
                    Vector{"partial:1", R"( {"a":1})", "********", MakeType(TypeId::kJson)},
                    Vector{"phone", "NaN", "***", kDouble},
                    Vector{"credit_card", "4111111111111111", "************1111", MakeDecimal(38, 9)},
                    Vector{"credit_card", "4111111111111111.5", "************1111.**", MakeDecimal(20, 2)},
                    Vector{"ssn", "123456789", "*****6789", MakeDecimal(38, 9)},
                    Vector{"ssn", "6789.01", "****.**", MakeDecimal(6, 2)}));

INSTANTIATE_TEST_SUITE_P(
    Shapes, MaskVectors,
    testing::Values(
        Vector{"email", "ab@x.de", "**@x.de"}, Vector{"email", "a@x.de", "*@x.de"},
        Vector{"email", "@handle", "*******"}, Vector{"email", "@@handle", "********"}, Vector{"email", "@", "*"},
        Vector{"email", "john@", "j**n@"}, Vector{"email", "abc@x.de", "a*c@x.de"},
        Vector{"email", "no address", "**********"}, Vector{"email", "\"a@b\"@x.de", "\"***\"@x.de"},
        Vector{"email", "žofie@example.cz", "ž***e@example.cz"}, Vector{"email", "", ""},
        // Seven digits or fewer: all of them. Digits of any script. Without a digit nothing would be hidden.
        Vector{"phone", "555-1234", "***-****"}, Vector{"phone", "12345678", "1*******"},
        Vector{"phone", "(030) 901820 ext 7", "(030) ****** ext *"}, Vector{"phone", "n/a", "***"},
        Vector{"phone", "+٢٠١٠١٢٣٤٥٦٧", "+٢٠١٠*******"}, Vector{"phone", "5551234", "*******", kBigint},
        Vector{"credit_card", "4111 1111 1111 1111", "**** **** **** 1111"},
        Vector{"credit_card", "4111111111111111", "************1111", kBigint},
        Vector{"credit_card", "Visa 4111111111111111", "**** ************1111"}, Vector{"credit_card", "1234", "****"},
        Vector{"credit_card", "none", "****"},
        Vector{"credit_card",
               "4111\xE2\x80\x93"
               "1111",
               "****\xE2\x80\x93"
               "1111"},
        Vector{"ssn", "123456789", "*****6789"}, Vector{"ssn", "AB 12 34 56 C", "** ** *4 56 C"},
        Vector{"ssn", "6789", "****"}, Vector{"ssn", "---", "***"}, Vector{"partial:3", "Jonathan", "Jon**han"},
        Vector{"partial", "Anna", "****"}, Vector{"partial", "Marie", "Ma*ie"},
        Vector{"partial:1", "漢字仮名", "漢**名"}, Vector{"partial:1000000", "short", "*****"},
        Vector{"first_letter", "Émile", "É****"}, Vector{"first_letter", "A", "*"}, Vector{"first_letter", "", ""},
        Vector{"stars", "Zoë 😀", "*****"}, Vector{"stars", "e\xCC\x81", "**"},  // code points, not what is seen
        Vector{"stars", "-1.50", "*****", MakeDecimal(4, 2)}, Vector{"stars", "true", "****", MakeType(TypeId::kBool)},
        Vector{"stars", "a\xFF\xC3", "***"}, Vector{"first_letter", "\xED\xA0\x80x", "\xED***"}));  // not UTF-8

INSTANTIATE_TEST_SUITE_P(
    Numbers, MaskVectors,
    testing::Values(
        Vector{"round:10", "35", "40", kBigint}, Vector{"round:10", "-35", "-40", kBigint},
        Vector{"round:10", "-34", "-30", kBigint}, Vector{"round:10", "4", "0", kBigint},
        Vector{"round:10", "9223372036854775801", "9223372036854775800", kBigint},
        Vector{"round:10", "32767", "32770", MakeType(TypeId::kInt16)}, Vector{"round:2.5", "6", "5", kBigint},
        Vector{"round:10", "34.6", "30", kDouble}, Vector{"round:0.1", "0.34", "0.3", kDouble},
        Vector{"round:0.1", "-0.04", "0", kDouble}, Vector{"round:10", "1e300", "1e+300", kDouble},
        Vector{"round:5000", "52300.49", "50000.00", MakeDecimal(12, 2)},
        Vector{"round:0.05", "1.2300", "1.2500", MakeDecimal(10, 4)},
        Vector{"round:0.05", "7.1", "7.10", MakeDecimal(3, 1)},
        Vector{"round:10", "99.99", "100.00", MakeDecimal(4, 2)}, Vector{"round:5000", "52300.5", "50000"},
        Vector{"round:10", " 34 ", "30"}, Vector{"round:10", "1e3", "1000"}, Vector{"round:10", "+34", "30"},
        Vector{"range:10", "-5", "-10-0", kBigint}, Vector{"range:10", "-10", "-10-0", kBigint},
        Vector{"range:10", "10", "10-20", kBigint}, Vector{"range:10000", "45000.99", "40000-50000", MakeDecimal(9, 2)},
        Vector{"range:0.5", "1.75", "1.5-2", kDouble}, Vector{"range:0.1", "0.3", "0.3-0.4", kDouble},
        Vector{"range:0.01", "0.29", "0.29-0.3", kDouble}, Vector{"range:0.50", "1", "1-1.5", kBigint},
        Vector{"range:100", "9223372036854775807", "9223372036854775800-9223372036854775900", kBigint},
        Vector{"range:10000", "45000", "40000-50000"},
        Vector{"range:10", "12345678901234567890123456789012345678",
               "12345678901234567890123456789012345670-12345678901234567890123456789012345680", MakeDecimal(38, 0)}));

INSTANTIATE_TEST_SUITE_P(
    Dates, MaskVectors,
    testing::Values(Vector{"year_only", "2024-12-31T23:59:59Z", "2024", kTimestamp},
                    Vector{"year_only", "1969-12-31T23:59:59.999999Z", "1969", kTimestamp},
                    Vector{"year_only", "2024-03-15T10:20:30", "2024", MakeType(TypeId::kTimestampNtz)},
                    Vector{"year_only", "-0043-03-15", "-43", kDate},
                    Vector{"year_only", "+12024-01-01", "12024", kDate}, Vector{"year_only", "2024-03-15", "2024"},
                    Vector{"year_only", "2024-01-01T01:00:00+02:00", "2023"},
                    Vector{"month_year", "2024-03-15T10:20:30Z", "2024-03", kTimestamp},
                    Vector{"month_year", "-0043-03-15", "-0043-03", kDate},
                    Vector{"month_year", "2024-03-15 10:20:30", "2024-03"}));

// Numbers beside their texts, and the like.
INSTANTIATE_TEST_SUITE_P(MeaningsOfJson, MaskVectors,
                         testing::Values(Vector{"round", "52", "50", MakeType(TypeId::kJson)},
                                         Vector{"round", "\"57\"", "60", MakeType(TypeId::kJson)},
                                         Vector{"round:0.5", "1.25e0", "1.5", MakeType(TypeId::kJson)},
                                         Vector{"range:10", "34.5", "30-40", MakeType(TypeId::kJson)},
                                         Vector{"year_only", "\"2024-03-15\"", "2024", MakeType(TypeId::kJson)},
                                         Vector{"month_year", "\"2024-03-15T10:00:00Z\"", "2024-03",
                                                MakeType(TypeId::kJson)}));

TEST(Mask, ReplacesTheType) {
  for (std::string_view how : {"hash", "md5", "hmac:k", "redact", "email", "phone", "credit_card", "ssn", "partial",
                               "first_letter", "stars", "fixed", "uuid", "range:10"}) {
    EXPECT_EQ(ResultType(how, kBigint), "text") << how;
  }
  EXPECT_EQ(ResultType("sequential", kText), "bigint");
  EXPECT_EQ(ResultType("round", MakeType(TypeId::kInt16)), "bigint");
  EXPECT_EQ(ResultType("round:0.5", kBigint), "double");
  EXPECT_EQ(ResultType("round", MakeType(TypeId::kFloat32)), "double");
  EXPECT_EQ(ResultType("round", kText), "double");
  EXPECT_EQ(ResultType("round", MakeType(TypeId::kJson)), "double");
  EXPECT_EQ(ResultType("round", MakeDecimal(12, 2)), "decimal(13,2)");
  EXPECT_EQ(ResultType("noise", kBigint), "double");
  EXPECT_EQ(ResultType("year_only", kTimestamp), "bigint");
  EXPECT_EQ(ResultType("month_year", kDate), "text");
  EXPECT_EQ(ResultType("date_shift", kDate), "date");
  EXPECT_EQ(ResultType("date_shift", kTimestamp), "timestamp");
  EXPECT_EQ(ResultType("random", MakeDecimal(12, 2)), "decimal(12,2)");
}

TEST(Mask, NeverFailsOpenAndNeverNamesTheValue) {
  const std::vector<Vector> cases = {{"round", "abc", "is no number"},
                                     {"range:10", "abc", "is no number"},
                                     {"noise", "abc", "is no number"},
                                     {"round", "NaN", "is no number", kDouble},
                                     {"range:10", "Infinity", "is no number", kDouble},
                                     {"round", "nan", "is no number"},
                                     {"noise", "inf", "is no number"},
                                     {"range:10", "1e300", "is too large", kDouble},
                                     {"round:10", "9223372036854775807", "is too large", kBigint},
                                     {"year_only", "soon", "is no date"},
                                     {"month_year", "infinity", "is no date"},
                                     {"date_shift", "2024-02-30", "is no date"},
                                     {"round", "", "is no number"}};
  for (const Vector& c : cases) {
    std::string message = Masked(c.how, c.value, c.type);
    EXPECT_THAT(message, AllOf(HasSubstr("!column `c` cannot be masked with"), HasSubstr(c.masked))) << c.how;
  }
  for (std::string_view how : {"round", "range:10", "noise", "date_shift", "year_only"}) {
    EXPECT_THAT(Masked(how, "canary7"), Not(HasSubstr("canary7")));
  }
}

TEST(Mask, RefusesTypesItHasNoMeaningFor) {
  EXPECT_THAT(Masked("round", "2024-03-15", kDate), HasSubstr("of type date, and the mask is for numbers"));
  EXPECT_THAT(Masked("noise", "true", MakeType(TypeId::kBool)), HasSubstr("of type bool"));
  EXPECT_THAT(Masked("range:10", "{}", MakeType(TypeId::kJson)), HasSubstr("a value is no number"));
  EXPECT_THAT(Masked("year_only", "5", kBigint), HasSubstr("of type bigint, and the mask is for dates"));
  EXPECT_THAT(Masked("date_shift", "10:20:30", MakeType(TypeId::kTime)), HasSubstr("of type time"));
  EXPECT_THAT(Masked("round:0", "1", kBigint), HasSubstr("a number above 0"));
  EXPECT_THAT(Masked("range:0.1234567890123456789", "1", kBigint), HasSubstr("at most 18 digits"));
  EXPECT_THAT(Masked("partial:x", "a"), HasSubstr("whole number"));
  EXPECT_THAT(Masked("hmac", "a"), HasSubstr("has no key"));
  EXPECT_THAT(Masked("hashh", "a"), HasSubstr("is no mask"));
}

TEST(Mask, UuidsAreOfVersion5) {
  EXPECT_THAT(Masked("uuid", "42", kBigint),
              testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(Masked("uuid", "42", kBigint), Masked("uuid", "42", kText)) << "by the canonical text";
}

// One object among the values makes a column json. A string is masked as ever; of an object nothing is kept.
TEST(Mask, ShapesOfJsonValues) {
  const Type json = MakeType(TypeId::kJson);
  EXPECT_EQ(Masked("email", R"("john@x.com")", json), "j**n@x.com");
  EXPECT_EQ(Masked("partial:1", R"("a\"b")", json), "a*b");
  for (std::string_view how : {"email", "phone", "ssn", "credit_card", "partial:2", "first_letter", "stars"}) {
    for (const char* value : {R"({"mail":"john@x.com","phone":"+1-555-123-4567"})", R"(["john@x.com"])"}) {
      const std::string masked = Masked(how, value, json);
      EXPECT_EQ(masked, std::string(masked.size(), '*')) << how;
    }
  }
}

TEST(Mask, ContextsAreReusedWithoutLeftovers) {
  for (std::string_view how : {"hash", "md5", "hmac:Jefe", "uuid"}) {
    Texts masked = TextsOf(*Make(how, kText)->Apply(ColumnOf(kText, {"a", "b", std::nullopt, "a", "", "a"})));
    EXPECT_EQ(masked[0], masked[3]) << how;
    EXPECT_EQ(masked[0], masked[5]) << how;
    EXPECT_NE(masked[0], masked[1]) << how;
    EXPECT_EQ(masked[0], Masked(how, "a")) << how;
  }
}

TEST(Mask, NoiseStaysNearAndCannotBeForetold) {
  ColumnBuilder builder(kBigint);
  for (int i = 0; i < 2000; ++i) builder.Append<int64_t>(i % 2 == 0 ? 1000 : -1000);
  Column column = builder.Finish();
  Column noisy = *Make("noise:0.1", kBigint)->Apply(column);
  std::set<double> different;
  for (int64_t row = 0; row < noisy.length; ++row) {
    const double value = noisy.Value<double>(row);
    EXPECT_GE(value * (row % 2 == 0 ? 1 : -1), 900);
    EXPECT_LE(value * (row % 2 == 0 ? 1 : -1), 1100);
    different.insert(value);
  }
  EXPECT_GT(different.size(), 1990U);
  EXPECT_NE(TextsOf(noisy), TextsOf(*Make("noise:0.1", kBigint)->Apply(column)));
  EXPECT_THAT(Masked("noise:1", "1.7976931348623157e308", kDouble),
              testing::AnyOf(HasSubstr("too large"), HasSubstr("e+")));
}

TEST(Mask, RandomKeepsTypeSignAndSize) {
  const std::vector<std::pair<Type, std::string>> values = {
      {kText, "Zoë 😀"},
      {kBigint, "-12345"},
      {kBigint, "9223372036854775807"},
      {kBigint, "-9223372036854775808"},
      {MakeType(TypeId::kInt16), "-32768"},
      {MakeType(TypeId::kInt32), "7"},
      {MakeDecimal(38, 2), "-123456789012345678901234567890123456.78"},
      {MakeDecimal(4, 2), "99.99"},
      {kDouble, "-0.00123"},
      {kDouble, "1.7e308"},
      {MakeType(TypeId::kFloat32), "3e38"},
      {kDate, "2024-03-15"},
      {kTimestamp, "2024-03-15T10:20:30Z"},
      {MakeType(TypeId::kTime), "10:20:30"},
      {MakeType(TypeId::kBinary), "00ff00ff"},
      {MakeType(TypeId::kJson), R"({"a":1})"}};
  for (const auto& [type, value] : values) {
    std::unique_ptr<Mask> mask = Make("random", type);
    Column column = ColumnOf(type, Texts(200, value));
    Column drawn = *mask->Apply(column);
    std::set<std::string> different;
    for (const auto& text : TextsOf(drawn)) different.insert(*text);
    EXPECT_GT(different.size(), type.id == TypeId::kInt32 ? 5U : 100U) << type.ToString() << " " << value;
    for (const std::string& text : different) {
      ColumnBuilder again(type);
      ASSERT_TRUE(AppendParsed(text, &again)) << type.ToString() << " " << text;
      if (type.id == TypeId::kText) {
        EXPECT_EQ(text.size(), 5U);
      }
      if (type.id == TypeId::kInt64 || type.id == TypeId::kInt16 || type.id == TypeId::kDecimal) {
        EXPECT_EQ(text.size(), value.size()) << text << " for " << value;
        EXPECT_EQ(text.front() == '-', value.front() == '-');
      }
      if (type.id == TypeId::kFloat64) {
        EXPECT_TRUE(std::isfinite(std::stod(text)));
        EXPECT_EQ(text.front() == '-', value.front() == '-');
      }
      if (type.id == TypeId::kJson) {
        EXPECT_EQ(text.front(), '"');
      }
    }
  }
}

TEST(Mask, DateShiftMovesEqualDatesAlike) {
  std::unique_ptr<Mask> mask = Make("date_shift:10", kDate);
  for (int day = 0; day < 500; ++day) {
    ColumnBuilder builder(kDate);
    builder.Append<int32_t>(day);
    builder.Append<int32_t>(-day);
    builder.Append<int32_t>(day);
    Column moved = *mask->Apply(builder.Finish());
    const int shift = moved.Value<int32_t>(0) - day;
    EXPECT_TRUE(shift != 0 && shift >= -10 && shift <= 10) << shift;
    EXPECT_EQ(moved.Value<int32_t>(0), moved.Value<int32_t>(2));
    // A timestamp moves with its date and keeps its time of day; a text keeps its form.
    std::string date;
    AppendDate(day, &date);
    const std::string moved_date = ScalarAt(moved, 0).text;
    EXPECT_EQ(Masked("date_shift:10", date + "T10:20:30Z", kTimestamp), moved_date + "T10:20:30Z");
    EXPECT_EQ(Masked("date_shift:10", date), moved_date);
    EXPECT_EQ(Masked("date_shift:10", date + " 10:20:30"), moved_date + "T10:20:30");
  }
  EXPECT_EQ(Masked("date_shift:1", "2024-03-15", kDate), Masked("date_shift:1", "2024-03-15")) << "the same everywhere";
  // Among so many dates at the edge some would move past it.
  ColumnBuilder edge(kDate);
  for (int i = 0; i < 100; ++i) edge.Append<int32_t>(std::numeric_limits<int32_t>::max() - i);
  Result<Column> moved = Make("date_shift:1000000", kDate)->Apply(edge.Finish());
  ASSERT_FALSE(moved);
  EXPECT_THAT(moved.error().message, HasSubstr("too far away"));
}

TEST(Mask, SaysWhatRemainsOfAKey) {
  EXPECT_EQ(MaskedKeyOf("hash"), MaskedKey::kUnique);
  EXPECT_EQ(MaskedKeyOf("md5"), MaskedKey::kDistinct);
  EXPECT_EQ(MaskedKeyOf("email"), MaskedKey::kLossy);
  EXPECT_EQ(MaskedKeyOf("noise"), MaskedKey::kRandom);
}

}  // namespace
}  // namespace nilus
