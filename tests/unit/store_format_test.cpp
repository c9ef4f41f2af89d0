// Goal: a store of an older format opens as if it had been made today, and keeps everything; what
// cannot be brought up to date is left as it was. Method: tests/golden/store/format-N.mdb, which
// the program of format N made with fill_sample() of store_sample.h (2: and fill_indexes()),
// against a store that they make now.
#include <fstream>

#include <gtest/gtest.h>

#include "store/format.h"
#include "store/verify.h"
#include "unit/store_index_tools.h"
#include "unit/store_sample.h"

namespace atelier::test {
namespace {

class StoreFormat : public StoreTest {
 protected:
  void SetUp() override { make_old(1); }
  void make_old(int version) {
    std::filesystem::remove_all(old_folder());
    std::filesystem::create_directories(old_folder());
    std::filesystem::copy_file(
        ATELIER_TESTS_FOLDER "/golden/store/format-" + std::to_string(version) + ".mdb",
        old_folder() / "data.mdb");
    std::filesystem::permissions(old_folder() / "data.mdb", std::filesystem::perms::owner_all);
  }
  std::filesystem::path old_folder() const { return dir_.path() / "old"; }
  std::string label_in_file() const {
    lmdb::EnvironmentOptions options;
    options.map_bytes = std::size_t{1} << 30;
    options.tables_max = kTablesMax;
    const auto environment = lmdb::Environment::open(old_folder(), options);
    EXPECT_TRUE(environment);
    const auto txn = (*environment)->read();
    const auto meta = (*environment)->table(txn->get(), "meta", 0, false);
    std::string_view text;
    Error error;
    lmdb::get(txn->get(), *meta, lmdb::value_of(std::string_view("format")), &text, &error);
    return std::string(text);
  }
};

TEST_F(StoreFormat, AStoreOfFormat1IsMigratedAndHoldsWhatItHeld) {
  EXPECT_EQ(label_in_file(), format::label(1));
  open();
  fill_sample(*store_);
  const std::string expected = dump(*store_);
  for (int opening = 0; opening < 2; ++opening) {
    const auto migrated = Store::open(old_folder(), {});
    ASSERT_TRUE(migrated) << migrated.error().message;
    EXPECT_EQ(dump(**migrated), expected);
    EXPECT_TRUE((*migrated)->flush());
  }
  EXPECT_EQ(label_in_file(), format::label(format::kFormatVersion));
  const auto migrated = Store::open(old_folder(), {});
  ASSERT_TRUE(migrated);
  EXPECT_TRUE((*migrated)->write_one(edit("new", "{}")));
  EXPECT_TRUE((*migrated)->write_one(tombstone("message:1", (*migrated)->get("message:1")->rev)));
}

// Not to be changed: the fixture cannot be.
void fill_indexes(Store& store) {
  ASSERT_TRUE(store.create_index(words_of("text", {"text"}, "note")));
  ASSERT_TRUE(store.create_index(values_of("n", {"n"}, "note")));
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    const std::string id = "note:" + std::to_string(100 + i);
    const std::string more = i % 5 == 0 ? " milk" : "";
    const auto written = store.write_one(edit(
        id, "{\"n\":" + n + ",\"text\":\"green tea number" + std::to_string(i % 7) + more + "\"}"));
    ASSERT_TRUE(written);
    if (i % 8 != 3) continue;
    ASSERT_TRUE(store.write_one(edit(id, "{\"n\":" + n + ",\"text\":\"black coffee\"}", *written)));
  }
}

std::vector<std::string> found_by(const Store& store, const std::string& words) {
  SearchQuery query;
  query.prefix = "note";
  query.words = words;
  const auto answer = store.search(query);
  EXPECT_TRUE(answer) << answer.error().message;
  std::vector<std::string> found;
  if (!answer) return found;
  for (const SearchHit& hit : answer->hits) found.push_back(hit.document.id);
  return found;
}

TEST_F(StoreFormat, AnIndexOfWordsOfFormat2IsMadeAnewInTheBackground) {
  make_old(2);
  EXPECT_EQ(label_in_file(), format::label(2));
  open();
  fill_sample(*store_);
  fill_indexes(*store_);
  {
    const auto migrated = Store::open(old_folder(), {});
    ASSERT_TRUE(migrated) << migrated.error().message;
    EXPECT_EQ(dump(**migrated), dump(*store_));
    FindQuery query;
    query.selector = R"({"n":{"$gte":30}})";
    query.prefix = "note";
    const auto counted = (*migrated)->count_matches(query);
    ASSERT_TRUE(counted);
    EXPECT_EQ(counted->results, 10u);
    EXPECT_EQ(counted->plan.way, FindPlan::Way::kIndex) << "an index of values stays";
    const auto busy = [&] {
      const auto all = (*migrated)->indexes();
      return std::any_of(all.begin(), all.end(), [](const IndexStatus& one) {
        return one.joining || one.state != IndexStatus::State::kReady;
      });
    };
    while (busy()) ASSERT_TRUE((*migrated)->flush());
    for (const char* words : {"milk", "coffee", "green tea", "number3", "t", "tea mil"}) {
      EXPECT_EQ(found_by(**migrated, words), found_by(*store_, words)) << words;
      EXPECT_FALSE(found_by(**migrated, words).empty()) << words;
    }
    EXPECT_EQ((*migrated)->indexes().size(), 2u);
  }
  EXPECT_EQ(label_in_file(), format::label(format::kFormatVersion));
  const auto report = verify_store(old_folder());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->clean()) << (report->words.empty() ? "" : report->words.front());
}

