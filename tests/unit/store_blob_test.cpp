// Goal: attachments are streamed with flat memory, kept once, counted, and gone with the last
// revision that has them. Method: blobs through one store, documents that come and go.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/os/os.h"
#include "store/blob_table.h"
#include "unit/store_tools.h"

// Sanitizers keep memory of their own, so only the plain build can measure it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ATELIER_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ATELIER_SANITIZED 1
#endif
#endif

namespace atelier::test {
namespace {

class StoreBlob : public StoreTest {
 protected:
  BlobWriter::Finished stage(const std::string& bytes) {
    auto writer = store_->begin_blob();
    EXPECT_TRUE(writer);
    EXPECT_TRUE((*writer)->append(bytes));
    const auto finished = (*writer)->finish();
    EXPECT_TRUE(finished) << finished.error().message;
    return finished ? *finished : BlobWriter::Finished{};
  }
  static AttachmentWrite attach(const std::string& name, const Sha256& blob) {
    AttachmentWrite one;
    one.name = name;
    one.content_type = "text/plain";
    one.blob = blob;
    return one;
  }
  static AttachmentWrite stub(const std::string& name, const std::string& digest = "",
                              std::uint64_t revpos = 0) {
    AttachmentWrite one;
    one.name = name;
    one.stub = true;
    one.digest = digest;
    one.revpos = revpos;
    return one;
  }
  static DocumentWrite with(DocumentWrite write, std::vector<AttachmentWrite> attachments) {
    write.attachments = std::move(attachments);
    return write;
  }
  std::string read(const Sha256& blob, std::uint64_t offset = 0,
                   std::uint64_t length = UINT64_MAX) {
    std::string bytes;
    const Status status = store_->read_blob(blob, offset, length, [&](std::string_view chunk) {
      bytes.append(chunk);
      return true;
    });
    return status ? bytes : error_code_name(status.error().code).data();
  }
};

TEST_F(StoreBlob, AnAttachmentComesBackWithCouchDbsDigest) {
  const auto hello = stage("hello");
  EXPECT_EQ(hello.digest, "md5-XUFAKrxLKna5cZ2REBfFkg==");
  const auto written = store_->write_one(with(edit("a", "{}"), {attach("f", hello.blob)}));
  ASSERT_TRUE(written);
  const auto document = store_->get("a");
  ASSERT_EQ(document->attachments.size(), 1u);
  const Attachment& one = document->attachments[0];
  EXPECT_EQ(one.name, "f");
  EXPECT_EQ(one.content_type, "text/plain");
  EXPECT_EQ(one.length, 5u);
  EXPECT_EQ(one.revpos, 1u);
  EXPECT_EQ(one.digest, hello.digest);
  EXPECT_EQ(read(one.blob), "hello");
}

TEST_F(StoreBlob, AStubKeepsWhatTheParentRevisionHas) {
  const auto hello = stage("hello"), world = stage("world");
  const auto first =
      store_->write_one(with(edit("a", "{}"), {attach("f", hello.blob), attach("g", world.blob)}));
  const auto second = store_->write_one(with(edit("a", R"({"v":2})", *first), {stub("g")}));
  ASSERT_TRUE(second);
  const auto document = store_->get("a");
  ASSERT_EQ(document->attachments.size(), 1u);
  EXPECT_EQ(document->attachments[0].digest, world.digest);
  EXPECT_EQ(document->attachments[0].revpos, 1u);
  const auto refused = store_->write_one(with(edit("a", "{}", *second), {stub("f")}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(refused.error().message, "Invalid attachment stub in a for f");
  EXPECT_FALSE(store_->write_one(with(edit("a", "{}", *second), {stub("g", hello.digest)})));
  // Another document's blob cannot be had by naming its digest.
  const auto other = store_->write_one(with(edit("b", "{}"), {stub("g", world.digest)}));
  EXPECT_EQ(other.error().message, "Invalid attachment stub in b for g");
  EXPECT_FALSE(store_->write_one(with(edit("b", "{}"), {attach("x", sha256("unknown"))})));
}

TEST_F(StoreBlob, AReplicatedStubMayReferToAnyRevisionOfItsDocument) {
  const auto hello = stage("hello");
  ASSERT_TRUE(store_->write_one(
      with(replicated("a", {r("2-b"), r("1-a")}, "{}"), {attach("f", hello.blob)})));
  const auto written = store_->write_one(
      with(replicated("a", {r("2-c"), r("1-a")}, "{}"), {stub("f", hello.digest, 2)}));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(store_->get("a")->rev, r("2-c"));
  EXPECT_EQ(store_->get("a")->attachments[0].blob, hello.blob);
  const auto refused = store_->write_one(with(replicated("a", {r("3-d"), r("2-c")}, "{}"),
                                              {stub("f", "md5-AAAAAAAAAAAAAAAAAAAAAA==", 2)}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "Invalid attachment stub in a for f");
}

TEST_F(StoreBlob, EqualBytesAreKeptOnceAndGoWithTheLastRevisionThatHasThem) {
  const std::string bytes(500'000, 'z');
  const auto one = stage(bytes), two = stage(bytes);
  EXPECT_EQ(one.blob, two.blob);
  const auto a = store_->write_one(with(edit("a", "{}"), {attach("f", one.blob)}));
  const auto b = store_->write_one(with(edit("b", "{}"), {attach("f", two.blob)}));
  EXPECT_LT(store_->info().live_bytes, 900'000u);
  const auto gone_a = store_->write_one(tombstone("a", *a));
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(read(one.blob), bytes);
  ASSERT_TRUE(store_->write_one(tombstone("b", *b)));
  EXPECT_EQ(read(one.blob), bytes);  // the old revision can still be read
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(read(one.blob), "not_found");
  EXPECT_LT(store_->info().live_bytes, 200'000u);
}

TEST_F(StoreBlob, ABlobOutlivesItsOldRevisionWhenTheNewOneKeepsItAtOnce) {
  ASSERT_TRUE(store_->set_revs_limit(1));  // the old revision goes in the same write
  const auto hello = stage("hello");
  const auto first = store_->write_one(with(edit("a", "{}"), {attach("f", hello.blob)}));
  ASSERT_TRUE(store_->write_one(with(edit("a", R"({"v":2})", *first), {stub("f")})));
  EXPECT_EQ(read(hello.blob), "hello");
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(read(hello.blob), "hello");
  const std::vector<RevId> last = {store_->get("a")->rev};
  ASSERT_EQ(store_->purge("a", last)->size(), 1u);
  EXPECT_EQ(read(hello.blob), "not_found");
}

TEST_F(StoreBlob, AFreshBlobWaitsForItsDocumentThroughACompaction) {
  const auto hello = stage("hello");
  ASSERT_TRUE(store_->compact());
  EXPECT_EQ(read(hello.blob), "hello");
}

TEST_F(StoreBlob, ADroppedWriterLeavesNothingBehind) {
  {
    auto writer = store_->begin_blob();
    ASSERT_TRUE((*writer)->append(std::string(3 << 20, 'q')));
  }
  ASSERT_TRUE(store_->flush());
  EXPECT_LT(store_->info().live_bytes, 200'000u);
}

TEST_F(StoreBlob, RangesOfABlobAreReadExactly) {
  std::string bytes;
  for (int i = 0; bytes.size() < 3 * kBlobChunkBytes + 100; ++i) bytes += std::to_string(i);
  const auto staged = stage(bytes);
  EXPECT_EQ(staged.length, bytes.size());
  EXPECT_EQ(read(staged.blob), bytes);
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{kBlobChunkBytes - 1},
        std::uint64_t{kBlobChunkBytes}, std::uint64_t{bytes.size() - 1}}) {
    for (const std::uint64_t length :
         {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{2 * kBlobChunkBytes}}) {
      EXPECT_EQ(read(staged.blob, offset, length), bytes.substr(offset, length)) << offset;
    }
  }
  EXPECT_EQ(read(staged.blob, bytes.size()), "");
  EXPECT_EQ(read(stage("").blob), "");
}

TEST_F(StoreBlob, SixtyFourMegabytesGoThroughWithFlatMemory) {
  constexpr std::uint64_t kTotal = 64 << 20;
  constexpr std::uint64_t kAllowed = 28 << 20;  // a commit, the queue and the reader's chunk
  const std::string part(1 << 20, 'm');
  const std::uint64_t before = os::anonymous_memory_bytes();
  std::uint64_t peak = before;
  auto writer = store_->begin_blob();
  for (std::uint64_t sent = 0; sent < kTotal; sent += part.size()) {
    ASSERT_TRUE((*writer)->append(part));
    peak = std::max(peak, os::anonymous_memory_bytes());
  }
  const auto finished = (*writer)->finish();
  ASSERT_TRUE(finished);
  std::uint64_t length = 0;
  ASSERT_TRUE(store_->read_blob(finished->blob, 0, UINT64_MAX, [&](std::string_view chunk) {
    length += chunk.size();
    peak = std::max(peak, os::anonymous_memory_bytes());
    return true;
  }));
  EXPECT_EQ(length, kTotal);
#if defined(ATELIER_SANITIZED)
  static_cast<void>(kAllowed);
#else
  EXPECT_LT(peak - before, kAllowed);
#endif
}

TEST_F(StoreBlob, TheRevisionCoversTheAttachmentsContent) {
  const auto one = store_->write_one(with(edit("a", "{}"), {attach("f", stage("1").blob)}));
  const auto two = store_->write_one(with(edit("b", "{}"), {attach("f", stage("2").blob)}));
  const auto three = store_->write_one(with(edit("c", "{}"), {attach("f", stage("1").blob)}));
  EXPECT_NE(*one, *two);
  EXPECT_EQ(*one, *three);
}

}  // namespace
}  // namespace atelier::test
