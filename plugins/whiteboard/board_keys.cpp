#include "board_keys.h"

#include <array>
#include <utility>

#include <imgui.h>

namespace atelier::board {
namespace {

constexpr double kNudge = 1, kNudgeFar = 10;  // logical pixels

bool pressed(ImGuiKey key, bool repeat = false) {
  return ImGui::IsKeyPressed(key, repeat);
}

constexpr std::array<std::pair<ImGuiKey, Tool>, 10> kToolKeys = {{{ImGuiKey_V, Tool::kSelect},
                                                                  {ImGuiKey_H, Tool::kHand},
                                                                  {ImGuiKey_P, Tool::kPen},
                                                                  {ImGuiKey_E, Tool::kEraser},
                                                                  {ImGuiKey_L, Tool::kLine},
                                                                  {ImGuiKey_A, Tool::kArrow},
                                                                  {ImGuiKey_R, Tool::kRectangle},
                                                                  {ImGuiKey_O, Tool::kEllipse},
                                                                  {ImGuiKey_T, Tool::kText},
                                                                  {ImGuiKey_N, Tool::kNote}}};

void with_ctrl(Tools& tools, bool shift) {
  if (pressed(ImGuiKey_Z, true)) shift ? tools.redo() : tools.undo();
  if (pressed(ImGuiKey_Y, true)) tools.redo();
  if (pressed(ImGuiKey_D)) tools.duplicate();
  if (pressed(ImGuiKey_A)) tools.select_all();
  if (pressed(ImGuiKey_RightBracket, true)) tools.bring_forward();
  if (pressed(ImGuiKey_LeftBracket, true)) tools.send_backward();
}

void zoom(CanvasView& canvas, const Board& board) {
  CameraMan& camera = canvas.camera();
  if (pressed(ImGuiKey_Equal, true) || pressed(ImGuiKey_KeypadAdd, true))
    camera.zoom_to(camera.percent() * 1.25);
  if (pressed(ImGuiKey_Minus, true) || pressed(ImGuiKey_KeypadSubtract, true))
    camera.zoom_to(camera.percent() / 1.25);
  if (pressed(ImGuiKey_0)) camera.zoom_to(1);
  if (pressed(ImGuiKey_1)) camera.fit(board.bounds());
}

void nudge(Tools& tools, double pixel, bool shift) {
  const double by = pixel * (shift ? kNudgeFar : kNudge);
  Vec move;
  if (pressed(ImGuiKey_LeftArrow, true)) move.x -= by;
  if (pressed(ImGuiKey_RightArrow, true)) move.x += by;
  if (pressed(ImGuiKey_UpArrow, true)) move.y -= by;
  if (pressed(ImGuiKey_DownArrow, true)) move.y += by;
  if (!(move == Vec{})) tools.nudge(move);
}

// What is under way first, then what is selected, then the tool.
void escape(Tools& tools) {
  if (tools.busy()) return tools.cancel();
  if (!tools.selection().empty()) return tools.clear_selection();
  tools.choose(Tool::kSelect);
}

}  // namespace

void handle_keys(Tools& tools, CanvasView& canvas, const Board& board) {
  const ImGuiIO& io = ImGui::GetIO();
  if (pressed(ImGuiKey_Escape)) escape(tools);
  nudge(tools, canvas.pixel(), io.KeyShift);
  if (io.KeyCtrl) {
    with_ctrl(tools, io.KeyShift);
    return zoom(canvas, board);
  }
  if (io.KeyAlt) return;
  zoom(canvas, board);
  if (pressed(ImGuiKey_Delete) || pressed(ImGuiKey_Backspace)) tools.remove_selection();
  if (pressed(ImGuiKey_RightBracket)) tools.bring_to_front();
  if (pressed(ImGuiKey_LeftBracket)) tools.send_to_back();
  if (io.KeyShift) return;
  for (const auto& [key, tool] : kToolKeys)
    if (pressed(key)) tools.choose(tool);
}

}  // namespace atelier::board
