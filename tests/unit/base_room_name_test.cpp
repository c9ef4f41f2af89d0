// Room titles and database names: legal, reversible, and one name for one title.
#include <random>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "base/room_name.h"

namespace atelier {
namespace {

TEST(RoomName, KnownTitles) {
  EXPECT_EQ(*database_name_of_title("lobby"), "lobby");
  EXPECT_EQ(*database_name_of_title("  lobby\n"), "lobby");
  EXPECT_EQ(*database_name_of_title("Café 1"), "x$$$43af$c3$a9$201");
  EXPECT_EQ(*database_name_of_title("Cafe\xCC\x81 1"), "x$$$43af$c3$a9$201")
      << "e and accent apart";
  EXPECT_EQ(*title_of_database_name("x$$$43af$c3$a9$201"), "Café 1");
}

TEST(RoomName, NamesOfOtherProgramsAreTheirOwnTitles) {
  for (const char* name :
       {"my-db", "a/b", "a+b", "a(b)", "a$b", "x$$", "x$$$", "a$61", "x$$abc", "a$c3", "_users"}) {
    const auto title = title_of_database_name(name);
    ASSERT_TRUE(title) << name;
    EXPECT_EQ(*title, name);
  }
}

TEST(RoomName, WhatCannotBeOneIsRefused) {
  for (const std::string& title :
       {std::string(), std::string(" \t"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\xff"), std::string("a\x7f")}) {
    const auto name = database_name_of_title(title);
    ASSERT_FALSE(name) << title;
    EXPECT_EQ(name.error().code, ErrorCode::kInvalid);
  }
  EXPECT_TRUE(database_name_of_title(std::string(kDatabaseNameBytesMax, 'a')));
  EXPECT_EQ(database_name_of_title(std::string(kDatabaseNameBytesMax + 1, 'a')).error().code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(database_name_of_title(std::string(100, '!')).error().code, ErrorCode::kTooLarge);
  for (const char* name : {"", "Lobby", "1a", "a b", "_x", "a.b", "a\n", "é"})
    EXPECT_FALSE(title_of_database_name(name)) << name;
}

// Goal: title -> name -> title is the identity, and no two titles share a name.
TEST(RoomName, RandomTitlesComeBack) {
  const std::regex legal("^[a-z][a-z0-9_$()+/-]*$");
  std::mt19937 random(11);
  std::set<std::string> titles, names;
  const auto letter = [&](std::string& out) {
    static const char* const kPieces[] = {"a", "z",  "x$$", "$",           "A", "0",   "-",
                                          "_", " ",  "/",   "+",           "(", ".",   "é",
                                          "ß", "漢", "🎨",   "👩‍🎨", "ا", "$41", "%"};
    out += kPieces[random() % std::size(kPieces)];
  };
  for (int i = 0; i < 20'000; ++i) {
    std::string title;
    for (unsigned k = random() % 8 + 1; k > 0; --k) letter(title);
    title.erase(0, title.find_first_not_of(' '));
    title.erase(title.find_last_not_of(' ') + 1);
    if (title.empty()) continue;
    const auto name = database_name_of_title(title);
    ASSERT_TRUE(name) << title;
    ASSERT_TRUE(std::regex_match(*name, legal)) << *name;
    ASSERT_TRUE(is_database_name(*name));
    const auto back = title_of_database_name(*name);
    ASSERT_TRUE(back);
    ASSERT_EQ(*back, title) << *name;
    titles.insert(title);
    names.insert(*name);
  }
  EXPECT_EQ(titles.size(), names.size());
}

}  // namespace
}  // namespace atelier
