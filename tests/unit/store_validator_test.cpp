// Goal: what may be written is asked on the writer's thread with everything a rule needs.
#include "store/validator.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

class StoreValidator : public StoreTest {
 protected:
  static WriteOptions as(const std::string& name) {
    WriteOptions options;
    options.user = std::make_shared<const WriteUser>(WriteUser{name, {}, false});
    return options;
  }
};

TEST_F(StoreValidator, ItSeesOldLeavesTheNewRevisionAndTheUser) {
  replicate("a", {r("1-a")}, R"({"n":"a"})");
  replicate("a", {r("1-b")}, R"({"n":"b"})");
  std::string seen;
  store_->set_validator([&](const ProposedRevision& proposed) -> Status {
    seen = std::string(proposed.id) + (proposed.replicated ? " replicated " : " local ") +
           std::to_string(proposed.rev.generation()) + std::string(proposed.body) +
           (proposed.user ? proposed.user->name : "-");
    for (const ExistingLeaf& leaf : proposed.leaves) seen += " " + std::string(leaf.body);
    return ok();
  });
  ASSERT_TRUE(store_->write_one(edit("a", R"({"n":2})", r("1-a")), as("ann")));
  EXPECT_EQ(seen, R"(a local 2{"n":2}ann {"n":"b"} {"n":"a"})");
  replicate("b", {r("5-a"), r("4-a")}, "{}", true);
  EXPECT_EQ(seen, "b replicated 5{}-");
}

TEST_F(StoreValidator, ARefusalIsOneDocumentsOrTheWholeWritesIfItWantsAllOrNothing) {
  store_->set_validator([](const ProposedRevision& proposed) -> Status {
    if (proposed.id != "bad") return ok();
    return Error(ErrorCode::kForbidden, "not this one");
  });
  const auto single = store_->write({edit("a", "{}"), edit("bad", "{}"), edit("c", "{}")});
  EXPECT_TRUE(single[0].rev);
  ASSERT_FALSE(single[1].rev);
  EXPECT_EQ(single[1].rev.error().code, ErrorCode::kForbidden);
  EXPECT_EQ(single[1].rev.error().message, "not this one");
  EXPECT_TRUE(single[2].rev);
  WriteOptions together;
  together.all_or_nothing = true;
  const auto all = store_->write({edit("d", "{}"), replicated("bad", {r("1-a")}, "{}")}, together);
  EXPECT_EQ(all[0].rev.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(all[1].rev.error().code, ErrorCode::kForbidden);
  EXPECT_EQ(ids(*store_), (std::vector<std::string>{"a", "c"}));
  store_->set_validator({});
  EXPECT_TRUE(store_->write_one(edit("bad", "{}")));
}

TEST_F(StoreValidator, RulesAreAppliedToEditsAndToReplicatedRevisions) {
  const auto rules =
      query::Rules::from_json(R"({"version":1,"prefixes":{"message":{"author":"author"}}})");
  if (!rules) GTEST_FAIL() << rules.error().message;
  store_->set_validator(rules_validator(*rules));
  EXPECT_TRUE(store_->write_one(edit("message:1", R"({"author":"ann"})"), as("ann")));
  const auto forged = store_->write_one(edit("message:2", R"({"author":"ann"})"), as("bob"));
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().code, ErrorCode::kForbidden);
  const auto sent =
      store_->write_one(replicated("message:3", {r("1-a")}, R"({"author":"ann"})"), as("bob"));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kForbidden);
  EXPECT_TRUE(store_->write_one(edit("message:2", R"({"author":"ann"})")))
      << "the user of this program";
}

}  // namespace
}  // namespace atelier::test
