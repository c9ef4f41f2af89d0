// Segments of words: which are joined, that joining changes no answer, leaves out what is gone and
// goes on after a close, and that what was taken back stays so.
#include <algorithm>
#include <random>

#include "base/limits.h"
#include "store/segments.h"
#include "store/verify.h"
#include "unit/store_index_tools.h"

namespace atelier::test {
namespace {

using Ids = std::vector<std::string>;

Segment sized(std::uint64_t bytes, std::uint64_t documents = 1'000, std::uint64_t dead = 0) {
  Segment segment;
  segment.bytes = bytes;
  segment.documents = documents;
  segment.dead = dead;
  return segment;
}

TEST(StoreSegments, RowsHoldWhatWentInAndDamageIsAnError) {
  Segment segment = sized(70'000, 1'000, 3);
  segment.number = 258;
  segment.age = 77;
  segment.first = 5;
  segment.last = std::uint64_t{1} << 40;
  for (const auto state :
       {Segment::State::kWhole, Segment::State::kDropping, Segment::State::kMaking}) {
    segment.state = state;
    if (state == Segment::State::kMaking) {
      segment.from_age = 70;
      segment.word = "tea";
      segment.sequence = 9;
    }
    const std::string key = segment_row_key(7, segment.number);
    const std::string row = encode_segment(7, segment);
    const auto read = decode_segment(key, row);
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, segment);
    EXPECT_FALSE(decode_segment(segment_row_key(8, segment.number), row));
    EXPECT_FALSE(decode_segment(key.substr(1), row));
    for (std::size_t i = 0; i < row.size() * 8; ++i) {
      std::string flipped = row;
      flipped[i / 8] = static_cast<char>(flipped[i / 8] ^ (1 << (i % 8)));
      EXPECT_FALSE(decode_segment(key, flipped)) << i;
    }
  }
}

TEST(StoreSegments, ThoseOfASizeAreJoinedWithWhatIsNewer) {
  const auto chosen = [](std::vector<Segment> segments) {
    const auto range = choose_segments(segments);
    return range ? std::pair(range->begin, range->end) : std::pair<std::size_t, std::size_t>(0, 0);
  };
  const std::pair<std::size_t, std::size_t> nothing(0, 0);
  EXPECT_EQ(chosen({}), nothing);
  std::vector<Segment> segments{sized(50 << 20)};
  for (std::size_t i = 1; i < kSegmentFan; ++i) segments.push_back(sized(100));
  EXPECT_EQ(chosen(segments), nothing);
  segments.push_back(sized(100));
  EXPECT_EQ(chosen(segments), std::pair(std::size_t{1}, segments.size()));
  // Smaller ones between greater ones go along; those behind greater ones have their own turn.
  segments = {sized(50 << 20)};
  for (std::size_t i = 0; i < kSegmentFan; ++i) {
    segments.push_back(sized(50'000));
    segments.push_back(sized(10));
  }
  segments.pop_back();
  EXPECT_EQ(chosen(segments), std::pair(std::size_t{1}, segments.size()));
  // Eight of the larger kind are not reached while those behind them are fewer than eight.
  segments.assign(kSegmentFan - 1, sized(1 << 20));
  segments.insert(segments.end(), kSegmentFan - 1, sized(100));
  EXPECT_EQ(chosen(segments), nothing);
  // What was left waiting goes at once, up to a bound.
  segments.assign(3 * kSegmentsJoinedMax, sized(50'000));
  EXPECT_EQ(chosen(segments), std::pair(std::size_t{0}, kSegmentsJoinedMax));
}

TEST(StoreSegments, OneThatIsMostlyGoneIsMadeAnewAlone) {
  EXPECT_FALSE(choose_segments({sized(1 << 20, 1'000, 500), sized(1 << 10, 10, 10)}));
  const auto range = choose_segments({sized(9 << 20), sized(1 << 20, 1'000, 501), sized(100)});
  ASSERT_TRUE(range);
  EXPECT_EQ(range->begin, 1u);
  EXPECT_EQ(range->end, 2u);
}

class SegmentsTest : public IndexTest {
 protected:
  void say(const std::string& id, const std::string& text) {
    const auto known = store_->get(id);
    put(id, "{\"text\":\"" + text + "\"}", known ? std::optional(known->rev) : std::nullopt);
  }
  // A commit of so many documents of 42 words, each of them with its number and `word`.
  void say_many(std::size_t first, std::size_t count, const std::string& word) {
    std::vector<DocumentWrite> documents;
    for (std::size_t i = first; i < first + count; ++i) {
      std::string text = word + " number" + std::to_string(i);
      for (std::size_t n = 0; n < 40; ++n)
        text += " w" + std::to_string((i * 31 + n * n * 7) % 997);
      const std::string id = "m:" + std::to_string(i);
      const auto known = store_->get(id);
      documents.push_back(edit(id, "{\"text\":\"" + text + "\"}",
                               known ? std::optional(known->rev) : std::nullopt));
    }
    for (const WriteResult& one : store_->write(std::move(documents), {})) ASSERT_TRUE(one.rev);
  }
  void settle() {
    const auto busy = [&] {
      for (const IndexStatus& one : store_->indexes()) {
        if (one.joining || one.state != IndexStatus::State::kReady) return true;
      }
      return false;
    };
    while (busy()) ASSERT_TRUE(store_->flush());
  }
  // The store must be closed.
  std::vector<Segment> segments_in_file() const {
    lmdb::EnvironmentOptions options;
    options.map_bytes = std::size_t{1} << 30;
    options.tables_max = kTablesMax;
    const auto environment = lmdb::Environment::open(dir_.path() / "store", options);
    EXPECT_TRUE(environment);
    const auto txn = (*environment)->read();
    Tables tables;
    tables.segments = *(*environment)->table(txn->get(), "segments", 0, false);
    const auto segments = read_segments(txn->get(), tables, 1);
    EXPECT_TRUE(segments);
    return segments.value();
  }
  void expect_clean() const {
    const auto report = verify_store(dir_.path() / "store");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->clean()) << (report->words.empty() ? "" : report->words.front());
  }
};

TEST_F(SegmentsTest, ManyCommitsLeaveFewSegmentsAndEachDocumentIsFoundAtOnce) {
  create(words_of("text", {"text"}, "m"));
  for (int i = 0; i < 300; ++i) {
    const std::string id = "m:" + std::to_string(i);
    say(id, "alpha beta" + std::to_string(i));
    ASSERT_EQ(search("beta" + std::to_string(i) + " ", "m").front(), id);
  }
  Ids newest = search("alpha ", "m", 3);
  EXPECT_EQ(newest, (Ids{"m:299", "m:298", "m:297"}));
  EXPECT_EQ(search("alpha ", "m", 1'000).size(), 300u);
  settle();
  store_.reset();
  expect_clean();
  EXPECT_LT(segments_in_file().size(), kSegmentFan);
}

TEST_F(SegmentsTest, LargeSegmentsAreJoinedInTheBackgroundAndWhatIsGoneIsLeftOut) {
  create(words_of("text", {"text"}, "m"));
  // Each round writes the same documents again, so that all older words are dead.
  for (int round = 0; round < 12; ++round) {
    for (std::size_t at = 0; at < 1'000; at += 500) {
      say_many(at, 500, "round" + std::to_string(round));
    }
    EXPECT_EQ(search("round" + std::to_string(round) + " ", "m", 5'000).size(), 1'000u);
    if (round > 0) {
      EXPECT_TRUE(search("round" + std::to_string(round - 1) + " ", "m").empty());
    }
  }
  settle();
  EXPECT_EQ(search("number777", "m"), Ids{"m:777"});
  store_.reset();
  expect_clean();
  std::uint64_t listed = 0;
  for (const Segment& one : segments_in_file()) {
    EXPECT_EQ(one.state, Segment::State::kWhole);
    listed += one.documents;
  }
  // 12,000 were written; a segment is made anew when more than half of it is gone.
  EXPECT_LE(listed, 3'000u);
}

TEST_F(SegmentsTest, AJoinGoesOnAfterAClose) {
  create(words_of("text", {"text"}, "m"));
  constexpr std::size_t kDocuments = 3'000;
  std::size_t written = 0;
  bool begun = false;
  for (std::size_t commit = 0; commit < kSegmentFan + 1; ++commit) {
    if (commit > 0) {  // gone before it is joined
      const std::string gone = "m:" + std::to_string(written - 7);
      ASSERT_TRUE(store_->write_one(tombstone(gone, store_->get(gone)->rev)));
    }
    say_many(written, kDocuments, "hello");
    written += kDocuments;
    store_.reset();  // one step of a join is done at most
    const auto left = segments_in_file();
    if (std::any_of(left.begin(), left.end(), [](const Segment& one) { return !one.whole(); })) {
      begun = true;
      expect_clean();
    }
    open();
    ASSERT_EQ(search("number0", "m"), Ids{"m:0"});
    const std::string first_gone = "number" + std::to_string(kDocuments - 7) + " hello";
    ASSERT_EQ(search(first_gone, "m").empty(), commit > 0);
  }
  EXPECT_TRUE(begun) << "no join was left in the middle";
  settle();
  EXPECT_EQ(search("hello", "m", 10'000).size(), 10'000u);
  EXPECT_EQ(search("number0", "m"), Ids{"m:0"});
  store_.reset();
  expect_clean();
  std::uint64_t listed = 0;
  for (const Segment& one : segments_in_file()) listed += one.documents - one.dead;
  EXPECT_EQ(listed, written - kSegmentFan);
}

TEST_F(SegmentsTest, WhatWasEvictedIsTakenBackAndComesAgain) {
  create(words_of("text", {"text"}));
  for (int i = 0; i < 30; ++i) {
    replicate("m:" + std::to_string(i), {r("1-a")}, R"({"text":"alpha beta"})");
  }
  const std::vector<std::string> some{"m:3", "m:29"};
  ASSERT_EQ(store_->evict(some, EvictWhat::kBodiesAndBlobs).value(), 2u);
  EXPECT_EQ(search("alpha beta").size(), 28u);
  EXPECT_EQ(search("alph").size(), 28u);
  // Whoever sends it decides what the body is.
  replicate("m:3", {r("1-a")}, R"({"text":"beta gamma"})");
  EXPECT_EQ(search("alpha ").size(), 28u);
  EXPECT_EQ(search("beta ").size(), 29u);
  EXPECT_EQ(search("gamma"), Ids{"m:3"});
  store_.reset();
  expect_clean();
  open();
  // Until all of it is one segment again.
  for (int i = 0; i < 40; ++i) say("n:" + std::to_string(i), "delta");
  EXPECT_EQ(search("alpha ").size(), 28u);
  EXPECT_EQ(search("beta gamma"), Ids{"m:3"});
  settle();
  store_.reset();
  expect_clean();
}

}  // namespace
}  // namespace atelier::test
