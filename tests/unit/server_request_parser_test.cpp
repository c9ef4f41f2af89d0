// Goal: what a parser takes for a request does not depend on how its bytes came, and has limits.
// Method: bytes in pieces of every size, without a socket.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "server/request_parser.h"

namespace atelier::server {
namespace {

using Fault = RequestParser::Fault;

struct Reading {
  Request request;
  std::string body;
  Fault fault = Fault::kNone;
  bool done = false;
};

/// In pieces of `size` bytes, as a connection hands them on.
Reading read(std::string_view bytes, std::size_t size) {
  Reading reading;
  RequestParser parser(reading.request, reading.body);
  std::string waiting;
  while (!bytes.empty() && !parser.is_done() && reading.fault == Fault::kNone) {
    waiting += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
    std::string_view rest = waiting;
    for (std::size_t before = 0;
         rest.size() != before && !parser.is_done() && reading.fault == Fault::kNone;) {
      before = rest.size();
      reading.fault = parser.put(rest);
    }
    waiting = std::string(rest);
  }
  reading.done = parser.is_done();
  return reading;
}

constexpr std::size_t kPieces[] = {1, 2, 3, 5, 100, 1'000, 65'536};

std::string head_of(std::size_t bytes) {
  std::string head = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  while (head.size() + 2 + 100 < bytes) head += "x: " + std::string(50, 'y') + "\r\n";
  head += "z: ";
  return head + std::string(bytes - head.size() - 4, 'z') + "\r\n\r\n";
}

TEST(RequestParserTest, HeadIsLimitedHoweverItComes) {
  ASSERT_EQ(head_of(kRequestHeaderBytesMax).size(), kRequestHeaderBytesMax);
  for (const std::size_t size : kPieces) {
    EXPECT_TRUE(read(head_of(kRequestHeaderBytesMax), size).done) << size;
    EXPECT_EQ(read(head_of(kRequestHeaderBytesMax + 1), size).fault, Fault::kTooLarge) << size;
    EXPECT_EQ(read(head_of(1'000'000), size).fault, Fault::kTooLarge) << size;
  }
}

TEST(RequestParserTest, WhatStandsBetweenChunksIsLimitedHoweverItComes) {
  const std::string head = "PUT /a/b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string line = "2;a=";
  const std::size_t most = kRequestHeaderBytesMax - line.size() - 2;
  const auto chunk = [&](std::size_t size) {
    return head + line + std::string(size, 'b') + "\r\n{}\r\n0\r\n\r\n";
  };
  const auto trailer = [&](std::size_t size) {
    return head + "2\r\n{}\r\n0\r\nt: " + std::string(size, 'b') + "\r\n\r\n";
  };
  for (const std::size_t size : kPieces) {
    EXPECT_EQ(read(chunk(most), size).body, "{}") << size;
    EXPECT_EQ(read(chunk(most + 1), size).fault, Fault::kTooLarge) << size;
    EXPECT_TRUE(read(trailer(30'000), size).done) << size;
    EXPECT_EQ(read(trailer(kRequestHeaderBytesMax), size).fault, Fault::kTooLarge) << size;
  }
}

TEST(RequestParserTest, ChunksAndTrailersAreReadTheSameInAnyPieces) {
  const std::string bytes =
      "PUT /a/b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;x=\"y\"\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nHost: elsewhere\r\nX: y\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const Reading reading = read(bytes, size);
    ASSERT_TRUE(reading.done) << size;
    EXPECT_EQ(reading.body, "{\"a\":1}") << size;
    EXPECT_EQ(reading.request.headers.fields().size(), 2u) << "trailers are passed over";
    EXPECT_EQ(reading.request.headers.get("Host"), "localhost");
  }
}

TEST(RequestParserTest, EmptyChunkedBodyIsReadInAnyPieces) {
  const std::string bytes = "PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const Reading reading = read(bytes, size);
    EXPECT_TRUE(reading.done && reading.body.empty()) << size;
  }
}

TEST(RequestParserTest, TwoReadingsOfOneLengthAreRefusedInAnyPieces) {
  const std::string line = "POST /a HTTP/1.1\r\n";
  for (std::size_t size : kPieces) {
    const auto fault = [&](const std::string& headers) {
      return read(line + headers + "\r\n\r\n{}", size).fault;
    };
    EXPECT_EQ(fault("Content-Length: 2\r\nContent-Length: 2"), Fault::kInvalid) << size;
    EXPECT_EQ(fault("Content-Length: 2, 2"), Fault::kInvalid) << size;
    EXPECT_EQ(fault("Content-Length: 2\r\nTransfer-Encoding: chunked"), Fault::kInvalid) << size;
    EXPECT_EQ(fault("Transfer-Encoding: chunked\r\nContent-Length: 2"), Fault::kInvalid) << size;
    EXPECT_EQ(fault("Transfer-Encoding: gzip, chunked"), Fault::kUnknownEncoding) << size;
    EXPECT_EQ(fault("X: a\r\n b"), Fault::kInvalid) << size;
    EXPECT_EQ(fault("Content-Length: 2"), Fault::kNone) << size;
  }
}

}  // namespace
}  // namespace atelier::server
