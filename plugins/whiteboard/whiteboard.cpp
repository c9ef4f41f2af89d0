// Whiteboard: everyone in the room draws on one infinite board.
//
// Reading order: docs/formats/whiteboard.md (what is stored), core/tools.h (what a hand means),
// core/tile_view.h (how the board gets on the screen), then this file: the documents in and out,
// and the regions of the screen one by one. All of it runs on the main thread, between two frames.
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <imgui_internal.h>  // every place of the pointer since the last frame

#include "board_keys.h"
#include "canvas_view.h"
#include "core/live.h"
#include "core/png.h"
#include "core/svg.h"
#include "core/tools.h"
#include "text_edit.h"
#include "toolbars.h"
#include <atelier/plugin.h>
#include <atelier/ui.h>
#include <atelier/ui_files.h>

namespace atelier::board {
namespace {

using ui::px;

constexpr double kWheelZoom = 1.15;            // a notch
constexpr double kWheelPixels = 60;            // a notch, when it pans
constexpr int kErasedAlpha = 70;               // of what the eraser touched and still holds
constexpr std::size_t kLiveShapesMax = 400;    // that follow the pointer; of more, their frames
constexpr std::size_t kTerminalLinesMax = 20;  // printed at once
constexpr float kHandleSide = 9, kFrameGap = 6;

ImU32 with_alpha(ImU32 colour, unsigned alpha) {
  return (colour & ~IM_COL32_A_MASK) | (static_cast<ImU32>(alpha) << IM_COL32_A_SHIFT);
}

std::string in_words(Kind kind) {
  switch (kind) {
    case Kind::kStroke:
      return "a line";
    case Kind::kLine:
      return "a straight line";
    case Kind::kArrow:
      return "an arrow";
    case Kind::kRectangle:
      return "a rectangle";
    case Kind::kEllipse:
      return "an ellipse";
    case Kind::kText:
      return "a text";
    case Kind::kNote:
      return "a note";
  }
  return "something";
}

class Whiteboard : public Plugin {
 public:
  explicit Whiteboard(Room& room)
      : room_(room),
        documents_(room.raw_collection("board", {Conflicts::kMergeFields})),
        presence_(room.presence<LiveState>("board")),
        board_(measure_letters),
        tools_(world()),
        canvas_(board_) {
    documents_->for_each([this](const RawDocument& document) {
      put(document.id, document.body);
      return true;
    });
    changes_ = documents_->on_change([this](const RawChange& change) { changed(change); });
  }

  void draw() override;
  void print(Console& console) override;

 private:
  // --- Documents in and out
  ToolWorld world();
  void write(const Writes& writes);
  void put(const std::string& id, const std::string& body);
  void changed(const RawChange& change);

  // --- The pointer
  void handle_input(bool hovered);
  void handle_pointer(bool hovered);
  void drag_to_pointer();
  bool pan(bool hovered);
  void zoom(bool hovered);
  Pointer pointer(ImVec2 at) const;
  void begin_text();
  void end_text();

  // --- The screen, from the ground up
  void draw_ground(ImDrawList& list);
  void draw_moving(ImDrawList& list);
  void draw_selection(ImDrawList& list) const;
  void draw_frame(ImDrawList& list, const Box& box) const;
  void draw_others(ImDrawList& list) const;
  void draw_cursor(ImDrawList& list, bool hovered) const;
  void draw_hints(ImDrawList& list) const;
  void draw_bars();
  void draw_file_dialog();

  // --- Others
  void hear_others();
  void show_others(bool hovered);

  Room& room_;
  std::shared_ptr<RawCollection> documents_;
  Presence<LiveState> presence_;
  Board board_;
  Tools tools_;
  CanvasView canvas_;
  TextEdit text_edit_;
  ui::FileDialog file_dialog_;
  std::string exported_;  // the bytes that wait for a file
  bool panning_ = false;
  Ids settling_;  // own changes that tiles do not show yet: painted above them until they do

  LiveStrokes live_;
  std::uint64_t heard_ = 0;  // the revision of presence_ that live_ knows
  std::string drawing_id_;   // of the stroke that others see
  LiveStroke last_stroke_;   // what they are told of it once it is over
  std::string shown_;        // the state that they see, as text

