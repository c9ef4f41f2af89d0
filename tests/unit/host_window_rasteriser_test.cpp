// What windows draw with where no graphics card does: triangles into memory.
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <imgui.h>

#include "window/rasteriser.h"

namespace atelier::host {
namespace {

constexpr std::uint32_t kBlack = IM_COL32_BLACK, kHalfWhite = IM_COL32(255, 255, 255, 128),
                        kOnce = IM_COL32(128, 128, 128, 255);

/// A frame of 40x30 pixels, and triangles to be drawn with one texture.
class Drawing {
 public:
  static constexpr int kWidth = 40, kHeight = 30;

  explicit Drawing(std::vector<std::uint32_t> texels = {IM_COL32_WHITE}, int texture_width = 1)
      : list_(nullptr), pixels_(kWidth * kHeight, kBlack) {
    texture_.Create(ImTextureFormat_RGBA32, texture_width,
                    static_cast<int>(texels.size()) / texture_width);
    std::copy(texels.begin(), texels.end(), reinterpret_cast<std::uint32_t*>(texture_.Pixels));
    texture_.SetTexID(reinterpret_cast<ImTextureID>(&texture_));
    ImDrawCmd command;
    command.ClipRect = {0, 0, kWidth, kHeight};
    command.TexRef._TexData = &texture_;
    list_.CmdBuffer.push_back(command);
  }

  ImDrawCmd& command() { return list_.CmdBuffer[0]; }
  ImTextureData& texture() { return texture_; }

  Drawing& vertex(float x, float y, std::uint32_t colour, float u = 0, float v = 0) {
    list_.VtxBuffer.push_back({{x, y}, {u, v}, colour});
    return *this;
  }
  /// Of the vertices so far.
  Drawing& indices(std::initializer_list<int> all) {
    for (const int index : all) list_.IdxBuffer.push_back(static_cast<ImDrawIdx>(index));
    return *this;
  }
  Drawing& upright(float x0, float y0, float x1, float y1, std::uint32_t colour, float u1 = 0,
                   float v1 = 0) {
    const int first = list_.VtxBuffer.Size;
    vertex(x0, y0, colour).vertex(x1, y0, colour, u1, 0);
    vertex(x1, y1, colour, u1, v1).vertex(x0, y1, colour, 0, v1);
    return indices({first, first + 1, first + 2, first, first + 2, first + 3});
  }

  Drawing& draw(float scale = 1) {
    command().ElemCount = static_cast<unsigned>(list_.IdxBuffer.Size);
    ImDrawData data;
    data.Valid = true;
    data.DisplaySize = {kWidth / scale, kHeight / scale};
    data.FramebufferScale = {scale, scale};
    data.CmdLists.push_back(&list_);
    host::draw(data, {pixels_.data(), kWidth, kHeight});
    return *this;
  }
  std::uint32_t at(int x, int y) const {
    return pixels_[static_cast<std::size_t>(y) * kWidth + static_cast<std::size_t>(x)];
  }
  int count(std::uint32_t colour) const {
    return static_cast<int>(std::count(pixels_.begin(), pixels_.end(), colour));
  }

