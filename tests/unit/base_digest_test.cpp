// Digests and encodings against published values.
#include <gtest/gtest.h>

#include "base/digest.h"

namespace atelier {
namespace {

TEST(Digest, KnownValues) {
  EXPECT_EQ(hex(md5("")), "d41d8cd98f00b204e9800998ecf8427e");  // RFC 1321
  EXPECT_EQ(hex(md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),             // RFC 4231
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Digest, AStreamIsItsPartsTogether) {
  const std::string bytes(100'000, 'x');
  BlobHasher hasher;
  for (std::size_t i = 0; i < bytes.size(); i += 777)
    hasher.update(std::string_view(bytes).substr(i, 777));
  const auto [sha, md] = hasher.finish();
  EXPECT_EQ(sha, sha256(bytes));
  EXPECT_EQ(md, md5(bytes));
}

TEST(Digest, Base64ComesBackAndRefusesWhatIsNone) {
  const std::pair<const char*, const char*> known[] = {// RFC 4648
                                                       {"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : known) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(unbase64(text), bytes);
  }
  for (std::size_t size = 0; size < 100; ++size) {
    const std::string bytes = random_bytes(size);
    EXPECT_EQ(unbase64(base64(bytes)), bytes);
  }
  for (const char* text :
       {"Zg=", "Zg", "Z===", "====", "Zm9v Zm9v", "Zm9v\n", "Zg==Zg==", "Zm_v", "Zm9\xff"})
    EXPECT_EQ(unbase64(text), std::nullopt) << text;
}

TEST(Digest, HexComesBackAndRefusesWhatIsNone) {
  const std::string bytes("\x00\x7f\xff\x10", 4);
  EXPECT_EQ(hex(bytes), "007fff10");
  EXPECT_EQ(unhex("007FfF10"), bytes);
  EXPECT_EQ(unhex("0"), std::nullopt);
  EXPECT_EQ(unhex("0g"), std::nullopt);
}

TEST(Digest, RandomnessDiffersAndComparisonCompares) {
  EXPECT_EQ(random_uuid().size(), 32U);
  EXPECT_NE(random_uuid(), random_uuid());
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace atelier