  std::vector<std::string> to_print_;
  Subscription changes_;
};

// --- Documents in and out

ToolWorld Whiteboard::world() {
  ToolWorld world;
  world.board = &board_;
  world.write = [this](const Writes& writes) { write(writes); };
  world.make_id = [this] { return documents_->make_id(); };
  world.now_ms = [] { return now_ms(); };
  world.author = room_.user().name;
  // Ids of one process do not repeat those of another.
  world.seed = std::hash<std::string>()(documents_->make_id());
  return world;
}

// On the board at once, in the room as soon as may be. What the document is then may be newer than
// what the board shows: a write changes single fields of it.
void Whiteboard::write(const Writes& writes) {
  for (const Write& write : writes) {
    const Dirty dirty = apply(board_, write);
    const Item* item = board_.find(write.id);
    if (write.kind == Write::Kind::kCreate && item)
      canvas_.tiles().added(*item);
    else
      canvas_.tiles().changed(dirty);
    const bool reorders = write.fields.size() == 1 && write.fields[0].name == "z";
    if (item && !reorders && settling_.size() < kLiveShapesMax) settling_.insert(write.id);
    if (write.kind == Write::Kind::kRemove)
      documents_->remove(write.id);
    else
      documents_->write(write.id,
                        [write](std::string_view body) { return body_after(body, write); });
  }
}

void Whiteboard::put(const std::string& id, const std::string& body) {
  const bool is_new = board_.find(id) == nullptr;
  const Dirty dirty = board_.put(id, body);
  const Item* item = board_.find(id);
  if (is_new && item)
    canvas_.tiles().added(*item);
  else
    canvas_.tiles().changed(dirty);
  if (const auto bad = board_.malformed().find(id); bad != board_.malformed().end())
    documents_->report_malformed(id, bad->second);
}

// The newest state counts, not the one that is told: own writes may have gone on since.
void Whiteboard::changed(const RawChange& change) {
  const std::string& id = change.document.id;
  const bool was_there = board_.find(id) != nullptr;
  if (const auto document = documents_->get(id))
    put(id, document->body);
  else
    canvas_.tiles().changed(board_.remove(id));
  tools_.board_changed();
  const Item* item = board_.find(id);
  if (item && !was_there && to_print_.size() < kTerminalLinesMax)
    to_print_.push_back((item->shape.author.empty() ? "Somebody" : item->shape.author) + " drew " +
                        in_words(item->shape.kind));
}

void Whiteboard::print(Console& console) {
  for (const std::string& line : std::exchange(to_print_, {})) console.print(line);
}

// --- The screen

void Whiteboard::draw() {
  to_print_.clear();
  const ImVec2 corner = ImGui::GetCursorScreenPos(), size = ImGui::GetContentRegionAvail();
  if (size.x < 1 || size.y < 1) return;
  canvas_.place(corner, size);
  ImGui::PushItemFlag(ImGuiItemFlags_NoNav, true);  // arrows and Space are the board's
  ImGui::InvisibleButton("board", size,
                         ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonMiddle);
  ImGui::PopItemFlag();
  const bool hovered = ImGui::IsItemHovered();
  handle_input(hovered);

  ImDrawList& list = *ImGui::GetWindowDrawList();
  list.PushClipRect(corner, {corner.x + size.x, corner.y + size.y}, true);
  draw_ground(list);
  draw_moving(list);
  draw_selection(list);
  draw_others(list);
  draw_hints(list);
  draw_cursor(list, hovered);
  list.PopClipRect();
  draw_bars();
  text_edit_.draw(canvas_, board_, tools_.style());
  if (text_edit_.wants_to_end()) end_text();
  draw_file_dialog();
  show_others(hovered);
}

// Paper, and what is finished.
void Whiteboard::draw_ground(ImDrawList& list) {
  Ids hidden = tools_.hidden();
  if (hidden.size() > kLiveShapesMax) hidden.clear();
  if (!text_edit_.id().empty()) hidden.insert(text_edit_.id());
  canvas_.tiles().hide(hidden);
  canvas_.draw_tiles(list);
  if (canvas_.tiles().fresh()) settling_.clear();
}

// What is not, or not yet, in the tiles.
void Whiteboard::draw_moving(ImDrawList& list) {
  hear_others();
  const Tools::Doing& doing = tools_.doing();
  canvas_.begin_live();
  for (const auto& [person, previews] : live_.previews())
    for (const auto& preview : previews)
      canvas_.live_ink(preview.ink, preview.colour, preview.width);
  const Ids hidden = tools_.hidden();
  if (hidden.size() <= kLiveShapesMax) {
    for (const std::string& id : settling_)
      if (const Item* item = board_.find(id); item && !hidden.contains(id) && id != text_edit_.id())
        canvas_.live_item(*item, {});
    if (doing.gesture == Tools::Gesture::kErase)
      for (const Item* item : board_.with_groups(doing.erased))
        canvas_.live_item(*item, {}, kErasedAlpha);
    for (const Shape& shape : tools_.resized()) canvas_.live_shape(shape);
  }
  const Ids& chosen = tools_.selection().ids();
  if (doing.gesture == Tools::Gesture::kMove && chosen.size() <= kLiveShapesMax)
    for (const Item* item : board_.with_groups(chosen)) canvas_.live_item(*item, doing.moved_by);
  if (const Item* edited = board_.find(text_edit_.id());
      edited && edited->shape.kind == Kind::kNote) {
    Shape paper = edited->shape;
    paper.text.clear();
    canvas_.live_shape(paper);
  }
  if (doing.gesture == Tools::Gesture::kStroke)
    canvas_.live_ink(doing.ink, doing.shape->colour, doing.shape->width);
  if (doing.gesture == Tools::Gesture::kShape) canvas_.live_shape(*doing.shape);
  canvas_.draw_live(list);
}

void Whiteboard::draw_selection(ImDrawList& list) const {
  const Tools::Doing& doing = tools_.doing();
  const ImU32 accent = ui::theme().accent;
  if (doing.box) {
    const ImVec2 min = canvas_.to_screen(doing.box->min), max = canvas_.to_screen(doing.box->max);
    list.AddRectFilled(min, max, with_alpha(accent, 26));
    list.AddRect(min, max, accent, 0, 0, px(1));
  }
  const Ids& chosen = tools_.selection().ids();
  if (chosen.empty()) return;
  const bool moving = doing.gesture == Tools::Gesture::kMove;
  const bool resizing = doing.gesture == Tools::Gesture::kResize;
  const Vec by = moving ? doing.moved_by : Vec{};
  if (chosen.size() > 1 && chosen.size() <= kLiveShapesMax && !resizing)
    for (const std::string& id : chosen)
      if (const Item* item = board_.find(id))
        list.AddRect(canvas_.to_screen(item->box.min + by), canvas_.to_screen(item->box.max + by),
                     with_alpha(accent, 110), 0, 0, px(1));
  Box box = resizing ? doing.after : tools_.selection().box(board_);
  box = {box.min + by, box.max + by};
  draw_frame(list, box);
}

void Whiteboard::draw_frame(ImDrawList& list, const Box& box) const {
  if (box.empty()) return;
  const Box frame = box.grown(static_cast<double>(kFrameGap) * canvas_.pixel());
  const ImVec2 min = canvas_.to_screen(frame.min), max = canvas_.to_screen(frame.max);
  const ImU32 accent = ui::theme().accent;
  list.AddRect(min, max, accent, px(2), 0, px(1.5f));
  if (tools_.doing().gesture == Tools::Gesture::kMove) return;
  const float half = px(kHandleSide) / 2;
  for (const Handle handle : handles_of(frame, canvas_.pixel())) {
    const ImVec2 at = canvas_.to_screen(handle_at(frame, handle));
    ui::draw_panel(list, {at.x - half, at.y - half}, {at.x + half, at.y + half}, IM_COL32_WHITE,
                   accent, px(2), px(1.5f));
  }
}

void Whiteboard::draw_others(ImDrawList& list) const {
  for (const auto& other : presence_.others())
    if (std::isfinite(other.state.x) && std::isfinite(other.state.y))
      ui::remote_cursor(list, canvas_.to_screen({other.state.x, other.state.y}), other.name);
}

// The pointer says what it would do.
void Whiteboard::draw_cursor(ImDrawList& list, bool hovered) const {
  if (panning_) return ImGui::SetMouseCursor(ImGuiMouseCursor_ResizeAll);
  if (!hovered) return;
  const ImVec2 at = ImGui::GetIO().MousePos;
  const bool space = ImGui::IsKeyDown(ImGuiKey_Space);
  switch (space ? Tool::kHand : tools_.tool()) {
    case Tool::kHand:
      return ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
    case Tool::kText:
      return ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
    case Tool::kSelect: {
      constexpr ImGuiMouseCursor kByHandle[] = {
          ImGuiMouseCursor_ResizeNWSE, ImGuiMouseCursor_ResizeNS, ImGuiMouseCursor_ResizeNESW,
          ImGuiMouseCursor_ResizeEW};
      if (tools_.doing().gesture == Tools::Gesture::kResize)
        return ImGui::SetMouseCursor(kByHandle[static_cast<int>(tools_.doing().handle) % 4]);
      if (const auto handle = tools_.handle_under(canvas_.to_board(at), canvas_.pixel()))
        ImGui::SetMouseCursor(kByHandle[static_cast<int>(*handle) % 4]);
      return;
    }
    case Tool::kEraser:
      ImGui::SetMouseCursor(ImGuiMouseCursor_None);
      list.AddCircle(at, px(8), IM_COL32(60, 60, 60, 255), 32, px(1.5f));
      return;
    default:
      break;
  }
  ImGui::SetMouseCursor(ImGuiMouseCursor_None);
  const float arm = px(8), gap = px(3);
  for (const ImVec2 by : {ImVec2(1, 0), ImVec2(-1, 0), ImVec2(0, 1), ImVec2(0, -1)})
    list.AddLine({at.x + by.x * gap, at.y + by.y * gap}, {at.x + by.x * arm, at.y + by.y * arm},
                 IM_COL32(60, 60, 60, 255), px(1.5f));
}

// Words on the paper itself, which is white in both themes.
void Whiteboard::draw_hints(ImDrawList& list) const {
  (void)list;
  const ImU32 strong = IM_COL32(70, 62, 55, 255), soft = IM_COL32(118, 107, 97, 255);
  const ImVec2 min = canvas_.min(), size = canvas_.size();
  const auto centred = [&](std::string_view words, ui::TextStyle style, float y, ImU32 colour) {
    const ui::TextShape shape{style, std::min(px(460), size.x - px(40)), 0};
    const ImVec2 extent = ui::measure(words, shape);
    ui::draw_text({min.x + (size.x - extent.x) / 2, y}, words, colour, shape);
  };
  if (board_.size() == 0 && !tools_.busy() && live_.previews().empty() && !text_edit_.active()) {
    const float y = min.y + size.y * 0.40f;
    centred("This board is empty", ui::TextStyle::kHeading, y, strong);
    centred("Take a pen and draw. Everyone in this room sees it at once.", ui::TextStyle::kBody,
            y + px(36), soft);
    centred("Wheel: zoom   Space + drag: move   Double click: write", ui::TextStyle::kSmall,
            y + px(64), soft);
  }
  const PresenceStatus status = room_.presence_status();
  if (status.state != PresenceState::kNone && status.state != PresenceState::kUnsupported) return;
  std::string words = "Cursors are not shown";
  if (!status.reason.empty()) words += ": " + status.reason;
  const bool bar = !tools_.selection().empty();  // it stands in that corner
  ui::draw_text({min.x + px(14), min.y + px(bar ? 72 : 12)}, words, soft,
                {ui::TextStyle::kSmall, std::max(px(60), size.x * 0.45f), 1});
}

void Whiteboard::draw_bars() {
  const BarPresses presses = board::draw_bars(tools_, canvas_, board_);
  const std::string& name = room_.title();
  if (presses.export_svg) {
    exported_ = to_svg(board_, {.title = name, .measure = measure_letters});
    file_dialog_.ask_where_to_save("Export", name + ".svg");
  }
  if (presses.export_png) {
    auto picture = to_png(board_, canvas_.painter());
    if (!picture) return ui::toast(picture.error().message, ui::Mood::kBad);
    exported_ = std::move(*picture);
    file_dialog_.ask_where_to_save("Export", name + ".png");
  }
}

void Whiteboard::draw_file_dialog() {
  const auto path = file_dialog_.draw();
  if (path) {
    const Status written = ui::write_file(*path, exported_);
    ui::toast(written ? "Exported to " + *path : written.error().message,
              written ? ui::Mood::kGood : ui::Mood::kBad);
  }
  if (!file_dialog_.is_open()) exported_ = {};
}

// --- The pointer

void Whiteboard::handle_input(bool hovered) {
  const bool popup =
      ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId | ImGuiPopupFlags_AnyPopupLevel);
  if (!text_edit_.active() && !popup && !ImGui::GetIO().WantTextInput)
    handle_keys(tools_, canvas_, board_);
  zoom(hovered);
  if (!pan(hovered)) handle_pointer(hovered);
  begin_text();
}

Pointer Whiteboard::pointer(ImVec2 at) const {
  const ImGuiIO& io = ImGui::GetIO();
  return {canvas_.to_board(at), io.KeyShift, io.KeyAlt,
          ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)};
}

