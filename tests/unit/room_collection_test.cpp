// What an application sees of its documents: written and read at once, delivered by pump(), kept
// whole through the edits of others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "atelier/collection.h"
#include "base/limits.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TestRoom;

struct Message {
  std::int64_t timestamp = 0;
  std::string sender, text;
};
BOOST_DESCRIBE_STRUCT(Message, (), (timestamp, sender, text))

std::string body_in_store(TestRoom& room, const std::string& id) {
  const auto document = room.store().get(id);
  return document ? document->body : "none: " + document.error().message;
}

TEST(Collection, AddShowsAtOnceAndIsOnDiskAfterwards) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  const std::string id = messages.add({5, "ada", "hello"});
  EXPECT_TRUE(id.starts_with("message:"));
  ASSERT_TRUE(messages.get(id));
  EXPECT_EQ(messages.get(id)->text, "hello");
  EXPECT_EQ(messages.size(), 1U);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, id), R"({"timestamp":5,"sender":"ada","text":"hello"})");
  EXPECT_EQ(messages.size(), 1U);
}

TEST(Collection, ChangesComeOnlyWithinPumpFirstPendingThenSaved) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  std::vector<std::string> heard;
  const auto subscription = messages.on_change([&](const Change<Message>& change) {
    heard.push_back(change.item.value.text + (change.item.pending ? " pending" : " saved") +
                    (change.local ? " local" : " foreign"));
  });
  messages.add({1, "ada", "mine"});
  EXPECT_THAT(heard, IsEmpty());
  room->pump();
  // The write may be on disk already: then the first news is that it is saved.
  ASSERT_FALSE(heard.empty());
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(heard.back(), "mine saved local");
  heard.clear();
  room.write_foreign("message:theirs", R"({"text":"theirs"})");
  ASSERT_TRUE(room.pump_until([&] { return !heard.empty(); }));
  EXPECT_THAT(heard, ElementsAre("theirs saved foreign"));
}

