// Undo of one's own edits: exact when alone, and never at the cost of another's text.
#include "text/text_undo.h"

#include <algorithm>
#include <cctype>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace atelier {
namespace {

std::string changed_by(const TextDelta& delta, const std::string& text) {
  std::string out;
  std::size_t at = 0;
  for (const TextDelta::Part& part : delta.parts()) {
    if (part.kind == TextDelta::Kind::kInsert) {
      out += part.text;
      continue;
    }
    if (part.kind == TextDelta::Kind::kKeep) out += text.substr(at, part.count);
    at += part.count;
  }
  return out + text.substr(at);
}

TextDelta random_delta(std::mt19937& random, std::size_t length) {
  TextDelta delta;
  while (length > 0) {
    const std::size_t count = std::min<std::size_t>(length, 1 + random() % 3);
    switch (random() % 3) {
      case 0:
        delta.keep(count);
        break;
      case 1:
        delta.erase(count);
        break;
      default:
        delta.insert(2, std::string(2, static_cast<char>('a' + random() % 26)));
        continue;
    }
    length -= count;
  }
  return delta;
}

TEST(TextDelta, ComposeIsOneAfterTheOther) {
  std::mt19937 random(1);
  for (int round = 0; round < 2'000; ++round) {
    const std::string text = std::string("0123456789").substr(0, random() % 11);
    const TextDelta first = random_delta(random, text.size());
    const std::string between = changed_by(first, text);
    const TextDelta second = random_delta(random, between.size());
    ASSERT_EQ(changed_by(compose(first, second), text), changed_by(second, between));
  }
}

TEST(TextDelta, BothWaysRoundATransformationMeet) {
  std::mt19937 random(2);
  for (int round = 0; round < 2'000; ++round) {
    const std::string text = std::string("0123456789").substr(0, random() % 11);
    const TextDelta a = random_delta(random, text.size());
    const TextDelta b = random_delta(random, text.size());
    ASSERT_EQ(changed_by(transform(b, a, false), changed_by(a, text)),
              changed_by(transform(a, b, true), changed_by(b, text)));
  }
}

// One person who undoes, and another one.
struct Pair {
  TextDoc mine{"mine"};
  TextDoc theirs{"theirs"};
  TextUndo undo;

  void exchange() {
    while (auto batch = theirs.take_batch()) {
      const auto report = mine.merge(batch->bytes);
      ASSERT_TRUE(report);
      undo.merged(report->patches);
    }
    while (auto batch = mine.take_batch()) ASSERT_TRUE(theirs.merge(batch->bytes));
    ASSERT_EQ(mine.text().text(), theirs.text().text());
  }
  std::string text() const { return mine.text().text(); }
};

TEST(TextUndo, GroupsAreTakenBackAndDoneAgainInTurn) {
  Pair pair;
  for (const char c : std::string("one")) {
    ASSERT_TRUE(pair.undo.insert(pair.mine, pair.mine.text().points(), std::string(1, c)));
  }
  pair.undo.end_group();
  ASSERT_TRUE(pair.undo.insert(pair.mine, 3, " two"));
  pair.undo.end_group();
  ASSERT_TRUE(pair.undo.replace(pair.mine, 0, 3, "\u65e5\u672c"));
  EXPECT_EQ(pair.text(), "\u65e5\u672c two");
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "one two");
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "one");
  ASSERT_TRUE(pair.undo.redo(pair.mine));
  EXPECT_EQ(pair.text(), "one two");
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "");
  EXPECT_FALSE(pair.undo.can_undo());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(pair.undo.redo(pair.mine));
  EXPECT_EQ(pair.text(), "\u65e5\u672c two");
  EXPECT_FALSE(pair.undo.can_redo());
  pair.exchange();
}

TEST(TextUndo, TypingThatWasErasedAndBroughtBackCanStillBeTakenBack) {
  Pair pair;
  ASSERT_TRUE(pair.undo.insert(pair.mine, 0, "word"));
  pair.undo.end_group();
  ASSERT_TRUE(pair.undo.erase(pair.mine, 0, 4));
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "word");
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "");
}

