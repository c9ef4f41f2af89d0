// Goal: databases of a folder are made, listed, opened once and removed while in use. Method: a
// catalog on disk, and a second one after it.
#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/catalog.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;

class CatalogTest : public ::testing::Test {
 protected:
  std::size_t folders() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() / "rooms")) {
      count += entry.is_directory() ? 1 : 0;
    }
    return count;
  }
  TempDir dir_;
};

TEST_F(CatalogTest, DatabasesAreMadeListedAndOpenedOnce) {
  Catalog catalog(dir_.path(), "the test");
  EXPECT_TRUE(catalog.list().empty());
  EXPECT_EQ(catalog.open("lobby", false).error().code, ErrorCode::kNotFound);
  const auto lobby = catalog.create("lobby");
  ASSERT_TRUE(lobby);
  EXPECT_EQ(catalog.create("lobby").error().code, ErrorCode::kExists);
  EXPECT_EQ(*catalog.open("lobby", false), *lobby);
  ASSERT_TRUE(catalog.create("a/b$(c)+d-e", true));
  ASSERT_TRUE(catalog.open("_users", true));
  EXPECT_THAT(catalog.list(), ElementsAre("_users", "a/b$(c)+d-e", "lobby"));
  EXPECT_TRUE((*catalog.open("a/b$(c)+d-e", false))->info().partitioned);
  const std::string longest = "l" + std::string(237, '/');
  EXPECT_TRUE(catalog.create(longest));
  EXPECT_TRUE(catalog.exists(longest));
}

TEST_F(CatalogTest, NamesThatCannotBeAreRefusedAndReachNoFile) {
  Catalog catalog(dir_.path(), "the test");
  for (const char* name : {"", "Upper", "1a", "../x", "a.b", "a%2f", "a b", ".removed-x", "_x"}) {
    EXPECT_EQ(catalog.create(name).error().code, ErrorCode::kInvalid) << name;
    EXPECT_FALSE(catalog.open(name, true)) << name;
    EXPECT_FALSE(catalog.remove(name)) << name;
    EXPECT_FALSE(catalog.exists(name)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "x"));
}

TEST_F(CatalogTest, ARemovedDatabaseIsGoneForThoseWhoStillHoldItAndItsFilesGoWithThem) {
  Catalog catalog(dir_.path(), "the test");
  auto store = *catalog.create("lobby");
  ASSERT_TRUE(store->write_one(edit("a", "{}")));
  std::atomic<int> pokes{0};
  const Subscription subscription = store->subscribe([&] { ++pokes; });
  ASSERT_TRUE(catalog.remove("lobby"));
  EXPECT_GE(pokes, 1);
  EXPECT_TRUE(store->retired());
  EXPECT_EQ(store->get("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store->write_one(edit("b", "{}")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(store->put_local("b", "{}").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(catalog.list().empty());
  EXPECT_EQ(catalog.remove("lobby").error().code, ErrorCode::kNotFound);
  // A new one of that name is another one.
  auto again = *catalog.create("lobby");
  EXPECT_EQ(again->info().doc_count, 0u);
  EXPECT_NE(again->info().uuid, "");
  EXPECT_EQ(folders(), 2u);
  store.reset();
  EXPECT_EQ(folders(), 1u);
  EXPECT_TRUE(again->write_one(edit("a", "{}")));
}

TEST_F(CatalogTest, WhatARemovalLeftBehindIsSweptAtTheNextStart) {
  {
    Catalog catalog(dir_.path(), "the test");
    ASSERT_TRUE(catalog.create("lobby"));
  }
  std::filesystem::rename(dir_.path() / "rooms" / "lobby", dir_.path() / "rooms" / ".removed-1");
  Catalog catalog(dir_.path(), "the test");
  EXPECT_EQ(folders(), 0u);
  EXPECT_TRUE(catalog.list().empty());
}

TEST_F(CatalogTest, ADatabaseThatAnotherHolderHasIsNotRemovedUnderIt) {
  Catalog first(dir_.path(), "the first");
  ASSERT_TRUE(first.create("lobby"));
  Catalog second(dir_.path(), "the second");
  const Status removed = second.remove("lobby");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kBusy);
  EXPECT_NE(removed.error().message.find("the first"), std::string::npos);
  EXPECT_EQ(second.open("lobby", false).error().code, ErrorCode::kBusy);
  EXPECT_TRUE(first.exists("lobby"));
}

TEST_F(CatalogTest, SubscribersHearOfCreationAndRemovalUntilTheyEnd) {
  Catalog catalog(dir_.path(), "the test");
  std::vector<std::string> heard;
  Subscription subscription = catalog.subscribe([&](const std::string& name, bool created) {
    heard.push_back((created ? "+" : "-") + name);
  });
  ASSERT_TRUE(catalog.create("a"));
  ASSERT_TRUE(catalog.open("b", true));
  ASSERT_TRUE(catalog.open("b", true));
  ASSERT_TRUE(catalog.remove("a"));
  subscription.reset();
  ASSERT_TRUE(catalog.remove("b"));
  EXPECT_THAT(heard, ElementsAre("+a", "+b", "-a"));
}

}  // namespace
}  // namespace atelier::test
