#include <gtest/gtest.h>

#include "window/picture.h"

namespace atelier::host {
namespace {

TEST(Picture, ReadsEveryForm) {
  const auto picture = parse_picture(
      "#102030 ground;#ffffff disc 12 12 4.5;#ffffff rect 1 2 3 4 1; #00ff00 line 2 1 1 20 20;"
      "#0000ff poly 1 1 5 1 3 4");
  ASSERT_TRUE(picture);
  ASSERT_EQ(picture->size(), 5u);
  EXPECT_EQ(picture->at(0).colour, IM_COL32(0x10, 0x20, 0x30, 255));
  EXPECT_EQ(picture->at(1).numbers, (std::vector<float>{12, 12, 4.5f}));
  EXPECT_EQ(picture->at(3).form, PictureShape::Form::kLine);
}

TEST(Picture, WordsThatAreNoPictureGiveNone) {
  for (const char* words :
       {"", "ground", "#12345 ground", "#12345g ground", "#123456 cube 1 2 3", "#123456 disc 1 2",
        "#123456 disc 1 2 3 4", "#123456 line 2 1 1 20", "#123456 poly 1 1 5 1 3",
        "#123456 poly 1 1 5 1", "#123456 disc nan 2 3", "#123456 disc 1e9 2 3",
        "#123456 disc 1 2 3x", "#123456 ground;;#123456 ground"})
    EXPECT_FALSE(parse_picture(words)) << words;
  std::string many;
  for (int i = 0; i < 100; ++i) many += "#123456 ground;";
  EXPECT_FALSE(parse_picture(many));
}

}  // namespace
}  // namespace atelier::host
