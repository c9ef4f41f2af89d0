#include "toolbars.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include <imgui.h>

namespace atelier::board {
namespace {

using ui::px;

constexpr float kEdge = 12;         // logical pixels between bars and the canvas's edges
constexpr float kWideCanvas = 900;  // from here on the zoom fits beside the tools

struct Named {
  const char* name;
  Colour colour;
};
// Lines and letters; contrast with white of at least 3.
constexpr std::array<Named, 8> kColours = {{{"Black", {30, 30, 30}},
                                            {"Grey", {134, 142, 150}},
                                            {"Red", {224, 49, 49}},
                                            {"Orange", {232, 89, 12}},
                                            {"Green", {47, 158, 68}},
                                            {"Blue", {25, 113, 194}},
                                            {"Violet", {112, 72, 232}},
                                            {"Pink", {194, 37, 92}}}};
// Insides and papers: the same, light.
constexpr std::array<Named, 6> kPapers = {{{"Yellow", {255, 236, 153}},
                                           {"Light red", {255, 201, 201}},
                                           {"Light green", {178, 242, 187}},
                                           {"Light blue", {165, 216, 255}},
                                           {"Light violet", {208, 191, 255}},
                                           {"White", {255, 255, 255}}}};
struct Width {
  const char* name;
  double units;
  float dot;  // logical pixels
};
constexpr std::array<Width, 4> kWidths = {
    {{"Thin", 2, 4}, {"Medium", 4, 7}, {"Thick", 8, 11}, {"Very thick", 16, 16}}};
constexpr std::array<Width, 4> kTextSizes = {
    {{"Small text", 14, 4}, {"Medium text", 20, 7}, {"Large text", 32, 11}, {"Huge text", 56, 16}}};

struct ToolEntry {
  Tool tool;
  ui::Icon icon;
  const char* label;
  const char* shortcut;
};
constexpr std::array<ToolEntry, 10> kTools = {
    {{Tool::kSelect, ui::Icon::kSelect, "Select", "V"},
     {Tool::kHand, ui::Icon::kHand, "Hand", "H"},
     {Tool::kPen, ui::Icon::kPen, "Pen", "P"},
     {Tool::kEraser, ui::Icon::kEraser, "Eraser", "E"},
     {Tool::kLine, ui::Icon::kLine, "Line", "L"},
     {Tool::kArrow, ui::Icon::kArrow, "Arrow", "A"},
     {Tool::kRectangle, ui::Icon::kRectangle, "Rectangle", "R"},
     {Tool::kEllipse, ui::Icon::kEllipse, "Ellipse", "O"},
     {Tool::kText, ui::Icon::kText, "Text", "T"},
     {Tool::kNote, ui::Icon::kNote, "Note", "N"}}};

ImU32 paint(Colour colour) {
  return IM_COL32(colour.r, colour.g, colour.b, colour.a);
}

// A bar whose size is known from the last frame; the first one is drawn unseen to learn it.
class Bar {
 public:
  template <class Place>
  Bar(const char* id, const Place& place) {
    const ImVec2 size = ui::toolbar_size(id);
    const bool known = size.x > 0;
    if (!known) ui::redraw_in_ms(0);
    const ImVec2 at = place(size);
    ui::begin_toolbar(id, known ? at : ImVec2(-10000, -10000), false);
    ImGui::PushItemFlag(ImGuiItemFlags_NoNav, true);  // keys belong to the canvas
  }
  ~Bar() {
    ImGui::PopItemFlag();
    ui::end_toolbar();
  }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
};

// What the colours and widths would change: the selection's kinds, else the tool's.
struct Concerned {
  bool line = false, area = false, letters = false, note = false;
  bool any() const { return line || area || letters || note; }
  void add(Kind kind) {
    if (kind == Kind::kNote)
      note = true;
    else if (kind == Kind::kText)
      letters = true;
    else
      line = true;
    if (kind == Kind::kRectangle || kind == Kind::kEllipse) area = true;
  }
};

Concerned concerned_by(const Tools& tools, const Board& board) {
  Concerned concerned;
  for (const std::string& id : tools.selection().ids())
    if (const Item* item = board.find(id)) concerned.add(item->shape.kind);
  switch (tools.tool()) {
    case Tool::kPen:
      concerned.add(Kind::kStroke);
      break;
    case Tool::kLine:
      concerned.add(Kind::kLine);
      break;
    case Tool::kArrow:
      concerned.add(Kind::kArrow);
      break;
    case Tool::kRectangle:
      concerned.add(Kind::kRectangle);
      break;
    case Tool::kEllipse:
      concerned.add(Kind::kEllipse);
      break;
    case Tool::kText:
      concerned.add(Kind::kText);
      break;
    case Tool::kNote:
      concerned.add(Kind::kNote);
      break;
    default:
      break;
  }
  return concerned;
}

// What stands for the style: of one selected shape its own.
Style shown_style(const Tools& tools, const Board& board) {
  Style style = tools.style();
  const Item* item =
      tools.selection().empty() ? nullptr : board.find(*tools.selection().ids().begin());
  if (!item) return style;
  style.colour = item->shape.colour;
  style.width = item->shape.width;
  style.font_size = item->shape.font_size;
  if (item->shape.kind == Kind::kNote)
    style.paper = item->shape.fill.value_or(kNotePaper);
  else
    style.fill = item->shape.fill && item->shape.fill->a > 0 ? item->shape.fill : std::nullopt;
  return style;
}

void draw_tools(Tools& tools, const CanvasView& canvas) {
  const Bar bar("board tools", [&](ImVec2 size) {
    return ImVec2(canvas.min().x + (canvas.size().x - size.x) / 2,
                  canvas.min().y + canvas.size().y - size.y - px(kEdge));
  });
  for (const ToolEntry& entry : kTools)
    if (ui::tool(entry.icon, entry.label, entry.shortcut, tools.tool() == entry.tool))
      tools.choose(entry.tool);
  ui::tool_gap();
  if (ui::tool(ui::Icon::kUndo, "Undo", "Ctrl+Z", false, tools.can_undo())) tools.undo();
  if (ui::tool(ui::Icon::kRedo, "Redo", "Ctrl+Shift+Z", false, tools.can_redo())) tools.redo();
}

void draw_papers(Tools& tools, const Concerned& concerned, const Style& shown) {
  if (concerned.note) {
    for (const Named& paper : kPapers)
      if (ui::swatch((std::string(paper.name) + " paper").c_str(), paint(paper.colour),
                     shown.paper == paper.colour))
        tools.set_paper(paper.colour);
    return;
  }
  if (ui::swatch("No fill", 0, !shown.fill)) tools.set_fill(std::nullopt);
  for (const Named& paper : kPapers)
    if (paper.colour != Colour{255, 255, 255} &&
        ui::swatch((std::string(paper.name) + " fill").c_str(), paint(paper.colour),
                   shown.fill == paper.colour))
      tools.set_fill(paper.colour);
}

void draw_widths(Tools& tools, bool of_lines, const Style& shown) {
  for (const Width& width : of_lines ? kWidths : kTextSizes) {
    const double now = of_lines ? shown.width : shown.font_size;
    if (!ui::width_dot(width.name, width.dot, now == width.units)) continue;
    if (of_lines)
      tools.set_width(width.units);
    else
      tools.set_font_size(width.units);
  }
}

void draw_styles(Tools& tools, const CanvasView& canvas, const Board& board) {
  const Concerned concerned = concerned_by(tools, board);
  if (!concerned.any()) return;
  const float above = ui::toolbar_size("board tools").y + px(kEdge + 8);
  // One name for each set of things in it, so that its size is right at once.
  const std::string id = std::string("board style ") + (concerned.line ? "l" : "") +
                         (concerned.area ? "a" : "") + (concerned.letters ? "t" : "") +
                         (concerned.note ? "n" : "");
  const Bar bar(id.c_str(), [&](ImVec2 size) {
    return ImVec2(canvas.min().x + std::max(px(4), (canvas.size().x - size.x) / 2),
                  canvas.min().y + canvas.size().y - size.y - above);
  });
  const Style shown = shown_style(tools, board);
  if (concerned.line || concerned.letters) {
    for (const Named& colour : kColours)
      if (ui::swatch(colour.name, paint(colour.colour), shown.colour == colour.colour))
        tools.set_colour(colour.colour);
    ui::tool_gap();
  }
  draw_widths(tools, concerned.line, shown);
  if (concerned.area || concerned.note) {
    ui::tool_gap();
    draw_papers(tools, concerned, shown);
  }
}

void draw_selection(Tools& tools, const CanvasView& canvas) {
  if (tools.selection().empty()) return;
  const Bar bar("board selection", [&](ImVec2) {
    return ImVec2(canvas.min().x + px(kEdge), canvas.min().y + px(kEdge));
  });
  if (ui::tool(ui::Icon::kDuplicate, "Duplicate", "Ctrl+D")) tools.duplicate();
  if (ui::tool(ui::Icon::kToFront, "To front", "]")) tools.bring_to_front();
  if (ui::tool(ui::Icon::kToBack, "To back", "[")) tools.send_to_back();
  ui::tool_gap();
  if (ui::tool(ui::Icon::kDelete, "Delete", "Del")) tools.remove_selection();
}

void zoom_tools(CanvasView& canvas, const Board& board) {
  CameraMan& camera = canvas.camera();
  if (ui::tool(ui::Icon::kMinus, "Zoom out", "-")) camera.zoom_to(camera.percent() / 1.25);
  const int percent = static_cast<int>(std::lround(camera.percent() * 100));
  if (ui::tool_text("Zoom to 100%", std::to_string(percent) + "%", px(52))) camera.zoom_to(1);
  if (ui::tool(ui::Icon::kPlus, "Zoom in", "+")) camera.zoom_to(camera.percent() * 1.25);
  if (ui::tool(ui::Icon::kFit, "Fit", "1")) camera.fit(board.bounds());
}

bool export_tool() {
  return ui::tool(ui::Icon::kExport, "Export");
}

// The menu of formats, below the button that opens it.
BarPresses draw_export(bool pressed, ImVec2 at) {
  if (pressed) ImGui::OpenPopup("board export");
  BarPresses presses;
  if (!ui::begin_popup("board export", at, px(220))) return presses;
  ui::text("Export the board", ui::TextStyle::kStrong);
  const float width = ImGui::GetContentRegionAvail().x;
  presses.export_svg = ui::button("SVG file", ui::ButtonKind::kPlain, width);
  presses.export_png = ui::button("PNG picture", ui::ButtonKind::kPlain, width);
  if (presses.export_svg || presses.export_png) ImGui::CloseCurrentPopup();
  ui::end_popup();
  return presses;
}

BarPresses draw_corners(CanvasView& canvas, const Board& board) {
  const ImVec2 min = canvas.min(), size = canvas.size();
  const bool wide = size.x >= px(kWideCanvas);
  bool pressed = false;
  {
    const Bar bar(wide ? "board export bar" : "board corner bar", [&](ImVec2 bar_size) {
      return ImVec2(min.x + size.x - bar_size.x - px(kEdge), min.y + px(kEdge));
    });
    if (!wide) {
      zoom_tools(canvas, board);
      ui::tool_gap();
    }
    pressed = export_tool();
  }
  if (wide) {
    const Bar bar("board zoom bar", [&](ImVec2 bar_size) {
      return ImVec2(min.x + size.x - bar_size.x - px(kEdge),
                    min.y + size.y - bar_size.y - px(kEdge));
    });
    zoom_tools(canvas, board);
  }
  return draw_export(pressed, {min.x + size.x - px(220 + kEdge), min.y + px(kEdge + 58)});
}

}  // namespace

BarPresses draw_bars(Tools& tools, CanvasView& canvas, const Board& board) {
  draw_tools(tools, canvas);
  draw_styles(tools, canvas, board);
  draw_selection(tools, canvas);
  return draw_corners(canvas, board);
}

}  // namespace atelier::board
