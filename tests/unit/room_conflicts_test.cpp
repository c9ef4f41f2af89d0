// Documents that several people changed at once: what each of them set is kept.
#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "replication/local_peer.h"
#include "room/room_impl.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using testing::TestRoom;

struct Card {
  int x = 0, y = 0, z = 0;
  std::string colour;
};
BOOST_DESCRIBE_STRUCT(Card, (), (x, y, z, colour))

constexpr CollectionOptions kMerging{Conflicts::kMergeFields};

class StoreFactory : public PeerFactory {
 public:
  explicit StoreFactory(std::shared_ptr<Store> store) : store_(std::move(store)) {}
  Result<std::unique_ptr<Peer>> connect() override {
    if (away) return Error{ErrorCode::kUnavailable, "nobody is there"};
    return make_local_peer(store_);
  }
  std::string display_name() const override { return "the other room"; }
  std::string stable_name() const override { return "test:" + store_->info().uuid; }
  std::atomic<bool> away{false};

 private:
  const std::shared_ptr<Store> store_;
};

std::size_t live_leaves(const std::shared_ptr<Store>& store, const std::string& id) {
  std::size_t count = 0;
  for (const auto& leaf : store->open_revs(id, {}, false)) count += leaf && !leaf->deleted ? 1 : 0;
  return count;
}

// Both have the card, then change it while they do not see each other, then meet.
struct TwoPeople {
  TestRoom ada{"ada"}, bob{"bob"};
  Collection<Card> adas = ada->collection<Card>("card", kMerging);
  Collection<Card> bobs = bob->collection<Card>("card", kMerging);
  const std::string id = "card:one";

  void share(const Card& card) {
    adas.put(id, card);
    ASSERT_TRUE(ada.pump_until_idle());
    meet();
    ASSERT_TRUE(bob.pump_until([&] { return bobs.get(id).has_value(); }));
    part();
  }
  void meet() { bob->attach_sync(std::make_shared<StoreFactory>(ada.shared_store())); }
  void part() { bob->detach_sync(); }
  // Each may wake the other's work, so both are asked in turn.
  void settle() {
    const auto settled = [&] {
      ada->pump();
      bob->pump();
      const auto a = ada.shared_store()->get(id), b = bob.shared_store()->get(id);
      return a && b && a->rev == b->rev && live_leaves(ada.shared_store(), id) == 1 &&
             live_leaves(bob.shared_store(), id) == 1 && ada->idle() && bob->idle();
    };
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!settled()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end);
      std::this_thread::yield();
    }
  }
};

TEST(RoomConflicts, TwoWhoSetDifferentFieldsBothKeepTheirChange) {
  TwoPeople two;
  two.share({1, 1, 1, "red"});
  two.adas.edit(two.id, [](Card& card) { card.x = 7; });
  two.bobs.edit(two.id, [](Card& card) { card.colour = "blue"; });
  ASSERT_TRUE(two.ada.pump_until_idle());
  ASSERT_TRUE(two.bob.pump_until_idle());
  two.meet();
  two.settle();
  for (auto* cards : {&two.adas, &two.bobs}) {
    const auto card = cards->get(two.id);
    ASSERT_TRUE(card);
    EXPECT_EQ(card->x, 7);
    EXPECT_EQ(card->colour, "blue");
    EXPECT_EQ(card->y, 1);
  }
  two.bob.close();
}

TEST(RoomConflicts, OfTwoWhoSetOneFieldTheLaterStands) {
  TwoPeople two;
  two.share({1, 1, 1, "red"});
  two.adas.edit(two.id, [](Card& card) { card.x = 7; });
  ASSERT_TRUE(two.ada.pump_until_idle());
  two.bobs.edit(two.id, [](Card& card) { card.x = 5, card.y = 5; });
  two.bobs.edit(two.id, [](Card& card) { card.x = 6; });
  ASSERT_TRUE(two.bob.pump_until_idle());
  two.meet();
  two.settle();
  EXPECT_EQ(two.adas.get(two.id)->y, 5);
  EXPECT_EQ(two.adas.get(two.id)->x, two.bobs.get(two.id)->x);
  two.bob.close();
}

