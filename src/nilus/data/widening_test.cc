#include "nilus/data/widening.h"

#include <gtest/gtest.h>

namespace nilus {
namespace {

Type Varchar(int length) { return Type{TypeId::kText, 0, 0, length}; }

TEST(Widening, IsWhatHasEveryValue) {
  const auto type = [](TypeId id) { return MakeType(id); };
  EXPECT_TRUE(IsWidening(type(TypeId::kInt16), type(TypeId::kInt32)));
  EXPECT_TRUE(IsWidening(type(TypeId::kInt16), type(TypeId::kInt64)));
  EXPECT_TRUE(IsWidening(type(TypeId::kInt32), type(TypeId::kInt64)));
  EXPECT_TRUE(IsWidening(type(TypeId::kFloat32), type(TypeId::kFloat64)));
  EXPECT_TRUE(IsWidening(MakeDecimal(6, 2), MakeDecimal(7, 2)));
  EXPECT_TRUE(IsWidening(MakeDecimal(6, 2), MakeDecimal(8, 4)));
  EXPECT_TRUE(IsWidening(Varchar(4), Varchar(5)));
  EXPECT_TRUE(IsWidening(Varchar(4), Varchar(0)));
}

TEST(Widening, IsNothingElse) {
  const auto type = [](TypeId id) { return MakeType(id); };
  EXPECT_FALSE(IsWidening(type(TypeId::kInt64), type(TypeId::kInt64)));
  EXPECT_FALSE(IsWidening(type(TypeId::kInt64), type(TypeId::kInt32)));
  EXPECT_FALSE(IsWidening(type(TypeId::kInt32), type(TypeId::kFloat64))) << "another family";
  EXPECT_FALSE(IsWidening(MakeDecimal(6, 2), MakeDecimal(7, 4))) << "a digit less in front";
  EXPECT_FALSE(IsWidening(MakeDecimal(6, 2), MakeDecimal(9, 1)));
  EXPECT_FALSE(IsWidening(MakeDecimal(6, 2), MakeDecimal(6, 2)));
  EXPECT_FALSE(IsWidening(Varchar(0), Varchar(9)));
  EXPECT_FALSE(IsWidening(type(TypeId::kDate), type(TypeId::kTimestamp)));
}

}  // namespace
}  // namespace nilus