void Whiteboard::handle_pointer(bool hovered) {
  const ImVec2 at = ImGui::GetIO().MousePos;
  // A click beside the field ends the typing and does no more.
  if (hovered && !text_edit_.active() && ImGui::IsMouseClicked(ImGuiMouseButton_Left))
    return tools_.press(pointer(at), canvas_.pixel());
  if (!tools_.busy()) return;
  drag_to_pointer();
  if (!ImGui::IsMouseDown(ImGuiMouseButton_Left)) tools_.release(pointer(at), canvas_.pixel());
}

// Through all places where the pointer was since the last frame.
void Whiteboard::drag_to_pointer() {
  for (const ImGuiInputEvent& event : ImGui::GetCurrentContext()->InputEventsTrail)
    if (event.Type == ImGuiInputEventType_MousePos)
      tools_.drag(pointer({event.MousePos.PosX, event.MousePos.PosY}), canvas_.pixel());
}

// Whether the pointer moves the board.
bool Whiteboard::pan(bool hovered) {
  const ImGuiIO& io = ImGui::GetIO();
  const bool by_left = tools_.tool() == Tool::kHand || ImGui::IsKeyDown(ImGuiKey_Space);
  if (hovered && (ImGui::IsMouseClicked(ImGuiMouseButton_Middle) ||
                  (by_left && ImGui::IsMouseClicked(ImGuiMouseButton_Left)))) {
    tools_.cancel();
    panning_ = true;
    return true;
  }
  if (!panning_) return false;
  const double unit = ui::pixels_per_unit();
  canvas_.camera().pan(
      {static_cast<double>(io.MouseDelta.x) * unit, static_cast<double>(io.MouseDelta.y) * unit});
  panning_ = io.MouseDown[ImGuiMouseButton_Left] || io.MouseDown[ImGuiMouseButton_Middle];
  return true;
}

