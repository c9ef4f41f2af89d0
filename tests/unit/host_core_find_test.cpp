// The commands that ask a room: find, search and retention, over a profile in a folder of the test's
// own. Beside a host that has the room open they speak to the same control socket.
#include "find_commands.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <thread>

#include "base/digest.h"
#include "base/json_text.h"
#include "store/catalog.h"

namespace atelier::host {
namespace {

class Find : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("atelier-find-" + random_uuid());
    std::filesystem::create_directories(folder_ / "run");
    ::setenv("XDG_RUNTIME_DIR", (folder_ / "run").c_str(), 1);
    context_.data = folder_ / "data";
    std::vector<DocumentWrite> all;
    for (int i = 0; i < 2'500; ++i) {
      DocumentWrite write;
      write.id = "message:" + std::to_string(10'000 + i);
      write.body = "{\"author\":\"" + std::string(i % 2 == 0 ? "Ada" : "Bob") +
                   "\",\"n\":" + std::to_string(i) + ",\"text\":\"Zürich number " +
                   std::to_string(i) + "\"}";
      all.push_back(std::move(write));
    }
    for (const WriteResult& one : open()->write(std::move(all))) ASSERT_TRUE(one.rev);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<Store> open() const {
    const auto store = Store::open(database_folder(context_.data / "default", "lobby"), {});
    EXPECT_TRUE(store) << store.error().message;
    return *store;
  }
  void declare_words() const {
    const auto store = open();
    IndexDefinition words;
    words.name = "message-words";
    words.kind = IndexDefinition::Kind::kWords;
    words.fields = {"text"};
    words.prefix = "message";
    ASSERT_TRUE(store->create_index(words));
    for (int i = 0; i < 500 && store->indexes()[0].state != IndexStatus::State::kReady; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ASSERT_EQ(store->indexes()[0].state, IndexStatus::State::kReady);
  }

  template <class Fn, class Options>
  int run(const Fn& fn, const Options& options) {
    out_.str("");
    err_.str("");
    return fn(context_, options, out_, err_);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    std::istringstream in(out_.str());
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }

  std::filesystem::path folder_;
  CommandContext context_;
  std::ostringstream out_, err_;
};

TEST_F(Find, PrintsWhatMatchesOverManyPagesOnceEach) {
  FindCommandOptions options{.room = "lobby", .selector = R"({"author":"Ada"})", .limit = 5'000};
  ASSERT_EQ(run(run_find, options), kExitOk) << err_.str();
  std::set<std::string> ids;
  for (const std::string& line : lines()) {
    EXPECT_EQ(json::string_member(line, "author"), "Ada");
    ids.insert(json::string_member(line, "_id").value_or(""));
  }
  EXPECT_EQ(lines().size(), 1'250u);
  EXPECT_EQ(ids.size(), 1'250u);
}

TEST_F(Find, LimitAndFieldsHold) {
  FindCommandOptions options{.room = "lobby", .fields = {"n"}, .limit = 3};
  ASSERT_EQ(run(run_find, options), kExitOk) << err_.str();
  EXPECT_EQ(lines(), (std::vector<std::string>{R"({"n":0})", R"({"n":1})", R"({"n":2})"}));
}

TEST_F(Find, WhatCannotBeAnsweredIsSaid) {
  EXPECT_EQ(run(run_find, FindCommandOptions{.room = "lobby", .selector = "{"}), kExitFailed);
  EXPECT_NE(err_.str().find("no JSON"), std::string::npos);
  EXPECT_EQ(run(run_find, FindCommandOptions{.room = "lobby", .selector = R"({"n":{"$no":1}})"}),
            kExitFailed);
  EXPECT_NE(err_.str().find("$no"), std::string::npos);
  EXPECT_EQ(run(run_find, FindCommandOptions{.room = "lobby", .sort = {"-n"}}), kExitFailed);
  EXPECT_NE(err_.str().find("index"), std::string::npos);
  EXPECT_EQ(run(run_find, FindCommandOptions{.room = "nowhere"}), kExitFailed);
}

TEST_F(Find, SearchesByWordsNewestFirst) {
  EXPECT_EQ(run(run_search, SearchCommandOptions{.room = "lobby", .words = {"zurich"}}), kExitFailed);
  EXPECT_NE(err_.str().find("no collection"), std::string::npos);
  declare_words();
  ASSERT_EQ(run(run_search, SearchCommandOptions{"lobby", {"zurich", "249"}, 50}), kExitOk)
      << err_.str();
  ASSERT_EQ(lines().size(), 11u);  // 2490 to 2499, and 249
  EXPECT_EQ(lines().front(), "message:12499  Zürich number 2499");
  EXPECT_EQ(lines().back(), "message:10249  Zürich number 249");
  context_.json = true;
  ASSERT_EQ(run(run_search, SearchCommandOptions{"lobby", {"Zürich"}, 2}), kExitOk);
  const std::vector<std::string> hits = lines();
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(json::member(hits[0], "highlights"), R"([{"field":"text","begin":0,"end":7}])");
  EXPECT_EQ(run(run_search, SearchCommandOptions{"lobby", {"Zürich"}, 0}), kExitFailed);
  EXPECT_EQ(run(run_search, SearchCommandOptions{"lobby", {"…"}, 5}), kExitFailed);
}

// Ids and texts are a stranger's: none of them may move the cursor or change colours.
TEST_F(Find, AHitDoesNotSteerTheTerminal) {
  {
    DocumentWrite write;
    write.id = "message:evil\x1b[2J\xc2\x9b";
    write.body = R"({"text":"wicked \u001b[31m red \u009b1m \u007f end"})";
    ASSERT_TRUE(open()->write_one(std::move(write)));
  }
  declare_words();
  ASSERT_EQ(run(run_search, SearchCommandOptions{"lobby", {"wicked"}, 5}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "message:evil [2J   wicked  [31m red  1m   end\n");
}

TEST_F(Find, RetentionIsToldAndChanged) {
  ASSERT_EQ(run(run_retention, RetentionOptions{"lobby", {}, {}}), kExitOk) << err_.str();
  EXPECT_EQ(out_.str(), "Deletions are remembered for ever.\n");
  ASSERT_EQ(run(run_retention, RetentionOptions{"lobby", "90d", {"here:=1m", "old:=36h"}}), kExitOk);
  EXPECT_EQ(open()->retention().tombstones_ms, std::int64_t{90} * 24 * 3'600'000);
  ASSERT_EQ(run(run_retention, RetentionOptions{"lobby", {}, {"old:=never"}}), kExitOk);
  EXPECT_EQ(out_.str(),
            "Deletions are remembered for 90d.\n"
            "Documents whose ids begin with 'here:' live for 1m after their last change.\n");
  const auto kept = open()->retention();
  EXPECT_EQ(kept.lifetimes_ms.size(), 1u);
  EXPECT_EQ(kept.lifetime_of("here:ada"), 60'000);
  EXPECT_EQ(run(run_retention, RetentionOptions{"lobby", "soon", {}}), kExitFailed);
  EXPECT_EQ(run(run_retention, RetentionOptions{"lobby", {}, {"=1m"}}), kExitFailed);
  EXPECT_EQ(run(run_retention, RetentionOptions{"lobby", {}, {"here"}}), kExitFailed);
  EXPECT_EQ(open()->retention(), kept);
}

}  // namespace
}  // namespace atelier::host
