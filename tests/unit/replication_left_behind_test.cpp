// Goal: attachments above a size stay where they are until somebody reads them; a document with
// such is whole but for them, and is never taken for more. Method: stores, no socket; the source
// counts.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "replication/left_behind.h"
#include "replication/replicator.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

class ReplicationLeftBehind : public ::testing::Test {
 protected:
  static void put(Store& store, const std::string& id,
                  const std::map<std::string, std::string>& attachments) {
    DocumentWrite write;
    write.id = id;
    write.body = R"({"of":"mine"})";
    if (const auto before = store.get(id)) write.parent = before->rev;
    for (const auto& [name, bytes] : attachments) {
      auto writer = store.begin_blob();
      ASSERT_TRUE(writer && (*writer)->append(bytes));
      const auto blob = (*writer)->finish();
      ASSERT_TRUE(blob);
      AttachmentWrite attachment;
      attachment.name = name;
      attachment.content_type = "image/png";
      attachment.blob = blob->blob;
      write.attachments.push_back(std::move(attachment));
    }
    ASSERT_TRUE(store.write_one(std::move(write)));
  }
  StepReport move(Peer& from, Peer& to, const std::string& name) {
    ReplicationOptions options;
    options.id = name;
    Replication replication(from, to, options);
    auto report = replicate_once(replication);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? std::move(*report) : StepReport();
  }
  static std::string bytes_of(Store& store, const Attachment& attachment) {
    std::string bytes;
    EXPECT_TRUE(store.read_blob(attachment.blob, 0, attachment.length, [&](std::string_view chunk) {
      bytes += chunk;
      return true;
    }));
    return bytes;
  }
  static const Attachment& named(const Document& document, const std::string& name) {
    for (const Attachment& one : document.attachments) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << name;
    return document.attachments.front();
  }

