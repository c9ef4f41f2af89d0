// The pictures on buttons, drawn as lines in a square from -1 to 1. Thread rule: main thread.
#include <algorithm>
#include <initializer_list>

#include "atelier/ui.h"

namespace atelier::ui {
namespace {

// A pen in the icon's own coordinates.
class Sketch {
 public:
  Sketch(ImDrawList& list, ImVec2 centre, float side, ImU32 ink)
      : list_(list),
        centre_(centre),
        r_(side / 2),
        ink_(ink),
        width_(std::max(1.5f, side * 0.085f)) {}

  void line(std::initializer_list<ImVec2> points, bool closed = false) {
    for (const ImVec2 p : points) list_.PathLineTo(at(p));
    list_.PathStroke(ink_, closed ? ImDrawFlags_Closed : 0, width_);
  }
  void fill(std::initializer_list<ImVec2> points) {
    for (const ImVec2 p : points) list_.PathLineTo(at(p));
    list_.PathFillConvex(ink_);
  }
  void arc(ImVec2 centre, float radius, float from, float to) {
    list_.PathArcTo(at(centre), radius * r_, from, to);
    list_.PathStroke(ink_, 0, width_);
  }
  void ellipse(ImVec2 centre, ImVec2 radius) {
    list_.AddEllipse(at(centre), {radius.x * r_, radius.y * r_}, ink_, 0, 0, width_);
  }
  void dot(ImVec2 centre, float radius) {
    draw_disc(list_, at(centre), std::max(1.5f, radius * r_), ink_);
  }
  void curve(ImVec2 from, ImVec2 control, ImVec2 to) {
    list_.AddBezierQuadratic(at(from), at(control), at(to), ink_, width_);
  }

 private:
  ImVec2 at(ImVec2 p) const { return {centre_.x + p.x * r_, centre_.y + p.y * r_}; }

