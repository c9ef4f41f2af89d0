// A store with a row of every kind, and everything that can be read of a store as text.
#pragma once

#include <string>

#include "unit/store_tools.h"

namespace atelier::test {

// What tests/golden/store/format-1.mdb holds. Not to be changed: the fixture cannot be.
inline void fill_sample(Store& store) {
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
inline std::string dump(const Store& store) {
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

}  // namespace atelier::test
