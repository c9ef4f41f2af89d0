// Goal: documents expire and tombstones are forgotten, alike on every node and without bringing
// anything back. Method: a clock that the test turns.
#include "store/retention.h"

#include "store/care.h"
#include "store/verify.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

constexpr std::int64_t kDayMs = 24 * 60 * 60 * 1'000;

class TurnedClock : public Clock {
 public:
  std::int64_t wall_ms() const override { return now_ms; }
  std::int64_t monotonic_ms() const override { return now_ms; }
  std::atomic<std::int64_t> now_ms{1'000 * kDayMs};
};

class StoreRetention : public StoreTest {
 protected:
  void SetUp() override { restart(); }
  void restart() {
    StoreOptions options;
    options.clock = &clock_;
    open(options);
  }
  std::uint64_t expire(const ExpireOptions& options = {}) {
    const auto done = store_->expire(options);
    EXPECT_TRUE(done) << done.error().message;
    return done ? done->deleted : 0;
  }
  std::string until(std::int64_t after_ms) {
    return "{\"expires_at\":" + std::to_string(clock_.now_ms + after_ms) + "}";
  }
  std::uint64_t forget() {
    const auto done = store_->forget_tombstones();
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : 0;
  }

  TurnedClock clock_;
};

TEST_F(StoreRetention, ADocumentBecomesATombstoneThatIsTheSameOnEveryNode) {
  const RevId first = put("a", until(1'000));
  put("b", "{}");
  EXPECT_EQ(expire(), 0u);
  EXPECT_EQ(store_->expire({})->next_ms, clock_.now_ms + 1'000);
  clock_.now_ms += 1'000;
  restart();
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(expire(), 0u);
  EXPECT_EQ(ids(*store_), std::vector<std::string>{"b"});
  EXPECT_EQ(store_->tree("a")->node(store_->tree("a")->winner()).rev,
            make_revision({true, first, "{}", {}}));
  EXPECT_FALSE(store_->expire({})->next_ms);
}

TEST_F(StoreRetention, AnEditMovesTheTimeOrTakesItAway) {
  const RevId later = put("later", until(1'000));
  put("later", until(5'000), later);
  const RevId never = put("never", until(1'000));
  put("never", "{}", never);
  const RevId word = put("word", R"({"expires_at":"soon"})");
  put("inner", "{\"a\":{\"expires_at\":1},\"t\":\"\\\"expires_at\\\":1\"}");
  clock_.now_ms += 2'000;
  EXPECT_EQ(expire(), 0u);
  clock_.now_ms += 4'000;
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(body("later"), "deleted");
  put("later", "{}");  // made anew, it lives
  EXPECT_EQ(expire(), 0u);
  EXPECT_EQ(ids(*store_).size(), 4u);
}

TEST_F(StoreRetention, WhatWasSalvagedExpiresWhenItWouldHave) {
  Retention retention;
  retention.lifetimes_ms["here:"] = 3'000;
  ASSERT_TRUE(store_->set_retention(retention));
  put("own", until(1'000));
  put("gone", "{}", put("gone", until(1'000)));
  put("here:1", "{}");
  put("stays", "{}");
  store_.reset();
  const auto report = salvage_store(dir_.path() / "store");
  ASSERT_TRUE(report) << report.error().message;
  const auto checked = verify_store(dir_.path() / "store");
  ASSERT_TRUE(checked);
  EXPECT_TRUE(checked->clean()) << checked->words.front();
  restart();
  EXPECT_EQ(store_->retention(), retention);
  clock_.now_ms += 2'000;
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(body("own"), "deleted");
  clock_.now_ms += 2'000;
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(ids(*store_), (std::vector<std::string>{"gone", "stays"}));
}

TEST_F(StoreRetention, OfConflictsEachLeafGoesAtItsOwnTime) {
  replicate("a", {r("1-b")}, until(1'000));
  replicate("a", {r("1-a")}, until(9'000));
  clock_.now_ms += 2'000;
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(store_->get("a")->rev, r("1-a"));
  clock_.now_ms += 8'000;
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(body("a"), "deleted");
}

TEST_F(StoreRetention, APrefixHasALifetimeThatAppliesToWhatIsThereAlready) {
  put("here:1", "{}");
  put("here:2", until(500));
  put("message:1", "{}");
  Retention retention;
  retention.lifetimes_ms["here:"] = 1'000;
  ASSERT_TRUE(store_->set_retention(retention));
  clock_.now_ms += 500;
  EXPECT_EQ(expire(), 1u) << "its own time is earlier";
  put("here:3", "{}");
  clock_.now_ms += 600;
  restart();
  EXPECT_EQ(store_->retention(), retention);
  EXPECT_EQ(expire(), 1u);
  EXPECT_EQ(ids(*store_), (std::vector<std::string>{"here:3", "message:1"}));
  ASSERT_TRUE(store_->set_retention({}));
  clock_.now_ms += kDayMs;
  EXPECT_EQ(expire(), 0u);
}

TEST_F(StoreRetention, WhoMayNotDeleteAndWhoseClockIsWrongWaits) {
  put("a", until(0));
  put("b", until(0));
  ExpireOptions options;
  options.trusted_ms = clock_.now_ms - kClockSkewMaxMs - 1;
  EXPECT_EQ(store_->expire(options).error().code, ErrorCode::kUnavailable);
  options.trusted_ms = clock_.now_ms + kClockSkewMaxMs;
  options.may_delete = [](std::string_view id) { return id == "b"; };
  EXPECT_EQ(expire(options), 1u);
  EXPECT_EQ(ids(*store_), std::vector<std::string>{"a"});
}

TEST_F(StoreRetention, ManyDocumentsExpireInParts) {
  std::vector<DocumentWrite> writes;
  for (int i = 0; i < 1'200; ++i) writes.push_back(edit("a" + std::to_string(i), until(0)));
  store_->write(std::move(writes));
  EXPECT_EQ(expire(), 1'200u);
  EXPECT_EQ(store_->info().doc_count, 0u);
  EXPECT_EQ(store_->info().doc_del_count, 1'200u);
}

TEST_F(StoreRetention, BadSettingsAreRefused) {
  Retention retention;
  retention.tombstones_ms = -1;
  EXPECT_EQ(store_->set_retention(retention).error().code, ErrorCode::kInvalid);
  retention.tombstones_ms = 0;
  retention.lifetimes_ms["a"] = 0;
  EXPECT_EQ(store_->set_retention(retention).error().code, ErrorCode::kInvalid);
  for (const char* text :
       {"[]", "{\"tombstones\":\"x\"}", "{\"lifetimes\":{\"a\":1.5}}", "{", "{\"b\":1}"}) {
    EXPECT_FALSE(store_->put_property(kRetentionProperty, text)) << text;
  }
  ASSERT_TRUE(store_->put_property(kRetentionProperty, R"({"tombstones":5})"));
  EXPECT_EQ(store_->retention().tombstones_ms, 5);
}

// --- tombstones

class StoreForgetting : public StoreRetention {
 protected:
  // A document with a history, deleted, and forgotten.
  void forget_one() {
    Retention retention;
    retention.tombstones_ms = 30 * kDayMs;
    ASSERT_TRUE(store_->set_retention(retention));
    replicate("a", {r("1-a")}, R"({"n":1})");
    replicate("a", {r("2-b"), r("1-a")}, R"({"n":2})");
    replicate("a", {r("3-c"), r("2-b"), r("1-a")}, "{}", true);
    put("b", "{}");
    EXPECT_EQ(forget(), 0u);
    clock_.now_ms += 31 * kDayMs;
    EXPECT_EQ(forget(), 0u) << "its age is known from now on at the latest";
    clock_.now_ms += 31 * kDayMs;
    EXPECT_EQ(forget(), 1u);
  }
};

TEST_F(StoreForgetting, AForgottenTombstoneTakesNoPartButItsRevisionsAreKnown) {
  forget_one();
  restart();
  EXPECT_EQ(store_->info().doc_del_count, 0u);
  EXPECT_EQ(store_->info().forgotten_sequence, 4u);
  EXPECT_GT(store_->info().forgotten_ms, 0);
  EXPECT_EQ(changes(*store_).size(), 1u);
  EXPECT_EQ(store_->get("a").error().message, "missing");
  const auto diff =
      store_->revs_diff("a", std::vector<RevId>{r("1-a"), r("3-c"), r("2-b"), r("4-d")});
  ASSERT_TRUE(diff);
  EXPECT_EQ(diff->missing, std::vector<RevId>{r("4-d")});
  EXPECT_EQ(diff->forgotten, (std::vector<RevId>{r("1-a"), r("2-b"), r("3-c")}));
  EXPECT_TRUE(store_->revs_diff("b", std::vector<RevId>{r("1-a")})->forgotten.empty());
}

TEST_F(StoreForgetting, WhoKnowsNothingOfAgesCannotBringItBack) {
  forget_one();
  const std::uint64_t last = store_->last_sequence();
  for (const auto& path : {std::vector<RevId>{r("1-a")}, {r("2-b"), r("1-a")}}) {
    const auto written = store_->write({replicated("a", path, R"({"n":2})")});
    ASSERT_TRUE(written[0].rev);
    EXPECT_EQ(written[0].sequence, 0u);
    EXPECT_TRUE(written[0].forgotten);
  }
  EXPECT_EQ(store_->last_sequence(), last);
  EXPECT_EQ(store_->get("a").error().message, "missing");
}

TEST_F(StoreForgetting, ANewEditOnAForgottenOneIsTaken) {
  forget_one();
  const auto written = store_->write({replicated("a", {r("4-d"), r("3-c")}, R"({"n":4})")});
  EXPECT_FALSE(written[0].forgotten);
  EXPECT_EQ(store_->get("a")->rev, r("4-d"));
  EXPECT_EQ(store_->revs_diff("a", std::vector<RevId>{r("3-c"), r("2-b")})->forgotten,
            std::vector<RevId>{r("2-b")})
      << "what is in the tree again is there";
}

TEST_F(StoreForgetting, ReCreationContinuesTheForgottenTombstone) {
  forget_one();
  const auto late = store_->write_one(edit("a", "{}", r("2-b")));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kConflict);
  EXPECT_EQ(put("a", R"({"n":1})").generation(), 4u);
  EXPECT_EQ(store_->tree("a")->path(store_->tree("a")->winner()).back(), r("3-c"));
}

TEST_F(StoreForgetting, WithoutAnAgeNothingIsForgotten) {
  const RevId first = put("a", "{}");
  ASSERT_TRUE(store_->write_one(tombstone("a", first)));
  clock_.now_ms += 1'000 * kDayMs;
  EXPECT_EQ(forget(), 0u);
  EXPECT_EQ(store_->info().doc_del_count, 1u);
}

}  // namespace
}  // namespace atelier::test