  ImDrawList& list_;
  const ImVec2 centre_;
  const float r_;
  const ImU32 ink_;
  const float width_;
};

// Arrows, crosses and what else stands on any screen.
bool draw_common(Sketch& s, Icon icon) {
  switch (icon) {
    case Icon::kSend:
      s.fill({{-0.65f, -0.75f}, {0.9f, 0}, {-0.4f, 0}});
      s.fill({{-0.4f, 0}, {0.9f, 0}, {-0.65f, 0.75f}});
      return true;
    case Icon::kBack:
      s.line({{0.1f, -0.7f}, {-0.6f, 0}, {0.1f, 0.7f}});
      s.line({{-0.6f, 0}, {0.75f, 0}});
      return true;
    case Icon::kMenu:
      for (float y : {-0.6f, 0.0f, 0.6f}) s.dot({0, y}, 0.16f);
      return true;
    case Icon::kDown:
      s.line({{-0.6f, -0.25f}, {0, 0.4f}, {0.6f, -0.25f}});
      return true;
    case Icon::kUp:
      s.line({{-0.6f, 0.25f}, {0, -0.4f}, {0.6f, 0.25f}});
      return true;
    case Icon::kClose:
      s.line({{-0.55f, -0.55f}, {0.55f, 0.55f}});
      s.line({{-0.55f, 0.55f}, {0.55f, -0.55f}});
      return true;
    case Icon::kCheck:
      s.line({{-0.65f, 0}, {-0.15f, 0.5f}, {0.7f, -0.5f}});
      return true;
    case Icon::kRetry:
      s.arc({0, 0}, 0.62f, -0.9f, 4.2f);
      s.fill({{0.1f, -0.85f}, {0.75f, -0.65f}, {0.3f, -0.15f}});
      return true;
    case Icon::kPlus:
      s.line({{-0.65f, 0}, {0.65f, 0}});
      s.line({{0, -0.65f}, {0, 0.65f}});
      return true;
    case Icon::kMinus:
      s.line({{-0.65f, 0}, {0.65f, 0}});
      return true;
    case Icon::kSearch:
      s.arc({-0.15f, -0.15f}, 0.52f, 0, 6.2832f);
      s.line({{0.25f, 0.25f}, {0.8f, 0.8f}});
      return true;
    case Icon::kPeople:
      s.arc({-0.25f, -0.35f}, 0.34f, 0, 6.2832f);
      s.arc({-0.25f, 0.85f}, 0.62f, 3.45f, 5.97f);
      s.arc({0.45f, -0.3f}, 0.26f, -1.9f, 1.9f);
      s.arc({0.4f, 0.85f}, 0.5f, 4.7f, 6.0f);
      return true;
    default:
      return false;
  }
}

// The tools of a board.
bool draw_board_tool(Sketch& s, Icon icon) {
  switch (icon) {
    case Icon::kSelect:
      s.line({{-0.55f, -0.8f}, {-0.55f, 0.65f}, {-0.15f, 0.3f}, {0.1f, 0.85f}, {0.35f, 0.73f},
              {0.1f, 0.2f}, {0.6f, 0.2f}}, true);
      return true;
    case Icon::kHand:
      s.line({{0, -0.85f}, {0, 0.85f}});
      s.line({{-0.85f, 0}, {0.85f, 0}});
      s.line({{-0.25f, -0.6f}, {0, -0.85f}, {0.25f, -0.6f}});
      s.line({{-0.25f, 0.6f}, {0, 0.85f}, {0.25f, 0.6f}});
      s.line({{-0.6f, -0.25f}, {-0.85f, 0}, {-0.6f, 0.25f}});
      s.line({{0.6f, -0.25f}, {0.85f, 0}, {0.6f, 0.25f}});
      return true;
    case Icon::kPen:
      s.line({{-0.75f, 0.75f}, {-0.6f, 0.2f}, {0.45f, -0.85f}, {0.85f, -0.45f}, {-0.2f, 0.6f}}, true);
      s.line({{0.2f, -0.6f}, {0.6f, -0.2f}});
      return true;
    case Icon::kEraser:
      s.line({{-0.2f, 0.7f}, {-0.8f, 0.1f}, {0.2f, -0.8f}, {0.85f, -0.2f}, {0, 0.7f}}, true);
      s.line({{-0.35f, -0.3f}, {0.35f, 0.35f}});
      s.line({{-0.2f, 0.7f}, {0.8f, 0.7f}});
      return true;
    case Icon::kLine:
      s.line({{-0.75f, 0.75f}, {0.75f, -0.75f}});
      return true;
    case Icon::kArrow:
      s.line({{-0.75f, 0.75f}, {0.72f, -0.72f}});
      s.line({{0, -0.75f}, {0.75f, -0.75f}, {0.75f, 0}});
      return true;
    case Icon::kRectangle:
      s.line({{-0.8f, -0.6f}, {0.8f, -0.6f}, {0.8f, 0.6f}, {-0.8f, 0.6f}}, true);
      return true;
    case Icon::kEllipse:
      s.ellipse({0, 0}, {0.82f, 0.65f});
      return true;
    case Icon::kText:
      s.line({{-0.6f, -0.4f}, {-0.6f, -0.7f}, {0.6f, -0.7f}, {0.6f, -0.4f}});
      s.line({{0, -0.7f}, {0, 0.75f}});
      s.line({{-0.25f, 0.75f}, {0.25f, 0.75f}});
      return true;
    case Icon::kNote:
      s.line({{-0.7f, -0.7f}, {0.7f, -0.7f}, {0.7f, 0.2f}, {0.2f, 0.7f}, {-0.7f, 0.7f}}, true);
      s.line({{0.7f, 0.2f}, {0.2f, 0.2f}, {0.2f, 0.7f}});
      return true;
    default:
      return false;
  }
}

// What is done to things.
bool draw_action(Sketch& s, Icon icon) {
  switch (icon) {
    case Icon::kUndo:
      s.line({{-0.3f, -0.75f}, {-0.75f, -0.3f}, {-0.3f, 0.15f}});
      s.line({{-0.75f, -0.3f}, {0.2f, -0.3f}});
      s.arc({0.2f, 0.2f}, 0.5f, -1.5708f, 1.5708f);
      s.line({{0.2f, 0.7f}, {-0.3f, 0.7f}});
      return true;
    case Icon::kRedo:
      s.line({{0.3f, -0.75f}, {0.75f, -0.3f}, {0.3f, 0.15f}});
      s.line({{0.75f, -0.3f}, {-0.2f, -0.3f}});
      s.arc({-0.2f, 0.2f}, 0.5f, 1.5708f, 4.7124f);
      s.line({{-0.2f, 0.7f}, {0.3f, 0.7f}});
      return true;
    case Icon::kDelete:
      s.line({{-0.75f, -0.5f}, {0.75f, -0.5f}});
      s.line({{-0.25f, -0.5f}, {-0.25f, -0.8f}, {0.25f, -0.8f}, {0.25f, -0.5f}});
      s.line({{-0.55f, -0.5f}, {-0.45f, 0.8f}, {0.45f, 0.8f}, {0.55f, -0.5f}});
      s.line({{0, -0.2f}, {0, 0.5f}});
      return true;
    case Icon::kDuplicate:
      s.line({{-0.3f, -0.3f}, {0.75f, -0.3f}, {0.75f, 0.75f}, {-0.3f, 0.75f}}, true);
      s.line({{-0.3f, 0.3f}, {-0.75f, 0.3f}, {-0.75f, -0.75f}, {0.3f, -0.75f}, {0.3f, -0.3f}});
      return true;
    case Icon::kToFront:
      s.line({{-0.75f, -0.8f}, {0.75f, -0.8f}});
      s.line({{0, 0.8f}, {0, -0.4f}});
      s.line({{-0.45f, 0.05f}, {0, -0.4f}, {0.45f, 0.05f}});
      return true;
    case Icon::kToBack:
      s.line({{-0.75f, 0.8f}, {0.75f, 0.8f}});
      s.line({{0, -0.8f}, {0, 0.4f}});
      s.line({{-0.45f, -0.05f}, {0, 0.4f}, {0.45f, -0.05f}});
      return true;
    case Icon::kFit:
      s.line({{-0.35f, -0.75f}, {-0.75f, -0.75f}, {-0.75f, -0.35f}});
      s.line({{0.35f, -0.75f}, {0.75f, -0.75f}, {0.75f, -0.35f}});
      s.line({{-0.35f, 0.75f}, {-0.75f, 0.75f}, {-0.75f, 0.35f}});
      s.line({{0.35f, 0.75f}, {0.75f, 0.75f}, {0.75f, 0.35f}});
      return true;
    case Icon::kExport:
    case Icon::kImport: {
      const float tip = icon == Icon::kExport ? -0.8f : 0.35f;
      const float wing = icon == Icon::kExport ? -0.4f : -0.05f;
      s.line({{0, 0.35f}, {0, -0.8f}});
      s.line({{-0.4f, wing}, {0, tip}, {0.4f, wing}});
      s.line({{-0.75f, 0.2f}, {-0.75f, 0.75f}, {0.75f, 0.75f}, {0.75f, 0.2f}});
      return true;
    }
    case Icon::kEdit:
      s.line({{-0.3f, 0.45f}, {-0.2f, 0.05f}, {0.6f, -0.75f}, {0.85f, -0.5f}, {0.05f, 0.3f}}, true);
      s.line({{0.1f, -0.7f}, {-0.75f, -0.7f}, {-0.75f, 0.75f}, {0.7f, 0.75f}, {0.7f, 0.1f}});
      return true;
    default:
      return false;
  }
}

}  // namespace

void draw_icon(ImDrawList& list, Icon icon, ImVec2 centre, float side, ImU32 colour) {
  Sketch sketch(list, centre, side, colour);
  if (draw_common(sketch, icon) || draw_board_tool(sketch, icon)) return;
  draw_action(sketch, icon);
}

}  // namespace atelier::ui
