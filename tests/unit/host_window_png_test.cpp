#include <fstream>
#include <iterator>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

#include "window/png.h"

namespace atelier::host {
namespace {

std::uint32_t u32(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

// Reads back what encode_png() writes, by the specification rather than by our code.
Picture decode(const std::string& png) {
  Picture picture;
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  std::string packed;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::uint32_t length = u32(png, at);
    const std::string type = png.substr(at + 4, 4), data = png.substr(at + 8, length);
    const std::string checked = type + data;
    EXPECT_EQ(u32(png, at + 8 + length), crc32(0, reinterpret_cast<const Bytef*>(checked.data()),
                                               static_cast<uInt>(checked.size())));
    if (type == "IHDR") {
      picture.width = static_cast<int>(u32(data, 0));
      picture.height = static_cast<int>(u32(data, 4));
      EXPECT_EQ(data.substr(8), std::string("\x08\x02\x00\x00\x00", 5));
    }
    if (type == "IDAT") packed += data;
    at += 12 + length;
  }
  const std::size_t stride = static_cast<std::size_t>(picture.width) * 3;
  std::string rows((stride + 1) * static_cast<std::size_t>(picture.height), '\0');
  uLongf size = rows.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size,
                       reinterpret_cast<const Bytef*>(packed.data()), packed.size()),
            Z_OK);
  EXPECT_EQ(size, rows.size());
  for (std::size_t y = 0; y < static_cast<std::size_t>(picture.height); ++y)
    for (std::size_t x = 0; x < stride; ++x) {
      const auto raw = static_cast<std::uint8_t>(rows[y * (stride + 1) + 1 + x]);
      const bool up = rows[y * (stride + 1)] == 2;
      const std::uint8_t above = y == 0 ? 0 : picture.rgb[(y - 1) * stride + x];
      picture.rgb.push_back(static_cast<std::uint8_t>(raw + (up ? above : 0)));
    }
  return picture;
}

TEST(Png, ComesBackPixelByPixel) {
  std::mt19937 random(7);
  for (const auto& [width, height] : {std::pair{1, 1}, {7, 3}, {64, 48}}) {
    Picture picture{width, height, {}};
    for (int i = 0; i < width * height * 3; ++i)
      picture.rgb.push_back(static_cast<std::uint8_t>(random()));
    const auto png = encode_png(picture);
    ASSERT_TRUE(png);
    EXPECT_EQ(decode(*png).rgb, picture.rgb);
  }
}

TEST(Png, FlatPicturesAreSmall) {
  const auto png = encode_png({800, 600, std::vector<std::uint8_t>(800 * 600 * 3, 200)});
  ASSERT_TRUE(png);
  EXPECT_LT(png->size(), 5'000u);
}

TEST(Png, RefusesAPictureWhoseBytesDoNotFit) {
  EXPECT_FALSE(encode_png({2, 2, std::vector<std::uint8_t>(11)}));
  EXPECT_FALSE(encode_png({0, 0, {}}));
}

TEST(Png, AFolderThatIsNotThereIsAnErrorThatNamesTheFile) {
  const auto status = write_png({1, 1, {1, 2, 3}}, "/nonexistent-folder/shot.png");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kDisk);
  EXPECT_NE(status.error().message.find("shot.png"), std::string::npos);
}

}  // namespace
}  // namespace atelier::host
