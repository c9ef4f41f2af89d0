#include "atelier/ui_canvas.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <imgui_internal.h>

#include "ui/shell.h"

namespace atelier::ui {
namespace {

/// ImGui with a backend that does what it is told, frame by frame.
class CanvasTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.BackendFlags |= ImGuiBackendFlags_RendererHasTextures;
    io.DisplaySize = {800, 600};
    if (!start({})) GTEST_SKIP() << "no font";
    started_ = true;
  }
  void TearDown() override {
    ImGui::DestroyContext();
    if (started_) stop();
  }

  // `draw` runs within the frame. Returns how many textures of ours the backend holds after it.
  template <class Draw>
  std::size_t frame(const Draw& draw) {
    ImGui::NewFrame();
    draw();
    ImGui::Render();
    std::size_t held = 0;
    for (ImTextureData* texture : ImGui::GetPlatformIO().Textures) {
      if (texture->Status == ImTextureStatus_WantCreate) texture->SetTexID(++last_id_);
      if (texture->Status == ImTextureStatus_WantDestroy) {
        texture->SetTexID(ImTextureID_Invalid);
        texture->SetStatus(ImTextureStatus_Destroyed);
      } else if (texture->Status != ImTextureStatus_Destroyed) {
        texture->SetStatus(ImTextureStatus_OK);
      }
      held += texture->UseColors && texture->Width == 64 ? 1 : 0;
    }
    return held;
  }
  std::size_t frame() {
    return frame([] {});
  }

 private:
  bool started_ = false;
  ImTextureID last_id_ = 0;
};

struct Paper {
  Paper(int w, int h) : bytes(static_cast<std::size_t>(w * h) * 4, 255), width(w), height(h) {}
  Pixels pixels() { return {bytes.data(), width, height, static_cast<std::size_t>(width) * 4}; }
  std::size_t inked() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < bytes.size(); i += 4) count += bytes[i] < 128 ? 1 : 0;
    return count;
  }
  std::vector<std::uint8_t> bytes;
  int width, height;
};

TEST_F(CanvasTest, ATextureLivesUntilTheBackendLetGoOfIt) {
  std::optional<Texture> texture;
  EXPECT_EQ(frame([&] { texture.emplace(64, 32); }), 1u);
  EXPECT_EQ(frame(), 1u);
  // Destroyed in the frame that draws it: the commands still point at it.
  EXPECT_EQ(frame([&] {
              ImGui::GetBackgroundDrawList()->AddImage(texture->ref(), {0, 0}, {64, 32});
              texture.reset();
            }),
            1u);
  for (const ImDrawList* list : ImGui::GetDrawData()->CmdLists)
    for (const ImDrawCmd& command : list->CmdBuffer)
      if (command.ElemCount > 0) {
        EXPECT_NE(command.GetTexID(), ImTextureID_Invalid);
      }
  frame();
  frame();
  frame();
  EXPECT_EQ(frame(), 0u);
}

TEST_F(CanvasTest, OnlyWhatChangedIsToldToTheBackend) {
  Texture texture(64, 32);
  frame();
  std::vector<std::uint8_t> red(4 * 4 * 4, 200);
  frame([&] {
    texture.update(62, 30, {red.data(), 4, 4, 16});  // reaches beyond the corner
    ImTextureData* data = texture.ref()._TexData;
    EXPECT_EQ(data->Status, ImTextureStatus_WantUpdates);
    ASSERT_EQ(data->Updates.Size, 1);
    EXPECT_EQ(data->Updates[0].w, 2);
    EXPECT_EQ(data->Updates[0].h, 2);
  });
  const Pixels pixels = texture.pixels();
  EXPECT_EQ(pixels.data[31 * pixels.stride + 63 * 4], 200);
  EXPECT_EQ(pixels.data[31 * pixels.stride + 61 * 4], 0);
  frame([&] { EXPECT_EQ(texture.ref()._TexData->Updates.Size, 0); });
  texture.update(-10, -10, {red.data(), 4, 4, 16});  // outside as a whole
  texture.update(64, 0, {red.data(), 4, 4, 16});
  EXPECT_EQ(texture.ref()._TexData->Status, ImTextureStatus_OK);
}

TEST_F(CanvasTest, ATextureThatOutlivesTheScreenGoesInPeace) {
  auto texture = std::make_unique<Texture>(64, 64);
  frame();
  ImGui::DestroyContext();
  texture.reset();
  ImGui::CreateContext();  // for TearDown()
}

TEST_F(CanvasTest, EqualArgumentsPaintEqualPixelsOfAnyScript) {
  for (const char* words : {"Hello, Grüße", "日本語", "עברית", "नमस्ते", "👍🏽👋"}) {
    Paper first(300, 60), second(300, 60);
    paint_text(first.pixels(), 10.3f, 40, words, 24, IM_COL32_BLACK);
    paint_text(second.pixels(), 10.3f, 40, words, 24, IM_COL32_BLACK);
    EXPECT_EQ(first.bytes, second.bytes) << words;
    EXPECT_NE(first.bytes, Paper(300, 60).bytes) << words;
    EXPECT_GT(painted_width(words, 24), 20) << words;
  }
}

TEST_F(CanvasTest, TextThatReachesOutsideIsClippedAndHugeLettersAreBounded) {
  Paper paper(50, 20), part(25, 20);
  paint_text(paper.pixels(), -8, 15, "Many words that do not fit at all", 16, IM_COL32_BLACK);
  paint_text(part.pixels(), -33, 15, "Many words that do not fit at all", 16, IM_COL32_BLACK);
  for (std::size_t y = 0; y < 20; ++y)
    for (std::size_t x = 0; x < 25 * 4; ++x)
      ASSERT_EQ(part.bytes[y * 100 + x], paper.bytes[y * 200 + 100 + x]) << x << " " << y;
  Paper huge(64, 64);
  paint_text(huge.pixels(), -20'000, 30'000, "M", 50'000, IM_COL32_BLACK);
  EXPECT_NEAR(painted_width("Hello", 2'000), 5 * painted_width("Hello", 400), 1);
  EXPECT_EQ(painted_width("", 20), 0);
  EXPECT_EQ(painted_width("x", -1), 0);
}

}  // namespace
}  // namespace atelier::ui