void Whiteboard::zoom(bool hovered) {
  const ImGuiIO& io = ImGui::GetIO();
  if (!hovered || (io.MouseWheel == 0 && io.MouseWheelH == 0)) return;
  const double wheel = static_cast<double>(io.MouseWheel);
  const double sideways = static_cast<double>(io.MouseWheelH);
  const double notch = kWheelPixels * CanvasView::density();
  if (io.KeyShift && sideways == 0) return canvas_.camera().pan({wheel * notch, 0});
  if (io.KeyShift) return canvas_.camera().pan({sideways * notch, wheel * notch});
  if (sideways != 0) canvas_.camera().pan({sideways * notch, 0});
  if (wheel != 0)
    canvas_.camera().zoom_at(canvas_.to_pixel(io.MousePos), std::pow(kWheelZoom, wheel));
}

void Whiteboard::begin_text() {
  const auto request = tools_.take_text_request();
  if (!request) return;
  end_text();
  text_edit_.open(*request, board_);
}

void Whiteboard::end_text() {
  if (const auto done = text_edit_.finish()) tools_.finish_text(done->request, done->text);
}

// --- Others

void Whiteboard::hear_others() {
  const std::int64_t now = now_ms();
  std::vector<std::string> here;
  for (const auto& other : presence_.others()) {
    here.push_back(other.key);
    if (presence_.revision() != heard_) live_.hear(other.key, other.state, now);
  }
  heard_ = presence_.revision();
  live_.tidy(here, board_, canvas_.tiles().fresh(), now);
  if (const std::int64_t due = live_.due_ms(); due > 0)
    ui::redraw_in_ms(static_cast<int>(std::max<std::int64_t>(due - now, 1)));
}

