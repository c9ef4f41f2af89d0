// Goal: rows are read back as written, and bytes that nobody wrote are an error. Method: random
// rows, every bit flipped once, random bytes, and the example of docs/formats/store.md.
#include <random>

#include <gtest/gtest.h>

#include "store/record.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

record::DocRow sample(std::string_view body) {
  record::DocRow row;
  row.rev = r("1-a");
  row.sequence = 300;
  row.body = body;
  return row;
}

TEST(StoreRecord, ADocumentRowOfEachKindComesBack) {
  const std::string tree = "not looked at here", attachments = "nor here";
  const std::string large(5000, 'b');
  for (int bits = 0; bits < 64; ++bits) {
    record::DocRow row = sample(bits & 1 ? large : std::string_view("{}"));
    if (bits & 2) row.rev = rev("7-text");
    if (bits & 4) row.tree = tree;
    if (bits & 8) row.attachments = attachments;
    row.deleted = bits & 16;
    row.many_leaves = bits & 32;
    std::string bytes;
    record::encode_doc(bytes, "id", row);
    record::DocRow back;
    ASSERT_TRUE(record::decode_doc("id", bytes, &back));
    EXPECT_EQ(back.rev, row.rev);
    EXPECT_EQ(back.tree, row.tree);
    EXPECT_EQ(back.attachments, row.attachments);
    EXPECT_EQ(back.body, row.body);
    EXPECT_EQ(back.sequence, row.sequence);
    EXPECT_EQ(back.deleted, row.deleted);
    EXPECT_EQ(back.many_leaves, row.many_leaves);
    EXPECT_FALSE(record::decode_doc("other", bytes, &back)) << "the key is covered as well";
  }
}

TEST(StoreRecord, EveryFlippedBitIsNoticed) {
  std::string bytes;
  for (const std::size_t size : {2, 250, 2000}) {
    record::encode_doc(bytes, "id", sample(std::string(size, 'x')));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
      record::DocRow back;
      const Status decoded = record::decode_doc("id", bytes, &back);
      ASSERT_FALSE(decoded) << "bit " << bit;
      ASSERT_EQ(decoded.error().code, ErrorCode::kCorrupt);
      bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    }
  }
  record::encode_sequence(bytes, 7, {r("2-b"), false, false, "id"});
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    record::SequenceRow back;
    ASSERT_FALSE(record::decode_sequence(7, bytes, &back));
    bytes[bit / 8] ^= static_cast<char>(1 << (bit % 8));
  }
}

TEST(StoreRecord, RandomBytesAreErrorsInEveryTable) {
  std::mt19937 random(13);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 80, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    record::DocRow doc;
    record::SequenceRow sequence;
    EXPECT_FALSE(record::decode_doc("id", bytes, &doc));
    EXPECT_FALSE(record::decode_sequence(1, bytes, &sequence));
    EXPECT_FALSE(record::decode_body(2, bytes));
    EXPECT_FALSE(record::decode_blob(Sha256{}, bytes));
    EXPECT_FALSE(record::decode_state(bytes));
    (void)record::decode_attachments(bytes);  // covered by its row's checksum: only no crash
  }
}

TEST(StoreRecord, AttachmentsComeBack) {
  Attachment one{"näme", "text/plain", 5, 2, "md5-x", sha256("a"), "gzip", 3};
  const std::vector<Attachment> list = {one, one};
  const auto back = record::decode_attachments(record::encode_attachments(list));
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ((*back)[1].name, one.name);
  EXPECT_EQ((*back)[1].blob, one.blob);
  EXPECT_EQ((*back)[1].encoding, "gzip");
  EXPECT_EQ((*back)[1].encoded_length, 3u);
  EXPECT_EQ(record::encode_attachments({}), "");
}

TEST(StoreRecord, TheDocumentedExampleHolds) {
  std::string bytes;
  record::DocRow row;
  row.rev = rev("1-79b65370a463e3c5cf0580fd8721d199");
  row.sequence = 300;
  row.body = R"({"v":1})";
  record::encode_doc(bytes, "message:1", row);
  EXPECT_EQ(hex(bytes), "8c3def6c00ac020179b65370a463e3c5cf0580fd8721d1997b2276223a317d");
}

}  // namespace
}  // namespace atelier::test
