#include "core/tools.h"

#include <algorithm>
#include <numbers>
#include <utility>

#include "core/board_limits.h"
#include <atelier/json.h>

namespace atelier::board {
namespace {

constexpr double kTouchPixels = 6;         // how near a click has to be
constexpr double kEraserPixels = 8;        // radius
constexpr double kHandlePixels = 8;        // how near a handle's centre
constexpr double kSideHandlePixels = 36;   // a shorter side has no handle in its middle
constexpr double kDragPixels = 3;          // a hand that clicks moves that far
constexpr double kSelectMarginPixels = 6;  // between shapes and the frame around them
constexpr double kNoteWidth = 200, kNoteHeight = 160;
constexpr double kAngleSteps = 24;  // of a full turn, for lines with Shift

Kind kind_of(Tool tool) {
  switch (tool) {
    case Tool::kLine:
      return Kind::kLine;
    case Tool::kArrow:
      return Kind::kArrow;
    case Tool::kRectangle:
      return Kind::kRectangle;
    case Tool::kEllipse:
      return Kind::kEllipse;
    case Tool::kText:
      return Kind::kText;
    case Tool::kNote:
      return Kind::kNote;
    default:
      return Kind::kStroke;
  }
}

bool is_line(Kind kind) {
  return kind == Kind::kLine || kind == Kind::kArrow;
}

// With Shift: a square, or one of a few directions.
Vec constrained(Kind kind, Vec extent) {
  if (!is_line(kind)) {
    const double side = std::max(std::abs(extent.x), std::abs(extent.y));
    return {std::copysign(side, extent.x), std::copysign(side, extent.y)};
  }
  const double step = 2 * std::numbers::pi / kAngleSteps;
  const double angle = std::round(std::atan2(extent.y, extent.x) / step) * step;
  return Vec{std::cos(angle), std::sin(angle)} * length(extent);
}

bool moves_west(Handle handle) {
  return handle == Handle::kNorthWest || handle == Handle::kWest || handle == Handle::kSouthWest;
}
bool moves_east(Handle handle) {
  return handle == Handle::kNorthEast || handle == Handle::kEast || handle == Handle::kSouthEast;
}
bool moves_north(Handle handle) {
  return handle == Handle::kNorthWest || handle == Handle::kNorth || handle == Handle::kNorthEast;
}
bool moves_south(Handle handle) {
  return handle == Handle::kSouthWest || handle == Handle::kSouth || handle == Handle::kSouthEast;
}
bool is_corner(Handle handle) {
  return (moves_west(handle) || moves_east(handle)) && (moves_north(handle) || moves_south(handle));
}

// The box with one handle moved; `side_min` keeps it from vanishing.
Box with_handle(const Box& box, Handle handle, Vec by, bool proportional, double side_min) {
  Box out = box;
  if (moves_west(handle)) out.min.x = std::min(box.min.x + by.x, box.max.x - side_min);
  if (moves_east(handle)) out.max.x = std::max(box.max.x + by.x, box.min.x + side_min);
  if (moves_north(handle)) out.min.y = std::min(box.min.y + by.y, box.max.y - side_min);
  if (moves_south(handle)) out.max.y = std::max(box.max.y + by.y, box.min.y + side_min);
  if (!proportional || !is_corner(handle) || box.width() <= 0 || box.height() <= 0) return out;
  const double k = std::max(out.width() / box.width(), out.height() / box.height());
  const Vec size{box.width() * k, box.height() * k};
  if (moves_west(handle)) out.min.x = box.max.x - size.x;
  if (moves_east(handle)) out.max.x = box.min.x + size.x;
  if (moves_north(handle)) out.min.y = box.max.y - size.y;
  if (moves_south(handle)) out.max.y = box.min.y + size.y;
  return out;
}

// Letters keep their shape: a corner makes them larger, a side lets lines break elsewhere.
Fields text_fields(const Item& item, const Box& from, const Box& to, bool corner) {
  const Shape& shape = item.shape;
  const double kx = from.width() > 0 ? to.width() / from.width() : 1;
  const double ky = from.height() > 0 ? to.height() / from.height() : 1;
  Fields fields{{"x", number_text(to.min.x + (shape.x - from.min.x) * kx)},
                {"y", number_text(to.min.y + (shape.y - from.min.y) * ky)}};
  const double k = corner ? ky : 1;
  if (corner)
    fields.push_back(
        {"size", number_text(std::clamp(shape.font_size * k, kFontSizeMin, kWidthMax))});
  if (shape.w > 0 || (!corner && kx != 1))
    fields.push_back(
        {"w", number_text((shape.w > 0 ? shape.w : item.box.width()) * (corner ? k : kx))});
  return fields;
}

void set_fields(Shape& shape, const Fields& fields) {
  for (const Field& field : fields) {
    const double value = json::double_value(field.value).value_or(0);
    if (field.name == "x") shape.x = value;
    if (field.name == "y") shape.y = value;
    if (field.name == "w") shape.w = value;
    if (field.name == "h") shape.h = value;
    if (field.name == "size") shape.font_size = value;
  }
}

}  // namespace

Vec handle_at(const Box& box, Handle handle) {
  Vec at = box.center();
  if (moves_west(handle)) at.x = box.min.x;
  if (moves_east(handle)) at.x = box.max.x;
  if (moves_north(handle)) at.y = box.min.y;
  if (moves_south(handle)) at.y = box.max.y;
  return at;
}

std::vector<Handle> handles_of(const Box& frame, double pixel) {
  std::vector<Handle> handles;
  for (int i = 0; i < 8; ++i) {
    const auto handle = static_cast<Handle>(i);
    const bool of_side = !is_corner(handle);
    const bool upright = moves_west(handle) || moves_east(handle);
    const double side = upright ? frame.height() : frame.width();
    if (!of_side || side >= kSideHandlePixels * pixel) handles.push_back(handle);
  }
  return handles;
}

Tools::Tools(ToolWorld world) : world_(std::move(world)), jitter_(world_.seed) {}

void Tools::choose(Tool tool) {
  cancel();
  if (tool != Tool::kSelect && tool != Tool::kHand) selection_.clear();
  tool_ = tool;
}

// --- Style

Shape Tools::styled(Kind kind) const {
  Shape shape;
  shape.kind = kind;
  shape.colour = style_.colour;
  shape.width = style_.width;
  shape.font_size = style_.font_size;
  if (kind == Kind::kRectangle || kind == Kind::kEllipse) shape.fill = style_.fill;
  if (kind == Kind::kNote) {
    shape.fill = style_.paper;
    shape.colour = Shape().colour;
  }
  shape.author = world_.author;
  return shape;
}

std::string Tools::order_on_top() {
  const Item* top = world_.board->top();
  return order_after(top == nullptr ? "" : top->shape.order, jitter_);
}

void Tools::restyle_selection(const Fields& fields) {
  const Ids ids = selection_.ids();
  commit(restyle(*world_.board, ids, fields));
}

void Tools::set_colour(Colour colour) {
  style_.colour = colour;
  restyle_selection({{"colour", json::quoted(colour_text(colour))}});
}

void Tools::set_width(double width) {
  style_.width = width;
  Ids ids;
  for (const std::string& id : selection_.ids())
    if (const Item* item = world_.board->find(id);
        item && item->shape.kind != Kind::kText && item->shape.kind != Kind::kNote)
      ids.insert(id);
  commit(restyle(*world_.board, ids, {{"width", number_text(width)}}));
}

void Tools::set_font_size(double size) {
  style_.font_size = size;
  Ids ids;
  for (const std::string& id : selection_.ids())
    if (const Item* item = world_.board->find(id);
        item && (item->shape.kind == Kind::kText || item->shape.kind == Kind::kNote))
      ids.insert(id);
  commit(restyle(*world_.board, ids, {{"size", number_text(size)}}));
}

void Tools::set_fill(std::optional<Colour> fill) {
  style_.fill = fill;
  Ids ids;
  for (const std::string& id : selection_.ids())
    if (const Item* item = world_.board->find(id);
        item && (item->shape.kind == Kind::kRectangle || item->shape.kind == Kind::kEllipse))
      ids.insert(id);
  commit(restyle(*world_.board, ids,
                 {{"fill", json::quoted(fill ? colour_text(*fill) : std::string("none"))}}));
}

void Tools::set_paper(Colour paper) {
  style_.paper = paper;
  Ids ids;
  for (const std::string& id : selection_.ids())
    if (const Item* item = world_.board->find(id); item && item->shape.kind == Kind::kNote)
      ids.insert(id);
  commit(restyle(*world_.board, ids, {{"fill", json::quoted(colour_text(paper))}}));
}

// --- Writing

void Tools::commit(const Writes& writes) {
  if (writes.empty()) return;
  history_.record(*world_.board, writes);
  world_.write(writes);
}

void Tools::undo() {
  cancel();
  const Writes writes = history_.undo(*world_.board).writes;
  if (!writes.empty()) world_.write(writes);
  board_changed();
}

void Tools::redo() {
  cancel();
  const Writes writes = history_.redo(*world_.board).writes;
  if (!writes.empty()) world_.write(writes);
  board_changed();
}

void Tools::board_changed() {
  selection_.prune(*world_.board);
  if (selection_.empty() &&
      (doing_.gesture == Gesture::kMove || doing_.gesture == Gesture::kResize))
    cancel();
}

// --- The pointer

void Tools::press(const Pointer& pointer, double pixel) {
  cancel();
  doing_.from = doing_.to = pointer.at;
  switch (tool_) {
    case Tool::kHand:
      return;
    case Tool::kSelect:
      return press_select(pointer, pixel);
    case Tool::kPen:
      doing_.gesture = Gesture::kStroke;
      doing_.shape = styled(Kind::kStroke);
      doing_.id = world_.make_id();
      doing_.ink.points.push_back({pointer.at});
      return;
    case Tool::kEraser:
      doing_.gesture = Gesture::kErase;
      return drag_eraser(pointer, pixel);
    case Tool::kText:
      text_request_ = TextRequest{{}, pointer.at - Vec{0, style_.font_size * kLineHeight / 2}};
      if (const Item* item = world_.board->at(pointer.at, kTouchPixels * pixel);
          item && item->shape.kind == Kind::kText)
        text_request_ = TextRequest{item->id, {item->shape.x, item->shape.y}};
      return;
    case Tool::kNote:
      return place_note(pointer.at);
    default:
      doing_.gesture = Gesture::kShape;
      doing_.shape = styled(kind_of(tool_));
      doing_.shape->x = pointer.at.x;
      doing_.shape->y = pointer.at.y;
      doing_.id = world_.make_id();
  }
}

void Tools::press_select(const Pointer& pointer, double pixel) {
  const Item* item = world_.board->at(pointer.at, kTouchPixels * pixel);
  if (pointer.twice) {
    if (item && (item->shape.kind == Kind::kText || item->shape.kind == Kind::kNote)) {
      text_request_ = TextRequest{item->id, {item->shape.x, item->shape.y}};
      return;
    }
    if (!item && selection_.empty()) {
      text_request_ = TextRequest{{}, pointer.at - Vec{0, style_.font_size * kLineHeight / 2}};
      return;
    }
  }
  if (const auto handle = handle_under(pointer.at, pixel)) {
    doing_.gesture = Gesture::kResize;
    doing_.handle = *handle;
    doing_.before = doing_.after = selection_.box(*world_.board);
    return;
  }
  pressed_id_ = item ? item->id : "";
  const bool within =
      !selection_.empty() &&
      selection_.box(*world_.board).grown(kSelectMarginPixels * pixel).contains(pointer.at);
  if (item && pointer.shift) {
    selection_.toggle(*world_.board, item->id);
    pressed_id_.clear();
  } else if (item && !selection_.contains(item->id)) {
    selection_.set(*world_.board, {item->id});
  } else if (!item && !within) {
    if (!pointer.shift) selection_.clear();
    box_base_ = selection_.ids();
    doing_.gesture = Gesture::kBox;
    return;
  }
  doing_.gesture = Gesture::kPress;
  doing_.copies = pointer.alt;
}

void Tools::drag(const Pointer& pointer, double pixel) {
  const Vec before = doing_.to;
  if (doing_.gesture == Gesture::kErase) drag_eraser(pointer, pixel);
  doing_.to = pointer.at;
  switch (doing_.gesture) {
    case Gesture::kStroke:
      if (!(before == pointer.at)) doing_.ink.points.push_back({pointer.at});
      return;
    case Gesture::kShape:
      return drag_shape(pointer);
    case Gesture::kPress:
      if (distance(doing_.from, doing_.to) < kDragPixels * pixel) return;
      if (selection_.empty()) return cancel();
      doing_.gesture = Gesture::kMove;
      [[fallthrough]];
    case Gesture::kMove: {
      const Vec by = doing_.to - doing_.from;
      doing_.moved_by = by;
      if (pointer.shift)
        (std::abs(by.x) < std::abs(by.y) ? doing_.moved_by.x : doing_.moved_by.y) = 0;
      return;
    }
    case Gesture::kResize:
      return drag_handle(pointer, pixel);
    case Gesture::kBox:
      return drag_box(pointer);
    case Gesture::kErase:
    case Gesture::kNone:
      return;
  }
}

void Tools::drag_shape(const Pointer& pointer) {
  Shape& shape = *doing_.shape;
  Vec extent = doing_.to - doing_.from;
  if (pointer.shift) extent = constrained(shape.kind, extent);
  if (is_line(shape.kind)) {
    shape.w = extent.x;
    shape.h = extent.y;
    return;
  }
  const Box box = Box::around(doing_.from, doing_.from + extent);
  shape.x = box.min.x;
  shape.y = box.min.y;
  shape.w = box.width();
  shape.h = box.height();
}

void Tools::drag_eraser(const Pointer& pointer, double pixel) {
  Ids touched;
  for (const Item* item :
       world_.board->touching_segment(doing_.to, pointer.at, kEraserPixels * pixel))
    touched.insert(item->id);
  for (const Item* item : world_.board->with_groups(touched)) doing_.erased.insert(item->id);
}

void Tools::drag_box(const Pointer& pointer) {
  doing_.box = Box::around(doing_.from, pointer.at);
  Ids ids = box_base_;
  for (const Item* item : world_.board->touching_box(*doing_.box)) ids.insert(item->id);
  selection_.set(*world_.board, ids);
}

void Tools::drag_handle(const Pointer& pointer, double pixel) {
  doing_.after =
      with_handle(doing_.before, doing_.handle, doing_.to - doing_.from, pointer.shift, 4 * pixel);
}

void Tools::release(const Pointer& pointer, double pixel) {
  if (doing_.gesture == Gesture::kNone) return;
  if (!(pointer.at == doing_.to)) drag(pointer, pixel);
  switch (doing_.gesture) {
    case Gesture::kStroke:
      finish_stroke(pixel);
      break;
    case Gesture::kShape:
      finish_shape(pixel);
      break;
    case Gesture::kErase: {
      const Ids erased = std::exchange(doing_.erased, {});
      commit(remove(*world_.board, erased));
      selection_.prune(*world_.board);
      break;
    }
    case Gesture::kPress:
      finish_press(pointer);
      break;
    case Gesture::kMove:
      finish_move();
      break;
    case Gesture::kResize:
      if (!(doing_.after == doing_.before)) commit(resize_writes());
      break;
    case Gesture::kBox:
    case Gesture::kNone:
      break;
  }
  doing_ = {};
}

void Tools::cancel() {
  doing_ = {};
}

void Tools::finish_stroke(double pixel) {
  Shape style = *doing_.shape;
  style.created_ms = world_.now_ms();
  const std::string key = doing_.id.substr(doing_.id.find(':') + 1);
  Writes writes;
  std::string order = order_on_top();
  for (Shape& part : make_strokes(doing_.ink, 1 / pixel, style, key)) {
    part.order = order;
    writes.push_back(create(writes.empty() ? doing_.id : world_.make_id(), part));
    order = order_after(order, jitter_);
  }
  commit(writes);
}

void Tools::finish_shape(double pixel) {
  Shape shape = *doing_.shape;
  if (length(Vec{shape.w, shape.h}) < kDragPixels * pixel) return;
  shape.order = order_on_top();
  shape.created_ms = world_.now_ms();
  const std::string id = doing_.id;
  commit({create(id, shape)});
  tool_ = Tool::kSelect;
  selection_.set(*world_.board, {id});
}

// A click: of several that are selected, it leaves the one.
void Tools::finish_press(const Pointer& pointer) {
  if (pointer.shift) return;
  if (pressed_id_.empty())
    selection_.clear();
  else
    selection_.set(*world_.board, {pressed_id_});
}

void Tools::finish_move() {
  const Vec by = doing_.moved_by;
  if (!doing_.copies) return commit(move(*world_.board, selection_.ids(), by));
  const CopyTo to{by, world_.author, world_.now_ms(), world_.make_id};
  const Writes writes = board::duplicate(*world_.board, selection_.ids(), to, jitter_);
  commit(writes);
  Ids copies;
  for (const Write& write : writes) copies.insert(write.id);
  selection_.set(*world_.board, copies);
}

void Tools::place_note(Vec at) {
  Shape note = styled(Kind::kNote);
  note.x = at.x - kNoteWidth / 2;
  note.y = at.y - kNoteHeight / 2;
  note.w = kNoteWidth;
  note.h = kNoteHeight;
  note.order = order_on_top();
  note.created_ms = world_.now_ms();
  const std::string id = world_.make_id();
  commit({create(id, note)});
  tool_ = Tool::kSelect;
  selection_.set(*world_.board, {id});
  text_request_ = TextRequest{id, {note.x, note.y}};
}

// --- Resizing

std::optional<Handle> Tools::handle_under(Vec at, double pixel) const {
  if (tool_ != Tool::kSelect || selection_.empty()) return std::nullopt;
  const Box box = selection_.box(*world_.board);
  if (box.empty()) return std::nullopt;
  const Box frame = box.grown(kSelectMarginPixels * pixel);
  for (const Handle handle : handles_of(frame, pixel)) {
    const Vec off = handle_at(frame, handle) - at;
    if (std::max(std::abs(off.x), std::abs(off.y)) <= kHandlePixels * pixel) return handle;
  }
  return std::nullopt;
}

Writes Tools::resize_writes() const {
  Writes writes;
  for (const std::string& id : selection_.ids()) {
    const Item* item = world_.board->find(id);
    if (!item) continue;
    Fields fields = item->shape.kind == Kind::kText
                        ? text_fields(*item, doing_.before, doing_.after, is_corner(doing_.handle))
                        : resize_fields(item->shape, doing_.before, doing_.after);
    if (!fields.empty()) writes.push_back({Write::Kind::kEdit, id, {}, std::move(fields)});
  }
  return writes;
}

std::vector<Shape> Tools::resized() const {
  std::vector<Shape> shapes;
  if (doing_.gesture != Gesture::kResize) return shapes;
  std::vector<std::pair<const Item*, const Write*>> all;
  const Writes writes = resize_writes();
  for (const Write& write : writes) all.emplace_back(world_.board->find(write.id), &write);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first->shape.order, a.first->id) <
           std::tie(b.first->shape.order, b.first->id);
  });
  for (const auto& [item, write] : all) {
    shapes.push_back(item->shape);
    set_fields(shapes.back(), write->fields);
  }
  return shapes;
}

