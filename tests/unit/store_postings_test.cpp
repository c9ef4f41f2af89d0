// Posting blocks as bytes, and through the writer: random additions and removals give what a plain
// map gives.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/limits.h"
#include "revtree/varint.h"
#include "store/block_append.h"
#include "store/index_rows.h"
#include "store/record.h"

namespace atelier::index_rows {
namespace {

TEST(StorePostings, NumbersInKeysAreInTheOrderOfNumbers) {
  std::string before;
  for (const std::uint64_t number :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{255}, std::uint64_t{256},
        std::uint64_t{65'535}, std::uint64_t{65'536}, UINT64_MAX - 1, UINT64_MAX}) {
    std::string key;
    put_ordered(key, number);
    EXPECT_LE(before, key);
    std::size_t pos = 0;
    std::uint64_t read = 1;
    EXPECT_TRUE(get_ordered(key, pos, &read));
    EXPECT_EQ(read, number);
    EXPECT_EQ(pos, key.size());
    before = key;
  }
  for (const std::string& bad : {std::string(), std::string("\x02\x01"), std::string("\x09"),
                                 std::string("\x01\x00", 2), std::string("\x02\x00\x07", 3)}) {
    std::size_t pos = 0;
    std::uint64_t read = 0;
    EXPECT_FALSE(get_ordered(bad, pos, &read)) << hex(bad);
  }
}

TEST(StorePostings, BlocksHoldWhatWentIn) {
  std::mt19937_64 random(5);
  const std::string word = word_key(3, "haus");
  EXPECT_EQ(word_of(word), "haus");
  for (int round = 0; round < 50; ++round) {
    std::vector<Posting> postings;
    std::uint64_t sequence = random() % 100;
    for (std::size_t n = 1 + random() % 3'000; n > 0; --n) {
      sequence += 1 + random() % (round % 2 == 0 ? 3 : 1'000'000);
      postings.push_back(
          {sequence, static_cast<std::uint32_t>(1 + (random() % 4 == 0) * (random() % 300))});
    }
    std::vector<Posting> read;
    for (std::size_t begin = 0; begin < postings.size();) {
      const std::string key = block_key(word, postings[begin].sequence);
      const std::size_t from = begin;
      const std::string row = encode_block(word, postings, begin);
      EXPECT_LE(row.size(), kPostingBlockBytes + 32);
      EXPECT_EQ(count_of_block(key, row).value(), begin - from);
      ASSERT_TRUE(decode_block(key, row, &read));
    }
    EXPECT_EQ(read, postings);
  }
}

// The worked example of docs/formats/store.md.
TEST(StorePostings, TheDocumentedExampleHolds) {
  const std::string word = word_key(1, "tea");
  std::size_t begin = 0;
  const std::vector<Posting> postings{{300, 1}, {302, 2}, {303, 1}};
  EXPECT_EQ(hex(block_key(word, 300)), "01017465610002012c");
  EXPECT_EQ(hex(encode_block(word, postings, begin)).substr(8), "030300050202");
}

TEST(StorePostings, DamagedBlocksAreErrors) {
  const std::string word = word_key(1, "tea");
  const std::vector<Posting> postings{{300, 1}, {302, 2}, {303, 1}};
  std::size_t begin = 0;
  const std::string key = block_key(word, 300);
  const std::string row = encode_block(word, postings, begin);
  std::vector<Posting> read;
  for (std::size_t i = 0; i < row.size() * 8; ++i) {
    std::string flipped = row;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(decode_block(key, flipped, &read)) << i;
  }
  EXPECT_FALSE(decode_block(block_key(word, 301), row, &read));
  EXPECT_FALSE(decode_block("", row, &read));
  EXPECT_FALSE(decode_block(key, "", &read));
  // With a checksum that is right, what is wrong within is found all the same.
  for (const char* bad : {"", "00", "0102", "0200", "020000", "010101", "010000", "7f00",
                          "0202000402", "02020003", "0202000301"}) {
    EXPECT_FALSE(decode_block(key, record::encode_checked(key, *unhex(bad)), &read)) << bad;
  }
}

TEST(StorePostings, WhatIsAppendedIsAsIfItHadBeenThere) {
  std::mt19937_64 random(6);
  const std::string word = word_key(1, "tea");
  for (int round = 0; round < 50; ++round) {
    std::vector<Posting> postings;
    std::uint64_t sequence = 7;
    for (std::size_t n = 2 + random() % 200; n > 0; --n) {
      sequence += 1 + random() % 9;
      postings.push_back({sequence, static_cast<std::uint32_t>(1 + random() % 3)});
    }
    const std::size_t split = 1 + random() % (postings.size() - 1);
    const std::vector<Posting> first(postings.begin(),
                                     postings.begin() + static_cast<std::ptrdiff_t>(split));
    const std::string key = block_key(word, postings.front().sequence);
    std::size_t begin = 0;
    const std::string row = encode_block(word, first, begin);
    EXPECT_EQ(last_of_block(key, row).value(), first.back().sequence);
    begin = split;
    const auto longer = append_to_block(key, row, postings, begin);
    ASSERT_TRUE(longer);
    EXPECT_EQ(begin, postings.size());
    begin = 0;
    EXPECT_EQ(*longer, encode_block(word, postings, begin));
    EXPECT_FALSE(append_to_block(key, row.substr(1), postings, begin));
  }
}

TEST(StorePostings, RowsOfValuesNameTheirDocument) {
  std::string key;
  put_ordered(key, 7);
  key += "\x10message:1";
  const std::string row = value_row(key, 9);
  EXPECT_EQ(id_of_value_row(key, row).value(), "message:1");
  EXPECT_FALSE(id_of_value_row(key + "0", row));
  EXPECT_FALSE(id_of_value_row(key, row.substr(1)));
  EXPECT_FALSE(id_of_value_row(key, value_row(key, key.size())));
  EXPECT_FALSE(id_of_value_row(key, value_row(key, 0)));
}

}  // namespace
}  // namespace atelier::index_rows
