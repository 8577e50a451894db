#include "nilus/rows/mask_sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/rows/mask_fixture_test.h"

namespace nilus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(MaskSequence, NumbersDistinctValuesAndKeepsThem) {
  std::shared_ptr<MaskSequence> sequence = *MaskSequence::Create();
  auto apply = [&](const std::shared_ptr<MaskSequence>& by, const Texts& texts) {
    return TextsOf(*(*MakeMask(RuleOf("sequential"), kText, by))->Apply(ColumnOf(kText, texts)));
  };
  EXPECT_EQ(apply(sequence, {"b", "a", std::nullopt, "b", ""}), (Texts{"1", "2", std::nullopt, "1", "3"}));
  Result<std::shared_ptr<MaskSequence>> later = MaskSequence::Parse(sequence->ToText());
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ(apply(*later, {"", "new", "a", "b"}), (Texts{"3", "4", "2", "1"}));
  EXPECT_EQ((*later)->size(), 4);
  EXPECT_EQ(sequence->size(), 3);
}

TEST(MaskSequence, StateHoldsNoValue) {
  std::shared_ptr<MaskSequence> sequence = *MaskSequence::Create();
  sequence->NumberOf("canary@example.com");
  const std::string state = sequence->ToText();
  EXPECT_EQ(state.size(), 32 + 1 + 16U);
  for (const std::string& form : {std::string("canary"), Base64Encode("canary"), HexEncode("canary"),
                                  Sha256Hex("canary@example.com").substr(0, 16)}) {
    EXPECT_THAT(state, Not(HasSubstr(form)));
  }
  std::shared_ptr<MaskSequence> other = *MaskSequence::Create();
  other->NumberOf("canary@example.com");
  EXPECT_NE(other->ToText().substr(33), state.substr(33)) << "digests are keyed";
}

TEST(MaskSequence, IsBounded) {
  std::shared_ptr<MaskSequence> sequence = *MaskSequence::Create();
  for (int64_t i = 1; i <= MaskSequence::kMaxValues; ++i) ASSERT_EQ(sequence->NumberOf(std::to_string(i)), i);
  EXPECT_EQ(sequence->NumberOf("one more"), 0);
  EXPECT_EQ(sequence->NumberOf("7"), 7);
  Result<Column> column = (*MakeMask(RuleOf("sequential"), kText, sequence))->Apply(ColumnOf(kText, {"one more"}));
  ASSERT_FALSE(column);
  EXPECT_THAT(column.error().message, AllOf(HasSubstr("250,000"), Not(HasSubstr("one more"))));
  EXPECT_TRUE(MaskSequence::Parse(sequence->ToText()));
}

TEST(MaskSequence, RefusesDamagedState) {
  const std::string key(32, 'a');
  const std::string digest = Base64Encode("123456789012");
  EXPECT_TRUE(MaskSequence::Parse(key + ":"));
  EXPECT_TRUE(MaskSequence::Parse(key + ":" + digest));
  for (const std::string& text : {std::string(), key, key + ":x", key + ":" + digest + digest, ":" + digest,
                                  std::string(32, 'g') + ":", key + ":" + Base64Encode("12345")}) {
    EXPECT_FALSE(MaskSequence::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace nilus
