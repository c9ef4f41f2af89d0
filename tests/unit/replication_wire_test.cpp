// Goal: a document comes out of one store and goes into another without a change.
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "replication/wire_document.h"

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

std::string text_of(const WireDocument& document) {
  std::string text;
  append_wire_json(text, document);
  return text;
}

TEST(ReplicationWire, DocumentCarriesItsHistoryAndItsNumbers) {
  const std::string text = text_of(wire_document(sample()));
  EXPECT_EQ(text,
            "{\"_id\":\"message:1\",\"_rev\":\"2-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"n\":1.0,"
            "\"big\":12345678901234567890,\"_revisions\":{\"start\":2,\"ids\":["
            "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}}");
  const auto wire = parse_wire_document(text);
  ASSERT_TRUE(wire);
  const auto write = replicated_write(*wire);
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
  const std::string text = text_of(wire_document(document));
  EXPECT_EQ(json::normalize(text).value(), text);
  const auto wire = parse_wire_document(text);
  ASSERT_TRUE(wire);
  const auto write = replicated_write(*wire);
  ASSERT_TRUE(write);
  EXPECT_TRUE(write->deleted);
  ASSERT_EQ(write->attachments.size(), 1u);
  EXPECT_EQ(write->attachments[0].name, attachment.name);
  EXPECT_EQ(write->attachments[0].length, 72u);
  EXPECT_EQ(write->attachments[0].revpos, 2u);
  EXPECT_EQ(write->attachments[0].digest, attachment.digest);
}

TEST(ReplicationWire, BodyIsWhatStandsBetweenTheReservedMembers) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"_id":"m:1","_rev":"1-a"})", "{}"},
      {R"({"_id":"m:1","_rev":"1-a","a":1})", R"({"a":1})"},
      {R"({"a":1,"_id":"m:1","_rev":"1-a"})", R"({"a":1})"},
      {R"({"a":"_id","_id":"m:1","b":{"_x":[]},"c":2,"_rev":"1-a","d":"}"})",
       R"({"a":"_id","b":{"_x":[]},"c":2,"d":"}"})"},
      {R"({"_id":"m:1","a":1,"_rev":"1-a","_conflicts":["2-a"],"b\n":2,"_local_seq":7})",
       R"({"a":1,"b\n":2})"},
  };
  for (const auto& [text, body] : cases) {
    const auto wire = parse_wire_document(text);
    ASSERT_TRUE(wire) << text;
    EXPECT_EQ(wire->body, body) << text;
    EXPECT_EQ(wire->id, "m:1");
    EXPECT_TRUE(wire->fault.empty()) << wire->fault;
  }
}

TEST(ReplicationWire, WhatIsReservedIsRefused) {
  const auto wire = parse_wire_document(R"({"_id":"m:1","_rev":"1-a","_strange":1})");
  ASSERT_TRUE(wire);
  const auto write = replicated_write(*wire);
  ASSERT_FALSE(write);
  EXPECT_NE(write.error().message.find("_strange"), std::string::npos);
}

TEST(ReplicationWire, BadHistoriesAreRefused) {
  for (const char* revisions :
       {"7", "{}", "{\"start\":0,\"ids\":[\"a\"]}", "{\"start\":1,\"ids\":[]}",
        "{\"start\":1,\"ids\":[7]}", "{\"start\":1,\"ids\":[\"a\",\"b\"]}"}) {
    const auto wire = parse_wire_document(
        std::string("{\"_id\":\"m:1\",\"_rev\":\"1-a\",\"_revisions\":") + revisions + "}");
    ASSERT_TRUE(wire) << revisions;
    EXPECT_FALSE(replicated_write(*wire)) << revisions;
  }
}

TEST(ReplicationWire, WhatIsNoDocumentIsNone) {
  for (const char* text : {"7", "[]", "{}", R"({"_id":"m:1"})", R"({"_id":7,"_rev":"1-a"})",
                           R"({"_id":"m:1","_rev":"nonsense"})", R"({"_rev":"1-a"})"}) {
    EXPECT_FALSE(parse_wire_document(text)) << text;
  }
}

TEST(ReplicationWire, IllegalIdIsRefused) {
  WireDocument wire = wire_document(sample());
  wire.id = "_strange";
  EXPECT_FALSE(replicated_write(wire));
}

}  // namespace
}  // namespace atelier
