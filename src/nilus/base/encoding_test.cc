#include "nilus/base/encoding.h"

#include <gtest/gtest.h>

namespace nilus {
namespace {

TEST(EncodingTest, PercentRoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
}

TEST(EncodingTest, PercentDecodeKeepsWhatIsNoSequence) {
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%zz%4"), "%zz%4");
  EXPECT_EQ(PercentDecode("%41"), "A");
  EXPECT_EQ(PercentDecode("a+b"), "a+b");
}

TEST(EncodingTest, Base64KnownVectors) {  // RFC 4648, section 10
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (auto [plain, encoded] : vectors) {
    EXPECT_EQ(Base64Encode(plain), encoded);
    EXPECT_EQ(Base64Decode(encoded).value(), plain);
  }
  EXPECT_EQ(Base64Decode("Zm9v\nYmFy").value(), "foobar");
  EXPECT_EQ(Base64Decode("Zg").value(), "f");
}

TEST(EncodingTest, Base64RefusesOtherText) {
  for (const char* text : {"Z", "Zm9v!", "Zg==Zg==", "Zm-v"}) EXPECT_FALSE(Base64Decode(text).has_value()) << text;
}

TEST(EncodingTest, QuotesInsideAreDoubled) {
  EXPECT_EQ(QuoteDoubled("a\"b'c", '"'), "\"a\"\"b'c\"");
  EXPECT_EQ(QuoteDoubled("a\"b'c", '\''), "'a\"b''c'");
  EXPECT_EQ(QuoteDoubled("", '"'), "\"\"");
}

TEST(EncodingTest, Sha256OfAbc) {  // FIPS 180-4 example
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(EncodingTest, Utf8Boundaries) {
  EXPECT_TRUE(IsValidUtf8("plain"));
  EXPECT_TRUE(
      IsValidUtf8("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC2", "\xE2\x82", "\xF0\x9F\x98", "\xC2\x41"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << HexEncode(bad);
  }
}

}  // namespace
}  // namespace nilus