TEST(Collection, EditKeepsWhatTheTypeDoesNotKnow) {
  TestRoom room;
  room.write_foreign("message:a", R"({"likes":1.0,"text":"old","timestamp":1e3})");
  auto messages = room->collection<Message>("message");
  messages.edit("message:a", [](Message& message) { message.text = "new"; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:a"), R"({"likes":1.0,"text":"new","timestamp":1e3})");
  messages.put("message:a", {1000, "", "put"});
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:a"), R"({"likes":1.0,"text":"put","timestamp":1e3})");
}

TEST(Collection, AnEditThatChangesNothingMakesNoRevision) {
  TestRoom room;
  room.write_foreign("message:a", R"({"timestamp":1000.0})");
  const auto before = room.store().last_sequence();
  room->collection<Message>("message").edit("message:a", [](Message& m) { m.timestamp = 1000; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(room.store().last_sequence(), before);
}

TEST(Collection, EditOfADocumentThatIsNotThereDoesNothing) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  bool ran = false;
  messages.edit("message:a", [&](Message&) { ran = true; });
  messages.remove("message:a");
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_FALSE(ran);
  EXPECT_EQ(room.store().last_sequence(), 0U);
}

TEST(Collection, EditRunsAgainOnWhatSomebodyElseWroteMeanwhile) {
  TestRoom room;
  room.write_foreign("message:a", R"({"timestamp":10,"text":"first"})");
  auto messages = room->collection<Message>("message");
  int runs = 0;
  messages.edit("message:a", [&](Message& message) {
    // Somebody else is faster: our write then meets a newer revision.
    if (++runs == 1) room.write_foreign("message:a", R"({"timestamp":20,"text":"theirs"})");
    message.timestamp += 1;
  });
  EXPECT_EQ(messages.get("message:a")->timestamp, 11);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(body_in_store(room, "message:a"), R"({"timestamp":21,"text":"theirs"})");
  EXPECT_TRUE(room->problems().empty());
}

TEST(Collection, AnEditThatNeverWinsIsGivenUpAndSaid) {
  TestRoom room;
  room.write_foreign("message:a", R"({"timestamp":0})");
  auto messages = room->collection<Message>("message");
  int runs = 0;
  messages.edit("message:a", [&](Message& message) {
    room.write_foreign("message:a", "{\"timestamp\":" + std::to_string(++runs) + "}");
    message.text = "mine";
  });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(runs, 1 + kRoomWriteConflictsMax);
  ASSERT_EQ(room->problems().size(), 1U);
  EXPECT_EQ(room->problems()[0].id, "message:a");
  EXPECT_THAT(room->problems()[0].text, HasSubstr("could not be saved"));
  EXPECT_EQ(messages.get("message:a")->text, "") << "what is shown is what is there";
}

TEST(Collection, EditsMadeWhileAWriteRunsAllArrive) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  messages.put("message:n", {0, "", ""});
  for (int i = 0; i < 500; ++i)
    messages.edit("message:n", [](Message& message) { ++message.timestamp; });
  EXPECT_EQ(messages.get("message:n")->timestamp, 500);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:n"), R"({"timestamp":500,"sender":"","text":""})");
}

TEST(Collection, RemoveAndWriteAgain) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  messages.put("message:a", {1, "", "one"});
  ASSERT_TRUE(room.pump_until_idle());
  messages.remove("message:a");
  EXPECT_FALSE(messages.get("message:a"));
  EXPECT_EQ(messages.size(), 0U);
  messages.put("message:a", {2, "", "two"});
  EXPECT_EQ(messages.size(), 1U);
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:a"), R"({"timestamp":2,"sender":"","text":"two"})");
  messages.remove("message:a");
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:a"), "none: deleted");
  messages.put("message:a", {3, "", "three"});
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(messages.get("message:a")->text, "three");
}

TEST(Collection, AttachmentsStayThroughAnEdit) {
  TestRoom room;
  auto blob = *room.store().begin_blob();
  ASSERT_TRUE(blob->append("picture"));
  const auto finished = *blob->finish();
  DocumentWrite write;
  write.id = "message:a";
  write.body = R"({"text":"see"})";
  AttachmentWrite attachment;
  attachment.name = "a.png";
  attachment.content_type = "image/png";
  attachment.blob = finished.blob;
  attachment.length = finished.length;
  write.attachments.push_back(attachment);
  ASSERT_TRUE(room.store().write_one(std::move(write)));

  auto messages = room->collection<Message>("message");
  messages.edit("message:a", [](Message& message) { message.text = "look"; });
  messages.edit("message:a", [](Message& message) { message.timestamp = 1; });
  ASSERT_TRUE(room.pump_until_idle());
  messages.edit("message:a", [](Message& message) { message.timestamp = 2; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_TRUE(room->problems().empty());
  const auto document = room.store().get("message:a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, R"({"text":"look","timestamp":2})");
  ASSERT_EQ(document->attachments.size(), 1U);
  EXPECT_EQ(document->attachments[0].digest, finished.digest);
}

TEST(Collection, MalformedDocumentsAreReportedKeptAndForgivenWhenMended) {
  TestRoom room;
  room.write_foreign("message:bad", R"({"timestamp":"yesterday","text":"x"})");
  room.write_foreign("message:good", R"({"timestamp":1,"text":"y"})");
  auto messages = room->collection<Message>("message");
  const auto view = messages.ordered_by(&Message::timestamp);
  ASSERT_EQ(view.size(), 1U);
  EXPECT_EQ(view[0].id, "message:good");
  ASSERT_EQ(room->problems().size(), 1U);
  EXPECT_EQ(room->problems()[0].id, "message:bad");
  EXPECT_EQ(room->problems()[0].text, "/timestamp: expected an integer, found a string");

  messages.edit("message:bad", [](Message& message) { message.text = "mine"; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(body_in_store(room, "message:bad"), R"({"timestamp":"yesterday","text":"x"})");

  room.write_foreign("message:bad", R"({"timestamp":0,"text":"x"})");
  ASSERT_TRUE(room.pump_until([&] { return view.size() == 2; }));
  EXPECT_TRUE(room->problems().empty());
  EXPECT_EQ(view[0].id, "message:bad");

  room.write_foreign("message:good", R"({"timestamp":[]})");
  ASSERT_TRUE(room.pump_until([&] { return view.size() == 1; }));
  EXPECT_EQ(room->problems().size(), 1U);
}

TEST(Collection, IterationMergesWhatIsPendingInTheOrderOfIds) {
  TestRoom room;
  for (const char* id : {"message:b", "message:d", "message:f"}) room.write_foreign(id, "{}");
  room.write_foreign("messages:x", "{}");
  room.write_foreign("message", "{}");
  auto messages = room->collection<Message>("message");
  for (const char* id : {"message:a", "message:d", "message:g"}) messages.put(id, {1, "", ""});
  messages.remove("message:b");
  std::vector<std::string> ids;
  messages.for_each([&](const Item<Message>& item) { ids.push_back(item.id.substr(8)); });
  EXPECT_THAT(ids, ElementsAre("a", "d", "f", "g"));
  EXPECT_EQ(messages.size(), 4U);
  ids.clear();
  messages.for_each([&](const Item<Message>& item) {
    ids.push_back(item.id.substr(8));
    return ids.size() < 2;
  });
  EXPECT_THAT(ids, ElementsAre("a", "d"));
}

TEST(Collection, IterationCrossesPagesWithPendingDocumentsAtTheirEdges) {
  TestRoom room;
  std::vector<DocumentWrite> writes;
  const auto id_of = [](std::size_t i) { return "message:" + std::to_string(1'000'000 + i); };
  for (std::size_t i = 0; i < 2 * kRoomScanRows + 1; ++i) {
    DocumentWrite write;
    write.id = id_of(i);
    writes.push_back(std::move(write));
  }
  for (const auto& result : room.store().write(std::move(writes))) ASSERT_TRUE(result.rev);
  auto messages = room->collection<Message>("message");
  messages.put(id_of(kRoomScanRows - 1), {1, "", ""});  // the last of the first page
  messages.remove(id_of(kRoomScanRows));                // the first of the second
  messages.put(id_of(2 * kRoomScanRows + 5), {1, "", ""});
  std::vector<std::string> ids;
  messages.for_each([&](const Item<Message>& item) { ids.push_back(item.id); });
  EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  EXPECT_EQ(ids.size(), 2 * kRoomScanRows + 1);
  EXPECT_EQ(messages.size(), ids.size());
}

TEST(Collection, WrongIdsAndPrefixesAreTheAuthorsMistake) {
  TestRoom room;
  auto messages = room->collection<Message>("message");
  EXPECT_THROW(messages.put("note:a", {}), std::logic_error);
  EXPECT_THROW(messages.put("message:", {}), std::logic_error);
  EXPECT_THROW(messages.remove("message"), std::logic_error);
  EXPECT_THROW(room->collection<Message>("a:b"), std::logic_error);
  EXPECT_THROW(room->collection<Message>("_design"), std::logic_error);
  EXPECT_THROW(room->collection<Message>(""), std::logic_error);
}

TEST(Collection, ABodyThatCannotBeStoredIsSaidAndNothingIsShown) {
  TestRoom room;
  const auto raw = room->raw_collection("message");
  raw->write("message:a", [](std::string_view) { return R"({"_rev":"1-x"})"; });
  raw->write("message:b", [](std::string_view) { return "[1]"; });
  raw->write("message:c", [](std::string_view) { return "{\"n\":1e400}"; });
  raw->write("message:" + std::string(kIdBytesMax, 'x'), [](std::string_view) { return "{}"; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(room->problems().size(), 4U);
  EXPECT_EQ(raw->size(), 0U);
}

TEST(Collection, AFunctionThatThrowsWritesNothing) {
  TestRoom room;
  room.write_foreign("message:a", R"({"text":"there"})");
  auto messages = room->collection<Message>("message");
  const auto before = room.store().last_sequence();
  EXPECT_THROW(messages.edit("message:a", [](Message&) { throw std::runtime_error("oh"); }),
               std::runtime_error);
  EXPECT_THROW(messages.edit("message:a", [&](Message&) { messages.remove("message:a"); }),
               std::logic_error);
  messages.edit("message:a", [](Message& message) { message.text = "after"; });
  ASSERT_TRUE(room.pump_until_idle());
  EXPECT_EQ(room.store().last_sequence(), before + 1);
  EXPECT_EQ(messages.get("message:a")->text, "after");
}

TEST(Collection, ClosingTheRoomSavesWhatWasWritten) {
  TestRoom room;
  {
    auto messages = room->collection<Message>("message");
    for (int i = 0; i < 3'000; ++i) messages.add({i, "ada", "text"});
  }
  room.close();
  room.open();
  EXPECT_EQ(room->collection<Message>("message").size(), 3'000U);
}

}  // namespace
}  // namespace atelier
