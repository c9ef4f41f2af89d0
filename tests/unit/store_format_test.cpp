// Goal: a store of an older format opens as if it had been made today, and keeps everything; what
// cannot be brought up to date is left as it was. Method: tests/golden/store/format-1.mdb, which
// the program of format 1 made with fill_sample() of store_sample.h, against a store that fill()
// makes now.
#include "store/format.h"

#include <fstream>

#include <gtest/gtest.h>

#include "unit/store_sample.h"

namespace atelier::test {
namespace {

class StoreFormat : public StoreTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(old_folder());
    std::filesystem::copy_file(ATELIER_TESTS_FOLDER "/golden/store/format-1.mdb",
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
