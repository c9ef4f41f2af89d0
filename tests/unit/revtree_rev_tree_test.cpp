// Goal: the tree merges, elects and forgets as CouchDB's. Method: small cases by hand; properties
// over random histories; a slow model that keeps whole paths and knows nothing of indexes.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "revtree/rev_tree.h"

namespace atelier {
namespace {

RevId rev(std::uint64_t generation, char letter) {
  return *RevId::from_parts(generation, std::string(32, letter));
}

std::vector<RevId> path_of(std::initializer_list<RevId> revs) {
  return revs;
}

RevTree tree_of(const std::vector<std::pair<std::vector<RevId>, bool>>& histories) {
  RevTree tree;
  for (const auto& [path, deleted] : histories) EXPECT_TRUE(tree.merge(path, deleted));
  return tree;
}

std::string shape(const RevTree& tree) {
  std::string out;
  for (const RevNode& node : tree.nodes()) {
    out += node.rev.to_string();
    if (node.parent >= 0) out += "<" + tree.node(node.parent).rev.to_string();
    out += node.deleted ? "d" : "";
    out += node.has_children ? "c" : "";
    out += ' ';
  }
  return out;
}

std::vector<RevId> leaf_revs(const RevTree& tree) {
  std::vector<RevId> revs;
  for (const auto leaf : tree.leaves()) revs.push_back(tree.node(leaf).rev);
  return revs;
}

// --- by hand

TEST(RevTree, FirstRevisionIsTheWinner) {
  RevTree tree;
  const auto merged = tree.merge(path_of({rev(1, 'a')}), false);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->result, RevTree::MergeResult::kNewLeaf);
  EXPECT_EQ(tree.winner(), 0);
  EXPECT_TRUE(tree.conflicts().empty());
}

TEST(RevTree, MergeSaysWhetherALeafGrewOrABranchBegan) {
  RevTree tree = tree_of({{{rev(1, 'a')}, false}});
  EXPECT_EQ(tree.merge(path_of({rev(2, 'b'), rev(1, 'a')}), false)->result,
            RevTree::MergeResult::kNewLeaf);
  EXPECT_EQ(tree.merge(path_of({rev(2, 'c'), rev(1, 'a')}), false)->result,
            RevTree::MergeResult::kNewBranch);
  EXPECT_EQ(tree.merge(path_of({rev(2, 'c'), rev(1, 'a')}), false)->result,
            RevTree::MergeResult::kKnown);
  EXPECT_EQ(tree.merge(path_of({rev(1, 'a')}), false)->result, RevTree::MergeResult::kKnown);
  EXPECT_EQ(tree.merge(path_of({rev(1, 'f')}), false)->result, RevTree::MergeResult::kNewBranch);
  EXPECT_EQ(tree.merge(path_of({rev(4, 'e'), rev(3, 'd'), rev(2, 'c')}), false)->result,
            RevTree::MergeResult::kNewLeaf);
}

TEST(RevTree, ALiveLeafWinsOverALongerDeletedOne) {
  const RevTree tree = tree_of(
      {{{rev(2, 'b'), rev(1, 'a')}, false}, {{rev(3, 'd'), rev(2, 'c'), rev(1, 'a')}, true}});
  EXPECT_EQ(tree.node(tree.winner()).rev, rev(2, 'b'));
  EXPECT_TRUE(tree.conflicts().empty());
  EXPECT_EQ(tree.deleted_conflicts(), path_of({rev(3, 'd')}));
}

TEST(RevTree, AmongEqualGenerationsTheGreaterHashWins) {
  const RevTree tree =
      tree_of({{{rev(2, 'c'), rev(1, 'a')}, false}, {{rev(2, 'b'), rev(1, 'a')}, false}});
  EXPECT_EQ(tree.node(tree.winner()).rev, rev(2, 'c'));
  EXPECT_EQ(tree.conflicts(), path_of({rev(2, 'b')}));
}

TEST(RevTree, AHistoryThatReachesFurtherBackExtendsTheRoot) {
  const RevTree late = tree_of({{{rev(3, 'c'), rev(2, 'b')}, false},
                                {{rev(4, 'd'), rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false}});
  const RevTree early = tree_of({{{rev(4, 'd'), rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false},
                                 {{rev(3, 'c'), rev(2, 'b')}, false}});
  EXPECT_EQ(shape(late), shape(early));
  EXPECT_EQ(late.path(late.winner()).size(), 4u);
}

TEST(RevTree, HistoriesThatDoNotFallByOneAreRefusedAndChangeNothing) {
  RevTree tree = tree_of({{{rev(1, 'a')}, false}});
  const std::string before = shape(tree);
  EXPECT_FALSE(tree.merge({}, false));
  EXPECT_FALSE(tree.merge(path_of({rev(3, 'c'), rev(1, 'a')}), false));
  EXPECT_FALSE(tree.merge(path_of({rev(1, 'c'), rev(0, 'a')}), false));
  EXPECT_FALSE(tree.merge(path_of({rev(2, 'c'), rev(2, 'a')}), false));
  EXPECT_EQ(shape(tree), before);
}

TEST(RevTree, MissingAndPossibleAncestorsAreWhatRevsDiffTells) {
  const RevTree tree = tree_of({{{rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false}});
  const auto asked = path_of({rev(3, 'c'), rev(4, 'd'), rev(2, '9')});
  EXPECT_EQ(tree.missing(asked), path_of({rev(2, '9'), rev(4, 'd')}));
  EXPECT_EQ(tree.possible_ancestors(rev(4, 'd')), path_of({rev(3, 'c')}));
  EXPECT_TRUE(tree.possible_ancestors(rev(2, '9')).empty());
}

TEST(RevTree, LeavesUnderANodeAreItsDescendantsOnly) {
  const RevTree tree = tree_of({{{rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false},
                                {{rev(3, 'e'), rev(2, 'd'), rev(1, 'a')}, false}});
  const auto under = [&](const RevId& from) {
    std::vector<RevId> revs;
    for (const auto leaf : tree.leaves_under(tree.find(from))) revs.push_back(tree.node(leaf).rev);
    return revs;
  };
  EXPECT_EQ(under(rev(1, 'a')), path_of({rev(3, 'e'), rev(3, 'c')}));
  EXPECT_EQ(under(rev(2, 'b')), path_of({rev(3, 'c')}));
  EXPECT_EQ(under(rev(3, 'e')), path_of({rev(3, 'e')}));
}

TEST(RevTree, StemmingKeepsTheNewestOfEachBranchAndTheGenerations) {
  RevTree tree;
  std::vector<RevId> path;
  for (std::uint64_t generation = 1; generation <= 10; ++generation) {
    path.insert(path.begin(), rev(generation, "0123456789a"[generation]));
  }
  ASSERT_TRUE(tree.merge(path, false));
  for (std::size_t i = 0; i < path.size(); ++i) tree.node(static_cast<int>(i)).body = i + 1;
  const auto freed = tree.stem(3);
  EXPECT_EQ(freed.size(), 7u);
  EXPECT_EQ(tree.nodes().size(), 3u);
  EXPECT_EQ(tree.node(tree.winner()).rev.generation(), 10u);
  EXPECT_EQ(tree.path(tree.winner()).back().generation(), 8u);
}

TEST(RevTree, StemmingToOneKeepsEveryLeaf) {
  RevTree tree = tree_of({{{rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false},
                          {{rev(2, 'd'), rev(1, 'a')}, true},
                          {{rev(1, 'f')}, false}});
  const auto leaves = leaf_revs(tree);
  tree.stem(1);
  EXPECT_EQ(leaf_revs(tree), leaves);
  EXPECT_EQ(tree.nodes().size(), 3u);
}

TEST(RevTree, PurgingALeafTakesTheAncestorsThatOnlyItHad) {
  RevTree tree = tree_of(
      {{{rev(3, 'c'), rev(2, 'b'), rev(1, 'a')}, false}, {{rev(2, 'd'), rev(1, 'a')}, false}});
  tree.node(tree.find(rev(2, 'b'))).body = 7;
  std::vector<RevId> purged;
  const auto wanted = path_of({rev(3, 'c'), rev(1, 'a'), rev(9, 'e')});
  EXPECT_EQ(tree.purge(wanted, &purged), std::vector<std::uint64_t>{7});
  EXPECT_EQ(purged, path_of({rev(3, 'c')}));
  EXPECT_EQ(leaf_revs(tree), path_of({rev(2, 'd')}));
  purged.clear();
  tree.purge(path_of({rev(2, 'd')}), &purged);
  EXPECT_TRUE(tree.empty());
}

TEST(RevTree, ARevisionWithTwoClaimedParentsGivesOneTreeInAnyOrder) {
  const auto one = path_of({rev(3, 'c'), rev(2, 'b'), rev(1, 'a')});
  const auto two = path_of({rev(3, 'c'), rev(2, 'e'), rev(1, 'a')});
  const RevTree left = tree_of({{one, false}, {two, false}});
  const RevTree right = tree_of({{two, false}, {one, false}});
  EXPECT_EQ(shape(left), shape(right));
  EXPECT_EQ(leaf_revs(left), path_of({rev(3, 'c')}));
}

// --- properties over random histories

struct History {
  std::vector<RevId> path;  // newest first
  bool deleted = false;
};

// A slow model: a set of whole paths; a leaf is a revision that is nobody's parent.
class Model {
 public:
  void merge(const History& history) {
    for (std::size_t i = 0; i < history.path.size(); ++i) {
      const std::string name = history.path[i].to_string();
      all_.insert(name);
      revs_.emplace(name, history.path[i]);
      if (i > 0) inner_.insert(name);
    }
    if (history.deleted) deleted_.insert(history.path[0].to_string());
  }
  std::set<std::string> leaves() const {
    std::set<std::string> found;
    std::set_difference(all_.begin(), all_.end(), inner_.begin(), inner_.end(),
                        std::inserter(found, found.end()));
    return found;
  }
  std::string winner() const {
    std::string best;
    for (const std::string& leaf : leaves()) {
      if (best.empty() || beats(leaf, best)) best = leaf;
    }
    return best;
  }
  std::size_t size() const { return all_.size(); }

 private:
  bool beats(const std::string& a, const std::string& b) const {
    const bool a_deleted = deleted_.contains(a), b_deleted = deleted_.contains(b);
    if (a_deleted != b_deleted) return b_deleted;
    const RevId& left = revs_.at(a);
    const RevId& right = revs_.at(b);
    if (left.generation() != right.generation()) return left.generation() > right.generation();
    return left.hash() > right.hash();
  }
  std::set<std::string> all_, inner_, deleted_;
  std::map<std::string, RevId> revs_;
};

// Histories of one document as several people would make them, each back to generation 1.
std::vector<History> random_histories(std::mt19937& random, std::size_t count) {
  std::vector<History> histories;
  const auto pick = [&](std::size_t limit) { return random() % limit; };
  const auto hash = [&] {
    std::string digits;
    for (int i = 0; i < 32; ++i) digits += "0123456789abcdef"[pick(16)];
    return digits;
  };
  while (histories.size() < count) {
    History history;
    if (!histories.empty() && pick(8) != 0) history.path = histories[pick(histories.size())].path;
    if (!history.path.empty()) {
      history.path.erase(history.path.begin(),
                         history.path.begin() + static_cast<long>(pick(history.path.size())));
    }
    for (std::size_t steps = 1 + pick(3); steps > 0; --steps) {
      history.path.insert(history.path.begin(),
                          *RevId::from_parts(history.path.size() + 1, hash()));
    }
    history.deleted = pick(4) == 0;
    histories.push_back(std::move(history));
  }
  return histories;
}

RevTree merged(const std::vector<History>& histories) {
  RevTree tree;
  for (const History& history : histories) EXPECT_TRUE(tree.merge(history.path, history.deleted));
  return tree;
}

TEST(RevTreeProperties, MergeIsCommutativeAndTheWinnerEqualOnAllPermutations) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    auto histories = random_histories(random, 5);
    const std::string expected = shape(merged(histories));
    std::vector<std::size_t> order = {0, 1, 2, 3, 4};
    do {
      std::vector<History> permuted;
      for (const std::size_t i : order) permuted.push_back(histories[i]);
      ASSERT_EQ(shape(merged(permuted)), expected) << "round " << round;
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

// A tree as the histories of its leaves, which is how it travels.
void merge_tree(RevTree& into, const RevTree& from) {
  for (const auto leaf : from.leaves()) {
    EXPECT_TRUE(into.merge(from.path(leaf), from.node(leaf).deleted));
  }
}

TEST(RevTreeProperties, MergingTreesIsAssociativeAndIdempotent) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const auto histories = random_histories(random, 12);
    const RevTree a = merged({histories.begin(), histories.begin() + 4});
    const RevTree b = merged({histories.begin() + 4, histories.begin() + 8});
    const RevTree c = merged({histories.begin() + 8, histories.end()});
    RevTree left = a;
    merge_tree(left, b);
    merge_tree(left, c);
    RevTree bc = b;
    merge_tree(bc, c);
    RevTree right = a;
    merge_tree(right, bc);
    ASSERT_EQ(leaf_revs(left), leaf_revs(right));
    ASSERT_EQ(left.winner(), right.winner());
    RevTree again = left;
    merge_tree(again, left);
    ASSERT_EQ(shape(again), shape(left));
  }
}

TEST(RevTreeProperties, TheSlowModelAgreesOnLeavesWinnerAndSize) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    const auto histories = random_histories(random, 1 + random() % 30);
    RevTree tree;
    Model model;
    for (const History& history : histories) {
      ASSERT_TRUE(tree.merge(history.path, history.deleted));
      model.merge(history);
      std::set<std::string> leaves;
      for (const RevId& leaf : leaf_revs(tree)) leaves.insert(leaf.to_string());
      ASSERT_EQ(leaves, model.leaves());
      ASSERT_EQ(tree.node(tree.winner()).rev.to_string(), model.winner());
      ASSERT_EQ(tree.nodes().size(), model.size());
    }
  }
}

TEST(RevTreeProperties, StemmingLosesNoLeafKeepsTheWinnerAndBoundsEachBranch) {
  std::mt19937 random(4);
  for (int round = 0; round < 300; ++round) {
    RevTree tree = merged(random_histories(random, 20));
    const auto leaves = leaf_revs(tree);
    const std::uint32_t limit = 1 + random() % 4;
    tree.stem(limit);
    ASSERT_EQ(leaf_revs(tree), leaves);
    ASSERT_TRUE(RevTree::decode(tree.encode()));
    // Nothing is kept that is not among the newest of some leaf.
    std::set<std::string> wanted;
    for (const auto leaf : tree.leaves()) {
      const auto path = tree.path(leaf);
      for (std::size_t i = 0; i < std::min<std::size_t>(limit, path.size()); ++i) {
        wanted.insert(path[i].to_string());
      }
    }
    ASSERT_EQ(tree.nodes().size(), wanted.size());
  }
}

TEST(RevTreeProperties, EncodingIsReadBackEqual) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    RevTree tree = merged(random_histories(random, 1 + random() % 15));
    ASSERT_TRUE(tree.merge(path_of({*RevId::parse("2-text"), *RevId::parse("1-x")}), false));
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree.nodes().size()); ++i) {
      tree.node(i).body = random() % 3 ? random() : 0;
      tree.node(i).sequence = random() % 3 ? random() : 0;
    }
    const auto back = RevTree::decode(tree.encode());
    ASSERT_TRUE(back);
    ASSERT_EQ(shape(*back), shape(tree));
    for (std::size_t i = 0; i < tree.nodes().size(); ++i) {
      ASSERT_EQ(back->nodes()[i].body, tree.nodes()[i].body);
      ASSERT_EQ(back->nodes()[i].sequence, tree.nodes()[i].sequence);
    }
  }
}

TEST(RevTreeDecoding, RandomAndMutatedBytesGiveAnErrorOrASoundTree) {
  std::mt19937 random(6);
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes;
    if (round % 2 == 0) {
      bytes = merged(random_histories(random, 1 + random() % 5)).encode();
      for (std::size_t n = 1 + random() % 3; n > 0; --n) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    } else {
      for (std::size_t n = random() % 60; n > 0; --n) bytes += static_cast<char>(random());
    }
    const auto tree = RevTree::decode(bytes);
    if (!tree) {
      EXPECT_EQ(tree.error().code, ErrorCode::kCorrupt);
      ++refused;
      continue;
    }
    // Sound: everything may be walked, and it encodes to the same bytes.
    ASSERT_EQ(tree->encode(), bytes);
    if (tree->empty()) continue;
    ASSERT_GE(tree->winner(), 0);
    for (const auto leaf : tree->leaves()) {
      const auto path = tree->path(leaf);
      for (std::size_t i = 1; i < path.size(); ++i) {
        ASSERT_EQ(path[i].generation() + 1, path[i - 1].generation());
      }
    }
  }
  EXPECT_GT(refused, 5'000u);
}

}  // namespace
}  // namespace atelier