TEST(RoomConflicts, WhoDeletesWhatAnotherChangesLoses) {
  TwoPeople two;
  two.share({1, 1, 1, "red"});
  two.adas.remove(two.id);
  two.bobs.edit(two.id, [](Card& card) { card.z = 9; });
  ASSERT_TRUE(two.ada.pump_until_idle());
  ASSERT_TRUE(two.bob.pump_until_idle());
  two.meet();
  two.settle();
  ASSERT_TRUE(two.adas.get(two.id));
  EXPECT_EQ(two.adas.get(two.id)->z, 9);
  two.bob.close();
}

TEST(RoomConflicts, ConflictsThatAreThereWhenTheRoomOpensAreMerged) {
  TestRoom ada("ada");
  const auto store = ada.shared_store();
  std::vector<DocumentWrite> writes(3);
  for (auto& write : writes) write.id = "card:old";
  writes[0].body = R"({"x":1,"colour":"red"})";
  writes[0].history = {*RevId::parse("1-00000000000000000000000000000001")};
  writes[1].body = R"({"x":2,"colour":"red"})";
  writes[1].history = {*RevId::parse("2-0000000000000000000000000000000a"), writes[0].history[0]};
  writes[2].body = R"({"x":1,"colour":"blue","y":4})";
  writes[2].history = {*RevId::parse("2-0000000000000000000000000000000b"), writes[0].history[0]};
  for (const auto& result : store->write(std::move(writes))) ASSERT_TRUE(result.rev);
  ASSERT_EQ(live_leaves(store, "card:old"), 2U);
  auto cards = ada->collection<Card>("card", kMerging);
  ASSERT_TRUE(ada.pump_until([&] { return live_leaves(store, "card:old") == 1 && ada->idle(); }));
  EXPECT_EQ(cards.get("card:old")->y, 4);
}

TEST(RoomConflicts, OtherCollectionsKeepTheWinnerAndTheLoserBesideIt) {
  TwoPeople two;
  auto adas = two.ada->collection<Card>("plain"), bobs = two.bob->collection<Card>("plain");
  const std::string id = "plain:one";
  adas.put(id, {1, 0, 0, ""});
  bobs.put(id, {2, 0, 0, ""});
  ASSERT_TRUE(two.ada.pump_until_idle());
  ASSERT_TRUE(two.bob.pump_until_idle());
  two.meet();
  ASSERT_TRUE(two.bob.pump_until([&] {
    two.ada->pump();
    return live_leaves(two.ada.shared_store(), id) == 2 &&
           live_leaves(two.bob.shared_store(), id) == 2;
  }));
  const auto body = two.ada.shared_store()->get(id)->body;
  EXPECT_EQ(body.find('~'), std::string::npos);
  two.bob.close();
}

// Any interleaving of edits, meetings and partings ends equal, without a live conflict.
TEST(RoomConflicts, RandomEditsEndEqualAndWithoutConflicts) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    std::mt19937 random(seed);
    TwoPeople two;
    two.share({0, 0, 0, ""});
    for (int round = 0; round < 4; ++round) {
      for (int i = 0; i < 6; ++i) {
        const int field = static_cast<int>(random() % 3), value = static_cast<int>(random() % 100);
        auto& cards = random() % 2 ? two.adas : two.bobs;
        cards.edit(two.id, [=](Card& card) { (field == 0   ? card.x
                                              : field == 1 ? card.y
                                                           : card.z) = value; });
        if (random() % 2) {
          two.ada->pump();
          two.bob->pump();
        }
      }
      two.meet();
      if (random() % 2) two.settle();
      two.part();
    }
    two.meet();
    two.settle();
    const auto a = two.adas.get(two.id), b = two.bobs.get(two.id);
    EXPECT_EQ(json::encode(*a), json::encode(*b)) << "seed " << seed;
    two.bob.close();
  }
}

}  // namespace
}  // namespace atelier
