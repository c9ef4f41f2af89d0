// Goal: a store of an older format opens as if it had been made today, and keeps everything; what
// cannot be brought up to date is left as it was. Method: tests/golden/store/format-1.mdb, which
// the program of format 1 made with fill() below, against a store that fill() makes now.
#include <fstream>

#include <gtest/gtest.h>

#include "store/format.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

// What the fixture holds. Not to be changed: the fixture cannot be.
void fill(Store& store) {
  const auto put = [&](DocumentWrite write) {
    const auto written = store.write_one(std::move(write));
    EXPECT_TRUE(written) << written.error().message;
    return written ? *written : RevId();
  };
  put(edit("message:1", "{\"text\":\"hello\",\"n\":1.50}"));
  put(edit("message:2", "{\"text\":\"second\"}", put(edit("message:2", "{\"text\":\"first\"}"))));
  put(tombstone("message:3", put(edit("message:3", "{}"))));
  put(edit("large", "{\"t\":\"" + std::string(5'000, 'x') + "\"}"));
  put(replicated("tree", {r("3-c"), r("2-b"), r("1-a")}, "{\"leaf\":\"c\"}"));
  put(replicated("tree", {r("3-d"), r("2-b"), r("1-a")}, "{\"leaf\":\"d\"}"));
  put(replicated("tree", {r("2-e"), r("1-a")}, "{\"gone\":true}", true));
  put(replicated("odd", {rev("2-two"), rev("1-one")}, "{\"revs\":\"text\"}"));
  for (const char last : {'a', 'b'}) {
    put(edit("long:" + std::string(1'000, 'l') + last,
             "{\"last\":\"" + std::string(1, last) + "\"}"));
  }
  auto blob = store.begin_blob();
  ASSERT_TRUE(blob && (*blob)->append("bytes of an attachment"));
  const auto finished = (*blob)->finish();
  ASSERT_TRUE(finished);
  DocumentWrite with_blob = edit("attached", "{}");
  AttachmentWrite attachment;
  attachment.name = "a.txt";
  attachment.content_type = "text/plain";
  attachment.blob = finished->blob;
  with_blob.attachments.push_back(attachment);
  put(std::move(with_blob));
  ASSERT_TRUE(store.put_local("checkpoint", "{\"at\":7}"));
  ASSERT_TRUE(store.put_property("title", "Lobby"));
  ASSERT_TRUE(store.put_property("security", "{}"));
  ASSERT_TRUE(store.set_revs_limit(500));
}

// Everything that can be read of a store, as text.
std::string dump(const Store& store) {
  std::string out;
  for (const std::string& id : ids(store, {.deleted = true})) {
    out += id + "\n";
    for (const auto& leaf : store.open_revs(id, {}, false)) {
      EXPECT_TRUE(leaf);
      if (!leaf) continue;
      out += "  " + leaf->rev.to_string() + (leaf->deleted ? " deleted " : " ") + leaf->body;
      for (const RevId& one : leaf->history) out += " " + one.to_string();
      for (const Attachment& one : leaf->attachments) {
        out += " " + one.name + " " + one.content_type + " " + one.digest + " ";
        EXPECT_TRUE(store.read_blob(one.blob, 0, one.length, [&](std::string_view bytes) {
          out += bytes;
          return true;
        }));
      }
      out += "\n";
    }
  }
  for (const ChangeRow& row : changes(store)) {
    out +=
        std::to_string(row.sequence) + " " + row.id + " " + row.leaves.front().to_string() + "\n";
  }
  for (const auto& local : store.list_locals()) {
    out += local.id + " " + std::to_string(local.rev) + " " + local.body + "\n";
  }
  out += store.get_property("title").value() + " " + std::to_string(store.revs_limit());
  const StoreInfo info = store.info();
  return out + " " + std::to_string(info.doc_count) + " " + std::to_string(info.doc_del_count);
}

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
  fill(*store_);
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
