// Goal: what was evicted is known, said to be away, never empty, never deleted, and comes back.
#include "store/store.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

class StoreEvict : public StoreTest {
 protected:
  std::uint64_t evict(const std::string& id, EvictWhat what = EvictWhat::kBodiesAndBlobs) {
    const std::vector<std::string> wanted = {id};
    const auto changed = store_->evict(wanted, what);
    EXPECT_TRUE(changed) << changed.error().message;
    return changed ? *changed : 0;
  }
  AttachmentWrite blob(const std::string& name, const std::string& bytes) {
    auto writer = store_->begin_blob();
    EXPECT_TRUE(writer);
    EXPECT_TRUE((*writer)->append(bytes));
    const auto finished = (*writer)->finish();
    EXPECT_TRUE(finished);
    AttachmentWrite attachment;
    attachment.name = name;
    attachment.content_type = "text/plain";
    attachment.blob = finished->blob;
    return attachment;
  }
  ErrorCode code(const std::string& id) {
    const auto document = store_->get(id);
    return document ? ErrorCode::kInternal : document.error().code;
  }
};

TEST_F(StoreEvict, AnEvictedDocumentKeepsItsIdLeavesAndSequenceAndSaysSo) {
  const RevId first = put("a", R"({"text":"hello"})");
  put("b", "{}");
  const auto before = changes(*store_);
  ASSERT_TRUE(store_->flush());  // what came before has been told
  std::atomic<int> pokes = 0;
  const auto subscription = store_->subscribe([&] { ++pokes; });
  EXPECT_EQ(evict("a"), 1u);
  ASSERT_TRUE(store_->flush());  // pokes come from the writer's thread
  EXPECT_EQ(pokes, 1);
  EXPECT_EQ(evict("a"), 0u) << "twice is once";
  EXPECT_EQ(code("a"), ErrorCode::kEvicted);
  EXPECT_EQ(store_->open_revs("a", {}, false).front().error().code, ErrorCode::kEvicted);
  const auto after = changes(*store_);
  ASSERT_EQ(after.size(), before.size());
  EXPECT_EQ(after[0].sequence, before[0].sequence);
  EXPECT_EQ(after[0].leaves, before[0].leaves);
  EXPECT_FALSE(after[0].deleted);
  EXPECT_EQ(store_->info().doc_count, 2u);
  EXPECT_TRUE(store_->revs_diff("a", std::vector<RevId>{first})->missing.empty());
  int seen = 0;
  ASSERT_TRUE(store_->scan({}, [&](const DocumentView& view) {
    ++seen;
    EXPECT_EQ(view.evicted, view.id == "a");
    if (view.evicted) {
      EXPECT_EQ(view.body, "");
    }
    EXPECT_FALSE(view.deleted);
    return true;
  }));
  EXPECT_EQ(seen, 2);
  open();
  EXPECT_EQ(code("a"), ErrorCode::kEvicted) << "through a new start";
}

TEST_F(StoreEvict, TheSameRevisionByReplicationBringsItBackWithoutANewSequence) {
  replicate("a", {r("2-b"), r("1-a")}, R"({"n":2})");
  evict("a");
  const std::uint64_t last = store_->last_sequence();
  ASSERT_TRUE(store_->flush());  // what came before has been told
  std::atomic<int> pokes = 0;
  const auto subscription = store_->subscribe([&] { ++pokes; });
  const auto written = store_->write({replicated("a", {r("2-b"), r("1-a")}, R"({"n":2})")});
  ASSERT_TRUE(written[0].rev);
  EXPECT_EQ(written[0].sequence, 0u);
  EXPECT_EQ(store_->last_sequence(), last);
  ASSERT_TRUE(store_->flush());  // pokes come from the writer's thread
  EXPECT_EQ(pokes, 1);
  EXPECT_EQ(body("a"), R"({"n":2})");
  const auto again = store_->write({replicated("a", {r("2-b"), r("1-a")}, R"({"n":3})")});
  ASSERT_TRUE(again[0].rev);
  EXPECT_EQ(body("a"), R"({"n":2})") << "what is here is not replaced";
}

