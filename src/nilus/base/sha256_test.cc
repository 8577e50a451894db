#include "nilus/base/sha256.h"

#include <gtest/gtest.h>

#include <string>

#include "nilus/base/encoding.h"

namespace nilus {
namespace {

std::string Hex(const Sha256::Digest& digest) {
  return HexEncode({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

// The examples of FIPS 180-2, appendix B, and, of NIST's test vectors (SHA256ShortMsg), the one without a message.
TEST(Sha256, SaysWhatTheStandardSays) {
  EXPECT_EQ(Hex(Sha256::Of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256::Of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256::Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(Sha256::Of(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, TakesAnyPartsAndBeginsAnew) {
  const std::string text(200, 'x');
  Sha256 hash;
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    hash.Add(std::string_view(text).substr(0, cut));
    hash.Add(std::string_view(text).substr(cut));
    ASSERT_EQ(hash.Finish(), Sha256::Of(text)) << cut;
  }
  hash.Add("left over");
  hash.Begin();
  hash.Add("abc");
  const Sha256 copy = hash;
  EXPECT_EQ(hash.Finish(), Sha256::Of("abc"));
  Sha256 other = copy;
  other.Add("d");
  EXPECT_EQ(other.Finish(), Sha256::Of("abcd"));
}

}  // namespace
}  // namespace nilus
