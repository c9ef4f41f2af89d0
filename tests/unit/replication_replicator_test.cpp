// Goal: one direction moves everything, once, and survives what happens to either side.
// Method: two stores and no socket; decorators of Peer lie.
#include <fstream>

#include <gtest/gtest.h>

#include "replication/echo_filter.h"
#include "replication/replicator.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kA = "2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
constexpr const char* kB = "2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
constexpr const char* kRoot = "1-cccccccccccccccccccccccccccccccc";

class ReplicationReplicator : public ::testing::Test {
 protected:
  ReplicationReplicator()
      : source(open_store(folder.path() / "a")), target(open_store(folder.path() / "b")) {}

  ReplicationOptions options() const { return {.id = "test"}; }

  /// One whole run from fresh peers, as after a start of the program.
  StepReport run() {
    const auto from = make_local_peer(source);
    const auto to = make_local_peer(target);
    Replication replication(*from, *to, options(), clock);
    auto report = replicate_once(replication);
    EXPECT_TRUE(report) << (report ? "" : report.error().message);
    return report ? *report : StepReport();
  }

  void add_messages(int count, const std::string& prefix = "message:") {
    for (int i = 0; i < count; ++i) {
      DocumentWrite write;
      write.id = prefix + std::to_string(i);
      write.body = "{\"text\":\"hello\"}";
      batch.push_back(std::move(write));
    }
    for (const auto& result : source->write(std::exchange(batch, {}))) ASSERT_TRUE(result.rev);
  }

  TempFolder folder;
  TestClock clock;
  std::vector<DocumentWrite> batch;
  std::shared_ptr<Store> source, target;
};

