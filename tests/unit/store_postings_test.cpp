// Rows of words as bytes: what goes in comes out, in the order of LMDB's keys; damage is an error.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/limits.h"
#include "store/index_rows.h"
#include "store/record.h"
#include "store/word_list.h"
#include "store/word_rows.h"

namespace atelier::word_rows {
namespace {

using Rows = std::map<std::string, std::string>;
using Lists = std::map<std::string, std::vector<Posting>>;

Rows rows_of(const Lists& lists, std::uint32_t index = 3, std::uint64_t segment = 9) {
  Rows rows;
  RowsBuilder builder(index, segment, [&](std::string key, std::string row) {
    EXPECT_TRUE(rows.empty() || rows.rbegin()->first < key) << "rows are made in order";
    EXPECT_LE(key.size() + row.size(), kWordRowBytes);
    rows.emplace(std::move(key), std::move(row));
  });
  for (const auto& [word, postings] : lists) {
    for (const Posting& one : postings) builder.add(word, one);
  }
  builder.finish();
  return rows;
}

Lists lists_of(const Rows& rows) {
  Lists lists;
  for (const auto& [key, row] : rows) {
    RowReader reader(key, row);
    while (reader.next()) {
      const Entry& entry = reader.entry();
      std::vector<Posting>& postings = lists[std::string(entry.word)];
      const std::size_t before = postings.size();
      EXPECT_TRUE(decode_postings(entry, &postings));
      EXPECT_EQ(postings.size() - before, entry.count);
      EXPECT_EQ(postings[before].sequence, entry.first);
      EXPECT_EQ(postings.back().sequence, entry.last);
    }
    EXPECT_TRUE(reader.status());
  }
  return lists;
}

Lists random_lists(std::mt19937_64& random, bool long_ones) {
  Lists lists;
  for (std::size_t n = 1 + random() % 400; n > 0; --n) {
    std::string word;
    for (std::size_t size = random() % (n % 7 == 0 ? kWordBytesMax : 6); size > 0; --size) {
      word.push_back(n % 5 == 0 ? static_cast<char>(1 + random() % 255)
                                : static_cast<char>('a' + random() % 4));
    }
    std::uint64_t sequence = random() % 2 == 0 ? random() % 1'000 : random() % (1ull << 50);
    std::vector<Posting>& postings = lists[word];
    postings.clear();
    for (std::size_t left = 1 + random() % (long_ones && n % 50 == 0 ? 6'000 : 4); left > 0;
         --left) {
      sequence += 1 + random() % (n % 3 == 0 ? 3 : 1'000'000);
      static constexpr std::uint32_t kCounts[] = {0, 1, 1, 1, 2, 300, UINT32_MAX};
      postings.push_back({sequence, kCounts[random() % std::size(kCounts)]});
    }
  }
  return lists;
}

TEST(StorePostings, NumbersInKeysAreInTheOrderOfNumbers) {
  using index_rows::get_ordered;
  using index_rows::put_ordered;
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

TEST(StorePostings, RowsHoldWhatWentIn) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 100; ++round) {
    const Lists lists = random_lists(random, round % 2 == 0);
    EXPECT_EQ(lists_of(rows_of(lists)), lists) << round;
  }
}

TEST(StorePostings, RowsOfLongListsAreFull) {
  Lists lists;
  for (std::uint64_t i = 1; i <= 100'000; ++i) lists["word"].push_back({i, 1});
  const Rows rows = rows_of(lists);
  std::size_t bytes = 0;
  for (const auto& [key, row] : rows) bytes += key.size() + row.size();
  EXPECT_GT(bytes, (rows.size() - 1) * (kWordRowBytes - 64));
  EXPECT_LT(bytes, 103'000u) << "a byte a posting, and little more";
}

// The worked example of docs/formats/store.md.
TEST(StorePostings, TheDocumentedExampleHolds) {
  const Rows rows = rows_of({{"tea", {{300, 1}, {302, 2}, {303, 1}}}, {"tee", {{301, 1}}}}, 1, 4);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(hex(rows.begin()->first),
            "0101010474656100"
            "02012c");
  EXPECT_EQ(hex(rows.begin()->second).substr(8),
            "030000060303050202"
            "0201650202");
}

TEST(StorePostings, DamagedRowsAreErrors) {
  const Rows rows = rows_of({{"tea", {{300, 1}, {302, 2}, {303, 1}}}, {"tee", {{301, 1}}}}, 1, 4);
  const auto& [key, row] = *rows.begin();
  const auto reads = [](std::string_view with, std::string_view bytes) {
    RowReader reader(with, bytes);
    bool ok = true;
    std::vector<Posting> postings;
    while (reader.next()) ok = ok && decode_postings(reader.entry(), &postings).has_value();
    return ok && reader.status().has_value();
  };
  EXPECT_TRUE(reads(key, row));
  for (std::size_t i = 0; i < row.size() * 8; ++i) {
    std::string flipped = row;
    flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(reads(key, flipped)) << i;
  }
  EXPECT_FALSE(reads(key.substr(1), row));
  EXPECT_FALSE(reads("", row));
  EXPECT_FALSE(reads(key, ""));
  // With a checksum that is right, what is wrong within is found all the same.
  EXPECT_TRUE(reads(key, record::encode_checked(key, *unhex("03000002"))));
  for (const char* bad : {
           "",                      // no entry
           "02000002",              // not the key's word
           "03016102",              // likewise: more than it
           "03000202",              // not the key's sequence
           "03000000",              // no posting
           "0300000301",            // once is not written
           "030000040000",          // two postings in no span
           "0300000401",            // cut short
           "03000004010104",        // the span is another
           "0300000402020400",      // bytes behind the postings
           "030000020200020200",    // a word behind itself
           "030000020201610202",    // the same word twice
           "030000020201000202",    // a separator in a word
           "030000020401620202",    // more shared than there is
           "03000002020165ff1f02",  // a sequence below 0
       }) {
    EXPECT_FALSE(reads(key, record::encode_checked(key, *unhex(bad)))) << bad;
  }
}

TEST(StorePostings, WordsOfACommitAreSortedAndOfOneSequenceTheLastCounts) {
  std::mt19937_64 random(8);
  for (int round = 0; round < 50; ++round) {
    WordList list;
    std::map<std::string, std::map<std::uint64_t, std::uint32_t>> wanted;
    for (int document = 0; document < 60; ++document) {
      const std::uint64_t sequence = 1 + random() % 40;
      const bool stands = random() % 5 != 0;
      list.begin_document(sequence, stands);
      std::map<std::string, std::uint32_t> counts;
      for (std::size_t n = random() % 30; n > 0; --n) {
        std::string word;
        for (std::size_t size = random() % 12; size > 0; --size) {
          word += static_cast<char>('a' + random() % 2);
        }
        list.add(word);
        ++counts[word];
      }
      for (const auto& [word, count] : counts) wanted[word][sequence] = stands ? count : 0;
    }
    auto expected = wanted.begin();
    list.each([&](std::string_view word, const std::vector<Posting>& postings) {
      ASSERT_NE(expected, wanted.end());
      EXPECT_EQ(word, expected->first);
      std::map<std::uint64_t, std::uint32_t> read;
      for (const Posting& one : postings) read[one.sequence] = one.count;
      EXPECT_EQ(read.size(), postings.size());
      EXPECT_EQ(read, expected->second);
      ++expected;
    });
    EXPECT_EQ(expected, wanted.end());
  }
}

TEST(StorePostings, RowsOfValuesNameTheirDocument) {
  using index_rows::id_of_value_row;
  using index_rows::value_row;
  std::string key;
  index_rows::put_ordered(key, 7);
  key += "\x10message:1";
  const std::string row = value_row(key, 9);
  EXPECT_EQ(id_of_value_row(key, row).value(), "message:1");
  EXPECT_FALSE(id_of_value_row(key + "0", row));
  EXPECT_FALSE(id_of_value_row(key, row.substr(1)));
  EXPECT_FALSE(id_of_value_row(key, value_row(key, key.size())));
  EXPECT_FALSE(id_of_value_row(key, value_row(key, 0)));
}

}  // namespace
}  // namespace atelier::word_rows
