// The order of JSON values, and that keys' bytes are in it.
#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "query/collate.h"
#include "query_tools.h"

namespace atelier::query {
namespace {

int sign(int order) {
  return order < 0 ? -1 : order > 0;
}

int order_of_keys(std::string_view a, std::string_view b) {
  return sign(encode_key(a).compare(encode_key(b)));
}

TEST(Collate, ValuesAreInCouchDbsOrderOfKinds) {
  const std::vector<std::string> sorted = {"null",
                                           "false",
                                           "true",
                                           "-1e300",
                                           "-2.5",
                                           "-1",
                                           "0",
                                           "1e-400",
                                           "0.5",
                                           "1",
                                           "9",
                                           "10",
                                           "1e300",
                                           R"("")",
                                           R"("\u0000")",
                                           R"("\u0000\u0000")",
                                           R"("\u0000\u0001")",
                                           R"("\u0001")",
                                           R"("A")",
                                           R"("a")",
                                           R"("aa")",
                                           R"("b")",
                                           R"("é")",
                                           R"("日")",
                                           "[]",
                                           "[null]",
                                           "[1]",
                                           "[1,null]",
                                           "[1,2]",
                                           R"(["a"])",
                                           R"(["a","b"])",
                                           "[[]]",
                                           "[{}]",
                                           "{}",
                                           R"({"a":1})",
                                           R"({"a":1,"b":0})",
                                           R"({"a":2})",
                                           R"({"aa":0})",
                                           R"({"b":0})",
                                           R"({"b":2,"a":1})"};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    for (std::size_t j = 0; j < sorted.size(); ++j) {
      const int expected = i < j ? -1 : i > j;
      EXPECT_EQ(sign(compare(sorted[i], sorted[j])), expected) << sorted[i] << " " << sorted[j];
      EXPECT_EQ(order_of_keys(sorted[i], sorted[j]), expected) << sorted[i] << " " << sorted[j];
    }
  }
}

TEST(Collate, EqualNumbersHaveEqualKeysWhateverTheirText) {
  EXPECT_EQ(encode_key("1e3"), encode_key("1000.0"));
  EXPECT_EQ(encode_key("-0"), encode_key("0.0"));
  EXPECT_EQ(encode_key("[1.50]"), encode_key("[15e-1]"));
  EXPECT_NE(encode_key("9007199254740993"), encode_key("9007199254740992"));
}

TEST(Collate, KeysOfRandomValuesAreInTheirOrder) {
  RandomJson random(3);
  for (int i = 0; i < 5'000; ++i) {
    const std::string a = random.value();
    const std::string b = random.value();
    ASSERT_EQ(order_of_keys(a, b), sign(compare(a, b))) << a << "\n" << b;
  }
}

TEST(Collate, KeysOfSeveralFieldsAreInTheOrderOfTheFields) {
  RandomJson random(4);
  for (int i = 0; i < 5'000; ++i) {
    const std::string a[2] = {random.value(2), random.value(1)};
    const std::string b[2] = {random.value(2), random.value(1)};
    const int expected = compare(a[0], b[0]) != 0 ? compare(a[0], b[0]) : compare(a[1], b[1]);
    const std::string key_a = encode_key(a[0]) + encode_key(a[1]);
    const std::string key_b = encode_key(b[0]) + encode_key(b[1]);
    ASSERT_EQ(sign(key_a.compare(key_b)), sign(expected)) << a[0] << a[1] << "\n" << b[0] << b[1];
  }
}

TEST(Collate, NoKeyIsTheBeginningOfAnother) {
  RandomJson random(5);
  std::set<std::string> keys;
  for (int i = 0; i < 5'000; ++i) keys.insert(encode_key(random.value()));
  for (auto it = std::next(keys.begin()); it != keys.end(); ++it)
    EXPECT_FALSE(it->starts_with(*std::prev(it)));
}

TEST(Collate, KeysAreReadBackAsEqualValues) {
  RandomJson random(6);
  for (int i = 0; i < 5'000; ++i) {
    const std::string value = random.value();
    const std::string key = encode_key(value);
    std::size_t pos = 0;
    const auto decoded = decode_key(key + "rest", pos);
    ASSERT_TRUE(decoded) << value << decoded.error().message;
    EXPECT_EQ(pos, key.size());
    EXPECT_EQ(compare(*decoded, value), 0) << value << " " << *decoded;
    EXPECT_EQ(encode_key(*decoded), key);
    EXPECT_EQ(json::normalize(*decoded).value(), *decoded);
  }
}

TEST(Collate, TheExampleOfTheGrammarIsTrue) {
  EXPECT_EQ(encode_key(R"([-1.5,"a"])"), std::string("\x60\x40\x4A\xEF\xFF\x50\x61\x00\x00", 9));
}

TEST(Collate, BytesThatAreNoKeyAreRefused) {
  RandomJson random(7);
  for (int i = 0; i < 5'000; ++i) {
    std::string key = encode_key(random.value());
    const std::size_t cut = random.below(key.size());
    std::size_t pos = 0;
    EXPECT_FALSE(decode_key(std::string_view(key).substr(0, cut), pos));
    key[cut] = static_cast<char>(random.below(256));
    pos = 0;
    const auto decoded = decode_key(key, pos);
    if (decoded) {
      EXPECT_EQ(encode_key(*decoded), key.substr(0, pos));
    }
  }
  std::size_t pos = 0;
  EXPECT_FALSE(decode_key(std::string(10'000, '\x60'), pos));
}

TEST(Collate, CanonicalNumbersAreOneTextAValue) {
  EXPECT_EQ(canonical_number("1e3"), "1000");
  EXPECT_EQ(canonical_number("1000.0"), "1000");
  EXPECT_EQ(canonical_number("-0.0"), "0");
  EXPECT_EQ(canonical_number("-1.50"), "-1.5");
  EXPECT_EQ(canonical_number("0.00120"), "0.0012");
  EXPECT_EQ(canonical_number("123e30"), "1.23e32");
  EXPECT_EQ(canonical_number("1e-30"), "1e-30");
}

}  // namespace
}  // namespace atelier::query
