// Texts that several people edit: everyone who has the same operations has the same text, however
// they came; nothing that comes from outside can break or block one. Method: histories made here,
// small and random, against a plain model of the published algorithm that looks at every character
// and every version afresh; and replicas that talk over a bad line.
#include "text/text_doc.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "base/limits.h"
#include "text/codec_bytes.h"
#include "unit/text_tools.h"

namespace atelier {
namespace {

using text_crdt::Frontier;
using text_crdt::Lv;

// ---- A model, one character at a time -----------------------------------------------------------

class Model {
 public:
  struct Operation {
    std::string agent;
    int sequence = 0;
    std::set<int> seen;  // operations that its author had seen
    bool insert = false;
    int position = 0;
    char character = 0;
  };

  void apply(const Operation& op) {
    const int id = static_cast<int>(operations_.size());
    operations_.push_back(op);
    std::size_t at = 0;
    int visible = 0;
    while (visible < op.position + (op.insert ? 0 : 1))
      visible += state(items_[at++], op.seen) == 1;
    if (!op.insert) {
      items_[at - 1].erased_by.push_back(id);
      return;
    }
    Item item{id, at == 0 ? -1 : items_[at - 1].id, -1, {}};
    std::size_t next = at;
    while (next < items_.size() && state(items_[next], op.seen) == 0) ++next;
    if (next < items_.size() && items_[next].left == item.left) item.right = items_[next].id;
    std::size_t kept = at;
    bool scanning = false;
    for (; at < next; ++at) {
      const Item& other = items_[at];
      if (place(other.left, -1) < place(item.left, -1)) break;
      if (other.left != item.left) continue;
      const int other_right = place(other.right, 1 << 20);
      const int right = place(item.right, 1 << 20);
      if (other_right == right && before(op, operations_[static_cast<std::size_t>(other.id)]))
        break;
      if (other_right < right && !scanning) kept = at;
      scanning = other_right < right;
    }
    items_.insert(items_.begin() + static_cast<std::ptrdiff_t>(scanning ? kept : at), item);
  }

  std::string text() const {
    std::string text;
    for (const Item& item : items_) {
      if (item.erased_by.empty())
        text.push_back(operations_[static_cast<std::size_t>(item.id)].character);
    }
    return text;
  }
  int length_at(const std::set<int>& version) const {
    return static_cast<int>(std::count_if(
        items_.begin(), items_.end(), [&](const Item& item) { return state(item, version) == 1; }));
  }

 private:
  struct Item {
    int id;
    int left;
    int right;
    std::vector<int> erased_by;
  };
  static int state(const Item& item, const std::set<int>& version) {
    if (!version.contains(item.id)) return 0;
    return std::any_of(item.erased_by.begin(), item.erased_by.end(),
                       [&](int id) { return version.contains(id); })
               ? 2
               : 1;
  }
  static bool before(const Operation& a, const Operation& b) {
    return std::tie(a.agent, a.sequence) < std::tie(b.agent, b.sequence);
  }
  int place(int id, int none) const {
    if (id < 0) return none;
    const auto found =
        std::find_if(items_.begin(), items_.end(), [&](const Item& item) { return item.id == id; });
    return static_cast<int>(found - items_.begin());
  }

  std::vector<Operation> operations_;
  std::vector<Item> items_;
};

// A random history of batches and what the model makes of it.
struct History {
  HistoryBuilder builder;
  std::vector<std::string> batches;
  Model model;
  std::vector<std::set<int>> seen;  // by operation, itself included
};

void add_random_batch(History& history, std::mt19937& random, std::size_t agents) {
  const std::string agent(1, static_cast<char>('a' + random() % agents));
  // On top of one or two things that were there, mostly late ones.
  Frontier parents;
  std::set<int> version;
  const Lv end = history.builder.graph.end();
  for (std::size_t i = random() % 3 == 0 ? 2 : 1; end > 0 && i > 0; --i) {
    parents.push_back(end - 1 - static_cast<Lv>(random() % std::min<Lv>(end, 8)));
  }
  if (parents.size() == 2) {
    std::sort(parents.begin(), parents.end());
    if (history.seen[parents[1]].contains(static_cast<int>(parents[0])))
      parents.erase(parents.begin());
  }
  for (const Lv parent : parents)
    version.insert(history.seen[parent].begin(), history.seen[parent].end());
  std::vector<TracePatch> patches;
  const std::uint32_t index = history.builder.graph.add_agent(agent);
  int sequence = static_cast<int>(history.builder.graph.next_sequence(index));
  const auto apply = [&](bool insert, int position, char character) {
    history.model.apply({agent, sequence++, version, insert, position, character});
    version.insert(static_cast<int>(history.seen.size()));
    history.seen.push_back(version);
  };
  for (std::size_t i = 1 + random() % 3; i > 0; --i) {
    const int length = history.model.length_at(version);
    const int at = static_cast<int>(random() % static_cast<unsigned>(length + 1));
    if (random() % 3 == 0 && at < length) {
      const int count =
          1 + static_cast<int>(random() % static_cast<unsigned>(std::min(3, length - at)));
      patches.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(count), {}});
      for (int k = 0; k < count; ++k) apply(false, at, 0);
    } else {
      std::string text;
      for (std::size_t k = 1 + random() % 3; k > 0; --k) {
        text.push_back(static_cast<char>('A' + random() % 58));
        apply(true, at + static_cast<int>(text.size()) - 1, text.back());
      }
      patches.push_back({static_cast<std::uint32_t>(at), 0, text});
    }
  }
  history.builder.add(agent, parents, patches);
  history.batches.push_back(history.builder.batch(end, history.builder.graph.end()));
}

