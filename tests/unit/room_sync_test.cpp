// Two rooms that are kept in sync, as two people's windows are: replication between two stores in
// this process, no socket.
#include <atomic>

#include <gtest/gtest.h>

#include "replication/local_peer.h"
#include "room/room_impl.h"
#include "unit/room_tools.h"

namespace atelier {
namespace {

using testing::TestRoom;

struct Message {
  std::int64_t timestamp = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Message, (), (timestamp, text))

// A remote that is a store of this process, and that may be away.
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

std::vector<std::string> texts(const View<Message>& view) {
  std::vector<std::string> out;
  for (const auto& item : view) out.push_back(item.value.text);
  return out;
}

TEST(RoomSync, TwoRoomsShowTheSameInOrder) {
  TestRoom ada("ada"), bob("bob");
  auto adas = ada->collection<Message>("message"), bobs = bob->collection<Message>("message");
  auto ada_view = adas.ordered_by(&Message::timestamp),
       bob_view = bobs.ordered_by(&Message::timestamp);
  EXPECT_EQ(bob->sync_status().state, SyncState::kNone);
  bobs.add({2, "before we met"});
  bob->attach_sync(std::make_shared<StoreFactory>(ada.shared_store()));
  adas.add({1, "hello"});
  bobs.add({3, "hi"});
  const std::vector<std::string> all{"hello", "before we met", "hi"};
  ASSERT_TRUE(ada.pump_until([&] { return texts(ada_view) == all; })) << texts(ada_view).size();
  ASSERT_TRUE(bob.pump_until([&] { return texts(bob_view) == all; })) << texts(bob_view).size();
  ASSERT_TRUE(bob.pump_until([&] { return bob->sync_status().state == SyncState::kLive; }));

  const std::string id = bob_view[0].id;
  bobs.edit(id, [](Message& message) { message.text = "hello, edited"; });
  ASSERT_TRUE(bob.pump_until_idle());
  ASSERT_TRUE(ada.pump_until([&] { return texts(ada_view)[0] == "hello, edited"; }));
  adas.remove(id);
  ASSERT_TRUE(ada.pump_until_idle());
  ASSERT_TRUE(bob.pump_until([&] { return bob_view.size() == 2; }));

  bob->detach_sync();
  EXPECT_EQ(bob->sync_status().state, SyncState::kNone);
  bob.close();
}

TEST(RoomSync, WhatWasWrittenWhileAwayCrossesWhenBack) {
  TestRoom ada("ada"), bob("bob");
  auto adas = ada->collection<Message>("message"), bobs = bob->collection<Message>("message");
  auto ada_view = adas.ordered_by_id();
  const auto remote = std::make_shared<StoreFactory>(ada.shared_store());
  remote->away = true;
  bob->attach_sync(remote);
  ASSERT_TRUE(bob.pump_until([&] { return bob->sync_status().state == SyncState::kOffline; }));
  for (int i = 0; i < 20; ++i) bobs.add({i, "offline"});
  ASSERT_TRUE(bob.pump_until_idle());
  EXPECT_EQ(ada_view.size(), 0U);
  remote->away = false;
  bob->sync_now();
  ASSERT_TRUE(ada.pump_until([&] { return ada_view.size() == 20; }));
  bob->detach_sync();
}

TEST(RoomSync, WhatWasWrittenJustBeforeTheRoomClosedIsSent) {
  TestRoom ada("ada"), bob("bob");
  auto bobs = bob->collection<Message>("message");
  bob->attach_sync(std::make_shared<StoreFactory>(ada.shared_store()));
  ASSERT_TRUE(bob.pump_until([&] { return bob->sync_status().state == SyncState::kLive; }));
  for (int i = 0; i < 200; ++i) bobs.add({i, "last words"});
  bob.close();
  // Nobody is left who would send more.
  EXPECT_EQ(ada.shared_store()->info().doc_count, 200U);
}

}  // namespace
}  // namespace atelier