  TempFolder folder;
  std::shared_ptr<Store> source = open_store(folder.path() / "source");
  std::shared_ptr<Store> device = open_store(folder.path() / "device");
  const std::string large = std::string(5'000, 'x');
};

TEST_F(ReplicationLeftBehind, LargeOnesStayAndComeWhenTheyAreRead) {
  put(*source, "a", {{"large", large}, {"small", "s"}, {"other", large + "y"}});
  CountingPeer from(source);
  const auto to = make_local_peer(device, {.leave_blobs_above = 1'000});
  move(from, *to, "pull");
  const auto document = device->get("a");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->body, R"({"of":"mine"})");
  EXPECT_EQ(from.attachments_read, 1u);
  EXPECT_EQ(bytes_of(*device, named(*document, "small")), "s");
  EXPECT_TRUE(named(*document, "large").evicted());
  EXPECT_EQ(named(*document, "large").length, large.size());
  EXPECT_EQ(contents(*source), contents(*device)) << "the same documents with the same digests";

  const std::uint64_t last = device->last_sequence();
  std::uint64_t told = 0, of = 0;
  const auto brought = bring_attachment(*device, from, "a", "large", [&](auto done, auto total) {
    told = done;
    of = total;
    return true;
  });
  ASSERT_TRUE(brought) << brought.error().message;
  EXPECT_EQ(bytes_of(*device, *brought), large);
  EXPECT_EQ(told, large.size());
  EXPECT_EQ(of, large.size());
  EXPECT_EQ(device->last_sequence(), last);
  EXPECT_EQ(from.attachments_read, 2u);
  ASSERT_TRUE(bring_attachment(*device, from, "a", "large"));
  EXPECT_EQ(from.attachments_read, 2u) << "it is here";
  EXPECT_TRUE(named(*device->get("a"), "other").evicted()) << "nobody asked for that";
  EXPECT_EQ(device->get("a")->attachments.size(), 3u);
}

TEST_F(ReplicationLeftBehind, WhatCannotBeBroughtIsSaidAndChangesNothing) {
  put(*source, "a", {{"large", large}});
  CountingPeer from(source);
  move(from, *make_local_peer(device, {.leave_blobs_above = 1'000}), "pull");
  const auto code = [&](Peer& peer, const char* id, const char* name,
                        const BlobProgress& progress = {}) {
    const auto brought = bring_attachment(*device, peer, id, name, progress);
    return brought ? ErrorCode::kInternal : brought.error().code;
  };
  EXPECT_EQ(code(from, "b", "large"), ErrorCode::kNotFound);
  EXPECT_EQ(code(from, "a", "none"), ErrorCode::kNotFound);
  EXPECT_EQ(code(from, "a", "large", [](auto, auto) { return false; }), ErrorCode::kCancelled);

  class Other : public CountingPeer {
   public:
    using CountingPeer::CountingPeer;
    Status read_attachment(const std::string&, const RevId&, const std::string&,
                           const std::function<bool(std::string_view)>& fn) override {
      fn("other bytes");
      return ok();
    }
  } other(source);
  EXPECT_EQ(code(other, "a", "large"), ErrorCode::kInvalid);
  const std::vector<std::string> ids = {"a"};
  ASSERT_TRUE(source->evict(ids, EvictWhat::kBlobs));
  EXPECT_EQ(code(from, "a", "large"), ErrorCode::kEvicted);
  EXPECT_TRUE(device->get("a")->attachments.front().evicted());
}

// A connection that died without a word is not waited for when nobody wants the bytes any more.
TEST_F(ReplicationLeftBehind, ASilentSourceIsLetGoWhenWhoWaitsGivesUp) {
  put(*source, "a", {{"large", large}});
  CountingPeer from(source);
  move(from, *make_local_peer(device, {.leave_blobs_above = 1'000}), "pull");
  class Silent : public CountingPeer {
   public:
    using CountingPeer::CountingPeer;
    Status read_attachment(const std::string&, const RevId&, const std::string&,
                           const std::function<bool(std::string_view)>& fn) override {
      fn("x");
      cancelled.get_future().wait();
      return Error(ErrorCode::kUnavailable, "the connection was shut");
    }
    void cancel() override { cancelled.set_value(); }
    std::promise<void> cancelled;
  } silent(source);
  std::atomic<int> asked = 0;
  const auto brought = bring_attachment(
      *device, silent, "a", "large", [&](std::uint64_t done, std::uint64_t total) {
        EXPECT_EQ(done, 1u);
        EXPECT_EQ(total, large.size());
        return ++asked < 3;
      });
  EXPECT_EQ(brought.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(asked, 3);
  EXPECT_TRUE(device->get("a")->attachments.front().evicted());
}

// An edge that left bytes behind: its own readers get the document with what there is of it.
TEST_F(ReplicationLeftBehind, AStubIsHandedOnAsAStubAndFilledThroughTheEdge) {
  put(*source, "a", {{"large", large}, {"small", "s"}});
  CountingPeer from(source);
  move(from, *make_local_peer(device, {.leave_blobs_above = 1'000}), "pull");
  const auto reader = open_store(folder.path() / "reader");
  CountingPeer edge(device);
  const auto report =
      move(edge, *make_local_peer(reader, {.takes_left_behind = true}), "pull from the edge");
  EXPECT_TRUE(report.rejected.empty());
  const auto document = reader->get("a");
  ASSERT_TRUE(document);
  EXPECT_TRUE(named(*document, "large").evicted());
  EXPECT_EQ(bytes_of(*reader, named(*document, "small")), "s");
  EXPECT_FALSE(bring_attachment(*reader, edge, "a", "large"));
  ASSERT_TRUE(bring_attachment(*device, from, "a", "large"));
  const auto brought = bring_attachment(*reader, edge, "a", "large");
  ASSERT_TRUE(brought) << brought.error().message;
  EXPECT_EQ(bytes_of(*reader, *brought), large);
}

// What is pushed to keeps its documents whole: it has the bytes, or refuses.
TEST_F(ReplicationLeftBehind, WhoeverIsPushedToTakesNoStubForBytesThatItLacks) {
  put(*source, "a", {{"large", large}});
  CountingPeer from(source);
  const auto local = make_local_peer(device, {.leave_blobs_above = 1'000});
  move(from, *local, "pull");
  const auto other = open_store(folder.path() / "other");
  CountingPeer elsewhere(other);
  const auto report = move(*local, elsewhere, "push");
  ASSERT_EQ(report.rejected.size(), 1u);
  EXPECT_EQ(report.rejected[0].error.code, ErrorCode::kEvicted);
  EXPECT_FALSE(other->get("a"));
  ASSERT_TRUE(bring_attachment(*device, from, "a", "large"));
  move(*local, elsewhere, "push again");
  ASSERT_TRUE(other->get("a"));
  EXPECT_EQ(bytes_of(*other, other->get("a")->attachments.front()), large);
}

TEST_F(ReplicationLeftBehind, AnEditOfTheTextCrossesWithoutTheBytes) {
  put(*source, "a", {{"large", large}});
  CountingPeer from(source);
  const auto local = make_local_peer(device, {.leave_blobs_above = 1'000});
  move(from, *local, "pull");
  DocumentWrite write;
  write.id = "a";
  write.parent = device->get("a")->rev;
  write.body = R"({"of":"the device"})";
  write.attachments.push_back({.name = "large", .stub = true});
  ASSERT_TRUE(device->write_one(std::move(write)));
  EXPECT_TRUE(move(*local, from, "push").rejected.empty());
  const auto there = source->get("a");
  ASSERT_TRUE(there);
  EXPECT_EQ(there->body, R"({"of":"the device"})");
  EXPECT_EQ(bytes_of(*source, there->attachments.front()), large);
}

TEST_F(ReplicationLeftBehind, WhatEvictionTookComesBackTheSameWay) {
  put(*source, "a", {{"large", large}});
  CountingPeer from(source);
  move(from, *make_local_peer(device), "pull");
  const std::vector<std::string> ids = {"a"};
  ASSERT_TRUE(device->evict(ids, EvictWhat::kBlobs));
  const auto brought = bring_attachment(*device, from, "a", "large");
  ASSERT_TRUE(brought) << brought.error().message;
  EXPECT_EQ(bytes_of(*device, *brought), large);
}

}  // namespace
}  // namespace atelier::testing