History random_history(unsigned seed, std::size_t batches, std::size_t agents) {
  std::mt19937 random(seed);
  History history;
  while (history.batches.size() < batches) add_random_batch(history, random, agents);
  return history;
}

void follow(std::string& text, std::span<const TextPatch> patches) {
  for (const TextPatch& patch : patches) {
    ASSERT_LE(patch.position + patch.erased, text.size());
    text.replace(patch.position, patch.erased, patch.inserted);
  }
}

void merge_in_order(const History& history, const std::vector<std::size_t>& order) {
  TextDoc doc;
  std::string followed;
  for (const std::size_t i : order) {
    const auto report = doc.merge(history.batches[i]);
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_NO_FATAL_FAILURE(follow(followed, report->patches));
  }
  ASSERT_EQ(doc.waiting(), 0U);
  ASSERT_EQ(doc.text().text(), history.model.text());
  ASSERT_EQ(followed, history.model.text()) << "the patches say something else";
}

TEST(TextDoc, EveryOrderOfSmallHistoriesEndsAsTheModelDoes) {
  for (unsigned seed = 0; seed < 25; ++seed) {
    const History history = random_history(seed, seed % 5 == 0 ? 6 : 5, 3);
    std::vector<std::size_t> order(history.batches.size());
    std::iota(order.begin(), order.end(), 0U);
    do {
      ASSERT_NO_FATAL_FAILURE(merge_in_order(history, order)) << "seed " << seed;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST(TextDoc, LargerHistoriesInRandomOrdersWithDuplicatesEndAsTheModelDoes) {
  for (unsigned seed = 100; seed < 160; ++seed) {
    const History history = random_history(seed, 40, 2 + seed % 3);
    std::mt19937 random(seed);
    std::vector<std::size_t> order(history.batches.size());
    std::iota(order.begin(), order.end(), 0U);
    for (int round = 0; round < 4; ++round) {
      ASSERT_NO_FATAL_FAILURE(merge_in_order(history, order)) << "seed " << seed;
      std::shuffle(order.begin(), order.end(), random);
      order.push_back(order[random() % order.size()]);
    }
    TextDoc at_once;
    std::vector<std::string_view> given;
    for (const std::size_t i : order) given.push_back(history.batches[i]);
    const MergeReport report = at_once.merge_all(given);
    ASSERT_EQ(at_once.text().text(), history.model.text());
    std::string followed;
    ASSERT_NO_FATAL_FAILURE(follow(followed, report.patches));
    ASSERT_EQ(followed, history.model.text());
    const Status verified = at_once.verify();
    ASSERT_TRUE(verified) << verified.error().message;
  }
}

// ---- Replicas over a bad line ------------------------------------------------------------------

struct Replica {
  explicit Replica(std::string agent) : doc(std::move(agent)) {}
  TextDoc doc;
  std::string followed;  // by patches and own edits
  std::vector<std::string> inbox;
};

void edit_randomly(Replica& replica, std::mt19937& random) {
  const std::size_t length = replica.doc.text().points();
  const std::size_t at = random() % (length + 1);
  if (random() % 4 == 0) {
    const std::size_t count = std::min<std::size_t>(length - at, random() % 5);
    ASSERT_TRUE(replica.doc.erase(at, count));
    replica.followed.erase(at, count);
  } else {
    const std::string text(1 + random() % 4, static_cast<char>('a' + random() % 26));
    ASSERT_TRUE(replica.doc.insert(at, text));
    replica.followed.insert(at, text);
  }
}

void receive(Replica& replica, const std::string& batch) {
  const auto report = replica.doc.merge(batch);
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_NO_FATAL_FAILURE(follow(replica.followed, report->patches));
  ASSERT_EQ(replica.followed, replica.doc.text().text());
}

TEST(TextDoc, ReplicasOverALineThatLosesRepeatsAndReordersConverge) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    std::vector<Replica> replicas;
    for (int i = 0; i < 4; ++i) replicas.emplace_back("agent" + std::to_string(i));
    for (int step = 0; step < 250; ++step) {
      Replica& replica = replicas[random() % replicas.size()];
      const unsigned action = random() % 10;
      if (action < 5) {
        ASSERT_NO_FATAL_FAILURE(edit_randomly(replica, random));
      } else if (action < 7) {
        while (auto batch = replica.doc.take_batch()) {
          for (Replica& other : replicas) {
            for (unsigned copies = random() % 3; copies > 0 && &other != &replica; --copies) {
              other.inbox.push_back(batch->bytes);
            }
          }
        }
      } else if (!replica.inbox.empty()) {
        const std::size_t at = random() % replica.inbox.size();
        const std::string batch = replica.inbox[at];
        replica.inbox.erase(replica.inbox.begin() + static_cast<std::ptrdiff_t>(at));
        ASSERT_NO_FATAL_FAILURE(receive(replica, batch)) << "seed " << seed;
        if (random() % 8 == 0) replica.doc.release_tracker();
      }
    }
    // What was lost comes by comparison of what each one knows.
    for (Replica& from : replicas) {
      for (Replica& to : replicas) {
        const auto missing = from.doc.batches_since(to.doc.known());
        ASSERT_TRUE(missing);
        for (const TextBatch& batch : *missing) ASSERT_NO_FATAL_FAILURE(receive(to, batch.bytes));
      }
    }
    for (Replica& from : replicas) {
      const auto missing = from.doc.batches_since(replicas[0].doc.known());
      for (const TextBatch& batch : *missing)
        ASSERT_NO_FATAL_FAILURE(receive(replicas[0], batch.bytes));
    }
    for (Replica& to : replicas) {
      const auto missing = replicas[0].doc.batches_since(to.doc.known());
      for (const TextBatch& batch : *missing) ASSERT_NO_FATAL_FAILURE(receive(to, batch.bytes));
      ASSERT_EQ(to.doc.text().text(), replicas[0].doc.text().text()) << "seed " << seed;
      ASSERT_EQ(to.doc.version(), replicas[0].doc.version());
      ASSERT_EQ(to.doc.waiting(), 0U);
      ASSERT_TRUE(to.doc.text().is_sound());
      ASSERT_TRUE(to.doc.verify());
    }
  }
}

// ---- Interleaving ------------------------------------------------------------------------------

TEST(TextDoc, RunsTypedAtOnePlaceStayWhole) {
  // Every mixture of two to four people who type forward or backward, in a text and in an empty
  // one.
  for (int people = 2; people <= 4; ++people) {
    for (int directions = 0; directions < (1 << people); ++directions) {
      for (const std::string start : {"", "()"}) {
        TextDoc base("base");
        ASSERT_TRUE(base.insert(0, start));
        const std::string snapshot = *base.write_snapshot(TextDoc::History::kWith);
        std::vector<std::string> batches;
        for (int person = 0; person < people; ++person) {
          TextDoc doc = *TextDoc::open(snapshot, "p" + std::to_string(person));
          const bool backward = ((directions >> person) & 1) != 0;
          const std::size_t place = start.size() / 2;
          for (std::size_t i = 0; i < 5; ++i) {
            const std::string letter(1, static_cast<char>('a' + person));
            ASSERT_TRUE(doc.insert(backward ? place : place + i, letter));
            // Sent one by one, so that nothing is held together by being sent together.
            batches.push_back(doc.take_batch()->bytes);
          }
        }
        TextDoc merged = *TextDoc::open(snapshot);
        for (const std::string& batch : batches) ASSERT_TRUE(merged.merge(batch));
        const std::string text = merged.text().text();
        ASSERT_EQ(text.size(), start.size() + 5 * static_cast<std::size_t>(people));
        for (int person = 0; person < people; ++person) {
          EXPECT_NE(text.find(std::string(5, static_cast<char>('a' + person))), std::string::npos)
              << text << " with directions " << directions;
        }
      }
    }
  }
}

// ---- Own edits, batches ------------------------------------------------------------------------

TEST(TextDoc, EditsThatCannotBeAreRefusedAndChangeNothing) {
  TextDoc doc("a");
  ASSERT_TRUE(doc.insert(0, "h\u00e9"));
  EXPECT_EQ(doc.insert(3, "x").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(doc.insert(0, "\xc3").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(doc.erase(1, 2).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(doc.text().text(), "h\u00e9");
  EXPECT_EQ(doc.operations(), 2U);
  TextDoc reader;
  EXPECT_EQ(reader.insert(0, "x").error().code, ErrorCode::kInvalid);
}

TEST(TextDoc, AgentIdsAreNew) {
  EXPECT_EQ(new_agent_id().size(), 16U);
  EXPECT_NE(new_agent_id(), new_agent_id());
}

// One operation at a time, with all that a person may do, between what others do.
void edit_at_random(TextDoc& doc, std::mt19937& random) {
  const std::size_t size = doc.text().points();
  const std::size_t at = size == 0 ? 0 : random() % size;
  if (random() % 3 == 0 || size < 4) {
    ASSERT_TRUE(doc.insert(at, random() % 2 == 0 ? "ab" : "\u00e9"));
    return;
  }
  static std::size_t last = 0;
  if (random() % 4 == 0) last = at;
  last = std::min(last, size - 1);
  const std::size_t count = std::min<std::size_t>(1 + random() % 3, size - last);
  ASSERT_TRUE(doc.erase(last, count));
  if (random() % 2 == 0 && last >= 1) --last;
}

TEST(TextDoc, WhoeverHasTheOperationsWritesTheSameBatch) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    TextDoc ada("ada"), bob("bob"), cyd("cyd");
    const auto give = [](TextDoc& from, TextDoc& to, std::uint32_t parts) {
      for (const auto& [agent, known] : from.known()) {
        // In parts, so that they come to stand apart in the other's log.
        for (std::uint32_t begin = to.known_of(agent); begin < known; begin += parts) {
          const auto batches = from.batches_of(agent, begin, std::min(known, begin + parts));
          ASSERT_TRUE(batches);
          for (const TextBatch& batch : *batches) ASSERT_TRUE(to.merge(batch.bytes));
        }
      }
    };
    for (int step = 0; step < 60; ++step) {
      edit_at_random(random() % 2 == 0 ? ada : bob, random);
      if (random() % 5 == 0) give(ada, bob, 1 + random() % 4);
      if (random() % 5 == 0) give(bob, ada, 1 + random() % 9);
      if (random() % 3 == 0) give(bob, cyd, 1);
    }
    give(ada, bob, 2);
    give(bob, ada, 3);
    give(ada, cyd, 5);
    ASSERT_EQ(ada.text().text(), cyd.text().text());
    for (const auto& [agent, known] : ada.known()) {
      for (int pick = 0; pick < 20; ++pick) {
        const std::uint32_t begin = random() % known;
        const std::uint32_t end = begin + 1 + random() % (known - begin);
        const auto one = ada.batches_of(agent, begin, end);
        const auto two = bob.batches_of(agent, begin, end);
        const auto three = cyd.batches_of(agent, begin, end);
        ASSERT_TRUE(one && two && three);
        ASSERT_EQ(one->size(), 1U);
        EXPECT_EQ((*one)[0].bytes, (*two)[0].bytes);
        EXPECT_EQ((*one)[0].bytes, (*three)[0].bytes);
      }
    }
  }
}

TEST(TextDoc, ABatchThatMustWaitIsNotKeptWhenTheCallerKeepsIt) {
  TextDoc ada("ada"), bob("bob"), cyd;
  ASSERT_TRUE(ada.insert(0, "one"));
  const auto first = ada.batches_of("ada", 0, 3);
  ASSERT_TRUE(bob.merge((*first)[0].bytes));
  ASSERT_TRUE(bob.insert(3, "two"));
  const auto second = bob.batches_of("bob", 0, 3);
  const std::string_view bytes = (*second)[0].bytes;
  EXPECT_EQ(cyd.merge_all({&bytes, 1}, TextDoc::Keep::kNothing).results[0].state,
            MergeState::kWaiting);
  EXPECT_EQ(cyd.waiting(), 0U);
  ASSERT_TRUE(cyd.merge((*first)[0].bytes));
  EXPECT_EQ(cyd.text().text(), "one");
  EXPECT_EQ(cyd.merge_all({&bytes, 1}, TextDoc::Keep::kNothing).results[0].state,
            MergeState::kMerged);
  EXPECT_EQ(cyd.text().text(), "onetwo");
}

TEST(TextDoc, TypingIsOneRunWhateverItTakes) {
  TextDoc doc("agent");
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(doc.insert(static_cast<std::size_t>(i), "x"));
  for (int i = 999; i >= 500; --i) ASSERT_TRUE(doc.erase(static_cast<std::size_t>(i), 1));
  const auto batch = doc.take_batch();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->operations, 1'500U);
  EXPECT_LT(batch->bytes.size(), 1'040U);
  EXPECT_FALSE(doc.has_untaken());
  EXPECT_FALSE(doc.take_batch());
}

TEST(TextDoc, ALargePasteGoesInSeveralBatchesOfWholeCodePoints) {
  TextDoc doc("a");
  std::string text;
  while (text.size() < 3 * kTextBatchContentBytes) text += "\u65e5\u672c\u8a9e \U0001F600 text\n";
  ASSERT_TRUE(doc.insert(0, text));
  ASSERT_TRUE(doc.erase(5, 100'000));
  TextDoc other;
  std::size_t count = 0;
  while (auto batch = doc.take_batch()) {
    EXPECT_LT(batch->bytes.size(), kTextBatchContentBytes + 1'000);
    ASSERT_TRUE(other.merge(batch->bytes));
    ++count;
  }
  EXPECT_GE(count, 4U);
  EXPECT_EQ(other.text().text(), doc.text().text());
}

TEST(TextDoc, APartOfABatchThatIsKnownIsPassedBy) {
  TextDoc doc("a");
  ASSERT_TRUE(doc.insert(0, "h\u00e9llo"));
  const std::string first = doc.take_batch()->bytes;
  ASSERT_TRUE(doc.insert(5, " w\u00f6rld"));
  ASSERT_TRUE(doc.erase(0, 2));
  const auto whole = doc.batches_since({});
  ASSERT_TRUE(whole);
  ASSERT_EQ(whole->size(), 1U);
  TextDoc other;
  ASSERT_TRUE(other.merge(first));
  const auto report = other.merge(whole->front().bytes);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->results[0].state, MergeState::kMerged);
  EXPECT_EQ(other.text().text(), "llo w\u00f6rld");
  EXPECT_EQ(other.merge(whole->front().bytes)->results[0].state, MergeState::kKnown);
  EXPECT_EQ(other.merge(first)->results[0].state, MergeState::kKnown);
}

TEST(TextDoc, ABatchHasTheBytesOfTheExampleInItsFormatDocument) {
  TextDoc a("a");
  ASSERT_TRUE(a.insert(0, "good text"));
  TextDoc b("b");
  ASSERT_TRUE(b.merge(a.take_batch()->bytes));
  ASSERT_TRUE(b.insert(9, "!?"));
  EXPECT_EQ(hex(b.take_batch()->bytes), "01016200010161010201010801081202213f18bc6457");
}

// ---- Positions ---------------------------------------------------------------------------------

TEST(TextDoc, PositionsFollowPatches) {
  const TextPatch insertion{5, 0, 3, "abc"};
  EXPECT_EQ(map_position(4, insertion), 4U);
  EXPECT_EQ(map_position(5, insertion), 5U);
  EXPECT_EQ(map_position(5, insertion, true), 8U);
  EXPECT_EQ(map_position(6, insertion), 9U);
  const TextPatch erasure{5, 4, 0, {}};
  EXPECT_EQ(map_position(5, erasure), 5U);
  EXPECT_EQ(map_position(7, erasure), 5U);
  EXPECT_EQ(map_position(9, erasure), 5U);
  EXPECT_EQ(map_position(10, erasure), 6U);
}

TEST(TextDoc, AnothersCaretIsWhereItsNeighbourWent) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    Replica one("one");
    Replica two("two");
    // Unique letters, so that a caret's neighbour is found again.
    std::string alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const auto type = [&](Replica& replica) {
      if (alphabet.empty()) return;
      const std::size_t at = random() % (replica.doc.text().points() + 1);
      ASSERT_TRUE(replica.doc.insert(at, alphabet.substr(0, 1)));
      alphabet.erase(0, 1);
    };
    for (int i = 0; i < 8; ++i) type(one);
    ASSERT_TRUE(two.doc.merge(one.doc.take_batch()->bytes));
    for (int i = 0; i < 12; ++i) type(random() % 2 == 0 ? one : two);
    const std::size_t caret = 1 + random() % (two.doc.text().points());
    const auto neighbour = static_cast<char>(two.doc.text().at(caret - 1));
    const TextVersion version = two.doc.version();
    EXPECT_EQ(one.doc.position_now(version, caret).error().code, ErrorCode::kNotFound);
    if (auto batch = two.doc.take_batch()) {
      ASSERT_TRUE(one.doc.merge(batch->bytes));
    }
    for (int i = 0; i < 5; ++i) type(one);
    const auto now = one.doc.position_now(version, caret);
    ASSERT_TRUE(now) << now.error().message;
    ASSERT_GT(*now, 0U);
    ASSERT_EQ(static_cast<char>(one.doc.text().at(*now - 1)), neighbour) << "seed " << seed;
  }
}

// ---- Snapshots ---------------------------------------------------------------------------------

TEST(TextSnapshot, WithATailIsTheWholeReplay) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    const History history = random_history(seed + 500, 30, 3);
    TextDoc early;
    for (std::size_t i = 0; i < 15; ++i) ASSERT_TRUE(early.merge(history.batches[i]));
    const auto snapshot = early.write_snapshot(TextDoc::History::kWith);
    ASSERT_TRUE(snapshot);
    auto opened = TextDoc::open(*snapshot, "me");
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_FALSE(opened->has_history());
    EXPECT_EQ(opened->text().text(), early.text().text());
    EXPECT_EQ(opened->version(), early.version());
    EXPECT_EQ(opened->known(), early.known());
    ASSERT_TRUE(opened->insert(0, "mine"));
    for (std::size_t i = 15; i < 30; ++i) {
      const auto report = opened->merge(history.batches[i]);
      ASSERT_TRUE(report) << report.error().message;
    }
    TextDoc whole;
    for (const std::string& batch : history.batches) ASSERT_TRUE(whole.merge(batch));
    ASSERT_TRUE(whole.merge(opened->take_batch()->bytes));
    ASSERT_EQ(opened->text().text(), whole.text().text()) << "seed " << seed;
    const Status verified = opened->verify();
    ASSERT_TRUE(verified) << verified.error().message;
    // And again from a snapshot of both.
    auto again = TextDoc::open(*opened->write_snapshot(TextDoc::History::kWith));
    ASSERT_TRUE(again);
    ASSERT_TRUE(again->verify());
    EXPECT_EQ(again->text().text(), whole.text().text());
  }
}

TEST(TextSnapshot, WithoutHistoryGoesOnAndAsksForItWhenSomethingConcurrentComes) {
  TextDoc doc("a");
  ASSERT_TRUE(doc.insert(0, "hello"));
  const std::string begin = doc.take_batch()->bytes;
  TextDoc away("away");
  ASSERT_TRUE(away.merge(begin));
  ASSERT_TRUE(away.insert(5, "!"));
  ASSERT_TRUE(doc.insert(0, "Oh "));
  const std::string with = *doc.write_snapshot(TextDoc::History::kWith);
  const std::string without = *doc.write_snapshot(TextDoc::History::kWithout);
  ASSERT_TRUE(doc.insert(8, " you"));
  (void)doc.take_batch();
  TextDoc other = *TextDoc::open(without, "b");
  EXPECT_EQ(other.text().text(), "Oh hello");
  const auto tail = doc.batches_since({{"a", 8}});
  ASSERT_TRUE(tail);
  ASSERT_TRUE(other.merge(tail->front().bytes));
  EXPECT_EQ(other.text().text(), "Oh hello you");
  const std::string late = away.take_batch()->bytes;
  EXPECT_EQ(other.merge(late).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(other.write_snapshot(TextDoc::History::kWith).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(other.text().text(), "Oh hello you");
  ASSERT_TRUE(other.take_history(with));
  ASSERT_TRUE(other.merge(late));
  ASSERT_TRUE(doc.merge(late));
  EXPECT_EQ(other.text().text(), doc.text().text());
  EXPECT_TRUE(other.verify());
}

TEST(TextSnapshot, DamagedOnesAreRefused) {
  const History history = random_history(9, 20, 3);
  TextDoc doc;
  for (const std::string& batch : history.batches) ASSERT_TRUE(doc.merge(batch));
  const std::string snapshot = *doc.write_snapshot(TextDoc::History::kWith);
  for (std::size_t size = 0; size < snapshot.size(); ++size) {
    EXPECT_FALSE(TextDoc::open(std::string_view(snapshot).substr(0, size)));
  }
  for (std::size_t i = 0; i < snapshot.size(); ++i) {
    std::string changed = snapshot;
    changed[i] = static_cast<char>(changed[i] ^ 0x11);
    auto opened = TextDoc::open(changed);
    EXPECT_FALSE(opened && opened->load_history()) << "byte " << i;
  }
}

TEST(TextSnapshot, AHistoryThatGivesAnotherTextIsFound) {
  TextDoc doc("a");
  ASSERT_TRUE(doc.insert(0, "right"));
  std::string snapshot = *doc.write_snapshot(TextDoc::History::kWith);
  const std::size_t at = snapshot.find("right");
  snapshot.replace(at, 5, "wrong");
  // A liar gets the sum right.
  const std::size_t head_end = at + 5 + 1;
  std::string head = snapshot.substr(0, head_end);
  text_crdt::put_crc(head, 0);
  snapshot.replace(0, head_end + 4, head);
  auto opened = TextDoc::open(snapshot);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->text().text(), "wrong");
  EXPECT_EQ(opened->verify().error().code, ErrorCode::kInvalid);
}

// ---- Hostile batches ---------------------------------------------------------------------------

// A batch written by hand: one agent, one stretch, one run.
struct Forged {
  std::string agent = "evil";
  std::uint32_t sequence = 0;
  std::vector<std::string> others;
  std::uint32_t length = 1;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> parents;  // name, sequence (own: steps back)
  std::uint32_t run_head = 1 << 2;
  std::uint32_t position = 0;
  std::string content = "x";

  std::string bytes() const {
    std::string out(1, '\x01');
    text_crdt::put_text(out, agent);
    text_crdt::put_number(out, sequence);
    text_crdt::put_number(out, static_cast<std::uint32_t>(others.size()));
    for (const std::string& other : others) text_crdt::put_text(out, other);
    text_crdt::put_number(out, 1);
    text_crdt::put_number(out, length);
    text_crdt::put_number(out, static_cast<std::uint32_t>(parents.size()));
    for (const auto& [name, parent_sequence] : parents) {
      text_crdt::put_number(out, name);
      text_crdt::put_number(out, parent_sequence);
    }
    text_crdt::put_number(out, 1);
    text_crdt::put_number(out, run_head);
    text_crdt::put_step(out, 0, position);
    text_crdt::put_text(out, content);
    text_crdt::put_crc(out, 0);
    return out;
  }
};

std::string refusal(TextDoc& doc, const Forged& forged) {
  const auto report = doc.merge(forged.bytes());
  return report ? "accepted" : report.error().message;
}

TEST(TextHostile, EachLieIsRefusedWithItsReasonAndTheTextGoesOn) {
  TextDoc doc("good");
  ASSERT_TRUE(doc.insert(0, "good text"));
  const std::vector<std::string> good = {"good"};
  const auto expect = [&](const Forged& forged, const std::string& reason) {
    const std::string said = refusal(doc, forged);
    EXPECT_NE(said.find(reason), std::string::npos) << "said: " << said << "; not: " << reason;
    EXPECT_EQ(doc.text().text(), "good text");
  };
  expect({.parents = {{0, 0}}}, "its own parent");
  expect({.parents = {{0, 1}}}, "below 0");
  expect({.parents = {{3, 1}}}, "names no agent");
  expect({.others = {"evil"}, .parents = {{1, 0}}}, "named twice");
  expect({.others = good, .parents = {{1, 3}, {1, 8}}}, "ancestor of another");
  expect({.others = good, .parents = {{1, 8}, {1, 8}}}, "named twice");
  expect({.length = 0}, "no operations");
  expect({.length = 0xffff'ffff}, "more than a batch may have");
  expect({.length = 2}, "do not add up");
  expect({.run_head = 0xffff'ffff}, "do not add up");
  expect({.run_head = (1 << 2) | 3}, "do not add up");
  expect({.content = "xy"}, "not as long");
  expect({.content = "\xff"}, "not UTF-8");
  expect({.sequence = 0xffff'fff0}, "beyond the limit");
  expect({.agent = ""}, "agent's id");
  expect({.agent = std::string(65, 'a')}, "agent's id");
  expect({.position = 1}, "reaches beyond the text");
  expect({.position = 0x7fff'fff0}, "reaches beyond the text");
  expect({.others = good, .parents = {{1, 8}}, .position = 10}, "reaches beyond the text");
  expect({.others = good,
          .length = 5,
          .parents = {{1, 8}},
          .run_head = (5 << 2) | 1,
          .position = 5,
          .content = ""},
         "reaches beyond the text");
  expect({.others = good,
          .length = 4,
          .parents = {{1, 2}},
          .run_head = (4 << 2) | 2,
          .position = 0,
          .content = ""},
         "reaches beyond the text");
  EXPECT_EQ(doc.merge("").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(doc.merge(std::string(kTextBatchBytesMax + 1, 'x')).error().code, ErrorCode::kTooLarge);
  std::string broken = Forged().bytes();
  broken.back() = static_cast<char>(broken.back() + 1);
  EXPECT_NE(doc.merge(broken).error().message.find("sum"), std::string::npos);
  EXPECT_NE(doc.merge(Forged().bytes() + "x").error().message.find("follows"), std::string::npos);

  // Nothing of it stuck: the same agent's honest batch is merged.
  EXPECT_EQ(doc.known_of("evil"), 0U);
  ASSERT_TRUE(doc.merge(Forged{.others = good, .parents = {{1, 8}}, .position = 9}.bytes()));
  EXPECT_EQ(doc.text().text(), "good textx");
  EXPECT_TRUE(doc.verify());
}

TEST(TextHostile, ANameUsedTwiceIsAConflict) {
  TextDoc doc("good");
  ASSERT_TRUE(doc.insert(0, "good text"));
  ASSERT_TRUE(doc.merge(Forged().bytes()));
  const auto expect_conflict = [&](const Forged& forged) {
    const auto report = doc.merge(forged.bytes());
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, ErrorCode::kConflict);
    EXPECT_NE(report.error().message.find("used twice"), std::string::npos);
  };
  expect_conflict({.content = "y"});
  expect_conflict({.run_head = (1 << 2) | 1, .content = ""});
  expect_conflict({.position = 1});
  expect_conflict({.others = {"good"}, .parents = {{1, 8}}});
  expect_conflict({.length = 2, .run_head = 2 << 2, .content = "yx"});
  EXPECT_EQ(doc.merge(Forged().bytes())->results[0].state, MergeState::kKnown);
  ASSERT_TRUE(doc.merge(Forged{.length = 2, .run_head = 2 << 2, .content = "xy"}.bytes()));
  EXPECT_EQ(doc.known_of("evil"), 2U);
}

TEST(TextHostile, CyclesAreRefusedAndGapsWaitWithoutBlockingAnyone) {
  TextDoc doc("good");
  ASSERT_TRUE(doc.insert(0, "text"));
  // a follows b, b follows c, c follows a.
  const Forged a{.agent = "a", .others = {"b"}, .parents = {{1, 0}}};
  const Forged b{.agent = "b", .others = {"c"}, .parents = {{1, 0}}};
  const Forged c{.agent = "c", .others = {"a"}, .parents = {{1, 0}}};
  EXPECT_EQ(doc.merge(a.bytes())->results[0].state, MergeState::kWaiting);
  EXPECT_EQ(doc.merge(b.bytes())->results[0].state, MergeState::kWaiting);
  EXPECT_NE(refusal(doc, c).find("cycle"), std::string::npos);
  EXPECT_EQ(doc.waiting(), 2U);
  EXPECT_EQ(doc.merge(a.bytes())->results[0].state, MergeState::kWaiting);
  EXPECT_EQ(doc.waiting(), 2U) << "the same one waits once";
  // A gap in an agent's sequence.
  EXPECT_EQ(doc.merge(Forged{.agent = "g", .sequence = 5}.bytes())->results[0].state,
            MergeState::kWaiting);
  // An honest c ends the waiting of both.
  ASSERT_TRUE(doc.merge(Forged{.agent = "c"}.bytes()));
  EXPECT_EQ(doc.waiting(), 1U);
  EXPECT_EQ(doc.known_of("a"), 1U);
  EXPECT_EQ(doc.text().points(), 7U);
  doc.drop_waiting();
  EXPECT_EQ(doc.waiting(), 0U);
}

TEST(TextHostile, OneThatWaitedIsRefusedWhenItsTimeComes) {
  TextDoc doc("good");
  ASSERT_TRUE(doc.insert(0, "text"));
  const Forged late{.others = {"other"}, .parents = {{1, 0}}, .position = 100};
  EXPECT_EQ(doc.merge(late.bytes())->results[0].state, MergeState::kWaiting);
  const auto report = doc.merge(Forged{.agent = "other"}.bytes());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->refused.size(), 1U);
  EXPECT_EQ(report->refused[0].agent, "evil");
  EXPECT_NE(report->refused[0].error.message.find("reaches beyond"), std::string::npos);
  EXPECT_EQ(report->patches.size(), 1U);
  EXPECT_EQ(doc.text().points(), 5U);
}

TEST(TextHostile, BadOnesAmongManyAtOnceCostTheOthersNothing) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    const History history = random_history(seed + 900, 25, 3);
    std::vector<std::string> given = history.batches;
    for (int i = 0; i < 6; ++i) {
      Forged forged{.agent = "evil" + std::to_string(i),
                    .position = 4'000 + static_cast<std::uint32_t>(i)};
      given.insert(given.begin() + static_cast<std::ptrdiff_t>(random() % given.size()),
                   forged.bytes());
    }
    TextDoc doc;
    const MergeReport report = doc.merge_all(views(given));
    EXPECT_EQ(
        std::count_if(report.results.begin(), report.results.end(),
                      [](const auto& result) { return result.state == MergeState::kRefused; }),
        6);
    ASSERT_EQ(doc.text().text(), history.model.text()) << "seed " << seed;
    std::string followed;
    ASSERT_NO_FATAL_FAILURE(follow(followed, report.patches));
    ASSERT_EQ(followed, doc.text().text());
    ASSERT_TRUE(doc.verify());
  }
}

TEST(TextHostile, WhatWaitsIsBounded) {
  TextDoc doc;
  for (std::uint32_t i = 0; i < kTextWaitingBatchesMax; ++i) {
    const Forged forged{.agent = "g" + std::to_string(i), .sequence = 1};
    ASSERT_EQ(doc.merge(forged.bytes())->results[0].state, MergeState::kWaiting);
  }
  EXPECT_EQ(doc.merge(Forged{.agent = "one more", .sequence = 1}.bytes()).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(doc.merge(Forged().bytes()));
  EXPECT_EQ(doc.text().text(), "x");
}

// Flips bytes of batches and snapshots, with the sum put right so that it hides nothing.
TEST(TextHostile, MutatedBatchesAndSnapshotsNeverBreakAText) {
  std::mt19937 random(77);
  int merged = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    const History history = random_history(seed + 300, 12, 3);
    TextDoc doc("me");
    const auto mutate = [&](std::string bytes, std::size_t body) {
      for (unsigned i = 1 + random() % 3; i > 0; --i) {
        bytes[random() % body] = static_cast<char>(random() % 4 == 0 ? random() : random() % 16);
      }
      return bytes;
    };
    for (const std::string& batch : history.batches) {
      for (int i = 0; i < 30; ++i) {
        std::string bytes = mutate(batch, batch.size() - 4);
        bytes.resize(bytes.size() - 4);
        text_crdt::put_crc(bytes, 0);
        const auto report = doc.merge(bytes);
        merged += report && report->results[0].state == MergeState::kMerged;
      }
      (void)doc.merge(batch);
      ASSERT_TRUE(doc.insert(0, "m"));
    }
    ASSERT_TRUE(doc.text().is_sound());
    const Status verified = doc.verify();
    ASSERT_TRUE(verified) << verified.error().message;
    const std::string snapshot = *doc.write_snapshot(TextDoc::History::kWith);
    const std::string without = *doc.write_snapshot(TextDoc::History::kWithout);
    for (int i = 0; i < 60; ++i) {
      // The history's sum, or that of the head.
      const bool head = i % 2 == 0;
      const std::size_t head_size = without.size() - 4;
      std::string bytes = mutate(head ? without : snapshot, head ? head_size : snapshot.size() - 4);
      bytes.resize(bytes.size() - 4);
      text_crdt::put_crc(bytes, head ? 0 : without.size() + 1);
      auto opened = TextDoc::open(bytes, "other");
      if (!opened) continue;
      (void)opened->insert(0, "x");
      for (const std::string& batch : history.batches) (void)opened->merge(batch);
      (void)opened->verify();
      (void)opened->position_now(TextVersion{}, 3);
      ASSERT_TRUE(opened->text().is_sound());
    }
  }
  EXPECT_GT(merged, 100) << "mutations that pass are what this is for";
}

}  // namespace
}  // namespace atelier
