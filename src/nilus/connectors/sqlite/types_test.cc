#include "nilus/connectors/sqlite/types.h"

#include <gtest/gtest.h>

namespace nilus::sqlite {
namespace {

std::string Read(std::string_view declared, ReflectionLevel level = ReflectionLevel::kFull) {
  const std::optional<Type> type = TypeOfDeclaration(declared, level);
  return type ? type->ToString() : "?";
}

TEST(TypesTest, UsualNames) {
  EXPECT_EQ(Read("INTEGER"), "bigint");
  EXPECT_EQ(Read("int"), "bigint");
  EXPECT_EQ(Read("UNSIGNED BIG INT"), "bigint");
  EXPECT_EQ(Read("TINYINT(1)"), "bigint");
  EXPECT_EQ(Read("varchar(255)"), "text");
  EXPECT_EQ(Read("NATIVE CHARACTER (70)"), "text");
  EXPECT_EQ(Read("CLOB"), "text");
  EXPECT_EQ(Read("BLOB"), "binary");
  EXPECT_EQ(Read("DOUBLE PRECISION"), "double");
  EXPECT_EQ(Read("real"), "double");
  EXPECT_EQ(Read("Boolean"), "bool");
  EXPECT_EQ(Read("DATE"), "date");
  EXPECT_EQ(Read("DATETIME"), "timestamp");
  EXPECT_EQ(Read("timestamp  without\ttime zone"), "timestamp_ntz");
  EXPECT_EQ(Read("JSON"), "json");
}

TEST(TypesTest, Decimals) {
  EXPECT_EQ(Read("DECIMAL(10, 2)"), "decimal(10,2)");
  EXPECT_EQ(Read("numeric(10)"), "decimal(10,0)");
  EXPECT_EQ(Read("NUMERIC"), "decimal(38,9)");
  EXPECT_EQ(Read("DECIMAL(65,30)"), "decimal(38,30)");
  EXPECT_EQ(Read("DECIMAL(5,10)"), "decimal(5,5)");
  EXPECT_EQ(Read("DECIMAL(x,y)"), "decimal(38,9)");
}

TEST(TypesTest, DeclarationsThatSayNothingLeaveItToTheValues) {
  EXPECT_EQ(Read(""), "?");
  EXPECT_EQ(Read("   "), "?");
  EXPECT_EQ(Read("MONEY_OR_SO"), "?");
  EXPECT_EQ(Read("(((("), "?");
  EXPECT_EQ(InferredType({}).ToString(), "text");
  EXPECT_EQ(InferredType({.integers = 1}).ToString(), "bigint");
  EXPECT_EQ(InferredType({.integers = 1, .reals = 1}).ToString(), "double");
  EXPECT_EQ(InferredType({.integers = 1, .texts = 1}).ToString(), "text");
  EXPECT_EQ(InferredType({.blobs = 1}).ToString(), "binary");
}

TEST(TypesTest, NarrowTypesWithPrecisionOnly) {
  EXPECT_EQ(Read("SMALLINT"), "bigint");
  EXPECT_EQ(Read("SMALLINT", ReflectionLevel::kFullWithPrecision), "int16");
  EXPECT_EQ(Read("FLOAT4", ReflectionLevel::kFullWithPrecision), "float4");
}

TEST(TypesTest, WhatTheSinkDeclaresReadsBackAsTheSameType) {
  for (TypeId id : {TypeId::kBool, TypeId::kInt16, TypeId::kInt32, TypeId::kInt64, TypeId::kFloat32, TypeId::kFloat64,
                    TypeId::kText, TypeId::kBinary, TypeId::kJson, TypeId::kDate, TypeId::kTime, TypeId::kTimestamp,
                    TypeId::kTimestampNtz}) {
    EXPECT_EQ(TypeOfDeclaration(DeclarationOf(MakeType(id)), ReflectionLevel::kFullWithPrecision), MakeType(id))
        << DeclarationOf(MakeType(id));
  }
  EXPECT_EQ(Read(DeclarationOf(MakeDecimal(38, 12))), "decimal(38,12)");
}

// CAST('Infinity' AS REAL) is 0.0: the bound of a delete would lie in the midst of the rows.
TEST(TypesTest, LiteralsOfFloatsThatAreNotFinite) {
  const auto literal = [](const char* text) { return Dialect().literal(Scalar{MakeType(TypeId::kFloat64), text}); };
  EXPECT_EQ(literal("1.5"), "CAST('1.5' AS REAL)");
  EXPECT_EQ(literal("Infinity"), "9e999");
  EXPECT_EQ(literal("-Infinity"), "-9e999");
  EXPECT_EQ(literal("NaN"), "'NaN'");
}

TEST(TypesTest, DistinctTablesHaveDistinctNames) {
  EXPECT_EQ(*PlainName({"main", "orders"}), "orders");
  EXPECT_EQ(*PlainName({"MAIN", "orders"}), "orders");
  EXPECT_EQ(*PlainName({"sales", "orders"}), "sales.orders");
  EXPECT_EQ(*PlainName({"sales", "orders.v2"}), "sales.orders.v2");
  EXPECT_FALSE(PlainName({"main", "sales.orders"}));  // would be sales' orders
  EXPECT_FALSE(PlainName({"sales.orders", "v2"}));    // would be sales' orders.v2
}

}  // namespace
}  // namespace nilus::sqlite