void Whiteboard::show_others(bool hovered) {
  const bool drawing = tools_.doing().gesture == Tools::Gesture::kStroke;
  if (!hovered && !drawing) {
    if (!std::exchange(shown_, {}).empty()) presence_.clear();
    return;
  }
  LiveState state = live_state(tools_, canvas_.to_board(ImGui::GetIO().MousePos), canvas_.pixel());
  if (drawing) {
    drawing_id_ = state.stroke.id;
    last_stroke_ = {};
  } else if (!drawing_id_.empty()) {
    // Without a document it was given up: nobody should wait for it.
    last_stroke_ = board_.find(drawing_id_) ? LiveStroke() : given_up(drawing_id_);
    drawing_id_.clear();
  }
  if (!drawing) state.stroke = last_stroke_;
  std::string text = json::encode(state);
  if (text == shown_) return;
  shown_ = std::move(text);
  (void)presence_.set(state);  // the next one comes soon
}

}  // namespace
}  // namespace atelier::board

using Whiteboard = atelier::board::Whiteboard;
ATELIER_PLUGIN(Whiteboard, "whiteboard", "Whiteboard", "Draw together on one board", "0.1.0",
               "board",
               "#fdf3d8 ground;#2f6fb5 line 1.8 4 16 7 9 10 14 13 8;"
               "#c2452a rect 13.5 12.5 6.5 6 1.2;#2f9e44 disc 17 7 2.6")
