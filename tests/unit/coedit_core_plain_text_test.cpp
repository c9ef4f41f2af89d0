// Files that become texts, and texts that become files; counting words.
#include "plain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace atelier::coedit {
namespace {

using ::testing::HasSubstr;

TEST(CoeditPlainText, FilesOfEverySystemBecomeLines) {
  EXPECT_EQ(*text_of_file("a\r\nb\rc\nd\r\n\r\n"), "a\nb\nc\nd\n\n");
  EXPECT_EQ(*text_of_file("\xef\xbb\xbfmark"), "mark");
  EXPECT_EQ(*text_of_file("\r"), "\n");
  EXPECT_EQ(*text_of_file(""), "");
  EXPECT_EQ(*text_of_file("naïve 黄 👩‍💻"), "naïve 黄 👩‍💻");
}

TEST(CoeditPlainText, WhatIsNotUtf8IsRefusedWithAdvice) {
  for (const char* bytes : {"caf\xe9", "\xff\xfeh\x01", "\xed\xa0\x80", "\xc3"}) {
    const auto text = text_of_file(bytes);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(text.error().message, HasSubstr("UTF-8"));
  }
}

TEST(CoeditPlainText, TitlesComeFromFileNamesAndGoBack) {
  EXPECT_EQ(title_of_path("/home/ada/My story.txt"), "My story");
  EXPECT_EQ(title_of_path("C:\\texts\\a.b.md"), "a.b");
  EXPECT_EQ(title_of_path(".profile"), ".profile");
  EXPECT_EQ(title_of_path("/"), "Untitled");
  EXPECT_EQ(file_name_of("a/b: c?"), "a-b- c-.txt");
  EXPECT_EQ(file_name_of("..hidden"), "-.hidden.txt");
  EXPECT_EQ(file_name_of("  "), "Untitled.txt");
}

TEST(CoeditPlainText, TitlesAreOneLineOfSomeLength) {
  EXPECT_EQ(clean_title("  a\nb\t "), "a b");
  EXPECT_EQ(clean_title("\n"), "Untitled");
  std::string many;
  for (int i = 0; i < 200; ++i) many += "é";
  EXPECT_EQ(clean_title("x" + many).size(), kTitleBytesMax - 1) << "no half of a letter";
}

std::size_t count_words(std::string_view text) {
  WordCounter counter;
  counter.add(text);
  return counter.words();
}

TEST(CoeditPlainText, WordsAreCountedOverPieces) {
  WordCounter counter;
  for (const char* piece : {"one tw", "o", " ", "", "thr", "ee 日", "本"}) counter.add(piece);
  EXPECT_EQ(counter.words(), 5U);
}

TEST(CoeditPlainText, WordsAreWhatSpacesSeparate) {
  EXPECT_EQ(count_words(""), 0U);
  EXPECT_EQ(count_words(" \n\t"), 0U);
  EXPECT_EQ(count_words("one"), 1U);
  EXPECT_EQ(count_words(" one  two\nthree’s "), 3U);
  EXPECT_EQ(count_words("日本語、です。"), 5U);
  EXPECT_EQ(count_words("read 日本 now"), 4U);
  EXPECT_EQ(count_words("ein\u00a0Wort"), 2U);
}

}  // namespace
}  // namespace atelier::coedit
