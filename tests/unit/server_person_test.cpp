// Goal: a name is found and taken out wherever it may stand in a room, and nothing else changes.
// Method: documents of every kind in a store; afterwards the bytes of the file are searched.
#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include <gtest/gtest.h>

#include "base/json_text.h"
#include "server/guarded_store.h"
#include "server/person.h"
#include "store/care.h"
#include "store/verify.h"
#include "unit/store_tools.h"

namespace atelier::server {
namespace {

using test::edit;
using test::r;

constexpr const char* kName = "ada lovelace";
const NameRemoval kRemoval{kName, "somebody"};

class Person : public test::StoreTest {
 protected:
  RemovedPage remove(const NameRemoval& removal = kRemoval) {
    RemovedPage all;
    std::optional<std::string> from = "";
    while (from) {
      const auto page = remove_named(*store_, removal, *from);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return all;
      all.documents += page->documents;
      all.revisions += page->revisions;
      all.old += page->old;
      all.evicted += page->evicted;
      all.left.insert(all.left.end(), page->left.begin(), page->left.end());
      all.mentioned.insert(all.mentioned.end(), page->mentioned.begin(), page->mentioned.end());
      from = page->next;
    }
    return all;
  }
  void finish() {
    for (int i = 0; i < 1'000; ++i) {
      const auto done = finish_removal(*store_);
      ASSERT_TRUE(done) << done.error().message;
      if (*done) return;
      ASSERT_TRUE(store_->flush());
    }
    FAIL() << "the indexes are never dropped";
  }
  std::filesystem::path file() const { return dir_.path() / "store" / "data.mdb"; }
  std::size_t in_file(const std::string& what) const {
    std::ifstream in(file(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::size_t count = 0;
    for (std::size_t at = bytes.find(what); at != std::string::npos; at = bytes.find(what, at + 1))
      ++count;
    return count;
  }
  AttachmentWrite attachment(const std::string& name, const std::string& bytes) {
    auto blob = store_->begin_blob();
    EXPECT_TRUE(blob);
    EXPECT_TRUE((*blob)->append(bytes));
    AttachmentWrite write;
    write.name = name;
    write.content_type = "text/plain";
    write.blob = (*blob)->finish()->blob;
    return write;
  }
};

TEST(PersonName, StandsInValuesAtAnyDepthAndNowhereElse) {
  const std::string text =
      R"({"ada":"ada","author":{"name":"ada"},"text":"Ask Ada.","list":["ada",["ada"],"adam"],"n":1})";
  const NamePlaces places = places_of_name(text, "ada");
  EXPECT_EQ(places.values, 4u);
  EXPECT_EQ(places.mentions, 2u);  // a member's name, and a sentence; "adam" is another word
  EXPECT_EQ(
      without_name(text, "ada", "x\"y"),
      R"({"ada":"x\"y","author":{"name":"x\"y"},"text":"Ask Ada.","list":["x\"y",["x\"y"],"adam"],"n":1})");
  EXPECT_FALSE(places_of_name(R"({"a":"ad","b":"a\"da\\"})", "ada").any());
}

TEST(PersonName, MayHoldWhatJsonEscapes) {
  const std::string name = "a\"\\\n\xc3\xa9";
  const std::string text = "{" + json::quoted("k") + ":" + json::quoted(name) + "}";
  EXPECT_EQ(places_of_name(text, name).values, 1u);
  EXPECT_EQ(without_name(text, name, "b"), R"({"k":"b"})");
  EXPECT_EQ(without_name(R"({"k":"b\\"})", "b", "c"), R"({"k":"b\\"})");
}

TEST_F(Person, LeavesNoRevisionWithTheNameInTheFile) {
  put("chat:1", R"({"sender":"ada lovelace","text":"hello"})");
  const RevId second = put("chat:2", R"({"sender":"ada lovelace","text":"one"})");
  put("chat:2", R"({"sender":"ada lovelace","text":"two"})", second);
  put("chat:3", R"({"sender":"eve","text":"three"})");
  for (int i = 0; i < 3'000; ++i) put("many:" + std::to_string(i), R"({"by":["ada lovelace"]})");
  EXPECT_GT(in_file(kName), 1'000u);

  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 3'002u);
  EXPECT_TRUE(done.left.empty());
  finish();
  EXPECT_EQ(body("chat:2"), R"({"sender":"somebody","text":"two"})");
  EXPECT_EQ(body("chat:3"), R"({"sender":"eve","text":"three"})");
  EXPECT_EQ(store_->info().doc_count, 3'003u);
  store_.reset();
  EXPECT_EQ(in_file(kName), 0u);
  EXPECT_EQ(erasing(dir_.path() / "store"), Erasing::kNone);
  const auto report = verify_store(dir_.path() / "store");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->clean());
}

TEST_F(Person, AKillBeforeTheCloseIsMadeUpForAtTheNextOpening) {
  put("chat:1", R"({"sender":"ada lovelace"})");
  remove();
  finish();
  ASSERT_EQ(erasing(dir_.path() / "store"), Erasing::kCopy);
  // As after a kill: the file as it is now, with the mark beside it.
  const auto copy = dir_.path() / "killed";
  std::filesystem::create_directories(copy);
  std::filesystem::copy(file(), copy / "data.mdb");
  std::filesystem::copy(dir_.path() / "store" / "erase.txt", copy / "erase.txt");
  store_.reset();
  const auto bytes = [&] {
    std::ifstream in(copy / "data.mdb", std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  EXPECT_NE(bytes().find(kName), std::string::npos);
  const auto opened = Store::open(copy, {});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(bytes().find(kName), std::string::npos) << "and not only when it is closed";
  EXPECT_EQ(erasing(copy), Erasing::kNone);
}

TEST_F(Person, GoesOutOfEachLeafOfAConflictAndOfTombstones) {
  replicate("doc", {r("2-b"), r("1-a")}, R"({"by":"ada lovelace","v":"b"})");
  replicate("doc", {r("2-c"), r("1-a")}, R"({"by":"ada lovelace","v":"c"})");
  replicate("doc", {r("2-d"), r("1-a")}, R"({"by":"eve","v":"d"})");
  replicate("gone", {r("2-e"), r("1-a")}, R"({"by":"ada lovelace"})", true);
  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 2u);
  EXPECT_EQ(done.revisions, 3u);
  std::vector<std::string> bodies;
  for (const auto& leaf : store_->open_revs("doc", {}, false)) {
    ASSERT_TRUE(leaf);
    EXPECT_FALSE(leaf->deleted);
    bodies.push_back(leaf->body);
  }
  std::sort(bodies.begin(), bodies.end());
  EXPECT_EQ(bodies,
            (std::vector<std::string>{R"({"by":"eve","v":"d"})", R"({"by":"somebody","v":"b"})",
                                      R"({"by":"somebody","v":"c"})"}));
  const auto gone = store_->open_revs("gone", {}, false);
  ASSERT_EQ(gone.size(), 1u);
  ASSERT_TRUE(gone[0]);
  EXPECT_TRUE(gone[0]->deleted);
  EXPECT_EQ(gone[0]->rev.generation(), 3u);
  EXPECT_EQ(gone[0]->body, R"({"by":"somebody"})");
}

TEST_F(Person, OldRevisionsOfWhatCarriesItNoMoreAreDroppedToo) {
  const RevId first = put("a", R"({"by":"ada lovelace"})");
  put("a", R"({"by":"eve"})", first);
  const RevId other = put("b", R"({"by":"ada lovelace"})");
  ASSERT_TRUE(store_->write_one(test::tombstone("b", other)));
  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 0u);
  EXPECT_EQ(done.old, 2u);
  finish();
  EXPECT_EQ(remove().old, 0u);
  store_.reset();
  EXPECT_EQ(in_file(kName), 0u);
}

TEST_F(Person, ASecondRunChangesNothing) {
  put("a", R"({"by":"ada lovelace"})");
  remove();
  finish();
  const std::uint64_t last = store_->last_sequence();
  const RemovedPage again = remove();
  EXPECT_EQ(again.documents, 0u);
  EXPECT_EQ(store_->last_sequence(), last);
}

TEST_F(Person, AttachmentsStayAndTheirNamesAreTold) {
  DocumentWrite write = edit("a", R"({"by":"ada lovelace"})");
  write.attachments = {attachment("picture.txt", "bytes")};
  ASSERT_TRUE(store_->write_one(write));
  DocumentWrite other = edit("b", "{}");
  other.attachments = {attachment("of Ada Lovelace.txt", "more")};
  ASSERT_TRUE(store_->write_one(other));
  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 1u);
  EXPECT_EQ(done.mentioned, std::vector<std::string>{"b"});
  const auto changed = store_->get("a");
  ASSERT_TRUE(changed);
  ASSERT_EQ(changed->attachments.size(), 1u);
  EXPECT_EQ(changed->attachments[0].length, 5u);
  EXPECT_FALSE(changed->attachments[0].evicted());
}

TEST_F(Person, LongerTextsIdsAndWhatHasAnotherMeaningAreLeftAndTold) {
  put("note:1", R"({"text":"I met Ada Lovelace."})");
  put("of:ada lovelace", R"({"v":1})");
  put("access:rules", R"({"version":1,"prefixes":{"p":{"create":["name:ada lovelace"]}}})");
  put("_design/x", R"({"language":"ada lovelace"})");
  put("access:mode", R"({"mode":"named","names":["eve","ada lovelace"]})");
  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 1u);
  ASSERT_EQ(done.left.size(), 1u);
  EXPECT_EQ(done.left[0].id, "_design/x");
  EXPECT_EQ(done.mentioned,
            (std::vector<std::string>{"access:rules", "note:1", "of:ada lovelace"}));
  EXPECT_EQ(body("note:1"), R"({"text":"I met Ada Lovelace."})");
  EXPECT_EQ(body("access:mode"), R"({"mode":"named","names":["eve"]})");
}

TEST_F(Person, SomebodyCalledLikeAModeTakesNoModeAway) {
  put("access:mode", R"({"mode":"watch","names":["watch","eve"]})");
  EXPECT_EQ(remove({"watch", "somebody"}).documents, 1u);
  EXPECT_EQ(body("access:mode"), R"({"mode":"watch","names":["eve"]})");
  EXPECT_EQ(remove({"watch", "somebody"}).documents, 0u);
}

TEST_F(Person, WhoeverWritesMeanwhileLosesNothing) {
  for (int i = 0; i < 50; ++i) put("doc:" + std::to_string(i), R"({"by":"ada lovelace","n":0})");
  std::atomic<bool> stop = false;
  std::thread other([&] {
    for (int n = 1; !stop; ++n) {
      for (int i = 0; i < 50 && !stop; ++i) {
        const std::string id = "doc:" + std::to_string(i);
        const auto document = store_->get(id);
        ASSERT_TRUE(document);
        const auto by = json::string_member(document->body, "by").value_or("");
        json::Writer next;
        next.begin_object().key("by").string(by).key("n").integer(n).end_object();
        (void)store_->write_one(edit(id, next.take(), document->rev));
      }
    }
  });
  for (int i = 0; i < 20; ++i) remove();
  stop = true;
  other.join();
  remove();
  for (int i = 0; i < 50; ++i) {
    const auto leaves = store_->open_revs("doc:" + std::to_string(i), {}, false);
    ASSERT_EQ(leaves.size(), 1u) << "a conflict was made";
    EXPECT_EQ(json::string_member(leaves[0]->body, "by"), "somebody");
  }
}

TEST_F(Person, AnEditBetweenReadingAndWritingIsReadAgain) {
  const RevId first = put("doc", R"({"by":"ada lovelace","n":0})");
  put("other", R"({"by":"ada lovelace"})");
  // The first revision that the removal proposes meets one that came before it.
  auto once = std::make_shared<bool>(false);
  store_->set_validator([once, first](const ProposedRevision& proposed) -> Status {
    if (proposed.id == "doc" && proposed.parent == first && !*once) {
      *once = true;
      return Error(ErrorCode::kConflict, "Document update conflict.");
    }
    return ok();
  });
  const RemovedPage done = remove();
  EXPECT_TRUE(*once);
  EXPECT_EQ(done.documents, 2u);
  EXPECT_TRUE(done.left.empty());
  EXPECT_EQ(body("doc"), R"({"by":"somebody","n":0})");
}

TEST_F(Person, PagesAreBoundedAndMeetEveryDocument) {
  for (int i = 0; i < 2'500; ++i) put("d:" + std::to_string(i), R"({"by":"ada lovelace"})");
  std::size_t pages = 0, leaves = 0;
  std::optional<std::string> from = "";
  while (from) {
    const auto page = find_named(*store_, kName, *from);
    ASSERT_TRUE(page);
    leaves += page->leaves.size();
    from = page->next;
    ++pages;
  }
  EXPECT_EQ(leaves, 2'500u);
  EXPECT_GE(pages, 3u);
}

TEST_F(Person, WordsOfAnIndexGoToo) {
  IndexDefinition words;
  words.name = "texts";
  words.kind = IndexDefinition::Kind::kWords;
  words.prefix = "chat";
  words.fields = {"sender", "text"};
  ASSERT_TRUE(store_->create_index(words));
  for (int i = 0; i < 20; ++i)
    put("chat:" + std::to_string(i), R"({"sender":"lovelace","text":"hello"})");
  remove({"lovelace", "somebody"});
  finish();
  ASSERT_TRUE(store_->flush());
  SearchQuery query;
  query.index = "texts";
  query.words = "hello";
  for (int i = 0; i < 1'000 && store_->indexes()[0].state != IndexStatus::State::kReady; ++i)
    ASSERT_TRUE(store_->flush());
  const auto hits = store_->search(query);
  ASSERT_TRUE(hits) << hits.error().message;
  EXPECT_EQ(hits->hits.size(), 20u);
  store_.reset();
  EXPECT_EQ(in_file("lovelace"), 0u);
}

TEST_F(Person, QuarantineKeepsNoBodyAndTheirCheckpointsGo) {
  ASSERT_TRUE(store_->put_local("atelier-quarantine-1",
                                R"({"id":"x","body":{"by":"ada lovelace"},"rev":"1-a"})"));
  ASSERT_TRUE(
      store_->put_local("atelier-quarantine-2", R"({"id":"y","body":{"by":"eve"},"rev":"1-a"})"));
  ASSERT_TRUE(store_->put_local(GuardedStore::local_prefix(kName) + "checkpoint", "{}"));
  ASSERT_TRUE(store_->put_local(GuardedStore::local_prefix("eve") + "checkpoint", "{}"));
  EXPECT_EQ(*remove_from_locals(*store_, kName), 2u);
  EXPECT_EQ(store_->get_local("atelier-quarantine-1")->body, R"({"id":"x","rev":"1-a"})");
  EXPECT_EQ(store_->get_local("atelier-quarantine-2")->body,
            R"({"id":"y","body":{"by":"eve"},"rev":"1-a"})");
  EXPECT_FALSE(store_->get_local(GuardedStore::local_prefix(kName) + "checkpoint"));
  EXPECT_TRUE(store_->get_local(GuardedStore::local_prefix("eve") + "checkpoint"));
  EXPECT_EQ(*remove_from_locals(*store_, kName), 0u);
}

TEST_F(Person, WhatIsEvictedIsCountedAndLeft) {
  put("a", R"({"by":"ada lovelace"})");
  const std::vector<std::string> ids = {"a"};
  ASSERT_TRUE(store_->evict(ids, EvictWhat::kBodiesAndBlobs));
  const RemovedPage done = remove();
  EXPECT_EQ(done.documents, 0u);
  EXPECT_EQ(done.evicted, 1u);
}

}  // namespace
}  // namespace atelier::server
