#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/board.h"
#include "core/edits.h"
#include "core/history.h"
#include "core/svg.h"
#include "room/merge_fields.h"

namespace atelier::board {
namespace {

Shape rectangle(double x, double y, const std::string& order) {
  Shape shape;
  shape.kind = Kind::kRectangle;
  shape.x = x;
  shape.y = y;
  shape.w = shape.h = 100;
  shape.fill = Colour{200, 100, 50, 255};
  shape.order = order;
  shape.author = "Ada";
  return shape;
}

/// One person's board with what the plugin does around it: writes are made at once and remembered.
struct Desk {
  Board board;
  History history;
  Jitter jitter{1};

  void act(const Writes& writes) {
    history.record(board, writes);
    for (const Write& write : writes) apply(board, write);
  }
  bool undo() { return made(history.undo(board)); }
  bool redo() { return made(history.redo(board)); }
  void others_set(const std::string& id, const Fields& fields) {
    board.put(id, with_fields(board.find(id)->body, fields));
  }
  std::string field(const std::string& id, std::string_view name) {
    return field_text(board.find(id)->body, name);
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const Item* item : board.all()) out.push_back(item->id);
    return out;
  }

 private:
  bool made(const History::Undone& undone) {
    for (const Write& write : undone.writes) apply(board, write);
    return !undone.writes.empty();
  }
};

struct ThreeOverlapping : Desk {
  ThreeOverlapping() {
    act({create("a", rectangle(0, 0, "A")), create("b", rectangle(50, 50, "B")),
         create("c", rectangle(20, 70, "C"))});
  }
};

using Names = std::vector<std::string>;

TEST(Board, WhatIsDrawnLastIsHitFirst) {
  ThreeOverlapping desk;
  const auto drawn = desk.board.within({{60, 80}, {60, 80}});
  ASSERT_EQ(drawn.size(), 3u);
  EXPECT_EQ(desk.board.at({60, 80}, 0), drawn.back());
  desk.board.remove("c");
  EXPECT_EQ(desk.board.at({60, 80}, 0)->id, "b");
  EXPECT_EQ(desk.board.at({900, 80}, 0), nullptr);
}

TEST(Board, EqualOrdersAreDrawnByTheirIds) {
  Desk desk;
  desk.act({create("z", rectangle(0, 0, "V")), create("a", rectangle(0, 0, "V"))});
  EXPECT_EQ(desk.ids(), (Names{"a", "z"}));
}

TEST(Board, AChangeTellsWhatItMadeStale) {
  ThreeOverlapping desk;
  const Box before = desk.board.find("a")->painted;
  const Dirty moved = apply(desk.board, {Write::Kind::kEdit, "a", {}, {{"x", "500"}}});
  EXPECT_EQ(moved.before, before);
  EXPECT_EQ(moved.after, desk.board.find("a")->painted);
  const std::uint64_t version = desk.board.version();
  const Dirty unseen = apply(desk.board, {Write::Kind::kEdit, "a", {}, {{"unknown", "1"}}});
  EXPECT_TRUE(unseen.before.empty() && unseen.after.empty());
  EXPECT_EQ(desk.board.version(), version);
}

TEST(Board, ADocumentThatBecomesUnreadableLeavesTheSceneAndComesBack) {
  ThreeOverlapping desk;
  const std::string good = desk.board.find("b")->body;
  desk.board.put("b", R"({"kind":"rectangle"})");
  EXPECT_EQ(desk.board.find("b"), nullptr);
  ASSERT_EQ(desk.board.malformed().size(), 1u);
  EXPECT_TRUE(desk.board.malformed().at("b").starts_with("/v: "));
  desk.board.put("b", good);
  EXPECT_EQ(desk.ids(), (Names{"a", "b", "c"}));
  EXPECT_TRUE(desk.board.malformed().empty());
}

TEST(Board, OrderCommandsMoveOneStepOrAllTheWay) {
  ThreeOverlapping desk;
  desk.act(to_front(desk.board, {"a"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"b", "c", "a"}));
  desk.act(to_back(desk.board, {"c", "a"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"c", "a", "b"}));
  desk.act(forward(desk.board, {"c"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"a", "c", "b"}));
  desk.act(backward(desk.board, {"b"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"a", "b", "c"}));
  desk.act(forward(desk.board, {"a", "b"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"c", "a", "b"}));
  EXPECT_TRUE(forward(desk.board, {"b"}, desk.jitter).empty());
}

TEST(Board, AStepForwardSkipsWhatDoesNotOverlap) {
  ThreeOverlapping desk;
  desk.act({create("far", rectangle(5'000, 0, "B5"))});
  desk.act(forward(desk.board, {"b"}, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"a", "far", "c", "b"}));
}

TEST(Board, CopiesLieOnTopInTheirOrderWithAGroupOfTheirOwn) {
  ThreeOverlapping desk;
  desk.act(restyle(desk.board, {"a", "c"}, {{"group", "\"g\""}, {"unknown", "[1]"}}));
  int made = 0;
  CopyTo to{{16, 16}, "Bob", 5, [&] { return "n" + std::to_string(made++); }};
  desk.act(duplicate(desk.board, {"a"}, to, desk.jitter));
  EXPECT_EQ(desk.ids(), (Names{"a", "b", "c", "n0", "n1"}));
  const Shape& copy = desk.board.find("n1")->shape;
  EXPECT_EQ(copy.x, 36);
  EXPECT_EQ(copy.author, "Bob");
  EXPECT_EQ(copy.group, "n0");
  EXPECT_EQ(desk.field("n0", "unknown"), "[1]");
}

TEST(Selection, GroupsAreChosenTogetherAndWhatIsGoneLeaves) {
  ThreeOverlapping desk;
  desk.act(restyle(desk.board, {"a", "c"}, {{"group", "\"g\""}}));
  Selection selection;
  selection.add(desk.board, "c");
  EXPECT_EQ(selection.ids(), (Ids{"a", "c"}));
  EXPECT_EQ(selection.box(desk.board), (Box{{0, 0}, {120, 170}}));
  desk.board.remove("a");
  selection.prune(desk.board);
  EXPECT_EQ(selection.ids(), (Ids{"c"}));
  selection.toggle(desk.board, "c");
  EXPECT_TRUE(selection.empty());
}

TEST(Edits, AWriteForADocumentThatIsGoneLeavesItGone) {
  const Write edit{Write::Kind::kEdit, "a", {}, {{"x", "1"}}};
  EXPECT_EQ(body_after("", edit), std::nullopt);
  EXPECT_EQ(body_after(R"({"x":0,"y":2})", edit), R"({"x":1,"y":2})");
  EXPECT_EQ(body_after("{}", create("a", rectangle(0, 0, "V"))), std::nullopt);
}

TEST(History, UndoAndRedoGoThroughAllThatWasDone) {
  ThreeOverlapping desk;
  const std::string before = to_svg(desk.board, {});
  desk.act(move(desk.board, {"a", "b"}, {5, 7}));
  desk.act(remove(desk.board, {"a"}));
  const std::string after = to_svg(desk.board, {});
  EXPECT_TRUE(desk.undo());
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(to_svg(desk.board, {}), before);
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(desk.board.size(), 0u);
  EXPECT_FALSE(desk.undo());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(desk.redo());
  EXPECT_FALSE(desk.redo());
  EXPECT_EQ(to_svg(desk.board, {}), after);
}

TEST(History, UndoLeavesFieldsThatOthersSetMeanwhile) {
  ThreeOverlapping desk;
  desk.act(restyle(desk.board, {"a"}, {{"x", "300"}, {"width", "9"}}));
  desk.others_set("a", {{"width", "2"}});
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(desk.field("a", "x"), "0");
  EXPECT_EQ(desk.field("a", "width"), "2");
  EXPECT_TRUE(desk.redo());
  EXPECT_EQ(desk.field("a", "x"), "300");
  EXPECT_EQ(desk.field("a", "width"), "2");
}

TEST(History, AnActionThatOthersOvertookIsSkipped) {
  ThreeOverlapping desk;
  desk.act(restyle(desk.board, {"a"}, {{"x", "300"}}));
  desk.act(restyle(desk.board, {"a"}, {{"width", "9"}}));
  desk.others_set("a", {{"width", "2"}});
  const History::Undone undone = desk.history.undo(desk.board);
  EXPECT_EQ(undone.skipped, 1u);
  ASSERT_EQ(undone.writes.size(), 1u);
  EXPECT_EQ(undone.writes[0].fields, (Fields{{"x", "0"}}));
}

TEST(History, AShapeThatOthersChangedIsNotUncreated) {
  Desk desk;
  desk.act({create("a", rectangle(0, 0, "A"))});
  desk.others_set("a", {{"x", "7"}});
  EXPECT_FALSE(desk.undo());
  EXPECT_NE(desk.board.find("a"), nullptr);
}

TEST(History, StampsOfMergingAreNoChangeByOthers) {
  Desk desk;
  desk.act({create("a", rectangle(0, 0, "A"))});
  desk.others_set("a", {{"~", R"({"+00000000001x":"AAAAx"})"}, {"x", "0.0"}});
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(desk.board.find("a"), nullptr);
}

TEST(History, UndoOfADeletionRecreatesUnlessItIsThere) {
  ThreeOverlapping desk;
  desk.act(remove(desk.board, {"a"}));
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(desk.ids(), (Names{"a", "b", "c"}));
  desk.act(remove(desk.board, {"b"}));
  desk.board.put("b", encode_shape(rectangle(1, 1, "B")));  // somebody else's undo came first
  const History::Undone undone = desk.history.undo(desk.board);
  EXPECT_EQ(undone.skipped, 1u);
}

TEST(History, AnEditOfAShapeThatOthersDeletedIsSkipped) {
  ThreeOverlapping desk;
  desk.act(restyle(desk.board, {"b"}, {{"x", "300"}}));
  desk.board.remove("b");
  EXPECT_EQ(desk.history.undo(desk.board).skipped, 1u);
}

TEST(History, ADragIsOneActionAndANewActionEndsRedo) {
  ThreeOverlapping desk;
  desk.history.begin_group();
  for (int i = 1; i <= 50; ++i) desk.act(move(desk.board, {"a"}, {1, 2}));
  desk.history.end_group();
  EXPECT_EQ(desk.field("a", "y"), "100");
  EXPECT_TRUE(desk.undo());
  EXPECT_EQ(desk.field("a", "y"), "0");
  desk.act(move(desk.board, {"b"}, {1, 2}));
  EXPECT_FALSE(desk.history.can_redo());
}

// --- Several people. Method: each has a board and documents with version vectors; they exchange
// documents in random pairs and orders, merge where both changed one, and act at random.

struct Version {
  std::map<int, int> seen;
  bool deleted = true;
  std::string body;

  bool covers(const Version& other) const {
    for (const auto& [person, count] : other.seen) {
      const auto mine = seen.find(person);
      if (mine == seen.end() || mine->second < count) return false;
    }
    return true;
  }
  void join(const Version& other) {
    const bool theirs = other.covers(*this), ours = covers(other);
    if (ours && !theirs) return;
    if (theirs && !ours) {
      *this = other;
      return;
    }
    for (const auto& [person, count] : other.seen) seen[person] = std::max(seen[person], count);
    if (other.deleted) return;
    body = deleted ? other.body : *merge_fields(std::vector<std::string>{body, other.body});
    deleted = false;
  }
};

class Person {
 public:
  Person(int number, std::uint64_t seed)
      : number_(number), jitter_(seed * 31 + static_cast<std::uint64_t>(number)) {}

  void act() {
    switch (jitter_.next() % 10) {
      case 0:
      case 1:
        return made(
            {create(new_id(), rectangle(pick(500), pick(500), order_after(top(), jitter_)))});
      case 2:
        return made(board::move(board, some(), {pick(40), pick(40)}));
      case 3:
        return made(restyle(board, some(), {{"width", number_text(pick(20))}}));
      case 4:
        return made(board::remove(board, some()));
      case 5:
        return made(jitter_.next() % 2 ? to_front(board, some(), jitter_)
                                       : to_back(board, some(), jitter_));
      case 6:
        return made(jitter_.next() % 2 ? forward(board, some(), jitter_)
                                       : backward(board, some(), jitter_));
      case 7: {
        CopyTo to{{16, 16}, "x", 1, [&] { return new_id(); }};
        return made(duplicate(board, some(), to, jitter_));
      }
      case 8:
        return write(history.undo(board).writes);
      default:
        return write(history.redo(board).writes);
    }
  }

  /// Hands over some of the documents, in some order.
  void send_to(Person& other, bool all) {
    std::vector<std::string> ids;
    for (const auto& [id, version] : documents) ids.push_back(id);
    for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[jitter_.next() % i]);
    for (const std::string& id : ids)
      if (all || jitter_.next() % 3 == 0) other.receive(id, documents[id]);
  }

  void receive(const std::string& id, const Version& version) {
    documents[id].join(version);
    show(id);
  }

  std::map<std::string, Version> documents;
  Board board;
  History history;

 private:
  double pick(int max) {
    return static_cast<double>(jitter_.next() % static_cast<std::uint64_t>(max));
  }
  std::string new_id() {
    return "board:" + std::to_string(number_) + "-" + std::to_string(made_++);
  }
  std::string top() const { return board.top() == nullptr ? "" : board.top()->shape.order; }
  Ids some() {
    const auto all = board.all();
    Ids ids;
    for (std::size_t i = 0; !all.empty() && i < 1 + jitter_.next() % 2; ++i)
      ids.insert(all[jitter_.next() % all.size()]->id);
    return ids;
  }

  void made(const Writes& writes) {
    history.record(board, writes);
    write(writes);
  }

  void write(const Writes& writes) {
    for (const Write& one : writes) {
      Version& version = documents[one.id];
      const std::string before = version.deleted ? "" : version.body;
      if (one.kind == Write::Kind::kRemove) {
        version.deleted = true;
        version.body.clear();
      } else {
        const auto after = body_after(before, one);
        ASSERT_TRUE(after);
        version.body =
            *stamp_edit(before, *after, 1'000 + jitter_.next() % 50, "n" + std::to_string(number_));
        version.deleted = false;
      }
      ++version.seen[number_];
      show(one.id);
    }
  }

  void show(const std::string& id) {
    const Version& version = documents[id];
    if (version.deleted)
      board.remove(id);
    else
      board.put(id, version.body);
  }

  int number_;
  Jitter jitter_;
  int made_ = 0;
};

TEST(BoardModel, PeopleWhoDrawAtOnceEndWithTheSameScene) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const int count = 2 + static_cast<int>(seed % 4);
    Jitter random(seed);
    std::vector<std::unique_ptr<Person>> people;
    for (int i = 0; i < count; ++i) people.push_back(std::make_unique<Person>(i, seed));
    const auto someone = [&]() -> Person& { return *people[random.next() % people.size()]; };
    for (int step = 0; step < 120; ++step) {
      someone().act();
      if (random.next() % 3 == 0) {
        Person &from = someone(), &to = someone();
        if (&from != &to) from.send_to(to, false);
      }
    }
    for (int round = 0; round < count; ++round)
      for (const auto& from : people)
        for (const auto& to : people)
          if (from != to) from->send_to(*to, true);
    const std::string scene = to_svg(people[0]->board, {});
    for (const auto& person : people) {
      ASSERT_EQ(person->board.size(), people[0]->board.size()) << seed;
      ASSERT_TRUE(person->board.malformed().empty());
      ASSERT_EQ(to_svg(person->board, {}), scene) << seed;
      for (const Item* item : person->board.all())
        ASSERT_TRUE(same_fields(item->body, people[0]->board.find(item->id)->body)) << seed;
    }
  }
}

TEST(BoardModel, OneMovesAndOneColoursAtOnceAndBothStay) {
  Person ada(0, 1), bob(1, 2);
  const std::string made = *stamp_edit("", encode_shape(rectangle(0, 0, "V")), 5, "n0");
  for (Person* person : {&ada, &bob}) person->receive("board:a", {{{0, 1}}, false, made});
  const auto change = [&](Person& person, int number, const Fields& fields) {
    Version version = person.documents["board:a"];
    version.body = *stamp_edit(version.body, with_fields(version.body, fields), 10,
                               "n" + std::to_string(number));
    ++version.seen[number];
    person.receive("board:a", version);
  };
  change(ada, 0, {{"x", "70"}});
  change(bob, 1, {{"colour", "\"#ff0000\""}});
  ada.send_to(bob, true);
  bob.send_to(ada, true);
  for (Person* person : {&ada, &bob}) {
    EXPECT_EQ(person->board.find("board:a")->shape.x, 70);
    EXPECT_EQ(person->board.find("board:a")->shape.colour, (Colour{255, 0, 0, 255}));
  }
}

}  // namespace
}  // namespace atelier::board