TEST_F(StoreEvict, WhoMayNotCarryOthersDocumentsBringsNothingBack) {
  replicate("a", {r("1-a")}, R"({"n":1})");
  evict("a");
  WriteOptions options;
  options.user = std::make_shared<const WriteUser>(WriteUser{"eve", {}, false});
  const auto written = store_->write({replicated("a", {r("1-a")}, R"({"n":666})")}, options);
  ASSERT_TRUE(written[0].rev);
  EXPECT_EQ(code("a"), ErrorCode::kEvicted);
}

TEST_F(StoreEvict, AnEditOnAnEvictedParentIsTakenWithItsWholeBody) {
  const RevId first = put("a", R"({"n":1})");
  evict("a");
  const RevId second = put("a", R"({"n":2})", first);
  EXPECT_EQ(second.generation(), 2u);
  EXPECT_EQ(body("a"), R"({"n":2})");
  const auto old = store_->get("a", {.rev = first});
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, ErrorCode::kEvicted);
}

TEST_F(StoreEvict, AnEvictedLoserStaysEvictedWhenItWins) {
  replicate("a", {r("1-a")}, R"({"n":"a"})");
  replicate("a", {r("1-b")}, R"({"n":"b"})");
  evict("a");
  replicate("a", {r("2-c"), r("1-b")}, "{}", true);
  EXPECT_EQ(code("a"), ErrorCode::kEvicted);
  EXPECT_EQ(changes(*store_).front().leaves.front(), r("1-a"));
  replicate("a", {r("1-a")}, R"({"n":"a"})");
  EXPECT_EQ(body("a"), R"({"n":"a"})");
}