TEST_F(ReplicationReplicator, CopiesEverythingAndASecondRunMovesNothing) {
  add_messages(1'200);
  edit(*source, "message:7", "{\"text\":\"changed\",\"n\":1e2}");
  const StepReport first = run();
  EXPECT_EQ(first.written, 1'200u);
  EXPECT_EQ(contents(*source), contents(*target));
  const StepReport second = run();
  EXPECT_EQ(second.rows, 0u);
  EXPECT_EQ(second.written, 0u);
}

TEST_F(ReplicationReplicator, ConflictsDeletedLeavesAndTombstonesWithBodiesCross) {
  plant(*source, "message:1", {kA, kRoot}, "{\"v\":\"a\"}");
  plant(*source, "message:1", {kB, kRoot}, "{\"v\":\"b\"}");
  plant(*source, "message:2", {kA, kRoot}, "{\"v\":\"live\"}");
  plant(*source, "message:2", {kB, kRoot}, "{\"why\":\"spam\"}", true);
  edit(*source, "message:3", "{\"v\":1}");
  edit(*source, "message:3", "{\"gone\":true}", true);
  edit(*source, "_design/app", "{\"language\":\"none\"}");
  run();
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_EQ(contents(*target).size(), 6u);
}

TEST_F(ReplicationReplicator, NewRevisionOfADeletedDocumentCrosses) {
  edit(*source, "message:1", "{\"v\":1}");
  run();
  edit(*source, "message:1", "{}", true);
  run();
  edit(*source, "message:1", "{\"v\":2}");
  run();
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_EQ(target->get("message:1")->body, "{\"v\":2}");
}

class Attachments : public ReplicationReplicator {
 protected:
  void attach(Store& store, const std::string& id, const std::string& bytes) {
    auto writer = store.begin_blob();
    ASSERT_TRUE(writer);
    for (std::size_t i = 0; i < bytes.size(); i += 1'000) {
      ASSERT_TRUE((*writer)->append(std::string_view(bytes).substr(i, 1'000)));
    }
    const auto blob = (*writer)->finish();
    ASSERT_TRUE(blob);
    DocumentWrite write;
    write.id = id;
    if (const auto winner = store.get(id)) write.parent = winner->rev;
    AttachmentWrite attachment;
    attachment.name = "photo.jpg";
    attachment.content_type = "image/jpeg";
    attachment.blob = blob->blob;
    attachment.digest = blob->digest;
    attachment.length = blob->length;
    write.attachments = {attachment};
    const auto rev = store.write_one(std::move(write));
    ASSERT_TRUE(rev) << rev.error().message;
  }

  std::string bytes_of(Store& store, const std::string& id) {
    std::string bytes;
    const auto document = store.get(id);
    if (!document || document->attachments.size() != 1) return "no attachment";
    EXPECT_TRUE(store.read_blob(document->attachments[0].blob, 0, document->attachments[0].length,
                                [&](std::string_view chunk) {
                                  bytes += chunk;
                                  return true;
                                }));
    return bytes;
  }
};

TEST_F(Attachments, CrossUntouchedAndAreNotReadAgainForANewRevision) {
  std::string bytes(700'000, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 + i / 256);
  attach(*source, "photo:1", bytes);
  CountingPeer from(source);
  const auto to = make_local_peer(target);
  Replication replication(from, *to, options(), clock);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_EQ(bytes_of(*target, "photo:1"), bytes);
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_EQ(from.attachments_read, 1u);

  DocumentWrite write;  // the body changes, the attachment stays
  write.id = "photo:1";
  write.body = "{\"title\":\"sea\"}";
  const auto winner = source->get("photo:1");
  write.parent = winner->rev;
  AttachmentWrite stub;
  stub.name = "photo.jpg";
  stub.stub = true;
  write.attachments = {stub};
  ASSERT_TRUE(source->write_one(write));
  auto step = replication.step();
  ASSERT_TRUE(step) << step.error().message;
  EXPECT_EQ(bytes_of(*target, "photo:1"), bytes);
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_EQ(from.attachments_read, 1u) << "the target holds these bytes for this document";
}

TEST_F(ReplicationReplicator, FirstGenerationsNeedNoFetch) {
  add_messages(50);
  CountingPeer from(source);
  const auto to = make_local_peer(target);
  Replication replication(from, *to, options(), clock);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_EQ(from.fetched, 0u);
  edit(*source, "message:1", "{\"text\":\"changed\"}");
  ASSERT_TRUE(replication.step());
  EXPECT_EQ(from.fetched, 1u);
}

TEST_F(ReplicationReplicator, LiveMessageIsSentWithoutAsking) {
  add_messages(1);
  const auto from = make_local_peer(source);
  CountingPeer to(target);
  Replication replication(*from, to, options(), clock);
  ASSERT_TRUE(replicate_once(replication));
  to.revs_diffs = to.written = to.checkpoints = 0;
  edit(*source, "message:new", "{\"text\":\"now\"}");
  ASSERT_TRUE(replication.step());
  EXPECT_EQ(to.revs_diffs, 0u);
  EXPECT_EQ(to.written, 1u);
  EXPECT_EQ(to.checkpoints, 0u);
  EXPECT_TRUE(target->get("message:new"));
}

TEST_F(ReplicationReplicator, CheckpointsAreAtLeastFiveSecondsApart) {
  const auto from = make_local_peer(source);
  CountingPeer to(target);
  Replication replication(*from, to, options(), clock);
  for (int i = 0; i < 100; ++i) {
    edit(*source, "message:" + std::to_string(i), "{}");
    ASSERT_TRUE(replication.step());
    clock.advance(100);
  }
  EXPECT_GE(to.checkpoints, 1u);
  EXPECT_LE(to.checkpoints, 2u);
}

TEST_F(ReplicationReplicator, KilledBeforeTheCheckpointLosesAndDoublesNothing) {
  add_messages(300);
  {
    const auto from = make_local_peer(source);
    const auto to = make_local_peer(target);
    Replication replication(*from, *to, options(), clock);
    ASSERT_TRUE(replication.step());  // and no checkpoint
  }
  const StepReport report = run();
  EXPECT_EQ(report.rows, 300u);
  EXPECT_LT(report.written, 300u);
  EXPECT_EQ(contents(*source), contents(*target));
}

TEST_F(ReplicationReplicator, ResumesAfterTargetWasRestoredFromBackup) {
  add_messages(20, "message:a");
  const auto from = make_local_peer(source);
  {
    const auto to = make_local_peer(target);
    Replication replication(*from, *to, options(), clock);
    ASSERT_TRUE(replication.step());
    ASSERT_TRUE(replication.checkpoint());
    ASSERT_TRUE(target->flush());
    target.reset();
  }
  fs::copy(folder.path() / "b", folder.path() / "backup", fs::copy_options::recursive);
  target = open_store(folder.path() / "b");
  add_messages(20, "message:b");
  run();
  ASSERT_EQ(contents(*target).size(), 40u);
  target.reset();
  fs::remove_all(folder.path() / "b");
  fs::rename(folder.path() / "backup", folder.path() / "b");
  target = open_store(folder.path() / "b");
  ASSERT_EQ(contents(*target).size(), 20u);
  add_messages(1, "message:c");
  const StepReport report = run();
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_LE(report.rows, 21u) << "what the backup held was not looked at again";
}

TEST_F(ReplicationReplicator, RecreatedTargetIsSeededAnew) {
  add_messages(30);
  run();
  target.reset();
  fs::remove_all(folder.path() / "b");
  target = open_store(folder.path() / "b");
  run();
  EXPECT_EQ(contents(*source), contents(*target));
}

/// An address behind which the store changes, with or without a word about it.
class Address : public PeerWrapper {
 public:
  Address(std::shared_ptr<Store> store, bool names_itself)
      : PeerWrapper(make_local_peer(store)), names_itself_(names_itself) {}

  void take_over(std::shared_ptr<Store> store) {
    inner_ = make_local_peer(std::move(store));
    changed_ = true;
    ++connections_;
  }
  /// The next take-over happens inside the call with this number, between asking and writing.
  void take_over_at_write(std::shared_ptr<Store> store) { pending_ = std::move(store); }
  /// The next so many checkpoints are refused.
  void refuse_checkpoints(int count) { refusals_ = count; }
  void reconnect() { ++connections_; }

  Result<PeerInfo> info() override {
    changed_ = false;
    auto info = PeerWrapper::info();
    if (info && !names_itself_) info->identity.clear();
    return info;
  }
  Result<ChangesPage> changes(const ChangesQuery& query) override {
    ATELIER_CHECK(check());
    auto page = PeerWrapper::changes(query);
    return page;
  }
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
    ATELIER_CHECK(check());
    return PeerWrapper::revs_diff(offered);
  }
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    if (pending_) take_over(std::exchange(pending_, nullptr));
    auto written = PeerWrapper::write(documents, source);  // the other store has taken it already
    ATELIER_CHECK(check());
    return written;
  }
  Result<std::optional<std::string>> get_local(const std::string& id) override {
    ATELIER_CHECK(check());
    return PeerWrapper::get_local(id);
  }
  Status put_local(const std::string& id, const std::string& json) override {
    ATELIER_CHECK(check());
    if (refusals_ > 0) {
      --refusals_;
      return Error(ErrorCode::kForbidden, "read only");
    }
    return PeerWrapper::put_local(id, json);
  }
  std::uint64_t connection_epoch() const override { return connections_; }
  bool is_local() const override { return false; }

 private:
  Status check() const {
    if (names_itself_ && changed_) return Error(ErrorCode::kPeerChanged, "another store");
    return ok();
  }

  const bool names_itself_;
  bool changed_ = false;
  int refusals_ = 0;
  std::uint64_t connections_ = 1;
  std::shared_ptr<Store> pending_;
};

class Takeover : public ReplicationReplicator, public ::testing::WithParamInterface<bool> {
 protected:
  /// Steps until the source has nothing more, over restarts.
  void catch_up(Replication& replication) {
    for (int i = 0; i < 40; ++i) {
      const auto report = replication.step();
      if (report && report->caught_up && replication.step()->rows == 0) return;
    }
    FAIL() << "never caught up";
  }
};

TEST_P(Takeover, PushSkipsNothingWhenStoresAlternate) {
  const auto other = open_store(folder.path() / "c");
  const auto from = make_local_peer(source);
  Address address(target, GetParam());
  Replication replication(*from, address, options(), clock);
  for (int round = 0; round < 6; ++round) {
    add_messages(3, "message:" + std::to_string(round) + "-");
    catch_up(replication);
    clock.advance(kCheckpointEveryMs);
    catch_up(replication);
    EXPECT_EQ(contents(*source), contents(round % 2 == 0 ? *target : *other)) << round;
    address.take_over(round % 2 == 0 ? other : target);
  }
  catch_up(replication);
  EXPECT_EQ(contents(*source), contents(*target));
}

TEST_P(Takeover, PushSkipsNothingWhenItHappensInTheMiddleOfABatch) {
  const auto other = open_store(folder.path() / "c");
  const auto from = make_local_peer(source);
  Address address(target, GetParam());
  Replication replication(*from, address, options(), clock);
  add_messages(10, "message:a");
  catch_up(replication);
  add_messages(10, "message:b");
  address.take_over_at_write(other);
  catch_up(replication);
  EXPECT_EQ(contents(*source), contents(*other));
}

TEST_P(Takeover, PushSkipsNothingAfterARefusalOfTheCheckpointThatPassed) {
  const auto other = open_store(folder.path() / "c");
  const auto from = make_local_peer(source);
  Address address(target, GetParam());
  Replication replication(*from, address, options(), clock);
  address.refuse_checkpoints(2);  // the one of the beginning, and the one after a while
  add_messages(10, "message:a");
  catch_up(replication);
  clock.advance(kCheckpointEveryMs);
  add_messages(10, "message:b");
  catch_up(replication);
  address.take_over(other);
  add_messages(10, "message:c");
  catch_up(replication);
  EXPECT_EQ(contents(*source), contents(*other));
}

TEST_P(Takeover, WhoMayNeverWriteACheckpointGoesOnOverNewConnections) {
  const auto from = make_local_peer(source);
  Address address(target, GetParam());
  Replication replication(*from, address, options(), clock);
  address.refuse_checkpoints(1'000);
  for (int round = 0; round < 5; ++round) {
    add_messages(10, "message:" + std::to_string(round) + "-");
    catch_up(replication);
    address.reconnect();
  }
  EXPECT_EQ(contents(*source), contents(*target));
  EXPECT_EQ(replication.step()->rows, 0u);
}

TEST_P(Takeover, PullSkipsNothingWhenStoresAlternate) {
  const auto other = open_store(folder.path() / "c");
  Address address(source, GetParam());
  const auto to = make_local_peer(target);
  Replication replication(address, *to, options(), clock);
  for (int round = 0; round < 6; ++round) {
    Store& now = round % 2 == 0 ? *source : *other;
    // The other store's numbers run ahead or behind: positions mean nothing across.
    for (int i = 0; i <= round * 2; ++i) {
      edit(now, "message:" + std::to_string(round) + "-" + std::to_string(i), "{}");
    }
    catch_up(replication);
    clock.advance(kCheckpointEveryMs);
    const auto have = contents(*target);
    for (const auto& [key, text] : contents(now)) EXPECT_TRUE(have.contains(key)) << key;
    address.take_over(round % 2 == 0 ? other : source);
  }
}

INSTANTIATE_TEST_SUITE_P(NamedAndNameless, Takeover, ::testing::Bool(), [](const auto& test) {
  return test.param ? "ServerNamesItsStore" : "ServerSaysNothing";
});

/// Refuses by id.
class Refusing : public CountingPeer {
 public:
  using CountingPeer::CountingPeer;
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    std::vector<Rejection> rejected;
    for (const WireDocument& document : documents) {
      if (document.id.find("bad") != std::string::npos || document.id.starts_with("_design/")) {
        rejected.push_back({document.id, document.rev, Error(ErrorCode::kForbidden, "no")});
      } else {
        ATELIER_CHECK(CountingPeer::write({&document, 1}, source));
      }
    }
    return rejected;
  }
};

TEST_F(ReplicationReplicator, RefusedDocumentIsReportedAndTheOthersFlowOn) {
  edit(*source, "message:1", "{}");
  edit(*source, "message:bad", "{}");
  edit(*source, "message:2", "{}");
  const auto from = make_local_peer(source);
  Refusing to(target);
  Replication replication(*from, to, options(), clock);
  const auto report = replication.step();
  ASSERT_TRUE(report);
  ASSERT_EQ(report->rejected.size(), 1u);
  EXPECT_EQ(report->rejected[0].id, "message:bad");
  EXPECT_EQ(report->rejected[0].error.code, ErrorCode::kForbidden);
  EXPECT_EQ(report->settled, (std::vector<std::string>{"message:1", "message:2"}));
  EXPECT_TRUE(target->get("message:2"));
}

TEST_F(ReplicationReplicator, RefusedDesignDocumentsAreSaidOnceAndSkipped) {
  edit(*source, "_design/a", "{}");
  edit(*source, "message:1", "{}");
  const auto from = make_local_peer(source);
  Refusing to(target);
  Replication replication(*from, to, options(), clock);
  auto report = replication.step();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->design_refused);
  EXPECT_TRUE(report->rejected.empty());
  edit(*source, "_design/b", "{}");
  report = replication.step();
  ASSERT_TRUE(report);
  EXPECT_FALSE(report->design_refused);
  EXPECT_TRUE(target->get("message:1"));
}

TEST_F(ReplicationReplicator, PrefixesChooseWhatCrosses) {
  edit(*source, "message:1", "{}");
  edit(*source, "board:1", "{}");
  edit(*source, "messages:1", "{}");
  const auto from = make_local_peer(source);
  const auto to = make_local_peer(target);
  ReplicationOptions filtered = options();
  filtered.filter.prefixes = {"message"};
  Replication replication(*from, *to, filtered, clock);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_TRUE(target->get("message:1"));
  EXPECT_FALSE(target->get("board:1"));
  EXPECT_FALSE(target->get("messages:1"));
}

TEST_F(ReplicationReplicator, WhatCameFromTheRemoteIsNotOfferedBack) {
  const auto local = make_local_peer(target);
  CountingPeer remote(source);
  EchoFilter echo;
  Replication pull(remote, *local, {.id = "pull"}, clock);
  pull.share_echo(&echo, true);
  Replication push(*local, remote, {.id = "push"}, clock);
  push.share_echo(&echo, false);
  ASSERT_TRUE(push.step());
  ASSERT_TRUE(pull.step());
  add_messages(5);
  ASSERT_TRUE(pull.step());
  remote.revs_diffs = remote.written = 0;
  const auto report = push.step();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->rows, 5u);
  EXPECT_EQ(remote.revs_diffs, 0u);
  EXPECT_EQ(remote.written, 0u);
  edit(*target, "message:1", "{\"mine\":1}");
  ASSERT_TRUE(push.step());
  EXPECT_EQ(source->get("message:1")->body, "{\"mine\":1}");
}

TEST_F(ReplicationReplicator, IdIsTheSameForTheSameFilterInAnyOrder) {
  ReplicationOptions one, two, three;
  one.filter.prefixes = {"b", "a"};
  two.filter.prefixes = {"a", "b", "a"};
  three.filter.prefixes = {"ab"};
  EXPECT_EQ(replication_id("u", "http://h/d", true, one),
            replication_id("u", "http://h/d", true, two));
  EXPECT_NE(replication_id("u", "http://h/d", true, one),
            replication_id("u", "http://h/d", true, three));
  EXPECT_NE(replication_id("u", "http://h/d", true, one),
            replication_id("u", "http://h/d", false, one));
}

}  // namespace
}  // namespace atelier::testing
