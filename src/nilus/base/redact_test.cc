#include "nilus/base/redact.h"

#include <gtest/gtest.h>

#include "nilus/base/encoding.h"
#include "nilus/base/result.h"

namespace nilus {
namespace {

class RedactTest : public ::testing::Test {
 protected:
  void TearDown() override { ForgetSecretsForTesting(); }
};

TEST_F(RedactTest, RegisteredSecretsVanishInEveryForm) {
  const std::string secret = "p@ss/w:rd?#&=+;%\\'\"{}()*$! x";
  RegisterSecret(secret);
  for (const std::string& form : {secret, PercentEncode(secret), Base64Encode(secret)}) {
    EXPECT_EQ(Redact("before " + form + " after"), "before *** after");
  }
}

TEST_F(RedactTest, ALongerSecretIsReplacedBeforeOneInsideIt) {
  RegisterSecret("hunter");
  RegisterSecret("hunter2");
  EXPECT_EQ(Redact("it is hunter2."), "it is ***.");
}

TEST_F(RedactTest, TinyValuesAreNotRegistered) {
  RegisterSecret("ab");
  EXPECT_EQ(Redact("cabbage"), "cabbage");
}

TEST_F(RedactTest, UriPasswords) {
  EXPECT_EQ(Redact("at postgresql://app:hunter2@db:5432/shop failed"), "at postgresql://app:***@db:5432/shop failed");
  EXPECT_EQ(Redact("'mysql://u:a@b@h/d'"), "'mysql://u:***@h/d'");
  EXPECT_EQ(Redact("redis://:secret@h"), "redis://:***@h");
  EXPECT_EQ(Redact("u:a/b@h in x://u:a/b@h/d"), "u:a/b@h in x://u:***@h/d");  // a raw '/' in a password
  EXPECT_EQ(Redact("see https://host/a:b@c for more"), "see https://host/a:b@c for more");
  EXPECT_EQ(Redact("postgresql://u@h/d"), "postgresql://u@h/d");
}

TEST_F(RedactTest, ParametersAndHeaders) {
  EXPECT_EQ(Redact("connect host=h password=x'y user=u"), "connect host=h password=***'y user=u");
  EXPECT_EQ(Redact("s3?X-Amz-Signature=abcdef0123&other=1"), "s3?X-Amz-Signature=***&other=1");
  EXPECT_EQ(Redact("aws_secret_access_key=AKIA123 region=x"), "aws_secret_access_key=*** region=x");
  EXPECT_EQ(Redact("Authorization: Bearer abc.def\nNext: 1"), "Authorization: ***\nNext: 1");
  EXPECT_EQ(Redact("the password: wrong"), "the password: wrong");
}

TEST_F(RedactTest, OrdinaryTextStays) {
  const std::string text = "table public.orders: 12 rows at 10:20:30, key = id, ratio = 0.5";
  EXPECT_EQ(Redact(text), text);
}

TEST_F(RedactTest, ErrorsAreRedactedAsAWhole) {
  RegisterSecret("topsecret");
  Error error{ErrorKind::kAuth, "login with topsecret refused", "change topsecret"};
  EXPECT_EQ(error.ToString(), "login with *** refused\n  fix: change ***");
}

}  // namespace
}  // namespace nilus