Ids Tools::hidden() const {
  if (doing_.gesture == Gesture::kErase) return doing_.erased;
  if (doing_.gesture == Gesture::kResize && !(doing_.after == doing_.before))
    return selection_.ids();
  if (doing_.gesture == Gesture::kMove && !doing_.copies) return selection_.ids();
  return {};
}

// --- Commands

void Tools::remove_selection() {
  cancel();
  const Ids ids = selection_.ids();
  commit(remove(*world_.board, ids));
  selection_.prune(*world_.board);
}

void Tools::duplicate() {
  cancel();
  if (selection_.empty()) return;
  doing_.moved_by = {kDuplicateOffset, kDuplicateOffset};
  doing_.copies = true;
  finish_move();
  doing_ = {};
}

void Tools::select_all() {
  choose(Tool::kSelect);
  Ids ids;
  for (const Item* item : world_.board->all()) ids.insert(item->id);
  selection_.set(*world_.board, ids);
}

void Tools::clear_selection() {
  selection_.clear();
}

void Tools::bring_to_front() {
  commit(to_front(*world_.board, selection_.ids(), jitter_));
}
void Tools::send_to_back() {
  commit(to_back(*world_.board, selection_.ids(), jitter_));
}
void Tools::bring_forward() {
  commit(forward(*world_.board, selection_.ids(), jitter_));
}
void Tools::send_backward() {
  commit(backward(*world_.board, selection_.ids(), jitter_));
}

void Tools::nudge(Vec by) {
  if (doing_.gesture == Gesture::kNone) commit(move(*world_.board, selection_.ids(), by));
}

// --- Letters

std::optional<TextRequest> Tools::take_text_request() {
  return std::exchange(text_request_, std::nullopt);
}

void Tools::finish_text(const TextRequest& request, const std::string& text) {
  const bool blank = text.find_first_not_of(" \t\n") == std::string::npos;
  if (request.id.empty()) {
    if (blank) return;
    Shape shape = styled(Kind::kText);
    shape.x = request.at.x;
    shape.y = request.at.y;
    shape.text = text;
    shape.order = order_on_top();
    shape.created_ms = world_.now_ms();
    const std::string id = world_.make_id();
    commit({create(id, shape)});
    tool_ = Tool::kSelect;
    selection_.set(*world_.board, {id});
    return;
  }
  const Item* item = world_.board->find(request.id);
  if (!item || item->shape.text == text) return;
  if (blank && item->shape.kind == Kind::kText) return commit(remove(*world_.board, {request.id}));
  commit(restyle(*world_.board, {request.id}, {{"text", json::quoted(text)}}));
}

}  // namespace atelier::board
