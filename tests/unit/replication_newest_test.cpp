// Goal: who joins a large room reads its end at once, and the rest follows without a document twice
// and without a gap. Method: two stores, no socket; the source counts and may break.
#include <gtest/gtest.h>

#include "replication/replicator.h"
#include "replication_tools.h"

namespace atelier::testing {
namespace {

constexpr int kDocuments = 260;

std::string id_of(int number) {
  char id[32];
  std::snprintf(id, sizeof id, "message:%06d", number);
  return id;
}

/// Names what it is asked for, may stop answering changes, and may not know what is newest.
class Source : public PeerWrapper {
 public:
  explicit Source(std::shared_ptr<Store> store) : PeerWrapper(make_local_peer(std::move(store))) {}
  Result<std::vector<RevisionRequest>> newest(const NewestQuery& query) override {
    if (!knows_newest) return PeerWrapper::Peer::newest(query);
    return inner_->newest(query);
  }
  Result<ChangesPage> changes(const ChangesQuery& query) override {
    if (broken) return Error(ErrorCode::kUnavailable, "cut");
    return PeerWrapper::changes(query);
  }
  bool is_local() const override { return false; }

  bool knows_newest = true;
  bool broken = false;
};

/// Counts what is written, by document.
class Target : public PeerWrapper {
 public:
  explicit Target(std::shared_ptr<Store> store) : PeerWrapper(make_local_peer(std::move(store))) {}
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    for (const WireDocument& document : documents) ++written[document.id];
    return PeerWrapper::write(documents, source);
  }
  std::map<std::string, int> written;
};

class ReplicationNewest : public ::testing::Test {
 protected:
  ReplicationNewest() {
    std::vector<DocumentWrite> writes;
    for (int i = 0; i < kDocuments; ++i) {
      DocumentWrite write;
      write.id = id_of(i);
      write.body = "{\"n\":" + std::to_string(i) + "}";
      writes.push_back(std::move(write));
    }
    for (const WriteResult& result : source->write(std::move(writes))) EXPECT_TRUE(result.rev);
    edit(*source, "zoo:1", "{}");  // another collection, behind
    edit(*source, id_of(kDocuments - 1), R"({"edited":true})");
    options.id = "newest";
    options.newest = {{"message", 10, ""}};
  }

  TempFolder folder;
  std::shared_ptr<Store> source = open_store(folder.path() / "source");
  std::shared_ptr<Store> target = open_store(folder.path() / "target");
  Source from{source};
  Target to{target};
  ReplicationOptions options;
};

TEST_F(ReplicationNewest, EndOfTheRoomComesFirstAndNothingTwice) {
  {
    Replication killed(from, to, options);
    from.broken = true;
    EXPECT_FALSE(killed.step());
    EXPECT_EQ(to.written.size(), 10u);
    for (int i = kDocuments - 10; i < kDocuments; ++i) EXPECT_TRUE(target->get(id_of(i))) << i;
    EXPECT_EQ(killed.position(), "");  // a kill here leaves no gap
  }
  from.broken = false;
  Replication replication(from, to, options);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_EQ(contents(*target), contents(*source));
  for (const auto& [id, count] : to.written) EXPECT_EQ(count, 1) << id;
}

TEST_F(ReplicationNewest, LaterPullsDoNotAskAgain) {
  {
    Replication first(from, to, options);
    ASSERT_TRUE(replicate_once(first));
  }
  to.written.clear();
  edit(*source, id_of(0), R"({"n":-1})");
  from.broken = false;
  Replication again(from, to, options);
  ASSERT_TRUE(replicate_once(again));
  EXPECT_EQ(to.written.size(), 1u);
}

TEST_F(ReplicationNewest, SourceThatCannotTellIsReadInItsOrder) {
  from.knows_newest = false;
  Replication replication(from, to, options);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_EQ(contents(*target), contents(*source));
}

TEST_F(ReplicationNewest, FilterHoldsForWhatComesFirstToo) {
  options.filter.selector = R"({"n":{"$gte":255}})";
  Replication replication(from, to, options);
  ASSERT_TRUE(replicate_once(replication));
  EXPECT_EQ(to.written.size(), 4u);  // 255 to 258; the last one was edited and has no n
}

}  // namespace
}  // namespace atelier::testing