 private:
  ImTextureData texture_;
  ImDrawList list_;
  std::vector<std::uint32_t> pixels_;
};

TEST(Rasteriser, DrawsThePixelsWhoseCentresAreInside) {
  Drawing drawing;
  drawing.upright(3.5f, 4.4f, 6.5f, 8.6f, IM_COL32(10, 20, 30, 255)).draw();
  EXPECT_EQ(drawing.count(IM_COL32(10, 20, 30, 255)), 3 * 5);
  EXPECT_EQ(drawing.at(3, 4), IM_COL32(10, 20, 30, 255));
  EXPECT_EQ(drawing.at(5, 8), IM_COL32(10, 20, 30, 255));
  EXPECT_EQ(drawing.at(6, 8), kBlack);
  EXPECT_EQ(drawing.at(5, 9), kBlack);
}

TEST(Rasteriser, BlendsOverWhatIsThere) {
  Drawing drawing;
  drawing.upright(0, 0, 4, 4, IM_COL32(200, 100, 0, 255)).draw();
  drawing.upright(0, 0, 4, 4, IM_COL32(0, 0, 255, 51)).draw();  // a fifth
  // Both rectangles were drawn the second time: the opaque one hides the first blend.
  EXPECT_EQ(drawing.at(2, 2), IM_COL32(160, 80, 51, 255));
  EXPECT_EQ(drawing.at(4, 2), kBlack);
}

TEST(Rasteriser, NoPixelOfAMeshIsDrawnTwiceOrLeftOut) {
  // A fan around a point that is no pixel's corner, its rim outside of the frame.
  for (const float turn : {0.0f, 0.3f, 1.1f}) {
    Drawing drawing;
    drawing.vertex(17.3f, 13.9f, kHalfWhite);
    constexpr int kSpokes = 11;
    for (int i = 0; i < kSpokes; ++i) {
      const float angle = turn + static_cast<float>(i) * 6.2831853f / kSpokes;
      drawing.vertex(17.3f + 60 * std::cos(angle), 13.9f + 60 * std::sin(angle), kHalfWhite);
    }
    for (int i = 0; i < kSpokes; ++i) drawing.indices({0, 1 + i, 1 + (i + 1) % kSpokes});
    drawing.draw();
    EXPECT_EQ(drawing.count(kOnce), Drawing::kWidth * Drawing::kHeight) << turn;
  }
}

TEST(Rasteriser, TrianglesCoverWhatAPointInTriangleTestSays) {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> place(-160, 800);  // sixteenths of a pixel
  for (int round = 0; round < 400; ++round) {
    std::int64_t x[3], y[3];
    Drawing drawing;
    for (int i = 0; i < 3; ++i) {
      x[i] = place(random), y[i] = place(random);
      drawing.vertex(static_cast<float>(x[i]) / 16, static_cast<float>(y[i]) / 16, kHalfWhite);
    }
    drawing.indices({0, 1, 2}).draw();
    for (int py = 0; py < Drawing::kHeight; ++py)
      for (int px = 0; px < Drawing::kWidth; ++px) {
        int left = 0, right = 0;
        for (int i = 0; i < 3; ++i) {
          const int j = (i + 1) % 3;
          const std::int64_t side =
              (x[j] - x[i]) * (py * 16 + 8 - y[i]) - (y[j] - y[i]) * (px * 16 + 8 - x[i]);
          left += side > 0, right += side < 0;
        }
        if (left + right < 3) continue;  // on an edge: the mesh test above is about those
        ASSERT_EQ(drawing.at(px, py), left == 3 || right == 3 ? kOnce : kBlack)
            << "round " << round << " at " << px << ' ' << py;
      }
  }
}

TEST(Rasteriser, ShadesBetweenTheCorners) {
  Drawing drawing;
  drawing.vertex(0, 0, IM_COL32(0, 0, 0, 255)).vertex(40, 0, IM_COL32(200, 0, 0, 255));
  drawing.vertex(0, 60, IM_COL32(0, 0, 240, 255)).indices({0, 1, 2}).draw();
  for (const auto& [x, y] : {std::pair{0, 0}, {10, 5}, {20, 10}, {5, 25}}) {
    const int red = static_cast<int>(drawing.at(x, y) & 0xFF),
              blue = static_cast<int>(drawing.at(x, y) >> 16 & 0xFF);
    EXPECT_NEAR(red, (x + 0.5) * 5, 1) << x << ' ' << y;
    EXPECT_NEAR(blue, (y + 0.5) * 4, 1) << x << ' ' << y;
  }
}

TEST(Rasteriser, PicturesOfTheirOwnSizeAreCopiedTexelByTexel) {
  std::vector<std::uint32_t> texels;
  for (std::uint32_t i = 0; i < 12; ++i) texels.push_back(IM_COL32(i, 100 + i, 200 + i, 255));
  Drawing drawing(texels, 4);
  drawing.upright(5, 6, 9, 9, IM_COL32_WHITE, 1, 1).draw();
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x)
      EXPECT_EQ(drawing.at(5 + x, 6 + y), texels[static_cast<std::size_t>(y) * 4 + x]);
  EXPECT_EQ(drawing.at(9, 6), kBlack);
}

TEST(Rasteriser, TintsPictures) {
  Drawing drawing({IM_COL32(200, 100, 50, 255), IM_COL32(200, 100, 50, 255)}, 2);
  drawing.upright(0, 0, 2, 1, IM_COL32(51, 255, 0, 255), 1, 1).draw();
  EXPECT_EQ(drawing.at(1, 0), IM_COL32(40, 100, 0, 255));
}

TEST(Rasteriser, PicturesOfOtherSizesAreSmooth) {
  // Black, then white; drawn eight times as wide, once upright and once as two loose triangles.
  Drawing upright({IM_COL32(0, 0, 0, 255), IM_COL32(255, 255, 255, 255)}, 2);
  upright.upright(0, 0, 16, 4, IM_COL32_WHITE, 1, 1).draw();
  Drawing loose({IM_COL32(0, 0, 0, 255), IM_COL32(255, 255, 255, 255)}, 2);
  loose.vertex(0, 0, IM_COL32_WHITE).vertex(16, 0, IM_COL32_WHITE, 1, 0);
  loose.vertex(16, 4, IM_COL32_WHITE, 1, 1).vertex(0, 4, IM_COL32_WHITE, 0, 1);
  loose.indices({0, 1, 2, 2, 3, 0}).draw();
  for (int x = 0; x < 16; ++x) {
    const double share = std::clamp((x + 0.5) / 8 - 0.5, 0.0, 1.0);
    EXPECT_NEAR(upright.at(x, 1) & 0xFF, share * 255, 2) << x;
    EXPECT_NEAR(loose.at(x, 1) & 0xFF, share * 255, 2) << x;
  }
  EXPECT_EQ(upright.at(0, 1) & 0xFF, 0u);
  EXPECT_EQ(upright.at(15, 1) & 0xFF, 255u);
}

TEST(Rasteriser, StaysWithinTheClipRectangle) {
  Drawing drawing;
  drawing.command().ClipRect = {10, 5, 12, 8};
  drawing.upright(0, 0, 40, 30, kHalfWhite);
  drawing.vertex(-50, -50, kHalfWhite).vertex(200, 0, kHalfWhite).vertex(0, 200, kHalfWhite);
  drawing.indices({4, 5, 6}).draw();
  EXPECT_EQ(drawing.count(kBlack), Drawing::kWidth * Drawing::kHeight - 2 * 3);
}

TEST(Rasteriser, ScalesToTheFrame) {
  Drawing drawing;
  drawing.upright(1, 1, 2, 3, IM_COL32_WHITE).draw(2);
  EXPECT_EQ(drawing.count(IM_COL32_WHITE), 2 * 4);
  EXPECT_EQ(drawing.at(2, 2), IM_COL32_WHITE);
}

TEST(Rasteriser, SurvivesWhatNobodyMeans) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  Drawing drawing;
  for (const float bad : {inf, -inf, nan, 3e38f, -3e38f}) {
    drawing.upright(bad, 0, 40, 30, kHalfWhite).upright(0, 0, 40, bad, kHalfWhite);
    drawing.upright(0, 0, 40, 30, kHalfWhite, bad, bad);
    drawing.upright(0, bad, bad, bad, kHalfWhite, bad);
  }
  drawing.command().ClipRect = {nan, -1e30f, inf, 1e30f};
  drawing.draw();
  drawing.command().ClipRect = {30, 20, 10, 5};
  drawing.draw();

  Drawing far({IM_COL32_WHITE, kBlack, kBlack, IM_COL32_WHITE}, 2);  // beyond the texture's edges
  far.vertex(0, 0, IM_COL32_WHITE, -1e9f, 7).vertex(40, 1, IM_COL32_WHITE, 1e9f, -1e30f);
  far.vertex(3, 30, IM_COL32_WHITE, 0.5f, 3e38f).indices({0, 1, 2}).draw();
}

TEST(Rasteriser, LeavesOutTexturesThatAreNotThere) {
  Drawing drawing;
  drawing.texture().SetTexID(ImTextureID_Invalid);
  drawing.command().TexRef._TexData = nullptr;
  drawing.command().TexRef._TexID = ImTextureID_Invalid;
  drawing.upright(0, 0, 40, 30, IM_COL32_WHITE).draw();
  EXPECT_EQ(drawing.count(kBlack), Drawing::kWidth * Drawing::kHeight);
}

}  // namespace
}  // namespace atelier::host
