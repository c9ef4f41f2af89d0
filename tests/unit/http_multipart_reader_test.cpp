// Goal: a multipart body is read right however the network cuts it, and garbage is noticed.
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"
#include "http/multipart_reader.h"

namespace atelier {
namespace {

struct Part {
  std::string name, data;
  bool whole = false;
};

struct Reading {
  std::vector<Part> parts;
  MultipartReader reader{{
      [this](const MultipartReader::Headers& headers) {
        const auto found = headers.find("content-disposition");
        parts.push_back(
            {found == headers.end() ? "" : disposition_filename(found->second), "", false});
      },
      [this](std::string_view chunk) {
        parts.back().data += chunk;
        return true;
      },
      [this] {
        parts.back().whole = true;
        return true;
      },
  }};
};

// As CouchDB 3.5 sends it (wire/10-attachments).
const std::string kBody =
    "--b1\r\nContent-Type: application/json\r\n\r\n{\"_id\":\"a\"}\r\n"
    "--b1\r\nContent-Disposition: attachment; filename=\"x \\\"y\\\".bin\"\r\nContent-Length: "
    "9\r\n\r\n"
    "\r\n--b2\r\n-\r\n--b1\r\nContent-Disposition: attachment; filename=empty\r\n\r\n\r\n--b1--";

TEST(MultipartReader, PartsAreTheSameHoweverTheBodyIsCut) {
  for (std::size_t size = 1; size <= kBody.size(); ++size) {
    Reading reading;
    for (std::size_t at = 0; at < kBody.size(); at += size) {
      ASSERT_TRUE(reading.reader.feed(std::string_view(kBody).substr(at, size))) << size;
    }
    ASSERT_TRUE(reading.reader.finished()) << size;
    ASSERT_EQ(reading.parts.size(), 3u) << size;
    EXPECT_EQ(reading.parts[0].data, "{\"_id\":\"a\"}");
    EXPECT_EQ(reading.parts[1].name, "x \"y\".bin");
    EXPECT_EQ(reading.parts[1].data, "\r\n--b2\r\n-") << size;
    EXPECT_EQ(reading.parts[2].name, "empty");
    EXPECT_EQ(reading.parts[2].data, "");
    for (const Part& part : reading.parts) EXPECT_TRUE(part.whole);
  }
}

TEST(MultipartReader, LinesBeforeItAndItsLimitsAreTheSameHoweverItIsCut) {
  const auto outcome = [](const std::string& body, std::size_t size) {
    Reading reading;
    for (std::size_t at = 0; at < body.size(); at += size)
      if (!reading.reader.feed(std::string_view(body).substr(at, size))) break;
    return reading.reader.finished();
  };
  const auto with_name = [](std::size_t size) {
    const std::string name = "--" + std::string(size - 2, 'b');
    return name + "\r\n\r\n\r\n\r\n" + name + "--";
  };
  const auto with_headers = [](std::size_t size) {
    return "--b1\r\nx:" + std::string(size - 4, 'y') + "\r\n\r\n\r\n--b1--";
  };
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100'000}}) {
    EXPECT_TRUE(outcome("\r\n\r\n" + kBody, size)) << size;
    EXPECT_TRUE(outcome(with_name(200), size)) << size;
    EXPECT_FALSE(outcome(with_name(201), size)) << size;
    EXPECT_TRUE(outcome(with_headers(kMultipartHeaderBytesMax), size)) << size;
    EXPECT_FALSE(outcome(with_headers(kMultipartHeaderBytesMax + 1), size)) << size;
  }
}

TEST(MultipartReader, TruncatedBodyIsNeverFinished) {
  for (std::size_t size = 0; size < kBody.size(); ++size) {
    Reading reading;
    reading.reader.feed(std::string_view(kBody).substr(0, size));
    EXPECT_FALSE(reading.reader.finished()) << size;
  }
}

TEST(MultipartReader, WhatIsNoMultipartIsBroken) {
  for (const std::string& body :
       {std::string("{\"_id\":\"a\"}"), std::string("--\r\n"), std::string(300, '-'),
        "--b\r\n" + std::string(100'000, 'x'), std::string("--b\r\n\r\n\r\n--bX\r\n")}) {
    Reading reading;
    EXPECT_FALSE(reading.reader.feed(body)) << body.substr(0, 20);
    EXPECT_TRUE(reading.reader.is_broken());
  }
}

}  // namespace
}  // namespace atelier
