// Goal: a document comes out of one store and goes into another without a change.
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "replication/local_peer.h"

namespace atelier {
namespace {

Document sample() {
  Document document;
  document.id = "message:1";
  document.rev = *RevId::parse("2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
  document.history = {document.rev, *RevId::parse("1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
  document.body = "{\"n\":1.0,\"big\":12345678901234567890}";
  return document;
}

TEST(ReplicationWire, DocumentCarriesItsHistoryAndItsNumbers) {
  const WireDocument wire = wire_document(sample());
  EXPECT_EQ(wire.json,
            "{\"_id\":\"message:1\",\"_rev\":\"2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"n\":1.0,"
            "\"big\":12345678901234567890,\"_revisions\":{\"start\":2,\"ids\":["
            "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}");
  const auto write = replicated_write(wire);
  ASSERT_TRUE(write);
  EXPECT_EQ(write->body, sample().body);
  EXPECT_EQ(write->history, sample().history);
  EXPECT_FALSE(write->deleted);
}

TEST(ReplicationWire, TombstoneKeepsItsBodyAndItsAttachmentsStubs) {
  Document document = sample();
  document.deleted = true;
  Attachment attachment;
  attachment.name = "a/\"b\".png";
  attachment.content_type = "image/png";
  attachment.length = 72;
  attachment.revpos = 2;
  attachment.digest = "md5-yB1eljxqhiSL9r251FuiUg==";
  document.attachments = {attachment};
  const WireDocument wire = wire_document(document);
  EXPECT_TRUE(wire.has_attachments);
  EXPECT_TRUE(json::normalize(wire.json));
  const auto write = replicated_write(wire);
  ASSERT_TRUE(write);
  EXPECT_TRUE(write->deleted);
  ASSERT_EQ(write->attachments.size(), 1u);
  EXPECT_EQ(write->attachments[0].name, attachment.name);
  EXPECT_EQ(write->attachments[0].length, 72u);
  EXPECT_EQ(write->attachments[0].revpos, 2u);
  EXPECT_EQ(write->attachments[0].digest, attachment.digest);
}

TEST(ReplicationWire, WhatServersAddIsLeftOutAndWhatIsReservedIsRefused) {
  WireDocument wire = wire_document(sample());
  wire.json.pop_back();
  const std::string open = wire.json;
  wire.json = open + ",\"_conflicts\":[\"2-a\"],\"_local_seq\":7}";
  const auto write = replicated_write(wire);
  ASSERT_TRUE(write);
  EXPECT_EQ(write->body, sample().body);
  wire.json = open + ",\"_strange\":1}";
  ASSERT_FALSE(replicated_write(wire));
  EXPECT_NE(replicated_write(wire).error().message.find("_strange"), std::string::npos);
}

TEST(ReplicationWire, BadHistoriesAreRefused) {
  WireDocument wire = wire_document(sample());
  for (const char* revisions :
       {"7", "{}", "{\"start\":0,\"ids\":[\"a\"]}", "{\"start\":1,\"ids\":[]}",
        "{\"start\":1,\"ids\":[7]}", "{\"start\":1,\"ids\":[\"a\",\"b\"]}"}) {
    wire.json = std::string("{\"_id\":\"message:1\",\"_revisions\":") + revisions + "}";
    EXPECT_FALSE(replicated_write(wire)) << revisions;
  }
}

TEST(ReplicationWire, IllegalIdIsRefused) {
  WireDocument wire = wire_document(sample());
  wire.id = "_strange";
  EXPECT_FALSE(replicated_write(wire));
}

}  // namespace
}  // namespace atelier
