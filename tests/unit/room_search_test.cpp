// Searching a collection as an application does: declared with the collection, found by words, and
// where they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "atelier/collection.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using testing::TestRoom;

struct Note {
  std::string text;
  std::int64_t stars = 0;
};
BOOST_DESCRIBE_STRUCT(Note, (), (text, stars))

CollectionOptions searched() {
  CollectionOptions options;
  options.search = {"text"};
  options.indexes = {{"stars"}};
  return options;
}

std::vector<std::string> texts(const Result<std::vector<Hit<Note>>>& hits) {
  EXPECT_TRUE(hits) << hits.error().message;
  std::vector<std::string> all;
  if (!hits) return all;
  for (const auto& hit : *hits) all.push_back(hit.item.value.text);
  return all;
}

// The background work of the store takes a step between two flushes.
void finish_indexes(TestRoom& room) {
  const auto busy = [&] {
    for (const IndexStatus& one : room.store().indexes()) {
      if (one.state != IndexStatus::State::kReady) return true;
    }
    return false;
  };
  while (busy()) ASSERT_TRUE(room.store().flush());
}

TEST(CollectionSearch, FindsWhatWasWrittenBeforeAndAfterItWasDeclared) {
  TestRoom room;
  room->collection<Note>("note").add({"An older Café", 1});
  room->collection<Note>("other").add({"cafe of another collection", 1});
  ASSERT_TRUE(room.pump_until_idle());
  auto notes = room->collection<Note>("note", searched());
  finish_indexes(room);
  notes.add({"A newer cafe, far away", 2});
  ASSERT_TRUE(room.pump_until_idle());
  const auto hits = notes.search("CAFE");
  EXPECT_THAT(texts(hits), ElementsAre("A newer cafe, far away", "An older Café"));
  ASSERT_EQ((*hits)[1].highlights.size(), 1U);
  EXPECT_EQ((*hits)[1].highlights[0], (Highlight{0, 9, 14}));
  EXPECT_THAT(texts(notes.search("cafe", 1)), ElementsAre("A newer cafe, far away"));
  EXPECT_THAT(texts(notes.search("far cafe")), ElementsAre("A newer cafe, far away"));
}

TEST(CollectionSearch, FollowsEditsAndDeletions) {
  TestRoom room;
  auto notes = room->collection<Note>("note", searched());
  const std::string id = notes.add({"first words", 1});
  ASSERT_TRUE(room.pump_until_idle());
  notes.edit(id, [](Note& note) { note.text = "other words"; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_TRUE(texts(notes.search("first")).empty());
  EXPECT_THAT(texts(notes.search("other")), ElementsAre("other words"));
  notes.remove(id);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_TRUE(texts(notes.search("words")).empty());
}

TEST(CollectionSearch, OtherFieldsThanBeforeMakeTheIndexAnew) {
  TestRoom room;
  auto notes = room->collection<Note>("note", searched());
  room.write_foreign("note:1", R"({"text":"words","title":"a headline"})");
  ASSERT_TRUE(room.pump_until_idle());
  CollectionOptions other;
  other.search = {"text", "title"};
  auto again = room->collection<Note>("note", other);
  finish_indexes(room);
  EXPECT_EQ(texts(again.search("headline")).size(), 1U);
  EXPECT_TRUE(room->problems().empty());
}

TEST(CollectionSearch, QueriesUseTheDeclaredIndexes) {
  TestRoom room;
  auto notes = room->collection<Note>("note", searched());
  for (int stars = 0; stars < 5; ++stars) notes.add({"n" + std::to_string(stars), stars});
  ASSERT_TRUE(room.pump_until_idle());
  CollectionQuery query;
  query.selector = R"({"stars":{"$gte":2}})";
  query.sort = {"stars"};
  query.descending = true;
  query.limit = 2;
  const auto found = notes.find(query);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].value.text, "n4");
  EXPECT_EQ((*found)[1].value.text, "n3");
  query.sort = {"text"};
  EXPECT_EQ(notes.find(query).error().code, ErrorCode::kUnsupported);
}

TEST(CollectionSearch, WhatIsNotDeclaredIsAnErrorAndABadDeclarationAProblem) {
  TestRoom room;
  auto notes = room->collection<Note>("note");
  EXPECT_EQ(notes.search("x").error().code, ErrorCode::kNotFound);
  CollectionOptions bad;
  bad.search = {"a..b"};
  auto still = room->collection<Note>("note", bad);
  ASSERT_EQ(room->problems().size(), 1U);
  EXPECT_THAT(room->problems()[0].text, ::testing::HasSubstr("words of note"));
  still.add({"works all the same", 1});
  EXPECT_EQ(still.size(), 1U);
}

}  // namespace
}  // namespace atelier