TEST(TextUndo, AnothersWordWithinMineStaysWhenMineGoes) {
  Pair pair;
  ASSERT_TRUE(pair.undo.insert(pair.mine, 0, "abcdef"));
  pair.exchange();
  ASSERT_TRUE(pair.theirs.insert(3, "THEIRS"));
  ASSERT_TRUE(pair.theirs.erase(0, 1));
  pair.exchange();
  EXPECT_EQ(pair.text(), "bcTHEIRSdef");
  const auto patches = pair.undo.undo(pair.mine);
  ASSERT_TRUE(patches);
  EXPECT_EQ(patches->size(), 2U);
  EXPECT_EQ(pair.text(), "THEIRS");
  pair.exchange();
  ASSERT_TRUE(pair.undo.redo(pair.mine));
  EXPECT_EQ(pair.text(), "bcTHEIRSdef");
  pair.exchange();
}

TEST(TextUndo, ARefusedEditIsNotRecorded) {
  Pair pair;
  ASSERT_TRUE(pair.undo.insert(pair.mine, 0, "abc"));
  EXPECT_FALSE(pair.undo.replace(pair.mine, 1, 1, "\xff"));
  EXPECT_FALSE(pair.undo.erase(pair.mine, 2, 5));
  EXPECT_EQ(pair.text(), "abc");
  ASSERT_TRUE(pair.undo.undo(pair.mine));
  EXPECT_EQ(pair.text(), "");
}

// Mine is written in small letters, theirs in capitals, and only erased by those whose it is: so
// after all mine was taken back, all that is left is theirs.
TEST(TextUndo, TakingBackEverythingLeavesExactlyWhatOthersWrote) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    Pair pair;
    std::string theirs_alone;
    for (int step = 0; step < 60; ++step) {
      const std::size_t length = pair.mine.text().points();
      switch (random() % 7) {
        case 0:
        case 1:
          ASSERT_TRUE(pair.undo.insert(
              pair.mine, random() % (length + 1),
              std::string(1 + random() % 4, static_cast<char>('a' + random() % 26))));
          break;
        case 2: {
          const std::size_t at = random() % (length + 1);
          if (at < length && std::islower(static_cast<int>(pair.mine.text().at(at))) != 0) {
            ASSERT_TRUE(pair.undo.erase(pair.mine, at, 1));
          }
          break;
        }
        case 3:
          pair.undo.end_group();
          break;
        case 4: {
          const std::size_t other = pair.theirs.text().points();
          ASSERT_TRUE(pair.theirs.insert(random() % (other + 1),
                                         std::string(1, static_cast<char>('A' + random() % 26))));
          break;
        }
        case 5:
          if (random() % 2 == 0) {
            ASSERT_TRUE(pair.undo.undo(pair.mine));
          } else {
            ASSERT_TRUE(pair.undo.redo(pair.mine));
          }
          break;
        default:
          ASSERT_NO_FATAL_FAILURE(pair.exchange());
          break;
      }
    }
    ASSERT_NO_FATAL_FAILURE(pair.exchange());
    const std::string before = pair.text();
    std::string capitals;
    for (const char c : before) {
      if (std::isupper(static_cast<unsigned char>(c)) != 0) capitals.push_back(c);
    }
    int undone = 0;
    for (; pair.undo.can_undo(); ++undone) ASSERT_TRUE(pair.undo.undo(pair.mine));
    ASSERT_EQ(pair.text(), capitals) << "seed " << seed;
    for (int i = 0; i < undone; ++i) ASSERT_TRUE(pair.undo.redo(pair.mine));
    ASSERT_EQ(pair.text(), before) << "seed " << seed;
    ASSERT_NO_FATAL_FAILURE(pair.exchange());
  }
}

}  // namespace
}  // namespace atelier