TEST_F(StoreFormat, AStoreOfFormat2IsVerifiedAsItIs) {
  make_old(2);
  const auto report = verify_store(old_folder());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->clean()) << (report->words.empty() ? "" : report->words.front());
}

TEST_F(StoreFormat, AnOlderStoreThatMayOnlyBeReadIsRefusedAndLeftAlone) {
  StoreOptions options;
  options.read_only = true;
  const auto opened = Store::open(old_folder(), options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(opened.error().message.find("older"), std::string::npos) << opened.error().message;
  EXPECT_EQ(label_in_file(), format::label(1));
}

TEST_F(StoreFormat, LabelsAreReadExactly) {
  EXPECT_EQ(format::version_of("atelier-store 1").value(), 1);
  EXPECT_EQ(format::version_of(format::label(format::kFormatVersion)).value(),
            format::kFormatVersion);
  const auto newer = format::version_of(format::label(format::kFormatVersion + 1));
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kUnsupported);
  for (const char* bad :
       {"", "atelier-store", "atelier-store ", "atelier-store x", "atelier-store 0",
        "atelier-store -1", "atelier-store 1x", "other 1", "atelier-store 99999999999"}) {
    const auto version = format::version_of(bad);
    ASSERT_FALSE(version) << bad;
    EXPECT_EQ(version.error().code, ErrorCode::kCorrupt) << bad;
  }
}

TEST_F(StoreFormat, StepsRunInOrderAndAFailingOneIsNamed) {
  open();
  store_.reset();
  lmdb::EnvironmentOptions options;
  options.map_bytes = std::size_t{1} << 30;
  options.tables_max = kTablesMax;
  const auto environment = lmdb::Environment::open(old_folder(), options);
  ASSERT_TRUE(environment);
  lmdb::WriteTxn txn(*(*environment)->begin_write());
  Tables tables;
  tables.meta = *(*environment)->table(txn.get(), "meta", 0, false);
  static std::string ran;
  ran.clear();
  const format::Migration first{format::kFormatVersion - 1, "one", [](auto&, const Tables&) {
                                  ran += "one";
                                  return ok();
                                }};
  EXPECT_TRUE(format::migrate(txn, tables, first.from, {&first, 1}));
  EXPECT_EQ(ran, "one");
  EXPECT_TRUE(format::migrate(txn, tables, format::kFormatVersion, {&first, 1}));
  EXPECT_EQ(ran, "one");  // a step of the past
  EXPECT_EQ(format::migrate(txn, tables, first.from, {}).error().code, ErrorCode::kInternal);
  const format::Migration failing{first.from, "counting sheep", [](auto&, const Tables&) -> Status {
                                    return Error(ErrorCode::kCorrupt, "a sheep is missing");
                                  }};
  const Status failed = format::migrate(txn, tables, first.from, {&failing, 1});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("counting sheep: a sheep is missing"), std::string::npos);
}

}  // namespace
}  // namespace atelier::test