TEST_F(StoreEvict, BlobsGoAloneAndReplicatedStubsOfThemAreRefused) {
  DocumentWrite write = edit("a", R"({"n":1})");
  write.attachments.push_back(blob("f", "bytes"));
  const auto first = store_->write_one(write);
  ASSERT_TRUE(first);
  const Sha256 sum = store_->get("a")->attachments.front().blob;
  EXPECT_EQ(evict("a", EvictWhat::kBlobs), 1u);
  const auto document = store_->get("a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, R"({"n":1})");
  ASSERT_EQ(document->attachments.size(), 1u);
  EXPECT_TRUE(document->attachments[0].evicted());
  EXPECT_EQ(document->attachments[0].length, 5u);
  const auto none = [](std::string_view) { return true; };
  EXPECT_EQ(store_->read_blob(Sha256{}, 0, 5, none).error().code, ErrorCode::kEvicted);
  EXPECT_EQ(store_->read_blob(sum, 0, 5, none).error().code, ErrorCode::kNotFound);
  DocumentWrite next = replicated("a", {r("2-b"), *first}, R"({"n":2})");
  next.attachments.push_back({.name = "f", .stub = true});
  const auto refused = store_->write_one(next);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  // It comes back with the bytes.
  DocumentWrite back = replicated("a", {*first}, R"({"n":1})");
  back.attachments.push_back(blob("f", "bytes"));
  ASSERT_TRUE(store_->write_one(back));
  EXPECT_EQ(store_->get("a")->attachments.front().blob, sum);
  EXPECT_EQ(store_->get("a")->attachments.front().revpos, 1u);
}

// Who changes a text need not have the picture beside it.
TEST_F(StoreEvict, AnEditKeepsAnAttachmentWhoseBytesAreAway) {
  DocumentWrite write = edit("a", R"({"n":1})");
  write.attachments.push_back(blob("f", "bytes"));
  const auto first = store_->write_one(write);
  ASSERT_TRUE(first);
  const Attachment before = store_->get("a")->attachments.front();
  evict("a", EvictWhat::kBlobs);
  DocumentWrite next = edit("a", R"({"n":2})", *first);
  next.attachments.push_back({.name = "f", .stub = true});
  next.attachments.push_back({.name = "never", .stub = true});
  EXPECT_FALSE(store_->write_one(next));
  next.attachments.pop_back();
  const auto second = store_->write_one(next);
  ASSERT_TRUE(second) << second.error().message;
  const Attachment after = store_->get("a")->attachments.front();
  EXPECT_TRUE(after.evicted());
  EXPECT_EQ(after.digest, before.digest);
  EXPECT_EQ(after.length, 5u);
  EXPECT_EQ(after.revpos, 1u);
  // The very revision, with its bytes.
  DocumentWrite back = replicated("a", {*second, *first}, R"({"n":2})");
  back.attachments.push_back(blob("f", "bytes"));
  back.attachments.back().revpos = 1;
  ASSERT_TRUE(store_->write_one(back));
  EXPECT_EQ(store_->get("a")->attachments.front().blob, before.blob);
}

TEST_F(StoreEvict, WhatIsLeftBehindIsKnownByDigestAndLengthAndComesOneByOne) {
  const AttachmentWrite f = blob("f", "bytes"), g = blob("g", "other bytes");
  const auto left = [](const std::string& name, const std::string& digest, std::uint64_t length) {
    AttachmentWrite attachment;
    attachment.name = name;
    attachment.content_type = "text/plain";
    attachment.digest = digest;
    attachment.length = length;
    attachment.revpos = 1;
    attachment.left_behind = true;
    return attachment;
  };
  const auto digest = [&](const AttachmentWrite& one) {
    DocumentWrite whole = edit("whole-" + one.name, "{}");
    whole.attachments.push_back(one);
    EXPECT_TRUE(store_->write_one(whole));
    return store_->get("whole-" + one.name)->attachments.front().digest;
  };
  const std::string of_f = digest(f), of_g = digest(g);
  DocumentWrite write = replicated("a", {r("1-a")}, R"({"n":1})");
  write.attachments = {left("f", of_f, 5), left("g", of_g, 11)};
  const auto written = store_->write({write});
  ASSERT_TRUE(written[0].rev) << written[0].rev.error().message;
  const auto document = store_->get("a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->attachments[0].length, 5u);
  EXPECT_EQ(document->attachments[1].digest, of_g);
  EXPECT_TRUE(document->attachments[0].evicted() && document->attachments[1].evicted());

  EXPECT_EQ(store_->write({write})[0].sequence, 0u);
  const std::uint64_t last = store_->last_sequence();
  write.attachments = {f, left("g", of_g, 11)};
  ASSERT_TRUE(store_->write_one(write));
  EXPECT_FALSE(store_->get("a")->attachments[0].evicted());
  EXPECT_TRUE(store_->get("a")->attachments[1].evicted());
  // What is here is not lost to somebody who left it behind.
  write.attachments = {left("f", of_f, 5), g};
  ASSERT_TRUE(store_->write_one(write));
  EXPECT_FALSE(store_->get("a")->attachments[0].evicted());
  EXPECT_FALSE(store_->get("a")->attachments[1].evicted());
  EXPECT_EQ(store_->last_sequence(), last) << "nothing changed for others";

  DocumentWrite own = edit("b", "{}");
  own.attachments = {left("f", of_f, 5)};
  EXPECT_EQ(store_->write_one(own).error().code, ErrorCode::kInvalid) << "not of an edit";
  DocumentWrite nameless = replicated("c", {r("1-a")}, "{}");
  nameless.attachments = {left("f", "", 5)};
  EXPECT_EQ(store_->write_one(nameless).error().code, ErrorCode::kInvalid) << "of what bytes?";
}

TEST_F(StoreEvict, BodiesOfUnknownIdsTombstonesAndDesignsAreLeftAlone) {
  const RevId first = put("a", "{}");
  ASSERT_TRUE(store_->write_one(tombstone("a", first)));
  ASSERT_TRUE(store_->compact());  // the body of its ancestor
  put("_design/x", R"({"language":"query"})");
  EXPECT_EQ(evict("a"), 0u);
  EXPECT_EQ(evict("never"), 0u);
  EXPECT_EQ(evict(""), 0u);
  EXPECT_EQ(evict("_design/x"), 0u);
  EXPECT_EQ(code("a"), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace atelier::test
