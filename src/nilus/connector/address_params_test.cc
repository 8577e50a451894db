#include "nilus/connector/address_params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nilus {
namespace {

using testing::HasSubstr;

constexpr OptionSpec kDeclared[] = {
    {.name = "busy_timeout", .type = OptionType::kInteger, .help = "milliseconds"},
    {.name = "token", .help = "secret", .secret = true},
};

Result<OptionValues> Read(const std::map<std::string, std::string, std::less<>>& params) {
  Address address{.scheme = "x", .params = params};
  return ReadAddressParams(address, kDeclared, "X", "x");
}

TEST(AddressParams, DeclaredOnesAreReadByTheirTypes) {
  Result<OptionValues> values = Read({{"busy_timeout", " 70 "}, {"token", "abc"}});
  ASSERT_TRUE(values);
  EXPECT_EQ(values->Integer("busy_timeout", 0), 70);
  EXPECT_TRUE(Read({}));
}

TEST(AddressParams, OthersAreRefusedWithTheNearestName) {
  Result<OptionValues> values = Read({{"busy_timeot", "70"}});
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(values.error().message, "'busy_timeot' is not a parameter of a X address");
  EXPECT_EQ(values.error().fix, "did you mean 'busy_timeout'?");
  values = Read({{"nothing_like_it", "70"}});
  ASSERT_FALSE(values);
  EXPECT_THAT(values.error().fix, HasSubstr("nilus connectors x"));
}

TEST(AddressParams, ValuesHaveTheirTypes) {
  Result<OptionValues> values = Read({{"busy_timeout", "soon"}});
  ASSERT_FALSE(values);
  EXPECT_THAT(values.error().message, HasSubstr("address parameter busy_timeout"));
}

}  // namespace
}  // namespace nilus
