#include "nilus/rows/naming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

using testing::HasSubstr;

std::string Snake(std::string_view name, int limit = 0) { return NormalizeName(name, NamingStyle::kDefault, limit); }

VariableLookup Variable(std::optional<std::string> value) {
  return [value](std::string_view name) { return name == "SCHEMA_NAMING" ? value : std::nullopt; };
}

TEST(Naming, SplitsCamelAndPascalCase) {
  EXPECT_EQ(Snake("userId"), "user_id");
  EXPECT_EQ(Snake("UserId"), "user_id");
  EXPECT_EQ(Snake("HTTPServerID"), "http_server_id");
  EXPECT_EQ(Snake("userID2Name"), "user_id2_name");
  EXPECT_EQ(Snake("ABC"), "abc");
  EXPECT_EQ(Snake("A"), "a");
  EXPECT_EQ(Snake("aB"), "a_b");
  EXPECT_EQ(Snake("Created_At"), "created_at");
  EXPECT_EQ(Snake("already_snake_case"), "already_snake_case");
}

TEST(Naming, ReplacesOtherCharactersAndCollapsesRuns) {
  EXPECT_EQ(Snake("Miles per Gallon"), "miles_per_gallon");
  EXPECT_EQ(Snake("a--b  c"), "a_b_c");
  EXPECT_EQ(Snake("a___b"), "a_b");
  EXPECT_EQ(Snake("__x"), "_x");
  EXPECT_EQ(Snake("x__"), "x_");
  EXPECT_EQ(Snake("straße"), "stra_e");
  EXPECT_EQ(Snake("日本"), "_");
  EXPECT_EQ(Snake(""), "_");
  EXPECT_EQ(Snake("'; DROP TABLE users; --"), "_drop_table_users_");
  EXPECT_EQ(Snake(std::string_view("a\0b", 3)), "a_b");
}

TEST(Naming, VariantEndingsSurviveASecondHop) {
  EXPECT_EQ(Snake("x__v_text"), "x__v_text");
  EXPECT_EQ(Snake("userId__v_timestamp_ntz"), "user_id__v_timestamp_ntz");
  EXPECT_EQ(Snake("a___v_json"), "a__v_json");
  EXPECT_EQ(Snake("___v_text"), "___v_text");
  EXPECT_EQ(Snake("__v_text"), "_v_text") << "a variant of nothing";
  EXPECT_EQ(Snake("x__v_other"), "x_v_other");
  EXPECT_EQ(Snake("x__v_text_"), "x_v_text_");
}

TEST(Naming, LevelsOfAPathAreNormalizedOneByOne) {
  EXPECT_EQ(NormalizePath("shipTo__ZIP code", NamingStyle::kDefault, 0), "ship_to__zip_code");
  EXPECT_EQ(NormalizePath("shipTo__ZIP code", NamingStyle::kDirect, 0), "shipTo__ZIP code");
  EXPECT_EQ(NormalizePath("a", NamingStyle::kDefault, 0), "a");
  const std::vector<std::string> both = {"code__c", "code_c"};
  EXPECT_EQ(PlacesNamed("Code__c", NamingStyle::kDefault, 0), both);
  EXPECT_EQ(PlacesNamed("Code__c", NamingStyle::kDirect, 0), std::vector<std::string>{"Code__c"});
  EXPECT_EQ(PlacesNamed("a", NamingStyle::kDefault, 0), std::vector<std::string>{"a"});
}

TEST(Naming, PutsAnUnderscoreBeforeALeadingDigit) {
  EXPECT_EQ(Snake("2024 sales"), "_2024_sales");
  EXPECT_EQ(Snake("1"), "_1");
}

TEST(Naming, DirectKeepsEverything) {
  EXPECT_EQ(NormalizeName("Straße ''; --", NamingStyle::kDirect, 0), "Straße ''; --");
  EXPECT_EQ(NormalizeName("", NamingStyle::kDirect, 0), "_");
}

TEST(Naming, CutsLongNamesWithAHashOfTheWhole) {
  std::string a = std::string(70, 'x') + "_a";
  std::string b = std::string(70, 'x') + "_b";
  EXPECT_EQ(Snake(a, 63).size(), 63U);
  EXPECT_NE(Snake(a, 63), Snake(b, 63));
  EXPECT_EQ(Snake(a, 63), std::string(54, 'x') + "_" + Sha256Hex(a).substr(0, 8));
  EXPECT_EQ(Snake(std::string(63, 'x'), 63), std::string(63, 'x'));
}

RC_GTEST_PROP(Naming, DefaultIsIdempotentBoundedAndOfItsAlphabet, (const std::string& name)) {
  int limit = *rc::gen::element(0, 10, 16, 30, 63);
  std::string once = Snake(name, limit);
  RC_ASSERT(Snake(once, limit) == once);
  RC_ASSERT(!once.empty());
  RC_ASSERT(limit == 0 || once.size() <= static_cast<size_t>(limit));
  RC_ASSERT(once.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos);
  RC_ASSERT(!(once.front() >= '0' && once.front() <= '9'));
  RC_ASSERT(once.find("__") == std::string::npos);
}

RC_GTEST_PROP(Naming, DirectStaysWithinTheLimitAndWellFormed, ()) {
  // Names of characters of one to four bytes.
  auto characters = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "Z", "_", "é", "日", "😀", "'", " "));
  std::string name;
  for (const std::string& character : characters) name += character;
  int limit = *rc::gen::inRange(10, 40);
  std::string once = NormalizeName(name, NamingStyle::kDirect, limit);
  RC_ASSERT(once.size() <= static_cast<size_t>(limit));
  RC_ASSERT(IsValidUtf8(once));
  RC_ASSERT(NormalizeName(once, NamingStyle::kDirect, limit) == once);
}

TEST(Naming, TableNamesSayWhatBecameOfThem) {
  Result<NormalizedTable> table = NormalizeTableName("Raw.OrderItems", NamingStyle::kDefault, 63);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->schema, "raw");
  EXPECT_EQ(table->name, "order_items");
  EXPECT_THAT(table->warning, HasSubstr("`Raw.OrderItems` becomes `raw.order_items`"));
  EXPECT_EQ(NormalizeTableName("raw.orders", NamingStyle::kDefault, 63)->warning, "");
  EXPECT_EQ(NormalizeTableName("raw.a.b", NamingStyle::kDefault, 63)->name, "a_b");
  for (std::string_view text : {"", "orders", ".orders", "raw."}) {
    Result<NormalizedTable> wrong = NormalizeTableName(text, NamingStyle::kDefault, 63);
    ASSERT_FALSE(wrong);
    EXPECT_THAT(wrong.error().message, HasSubstr("Table name must be in the format <schema>.<table>"));
  }
}

TEST(Naming, StyleComesFromTheEnvironment) {
  EXPECT_EQ(*NamingStyleFrom(Variable(std::nullopt)), NamingStyle::kDefault);
  EXPECT_EQ(*NamingStyleFrom(Variable("default")), NamingStyle::kDefault);
  EXPECT_EQ(*NamingStyleFrom(Variable("direct")), NamingStyle::kDirect);
  EXPECT_FALSE(NamingStyleFrom(Variable("camel")));
}

}  // namespace
}  // namespace nilus
